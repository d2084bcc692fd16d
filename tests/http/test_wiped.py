"""What a process keeps of its secrets: its whole memory is read while the cloud is open and once it is freed."""

import os
import pathlib
import re
import subprocess

import pytest

from clouds import IMAGE, PASSWORD, TOKEN

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(os.environ["VTCLONE_BUILD"])
NOBODY = "99999999-1111-4222-8333-444455556666"


def memory(pid):
    """Every readable and writable piece of it."""
    with open("/proc/%d/maps" % pid) as stream:
        areas = [re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line) for line in stream]
    with open("/proc/%d/mem" % pid, "rb", 0) as stream:
        for area in filter(None, areas):
            begin, end = (int(each, 16) for each in area.groups())
            stream.seek(begin)
            yield stream.read(end - begin)


def times(pid, secret):
    return sum(piece.count(secret.encode()) for piece in memory(pid))


@pytest.fixture(name="holder")
def _holder(server, tmp_path):
    program = tmp_path / "holder"
    subprocess.run(["cc", "-O1", "-D_GNU_SOURCE", "-I", ROOT / "include", "-o", program, HERE / "holder.c", "-L", BUILD,
                    "-l:libvtclone.so.1", "-lcurl", "-Wl,-rpath,%s" % BUILD], check=True)
    with subprocess.Popen([program, server.url + "/v3", IMAGE, NOBODY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(PASSWORD.encode() + b"\n")
        process.stdin.flush()
        yield process
        process.stdin.close()


@pytest.mark.skipif("asan" in str(BUILD) or "tsan" in str(BUILD), reason="the sanitizer keeps what was freed")
def test_a_cloud_that_was_freed_leaves_neither_its_password_nor_its_token(holder):
    stage = holder.stdout.readline().decode()
    assert stage.startswith("open ") and TOKEN not in stage and PASSWORD not in stage
    assert times(holder.pid, PASSWORD) > 0 and times(holder.pid, TOKEN) > 0    # the search finds what is there
    holder.stdin.write(b"\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == b"freed\n"
    assert times(holder.pid, PASSWORD) == 0
    assert times(holder.pid, TOKEN) == 0    # libcurl's own copies are wiped by the holder's allocator (SECURITY.md)
    holder.stdin.write(b"\n")
    holder.stdin.flush()
    assert holder.wait(timeout=30) == 0
