"""What the tests ask of a running lab: daemons with other settings, images, volumes, what the logs and Ceph say."""

import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "lab"))

from labkit import database  # noqa: E402,F401  for the tests
from labkit import cluster, oscloud, ostack, procs, rest, story  # noqa: E402
from labkit.glue import FILTERS, write_dist_info  # noqa: E402,F401  for conftest

MANAGER = "vtclone_cinder.manager.CloneVolumeManager"
STOCK = "cinder.volume.manager.VolumeManager"
POLL = 0.25     # an answer of Cinder costs a tenth of a second of processor


@contextlib.contextmanager
def running_lab(start, prefix):
    """The state folder of a lab that start(folder) has made. It goes with the tests; VTCLONE_TEST_KEEP_LOGS is a folder for
    its logs. With VTCLONE_TEST_STATE it is that folder and the lab stays, so that the next run finds it."""
    kept = os.environ.get("VTCLONE_TEST_STATE")
    state = os.path.realpath(kept or os.path.join(tempfile.mkdtemp(prefix=prefix), "lab"))
    os.makedirs(state, exist_ok=True)
    if not (kept and os.path.exists(os.path.join(state, ostack.FACTS)) and cluster.running(state + "/ceph")):
        start(state)
    try:
        yield state
    finally:
        if not kept:
            logs = os.environ.get("VTCLONE_TEST_KEEP_LOGS")
            if logs:
                shutil.copytree(os.path.join(state, "log"), logs, dirs_exist_ok=True)
            ostack.stop(state, purge=True)
            shutil.rmtree(os.path.dirname(state), ignore_errors=True)


