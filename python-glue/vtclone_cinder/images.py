"""Images and image volumes as the resolver reads them, from what Cinder has of them."""

import json
import re
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from cinder import context as cinder_context
from cinder import objects

_UUID = re.compile(r"^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$", re.IGNORECASE)


def document(image_meta: Dict[str, Any]) -> Dict[str, Any]:
    """Cinder's image_meta as Glance's JSON of one image, without locations.

    Properties come first, so that an owner cannot put one in the place of what Glance itself says."""
    found = dict(image_meta.get("properties") or {})
    found.update((key, value) for key, value in image_meta.items() if key != "properties")
    found.pop("locations", None)
    found.pop("direct_url", None)
    return json.loads(json.dumps(found, default=str))


def shown_locations(image_location: Any) -> Tuple[Optional[List[Dict[str, Any]]], Optional[str]]:
    """(locations, direct URL) of Cinder's image_location; each is None where Glance did not show it."""
    if not isinstance(image_location, (tuple, list)) or len(image_location) != 2:
        return None, None
    direct_url, locations = image_location
    return (None if locations is None else [dict(entry) for entry in locations]), direct_url or None


def volume_id(url: Any) -> Optional[str]:
    """The volume that a cinder:// location names, or None."""
    if not isinstance(url, str) or not url.startswith("cinder://"):
        return None
    last = url[len("cinder://"):].split("/")[-1]
    return last if _UUID.match(last) else None


def volume_ids(locations: Iterable[Dict[str, Any]]) -> Set[str]:
    return {found for found in (volume_id(entry.get("url")) for entry in locations) if found}


def image_volumes(ids: Iterable[str]) -> Dict[str, Any]:
    """Cinder's volumes by id, whosever they are; those that do not exist are missing."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    context = cinder_context.get_admin_context()
    return {volume.id: volume for volume in objects.VolumeList.get_all(context, filters={"id": wanted})}


def image_volume_documents(volumes: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The volumes as the resolver reads them."""
    return [{"id": volume.id, "status": volume.status, "host": volume.host or "",
             "cluster_name": volume.cluster_name, "metadata": dict(volume.metadata or {})}
            for volume in volumes.values()]
