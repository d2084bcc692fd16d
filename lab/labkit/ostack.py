"""Keystone, Glance and Cinder of one lab, with MariaDB, RabbitMQ and a scratch Ceph under them.

start() makes everything fresh, in parallel where it can.  The facts it needs
again (ports, overrides) are in STATE/openstack.json.  Debian's packages carry
no daemon programs: STATE/bin gets three lines of Python for each.
"""

import concurrent.futures
import glob
import json
import os
import shutil
import signal
import sys

from labkit import arrays, cluster, database, osconf, oscloud, procs, rabbit
from labkit.procs import LabError
from labkit.rest import HttpError

FACTS = "openstack.json"
HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
PORTS = {"keystone": 100, "glance": 101, "cinder": 102, "rabbit": 103, "rabbit_dist": 104, "epmd": 105}
SPARE_PORT = 106    # for a second glance-api
ARRAYS_PORT = 110
BLOCK = 120         # ports of a lab: its Ceph's, the services', the arrays'
OURS = ("arrays", "bin", "etc", "lock", "mnt", "tmp", "home", "log", "keys", "cinder", "glance", "db", "rabbit", FACTS)
PROGRAMS = {
    "keystone-manage": "keystone.cmd.manage", "glance-manage": "glance.cmd.manage",
    "cinder-manage": "cinder.cmd.manage", "glance-api": "glance.cmd.api", "cinder-api": "cinder.cmd.api",
    "cinder-scheduler": "cinder.cmd.scheduler", "cinder-volume": "cinder.cmd.volume",
}
DAEMONS = ("keystone", "glance-api") + osconf.CINDER_DAEMONS
ATTACHING = ("glance-api", "cinder-volume")     # daemons that open volumes
ETC_CEPH = "/etc/ceph"


