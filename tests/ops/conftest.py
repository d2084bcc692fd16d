"""A scratch Ceph that the operator's commands are tried on: clone v1 at first."""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PORT = os.environ.get("VTCLONE_OPS_PORT", "9100")


class Cluster:
    def __init__(self, state):
        self.state = state
        self.conf = str(state / "ceph.conf")

    def lab(self, *args, program="ceph"):
        return subprocess.run([str(ROOT / "lab" / program)] + list(args) + ["--state", str(self.state)], check=True,
                              capture_output=True, text=True, timeout=180).stdout

    def ceph(self, *args, program="ceph"):
        return subprocess.run([program, "--conf", self.conf] + list(args), check=True, capture_output=True, text=True,
                              timeout=60).stdout

    def site(self):
        return json.loads(self.lab(program="site"))


@pytest.fixture(scope="module", name="cluster")
def _cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("ops-ceph"))
    try:
        cluster.lab("start", "--port", PORT, "--name", "opsdoctor", "--clone-v1")
        yield cluster
    finally:
        cluster.lab("stop", "--purge")
