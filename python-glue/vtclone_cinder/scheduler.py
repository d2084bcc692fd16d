"""Scheduler filter and weigher: backends that have a copy of the image beside them first.

    [DEFAULT]
    scheduler_default_filters = AvailabilityZoneFilter,CapacityFilter,CapabilitiesFilter,ImageLocalityFilter
    scheduler_default_weighers = CapacityWeigher,ImageLocalityWeigher

The filter belongs at the end of its list: it then prefers among those that are otherwise fit.
"""

import threading
from typing import Any, Dict, List, Optional

from oslo_config import cfg

from cinder.scheduler import filters
from cinder.scheduler import weights

from vtclone_cinder import opts
from vtclone_cinder.locality import Locality

CONF = cfg.CONF
_LOCALITY: Optional[Locality] = None
_LOCK = threading.Lock()


def locality() -> Locality:
    """One for the process: Cinder makes a filter and a weigher anew for each request."""
    global _LOCALITY
    with _LOCK:
        if _LOCALITY is None:
            _LOCALITY = Locality(CONF)
        return _LOCALITY


class ImageLocalityFilter(filters.BaseBackendFilter):
    """See [vtclone] locality_filter."""

    def filter_all(self, filter_obj_list: Any, filter_properties: Dict[str, Any]) -> List[Any]:
        backends = list(filter_obj_list)
        opts.register(CONF)
        strictness = CONF.vtclone.locality_filter
        if strictness == "off" or not backends:
            return backends
        if strictness == "prefer" and (filter_properties.get("request_spec") or {}).get("resource_backend"):
            return backends  # a volume of a group: only after the filters does Cinder drop all but the group's backend
        beside = locality().beside(backends, filter_properties)
        if beside is None or (strictness == "prefer" and not any(beside)):
            return backends
        return [backend for backend, near in zip(backends, beside) if near]

    def backend_passes(self, backend_state: Any, filter_properties: Dict[str, Any]) -> bool:
        return bool(self.filter_all([backend_state], filter_properties))


class ImageLocalityWeigher(weights.BaseHostWeigher):
    """1 for a backend with a copy beside it, 0 for the others; see [vtclone] locality_weight_multiplier."""

    def weight_multiplier(self) -> float:
        opts.register(CONF)
        return CONF.vtclone.locality_weight_multiplier

    def weigh_objects(self, weighed_obj_list: List[Any], weight_properties: Dict[str, Any]) -> List[float]:
        beside = locality().beside([weighed.obj for weighed in weighed_obj_list], weight_properties)
        return [1.0 if near else 0.0 for near in beside or [False] * len(weighed_obj_list)]

    def _weigh_object(self, obj: Any, weight_properties: Dict[str, Any]) -> float:
        beside = locality().beside([obj], weight_properties)
        return 1.0 if beside and beside[0] else 0.0
