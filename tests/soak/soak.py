#!/usr/bin/python3
"""Clones and deletes for a bounded time on a scratch Ceph, and looks whether the process that clones stays as it is.

The clones are made by worker.py; this process removes them, by stock librbd, and samples the worker every few seconds:
resident memory, threads, open descriptors, sockets, and its sessions at the monitor. A third of the time is the warm-up;
after that the middle of the last samples must not be above that of the first by more than the allowance. Ends with one
count line.
"""
import argparse
import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from labkit import cluster
from labkit import procs

HERE = pathlib.Path(__file__).resolve().parent
LAB = HERE.parent.parent / "lab"
#: What may grow by how much between the first and the last third of the samples.
ALLOWANCE = {"rss_kib": 4096, "threads": 2, "descriptors": 2, "sockets": 2, "sessions": 0}


def sample(pid, state):
    folder = "/proc/%d" % pid
    with open(folder + "/status", encoding="ascii") as stream:
        status = dict(line.split(":", 1) for line in stream)
    links = []
    for fd in os.listdir(folder + "/fd"):
        try:
            links.append(os.readlink("%s/fd/%s" % (folder, fd)))
        except OSError:
            pass  # closed meanwhile
    sessions = subprocess.run([LAB / "ceph", "sessions", "--state", state, "--entity", "client.cinder"],
                              capture_output=True, text=True, check=True).stdout
    return {"rss_kib": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]),
            "descriptors": len(links), "sockets": sum(link.startswith("socket:") for link in links),
            "sessions": int(sessions)}


class Remover(threading.Thread):
    """Removes what the worker has made, so that the pool and the parent's list of children stay small."""

    def __init__(self, stream, ioctx):
        super().__init__()
        self._stream, self._ioctx = stream, ioctx
        self.removed, self.end = 0, None

    def run(self):
        import rbd
        for line in self._stream:
            if line.startswith("END"):
                self.end = [int(word) for word in line.split()[1:]]
                return
            rbd.RBD().remove(self._ioctx, line.strip())
            self.removed += 1


def lab_json(state, *argv):
    return json.loads(subprocess.run([LAB / argv[0], *argv[1:], "--state", state], capture_output=True, text=True,
                                     check=True).stdout)


def soak(args, state, rados):
    image = subprocess.run([LAB / "image", "import", "--state", state, "--mib", "64"], capture_output=True, text=True,
                           check=True).stdout.strip()
    request = {"site": lab_json(state, "site"), "image": lab_json(state, "image", "json", "--id", image)}
    samples, began = [], time.monotonic()
    with rados.open_ioctx("volumes") as ioctx, subprocess.Popen(
            [sys.executable, HERE / "worker.py", str(args.threads), str(args.per_second)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True) as worker:
        remover = Remover(worker.stdout, ioctx)
        remover.start()
        worker.stdin.write(json.dumps(request) + "\n")
        worker.stdin.flush()
        while time.monotonic() - began < args.seconds and worker.poll() is None:
            time.sleep(min(args.every, args.seconds))
            samples.append({"seconds": round(time.monotonic() - began), "removed": remover.removed,
                            **sample(worker.pid, state)})
        worker.stdin.close()
        remover.join()
        status = worker.wait()
    import rbd
    with rados.open_ioctx("volumes") as ioctx:
        left = rbd.RBD().list(ioctx)
    return samples, remover, status, left


def judge(samples, remover, status, left):
    """(name, passed, text) of each check."""
    made, failed = remover.end or (0, -1)
    yield "the worker ended well", status == 0, "status %d" % status
    yield "every clone was made", failed == 0 and made > 0, "%d made, %d failed" % (made, failed)
    yield "every clone was removed", made == remover.removed and not left, "%d removed, %d left" % (remover.removed, len(left))
    steady = samples[len(samples) // 3:]
    third = max(1, len(steady) // 3)
    for name, allowance in ALLOWANCE.items():
        first = statistics.median(s[name] for s in steady[:third])
        last = statistics.median(s[name] for s in steady[-third:])
        yield "%s stay flat" % name, last - first <= allowance, "%g, at the end %g" % (first, last)


def write(samples, folder):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "soak.csv", "w", encoding="ascii") as stream:
        rows = csv.DictWriter(stream, samples[0])
        rows.writeheader()
        rows.writerows(samples)
    plots = "".join("set title '%s'; plot '%s/soak.csv' using 1:'%s' with lines notitle\n" % (name, folder, name)
                    for name in ALLOWANCE)
    subprocess.run(["gnuplot"], input="set terminal svg size 800,1400; set output '%s/soak.svg'; "
                   "set datafile separator ','; set datafile columnheaders; set yrange [0:]\n"
                   "set multiplot layout %d,1\n%s" % (folder, len(ALLOWANCE), plots), text=True, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--every", type=float, default=5)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--per-second", type=float, default=10)
    parser.add_argument("--port", type=int, default=10000)
    parser.add_argument("--build", default="build")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vtclone-soak-") as state:
        state = procs.state_path(state)
        try:
            facts, _fresh = cluster.start(state, args.port, gib=8)
            with cluster.connect(facts) as rados:
                samples, remover, status, left = soak(args, state, rados)
        finally:
            cluster.stop(state, purge=True)
    write(samples, pathlib.Path(args.build) / "soak")
    checks = list(judge(samples, remover, status, left))
    for name, passed, text in checks:
        print("%s: %s: %s" % ("ok" if passed else "not ok", name, text))
    passed = sum(check[1] for check in checks)
    print("%d passed, %d failed, 0 skipped" % (passed, len(checks) - passed))
    return 0 if passed == len(checks) else 1


if __name__ == "__main__":
    procs.main_guard(main)
