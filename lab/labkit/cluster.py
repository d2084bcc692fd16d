"""A scratch Ceph: one monitor, one OSD, on request one manager, all of it in one state folder.

start() makes a fresh cluster unless the one in the folder runs already.  Its
facts (fsid, ports, pools, paths) are kept in STATE/ceph.json for the other
commands.  Daemons stay in the foreground of their own sessions (procs.spawn).
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import uuid

from labkit import asok, cephconf, layout, procs
from labkit.procs import LabError

FACTS = "ceph.json"
OURS = ("mon.a", "osd.0", "mgr.x", "log", "crash", "birth.keyring", "monmap", "ceph.conf", FACTS,
        "mon.asok", "osd.asok", "mgr.asok")
ROLES = ("mon", "osd", "mgr")
PORTS = 60      # from the first on; labkit/cephconf.py has who takes which
TREE = "VTCLONE_LAB_CEPH_TREE"  # a tree of lab/tree whose Ceph the daemons are, while the clients are this machine's


_held = set()


def lock(state):
    """Hold the state folder against another start or stop; released when the process ends."""
    if state in _held:
        return
    os.makedirs(state, exist_ok=True)
    handle = os.open(os.path.join(state, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    _held.add(state)


def load(state):
    try:
        with open(os.path.join(state, FACTS), encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        raise LabError(f"{state} holds no scratch Ceph (lab/ceph start --state {state})")


def running(state):
    return {role for role in procs.find(state).values() if role in ROLES}


def start(state, port, name=None, store="memstore", clone_v1=False, mgr=False, gib=16, extra_pools=()):
    """Returns (facts, fresh); fresh is False when the cluster ran already."""
    wanted = {"state": state, "asked_port": port, "asked_name": name, "store": store,
              "clone_v1": clone_v1, "mgr": mgr, "gib": gib, "extra_pools": list(extra_pools),
              "tree": os.environ.get(TREE)}
    if len(os.path.join(state, "mon.asok")) > 100:
        raise LabError(f"{state}: too long a path for the daemons' sockets (100 bytes)")
    lock(state)
    needed = {"mon", "osd"} | ({"mgr"} if mgr else set())
    if running(state) >= needed:
        facts = load(state)
        differ = [key for key in wanted if facts.get(key) != wanted[key]]
        if differ:
            raise LabError(f"a Ceph with other settings ({', '.join(differ)}) runs in {state}; stop it first")
        return facts, False
    procs.end(state)
    _wipe(state)
    port = procs.free_ports(port, PORTS)
    facts = dict(wanted, port=port, name=name or f"vtlab{port}", fsid=str(uuid.uuid4()), conf=os.path.join(state, "ceph.conf"),
                 pools=list(layout.POOLS) + list(extra_pools),
                 users=list(layout.user_caps(extra_pools)))
    try:
        _make(facts)
    except BaseException:
        procs.end(state)
        raise
    with open(os.path.join(state, FACTS), "w", encoding="utf-8") as stream:
        json.dump(facts, stream, indent=1)
    return facts, True


def stop(state, purge=False):
    if not os.path.isdir(state):
        return
    lock(state)
    procs.end(state)
    if purge:
        _wipe(state)
        try:
            os.unlink(os.path.join(state, ".lock"))
            os.rmdir(state)
        except OSError:
            pass


def _wipe(state):
    """Remove an earlier cluster's files, and nothing that is not the lab's own."""
    for entry in os.listdir(state):
        if entry in OURS or entry.endswith(".keyring"):
            path = os.path.join(state, entry)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)


def _make(facts):
    state, conf = facts["state"], facts["conf"]
    for folder in ("log", "crash", "mon.a", "osd.0", "mgr.x"):
        os.makedirs(os.path.join(state, folder), exist_ok=True)
    cephconf.write_conf(facts)
    cephconf.write_keyrings(facts)
    monmap = os.path.join(state, "monmap")
    _run(facts, "make the monitor map", "monmaptool", "--create", "--clobber", "--fsid", facts["fsid"],
         "--set-min-mon-release", "pacific", "--addv", "a", f"[v2:127.0.0.1:{facts['port']}]", monmap)
    # both mkfs calls with --no-mon-config: the OSD's would ask the monitors, for minutes
    _run(facts, "make the monitor", "ceph-mon", "--conf", conf, "--mkfs", "-i", "a", "--fsid", facts["fsid"],
         "--monmap", monmap, "--keyring", os.path.join(state, "birth.keyring"), "--no-mon-config")
    os.unlink(os.path.join(state, "birth.keyring"))
    start_mon(facts)
    osd_uuid = str(uuid.uuid4())
    _run(facts, "make the OSD", "ceph-osd", "--conf", conf, "--mkfs", "-i", "0", "--osd-uuid", osd_uuid, "--no-mon-config")
    with connect(facts) as rados:
        command(rados, "osd new", uuid=osd_uuid, id=0)
        if facts["mgr"]:
            start_mgr(facts)
        process = _spawn(facts, "osd", "0")
        for pool in facts["pools"]:
            command(rados, "osd pool create", pool=pool)
        for pool in facts["pools"]:
            command(rados, "osd pool application enable", pool=pool, app="rbd")
        _wait_osd_up(facts, rados, 0, process)
        _wait_pools(facts, rados)


@contextlib.contextmanager
def connect(facts, user="client.admin"):
    """A connected rados handle; the import is here so that stop and status work without the packages."""
    try:
        import rados
    except ImportError:
        raise LabError("python3-rados is not installed (lab/deps ceph)")
    handle = rados.Rados(conffile=facts["conf"], name=user, clustername=facts["name"],
                         conf={"client_mount_timeout": "20", "rados_mon_op_timeout": "30",
                               "rados_osd_op_timeout": "60"})
    try:
        handle.connect(timeout=20)
    except rados.Error as error:
        raise LabError(f"connect to the Ceph in {facts['state']}: {error}")
    try:
        yield handle
    finally:
        handle.shutdown()


def command(rados, prefix, **arguments):
    status, output, message = rados.mon_command(json.dumps(dict(arguments, prefix=prefix, format="json")), b"")
    if status:
        raise LabError(f"ceph {prefix}: {message} ({status})")
    return json.loads(output) if output.strip() else None


def _up_from(rados):
    """The map epoch since which the OSD is up; 0 while it is down."""
    osd = command(rados, "osd dump")["osds"][0]
    return osd["up_from"] if osd["up"] else 0


def _wait_osd_up(facts, rados, before, process):
    """`before`: an OSD that was killed stays up in the map until its successor has told the monitor."""
    procs.wait_until(lambda: _up_from(rados) > before, "the OSD comes up", 60, process, _logs(facts, "osd"))


def _wait_pools(facts, rados):
    """A write and a removal in each pool's every placement group is more than `active` in a map: it is served."""
    for pool in facts["pools"]:
        with rados.open_ioctx(pool) as ioctx:
            for number in range(24):
                ioctx.write_full(f"lab-{number}", b"up")
                ioctx.remove_object(f"lab-{number}")


