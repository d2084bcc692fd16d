"""The emulated arrays, a Cinder database in a file, and the real drivers on both."""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

import pytest
from labkit import arrays
from labkit import procs

LAB = os.path.dirname(os.path.dirname(os.path.abspath(arrays.__file__)))
PORT = int(os.environ.get("VTLAB_ARRAYS_PORT", "8690"))
# of netapp: protocol and client
NETAPP = {"netapp": ("nfs", "zapi"), "netapp-san": ("iscsi", "zapi"),
          "netapp-rest": ("nfs", "rest"), "netapp-san-rest": ("iscsi", "rest")}
BACKENDS = (*NETAPP, "powerstore")


def _write_conf(path, state, facts):
    sections = {"powerstore": arrays.backend(facts, "powerstore")}
    for name, (protocol, client) in NETAPP.items():
        sections[name] = arrays.backend({**facts, "protocol": protocol, "client": client}, "netapp")
        if protocol == "nfs":
            sections[name].update({"nfs_shares_config": os.path.join(facts["folder"], "nfs_shares.both"),
                                   "nfs_mount_point_base": os.path.join(state, "mnt", name)})
    sections["DEFAULT"] = {"state_path": state, "host": "node", "enabled_backends": ",".join(BACKENDS),
                           "log_file": f"{state}/cinder.log", "use_stderr": "false", "debug": "true"}
    sections["database"] = {"connection": f"sqlite:///{state}/cinder.sqlite"}
    sections["oslo_concurrency"] = {"lock_path": f"{state}/lock"}
    sections["coordination"] = {"backend_url": f"file://{state}/coordination"}
    with open(path, "w", encoding="utf-8") as stream:
        for name, options in sections.items():
            stream.write(f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items()))


@pytest.fixture(scope="session")
def lab():
    """The arrays run; Cinder's configuration and database are loaded in this process."""
    state = os.path.realpath(tempfile.mkdtemp(prefix="vtclone-arrays."))
    os.makedirs(f"{state}/coordination")
    facts = arrays.make_facts(state, PORT)
    os.environ["PATH"] = ":".join([arrays.bin_folder(), os.path.join(LAB, "labkit", "bin"), os.environ["PATH"]])
    os.environ.update(arrays.environment(facts))
    conf = f"{state}/cinder.conf"
    try:
        arrays.start(facts)
        _write_conf(conf, state, facts)
        code = "import sys; from cinder.cmd.manage import main; sys.exit(main())"
        subprocess.run([sys.executable, "-c", code, "--config-file", conf, "db", "sync"], check=True)
        from cinder import coordination
        from cinder import objects
        objects.register_all()
        from cinder.common import config  # noqa: F401
        from cinder.volume import manager  # noqa: F401
        from oslo_config import cfg
        from oslo_log import log
        cfg.CONF(["--config-file", conf], project="cinder", version="test")
        log.setup(cfg.CONF, "cinder")
        coordination.COORDINATOR.start()
        yield facts
    finally:
        procs.end(state)
        for share in glob.glob(f"{state}/mnt/*/*"):
            subprocess.run(["umount", "--lazy", share], check=False)
        shutil.rmtree(state)


class Backend:
    """One configured driver, set up as cinder-volume sets it up, and what is needed to give it volumes."""

    def __init__(self, facts, name):
        from cinder import context
        from cinder import db
        from cinder.volume import configuration
        from cinder.volume import driver as base
        from cinder.volume import manager
        from oslo_utils import importutils
        self.name = name
        self.context = context.get_admin_context()
        conf = configuration.Configuration(base.volume_opts, config_group=name)
        conf.append_config_values(manager.volume_backend_opts)
        self.driver = importutils.import_object(
            conf.volume_driver, configuration=conf, db=db, host=f"node@{name}", cluster_name=None,
            is_vol_db_empty=True, active_backend_id=None)
        self.driver.do_setup(self.context)
        self.driver.check_for_setup_error()
        self.driver.set_initialized()
        self.array = arrays.Array(facts, "powerstore" if name == "powerstore" else "ontap")

    def pools(self):
        stats = self.driver.get_volume_stats(refresh=True)
        return stats.get("pools") or [dict(stats, pool_name=stats["volume_backend_name"])]

    def volume(self, pool, size=1, **more):
        """A row in the database, nothing on the array yet."""
        from cinder import objects
        volume = objects.Volume(self.context, host=f"node@{self.name}#{pool}", size=size,
                                status="creating", attach_status="detached", project_id="project", user_id="user",
                                display_name="test", **more)
        volume.create()
        return volume

    def made(self, pool, size=1, **more):
        volume = self.volume(pool, size, **more)
        self.keep(volume, self.driver.create_volume(volume))
        return volume

    def keep(self, volume, update):
        volume.update(update or {})
        volume.status = "available"
        volume.save()

    def clone(self, source, size=1, pool=None):
        volume = self.volume(pool or source.host.partition("#")[2], size)
        self.keep(volume, self.driver.create_cloned_volume(volume, source))
        return volume

    def path(self, volume):
        return self.array.volume_path(volume.name)


@pytest.fixture(scope="session")
def backends(lab):
    made = {}

    def get(name):
        if name not in made:
            made[name] = Backend(lab, name)
        return made[name]
    return get


@pytest.fixture(autouse=True)
def no_faults(lab):
    """Each test begins and ends with arrays that work."""
    yield
    for name in arrays.NAMES:
        arrays.Array(lab, name).control()
