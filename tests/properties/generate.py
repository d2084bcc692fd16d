"""Sites, images, image volumes and requests, made from a seed: mostly near to what a deployment has, with the mistakes and
tricks that matter. Small sets of names, so that things coincide often."""

import random
from typing import Any, Dict, List, Optional, Union

Json = Dict[str, Any]

FSIDS = ["f5d5f6e8-0000-4000-8000-000000000001"] * 5 + [
    "f5d5f6e8-0000-4000-8000-000000000002", "F5D5F6E8-0000-4000-8000-000000000001"]
POOLS = ["images", "images", "images", "volumes", "image", "im/ages", "im\u00e4ges"]
STORES = ["ceph", "ceph2", "netapp", "net", "powerstore", "obj", "netapp/x"]
HOSTS = ["node@ceph#ceph", "node@netapp#pool0", "node@netapp#pool1", "node@netapp2#pool0", "other@netapp#pool0", "node@ceph2#ceph",
         "node@plain"]
NAMES = ["ceph", "ceph", "netapp", "netapp", "ceph2", "powerstore"]
TYPES = ["ceph", "netapp", "both", "any"]
SPECS = ["ceph", "ceph", "netapp", "s== netapp", "<or> ceph <or> netapp", "<or> ceph2 <or> ceph", "<in> ceph", "powerstore", "nosuch"]
IMAGES = ["5d1c6e0a-1111-4222-8333-444455556666", "5d1c6e0a-1111-4222-8333-444455556667"]
VOLUMES = ["7b1c6e0a-1111-4222-8333-44445555666%d" % digit for digit in range(5)]
PROJECTS = ["p1", "p1", "p1", "p2"]
GIB = 2 ** 30


