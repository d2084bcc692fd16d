"""The C side: struct mirrors, one table of signatures, and the loading of libvtclone.so.1.

Nothing is loaded when this module is imported: library() does it at first use, so that a process that forks (a
cinder-volume parent) stays free of it. VTCLONE_LIBRARY names another file. Sizes and offsets of the mirrors are compared
with the C compiler's in tests/python.
"""

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, Dict, List, Optional, Tuple

from vtclone import errors
from vtclone._version import ABI

SONAME = "libvtclone.so.1"


class ErrorStruct(ctypes.Structure):
    _fields_ = [("code", c_int32), ("sys_errno", c_int32), ("message", ctypes.c_char * 760)]


class BackendInfo(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("host", c_char_p), ("name", c_char_p), ("type", c_char_p), ("fsid", c_char_p),
                ("pool", c_char_p), ("user", c_char_p), ("ceph_conf", c_char_p), ("cluster", c_char_p),
                ("store", c_char_p), ("derived_from", c_char_p)]


class ResolveOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("volume_type", c_char_p), ("backend", c_char_p), ("size_gib", c_int64),
                ("project_id", c_char_p), ("image_volumes", c_char_p), ("image_volumes_len", c_size_t),
                ("signed_images", c_int32), ("owner_rule", c_int32)]


class CandidateInfo(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("host", c_char_p), ("index", c_int32), ("reason", c_int32), ("url", c_char_p),
                ("store", c_char_p), ("detail", c_char_p)]


class Options(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("connect_timeout_ms", c_uint32), ("mon_timeout_ms", c_uint32),
                ("osd_timeout_ms", c_uint32), ("clone_timeout_ms", c_uint32), ("idle_close_ms", c_uint32),
                ("debug_fd", c_int32)]


class Stats(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("connects", c_uint64), ("connect_failures", c_uint64),
                ("open_connections", c_uint64), ("clones", c_uint64), ("clone_failures", c_uint64)]


class CloneOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("engine", c_int32), ("timeout_ms", c_uint32)]


class StoreInfo(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("id", c_char_p), ("type", c_char_p), ("volume_type", c_char_p),
                ("fsid", c_char_p), ("pool", c_char_p), ("derived_from", c_char_p)]


class TypeInfo(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("name", c_char_p), ("backend_name", c_char_p), ("store_id", c_char_p),
                ("derived_from", c_char_p)]


class CloudOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t)] + [(name, c_char_p) for name in (
        "auth_url", "username", "user_id", "user_domain_name", "user_domain_id", "password", "project_name",
        "project_id", "project_domain_name", "project_domain_id", "application_credential_id",
        "application_credential_name", "application_credential_secret", "token", "region", "interface_name",
        "image_endpoint", "volume_endpoint", "ca_file")] + [
        ("insecure", c_int32), ("debug_fd", c_int32), ("connect_timeout_ms", c_uint32),
        ("call_timeout_ms", c_uint32), ("timeout_ms", c_uint32), ("site_ttl_ms", c_uint32),
        ("volume_ttl_ms", c_uint32), ("site", c_char_p), ("site_len", c_size_t)]


class CloudStats(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("requests", c_uint64), ("connects", c_uint64), ("retries", c_uint64),
                ("tokens", c_uint64), ("copies", c_uint64)]


class CopyProgress(ctypes.Structure):
    _fields_ = [("copied_bytes", c_int64), ("total_bytes", c_int64), ("state", c_int32), ("reserved", c_int32)]


class CopyOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("timeout_ms", c_uint32), ("no_wait", c_int32), ("cancel_fd", c_int32),
                ("user_token", c_char_p), ("progress", POINTER(CopyProgress))]


class CopyResult(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("started", c_int32), ("complete", c_int32), ("image_bytes", c_int64)]


class VolumeOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("volume_type", c_char_p), ("availability_zone", c_char_p),
                ("timeout_ms", c_uint32), ("cancel_fd", c_int32)]


