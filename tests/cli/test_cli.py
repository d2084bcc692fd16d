"""The vtclone command from outside: options, output, errors and exit statuses."""
import json
import os
import subprocess

import pytest

VTCLONE = os.path.join(os.environ["VTCLONE_BUILD"], "vtclone")
IMAGE = "5d1c6e0a-1111-4222-8333-444455556666"
VOLUME = "aaaaaaaa-1111-4222-8333-444455556666"
FSID = "b0e0a4f0-0000-4000-8000-000000000001"
CEPH_URL = f"rbd://{FSID}/images/{IMAGE}/snap"

SITE = {
    "stores": [{"id": "netapp", "type": "cinder", "volume_type": "netapp"},
               {"id": "ceph", "type": "rbd", "fsid": FSID, "pool": "images"}],
    "backends": [{"host": "node@ceph#ceph", "name": "ceph", "type": "rbd", "fsid": FSID, "pool": "volumes",
                  "user": "cinder", "ceph_conf": "/nonexistent/ceph.conf", "cluster": "ceph", "store": "ceph"},
                 {"host": "node@netapp#pool0", "name": "netapp", "type": "cinder"}],
    "volume_types": [{"name": "ceph", "extra_specs": {"volume_backend_name": "ceph",
                                                      "image_service:store_id": "ceph"}},
                     {"name": "netapp", "extra_specs": {"volume_backend_name": "netapp"}}],
}


def image(**members):
    return {"id": IMAGE, "status": "active", "owner": "p1", "disk_format": "raw", "container_format": "bare",
            "size": 1 << 26, "virtual_size": None, "min_disk": 0,
            "locations": [{"url": f"cinder://netapp/{VOLUME}", "metadata": {"store": "netapp"}},
                          {"url": CEPH_URL, "metadata": {"store": "ceph"}}], **members}


@pytest.fixture
def files(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)
    return write


def run(*args, stdin=None, env=None):
    return subprocess.run([VTCLONE, *args], input=stdin, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})


def resolve(files, img, *args, site=None):
    return run("resolve", "--site", files("site.json", site or SITE), "--image", files("image.json", img), *args)


