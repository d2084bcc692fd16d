"""A slow and obvious resolver, to compare the library with: each rule of docs/rules.md as one sentence of Python.

Nothing here is clever and nothing is shared with the C sources. It answers in the shape of vtclone_decision_json(), without
the sentences for people.
"""

import re
from typing import Any, Dict, List, Optional, Tuple

Json = Dict[str, Any]

GIB = 2 ** 30
UUID = re.compile(rb"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")

#: From what says most about a miss to what says least.
TELLING = [
    "VOLUME_EXISTS",
    "IMAGE_NOT_ACTIVE NOT_RAW NOT_BARE ENCRYPTED SIGNED_IMAGE TOO_SMALL",
    "NOT_PAIRED", "POOL_NOT_ALLOWED", "RADOS_ERROR", "CINDER_ERROR", "GLANCE_ERROR", "KEYSTONE_ERROR", "OWNER_MISMATCH",
    "SNAPSHOT_MISSING", "COPY_FAILED", "VOLUME_NOT_READY", "COPY_IN_PROGRESS", "BAD_LOCATION", "VOLUME_NOT_FOUND",
    "OTHER_CLUSTER", "UNKNOWN_STORE", "UNKNOWN_SCHEME", "STORE_NOT_FOR_BACKEND",
    "NO_LOCATIONS LOCATIONS_HIDDEN UNKNOWN_VOLUME_TYPE NO_BACKEND",
]
#: Misses that a copy in the wanted store would mend: what is wrong with the image itself stays wrong in each copy.
MENDED_BY_A_COPY = {"OTHER_CLUSTER", "STORE_NOT_FOR_BACKEND", "UNKNOWN_STORE", "UNKNOWN_SCHEME", "VOLUME_NOT_FOUND",
                    "VOLUME_NOT_READY", "SNAPSHOT_MISSING", "COPY_IN_PROGRESS", "COPY_FAILED"}
UNPAIRED = {"NOT_PAIRED", "POOL_NOT_ALLOWED", "BAD_LOCATION"}


def most_telling(reasons: List[str]) -> str:
    """The first of those that tell most."""
    for rank in TELLING:
        for reason in reasons:
            if reason in rank.split():
                return reason
    return "OK"


# ---- reading a location ----

def percent_decode(part: bytes) -> Optional[bytes]:
    if re.search(rb"%(?![0-9a-fA-F]{2})", part):
        return None
    return re.sub(rb"%(..)", lambda match: bytes([int(match.group(1), 16)]), part, flags=re.S)


def read_location(url: str) -> Tuple[str, Any]:
    """("rbd", (fsid, pool, image, snap)), ("cinder", (store or None, volume)), or (reason, None)."""
    text = url.encode("utf-8")
    if text.startswith(b"rbd://"):
        parts = [percent_decode(part) for part in text[len(b"rbd://"):].split(b"/")]
        if len(parts) == 4 and all(part and b"\0" not in part for part in parts):
            return "rbd", tuple(parts)
        return "BAD_LOCATION", None
    if text.startswith(b"cinder://"):
        store, slash, volume = text[len(b"cinder://"):].partition(b"/")
        if not slash:
            store, volume = None, store
        if (slash and not store) or not UUID.fullmatch(volume) or b"\0" in text:
            return "BAD_LOCATION", None
        return "cinder", (store, volume)
    lax = bytes(c for c in text if c > 0x20).lower()
    if lax.startswith((b"rbd:", b"cinder:")):
        return "BAD_LOCATION", None
    return "UNKNOWN_SCHEME", None


# ---- what serves a type ----

def serves(backend: Json, volume_type: Optional[Json]) -> bool:
    """Cinder's extra_specs_ops for volume_backend_name."""
    wanted = ((volume_type or {}).get("extra_specs") or {}).get("volume_backend_name")
    if wanted is None:
        return True
    words = wanted.split()
    if words and words[0] == "<or>":
        return backend["name"] in [word for word in words if word != "<or>"]
    if words and words[0] == "<in>":
        return words[1] in backend["name"]
    if words and words[0] == "s==":
        return words[1] == backend["name"]
    return wanted == backend["name"]


def without_pool(host: str) -> str:
    return host.split("#")[0]


