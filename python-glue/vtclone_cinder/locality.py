"""Which backends have a copy of an image beside them, as far as the scheduler can tell: a hint, never a permission. The
volume manager decides by the full rules when the volume is made.

Needs no Ceph library, key ring or ceph.conf: an rbd copy is matched by the fsid that backends report in location_info, an
image volume by its host in Cinder's database, a store by glance_store_id or by what Glance says of it.
"""

import threading
import time
import urllib.parse
from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from oslo_log import log as logging

from cinder.image import glance
from cinder.volume import volume_utils

from vtclone_cinder import images
from vtclone_cinder import opts
from vtclone_cinder.glance_service import GlanceService
from vtclone_cinder.glance_service import GlanceUnavailable
from vtclone_cinder.glance_service import split_list

LOG = logging.getLogger(__name__)

_CACHE_MAX = 2000


class Copies(NamedTuple):
    """Where an image's copies are. located: whether its locations could be seen at all."""

    stores: FrozenSet[str] = frozenset()
    fsids: FrozenSet[str] = frozenset()
    hosts: FrozenSet[str] = frozenset()
    clusters: FrozenSet[str] = frozenset()
    located: bool = False


class _Entry:
    def __init__(self) -> None:
        self.ready = threading.Event()
        self.copies: Optional[Copies] = None
        self.until = 0.0


class Locality:
    """Answers from a cache; requests for one image and project at the same time ask Glance once."""

    def __init__(self, conf: Any) -> None:
        opts.register(conf)
        self._conf = conf[opts.GROUP]
        self._glance = GlanceService(conf)
        self._users_glance: Any = None
        self._cache: Dict[Tuple[Any, ...], _Entry] = {}
        self._warned: Dict[str, bool] = {}

    # ---- the question ----

    def beside(self, backends: List[Any], properties: Dict[str, Any]) -> Optional[List[bool]]:
        """For each backend state, whether a copy is beside it; None where the request is not for a volume from an image,
        or nothing is known of the image."""
        image_id = wanted_image(properties)
        if image_id is None:
            return None
        copies = self._copies(properties["context"], image_id)
        if copies is None:
            return None
        return [self._is_beside(backend, copies, properties) for backend in backends]

    def _is_beside(self, backend: Any, copies: Copies, properties: Dict[str, Any]) -> bool:
        host, cluster = backend.host or "", backend.cluster_name or ""
        if host in copies.hosts or (cluster and cluster in copies.clusters):
            return True
        capabilities = backend.capabilities or {}
        if capabilities.get("clone_across_pools") is True and volume_utils.extract_host(host, "backend") in {
                volume_utils.extract_host(each, "backend") for each in copies.hosts}:
            return True
        store = capabilities.get("glance_store_id")
        if store:
            return store in copies.stores
        if capabilities.get("storage_protocol") and location_fsid(capabilities) in copies.fsids:
            return True
        return not copies.located and self._store_is_beside(capabilities, copies, properties)

    def _store_is_beside(self, capabilities: Any, copies: Copies, properties: Dict[str, Any]) -> bool:
        """Without locations: by what Glance says of the stores that have a copy."""
        type_name = (properties.get("volume_type") or {}).get("name")
        for store in self._glance.stores():
            if store["id"] not in copies.stores:
                continue
            if store["type"] == "rbd" and store.get("fsid") and store["fsid"] == location_fsid(capabilities):
                return True
            if store["type"] == "cinder" and type_name and store.get("volume_type") == type_name:
                return True
        return False

    # ---- what is known of an image ----

    def _copies(self, context: Any, image_id: str) -> Optional[Copies]:
        """None where the user cannot see the image, it cannot be cloned at all, or Glance fails."""
        key = (image_id, context.project_id, context.is_admin)
        entry = self._cache.get(key)
        if entry is not None and not entry.ready.is_set():
            entry.ready.wait(self._conf.glance_timeout)
            return entry.copies
        if entry is not None and time.monotonic() < entry.until:
            return entry.copies
        if len(self._cache) >= _CACHE_MAX:
            self._cache.clear()
        entry = self._cache[key] = _Entry()
        try:
            entry.copies = self._look(context, image_id)
            self._warned.pop("glance", None)
        except Exception as err:  # a hint is never worth a failed request
            self._warn_once("glance", "cannot look at image %s, all backends pass: %s" % (image_id, err))
        finally:
            entry.until = time.monotonic() + self._conf.locality_ttl
            entry.ready.set()
        return entry.copies

    def _look(self, context: Any, image_id: str) -> Optional[Copies]:
        """The image with the user's token first: whether he may use it is Glance's to say."""
        if self._users_glance is None:
            self._users_glance = glance.get_default_image_service()
        shown = self._users_glance.show(context, image_id)
        image = images.document(shown)
        if image.get("disk_format") != "raw" or image.get("container_format") != "bare":
            return None
        locations = shown.get("locations")
        if locations is None:
            locations = self._service_locations(image_id)
        if locations is None:
            return Copies(stores=frozenset(split_list(image.get("stores"))))
        volumes = images.image_volumes(images.volume_ids(locations)).values()
        volumes = [volume for volume in volumes if (volume.metadata or {}).get("glance_image_id") == image_id and
                   volume.status in ("available", "in-use")]
        fsids = {rbd_fsid(entry.get("url"), image_id) for entry in locations}
        named = {(entry.get("metadata") or {}).get("store") for entry in locations}
        return Copies(stores=frozenset(split_list(image.get("stores"))) | frozenset(filter(None, named)),
                      fsids=frozenset(filter(None, fsids)),
                      hosts=frozenset(volume.host for volume in volumes if volume.host),
                      clusters=frozenset(volume.cluster_name for volume in volumes if volume.cluster_name),
                      located=True)

    def _service_locations(self, image_id: str) -> Optional[List[Dict[str, Any]]]:
        try:
            return self._glance.locations(image_id)
        except GlanceUnavailable as err:
            self._warn_once("service", "cannot ask Glance for locations, stores have to do: %s" % err)
            return None

    def _warn_once(self, kind: str, message: str) -> None:
        if kind not in self._warned:
            self._warned[kind] = True
            LOG.warning("vtclone: %s", message)


def wanted_image(properties: Dict[str, Any]) -> Optional[str]:
    """The image of a request for a volume from an image; None for every other request."""
    spec = properties.get("request_spec") or {}
    if properties.get("vol_exists_on") or spec.get("operation") not in (None, "create_volume"):
        return None
    volume = spec.get("volume_properties") or {}
    for key in ("snapshot_id", "source_volid", "source_replicaid", "backup_id"):
        if spec.get(key) or volume.get(key):
            return None
    image_id = spec.get("image_id")
    return image_id if isinstance(image_id, str) and image_id and "context" in properties else None


def location_fsid(capabilities: Any) -> Optional[str]:
    """The fsid in the RBD driver's location_info ("cluster:conf:FSID:user:pool"; conf may hold colons, the others not)."""
    info = capabilities.get("location_info")
    parts = info.rsplit(":", 3) if isinstance(info, str) else []
    return parts[1] if len(parts) == 4 and ":" in parts[0] else None


def rbd_fsid(url: Any, image_id: str) -> Optional[str]:
    """The fsid of an rbd location that is the image's own copy, else None."""
    if not isinstance(url, str) or not url.startswith("rbd://"):
        return None
    parts = [urllib.parse.unquote(part) for part in url[len("rbd://"):].split("/")]
    return parts[0] if len(parts) == 4 and parts[2] == image_id else None
