"""`vtclone clone --count` on a real Ceph, and the progress lines of long commands on a terminal and in a pipe."""

import json
import os
import pty
import signal
import subprocess
import time

import pytest

PROGRAM = os.environ["VTCLONE_PROGRAM"]


@pytest.fixture(scope="module", name="documents")
def _documents(cluster, tmp_path_factory):
    """The options that name the site and an image on the cluster."""
    folder = tmp_path_factory.mktemp("documents")
    cluster.ceph("osd", "set-require-min-compat-client", "mimic")
    image = cluster.lab("import", "--mib", "16", program="image").strip()
    (folder / "site.json").write_text(json.dumps(cluster.site()))
    (folder / "image.json").write_text(cluster.lab("json", "--id", image, program="image"))
    return ["--site", str(folder / "site.json"), "--image", str(folder / "image.json"), "--volume-type", "ceph"]


def command(documents, *args):
    return [PROGRAM, "clone", *documents, "--size", "1", *args]


def run(documents, *args):
    return subprocess.run(command(documents, *args), capture_output=True, text=True, timeout=120, check=False)


def volumes(cluster):
    return set(cluster.ceph("--pool", "volumes", "ls", program="rbd").split())


def test_every_volume_is_made_and_named_by_the_template(cluster, documents):
    done = run(documents, "--count", "12", "--name-template", "vm-{n}-a", "--concurrency", "4", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    names = ["vm-%d-a" % number for number in range(1, 13)]
    assert [one["volume"] for one in told["volumes"]] == names and set(names) <= volumes(cluster)
    assert (told["made"], told["failed"], told["concurrency"], told["method"]) == (12, 0, 4, "rbd-clone")
    assert {one["engine"] for one in told["volumes"]} <= {"direct", "librbd"}
    assert told["location"]["store"] == "ceph"


def test_one_that_fails_does_not_keep_the_others_from_being_made(cluster, documents):
    cluster.ceph("--pool", "volumes", "create", "--size", "8", "taken-3", program="rbd")
    done = run(documents, "--count", "5", "--name-template", "taken-{n}", "--format", "json")
    told = json.loads(done.stdout)
    assert done.returncode == 2 and (told["made"], told["failed"]) == (4, 1)
    assert told["volumes"][2]["error"]["code"] == "VTCLONE_E_EXISTS"
    assert done.stderr.startswith("vtclone clone: taken-3: ") and done.stderr.count("\n") == 1
    table = run(documents, "--count", "5", "--name-template", "taken-{n}")
    assert table.stdout.startswith("4 of 5 volumes of 1 GiB made in ") and table.returncode == 2


def test_an_interrupt_lets_the_begun_ones_finish_and_tells_which_were_not_begun(cluster, documents):
    with subprocess.Popen(command(documents, "--count", "2000", "--name-template", "storm-{n}", "--concurrency", "2",
                                  "--engine", "librbd", "--format", "json"),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while "storm-2" not in volumes(cluster):
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    told = json.loads(out)
    made = {one["volume"] for one in told["volumes"] if "error" not in one}
    assert process.returncode == 4 and 2 <= told["made"] < 2000
    assert {name for name in volumes(cluster) if name.startswith("storm-")} == made
    assert told["volumes"][-1]["error"] == {"code": "VTCLONE_E_CANCELLED", "message": "not begun: interrupted"}
    assert "and %d more" % (told["failed"] - 20) in err


@pytest.mark.parametrize("args, message", [
    (["--count", "2"], "--name-template"), (["--name-template", "a-{n}"], "--count"),
    (["--count", "2", "--name-template", "a"], "has no {n}"), (["--count", "0", "--name-template", "a-{n}"], "--count: 0"),
    (["--count", "2", "--name-template", "a-{n}", "--volume", "b"], "no --volume"),
    (["--count", "2", "--name-template", "x" * 254 + "{n}{n}"], "exceed 255 bytes"),
    (["--count", "2", "--name-template", "a-{n}", "--concurrency", "5000"], "--concurrency: 5000")])
def test_wrong_options_are_refused_before_anything_is_made(cluster, documents, args, message):
    before = volumes(cluster)
    done = run(documents, *args)
    assert done.returncode == 2 and message in done.stderr and done.stdout == ""
    assert volumes(cluster) == before


def on_a_terminal(argv):
    """What it writes to standard error, where that is a terminal; its standard output is a pipe."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # EIO: nobody has the other side open any more
                break
            shown += piece
        process.stdout.read()
    os.close(ours)
    return process.returncode, shown.decode()


def test_a_storm_shows_how_far_it_is_on_a_terminal_and_nothing_in_a_pipe(documents):
    status, shown = on_a_terminal(command(documents, "--count", "150", "--name-template", "bar-{n}", "--engine", "librbd",
                                          "--concurrency", "1"))
    assert status == 0 and "of 150 volumes" in shown and "cloning [#" in shown
    assert shown.endswith("\r\033[K")
    assert run(documents, "--count", "150", "--name-template", "bar-{n}").stderr == ""


def test_a_doctor_that_waits_for_a_cluster_says_that_it_is_at_work(cluster, documents):
    cluster.lab("pause-mon")
    try:
        _status, shown = on_a_terminal([PROGRAM, "doctor", *documents[:2]])
    finally:
        cluster.lab("resume-mon")
    assert "looking: 1 s" in shown


def bench(documents, *args):
    with open(documents[1], encoding="utf-8") as site, open(documents[3], encoding="utf-8") as image:
        backend, parent = json.load(site)["backends"][0]["host"], "images/%s@snap" % json.load(image)["id"]
    return subprocess.run([PROGRAM + "-bench", "clone", *documents[:2], "--backend", backend, "--parent", parent, "--size", "1",
                           "--format", "json", *args], capture_output=True, text=True, timeout=120, check=False)


def test_the_benchmark_removes_what_it_made_and_nothing_else(cluster, documents):
    for number in range(4):
        cluster.ceph("--pool", "volumes", "create", "--size", "8", "mark-%d" % number, program="rbd")
    before = volumes(cluster)
    done = bench(documents, "--engine", "librbd", "--count", "4", "--concurrency", "2", "--prefix", "mark")
    told = json.loads(done.stdout)
    assert (done.returncode, told["failed"]) == (0, 0) and told["p99_ms"] >= told["p50_ms"] > 0
    assert volumes(cluster) == before


def test_the_benchmark_keeps_what_it_made_where_it_is_told_to(cluster, documents):
    before = volumes(cluster)
    done = bench(documents, "--engine", "auto", "--count", "2", "--concurrency", "1", "--prefix", "kept", "--keep")
    assert done.returncode == 0
    assert len(volumes(cluster) - before) == 3 and all(name.startswith("kept-") for name in volumes(cluster) - before)
