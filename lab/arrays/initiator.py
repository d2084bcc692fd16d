"""os-brick's iSCSI connector in the lab's daemons: no kernel initiator, the LUN is the emulated array's own file.

The arrays link each mapped LUN as FOLDER/TARGET_IQN/LUN (VTLAB_ISCSI: folders,
separated by colons).  Everything before and after, from the host that the
driver registers to the mapping that it takes back, is the real thing.
"""

import importlib
import os
import socket

from os_brick import exception
from os_brick.initiator import connector
from os_brick.initiator.connectors import base

REAL = "os_brick.initiator.connectors.iscsi.ISCSIConnector"


class FileConnector(base.BaseLinuxConnector):
    @staticmethod
    def get_connector_properties(root_helper, *args, **kwargs):
        return {"initiator": f"iqn.1993-08.org.debian:01:lab-{socket.gethostname().lower()}"}

    def get_search_path(self):
        return None

    def get_volume_paths(self, connection_properties):
        return [self._path(connection_properties)]

    def _path(self, properties):
        for folder in os.environ["VTLAB_ISCSI"].split(":"):
            link = os.path.join(folder, properties["target_iqn"], str(properties["target_lun"]))
            if os.path.exists(link):
                return os.path.realpath(link)
        raise exception.VolumeDeviceNotFound(device=f"{properties['target_iqn']} LUN {properties['target_lun']}")

    def connect_volume(self, connection_properties):
        return {"type": "block", "path": self._path(connection_properties)}

    def disconnect_volume(self, connection_properties, device_info, force=False, ignore_errors=False,
                          is_disconnect_call=False):
        pass

    def extend_volume(self, connection_properties):
        return os.stat(self._path(connection_properties)).st_size


def install():
    mine = f"{__name__}.{FileConnector.__name__}"
    names = connector.unix_connector_list
    names[:] = [mine if name == REAL else name for name in names]
    mapping = connector._connector_mapping_linux
    mapping.update({protocol: mine for protocol, name in mapping.items() if name == REAL})


def install_in_glance():
    """glance_store opens what it attaches with `wb`.  That cuts an NFS volume's file: before 4.3.0 the upload then fails
    (Launchpad 2000584), since then the file stays as small as the image, and Cinder refuses to attach it for reading
    ("virtual_size does not match").  Opened without being cut it is what a block device would be."""
    install()
    for name in ("", ".base", ".store"):  # by release
        try:
            module = importlib.import_module("glance_store._drivers.cinder" + name)
        except ImportError:
            continue
        module.open = _open


def _open(path, mode):
    return open(path, "rb+" if mode == "wb" else mode)