def _logs(facts, role):
    return (procs.log_path(facts["state"], role), os.path.join(facts["state"], "log", role + ".log"))


def _spawn(facts, role, ident):
    if procs.find(facts["state"], role):
        raise LabError(f"{role} runs already in {facts['state']}")
    # trixie's OSD looks for its object classes below lib/ of its working folder
    return procs.spawn(facts["state"], role, _in_tree(facts) + [
        "ceph-" + role, "--conf", facts["conf"], "--cluster", facts["name"], "-i", ident, "-f"], cwd="/")


def _run(facts, what, *argv):
    procs.run(facts["state"], _in_tree(facts) + list(argv), what)


def _in_tree(facts):
    """What goes before a command for it to be the tree's, with the state folder at the same path."""
    tree = facts.get("tree")
    if not tree:
        return []
    enter = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tree")
    return [enter, "run", tree, "--bare", "--bind", facts["state"], "--"]


def start_mon(facts):
    process = _spawn(facts, "mon", "a")

    def ready():
        try:
            return asok.ask(os.path.join(facts["state"], "mon.asok"), "mon_status")["state"] == "leader"
        except LabError:
            return False
    procs.wait_until(ready, "the monitor forms its quorum", 40, process, _logs(facts, "mon"))


def start_osd(facts):
    with connect(facts) as rados:
        before = _up_from(rados)
        _wait_osd_up(facts, rados, before, _spawn(facts, "osd", "0"))
    # a client that knows the old OSD's address only asks for a newer map after 15 s: use a new one
    with connect(facts) as rados:
        _wait_pools(facts, rados)


def start_mgr(facts):
    _spawn(facts, "mgr", "x")


def kill(facts, role, signum=signal.SIGKILL):
    if role == "osd" and signum == signal.SIGKILL and facts["store"] == "memstore":
        raise LabError("a killed memstore OSD loses its data: --signal TERM, or a lab with --store bluestore")
    state = facts["state"]
    pids = procs.signal_role(state, role, signum)
    procs.wait_until(lambda: not set(pids) & set(procs.find(state, role)), f"the {role} ends", 60)
    return pids
