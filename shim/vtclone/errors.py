"""Errors, one class for each thing that a caller can do next."""

from typing import Dict, Optional, Type


class Error(Exception):
    """Base of all: code is the library's name of the failure ("VTCLONE_E_RADOS"), errno the system's number or 0."""

    def __init__(self, message: str, code: str = "VTCLONE_E_UNKNOWN", errno: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.errno = errno


class LoadError(Error, ImportError):
    """libvtclone.so.1 cannot be used: missing, not loadable or of another ABI. Go on without it."""

    def __init__(self, message: str) -> None:
        Error.__init__(self, message, "VTCLONE_E_LOAD")


class BadInput(Error, ValueError):
    """An argument or a JSON document is wrong, or a limit was exceeded: the same call will fail again."""


class Miss(Error):
    """The decision has nothing to clone: copy the image, download it, or refuse."""


class VolumeExists(Error):
    """Another image has the volume's name. It was not touched: choose another name or look at it."""


class Unsupported(Error):
    """This engine, build or decision cannot do that: ask for it another way."""


class ServiceError(Error):
    """Ceph, Glance, Cinder or Keystone failed. Nothing was left behind: another attempt or another host may do."""


class TimedOut(ServiceError):
    """A deadline passed."""


class Cancelled(Error):
    """The caller cancelled the operation."""


class Forked(Error):
    """The object was made before a fork: make a new one in this process."""


class OutOfMemory(Error, MemoryError):
    """Not enough memory; nothing was changed."""


class InternalError(Error):
    """A defect of the library, or a code that this package does not know."""


#: Class by code. The numbers are those of enum vtclone_code.
_BY_CODE: Dict[int, Type[Error]] = {
    -1: BadInput, -2: BadInput, -3: BadInput, -4: OutOfMemory, -5: Forked, -6: Miss, -7: VolumeExists, -8: ServiceError,
    -9: TimedOut, -10: Unsupported, -11: ServiceError, -12: ServiceError, -13: ServiceError, -14: Cancelled,
    -15: ServiceError, -16: InternalError,
}


def make(number: int, name: str, errno: int, message: str) -> Error:
    """The exception for a code of the library."""
    return _BY_CODE.get(number, InternalError)(message or name, name, errno)


def bad_input(message: str) -> BadInput:
    return BadInput(message, "VTCLONE_E_INVALID")


def known_codes() -> Dict[int, Optional[Type[Error]]]:
    """For the test that compares them with the header."""
    return dict(_BY_CODE)
