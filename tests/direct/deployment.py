"""What the tests of the direct engine share: a scratch Ceph, parents in it, and images read object by object. The modules
that it imports are for the tests as well (d.time, d.re, ...)."""

import contextlib
import json
import os
import pathlib
import re  # noqa: F401 for the tests
import struct
import subprocess
import sys
import time  # noqa: F401 for the tests
import uuid

import rados
import rbd

import vtclone

ROOT = pathlib.Path(__file__).parents[2]
HERE = pathlib.Path(__file__).parent
MIB = 1 << 20
GIB = 1 << 30
TIMES = ("create_timestamp", "access_timestamp", "modify_timestamp")


def encoded(text):
    return struct.pack("<I", len(text.encode())) + text.encode()


def without_sanitizer():
    """Ceph's own programs are not what `make asan` preloads its runtime for."""
    return {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}


class Deployment:
    """One scratch Ceph, an administrator's connection to it, and the site JSON for it."""

    def __init__(self, state, port, *options):
        self.state = str(state)
        self.conf = os.path.join(self.state, "ceph.conf")
        self.lab("start", "--port", str(port), *options)
        self.name = json.loads(pathlib.Path(self.state, "ceph.json").read_text())["name"]
        self.admin = rados.Rados(conffile=self.conf, name="client.admin", clustername=self.name)
        self.admin.connect(timeout=20)
        self.contexts = {}
        self.pools = {}

    def lab(self, *args):
        return subprocess.run([str(ROOT / "lab/ceph"), *args, "--state", self.state], check=True, capture_output=True,
                              text=True, timeout=180, env=without_sanitizer()).stdout

    def end(self):
        for context in self.contexts.values():
            context.close()
        for ioctx in self.pools.values():
            ioctx.close()
        self.admin.shutdown()
        self.lab("stop", "--purge")

    def pool(self, name):
        if name not in self.pools:
            self.pools[name] = self.admin.open_ioctx(name)
        return self.pools[name]

    def ops(self):
        return int(self.lab("ops"))

    def command(self, prefix, **arguments):
        status, output, message = self.admin.mon_command(
            json.dumps(dict(arguments, prefix=prefix, format="json")), b"")
        assert status == 0, f"ceph {prefix}: {message}"
        return json.loads(output) if output.strip() else None

    def rbd(self, *args, check=True):
        return subprocess.run(["rbd", "--conf", self.conf, "--cluster", self.name, *args], check=check,
                              capture_output=True, text=True, timeout=120, env=without_sanitizer())

    # ---- sites and contexts ----

    def site(self, pool="volumes", source="images", chunk=4, conf=None):
        fsid = self.admin.get_fsid()
        return {"stores": [{"id": "ceph", "type": "rbd", "fsid": fsid, "pool": source}],
                "backends": [{"host": f"node@ceph#{pool}", "name": "ceph", "type": "rbd", "fsid": fsid, "pool": pool,
                              "user": "cinder", "ceph_conf": conf or self.conf, "cluster": self.name, "store": "ceph",
                              "chunk_size": chunk}],
                "volume_types": []}

    def configured(self, tmp_path, **options):
        """A client configuration with other options."""
        path = tmp_path / ("ceph-" + "-".join(f"{k}-{v}" for k, v in options.items()).replace("/", "_") + ".conf")
        lines = "".join(f"{key} = {value}\n" for key, value in options.items())
        path.write_text(pathlib.Path(self.conf).read_text().replace("[global]\n", "[global]\n" + lines, 1))
        return str(path)

    def context(self, **site):
        key = json.dumps(site, sort_keys=True)
        if key not in self.contexts:
            self.contexts[key] = vtclone.Context(self.site(**site))
        return self.contexts[key]

    def clone(self, parent, name, gib=1, engine="direct", timeout_ms=0, **site):
        """The clone of a parent as vtclone makes it; its report."""
        context = self.context(source=parent.pool, **site)
        decision = context.resolve(parent.image_json(self.admin.get_fsid()), None, size_gib=gib)
        assert decision.method == "rbd-clone", decision.to_json()
        return context.clone(decision, name, gib, engine=engine, timeout_ms=timeout_ms).as_dict()

    # ---- images ----

    def parent(self, size=64 * MIB, order=23, features=61, metadata=None, pool="images", stripe=(0, 0), snaps=("snap",),
               data_pool=None):
        return Parent(self, pool, size, order, features, metadata or {}, stripe, snaps, data_pool)

    def names(self, pool="volumes"):
        """Every object of a pool but what all images share."""
        shared = ("rbd_directory", "rbd_info", "rbd_trash", "rbd_children", "rbd_mirroring", "rbd_task")
        return {one.key for one in self.pool(pool).list_objects() if one.key not in shared}

    def image_id(self, name, pool="volumes"):
        with rbd.Image(self.pool(pool), name, read_only=True) as image:
            return image.id()

    def listed_id(self, name, pool="volumes"):
        """The id that the directory has for a name, or None."""
        try:
            _len, reply = self.pool(pool).execute("rbd_directory", "rbd", "dir_get_id", encoded(name))
        except rados.ObjectNotFound:
            return None
        return reply[4:].decode()

    def objects(self, name, pool="volumes"):
        """{what: (data, xattrs, omap)} of an image's objects, with its id and name and times made equal."""
        ioctx, image_id = self.pool(pool), self.image_id(name, pool)
        found = {}
        for what, oid in (("id", "rbd_id." + name), ("header", "rbd_header." + image_id),
                          ("object map", "rbd_object_map." + image_id)):
            copy = read_object(ioctx, oid)
            if copy is not None:
                found[what] = plain(copy, image_id, name)
        prefix = f"rbd_data.{image_id}."
        found["data objects"] = sorted(key[len(prefix):] for key in self.names(pool) if key.startswith(prefix))
        omap = read_object(ioctx, "rbd_directory")[2]
        found["directory"] = plain((b"", {}, {key: value for key, value in omap.items()
                                              if key in ("name_" + name, "id_" + image_id)}), image_id, name)
        return found


