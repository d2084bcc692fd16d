"""A scripted Keystone, Glance and Cinder that work, and the library's cloud calls by ctypes."""
import ctypes
import json
import time
from typing import Any, Iterable, Optional

from vtclone import _ctypes
from vtclone._ctypes import CloudOptions, CloudStats, CopyOptions, CopyResult, ErrorStruct, ResolveOptions

from scripted import Answer, Server

IMAGE = "5d1c6e0a-1111-4222-8333-444455556666"
VOLUME = "aaaaaaaa-1111-4222-8333-444455556666"
NEW_VOLUME = "bbbbbbbb-1111-4222-8333-444455556666"
FSID = "b0e0a4f0-0000-4000-8000-000000000001"
PROJECT = "0123456789abcdef0123456789abcdef"
TOKEN = "gAAAAAB-the-secret-token-of-the-test"
PASSWORD = "pass\"word-\u00e4-of-the-test"

CODES = {-1: "INVALID", -2: "DOCUMENT", -3: "LIMIT", -5: "FORKED", -6: "MISS", -9: "TIMEOUT", -10: "UNSUPPORTED",
         -11: "GLANCE", -12: "CINDER", -13: "KEYSTONE", -14: "CANCELLED", -15: "COPY_FAILED"}

POOLS = {"pools": [
    {"name": "node@netapp#pool0", "capabilities": {"volume_backend_name": "netapp", "storage_protocol": "iSCSI"}},
    {"name": "node@ceph#ceph", "capabilities": {
        "volume_backend_name": "ceph", "storage_protocol": "ceph",
        "location_info": "ceph:/etc/ceph/ceph.conf:%s:cinder:volumes" % FSID}}]}
STORES = {"stores": [{"id": "netapp", "type": "cinder", "default": "true", "properties": {"volume_type": "netapp"}},
                     {"id": "ceph", "type": "rbd", "properties": {"pool": "images", "chunk_size": 8}}]}
TYPES = {"volume_types": [
    {"id": "1", "name": "netapp", "extra_specs": {"volume_backend_name": "netapp", "image_service:store_id": "netapp"}},
    {"id": "2", "name": "ceph", "extra_specs": {"volume_backend_name": "ceph", "image_service:store_id": "ceph"}}]}


def image(stores: Iterable[str] = ("netapp", "ceph"), **members: Any) -> dict:
    urls = {"netapp": "cinder://netapp/" + VOLUME, "ceph": "rbd://%s/images/%s/snap" % (FSID, IMAGE)}
    return {"id": IMAGE, "status": "active", "name": "an image", "owner": PROJECT, "disk_format": "raw",
            "container_format": "bare", "size": 64 << 20, "virtual_size": 64 << 20, "min_disk": 0,
            "stores": ",".join(stores),
            "locations": [{"url": urls[s], "metadata": {"store": s}} for s in stores], **members}


def image_volume(**members: Any) -> dict:
    return {"id": VOLUME, "status": "available", "os-vol-host-attr:host": "node@netapp#pool0",
            "metadata": {"glance_image_id": IMAGE, "image_owner": PROJECT}, **members}


def token_answer(url: str, expires: str = "2030-01-01T00:00:00.000000Z", token: str = TOKEN, **members: Any) -> Answer:
    def service(kind: str, path: str) -> dict:
        return {"type": kind, "name": kind, "endpoints": [
            {"interface": "internal", "region": "one", "region_id": "one", "url": "http://127.0.0.1:9/wrong"},
            {"interface": "public", "region": "two", "region_id": "two", "url": "http://127.0.0.1:9/wrong"},
            {"interface": "public", "region": "one", "region_id": "one", "url": url + path}]}
    body = {"token": {"issued_at": "2029-12-31T23:00:00.000000Z", "expires_at": expires, "project": {"id": PROJECT},
                      "catalog": [service("image", ""), service("volumev3", "/v3/" + PROJECT)], **members}}
    return Answer(201, json_body=body, headers={"X-Subject-Token": token})


def working_cloud(server: Optional[Server] = None) -> Server:
    """Every route that a resolve, a copy or a volume needs; tests put faults over them."""
    server = server or Server()
    cinder = "/v3/" + PROJECT
    server.on("POST", "/v3/auth/tokens", token_answer(server.url))
    server.on("GET", "/versions", Answer(300, json_body={"versions": [{"id": "v2.16", "status": "CURRENT"}]}))
    server.on("GET", "/v2/images/" + IMAGE, Answer(json_body=image()))
    server.on("GET", "/v2/images/%s/tasks" % IMAGE, Answer(json_body={"tasks": []}))
    server.on("GET", "/v2/info/stores/detail", Answer(json_body=STORES))
    server.on("GET", "/v2/info/stores", Answer(json_body={"stores": [{"id": "netapp"}, {"id": "ceph"}]}))
    server.on("GET", "/v3/", Answer(json_body={"versions": [{"id": "v3.0", "version": "3.70", "min_version": "3.0"}]}))
    server.on("GET", cinder + "/types", Answer(json_body=TYPES))
    server.on("GET", cinder + "/scheduler-stats/get_pools", Answer(json_body=POOLS))
    server.on("GET", cinder + "/os-services", Answer(json_body={"services": []}))
    server.on("GET", cinder + "/volumes/" + VOLUME, Answer(json_body={"volume": image_volume()}))
    return server


