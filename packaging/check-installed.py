"""Run inside a tree: `installed` finds the library, the volume manager and the scheduler's parts as Cinder would;
`removed` finds none of them, and stock Cinder as it was."""

import subprocess
import sys

from oslo_utils import importutils
from stevedore import extension

from cinder import objects

objects.register_all()
from cinder.volume import manager  # noqa: E402, needs the objects registered

NAMES = {"cinder.scheduler.filters": "ImageLocalityFilter", "cinder.scheduler.weights": "ImageLocalityWeigher"}


def found(group):
    return {one.name for one in extension.ExtensionManager(group, on_load_failure_callback=None)}


def installed():
    import vtclone
    cls = importutils.import_class("vtclone_cinder.manager.CloneVolumeManager")
    assert issubclass(cls, manager.VolumeManager)
    for group, name in NAMES.items():
        assert name in found(group), (group, name)
    with open("/tmp/cinder.conf", "w", encoding="utf-8") as conf:
        conf.write("[DEFAULT]\nenabled_backends = ceph\n"
                   "volume_manager = vtclone_cinder.manager.CloneVolumeManager\n"
                   "scheduler_default_filters = CapacityFilter,ImageLocalityFilter\n[service_user]\n"
                   "auth_type = password\n[ceph]\nvolume_driver = cinder.volume.drivers.rbd.RBDDriver\n"
                   "volume_backend_name = ceph\nrbd_pool = volumes\nrbd_user = cinder\n")
    subprocess.run(["vtclone", "doctor", "--cinder-conf", "/tmp/cinder.conf"], check=True)
    print("Cinder finds the volume manager, the filter and the weigher; library", vtclone.library_version())


def removed():
    for name in ("vtclone", "vtclone_cinder"):
        assert importutils.try_import(name) is None, name
    for group, name in NAMES.items():
        assert name not in found(group), (group, name)
    assert importutils.import_class("cinder.volume.manager.VolumeManager") is manager.VolumeManager
    print("stock Cinder remains")


{"installed": installed, "removed": removed}[sys.argv[1]]()