def test_resolve_prints_the_contracts_json(files):
    done = resolve(files, image(), "--volume-type", "ceph", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    wanted = {"image_id": IMAGE, "volume_type": "ceph", "method": "rbd-clone", "reason": "OK",
              "backend": "node@ceph#ceph", "location": {"index": 1, "url": CEPH_URL, "store": "ceph"}}
    assert {key: said[key] for key in wanted} == wanted
    candidates = said["backends"][0]["candidates"]
    assert [(c["index"], c["store"], c["reason"]) for c in candidates] == [
        (0, "netapp", "STORE_NOT_FOR_BACKEND"), (1, "ceph", "OK")]
    assert all(c["detail"] for c in candidates)


def test_a_miss_has_status_3_and_null_choices(files):
    done = resolve(files, image(disk_format="qcow2"), "--volume-type", "ceph", "--format", "json")
    said = json.loads(done.stdout)
    assert done.returncode == 3
    assert (said["method"], said["location"], said["backend"], said["reason"]) == ("none", None, None, "NOT_RAW")


def test_the_table_says_what_would_make_a_miss_a_hit(files):
    done = resolve(files, image(locations=image()["locations"][:1]), "--volume-type", "ceph")
    assert done.returncode == 3
    assert "miss: STORE_NOT_FOR_BACKEND" in done.stdout
    assert f"to make it a hit: vtclone copy --image-id {IMAGE} --store ceph --wait\n" in done.stdout
    assert "\033" not in done.stdout


def test_image_volumes_and_owner_rule_reach_the_resolver(files):
    volumes = files("volumes.json", {"volumes": [{
        "id": VOLUME, "status": "available", "os-vol-host-attr:host": "node@netapp#pool0",
        "metadata": {"glance_image_id": IMAGE, "image_owner": "admin"}}]})
    args = ("--volume-type", "netapp", "--image-volumes", volumes, "--project", "p2", "--format", "json")
    assert json.loads(resolve(files, image(), *args).stdout)["reason"] == "OWNER_MISMATCH"
    done = resolve(files, image(), *args, "--owner-rule", "paired")
    assert json.loads(done.stdout)["method"] == "cinder-clone"


def test_standard_input_is_read_for_a_dash(files):
    done = run("resolve", "--site", files("site.json", SITE), "--image", "-", "--volume-type", "ceph",
               stdin=json.dumps(image()))
    assert done.returncode == 0


@pytest.mark.parametrize("args, message", [
    (["resolve"], "--site FILE and --image FILE are needed"),
    (["resolve", "--site", "-", "--image", "-", "--volume-type", "a"], "only one of"),
    (["resolve", "--site", "/nonexistent", "--image", "-", "--volume-type", "a"],
     "site: open /nonexistent: No such file or directory"),
    (["resolve", "--size", "0"], "--size: 0 is not a whole number within 1 and"),
    (["resolve", "--size", "1x"], "--size: 1x is not"),
    (["resolve", "--format", "xml"], "--format: xml is neither table nor json"),
    (["resolve", "--owner-rule", "none"], "--owner-rule: none is neither cinder nor paired"),
    (["resolve", "extra"], "extra"),
    (["clone", "--volume", "v"], "--volume NAME and --size GIB are needed"),
    (["clone", "--engine", "warp"], "--engine: warp is none of auto, librbd, direct"),
    (["resolve", "--volumetype", "x"], "unrecognized option"),
    (["frobnicate"], "frobnicate is no command"),
    ([], "usage: vtclone"),
])
def test_a_wrong_call_is_told_on_standard_error_with_status_2(args, message):
    done = run(*args, stdin="{}")
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("args, message", [
    (["--size", "x"], "--size: x is not a whole number within"),
    (["--bogus"], "unrecognized option --bogus"),
    (["--bogus=s3cr3t", "x"], "unrecognized option --bogus"),
    (["-format"], "unrecognized option -format"),
    (["-x"], "unrecognized option -x"),
    (["--image-"], "ambiguous option --image-"),
    (["--help=me"], "option --help takes no value"),
    (["extra"], "unexpected argument extra"),
])
@pytest.mark.parametrize("program, command", [("vtclone", "resolve"), ("vtclone-bench", "resolve"), ("vtclone", "clone")])
def test_a_wrong_option_is_told_in_json_too_wherever_format_stands(program, command, args, message):
    for order in ([*args, "--format", "json"], ["--format=json", *args], ["--format", "table", *args, "--format", "json"]):
        done = subprocess.run([os.path.join(os.path.dirname(VTCLONE), program), command, *order], capture_output=True,
                              text=True, timeout=60)
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["code"]) == (2, "VTCLONE_E_INVALID")
        assert error["message"].startswith(message)
        assert done.stderr == f"{program} {command}: {error['message']}\n"
        assert "s3cr3t" not in done.stderr


@pytest.mark.parametrize("program", ["vtclone", "vtclone-bench"])
def test_an_argument_that_is_not_utf8_is_told_in_json_that_is(program):
    done = subprocess.run([os.path.join(os.path.dirname(VTCLONE), program), "resolve", "--format", "json", b"\xff\033"],
                          capture_output=True, timeout=60)
    message = json.loads(done.stdout.decode())["error"]["message"]
    assert done.returncode == 2 and message == "unexpected argument \\xff\\x1b"
    assert done.stderr.decode() == f"{program} resolve: {message}\n"


def test_an_option_without_its_value_is_told_in_json_too():
    done = run("resolve", "--format", "json", "--volume-type")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert json.loads(done.stdout)["error"]["message"].startswith("option --volume-type needs a value")


def test_a_value_that_reads_like_an_option_asks_for_no_json():
    done = run("resolve", "--volume-type", "--format=json", "--bogus")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "vtclone resolve: unrecognized option --bogus (--help lists the options)\n"


