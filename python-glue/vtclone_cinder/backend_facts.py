"""What the configured driver says of its backend, in the words of a site file. No option of ours repeats it."""

import json
from typing import Any, Dict, Optional, Tuple

from vtclone_cinder import threads

_RBD_DRIVER = ("cinder.volume.drivers.rbd", "RBDDriver")


def is_rbd(driver: Any) -> bool:
    """Whether it is Cinder's RBD driver or a child of it. By name: importing that driver would load librbd."""
    return any((cls.__module__, cls.__name__) == _RBD_DRIVER for cls in type(driver).__mro__)


def _option(driver: Any, name: str) -> Any:
    configuration = getattr(driver, "configuration", None)
    return configuration.safe_get(name) if configuration is not None else None


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) and value else None


def glance_store(driver: Any) -> Optional[str]:
    """The store beside the backend: glance_store_id of extra_capabilities, or of the driver's own."""
    try:
        extra = json.loads(_option(driver, "extra_capabilities") or "{}")
    except (TypeError, ValueError):
        extra = {}
    for facts in (extra, getattr(driver, "capabilities", None), getattr(driver, "_stats", None)):
        if isinstance(facts, dict) and _text(facts.get("glance_store_id")):
            return facts["glance_store_id"]
    return None


class BackendFacts:
    """Facts of one driver. Those of a Ceph cluster are kept for each cluster the driver has been on: it changes at a
    failover."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self.rbd = is_rbd(driver)
        self._fsids: Dict[Tuple[Any, ...], str] = {}

    def backend(self, host: str, cluster_name: Optional[str]) -> Dict[str, Any]:
        """The backend of a site, for a volume on that host ("host@backend#pool")."""
        name = _text(_option(self._driver, "volume_backend_name")) or type(self._driver).__name__
        found: Dict[str, Any] = {"host": host, "name": name, "type": "cinder"}
        if cluster_name:
            found["cluster_name"] = cluster_name
        if self._clones_across_pools():
            found["clone_across_pools"] = True
        store = glance_store(self._driver)
        if store:
            found["store"] = store
        if self.rbd:
            found.update(self._ceph())
        return found

    def _clones_across_pools(self) -> bool:
        for facts in (getattr(self._driver, "capabilities", None), getattr(self._driver, "_stats", None)):
            if isinstance(facts, dict) and facts.get("clone_across_pools") is True:
                return True
        return False

    def _ceph(self) -> Dict[str, Any]:
        # After a failover the active configuration is the other cluster's; the pool is the same on each.
        cluster, conf, user, _secret = self._driver._get_config_tuple()
        found = {"type": "rbd", "fsid": self._fsid(cluster, conf, user), "pool": _option(self._driver, "rbd_pool"),
                 "user": user, "ceph_conf": conf, "cluster": cluster}
        chunk_size = _option(self._driver, "rbd_store_chunk_size")
        if isinstance(chunk_size, int):
            found["chunk_size"] = chunk_size
        return {key: value for key, value in found.items() if value}

    def _fsid(self, *where: Any) -> str:
        if where not in self._fsids:
            self._fsids[where] = self._reported_fsid(*where) or threads.run_blocking(self._driver._get_fsid)
        return self._fsids[where]

    def _reported_fsid(self, cluster: Any, conf: Any, user: Any) -> Optional[str]:
        """The fsid in the driver's last capability report, which saves a connection. Not where the driver has more than
        one cluster: the report may be older than a failover."""
        if getattr(self._driver, "_is_replication_enabled", True):
            return None
        stats = getattr(self._driver, "_stats", None)
        location = stats.get("location_info") if isinstance(stats, dict) else None
        head, tail = "%s:%s:" % (cluster, conf), ":%s:%s" % (user, _option(self._driver, "rbd_pool"))
        if not isinstance(location, str) or not location.startswith(head) or not location.endswith(tail):
            return None
        return location[len(head):-len(tail)] or None

    def connect_timeout(self) -> float:
        """rados_connect_timeout in seconds, 0 where it is not positive."""
        value = _option(self._driver, "rados_connect_timeout") if self.rbd else None
        return float(value) if isinstance(value, (int, float)) and value > 0 else 0.0
