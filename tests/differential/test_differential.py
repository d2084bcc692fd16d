"""Our readers of locations and JSON against Cinder's own functions and json.loads, on the fuzzers' corpora and on generated
inputs. Where they differ ours are stricter, and each way of differing is one of those that docs/differences.md lists."""

import json
import os
import pathlib
import random
import re
import subprocess
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests" / "properties"))

from cinder import exception  # noqa: E402
from cinder.scheduler.filters import extra_specs_ops  # noqa: E402
from cinder.volume.drivers import rbd  # noqa: E402
from cinder.volume.flows.manager import create_volume  # noqa: E402

from generate import Maker  # noqa: E402
from reference import serves  # noqa: E402
from vtclone_cinder import images  # noqa: E402

COUNT = int(os.environ.get("VTCLONE_DIFFERENTIAL", "20000"))
UUID = re.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


def ask(kind, inputs):
    """What our reader says of each input."""
    text = "".join("%s%s\n" % (kind, each.hex()) for each in inputs)
    done = subprocess.run([os.environ["VTCLONE_READER"]], input=text, stdout=subprocess.PIPE, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(inputs)
    return lines


def unhex(word):
    return None if word == "-" else bytes.fromhex(word[1:])


def corpus(name):
    return [path.read_bytes() for path in sorted((TREE / "tests" / "fuzz" / "corpus" / name).iterdir())]


def generated_urls():
    maker = Maker(20260101)
    out = [url.decode("utf-8", "surrogateescape") for url in corpus("location")]
    while len(out) < COUNT:
        site = maker.site()
        for _ in range(50):
            url = maker.url(site, maker.pick(["5d1c6e0a-1111-4222-8333-444455556666", "x", "a/b", "\u00e4"]))
            while maker.chance(0.4):
                url = maker.spoil(url) if url else url
            if maker.chance(0.1):
                url = maker.pick(["cinder://", "cinder://netapp/", "cinder://a/b/", "CINDER://", "cinder:", " cinder://"]) + maker.pick([
                    "{7b1c6e0a-1111-4222-8333-444455556660}", "7b1c6e0a111142228333444455556660", "urn:uuid:7b1c6e0a-1111-4222-8333-444455556660",
                    "7B1C6E0A-1111-4222-8333-444455556660", "7b1c6e0a-1111-4222-8333-444455556660?x", "7b1c6e0a-1111-4222-8333-444455556660#x",
                    "7b1c6e0a-1111\n-4222-8333-444455556660", "7b1c6e0a-1111-4222-8333-44445555666\u0660"])
            out.append(url)
    return out


@pytest.fixture(scope="module")
def urls():
    found = generated_urls()
    answers = []
    for line in ask("U", [url.encode("utf-8", "surrogateescape") for url in found]):
        kind, reason, *parts = line.split(" ")
        answers.append((kind, reason, [unhex(part) for part in parts]))
    return list(zip(found, answers))


def test_what_we_read_as_an_rbd_location_cinder_reads_the_same(urls):
    read = 0
    for url, (kind, reason, parts) in urls:
        if kind == "rbd" and reason == "OK":
            pieces = rbd.RBDDriver._parse_location(url)
            assert [piece.encode("utf-8", "surrogateescape") for piece in pieces] == parts[:4] or not all(map(is_utf8, parts[:4])), url
            read += 1
    assert read > COUNT / 10


def is_utf8(part):
    try:
        part.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def test_what_cinder_reads_as_an_rbd_location_and_we_do_not_is_a_bad_location_for_a_listed_cause(urls):
    stricter = 0
    for url, (kind, reason, parts) in urls:
        if reason == "OK":
            continue
        try:
            pieces = rbd.RBDDriver._parse_location(url)
        except exception.ImageUnacceptable:
            continue
        assert reason == "BAD_LOCATION", url
        assert re.search("%(?![0-9a-fA-F]{2})", url) or any("\0" in piece for piece in pieces) or any(
            len(piece) > 255 for piece in url.split("/")), url
        stricter += 1
    assert stricter > 0


def test_a_volume_that_cinder_would_take_is_the_one_we_judge_or_a_bad_location(urls):
    same = stricter = 0
    for url, (kind, reason, parts) in urls:
        try:
            taken = create_volume.CreateVolumeFromSpecTask._extract_cinder_ids([url])
        except ValueError:
            continue  # Cinder fails
        if not taken:
            continue
        if reason == "OK":
            assert kind == "cinder" and [parts[5].decode()] == taken, url
            same += 1
        else:
            assert reason == "BAD_LOCATION", (url, kind, reason)
            stricter += 1
    assert same > COUNT / 10 and stricter > 0


def test_the_glue_asks_cinder_for_every_volume_that_we_judge(urls):
    for url, (kind, reason, parts) in urls:
        if kind == "cinder" and reason == "OK":
            assert images.volume_ids([{"url": url}]) == {parts[5].decode()}, url


def test_cinder_takes_no_volume_from_what_we_read_as_another_kind(urls):
    for url, (kind, reason, parts) in urls:
        if reason == "UNKNOWN_SCHEME":
            try:
                assert not create_volume.CreateVolumeFromSpecTask._extract_cinder_ids([url]), url
            except ValueError:
                pass
            with pytest.raises(exception.ImageUnacceptable):
                rbd.RBDDriver._parse_location(url)


# ---- JSON ----

PIECES = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u0000", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\n", b"\\x", b"\\u12", b"null",
          b"true", b"NaN", b"Infinity", b"-Infinity", b"-", b"0", b"01", b"1.", b"1.5e3", b"1e400", b"-0", b"1E+2", b"\xef\xbb\xbf", b"\xff", b"\xc0\x80",
          b"\xed\xa0\x80", b"\xc3\xa4", b"\x00", b"\x01", b"\x7f", b"\n", b"\t", b" ", b"//x", b"/*x*/", b'"a"', b'"b":', b"{}", b"[]", b"'a'", b"\xf4\x90\x80\x80"]


