"""Volume managers that watch themselves: for tests and measurements on the lab, by PYTHONPATH and volume_manager.

Each cinder-volume process appends JSON lines to $VTLAB_PROBE.PID: one a second with the largest gap of its event loop
("gap", seconds that a green thread which wanted to sleep 5 ms was late) and one for each call of driver.clone_image
("clone", its seconds). "at" is the wall clock.
"""

import json
import os
import time

import eventlet

from cinder.volume import manager

from vtclone_cinder.manager import CloneVolumeManager

_TICK = 0.005


class _Probe:
    def init_host(self, *args, **kwargs):
        path = os.environ.get("VTLAB_PROBE")
        if path:
            self._probe = open("%s.%d" % (path, os.getpid()), "a", buffering=1)
            self._watch_clones()
            eventlet.spawn(self._watch_loop)
        return super().init_host(*args, **kwargs)

    def _say(self, **facts):
        self._probe.write(json.dumps(dict(facts, at=time.time())) + "\n")

    def _watch_clones(self):
        inner = self.driver.clone_image

        def clone_image(context, volume, *args, **kwargs):
            started = time.monotonic()
            try:
                return inner(context, volume, *args, **kwargs)
            finally:
                self._say(clone=time.monotonic() - started, volume=volume.id)
        self.driver.clone_image = clone_image

    def _watch_loop(self):
        worst, told = 0.0, time.monotonic()
        while True:
            before = time.monotonic()
            eventlet.sleep(_TICK)
            now = time.monotonic()
            worst = max(worst, now - before - _TICK)
            if now - told >= 1.0:
                self._say(gap=worst)
                worst, told = 0.0, now


class ProbedStock(_Probe, manager.VolumeManager):
    """Cinder's own."""


class ProbedClone(_Probe, CloneVolumeManager):
    """Ours."""
