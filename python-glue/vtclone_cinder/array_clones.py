"""What the arrays' drivers leave to do around create_cloned_volume, when its source is an image volume.

- A volume that glance_store has written over NFS has a file as small as the image (it is opened with `wb`), and so has its
  clone: Cinder's NFS drivers refuse to attach a volume whose file has not the volume's size.
- A clone is not put into the array's consistency group, where a new volume (a download) is.
- PowerStore's driver knows a volume by an id that it has only when the array's answer has come. Without, it leaves the
  volume on the array, where its name is taken from then on.
"""

import os
from typing import Any, Dict

from cinder import exception
from cinder.volume import volume_utils

_GIB = 1 << 30
_REMOTE_FS = ("cinder.volume.drivers.remotefs", "RemoteFSDriver")
_POWERSTORE = ("cinder.volume.drivers.dell_emc.powerstore.driver", "PowerStoreDriver")


def _is_a(driver: Any, name: Any) -> bool:
    """By name: importing the drivers would load what they need."""
    return any((cls.__module__, cls.__name__) == name for cls in type(driver).__mro__)


def finish(driver: Any, context: Any, volume: Any, update: Dict[str, Any]) -> None:
    """After create_cloned_volume; raises what the driver raises."""
    if _is_a(driver, _REMOTE_FS):
        _grow_short_file(driver, volume, update)
    if volume.group_id and volume_utils.is_group_a_cg_snapshot_type(volume.group):
        _join_group(driver, context, volume, update)


def _grow_short_file(driver: Any, volume: Any, update: Dict[str, Any]) -> None:
    if update.get("provider_location"):
        volume.provider_location = update["provider_location"]
    if (volume.admin_metadata or {}).get("format", "raw") != "raw":
        return
    if os.stat(driver.local_path(volume)).st_size < volume.size * _GIB:
        driver.extend_volume(volume, volume.size)


def _join_group(driver: Any, context: Any, volume: Any, update: Dict[str, Any]) -> None:
    if update.get("provider_id"):
        volume.provider_id = update["provider_id"]
    try:
        driver.update_group(context, volume.group, add_volumes=[volume], remove_volumes=[])
    except NotImplementedError:
        pass        # generic groups are Cinder's own


def find_leftover(driver: Any, volume: Any) -> None:
    """Before delete_volume of a volume whose creation failed: what the driver needs to find it."""
    if not _is_a(driver, _POWERSTORE) or volume.provider_id:
        return
    try:
        volume.provider_id = driver.adapter.client.get_volume_id_by_name(volume.name)
    except exception.CinderException:
        pass        # no such volume