@pytest.mark.parametrize("site, img, message", [
    ("{", None, "site: not valid JSON at byte 1"),
    ('{"stores": [{"id": 1}]}', None, "site: stores[0].id: expected a string, found a number"),
    (None, '{"id": "a", "locations": [{"url": 7}]}', "image: locations[0].url: expected a string, found a number"),
    (None, "[" * 1000, "VTCLONE_MAX_NESTING"),
    (None, 17 << 20, "VTCLONE_MAX_DOCUMENT_BYTES"),
])
def test_a_bad_document_is_one_line_and_status_2(files, site, img, message):
    if isinstance(img, int):
        img = " " * img
    done = resolve(files, img or image(), "--volume-type", "ceph", "--format", "json", site=site)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert message in json.loads(done.stdout)["error"]["message"]


@pytest.mark.parametrize("url", [
    "rbd://a/b/c/d\033[31m", "rbd://\u202eevil/images/x/snap", "rbd://" + "%2e%2e/" * 4, "swift+https://u:s3cr3t@h/c",
])
def test_a_hostile_url_neither_breaks_the_terminal_nor_shows_a_key(files, url):
    done = resolve(files, image(locations=[{"url": url, "metadata": {}}]), "--volume-type", "ceph")
    assert done.returncode == 3
    assert "\033" not in done.stdout and "s3cr3t" not in done.stdout


@pytest.mark.parametrize("location", [
    {"url": "rbd://%s/images/x%%0a2026-01-01 00:00:00 CRITICAL fake%%1b[2J%%7f%%c2%%9b2J%%9b/snap" % FSID},
    {"url": "cinder://fake\n\033[2J/" + VOLUME},
    {"url": f"cinder://{VOLUME}", "metadata": {"store": "fake\n\x7f\x9b"}},
])
@pytest.mark.parametrize("volume_type", ["ceph", "netapp"])
def test_what_an_owner_wrote_adds_no_line_and_no_control_character(files, location, volume_type):
    plain = resolve(files, image(locations=[{"url": "cinder://plain/" + VOLUME}]), "--volume-type", volume_type)
    done = resolve(files, image(locations=[location]), "--volume-type", volume_type)
    table = done.stdout.replace("\n", "")
    assert "fake" in table and not [c for c in table if c < " " or "\x7f" <= c < "\xa0"]
    # one candidate each; only the line with a remedy is not there for every reason
    assert done.stdout.partition("BACKEND")[2].count("\n") == plain.stdout.partition("BACKEND")[2].count("\n")


def test_an_unreadable_ceph_conf_is_one_line_and_status_4(files):
    done = run("clone", "--site", files("site.json", SITE), "--image", files("image.json", image()),
               "--volume-type", "ceph", "--volume", "volume-x", "--size", "1", "--format", "json")
    assert done.returncode == 4
    assert "/nonexistent/ceph.conf" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert json.loads(done.stdout)["error"]["code"] == "VTCLONE_E_RADOS"


@pytest.mark.parametrize("name", ["a/b", "a@b", "", "a\nb", "x" * 256])
def test_a_volume_name_that_rbd_cannot_have_is_refused(files, name):
    done = run("clone", "--site", files("site.json", SITE), "--image", files("image.json", image()),
               "--volume-type", "ceph", "--volume", name, "--size", "1")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_help_and_version_go_to_standard_output():
    for args in (["--help"], ["resolve", "--help"], ["clone", "-h"], ["--version"]):
        done = run(*args)
        assert done.returncode == 0 and done.stdout and not done.stderr


@pytest.mark.parametrize("program, args, status", [
    ("vtclone", ["resolve", "--volume-type", "ceph"], 4), ("vtclone", ["resolve", "--volume-type", "none"], 4),
    ("vtclone", ["--version"], 4), ("vtclone", ["clone", "--help"], 4), ("vtclone", ["resolve", "--format", "json"], 2),
    ("vtclone-bench", ["resolve", "--volume-type", "ceph", "--count", "1"], 4), ("vtclone-bench", ["--help"], 4)])
def test_output_that_cannot_be_written_is_a_failure(files, program, args, status):
    documents = ["--site", files("site.json", SITE), "--image", files("image.json", image())] if args[0] == "resolve" else []
    with open("/dev/full", "w") as full:
        done = subprocess.run([os.path.join(os.path.dirname(VTCLONE), program), *args, *documents], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == status
    assert done.stderr.splitlines()[-1].startswith(f"{program}: write to standard output: ")
