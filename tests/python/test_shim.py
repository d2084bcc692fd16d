"""The shim (package vtclone) against the built library: VTCLONE_LIBRARY names it."""

import ctypes
import gc
import json
import os
import pathlib
import re
import subprocess
import sys
import threading

import pytest

import vtclone
from vtclone import _ctypes
from vtclone import errors

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = (ROOT / "include" / "vtclone.h").read_text()
FSID = "6d1f7c9e-2b4a-4c65-9d57-0d3f3c1b8a10"
IMAGE_ID = "0b3f6e0a-7d3b-4a43-8f43-55a2b7f5a001"
VOLUME_ID = "5b1f6e0a-7d3b-4a43-8f43-55a2b7f5a0aa"

SITE = {
    "stores": [{"id": "netapp", "type": "cinder", "volume_type": "netapp"},
               {"id": "ceph", "type": "rbd", "fsid": FSID, "pool": "images"}],
    "backends": [{"host": "node@ceph#ceph", "name": "ceph", "type": "rbd", "fsid": FSID, "pool": "volumes",
                  "user": "cinder", "ceph_conf": "/nonexistent/ceph.conf", "store": "ceph"},
                 {"host": "node@netapp#pool0", "name": "netapp", "type": "cinder"}],
    "volume_types": [{"name": "ceph", "extra_specs": {"volume_backend_name": "ceph"}},
                     {"name": "netapp", "extra_specs": {"volume_backend_name": "netapp"}}],
}
IMAGE = {
    "id": IMAGE_ID, "status": "active", "disk_format": "raw", "container_format": "bare", "size": 1 << 20,
    "virtual_size": 1 << 20, "min_disk": 0, "owner": "p1", "visibility": "public",
    "locations": [{"url": "cinder://netapp/" + VOLUME_ID, "metadata": {"store": "netapp"}},
                  {"url": "rbd://%s/images/%s/snap" % (FSID, IMAGE_ID), "metadata": {"store": "ceph"}}],
}
IMAGE_VOLUME = {"id": VOLUME_ID, "status": "available", "host": "node@netapp#pool0",
                "metadata": {"glance_image_id": IMAGE_ID, "image_owner": "p1"}}


@pytest.fixture
def context():
    with vtclone.Context(SITE) as made:
        yield made


def run_python(code, **environ):
    """A fresh interpreter; what it printed."""
    result = subprocess.run([sys.executable, "-c", code], env=dict(os.environ, **environ), timeout=60,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def build_library(folder, source):
    path = folder / "libother.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", str(path), "-"], input=source, text=True, check=True)
    return str(path)


# ---- the C side ----

def test_struct_mirrors_have_the_sizes_and_offsets_that_the_compiler_gives(tmp_path):
    lines, expected = [], {}
    for name, mirror in _ctypes.STRUCTS.items():
        lines.append('printf("%s %%zu\\n", sizeof(%s));' % (name, name))
        expected[name] = ctypes.sizeof(mirror)
        for field, _ in mirror._fields_:
            lines.append('printf("%s.%s %%zu %%zu\\n", offsetof(%s, %s), sizeof(((%s *)0)->%s));'
                         % (name, field, name, field, name, field))
            descriptor = getattr(mirror, field)
            expected["%s.%s" % (name, field)] = (descriptor.offset, descriptor.size)
    program = tmp_path / "offsets"
    subprocess.run(["cc", "-I", str(ROOT / "include"), "-x", "c", "-o", str(program), "-"], check=True, text=True,
                   input="#include <stdio.h>\n#include <vtclone.h>\nint main(void){%s return 0;}" % "".join(lines))
    printed = subprocess.run([str(program)], check=True, stdout=subprocess.PIPE, text=True).stdout
    found = {}
    for line in printed.splitlines():
        name, *numbers = line.split()
        found[name] = int(numbers[0]) if len(numbers) == 1 else tuple(map(int, numbers))
    assert found == expected