class Maker:
    def __init__(self, seed: Union[int, str]):
        self.random = random.Random(seed)

    def pick(self, values: Any) -> Any:
        return values[int(self.random.random() * len(values))]  # three times as fast as choice()

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def maybe(self, out: Json, key: str, values: List[Any], of: float = 0.5) -> None:
        if self.chance(of):
            out[key] = self.pick(values)

    # ---- the site ----

    def store(self, name: str) -> Json:
        kind = self.pick(["rbd", "rbd", "cinder", "cinder", "cinder", "swift"])
        out: Json = {"id": name, "type": kind}
        if kind == "rbd":
            out["pool"] = self.pick(POOLS)
            self.maybe(out, "fsid", FSIDS, 0.8)
        elif kind == "cinder":
            self.maybe(out, "volume_type", TYPES, 0.7)
        return out

    def backend(self, host: str) -> Json:
        out: Json = {"host": host, "name": self.pick(NAMES), "type": self.pick(["rbd", "cinder"])}
        if out["type"] == "rbd":
            out.update(fsid=self.pick(FSIDS), pool=self.pick(POOLS))
        self.maybe(out, "store", STORES)
        self.maybe(out, "cluster_name", ["c1", "c2"], 0.2)
        self.maybe(out, "clone_across_pools", [True, False], 0.4)
        return out

    def volume_type(self, name: str, backends: List[Json]) -> Json:
        specs: Json = {}
        self.maybe(specs, "volume_backend_name", [backend["name"] for backend in backends] * 4 + SPECS, 0.7)
        self.maybe(specs, "image_service:store_id", STORES)
        return {"name": name, "extra_specs": specs}

    def site(self) -> Json:
        some = self.random.sample
        backends = [self.backend(host) for host in some(HOSTS, self.random.randrange(1, 6))]
        return {"stores": [self.store(name) for name in some(STORES, self.random.randrange(1, 6))], "backends": backends,
                "volume_types": [self.volume_type(name, backends) for name in some(TYPES, self.random.randrange(1, 4))]}

    # ---- the image ----

    def encode(self, part: str) -> str:
        """A part of an rbd URL as Glance writes it, or written in another way."""
        how = self.random.randrange(12)
        text = part.encode("utf-8")
        if how == 0:
            return "".join("%%%02x" % byte for byte in text)
        if how == 1:
            at = self.random.randrange(len(part))
            return part[:at] + "%%%02X" % part[at].encode()[0] + part[at + 1:] if part[at].isascii() else part.replace("/", "%2F")
        return "".join(char if char.isalnum() or char in "-_." else "".join("%%%02X" % byte for byte in char.encode()) for char in part)

    def spoil(self, url: str) -> str:
        """One of the ways to write a URL that a reader might take for another."""
        at = self.random.randrange(len(url) + 1)
        return self.pick([
            lambda: url + "/", lambda: url + "/snap", lambda: url.upper(), lambda: url.capitalize(), lambda: " " + url,
            lambda: url.replace("//", "/", 1), lambda: url + "?x=1", lambda: url + "#x", lambda: url + "%00", lambda: url + "\0",
            lambda: url[:at] + self.pick(["%", "%4", "%zz", "\0", "\t", "..", "./", "/", "%2f", "%ff", "\u0430", "\u200b", "@"]) + url[at:],
            lambda: url[:at], lambda: url.replace("://", "://user:key@"), lambda: "\t" + url, lambda: url.replace(":", "\n:", 1),
            lambda: url.replace("snap", "snap%20"), lambda: url.replace("rbd", "rbds"), lambda: url.replace("-", "%2d", 1),
        ])()

    def url(self, site: Json, image: str) -> str:
        kind = self.random.randrange(20)
        if kind < 9:
            stores = [store for store in site["stores"] if store["type"] == "rbd"]
            store = self.pick(stores) if stores and self.chance(0.8) else {}
            parts = [store.get("fsid") or self.pick(FSIDS), store.get("pool") or self.pick(POOLS), image, "snap"]
            if self.chance(0.15):
                parts[self.random.randrange(4)] = self.pick([FSIDS[-2], "volumes", IMAGES[1], "Snap", "snap2", "..", "x"])
            out = "rbd://" + "/".join(self.encode(part) for part in parts)
        elif kind < 17:
            stores = [store["id"] for store in site["stores"] if store["type"] == "cinder"]
            name = self.pick(stores) if stores and self.chance(0.8) else self.pick(STORES)
            volume = self.pick(VOLUMES)
            out = "cinder://" + self.pick([name + "/", name + "/", name + "/", ""]) + self.pick([volume] * 9 + [volume.upper()])
        else:
            out = self.pick(["rbd://" + image, "https://host/image", "swift+https://u:k@auth/v1/c/o", "file:///x", "", "cinder:", "RBD://x",
                             "cinder://" + VOLUMES[0][:-1], "rbd://////", "cinder://x/y/" + VOLUMES[0]])
        return self.spoil(out) if self.chance(0.12) else out

    def location(self, site: Json, image: str) -> Json:
        out: Json = {"url": self.url(site, image)}
        if self.chance(0.8):
            out["metadata"] = self.pick([{}, {"store": self.pick(STORES)}, {"store": self.pick(STORES)}, {"store": None}, None])
        return out

    def image(self, site: Json) -> Json:
        out: Json = {"id": self.pick(IMAGES[:1] * 4 + IMAGES[1:]), "status": "active", "disk_format": "raw", "container_format": "bare",
                     "owner": self.pick(PROJECTS)}
        self.maybe(out, "size", [0, 1, GIB, GIB + 1, 3 * GIB, None], 0.8)
        self.maybe(out, "virtual_size", [0, GIB - 1, GIB, 4 * GIB + 1, None])
        self.maybe(out, "min_disk", [0, 1, 2, 5])
        if self.chance(0.15):
            out.update(self.pick([{"status": "queued"}, {"disk_format": "qcow2"}, {"container_format": "ovf"}, {"status": None}, {"owner": None},
                                  {"img_signature": "x"}, {"properties": {"img_signature_key_type": "x"}}, {"cinder_encryption_key_id": "k"},
                                  {"properties": {"os_encrypt_key_id": "k"}}, {"img_signature": None, "properties": {"img_signature": "x"}},
                                  {"cinder_encryption_key_id": ""}, {"disk_format": "RAW"}, {"properties": {}}]))
        if self.chance(0.2):
            out[self.pick(["os_glance_importing_to_stores", "os_glance_failed_import"])] = self.pick(
                ["ceph", "netapp, ceph", "netapp,powerstore", "ceph2", "", "netapp ", None])
        how = self.random.randrange(20)
        if how < 17:
            out["locations"] = [self.location(site, out["id"]) for _ in range(self.random.randrange(1, 5) if how else 0)]
        if how in (0, 17, 18):
            out["direct_url"] = self.url(site, out["id"])
        if how == 19 and self.chance(0.5):
            out.update(locations=None, direct_url=None)
        return out

    def volumes(self, site: Json, image: Json) -> Optional[List[Json]]:
        if self.chance(0.1):
            return None
        out = []
        hosts = [backend["host"] for backend in site["backends"]]
        for volume in self.random.sample(VOLUMES, self.random.randrange(1, 5)):
            each: Json = {"id": volume, "status": self.pick(["available"] * 6 + ["in-use", "error", "creating", None])}
            metadata: Json = {"glance_image_id": self.pick([image["id"]] * 6 + [IMAGES[1]])}
            self.maybe(metadata, "image_owner", PROJECTS, 0.8)
            each["metadata"] = self.pick([metadata] * 9 + [{}])
            self.maybe(each, self.pick(["host", "os-vol-host-attr:host"]), hosts * 2 + HOSTS, 0.9)
            self.maybe(each, "cluster_name", ["c1", "c2", None], 0.2)
            out.append(each)
        return out

    def options(self, site: Json) -> Json:
        host = self.pick(site["backends"])["host"]
        return {"volume_type": self.pick([each["name"] for each in site["volume_types"]] * 4 + TYPES[:1] + [None] * 6),
                "backend": self.pick([None] * 16 + [host, host.split("#")[0], "node@", "nosuch"]),
                "size_gib": self.pick([0, 0, 0, 2, 5, 10, 10]), "project": self.pick(PROJECTS + [None]),
                "allow_signed": self.chance(0.3), "owner_paired": self.chance(0.3)}