#: Struct mirrors by their C names.
STRUCTS = {
    "vtclone_error": ErrorStruct, "vtclone_backend_info": BackendInfo, "vtclone_resolve_options": ResolveOptions,
    "vtclone_candidate_info": CandidateInfo, "vtclone_options": Options, "vtclone_stats": Stats,
    "vtclone_clone_options": CloneOptions, "vtclone_store_info": StoreInfo, "vtclone_type_info": TypeInfo,
    "vtclone_cloud_options": CloudOptions, "vtclone_cloud_stats": CloudStats,
    "vtclone_copy_progress": CopyProgress, "vtclone_copy_options": CopyOptions, "vtclone_copy_result": CopyResult,
    "vtclone_volume_options": VolumeOptions,
}

SIGNED_IMAGES = {"deny": 0, "allow": 1}
OWNER_RULES = {"cinder": 0, "paired": 1}
ENGINES = {"auto": 0, "librbd": 1, "direct": 2}

_ERR = POINTER(ErrorStruct)
_OUT = POINTER(c_void_p)

#: Every function that is used: its result and its arguments. char pointers that are freed are void pointers here,
#: because ctypes would turn them into bytes and lose the address.
SIGNATURES: Dict[str, Tuple[Any, List[Any]]] = {
    "vtclone_abi": (c_uint32, []),
    "vtclone_version": (c_char_p, []),
    "vtclone_code_name": (c_char_p, [c_int32]),
    "vtclone_reason_name": (c_char_p, [c_int32]),
    "vtclone_reason_is_unpaired": (c_int32, [c_int32]),
    "vtclone_site_parse": (c_int32, [c_char_p, c_size_t, _OUT, _ERR]),
    "vtclone_site_free": (None, [c_void_p]),
    "vtclone_site_backend_count": (c_size_t, [c_void_p]),
    "vtclone_site_backend": (c_int32, [c_void_p, c_size_t, POINTER(BackendInfo), _ERR]),
    "vtclone_resolve": (c_int32, [c_void_p, c_char_p, c_size_t, POINTER(ResolveOptions), _OUT, _ERR]),
    "vtclone_decision_free": (None, [c_void_p]),
    "vtclone_decision_reason": (c_int32, [c_void_p]),
    "vtclone_decision_method": (c_char_p, [c_void_p]),
    "vtclone_decision_backend": (c_char_p, [c_void_p]),
    "vtclone_decision_url": (c_char_p, [c_void_p]),
    "vtclone_decision_store": (c_char_p, [c_void_p]),
    "vtclone_decision_location_index": (c_int32, [c_void_p]),
    "vtclone_decision_unpaired": (c_int32, [c_void_p]),
    "vtclone_decision_detail": (c_char_p, [c_void_p]),
    "vtclone_decision_image_id": (c_char_p, [c_void_p]),
    "vtclone_decision_wanted_store": (c_char_p, [c_void_p]),
    "vtclone_decision_copy_store": (c_char_p, [c_void_p]),
    "vtclone_decision_engine": (c_char_p, [c_void_p]),
    "vtclone_decision_candidate_count": (c_size_t, [c_void_p]),
    "vtclone_decision_candidate": (c_int32, [c_void_p, c_size_t, POINTER(CandidateInfo), _ERR]),
    "vtclone_decision_json": (c_int32, [c_void_p, _OUT, POINTER(c_size_t), _ERR]),
    "vtclone_string_free": (None, [c_void_p]),
    "vtclone_open": (c_int32, [POINTER(Options), _OUT, _ERR]),
    "vtclone_free": (None, [c_void_p]),
    "vtclone_get_stats": (c_int32, [c_void_p, POINTER(Stats), _ERR]),
    "vtclone_clone": (c_int32, [c_void_p, c_void_p, c_char_p, c_int64, POINTER(CloneOptions), _OUT, _ERR]),
    "vtclone_certify": (c_int32, [c_void_p, c_void_p, c_char_p, c_char_p, c_char_p, _OUT, _ERR]),
    "vtclone_site_store_count": (c_size_t, [c_void_p]),
    "vtclone_site_store": (c_int32, [c_void_p, c_size_t, POINTER(StoreInfo), _ERR]),
    "vtclone_site_type_count": (c_size_t, [c_void_p]),
    "vtclone_site_type": (c_int32, [c_void_p, c_size_t, POINTER(TypeInfo), _ERR]),
    "vtclone_site_serves": (c_int32, [c_void_p, c_size_t, c_size_t]),
    "vtclone_cloud_options_from_env": (c_int32, [POINTER(CloudOptions), _ERR]),
    "vtclone_cloud_open": (c_int32, [POINTER(CloudOptions), _OUT, _ERR]),
    "vtclone_cloud_free": (None, [c_void_p]),
    "vtclone_cloud_get_stats": (c_int32, [c_void_p, POINTER(CloudStats), _ERR]),
    "vtclone_cloud_site": (c_int32, [c_void_p, _OUT, _ERR]),
    "vtclone_cloud_site_json": (c_int32, [c_void_p, _OUT, POINTER(c_size_t), _ERR]),
    "vtclone_cloud_image": (c_int32, [c_void_p, c_char_p, c_char_p, _OUT, POINTER(c_size_t), _ERR]),
    "vtclone_cloud_resolve": (c_int32, [c_void_p, c_void_p, c_char_p, c_char_p, POINTER(ResolveOptions), _OUT, _ERR]),
    "vtclone_cloud_copy": (c_int32, [c_void_p, c_char_p, POINTER(c_char_p), c_size_t, POINTER(CopyOptions),
                                     POINTER(CopyResult), _ERR]),
    "vtclone_cloud_resolve_or_copy": (c_int32, [c_void_p, c_void_p, c_char_p, c_char_p, POINTER(ResolveOptions),
                                                POINTER(CopyOptions), _OUT, _ERR]),
    "vtclone_cloud_clone_volume": (c_int32, [c_void_p, c_void_p, c_char_p, c_int64, POINTER(VolumeOptions), _OUT,
                                             _ERR]),
    "vtclone_decision_volume_id": (c_char_p, [c_void_p]),
}