def test_every_member_of_a_struct_is_mirrored():
    for name, mirror in _ctypes.STRUCTS.items():
        body = re.search(r"typedef struct %s \{(.*?)\} %s;" % (name, name), HEADER, re.S).group(1)
        body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        members = re.findall(r"(\w+)(?:\[\d+\])?;", body)
        assert members == [field for field, _ in mirror._fields_], name


def test_the_table_of_signatures_holds_every_function_of_the_header():
    declared = set(re.findall(r"VTCLONE_API [^;]*?\b(vtclone_\w+)\(", HEADER))
    assert declared == set(_ctypes.SIGNATURES)


def test_version_and_abi_are_those_of_the_header():
    assert vtclone.__version__ == re.search(r'define VTCLONE_VERSION "(.*)"', HEADER).group(1)
    assert vtclone.ABI == int(re.search(r"define VTCLONE_ABI (\d+)", HEADER).group(1))
    assert vtclone.library_version() == vtclone.__version__


def test_every_code_of_the_header_has_an_exception_and_the_library_knows_its_name():
    codes = dict((int(number), name) for name, number in re.findall(r"(VTCLONE_E_\w+) = (-\d+)", HEADER))
    assert set(codes) == set(errors.known_codes())
    lib = _ctypes.library()
    for number, name in codes.items():
        assert lib.vtclone_code_name(number).decode() == name


@pytest.mark.parametrize("table, prefix", [(_ctypes.SIGNED_IMAGES, "VTCLONE_SIGNED_"),
                                           (_ctypes.OWNER_RULES, "VTCLONE_OWNER_"),
                                           (_ctypes.ENGINES, "VTCLONE_ENGINE_")])
def test_choices_have_the_numbers_of_the_header(table, prefix):
    declared = re.findall(prefix + r"(\w+) = (\d+)", HEADER)
    assert table == {name.lower(): int(number) for name, number in declared}


# ---- loading ----

def test_importing_the_package_loads_no_library():
    out = run_python("import vtclone; print('libvtclone' in open('/proc/self/maps').read())")
    assert out == "False"


def test_a_missing_library_is_one_load_error_at_first_use():
    out = run_python("""
import vtclone
for attempt in range(2):
    try:
        vtclone.Context({})
    except vtclone.LoadError as err:
        print(isinstance(err, ImportError), err.code, err)
""", VTCLONE_LIBRARY="/nonexistent/libvtclone.so.1")
    lines = out.splitlines()
    assert len(lines) == 2 and lines[0] == lines[1]
    assert lines[0].startswith("True VTCLONE_E_LOAD cannot load /nonexistent/libvtclone.so.1: ")


def test_the_library_is_loaded_by_its_soname_where_the_environment_names_none():
    code = "import vtclone\ntry:\n vtclone.library_version()\nexcept vtclone.LoadError as e:\n print(e)\nelse:\n print('ok')"
    folder = str(pathlib.Path(os.environ["VTCLONE_LIBRARY"]).parent)
    assert run_python(code, VTCLONE_LIBRARY="", LD_LIBRARY_PATH=folder) == "ok"


def test_another_abi_is_refused_with_both_numbers(tmp_path):
    other = build_library(tmp_path, "unsigned vtclone_abi(void) { return 99; }")
    out = run_python("import vtclone\ntry:\n vtclone.Context({})\nexcept vtclone.LoadError as e:\n print(e)",
                     VTCLONE_LIBRARY=other)
    assert "has ABI 99, this Python package needs %d" % vtclone.ABI in out


def test_a_library_without_one_of_the_functions_is_refused_by_its_name(tmp_path):
    other = build_library(tmp_path, "unsigned vtclone_abi(void) { return %d; }" % vtclone.ABI)
    out = run_python("import vtclone\ntry:\n vtclone.Context({})\nexcept vtclone.LoadError as e:\n print(e)",
                     VTCLONE_LIBRARY=other)
    assert re.search(r"lacks vtclone_\w+\(\)$", out)


