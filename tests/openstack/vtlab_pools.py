"""Cinder's RBD driver, which says that it clones from any pool of its backend, as StorPool's does from Cinder 25 on."""

from cinder import interface
from cinder.volume.drivers import rbd


@interface.volumedriver
class AcrossPools(rbd.RBDDriver):
    def _update_volume_stats(self):
        super()._update_volume_stats()
        self._stats["clone_across_pools"] = True