_library: Optional[ctypes.CDLL] = None


def _bundled() -> Optional[str]:
    """The library inside this package, where it came as a wheel."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), SONAME)
    return path if os.path.exists(path) else None


def _load() -> ctypes.CDLL:
    path = os.environ.get("VTCLONE_LIBRARY") or _bundled() or SONAME
    try:
        lib = ctypes.CDLL(path)
    except OSError as err:
        raise errors.LoadError("cannot load %s: %s" % (path, err)) from err
    try:
        lib.vtclone_abi.restype = c_uint32
        abi = lib.vtclone_abi()
    except AttributeError as err:
        raise errors.LoadError("%s is not libvtclone: it has no vtclone_abi()" % path) from err
    if abi != ABI:
        raise errors.LoadError("%s has ABI %d, this Python package needs %d: install the two from one release" %
                               (path, abi, ABI))
    for name, (result, arguments) in SIGNATURES.items():
        try:
            function = getattr(lib, name)
        except AttributeError as err:
            raise errors.LoadError("%s lacks %s()" % (path, name)) from err
        function.restype = result
        function.argtypes = arguments
    return lib


def library() -> ctypes.CDLL:
    """The loaded library. LoadError, each time again, where it cannot be used."""
    global _library
    if _library is None:
        _library = _load()  # two threads at once load the same object twice, which dlopen counts
    return _library


def check(lib: ctypes.CDLL, status: int, err: ErrorStruct) -> None:
    """Raises what a failing call left in its error struct."""
    if status != 0:
        raise errors.make(status, lib.vtclone_code_name(status).decode("ascii"), err.sys_errno,
                          err.message.decode("utf-8", "replace"))


def text(value: Optional[bytes]) -> Optional[str]:
    return None if value is None else value.decode("utf-8", "replace")


def c_string(name: str, value: Optional[str]) -> Optional[bytes]:
    """UTF-8 for a char pointer. A NUL would silently cut it, so it is refused here."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise errors.bad_input("%s: expected a string, found %s" % (name, type(value).__name__))
    if "\0" in value:
        raise errors.bad_input("%s holds a NUL character" % name)
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as err:
        raise errors.bad_input("%s is not valid Unicode: %s" % (name, err)) from err


def integer(name: str, value: Any, low: int, high: int) -> int:
    """An int that fits its C type: ctypes would cut it without a word."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise errors.bad_input("%s: expected an integer, found %s" % (name, type(value).__name__))
    if not low <= value <= high:
        raise errors.bad_input("%s: %d is not between %d and %d" % (name, value, low, high))
    return value


def choice(name: str, value: str, table: Dict[str, int]) -> int:
    try:
        return table[value]
    except (KeyError, TypeError):
        raise errors.bad_input("%s: %r is none of %s" % (name, value, ", ".join(table))) from None