def test_a_library_that_is_not_libvtclone_is_refused():
    out = run_python("import vtclone\ntry:\n vtclone.Context({})\nexcept vtclone.LoadError as e:\n print(e)",
                     VTCLONE_LIBRARY="libc.so.6")
    assert out == "libc.so.6 is not libvtclone: it has no vtclone_abi()"


# ---- resolving ----

def test_the_type_decides_which_location_is_chosen(context):
    decision = context.resolve(IMAGE, "ceph", size_gib=1)
    assert (decision.method, decision.reason, decision.backend) == ("rbd-clone", "OK", "node@ceph#ceph")
    assert (decision.url, decision.store, decision.location_index) == (IMAGE["locations"][1]["url"], "ceph", 1)
    assert decision and decision.unpaired is False

    decision = context.resolve(IMAGE, "netapp", project_id="p1", image_volumes=[IMAGE_VOLUME])
    assert (decision.method, decision.store, decision.location_index) == ("cinder-clone", "netapp", 0)


def test_as_dict_is_the_json_of_the_command_line(context):
    found = context.resolve(IMAGE, "ceph").as_dict()
    assert found["image_id"] == IMAGE_ID and found["volume_type"] == "ceph"
    assert found["location"] == {"index": 1, "url": IMAGE["locations"][1]["url"], "store": "ceph"}
    reasons = [candidate["reason"] for candidate in found["backends"][0]["candidates"]]
    assert reasons == ["STORE_NOT_FOR_BACKEND", "OK"]


def test_a_miss_is_a_false_decision_with_its_reason(context):
    decision = context.resolve(dict(IMAGE, disk_format="qcow2"), "ceph")
    assert not decision
    assert (decision.method, decision.reason, decision.backend, decision.url, decision.store,
            decision.location_index) == ("none", "NOT_RAW", None, None, None, None)
    assert decision.as_dict()["location"] is None


def test_a_location_of_another_image_is_reported_as_unpaired(context):
    spoofed = dict(IMAGE, locations=[{"url": "rbd://%s/images/%s/snap" % (FSID, VOLUME_ID), "metadata": {}}])
    decision = context.resolve(spoofed, "ceph")
    assert (bool(decision), decision.unpaired, decision.reason) == (False, True, "NOT_PAIRED")
    assert [(found["reason"], found["unpaired"]) for found in decision.candidates()] == [("NOT_PAIRED", True)]


STORES = [{"id": "ceph", "type": "rbd", "pool": "images"}, {"id": "array", "type": "cinder", "volume_type": "gold"}]


@pytest.mark.parametrize("backend, type_name, type_store, stores, expected", [
    ({"type": "rbd", "fsid": "f", "store": "own"}, "gold", "types", STORES, "own"),
    ({"type": "rbd", "fsid": "f"}, "gold", "types", STORES, "types"),
    ({"type": "cinder"}, "gold", None, STORES, "array"),
    ({"type": "rbd", "fsid": "f"}, "silver", None, STORES, "ceph"),
    ({"type": "rbd", "fsid": "f"}, None, None, [dict(STORES[0], fsid="g")], None),
    ({"type": "rbd", "fsid": "f"}, None, None, [STORES[0], dict(STORES[0], id="two")], None),
    ({"type": "rbd", "fsid": "f"}, None, None, [STORES[0], dict(STORES[0], id="two", fsid="f")], "two"),
    ({"type": "cinder"}, "silver", None, STORES, None)])
def test_the_store_whose_copy_would_serve(backend, type_name, type_store, stores, expected):
    specs = {"image_service:store_id": type_store} if type_store else {}
    site = {"stores": stores, "backends": [dict(backend, host="node@b#p", name="b", pool="volumes")],
            "volume_types": [{"name": type_name, "extra_specs": specs}] if type_name else []}
    elsewhere = dict(IMAGE, locations=[{"url": "file:///image", "metadata": {"store": "files"}}])
    with vtclone.Context(site) as made:
        decision = made.resolve(elsewhere, type_name)
    assert (decision.wanted_store, decision.copy_store) == (expected, expected)


