"""vtclone stores, copy, resolve and clone on a terminal, in a pipe, and under a signal."""
import json
import os
import pty
import resource
import signal
import subprocess
import time

import pytest

from clouds import IMAGE, NEW_VOLUME, PASSWORD, TOKEN, VOLUME, image
from scripted import Answer
from test_copy import Copying
from test_volumes import CINDER, Making, PATH


def start(server, *arguments, **options):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
    variables = {"OS_AUTH_URL": server.url + "/v3", "OS_USERNAME": "demo", "OS_PASSWORD": PASSWORD,
                 "OS_PROJECT_NAME": "demo", "OS_REGION_NAME": "one"}
    return subprocess.Popen([os.path.join(os.environ["VTCLONE_BUILD"], "vtclone"), *arguments],
                            env={**clean, **variables}, stdout=subprocess.PIPE, text=True, **options)


def test_stores_prints_a_table_of_backends_and_of_stores(vtclone):
    lines = vtclone("stores").stdout.splitlines()
    assert [line.split()[:4] for line in lines if line.startswith("node@")] == [
        ["node@netapp#pool0", "cinder", "netapp", "netapp"], ["node@ceph#ceph", "rbd", "ceph", "ceph"]]
    assert any(line.split() == ["ceph", "rbd", "pool", "images", "Glance", "stores/detail"] for line in lines)


def test_a_copy_that_takes_more_than_a_second_draws_a_bar_on_a_terminal(server):
    Copying(server, looks=8)
    leader, follower = pty.openpty()
    process = start(server, "copy", "--image-id", IMAGE, "--store", "ceph", "--wait", stderr=follower)
    os.close(follower)
    drawn = b""
    try:
        while chunk := os.read(leader, 4096):
            drawn += chunk
    except OSError:
        pass  # the other end is gone
    os.close(leader)
    assert process.wait() == 0
    text = drawn.decode()
    assert "copying the image [###############...............] 32 of 64 MiB" in text and text.endswith("\r\033[K")
    assert "copied in" in process.stdout.read()


def test_a_copy_is_quiet_in_a_pipe(server, vtclone):
    Copying(server)
    run = vtclone("copy", "--image-id", IMAGE, "--store", "ceph", "--wait", "--format", "json")
    assert run.returncode == 0 and run.stderr == ""
    result = json.loads(run.stdout)
    assert result.pop("elapsed_ms") > 0
    assert result == {"image_id": IMAGE, "stores": ["ceph"], "started": True, "complete": True, "image_bytes": 64 << 20}


def test_a_copy_without_wait_returns_when_glance_accepted_it(server, vtclone):
    Copying(server, looks=10000)
    run = vtclone("copy", "--image-id", IMAGE, "--store", "ceph")
    assert run.returncode == 0 and "Glance is copying it to ceph" in run.stdout


def test_an_interrupt_ends_the_wait_with_one_line_and_exit_status_4(server):
    Copying(server, looks=10000)
    process = start(server, "copy", "--image-id", IMAGE, "--store", "ceph", "--wait", stderr=subprocess.PIPE)
    while not server.seen("POST", PATH + "/import"):
        time.sleep(0.05)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=10)
    assert process.returncode == 4 and time.monotonic() - began < 3
    assert message.startswith("vtclone copy: copy image %s to store ceph" % IMAGE) and message.endswith("cancelled\n")


def test_an_interrupt_while_a_volume_is_made_removes_it(server):
    making = Making(server, ends="creating", delete=(400, 202))
    process = start(server, "clone", "--image-id", IMAGE, "--volume-type", "netapp", "--volume", "v", "--size", "1",
                    stderr=subprocess.PIPE)
    while not making.looks:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, message = process.communicate(timeout=20)
    assert process.returncode == 4 and "cancelled" in message and making.deleted


MANY = ["clone", "--image-id", IMAGE, "--volume-type", "netapp", "--size", "1", "--name-template", "v-{n}", "--format", "json"]


