"""Prometheus metrics in a file for node_exporter's textfile collector: one file per backend, written at most once a
second. Without prometheus_client, or without metrics_dir, everything here does nothing."""

import os
import re
import threading
import time
from typing import Any, Optional

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

_INTERVAL = 1.0
_BUCKETS = (.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """vtclone_volumes_total and vtclone_volume_seconds of one backend, by outcome, method, engine and reason."""

    def __init__(self, folder: Optional[str], backend: str) -> None:
        self._path: Optional[str] = None
        self._backend = backend
        self._written = 0.0
        self._timer: Optional[Any] = None
        self._warned = False
        if not folder:
            return
        try:
            import prometheus_client
        except ImportError:
            LOG.warning("vtclone: metrics_dir is set, but prometheus_client is not installed: no metrics")
            return
        self._client = prometheus_client
        self._registry = prometheus_client.CollectorRegistry()
        labels = ["backend", "outcome", "method", "engine", "reason"]
        self._count = prometheus_client.Counter("vtclone_volumes", "Volumes asked for from an image, by what became of "
                                                "them", labels, registry=self._registry)
        self._seconds = prometheus_client.Histogram(
            "vtclone_volume_seconds", "Seconds from the request to the clone or the decision", labels[:4],
            buckets=_BUCKETS, registry=self._registry)
        self._copies = prometheus_client.Counter("vtclone_copies", "Copies of images waited for, by result",
                                                 ["backend", "store", "result"], registry=self._registry)
        name = "vtclone-%s.prom" % re.sub(r"[^A-Za-z0-9_.@-]", "_", backend)
        self._path = os.path.join(folder, name)

    def volume(self, outcome: str, method: str, engine: str, reason: str, seconds: float) -> None:
        if self._path:
            self._count.labels(self._backend, outcome, method, engine, reason).inc()
            self._seconds.labels(self._backend, outcome, method, engine).observe(seconds)
            self._changed()

    def copy(self, store: str, result: str) -> None:
        if self._path:
            self._copies.labels(self._backend, store, result).inc()
            self._changed()

    def _changed(self) -> None:
        """Writes now, or, where that was less than a second ago, when the second is over."""
        if self._timer is not None:
            return
        wait = self._written + _INTERVAL - time.monotonic()
        if wait <= 0:
            self._write()
            return
        self._timer = threading.Timer(wait, self._write)  # a green thread under eventlet
        self._timer.daemon = True
        self._timer.start()

    def _write(self) -> None:
        self._timer = None
        self._written = time.monotonic()
        try:
            self._client.write_to_textfile(self._path, self._registry)
            self._warned = False
        except OSError as err:
            if not self._warned:
                LOG.warning("vtclone: cannot write the metrics: %s", err)
            self._warned = True
