"""Context: a site and the connections of this process. Decision: the answer to one request."""

import ctypes
import json
import os
from ctypes import byref
from typing import Any, Callable, Dict, Iterable, List, Optional, Union

from vtclone import _ctypes as c
from vtclone import errors

#: A JSON document: as text, as bytes, or as what json.dumps() takes.
Document = Union[str, bytes, Dict[str, Any], List[Any]]

_UINT32_MAX = 2 ** 32 - 1
_INT64_MAX = 2 ** 63 - 1


def _document(name: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        if isinstance(value, str):
            return value.encode("utf-8")
        return json.dumps(value).encode("ascii")
    except (TypeError, ValueError, RecursionError) as err:
        raise errors.bad_input("%s cannot be written as JSON: %s" % (name, err)) from err


class Decision:
    """Which location serves a request, and why every other one does not. Immutable; made by a Context."""

    def __init__(self, lib: ctypes.CDLL, pointer: int) -> None:
        self._lib = lib
        self._pointer: Optional[int] = pointer

    def __del__(self) -> None:
        pointer, self._pointer = getattr(self, "_pointer", None), None
        if pointer:
            self._lib.vtclone_decision_free(pointer)

    def __bool__(self) -> bool:
        """Whether there is something to clone."""
        return self.method != "none"

    def __repr__(self) -> str:
        return "<vtclone.Decision %s %s %s>" % (self.method, self.reason, self.url)

    @property
    def reason(self) -> str:
        """"OK", or the most telling reason of the candidates ("NOT_PAIRED")."""
        return self._lib.vtclone_reason_name(self._lib.vtclone_decision_reason(self._pointer)).decode("ascii")

    @property
    def method(self) -> str:
        """"rbd-clone", "cinder-clone" or "none"."""
        return self._lib.vtclone_decision_method(self._pointer).decode("ascii")

    @property
    def backend(self) -> Optional[str]:
        return c.text(self._lib.vtclone_decision_backend(self._pointer))

    @property
    def url(self) -> Optional[str]:
        return c.text(self._lib.vtclone_decision_url(self._pointer))

    @property
    def store(self) -> Optional[str]:
        return c.text(self._lib.vtclone_decision_store(self._pointer))

    @property
    def wanted_store(self) -> Optional[str]:
        """The store whose copy serves the backend; None where nothing says which that is."""
        return c.text(self._lib.vtclone_decision_wanted_store(self._pointer))

    @property
    def copy_store(self) -> Optional[str]:
        """The same store, where this is a miss that a copy into it would mend."""
        return c.text(self._lib.vtclone_decision_copy_store(self._pointer))

    @property
    def engine(self) -> Optional[str]:
        """Who made the volume, in a decision that clone() returned: "librbd" or "direct"."""
        return c.text(self._lib.vtclone_decision_engine(self._pointer))

    @property
    def detail(self) -> Optional[str]:
        """One sentence for the whole decision."""
        return c.text(self._lib.vtclone_decision_detail(self._pointer))

    @property
    def location_index(self) -> Optional[int]:
        index = self._lib.vtclone_decision_location_index(self._pointer)
        return None if index < 0 else index

    @property
    def unpaired(self) -> bool:
        """A location names something that is not this image's own copy (see the rules: an attack, or a mistake)."""
        return bool(self._lib.vtclone_decision_unpaired(self._pointer))

    def candidates(self) -> List[Dict[str, Any]]:
        """Every location tried against every backend: host, index, url, store, reason, detail, unpaired."""
        found = []
        for number in range(self._lib.vtclone_decision_candidate_count(self._pointer)):
            err, info = c.ErrorStruct(), c.CandidateInfo(size=ctypes.sizeof(c.CandidateInfo))
            c.check(self._lib, self._lib.vtclone_decision_candidate(self._pointer, number, byref(info), byref(err)),
                    err)
            found.append({"host": c.text(info.host), "index": info.index, "url": c.text(info.url),
                          "store": c.text(info.store), "detail": c.text(info.detail),
                          "reason": c.text(self._lib.vtclone_reason_name(info.reason)),
                          "unpaired": bool(self._lib.vtclone_reason_is_unpaired(info.reason))})
        return found

    def to_json(self) -> str:
        err, out, size = c.ErrorStruct(), ctypes.c_void_p(), ctypes.c_size_t()
        c.check(self._lib, self._lib.vtclone_decision_json(self._pointer, byref(out), byref(size), byref(err)), err)
        try:
            return ctypes.string_at(out.value or 0, size.value).decode("utf-8")
        finally:
            self._lib.vtclone_string_free(out)

    def as_dict(self) -> Dict[str, Any]:
        """The whole decision, as `vtclone resolve --format json` prints it. A new dictionary each time."""
        return json.loads(self.to_json())


class Context:
    """A site and the cluster connections that this process keeps.

    site: the site document (dict, JSON text or bytes). options: connect_timeout_ms, mon_timeout_ms, osd_timeout_ms,
    clone_timeout_ms, idle_close_ms and debug_fd of struct vtclone_options.

    Any number of threads may use one context. clone() blocks for up to its timeout with the interpreter lock
    released: call it off an event loop. close() never waits: calls that are under way finish, the last one frees.
    No lock is taken, so it is safe whether or not eventlet has replaced the locks of the standard library.
    """

    def __init__(self, site: Document, **options: int) -> None:
        self._open_handles: List[int] = []  # at most one; list.pop() decides who frees it
        self._sites: List[int] = []
        self._calls: set = set()
        self._closed = False
        self._options = self._make_options(options)
        self._lib = c.library()
        document = _document("site", site)
        err, out = c.ErrorStruct(), ctypes.c_void_p()
        c.check(self._lib, self._lib.vtclone_site_parse(document, len(document), byref(out), byref(err)), err)
        self._sites.append(out.value)
        err, out = c.ErrorStruct(), ctypes.c_void_p()
        c.check(self._lib, self._lib.vtclone_open(byref(self._options), byref(out), byref(err)), err)
        self._open_handles.append(out.value)

    @classmethod
    def from_file(cls, path: Union[str, "os.PathLike[str]"], **options: int) -> "Context":
        """A context of a site file."""
        try:
            with open(path, "rb") as stream:
                document = stream.read()
        except OSError as err:
            raise errors.BadInput("cannot read the site file: %s" % err, "VTCLONE_E_DOCUMENT", err.errno or 0) from err
        return cls(document, **options)

    @staticmethod
    def _make_options(options: Dict[str, int]) -> c.Options:
        made = c.Options(size=ctypes.sizeof(c.Options))
        for name, value in options.items():
            if name == "size" or name not in dict(c.Options._fields_):
                raise errors.bad_input("unknown option %r" % name)
            high = 2 ** 31 - 1 if name == "debug_fd" else _UINT32_MAX
            setattr(made, name, c.integer(name, value, 0, high))
        return made

    # A call registers itself first and looks at _closed then; close() sets _closed first and looks at the calls then:
    # whichever comes second sees the other.
    def _run(self, call: Callable[[], Any]) -> Any:
        token = object()
        self._calls.add(token)
        try:
            if self._closed:
                raise errors.bad_input("the context is closed")
            return call()
        finally:
            self._calls.discard(token)
            self._free_if_idle()

    def _free_if_idle(self) -> None:
        if not self._closed or self._calls:
            return
        for owned, free in ((self._open_handles, "vtclone_free"), (self._sites, "vtclone_site_free")):
            try:
                pointer = owned.pop()
            except IndexError:
                continue
            getattr(self._lib, free)(pointer)

    def backends(self) -> List[Dict[str, Optional[str]]]:
        """What the site says of its backends, in its order."""
        def call() -> List[Dict[str, Optional[str]]]:
            found = []
            for index in range(self._lib.vtclone_site_backend_count(self._sites[0])):
                err, info = c.ErrorStruct(), c.BackendInfo(size=ctypes.sizeof(c.BackendInfo))
                c.check(self._lib, self._lib.vtclone_site_backend(self._sites[0], index, byref(info), byref(err)), err)
                found.append({name: c.text(getattr(info, name)) for name, _ in c.BackendInfo._fields_[1:]})
            return found
        return self._run(call)

    def resolve(self, image: Document, volume_type: Optional[str], backend: Optional[str] = None,
                size_gib: Optional[int] = None, project_id: Optional[str] = None,
                image_volumes: Union[Document, Iterable[Dict[str, Any]]] = (), signed_images: str = "deny",
                owner_rule: str = "cinder") -> Decision:
        """Decides which location of the image (Glance's JSON of it) serves a volume of that type. Touches no network.

        A miss is a Decision too: it is false, and its reason says why."""
        document = _document("image", image)
        options = c.ResolveOptions(size=ctypes.sizeof(c.ResolveOptions))
        options.volume_type = c.c_string("volume_type", volume_type)
        options.backend = c.c_string("backend", backend)
        options.size_gib = c.integer("size_gib", size_gib or 0, 0, _INT64_MAX)
        options.project_id = c.c_string("project_id", project_id)
        options.signed_images = c.choice("signed_images", signed_images, c.SIGNED_IMAGES)
        options.owner_rule = c.choice("owner_rule", owner_rule, c.OWNER_RULES)
        if not isinstance(image_volumes, (str, bytes, dict)):
            image_volumes = list(image_volumes)
        if image_volumes:
            volumes = _document("image_volumes", image_volumes)
            options.image_volumes = volumes
            options.image_volumes_len = len(volumes)

        def call() -> Decision:
            err, out = c.ErrorStruct(), ctypes.c_void_p()
            c.check(self._lib, self._lib.vtclone_resolve(self._sites[0], document, len(document), byref(options),
                                                         byref(out), byref(err)), err)
            return Decision(self._lib, out.value or 0)
        return self._run(call)

    def clone(self, decision: Decision, volume: str, size_gib: int, engine: str = "auto",
              timeout_ms: int = 0) -> Decision:
        """Makes the volume (an rbd image of that name in the backend's pool) and returns what was done.

        Blocks for up to timeout_ms (0: the context's clone_timeout_ms). On failure nothing is left behind."""
        if not isinstance(decision, Decision):
            raise errors.bad_input("decision: expected a vtclone.Decision, found %s" % type(decision).__name__)
        name = c.c_string("volume", volume)
        size = c.integer("size_gib", size_gib, 0, _INT64_MAX)
        options = c.CloneOptions(size=ctypes.sizeof(c.CloneOptions), engine=c.choice("engine", engine, c.ENGINES),
                                 timeout_ms=c.integer("timeout_ms", timeout_ms, 0, _UINT32_MAX))

        def call() -> Decision:
            err, out = c.ErrorStruct(), ctypes.c_void_p()
            c.check(self._lib, self._lib.vtclone_clone(self._open_handles[0], decision._pointer, name, size,
                                                       byref(options), byref(out), byref(err)), err)
            return Decision(self._lib, out.value or 0)
        return self._run(call)

    def stats(self) -> Dict[str, int]:
        """Counters since the process started: connects, connect_failures, open_connections, clones, clone_failures."""
        def call() -> Dict[str, int]:
            err, made = c.ErrorStruct(), c.Stats(size=ctypes.sizeof(c.Stats))
            c.check(self._lib, self._lib.vtclone_get_stats(self._open_handles[0], byref(made), byref(err)), err)
            return {name: getattr(made, name) for name, _ in c.Stats._fields_[1:]}
        return self._run(call)

    def close(self) -> None:
        """Frees the site and, with the last context of the process, the connections. Safe to call twice."""
        self._closed = True
        self._free_if_idle()

    def __enter__(self) -> "Context":
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_lib", None) is not None:
            self.close()