def generated_documents():
    make = random.Random(20260102)
    out = [document for name in ("image", "site", "volumes") for document in corpus(name)]
    seeds = list(out)
    while len(out) < COUNT:
        document = bytearray(make.choice(seeds) if make.random() < 0.6 else b"".join(make.choice(PIECES) for _ in range(make.randrange(1, 8))))
        for _ in range(make.randrange(0, 3)):
            at = make.randrange(len(document) + 1)
            document[at:at + make.choice([0, 0, 1, 2, 9])] = make.choice(PIECES)
        out.append(bytes(document))
    return out


@pytest.fixture(scope="module")
def documents():
    found = generated_documents()
    return list(zip(found, ask("J", found)))


def loads(document):
    """As a service's client reads it: decoded as UTF-8, then json.loads; numbers as they are written."""
    return json.loads(document.decode("utf-8"), parse_float=lambda text: ("float", text), parse_int=lambda text: ("int", text),
                      parse_constant=lambda text: ("constant", text))


def test_what_we_read_python_reads_the_same(documents):
    read = 0
    for document, line in documents:
        if not line.startswith("refused"):
            assert line.startswith("read "), (document, line)
            assert loads(bytes.fromhex(line[5:])) == loads(document), document
            read += 1
    assert read > COUNT / 20


def test_what_python_reads_and_we_do_not_is_refused_for_a_listed_cause(documents):
    stricter = 0
    for document, line in documents:
        if not line.startswith("refused"):
            continue
        try:
            loads(document)
        except (ValueError, RecursionError):
            continue
        assert re.search(rb"NaN|Infinity", document) or re.search(rb"(?i)\\ud[89a-f]", document) or line == "refused VTCLONE_E_LIMIT", (document, line)
        stricter += 1
    assert stricter > 0


# ---- what serves a type ----

def test_a_type_is_served_by_the_backends_that_cinders_capabilities_filter_takes():
    """The reference resolver's reading of volume_backend_name, which the library's is compared with, is Cinder's."""
    make = random.Random(20260103)
    words = ["<or>", "<in>", "s==", "ceph", "netapp", "ceph2", "eph"]
    for _ in range(COUNT):
        name, spec = make.choice(["ceph", "netapp", "ceph2"]), " ".join(make.choice(words) for _ in range(make.randrange(1, 5)))
        if re.fullmatch(r"(<or> \w+)( <or> \w+)*|<in> \w+|s== \w+|\w+", spec):
            assert serves({"name": name}, {"extra_specs": {"volume_backend_name": spec}}) == extra_specs_ops.match(name, spec), spec