class Request:
    def __init__(self, site: Json, image: Json, volume_type: Optional[str], backend: Optional[str], size_gib: int,
                 project: Optional[str], allow_signed: bool, owner_paired: bool, volumes: Optional[List[Json]]):
        self.site, self.image, self.type_name, self.host = site, image, volume_type, backend
        self.size_gib, self.project = size_gib, project
        self.allow_signed, self.owner_paired = allow_signed, owner_paired
        self.volumes = {volume["id"].lower(): volume for volume in volumes or []}
        self.stores = {store["id"]: store for store in site.get("stores", [])}
        self.types = {each["name"]: each for each in site.get("volume_types", [])}
        self.type = self.types.get(volume_type) if volume_type is not None else None

    # ---- rule 1 ----

    def has_property(self, name: str) -> bool:
        places = [self.image, self.image.get("properties") or {}]
        return any(place.get(name) not in (None, "") for place in places)

    def smallest_gib(self) -> int:
        size = max(self.image.get("size") or 0, self.image.get("virtual_size") or 0)
        return max(-(-size // GIB), self.image.get("min_disk") or 0)

    def image_reason(self) -> str:
        if self.image.get("status") != "active":
            return "IMAGE_NOT_ACTIVE"
        if self.image.get("disk_format") != "raw":
            return "NOT_RAW"
        if self.image.get("container_format") != "bare":
            return "NOT_BARE"
        if any(self.has_property(name) for name in ("cinder_encryption_key_id", "os_encrypt_key_id", "os_encrypt_format")):
            return "ENCRYPTED"
        if not self.allow_signed and any(self.has_property("img_signature" + tail) for tail in (
                "", "_hash_method", "_key_type", "_certificate_uuid")):
            return "SIGNED_IMAGE"
        if self.size_gib and self.size_gib < self.smallest_gib():
            return "TOO_SMALL"
        return "OK"

    # ---- rules 3 and 4: (reason, store, preference) ----

    def pool_store(self, fsid: bytes, pool: bytes) -> Optional[str]:
        for store in self.site.get("stores", []):
            if store["type"] == "rbd" and store["pool"].encode() == pool:
                if store.get("fsid") is None or store["fsid"].encode() == fsid:
                    return store["id"]
        return None

    def cluster_known(self, fsid: bytes) -> bool:
        everything = self.site.get("stores", []) + self.site.get("backends", [])
        return any((each.get("fsid") or "").encode() == fsid for each in everything)

    def judge_rbd(self, parts: Tuple[bytes, ...], claimed: Optional[str], backend: Json) -> Tuple[str, Optional[str]]:
        fsid, pool, image, snap = parts
        store = self.pool_store(fsid, pool)
        shown = store if store is not None else claimed
        if image != self.image["id"].encode() or snap != b"snap":
            return "NOT_PAIRED", shown
        if store is None and self.cluster_known(fsid):
            return "POOL_NOT_ALLOWED", shown
        if backend["type"] != "rbd":
            return "STORE_NOT_FOR_BACKEND", shown
        if fsid != backend["fsid"].encode():
            return "OTHER_CLUSTER", shown
        return "OK", shown

    def reaches(self, backend: Json, volume: Json) -> bool:
        host = volume.get("os-vol-host-attr:host") or volume.get("host")
        if volume.get("cluster_name") and volume.get("cluster_name") == backend.get("cluster_name"):
            return True
        if host is None:
            return False
        if host == backend["host"]:
            return True
        return bool(backend.get("clone_across_pools")) and without_pool(host) == without_pool(backend["host"])

    def beside(self, store: Json, backend: Json) -> bool:
        made_by = self.types.get(store.get("volume_type"))
        if made_by is not None:
            return serves(backend, made_by)
        return backend.get("store") in (None, store["id"])

    def judge_cinder(self, store: Optional[bytes], volume_id: bytes, claimed: Optional[str],
                     backend: Json) -> Tuple[str, Optional[str]]:
        named = None if store is None else store.decode("utf-8", "replace")
        shown = named if named is not None else claimed
        volume = self.volumes.get(volume_id.decode().lower())
        metadata = (volume or {}).get("metadata") or {}
        if volume is not None and metadata.get("glance_image_id") != self.image["id"]:
            return "NOT_PAIRED", shown
        known = self.stores.get(named) if named is not None else None
        if named is not None and (known is None or known["type"] != "cinder"):
            return "UNKNOWN_STORE", shown
        if volume is None:
            return ("VOLUME_NOT_FOUND" if known is None or self.beside(known, backend) else "STORE_NOT_FOR_BACKEND"), shown
        if not self.reaches(backend, volume):
            return "STORE_NOT_FOR_BACKEND", shown
        if volume.get("status") not in ("available", "in-use"):
            return "VOLUME_NOT_READY", shown
        owner = self.image.get("owner")
        if not self.owner_paired and (owner is None or owner not in (self.project, metadata.get("image_owner"))):
            return "OWNER_MISMATCH", shown
        return "OK", shown

    # ---- rule 5 ----

    def preference(self, kind: str, parts: Any, store: Optional[str], backend: Json) -> Tuple[bool, bool, int]:
        """Greater is better."""
        type_store = ((self.type or {}).get("extra_specs") or {}).get("image_service:store_id")
        if kind == "rbd":
            place = 3 if parts[1] == backend["pool"].encode() else 2
        else:
            volume = self.volumes[parts[1].decode().lower()]
            place = int((volume.get("os-vol-host-attr:host") or volume.get("host")) == backend["host"])
        return store is not None and store == backend.get("store"), store is not None and store == type_store, place

    # ---- the whole ----

    def locations(self) -> Optional[List[Json]]:
        if self.image.get("locations") is not None:
            return self.image["locations"]
        if self.image.get("direct_url") is not None:
            return [{"url": self.image["direct_url"]}]
        return None

    def judge_backend(self, backend: Json, locations: List[Json], image_reason: str) -> Json:
        candidates, passing = [], []
        for index, location in enumerate(locations):
            kind, parts = read_location(location["url"])
            store = (location.get("metadata") or {}).get("store")
            reason = kind
            if kind == "rbd":
                reason, store = self.judge_rbd(parts, store, backend)
            elif kind == "cinder":
                reason, store = self.judge_cinder(parts[0], parts[1], store, backend)
            if image_reason != "OK" and reason not in UNPAIRED:
                reason = image_reason
            if reason == "OK":
                passing.append((self.preference(kind, parts, store, backend), -index, kind))
            candidates.append({"index": index, "store": store, "reason": reason})
        passing.sort(reverse=True)
        out = {"host": backend["host"], "candidates": candidates, "order": [-index for _, index, _ in passing]}
        if passing:
            out.update(method=passing[0][2] + "-clone", reason="OK")
            return {"best": passing[0], "json": out}
        reasons = [image_reason] + [each["reason"] for each in candidates] + self.copies(backend)
        if not locations:
            reasons.append("LOCATIONS_HIDDEN" if self.locations() is None else "NO_LOCATIONS")
        out.update(method="none", reason=most_telling(reasons))
        return {"best": None, "json": out}

    def wanted_store(self, backend: Json) -> Optional[str]:
        """The store whose copy serves the backend."""
        named = backend.get("store") or ((self.type or {}).get("extra_specs") or {}).get("image_service:store_id")
        stores = self.site.get("stores", [])
        of_type = [each["id"] for each in stores if each["type"] == "cinder" and self.type is not None and
                   each.get("volume_type") == self.type["name"]]
        if named or of_type or backend["type"] != "rbd":
            return named or min(of_type, default=None)
        same = [each["id"] for each in stores if each["type"] == "rbd" and each.get("fsid") == backend["fsid"]]
        silent = [each["id"] for each in stores if each["type"] == "rbd" and each.get("fsid") is None]
        return min(same, default=silent[0] if len(silent) == 1 else None)

    def copy_store(self, result: Json, backends: List[Json]) -> Optional[str]:
        """Where a copy would mend the miss."""
        wanted = next(filter(None, map(self.wanted_store, backends)), None)
        there = [each["store"] for each in result["backends"][0]["candidates"]]
        return wanted if result["reason"] in MENDED_BY_A_COPY and not result["unpaired"] and wanted not in there else None

    def copies(self, backend: Json) -> List[str]:
        """What Glance is doing about the store that should have the copy."""
        wanted = self.wanted_store(backend)
        for name, reason in (("os_glance_importing_to_stores", "COPY_IN_PROGRESS"), ("os_glance_failed_import", "COPY_FAILED")):
            home = self.image if self.image.get(name) is not None else self.image.get("properties") or {}
            stores = [each.strip(" ") for each in (home.get(name) or "").split(",")]
            if wanted and wanted in stores:
                return [reason]
        return []

    def resolve(self) -> Json:
        image_reason, locations = self.image_reason(), self.locations()
        out = {"image_id": self.image["id"], "volume_type": self.type_name, "method": "none", "backend": None, "location": None,
               "backends": [], "min_size_gib": self.smallest_gib(), "copy_store": None,
               "unpaired": any(read_location(each["url"])[0] == "BAD_LOCATION" for each in locations or [])}
        if self.type_name is not None and self.type is None:
            return dict(out, reason="UNKNOWN_VOLUME_TYPE")
        backends = [each for each in self.site.get("backends", []) if serves(each, self.type) and self.host in (
            None, each["host"], without_pool(each["host"]))]
        if not backends:
            return dict(out, reason="NO_BACKEND")
        results = [self.judge_backend(each, locations or [], image_reason) for each in backends]
        out["backends"] = [each["json"] for each in results]
        out["unpaired"] |= any(each["reason"] in UNPAIRED for result in results for each in result["json"]["candidates"])
        hits = [each for each in results if each["best"] is not None]
        if not hits:
            out["reason"] = most_telling([each["json"]["reason"] for each in results])
            return dict(out, copy_store=self.copy_store(out, backends))
        best = max(hits, key=lambda each: each["best"][0])  # of equal ones the first backend of the site
        chosen = best["json"]["candidates"][best["json"]["order"][0]]
        return dict(out, reason="OK", method=best["json"]["method"], backend=best["json"]["host"],
                    location={"index": chosen["index"], "store": chosen["store"]})