class CloudError(Exception):
    def __init__(self, err: ErrorStruct):
        self.code = CODES.get(err.code, str(err.code))
        self.errno = err.sys_errno
        self.message = err.message.decode()
        super().__init__("%s: %s" % (self.code, self.message))


class Cloud:
    """A vtclone_cloud. Keyword arguments are members of its options; auth_url and a password are there by default."""

    def __init__(self, url: str, **options: Any):
        members = {"auth_url": url + "/v3", "username": "demo", "password": PASSWORD, "project_name": "demo",
                   "region": "one", "call_timeout_ms": 2000, "timeout_ms": 10000, **options}
        values = {k: v.encode() if isinstance(v, str) else v for k, v in members.items() if v is not None}
        if "site" in values:
            values["site_len"] = len(values["site"])
        self.lib = _ctypes.library()
        self.handle = ctypes.c_void_p()
        self.call("vtclone_cloud_open", ctypes.byref(CloudOptions(size=ctypes.sizeof(CloudOptions), **values)),
                  ctypes.byref(self.handle))

    def __enter__(self) -> "Cloud":
        return self

    def __exit__(self, *args: Any) -> None:
        self.lib.vtclone_cloud_free(self.handle)
        self.handle = None

    def call(self, name: str, *args: Any) -> None:
        err = ErrorStruct()
        if getattr(self.lib, name)(*args, ctypes.byref(err)) != 0:
            raise CloudError(err)

    def _text(self, pointer: ctypes.c_void_p) -> str:
        text = ctypes.string_at(pointer).decode()
        self.lib.vtclone_string_free(pointer)
        return text

    def image(self, image_id: str = IMAGE, user_token: Optional[str] = None) -> dict:
        out = ctypes.c_void_p()
        self.call("vtclone_cloud_image", self.handle, image_id.encode(), None if user_token is None else user_token.encode(),
                  ctypes.byref(out), None)
        return json.loads(self._text(out))

    def site(self) -> dict:
        out = ctypes.c_void_p()
        self.call("vtclone_cloud_site_json", self.handle, ctypes.byref(out), None)
        return json.loads(self._text(out))

    def decision(self, volume_type: str, user_token: Optional[str] = None, copy: bool = False,
                 **options: Any) -> ctypes.c_void_p:
        wanted = ResolveOptions(size=ctypes.sizeof(ResolveOptions), volume_type=volume_type.encode(), **options)
        out = ctypes.c_void_p()
        extra = [ctypes.byref(CopyOptions(size=ctypes.sizeof(CopyOptions), timeout_ms=10000))] if copy else []
        self.call("vtclone_cloud_resolve_or_copy" if copy else "vtclone_cloud_resolve", self.handle, None,
                  IMAGE.encode(), None if user_token is None else user_token.encode(), ctypes.byref(wanted), *extra, ctypes.byref(out))
        return out

    def resolve(self, volume_type: str = "ceph", **options: Any) -> dict:
        decision = self.decision(volume_type, **options)
        try:
            return self._json(decision)
        finally:
            self.lib.vtclone_decision_free(decision)

    def _json(self, decision: ctypes.c_void_p) -> dict:
        out = ctypes.c_void_p()
        self.call("vtclone_decision_json", decision, ctypes.byref(out), None)
        return json.loads(self._text(out))

    def copy(self, *stores: str, **options: Any) -> dict:
        names = (ctypes.c_char_p * len(stores))(*[s.encode() for s in stores])
        members = {"timeout_ms": 10000, **options}
        given = CopyOptions(size=ctypes.sizeof(CopyOptions), **members)
        result = CopyResult(size=ctypes.sizeof(CopyResult))
        self.call("vtclone_cloud_copy", self.handle, IMAGE.encode(), names, len(stores), ctypes.byref(given),
                  ctypes.byref(result))
        return {"started": result.started, "complete": result.complete, "bytes": result.image_bytes}

    def clone_volume(self, volume_type: str = "netapp", name: str = "new", size: int = 1, **options: Any) -> dict:
        given = _ctypes.VolumeOptions(size=ctypes.sizeof(_ctypes.VolumeOptions), **{"timeout_ms": 5000, **options})
        decision, made = self.decision(volume_type), ctypes.c_void_p()
        try:
            self.call("vtclone_cloud_clone_volume", self.handle, decision, name.encode(), size, ctypes.byref(given),
                      ctypes.byref(made))
            return self._json(made)
        finally:
            self.lib.vtclone_decision_free(decision)
            self.lib.vtclone_decision_free(made)

    def stats(self) -> CloudStats:
        stats = CloudStats(size=ctypes.sizeof(CloudStats))
        self.call("vtclone_cloud_get_stats", self.handle, ctypes.byref(stats))
        return stats


class Timer:
    """with Timer() as timer: ...; timer.seconds"""

    def __enter__(self) -> "Timer":
        self._began = time.monotonic()
        return self

    def __exit__(self, *args: Any) -> None:
        self.seconds = time.monotonic() - self._began
