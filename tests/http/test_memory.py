"""Every allocation of the library fails once: the command ends with a line and a status, or did without it."""
import os
import pathlib
import subprocess

import pytest

from clouds import IMAGE, PASSWORD
from test_copy import Copying
from test_volumes import Making

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def preload(tmp_path_factory):
    library = tmp_path_factory.mktemp("preload") / "fail_alloc.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "fail_alloc.c", "-ldl"], check=True)
    return library


def run(server, preload, fail_at, *arguments):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
    return subprocess.run(
        ["/bin/sh", "-c", 'LD_PRELOAD=$0 exec "$@" 3>"$COUNT"', str(preload),
         os.path.join(os.environ["VTCLONE_BUILD"], "vtclone"), *arguments],
        env={**clean, "OS_AUTH_URL": server.url, "OS_USERNAME": "demo", "OS_PASSWORD": PASSWORD, "FAIL_AT": str(fail_at),
             "OS_PROJECT_NAME": "demo", "OS_REGION_NAME": "one", "COUNT": str(preload) + ".count"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


def copying(server):
    Copying(server, looks=1)


@pytest.mark.skipif("asan" in os.environ["VTCLONE_BUILD"] or "tsan" in os.environ["VTCLONE_BUILD"],
                    reason="the sanitizer has an allocator of its own")
@pytest.mark.parametrize("prepare,arguments", [
    (None, ["stores"]),
    (None, ["resolve", "--image-id", IMAGE, "--volume-type", "netapp", "--format", "json"]),
    (copying, ["copy", "--image-id", IMAGE, "--store", "ceph", "--wait"]),
    (Making, ["clone", "--image-id", IMAGE, "--volume-type", "netapp", "--volume", "v", "--size", "1"])])
def test_no_failing_allocation_crashes_or_is_silent(server, preload, prepare, arguments):
    def once(fail_at):
        if prepare:
            prepare(server)
        return run(server, preload, fail_at, *arguments)
    assert once(1000000).returncode == 0
    count = int(pathlib.Path(str(preload) + ".count").read_text())
    assert count > 20
    for fail_at in range(1, count + 1):
        result = once(fail_at)
        assert result.returncode in (0, 4), (fail_at, result.returncode, result.stderr)
        if result.returncode == 4:
            assert len(result.stderr.splitlines()) == 1 and PASSWORD not in result.stderr, (fail_at, result.stderr)
            assert "memory" in result.stderr or "limit" in result.stderr.lower(), (fail_at, result.stderr)