def load(state):
    try:
        with open(os.path.join(state, FACTS), encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        raise LabError(f"{state} holds no OpenStack (lab/openstack start --state {state})")


def save(facts):
    path = os.path.join(facts["state"], FACTS)
    osconf.write_text(path + ".new", json.dumps(facts, indent=1))
    os.rename(path + ".new", path)


def make_facts(state, port, ceph_state, vtclone, settings, extra_backends, environment, python_path, debug,
               netapp_protocol=None, netapp_client="zapi"):
    if ceph_state == state:
        raise LabError("OpenStack needs a state folder of its own beside the Ceph's")
    facts = {"state": state,
             "own_ceph": not ceph_state, "ceph_state": ceph_state or os.path.join(state, "ceph"),
             "vtclone": vtclone, "settings": settings, "daemon_settings": {}, "extra_backends": extra_backends,
             "environment": environment, "daemon_environment": {}, "python_path": python_path, "debug": debug,
             "netapp_protocol": netapp_protocol, "netapp_client": netapp_client}
    _place(facts, port)
    return facts


def url(port, service):
    """Of keystone, glance or cinder in the lab whose first port it is."""
    return f"http://127.0.0.1:{port + PORTS[service]}"


def _place(facts, port):
    """Everything in `facts` that follows from the first port."""
    facts.update(port=port, ports={name: port + offset for name, offset in PORTS.items()},
                 urls={name: url(port, name) for name in ("keystone", "glance", "cinder")})
    protocol = facts["netapp_protocol"]
    facts["arrays"] = protocol and arrays.make_facts(facts["state"], port + ARRAYS_PORT, protocol, facts["netapp_client"])


def start(facts, ceph_options, use_cache, say):
    """Fresh services as `facts` describes; leaves nothing running when it fails."""
    state = facts["state"]
    cluster.lock(state)
    clear(state)
    _place(facts, procs.free_ports(facts["port"], BLOCK))
    save(facts)         # early: `stop` after a crash finds the Ceph that belongs here
    try:
        _start(facts, ceph_options, use_cache, say)
    except BaseException:
        _end_all(state, facts)
        raise


def _start(facts, ceph_options, use_cache, say):
    state = facts["state"]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for folder in ("bin", "log"):
            os.makedirs(os.path.join(state, folder), exist_ok=True)
        broker = rabbit.start(state, facts["ports"])
        ceph = pool.submit(_ceph, facts, ceph_options)
        # the configuration names the cluster: its facts come first, its daemons need only be up for cinder-volume
        facts["ceph"] = ceph.result()
        save(facts)
        say(f"ceph {facts['ceph']['name']} {facts['ceph']['fsid']}")
        _write_programs(facts)
        osconf.write_all(facts)
        if facts["arrays"]:
            arrays.start(facts["arrays"])
            say(f"arrays: NetApp ({facts['arrays']['protocol']}, {facts['arrays']['client']}), PowerStore")
        oscloud.write_keys(facts)
        _link_keyrings(facts)
        cached = database.cache_folder() if use_cache else None
        prepared = cached if cached and os.path.isdir(cached) else None
        database.start(state, prepared)
        say("mariadb" + (" (prepared databases)" if prepared else ""))
        if not prepared:
            _make_databases(facts, pool)
        if prepared:
            oscloud.set_endpoints(facts)
        start_daemon(facts, "keystone")
        if not prepared:
            oscloud.fill_keystone(facts)
            oscloud.set_endpoints(facts)
            say("keystone filled")
            if cached:
                procs.end(state, "keystone", grace=5)
                database.save(state, cached)
                start_daemon(facts, "keystone")
        rabbit.wait(state, facts["ports"], broker)
        say("keystone, rabbitmq")
        scheduler = pool.submit(start_daemon, facts, "cinder-scheduler")
        # its cinder stores ask cinder-api as it starts: on a slow machine it gave up where that was not there yet
        for daemon in ("cinder-api", "glance-api"):
            start_daemon(facts, daemon)
        scheduler.result()
        say("glance-api, cinder-api, cinder-scheduler")
        types = pool.submit(oscloud.create_types, facts)
        start_daemon(facts, "cinder-volume")
        types.result()
        say("cinder-volume")


def _ceph(facts, options):
    if facts["own_ceph"]:
        pools = [backend["pool"] for backend in facts["extra_backends"]]
        known, _fresh = cluster.start(facts["ceph_state"], facts["port"], mgr=True, extra_pools=pools, **options)
        return known
    known = cluster.load(facts["ceph_state"])
    missing = {"mon", "osd", "mgr"} - cluster.running(facts["ceph_state"])
    if missing:
        raise LabError(f"the Ceph in {facts['ceph_state']} runs without {', '.join(sorted(missing))} "
                       "(lab/ceph start --mgr)")
    return known


def _write_programs(facts):
    for name, module in PROGRAMS.items():
        attach = arrays.initiator_lines(name) if facts["arrays"] and name in ATTACHING else ""
        osconf.write_text(os.path.join(facts["state"], "bin", name),
                          f"import sys\nfrom {module} import main\n{attach}if __name__ == '__main__':\n    sys.exit(main())\n")


def program(state, name, *arguments):
    return [python(), os.path.join(state, "bin", name), *arguments]


def python():
    """The interpreter that the OpenStack packages belong to."""
    return os.environ.get("VTCLONE_LAB_PYTHON", sys.executable)


def _environment(facts, daemon=None):
    """A small environment of our own: nothing of the caller's but PATH."""
    state = facts["state"]
    env = {"PATH": os.path.join(HERE, "bin") + ":" + os.environ["PATH"], "HOME": os.path.join(state, "home"),
           "TMPDIR": os.path.join(state, "tmp"), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1",
           "OS_KEYSTONE_CONFIG_FILES": osconf.conf_path(facts, "keystone")}
    if facts["arrays"] and daemon in ATTACHING:
        env["PATH"] = arrays.bin_folder() + ":" + env["PATH"]
        env.update(arrays.environment(facts["arrays"]))
    if daemon in osconf.CINDER_DAEMONS:
        path = list(facts["python_path"])
        if facts["vtclone"]:
            path += [os.path.join(TREE, "shim"), os.path.join(TREE, "python-glue")]
            env["VTCLONE_LIBRARY"] = os.path.join(TREE, "build", "libvtclone.so.1")
        if path:
            env["PYTHONPATH"] = ":".join(path)
        env.update(facts["environment"])
    env.update(facts["daemon_environment"].get(daemon, {}))
    return env


def _make_databases(facts, pool):
    state, env = facts["state"], _environment(facts)
    database.create_schemas(state)

    def manage(name, conf, *command):
        procs.run(state, program(state, name, "--config-file", osconf.conf_path(facts, conf), *command),
                  f"{name} {command[0]}", 180, env)

    def keystone():
        manage("keystone-manage", "keystone", "db_sync")
        url = facts["urls"]["keystone"]
        manage("keystone-manage", "keystone", "bootstrap", "--bootstrap-password", osconf.PASSWORD,
               "--bootstrap-region-id", "RegionOne", "--bootstrap-public-url", url, "--bootstrap-internal-url", url,
               "--bootstrap-admin-url", url)
    jobs = [pool.submit(manage, "cinder-manage", "cinder-api", "db", "sync"), pool.submit(keystone),
            pool.submit(manage, "glance-manage", "glance-api", "db_sync")]
    for job in jobs:
        job.result()


def start_daemon(facts, daemon):
    state = facts["state"]
    if procs.find(state, daemon):
        raise LabError(f"{daemon} runs already in {state}")
    osconf.write_daemon(facts, daemon)
    # the broker may not have noticed yet that the one before is gone
    procs.wait_until(lambda: not _ready(facts, daemon), f"the last {daemon} is forgotten", 20)
    if daemon == "keystone":
        argv = [python(), os.path.join(HERE, "keystone_server.py"), str(facts["ports"]["keystone"])]
    else:
        argv = program(state, daemon, "--config-file", osconf.conf_path(facts, daemon))
        if facts["arrays"] and daemon in ATTACHING:
            argv = arrays.namespace(argv, os.path.join(state, "mnt", daemon))
    process = procs.spawn(state, daemon, argv, env=_environment(facts, daemon))
    logs = (procs.log_path(state, daemon), os.path.join(state, "log", daemon + ".log"))
    procs.wait_until(lambda: _ready(facts, daemon), f"{daemon} is ready", 240, process, logs)


def _ready(facts, daemon):
    if daemon == "cinder-scheduler":
        return rabbit.has_consumer(facts["ports"], "cinder-scheduler")
    if daemon == "cinder-volume":
        return _backends_report(facts)
    port = facts["ports"][{"glance-api": "glance", "cinder-api": "cinder"}.get(daemon, daemon)]
    return procs.port_answers(port)


_sessions = {}     # of the administrator, by a lab's state: a login costs more than what is asked with it


def _backends_report(facts):
    """Every enabled backend listens, and the scheduler has its pool with a capacity."""
    state = facts["state"]
    conf = osconf.cinder(facts, "cinder-volume")
    osconf.apply(conf, facts["settings"]["cinder"] + facts["daemon_settings"].get("cinder-volume", []))
    names = [name.strip() for name in conf["DEFAULT"]["enabled_backends"].split(",") if name.strip()]
    services = {f"{conf['DEFAULT']['host']}@{name}" for name in names}
    if not all(rabbit.has_consumer(facts["ports"], f"cinder-volume.{service}") for service in services):
        return False
    try:
        if state not in _sessions:
            _sessions[state] = oscloud.login(facts)
        pools = oscloud.pools(_sessions[state])
    except HttpError:
        _sessions.pop(state, None)
        return False
    return services <= {name.partition("#")[0] for name, capabilities in pools.items()
                        if capabilities.get("total_capacity_gb")}


def stop_daemon(facts, daemon, signum=signal.SIGTERM):
    state = facts["state"]
    if signum == signal.SIGTERM:
        procs.end(state, daemon, grace=8)
        return
    procs.signal_role(state, daemon, signum)
    if signum == signal.SIGKILL:
        procs.end(state, daemon)


def restart_daemon(facts, daemon, settings, environment, reset):
    if daemon not in DAEMONS:
        raise LabError(f"no daemon is called {daemon} ({', '.join(DAEMONS)})")
    old = [] if reset else facts["daemon_settings"].get(daemon, [])
    facts["daemon_settings"][daemon] = old + settings
    kept = {} if reset else facts["daemon_environment"].get(daemon, {})
    facts["daemon_environment"][daemon] = {**kept, **environment}
    save(facts)
    stop_daemon(facts, daemon)
    start_daemon(facts, daemon)
    if daemon == "cinder-scheduler" and procs.find(facts["state"], "cinder-volume"):
        procs.wait_until(lambda: _backends_report(facts), "the scheduler hears of the backends", 180)


def _link_keyrings(facts):
    """os-brick reads /etc/ceph/CLUSTER.client.USER.keyring and nothing else; the cluster's name is ours alone."""
    os.makedirs(ETC_CEPH, exist_ok=True)
    for path in glob.glob(os.path.join(ETC_CEPH, "vtlab*.keyring")):
        if os.path.islink(path) and not os.path.exists(path):
            _unlink(path)       # of a lab that was removed without a stop
    for path in _keyrings(facts):
        link = os.path.join(ETC_CEPH, os.path.basename(path))
        if os.path.lexists(link) and not os.path.islink(link):
            raise LabError(f"{link} is in the way and not the lab's; choose another cluster name")
        _unlink(link)
        os.symlink(path, link)


def _keyrings(facts):
    return glob.glob(os.path.join(facts["ceph_state"], "*.client.*.keyring"))


def _unlink(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _unlink_keyrings(facts):
    for path in glob.glob(os.path.join(ETC_CEPH, "*.keyring")):
        if os.path.islink(path) and os.path.dirname(os.readlink(path)) == facts["ceph_state"]:
            _unlink(path)


def _end_all(state, facts):
    procs.end(state)
    if facts:
        _unlink_keyrings(facts)
        if facts["own_ceph"]:
            cluster.stop(facts["ceph_state"])


def stop(state, purge=False):
    if not os.path.isdir(state):
        return
    cluster.lock(state)
    try:
        facts = load(state)
    except LabError:
        facts = None
    _end_all(state, facts)
    if purge:
        clear(state)
        cluster.stop(os.path.join(state, "ceph"), purge=True)
        _unlink(os.path.join(state, ".lock"))
        try:
            os.rmdir(state)
        except OSError:
            pass


def clear(state):
    """End what an earlier run left, remove its files."""
    try:
        facts = load(state)
    except LabError:
        facts = None
    _end_all(state, facts)
    for entry in OURS:
        path = os.path.join(state, entry)
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            _unlink(path)
