"""One real OpenStack for all tests of this folder. VTCLONE_LIVE_PORT is the first of its ports (7900); VTCLONE_LIVE_STATE
keeps the lab and finds it again."""
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time

import pytest
from labkit import cluster, oscloud, osconf, ostack, rawimage, story

from clouds import Cloud

PORT = int(os.environ.get("VTCLONE_LIVE_PORT", "7900"))
MIB = 64
POOLS = {"ceph": "volumes", "netapp": "netapp", "powerstore": "powerstore"}


class World:
    def __init__(self, state):
        self.state = state
        self.facts = ostack.load(state)
        self.keystone = self.facts["urls"]["keystone"]
        self.admin = oscloud.login(self.facts)

        for project in ("admin", "demo", "glance"):
            self.set_quota(project, -1)

    def session(self, project):
        return oscloud.login(self.facts, project)

    def set_quota(self, project, volumes):
        """At most so many volumes; None: as many as there are."""
        path = "/os-quota-sets/" + self.session(project).project_id
        if volumes is None:
            volumes = self.admin("GET", "volumev3", path + "?usage=True")["quota_set"]["volumes"]["in_use"]
        self.admin("PUT", "volumev3", path, {"quota_set": {"volumes": volumes, "gigabytes": -1}})

    def cloud(self, project="admin", **options):
        service = "service" if project in ("glance", "cinder") else project
        members = {"username": project, "password": osconf.PASSWORD, "project_name": service, "region": "RegionOne",
                   "call_timeout_ms": 60000, "timeout_ms": 120000, **options}
        return Cloud(self.keystone, **members)

    def environment(self, project="admin", **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        return {**clean, **oscloud.environment(self.facts, project), **more}

    def command(self, arguments, project="admin", **more):
        return [[os.path.join(os.environ["VTCLONE_BUILD"], "vtclone"), *arguments], self.environment(project, **more)]

    def vtclone(self, *arguments, project="admin", **more):
        command, environment = self.command(arguments, project, **more)
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=300)

    def upload(self, session=None, **options):
        return story.upload(session or self.admin, "live", MIB, **options)

    def imports(self, image_id):
        tasks = self.admin("GET", "image", "/v2/images/%s/tasks" % image_id)["tasks"]
        return [task for task in tasks if task["type"] == "api_image_import"]

    def volumes(self):
        return self.admin("GET", "volumev3", "/volumes/detail")["volumes"]

    def checksum(self, backend, name):
        """SHA-256 of the first bytes, as many as the image has, of an rbd image."""
        import rbd
        digest = hashlib.sha256()
        with cluster.connect(cluster.load(self.facts["ceph_state"]), "client.admin") as rados:
            with rados.open_ioctx(POOLS[backend]) as ioctx, rbd.Image(ioctx, name, read_only=True) as volume:
                for at in range(0, MIB << 20, 4 << 20):
                    digest.update(volume.read(at, 4 << 20))
        return digest.hexdigest()


def resolve(world, image_id, volume_type, *more, project="admin"):
    run = world.vtclone("resolve", "--image-id", image_id, "--volume-type", volume_type, "--format", "json", *more,
                        project=project)
    return run.returncode, json.loads(run.stdout)


def wanted_checksum(seed=1):
    digest, at = hashlib.sha256(), 0
    for offset, piece in rawimage.pieces(MIB << 20, seed):
        digest.update(bytes(offset - at) + piece)
        at = offset + len(piece)
    digest.update(bytes((MIB << 20) - at))
    return digest.hexdigest()


@pytest.fixture(scope="session")
def world():
    kept = os.environ.get("VTCLONE_LIVE_STATE")
    state = os.path.realpath(kept or os.path.join(tempfile.mkdtemp(prefix="vtclone-live."), "lab"))
    os.makedirs(state, exist_ok=True)
    if not (kept and os.path.exists(os.path.join(state, ostack.FACTS)) and cluster.running(state + "/ceph")):
        facts = ostack.make_facts(state, PORT, None, False, {"cinder": [], "glance": [], "keystone": []}, [], {}, [],
                                  False)
        ostack.start(facts, {"store": "memstore", "gib": 16, "clone_v1": False}, True, lambda text: None)
    try:
        yield World(state)
    finally:
        if not kept:
            ostack.stop(state, purge=True)
            shutil.rmtree(os.path.dirname(state), ignore_errors=True)


@pytest.fixture(scope="session")
def everywhere(world):
    """An image of the admin, uploaded to the default store and copied to all by the command."""
    image_id = world.upload()
    run = world.vtclone("copy", "--image-id", image_id, "--store", "ceph", "--store", "powerstore", "--wait",
                        "--format", "json")
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result["started"] and result["complete"] and result["image_bytes"] == MIB << 20
    return image_id


@pytest.fixture
def clean_volumes(world):
    yield
    for volume in world.volumes():
        story.delete_volume(world.admin, volume["id"])
    deadline = time.monotonic() + 30
    while world.volumes() and time.monotonic() < deadline:
        time.sleep(0.2)