@pytest.mark.parametrize("changes", [{"disk_format": "qcow2"}, {"status": "saving"}, {"locations": []}, {
    "locations": [{"url": "rbd://%s/images/%s/other" % (FSID, IMAGE_ID), "metadata": {}}]}])
def test_a_copy_mends_nothing_that_is_wrong_with_the_image(context, changes):
    decision = context.resolve(dict(IMAGE, **changes), "ceph")
    assert (decision.method, decision.wanted_store, decision.copy_store) == ("none", "ceph", None)


def test_a_hit_needs_no_copy(context):
    decision = context.resolve(IMAGE, "ceph")
    assert (decision.store, decision.wanted_store, decision.copy_store) == ("ceph", "ceph", None)


def test_candidates_tell_host_location_and_reason(context):
    decision = context.resolve(IMAGE, "ceph")
    found = decision.candidates()
    assert [(each["host"], each["index"], each["store"], each["reason"], each["unpaired"]) for each in found] == [
        ("node@ceph#ceph", 0, "netapp", "STORE_NOT_FOR_BACKEND", False), ("node@ceph#ceph", 1, "ceph", "OK", False)]
    assert [each["url"] for each in found] == [entry["url"] for entry in IMAGE["locations"]]
    assert decision.detail == found[1]["detail"]


@pytest.mark.parametrize("form", [dict, json.dumps, lambda value: json.dumps(value).encode()])
def test_documents_may_be_objects_text_or_bytes(form):
    with vtclone.Context(form(SITE)) as made:
        volumes = form({"volumes": [IMAGE_VOLUME]})
        assert made.resolve(form(IMAGE), "netapp", project_id="p1", image_volumes=volumes).reason == "OK"


def test_signed_images_are_refused_unless_allowed(context):
    signed = dict(IMAGE, img_signature="abc")
    assert context.resolve(signed, "ceph").reason == "SIGNED_IMAGE"
    assert context.resolve(signed, "ceph", signed_images="allow").reason == "OK"


def test_the_owner_rule_can_trust_pairing_instead(context):
    volumes = [dict(IMAGE_VOLUME, metadata={"glance_image_id": IMAGE_ID, "image_owner": "admin"})]
    asked = {"project_id": "p2", "image_volumes": volumes}
    assert context.resolve(IMAGE, "netapp", **asked).reason == "OWNER_MISMATCH"
    assert context.resolve(IMAGE, "netapp", owner_rule="paired", **asked).reason == "OK"


def test_a_site_tells_its_backends(context):
    assert [backend["host"] for backend in context.backends()] == ["node@ceph#ceph", "node@netapp#pool0"]
    assert context.backends()[0]["fsid"] == FSID
    assert context.backends()[1]["pool"] is None


def test_a_site_file_that_cannot_be_read_is_bad_input(tmp_path):
    with pytest.raises(vtclone.BadInput, match="cannot read the site file"):
        vtclone.Context.from_file(tmp_path / "none.json")


def test_a_wrong_type_in_a_document_names_the_path():
    with pytest.raises(vtclone.BadInput, match=r"stores\[0\]\.id") as caught:
        vtclone.Context({"stores": [{"id": 5, "type": "rbd"}]})
    assert caught.value.code == "VTCLONE_E_DOCUMENT"


@pytest.mark.parametrize("arguments, message", [
    ({"volume_type": "ce\0ph"}, "volume_type holds a NUL"), ({"volume_type": 5}, "expected a string, found int"),
    ({"volume_type": "\ud800"}, "not valid Unicode"), ({"size_gib": -1}, "not between"),
    ({"size_gib": 2 ** 63}, "not between"), ({"size_gib": 1.5}, "expected an integer, found float"),
    ({"signed_images": "maybe"}, "none of deny, allow"), ({"owner_rule": None}, "none of cinder, paired"),
    ({"image": object()}, "cannot be written as JSON"), ({"image": "{"}, "image"),
])
def test_a_wrong_argument_is_bad_input_that_says_which(context, arguments, message):
    with pytest.raises(vtclone.BadInput, match=message):
        context.resolve(**dict({"image": IMAGE, "volume_type": "ceph"}, **arguments))


