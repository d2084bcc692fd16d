"""vtclone: which copy of a Glance image a volume of a given type can be cloned from, and the clone itself.

    with vtclone.Context.from_file("/etc/vtclone/site.json") as context:
        decision = context.resolve(image, "ceph", size_gib=10)
        if decision.method == "rbd-clone":
            context.clone(decision, "volume-...", 10)

Importing this package loads nothing; the first Context loads libvtclone.so.1 (or what VTCLONE_LIBRARY names), and
raises LoadError where that fails.
"""

from vtclone._ctypes import library as _library
from vtclone._version import ABI
from vtclone._version import VERSION as __version__
from vtclone.context import Context
from vtclone.context import Decision
from vtclone.context import Document
from vtclone.errors import BadInput
from vtclone.errors import Cancelled
from vtclone.errors import Error
from vtclone.errors import Forked
from vtclone.errors import InternalError
from vtclone.errors import LoadError
from vtclone.errors import Miss
from vtclone.errors import OutOfMemory
from vtclone.errors import ServiceError
from vtclone.errors import TimedOut
from vtclone.errors import Unsupported
from vtclone.errors import VolumeExists


def library_version() -> str:
    """The version of the loaded library."""
    return _library().vtclone_version().decode("ascii")


__all__ = [
    "ABI", "BadInput", "Cancelled", "Context", "Decision", "Document", "Error", "Forked", "InternalError", "LoadError",
    "Miss", "OutOfMemory", "ServiceError", "TimedOut", "Unsupported", "VolumeExists", "__version__", "library_version",
]
