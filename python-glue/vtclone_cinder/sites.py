"""Sites for one backend, and a context of the library for each. Contexts share their cluster connections."""

import collections
import json
import os
from typing import Any, Dict, List, Optional

import vtclone

from vtclone_cinder import opts

_KEPT_CONTEXTS = 16
_SITE_FILE_MAX = 16 * 1024 * 1024


class SiteError(Exception):
    """The site file, or what was learnt of the site, cannot be used."""


class SiteFile:
    """The operator's site file, read again when it changes."""

    def __init__(self, path: Optional[str]) -> None:
        self._path = path
        self._stamp: Any = None
        self._content: Dict[str, Any] = {}

    def read(self) -> Dict[str, Any]:
        if not self._path:
            return {}
        try:
            stat = os.stat(self._path)
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                with open(self._path, "rb") as stream:
                    content = json.loads(stream.read(_SITE_FILE_MAX))
                if not isinstance(content, dict):
                    raise SiteError("site_file %s: not a JSON object" % self._path)
                self._content, self._stamp = content, stamp
        except (OSError, ValueError) as err:
            raise SiteError("site_file %s: %s" % (self._path, err)) from err
        return self._content


def _entries(content: Dict[str, Any], key: str) -> List[Dict[str, Any]]:
    found = content.get(key) or []
    if not isinstance(found, list):
        raise SiteError("site_file: %s: not a list" % key)
    return [entry for entry in found if isinstance(entry, dict)]


def merge(live: Dict[str, Any], content: Dict[str, Any]) -> Dict[str, Any]:
    """A site with what the site file says in the place of what was learnt. live has one backend and at most one type."""
    backend = dict(live["backends"][0])
    for entry in _entries(content, "backends"):
        host = entry.get("host")
        if host == backend["host"] or (isinstance(host, str) and "#" not in host and
                                       backend["host"].startswith(host + "#")):
            backend.update((key, value) for key, value in entry.items() if key != "host")
    types = []
    for live_type in live["volume_types"]:
        specs = dict(live_type["extra_specs"])
        for entry in _entries(content, "volume_types"):
            if entry.get("name") == live_type["name"]:
                more = entry.get("extra_specs") or {}
                if not isinstance(more, dict):
                    raise SiteError("site_file: volume_types: extra_specs of %s: not an object" % entry["name"])
                specs.update(more)
        # The scheduler has chosen the backend: what the type says of backends was its business.
        specs.pop("volume_backend_name", None)
        types.append({"name": live_type["name"], "extra_specs": specs})
    return {"stores": _entries(content, "stores") or live["stores"], "backends": [backend], "volume_types": types}


class Contexts:
    """A small cache of contexts by site document. Belongs to one process: made anew in a child."""

    def __init__(self, conf: Any, connect_timeout: float) -> None:
        group = conf[opts.GROUP]
        connect = group.connect_timeout or connect_timeout
        operation = group.operation_timeout or connect
        milliseconds = {"connect_timeout_ms": connect, "mon_timeout_ms": operation, "osd_timeout_ms": operation,
                        "clone_timeout_ms": group.clone_timeout}
        self._options = {name: int(seconds * 1000) for name, seconds in milliseconds.items() if seconds}
        self._kept: "collections.OrderedDict[str, vtclone.Context]" = collections.OrderedDict()
        self._pid = os.getpid()

    def get(self, site: Dict[str, Any]) -> vtclone.Context:
        """The context of that site. vtclone.LoadError where the library cannot be used."""
        if self._pid != os.getpid():
            self._kept = collections.OrderedDict()
            self._pid = os.getpid()
        document = json.dumps(site, sort_keys=True)
        context = self._kept.get(document)
        if context is None:
            try:
                context = vtclone.Context(document, **self._options)
            except vtclone.BadInput as err:
                raise SiteError(str(err)) from err
            self._kept[document] = context
            while len(self._kept) > _KEPT_CONTEXTS:
                self._kept.popitem(last=False)  # freed when its last call and its last decision are
        self._kept.move_to_end(document)
        return context