@pytest.mark.parametrize("options, message", [
    ({"nonsense": 1}, "unknown option 'nonsense'"), ({"size": 1}, "unknown option"),
    ({"osd_timeout_ms": 2 ** 32}, "not between"), ({"osd_timeout_ms": "1"}, "expected an integer"),
])
def test_a_wrong_option_is_bad_input(options, message):
    with pytest.raises(vtclone.BadInput, match=message):
        vtclone.Context(SITE, **options)


# ---- lifetime ----

def test_a_decision_outlives_its_context():
    context = vtclone.Context(SITE)
    decision = context.resolve(IMAGE, "ceph")
    context.close()
    del context
    gc.collect()
    assert decision.as_dict()["backend"] == "node@ceph#ceph"


def test_a_closed_context_refuses_calls_and_closes_again(context):
    context.close()
    context.close()
    for call in (lambda: context.resolve(IMAGE, "ceph"), context.stats, context.backends):
        with pytest.raises(vtclone.BadInput, match="the context is closed"):
            call()


def test_threads_share_a_context_that_is_closed_under_them():
    context = vtclone.Context(SITE)
    outcomes, started = [], threading.Barrier(5)

    def work():
        started.wait()
        try:
            while True:
                assert context.resolve(IMAGE, "ceph").reason == "OK"
        except vtclone.BadInput as err:
            outcomes.append(str(err))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    for _ in range(200):
        context.resolve(IMAGE, "ceph")
    context.close()
    for thread in threads:
        thread.join(30)
    assert outcomes == ["the context is closed"] * 4


# ---- cloning ----

def test_a_miss_cannot_be_cloned(context):
    with pytest.raises(vtclone.Miss) as caught:
        context.clone(context.resolve(dict(IMAGE, disk_format="qcow2"), "ceph"), "volume-1", 1)
    assert caught.value.code == "VTCLONE_E_MISS"


def test_an_image_volume_is_not_cloned_here(context):
    decision = context.resolve(IMAGE, "netapp", project_id="p1", image_volumes=[IMAGE_VOLUME])
    with pytest.raises(vtclone.Unsupported):
        context.clone(decision, "volume-1", 1)


def test_a_cluster_that_cannot_be_reached_is_a_service_error_that_says_which(context):
    decision = context.resolve(IMAGE, "ceph")
    before = context.stats()
    with pytest.raises(vtclone.ServiceError, match="/nonexistent/ceph.conf") as caught:
        context.clone(decision, "volume-1", 1)
    assert caught.value.code == "VTCLONE_E_RADOS" and caught.value.errno != 0
    assert context.stats()["clone_failures"] == before["clone_failures"] + 1
    assert context.stats()["open_connections"] == 0


@pytest.mark.parametrize("arguments", [{"volume": "a\0b"}, {"size_gib": 2 ** 63}, {"size_gib": True}, {"engine": "fast"},
                                       {"timeout_ms": -1}, {"decision": None}])
def test_a_wrong_argument_of_clone_is_bad_input(context, arguments):
    good = {"decision": context.resolve(IMAGE, "ceph"), "volume": "volume-1", "size_gib": 1}
    with pytest.raises(vtclone.BadInput):
        context.clone(**dict(good, **arguments))


def test_a_context_of_the_parent_says_so_in_a_child():
    out = run_python("""
import json, os
import vtclone
site, image = json.loads(os.environ["TEST_DATA"])
context = vtclone.Context(site)
decision = context.resolve(image, "ceph")
pid = os.fork()
if pid == 0:
    try:
        context.clone(decision, "volume-1", 1)
    except vtclone.Forked as err:
        context.close()
        with vtclone.Context(site) as own:
            print(err.code, own.resolve(image, "ceph").reason, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
""", TEST_DATA=json.dumps([SITE, IMAGE]))
    assert out == "VTCLONE_E_FORKED OK"