def narrow(gib):
    """Thread stacks of 1 GiB in an address space of so many: there is room for less than so many threads."""
    def limit():
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 30, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        resource.setrlimit(resource.RLIMIT_AS, (gib << 30, gib << 30))
    return limit


@pytest.mark.skipif("WRAPPER" in os.environ, reason="a checker needs more address space than the limit leaves")
@pytest.mark.parametrize("gib,made,status", [(4, 6, 0), (1, None, 4)])
def test_many_volumes_are_made_by_as_many_threads_as_can_be_started(server, gib, made, status):
    Making(server)
    process = start(server, *MANY, "--count", "6", "--concurrency", "6", stderr=subprocess.PIPE, preexec_fn=narrow(gib))
    out, message = process.communicate(timeout=60)
    assert process.returncode == status and "could be started" in message
    told = json.loads(out)
    assert told.get("made") == made
    assert 0 < told["concurrency"] < 6 if made else told["error"]["code"] == "VTCLONE_E_NOMEM"


def test_an_interrupt_of_many_lets_the_begun_ones_finish(server):
    making = Making(server)
    making.ends = "creating"
    process = start(server, *MANY, "--count", "50", "--concurrency", "2", stderr=subprocess.PIPE)
    while not making.looks:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    making.ends = "available"
    out, _ = process.communicate(timeout=20)
    told = json.loads(out)
    begun = len(server.seen("POST", CINDER + "/volumes"))
    assert process.returncode == 4 and not making.deleted and told["made"] == begun <= 3
    assert told["volumes"][-1]["error"] == {"code": "VTCLONE_E_CANCELLED", "message": "not begun: interrupted"}


def test_a_cinder_clone_prints_the_volumes_id(server, vtclone):
    Making(server)
    run = vtclone("clone", "--image-id", IMAGE, "--volume-type", "netapp", "--volume", "v", "--size", "1")
    assert run.returncode == 0 and "volume v of 1 GiB, id %s: cinder-clone" % NEW_VOLUME in run.stdout


def test_doctor_goes_on_where_keystone_is_down(server, vtclone, tmp_path):
    server.close()
    run = vtclone("doctor", "--live", "--certify", "--image-id", IMAGE, "--format", "json")
    told = json.loads(run.stdout)
    assert run.returncode == 4 and [one["code"] for one in told["findings"]] == ["SERVICE_FAILED"] * 2
    assert [line for line in told["not_checked"] if line.startswith("engines: ")]
    (tmp_path / "bad.json").write_text('{"images": [')
    run = vtclone("doctor", "--live", "--images", str(tmp_path / "bad.json"))
    assert run.returncode == 2 and run.stderr.startswith("vtclone doctor: images") and "Keystone" not in run.stderr


def test_debug_lines_name_requests_and_no_secret(server, vtclone):
    run = vtclone("resolve", "--image-id", IMAGE, "--volume-type", "netapp", VTCLONE_DEBUG="1")
    assert run.returncode == 0
    assert "GET %s%s/volumes/%s -> 200" % (server.url, CINDER, VOLUME) in run.stderr
    assert TOKEN not in run.stderr and PASSWORD not in run.stderr


def test_a_property_name_with_a_nul_does_not_become_another_property(server, vtclone):
    # Rewritten with the locations of the locations API, "disk_format\0" must not come out as disk_format.
    shown = image(disk_format="qcow2", **{"disk_format\0": "raw"})
    locations = shown.pop("locations")
    server.on("GET", "/versions", Answer(300, json_body={"versions": [{"id": "v2.17", "status": "CURRENT"}]}))
    server.on("GET", PATH, Answer(json_body=shown))
    server.on("GET", PATH + "/locations", Answer(json_body=locations))
    run = vtclone("resolve", "--image-id", IMAGE, "--volume-type", "ceph", "--format", "json")
    assert run.returncode == 3 and json.loads(run.stdout)["reason"] == "NOT_RAW"