class World:
    """One lab and its users."""

    def __init__(self, state):
        self.state = state
        self.facts = ostack.load(state)
        self.admin, self.demo, self.other = (oscloud.login(self.facts, name) for name in ("admin", "demo", "other"))
        self.ceph = self.facts["ceph"]
        self.probe_path = os.path.join(state, "probe")

    def lift_quotas(self):
        service = oscloud.login(self.facts, "cinder")
        for session in (self.admin, self.demo, self.other, service):
            self.admin("PUT", "volumev3", "/os-quota-sets/" + session.project_id,
                       {"quota_set": {"volumes": 5000, "gigabytes": 100000}})

    # ---- daemons ----

    def settle(self, daemon, *settings):
        """The daemon with exactly these settings besides the lab's; restarted only where that is a change."""
        if self.facts["daemon_settings"].get(daemon, []) != list(settings):
            self.restart(daemon, *settings)

    def restart(self, daemon, *settings, environment=None):
        ostack.restart_daemon(self.facts, daemon, list(settings), environment or {}, True)

    def stop(self, daemon):
        ostack.stop_daemon(self.facts, daemon)

    def start(self, daemon):
        ostack.start_daemon(self.facts, daemon)

    def signal(self, role, signum, state=None):
        procs.signal_role(state or self.state, role, signum)

    def kill(self, daemon):
        ostack.stop_daemon(self.facts, daemon, signal.SIGKILL)

    def cpu_seconds(self, daemon):
        """CPU time of the daemon's living processes."""
        ticks = 0
        for pid in procs.find(self.state, daemon):
            with open("/proc/%d/stat" % pid) as stream:
                fields = stream.read().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def log(self, daemon="cinder-volume"):
        with open(os.path.join(self.state, "log", daemon + ".log"), errors="replace") as stream:
            return stream.read()

    def mark(self, daemon="cinder-volume"):
        """A place in a log, for log_since()."""
        return os.path.getsize(os.path.join(self.state, "log", daemon + ".log"))

    def log_since(self, mark, daemon="cinder-volume"):
        with open(os.path.join(self.state, "log", daemon + ".log"), "rb") as stream:
            stream.seek(mark)
            return stream.read().decode(errors="replace")

    def outcome(self, volume_id, seconds=10):
        """The one INFO line of a volume as a dictionary."""
        deadline = time.monotonic() + seconds
        while True:
            lines = [line for line in self.log().splitlines()
                     if "vtclone: volume %s of" % volume_id in line and "outcome=" in line]
            if lines or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        assert len(lines) == 1, "%d outcome lines of volume %s" % (len(lines), volume_id)
        text = lines[0].partition(": outcome=")[2]
        facts = dict(word.split("=", 1) for word in ("outcome=" + text).partition(" (")[0].split())
        facts["detail"] = text.partition(" (")[2].rstrip(")")
        return facts

    def clone_calls(self, since):
        """(begin, end) of each call of driver.clone_image since a time.time()."""
        calls = []
        for path in glob.glob(self.probe_path + ".*"):
            with open(path) as stream:
                for line in stream:
                    found = json.loads(line)
                    if "clone" in found and found["at"] >= since:
                        calls.append((found["at"] - found["clone"], found["at"]))
        return calls

    def gaps(self, begin, end):
        """The largest event-loop gap of each cinder-volume process between two times, smallest first."""
        found = []
        for path in glob.glob(self.probe_path + ".*"):
            with open(path) as stream:
                lines = [json.loads(line) for line in stream]
            seen = [line["gap"] for line in lines if "gap" in line and begin <= line["at"] <= end]
            if seen:
                found.append(max(seen))
        return sorted(found)

    # ---- images ----

    def image(self, stores=(), session=None, mib=16, visibility="public", seed=1, disk_format="raw", **properties):
        """An image in the default store, copied by the administrator to the others."""
        session = session or self.admin
        image_id = story.upload(session, "test", mib, seed, visibility=visibility, disk_format=disk_format)
        if properties:
            self.patch_image(session, image_id, [{"op": "add", "path": "/" + key, "value": value}
                                                 for key, value in properties.items()])
        if stores:
            story.copy_to(self.admin, image_id, list(stores))
        return image_id

    @staticmethod
    def patch_image(session, image_id, changes):
        return session("PATCH", "image", "/v2/images/" + image_id, json.dumps(changes).encode(),
                       {"Content-Type": "application/openstack-images-v2.1-json-patch"})

    def wait_tasks(self, image_id, seconds=60):
        """Until Glance's import of a copy is at its end: it then writes back what it had read of the image, and a change
        made between the copy's appearance and that is lost."""
        deadline = time.monotonic() + seconds
        while True:
            tasks = self.admin("GET", "image", "/v2/images/%s/tasks" % image_id)["tasks"]
            if all(task["status"] in ("success", "failure") for task in tasks):
                return
            assert time.monotonic() < deadline, "still under way: %s" % tasks
            time.sleep(POLL)

    def locations(self, image_id):
        return {entry["metadata"]["store"]: entry["url"] for entry in
                story.get_image(self.admin, image_id)["locations"]}

    @contextlib.contextmanager
    def nothing_is_made_or_downloaded(self):
        pools = ("volumes", "netapp", "powerstore")
        before, mark = {pool: self.rbd_images(pool) for pool in pools}, self.mark("glance-api")
        yield
        assert {pool: self.rbd_images(pool) for pool in pools} == before
        assert "/file" not in self.log_since(mark, "glance-api")

    # ---- volumes ----

    def volume(self, volume_type, image_id, session=None, gib=1, **more):
        body = dict({"name": "test", "size": gib, "volume_type": volume_type, "imageRef": image_id}, **more)
        return (session or self.admin)("POST", "volumev3", "/volumes", {"volume": body}, timeout=900)["volume"]["id"]

    def show(self, volume_id):
        return self.admin("GET", "volumev3", "/volumes/detail?all_tenants=1&id=" + volume_id)["volumes"][0]

    def statuses(self, volume_ids):
        """{id: status} of those that are there."""
        found = {}
        wanted = set(volume_ids)
        path = "/volumes/detail?all_tenants=1&limit=1000"
        for volume in self.admin("GET", "volumev3", path)["volumes"]:
            if volume["id"] in wanted:
                found[volume["id"]] = volume["status"]
        return found

    def wait(self, *volume_ids, seconds=120):
        """Until none is under way; {id: status}."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.statuses(volume_ids)
            if all(status in ("available", "error") for status in found.values()):
                return found
            assert time.monotonic() < deadline, "still under way: %s" % found
            time.sleep(POLL)

    def wait_for(self, volume_id, status, seconds=120):
        """Until it is in that status, or in an error; whether it is in that status."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.show(volume_id)["status"]
            if found == status or found.startswith("error"):
                return found == status
            time.sleep(POLL)
        return False

    def make(self, volume_type, image_id, expect="available", seconds=300, **more):
        volume_id = self.volume(volume_type, image_id, **more)
        assert self.wait(volume_id, seconds=seconds) == {volume_id: expect}
        return volume_id

    def delete(self, *volume_ids, seconds=120):
        for volume_id in volume_ids:
            self.admin("DELETE", "volumev3", "/volumes/" + volume_id)
        deadline = time.monotonic() + seconds
        while True:
            left = self.statuses(volume_ids)
            if not left:
                return
            assert not any(status.startswith("error") for status in left.values()), left
            assert time.monotonic() < deadline, "not deleted: %s" % left
            time.sleep(POLL)

    def volume_type(self, name, extra_specs, encryption=None, qos=None):
        """A volume type; one that is there stays."""
        have = {each["name"]: each["id"] for each in self.admin("GET", "volumev3", "/types")["volume_types"]}
        if name in have:
            return have[name]
        type_id = oscloud.create_type(self.admin, name, extra_specs)
        if encryption:
            self.admin("POST", "volumev3", "/types/%s/encryption" % type_id, {"encryption": encryption})
        if qos:
            made = self.admin("POST", "volumev3", "/qos-specs", {"qos_specs": dict(qos, name=name)})["qos_specs"]
            self.admin("GET", "volumev3", "/qos-specs/%s/associate?vol_type_id=%s" % (made["id"], type_id))
        return type_id

    # ---- Ceph ----

    def _ceph(self, program, *arguments):
        return subprocess.run([program, "--cluster", self.ceph["name"], "--conf", self.ceph["conf"], "--id", "admin",
                               *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=60).stdout

    def rbd(self, *arguments):
        return self._ceph("rbd", *arguments)

    def ceph_command(self, *arguments):
        return self._ceph("ceph", *arguments)

    def rbd_images(self, pool):
        return set(json.loads(self.rbd("ls", pool, "--format", "json")))

    def rbd_info(self, pool, volume_id):
        return json.loads(self.rbd("info", "%s/volume-%s" % (pool, volume_id), "--format", "json"))

    def parent(self, pool, volume_id):
        """"images/ID@snap" of a volume that is a clone, else None."""
        found = self.rbd_info(pool, volume_id).get("parent")
        return "%s/%s@%s" % (found["pool"], found["image"], found["snapshot"]) if found else None

    def content(self, pool, name, mib):
        """The first mib MiB of an rbd image."""
        return subprocess.run(
            "rbd --cluster %s --conf %s --id admin export %s/%s - 2>/dev/null | head -c %d" %
            (self.ceph["name"], self.ceph["conf"], pool, name, mib << 20), shell=True, check=True,
            stdout=subprocess.PIPE, timeout=120).stdout


HttpError = rest.HttpError