class Parent:
    """An image as Glance's rbd store lays it out: named by its id, with a protected snapshot `snap`."""

    def __init__(self, deployment, pool, size, order, features, metadata, stripe, snaps, data_pool):
        self.deployment, self.pool, self.size = deployment, pool, size
        self.id = str(uuid.uuid4())
        self.data = os.urandom(4096)
        options = {"data_pool": data_pool} if data_pool else {}
        ioctx = deployment.pool(pool)
        rbd.RBD().create(ioctx, self.id, size, order, old_format=False, features=features, stripe_unit=stripe[0],
                         stripe_count=stripe[1], **options)
        with rbd.Image(ioctx, self.id) as image:
            for offset in (0, size // 2, size - 4096):
                image.write(self.data, offset)
            for key, value in metadata.items():
                image.metadata_set(key, value)
            for snap in snaps:
                image.create_snap(snap)
            if "snap" in snaps:
                image.protect_snap("snap")
            self.image_id = image.id()
            self.snap_ids = {one["name"]: one["id"] for one in image.list_snaps()}

    def image_json(self, fsid):
        return {"id": self.id, "status": "active", "visibility": "public", "disk_format": "raw",
                "container_format": "bare", "size": self.size, "min_disk": 0,
                "locations": [{"url": f"rbd://{fsid}/{self.pool}/{self.id}/snap", "metadata": {"store": "ceph"}}]}

    def spec(self):
        return f"{self.pool}/{self.id}@snap"

    def children(self):
        """The ids of the children that the snapshot's entry names, read without librbd."""
        try:
            _len, reply = self.deployment.pool(self.pool).execute(
                "rbd_header." + self.image_id, "rbd", "children_list", struct.pack("<Q", self.snap_ids["snap"]), 1 << 22)
        except rados.ObjectNotFound:
            return set()
        (count,), at, ids = struct.unpack_from("<I", reply), 4, set()
        for _ in range(count):
            _version, _compat, length = struct.unpack_from("<BBI", reply, at)
            (id_length,) = struct.unpack_from("<I", reply, at + 6 + 8)
            ids.add(reply[at + 18:at + 18 + id_length].decode())
            at += 6 + length
        return ids

    def remove(self):
        with rbd.Image(self.deployment.pool(self.pool), self.id) as image:
            for snap in list(image.list_snaps()):
                if snap["name"] == "snap" and image.is_protected_snap("snap"):
                    image.unprotect_snap("snap")
                image.remove_snap(snap["name"])
        rbd.RBD().remove(self.deployment.pool(self.pool), self.id)


def read_object(ioctx, oid):
    """(data, xattrs, omap) of an object, or None."""
    try:
        size, _time = ioctx.stat(oid)
    except rados.ObjectNotFound:
        return None
    with rados.ReadOpCtx() as op:
        pairs, _status = ioctx.get_omap_vals(op, "", "", 100000)
        ioctx.operate_read_op(op, oid)
        omap = dict(pairs)
    return ioctx.read(oid, max(size, 1)), dict(ioctx.get_xattrs(oid)), omap


def plain(copy, image_id, name):
    """An object without what must differ between two images."""
    data, xattrs, omap = copy

    def without(value):
        value = value or b""  # python-rados has None for an empty value
        for text, stands in ((f"rbd_data.{image_id}", "DATA"), (image_id, "ID"), (name, "NAME")):
            value = value.replace(encoded(text), encoded(stands))
        return value
    # librbd takes the exclusive lock to grow its clone, and a released lock leaves the first; what another call has reported
    # or completed has the second
    xattrs = {key: without(value) for key, value in xattrs.items() if key not in ("lock.rbd_lock", "vtclone.adopted")}
    keys = {"name_" + name: "name_NAME", "id_" + image_id: "id_ID"}
    omap = {keys.get(key, key): len(value) if key in TIMES else without(value) for key, value in omap.items()}
    return without(data), xattrs, omap


@contextlib.contextmanager
def process(deployment, parent, name, gib=1, engine="direct", library=None, faults=None, warm=None, timeout_ms=0, **site):
    """One clone in a process of its own, which prints its outcome as JSON: a Popen."""
    job = {"site": deployment.site(source=parent.pool, **site), "image": parent.image_json(deployment.admin.get_fsid()),
           "name": name, "gib": gib, "engine": engine, "warm": warm, "timeout_ms": timeout_ms,
           "faults": {"VTCLONE_FAULT_" + key.upper(): value for key, value in (faults or {}).items()}}
    env = dict(os.environ)
    if faults is not None:
        library = os.environ["VTCLONE_FAULTS_LIBRARY"]
    if library:
        env["VTCLONE_LIBRARY"] = library
    child = subprocess.Popen([sys.executable, str(HERE / "clone_once.py")], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    try:
        child.stdin.write(json.dumps(job))
        child.stdin.close()
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()


def run(deployment, parent, name, **options):
    """Waits for such a process. (status, outcome or None): a killed process has status -9 and no outcome."""
    with process(deployment, parent, name, **options) as child:
        return finished(child)


def finished(child):
    output = child.stdout.read()
    errors = child.stderr.read()
    status = child.wait(timeout=60)
    assert status in (0, -9), errors
    return status, json.loads(output) if output.strip() else None
