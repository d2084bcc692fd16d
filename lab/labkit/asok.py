"""Ask a Ceph daemon through its admin socket (what `ceph --admin-daemon` does, without its start-up time)."""

import json
import socket
import struct

from labkit.procs import LabError


def ask(path, command, timeout=10, **arguments):
    request = json.dumps(dict(arguments, prefix=command, format="json")).encode() + b"\0"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(path)
            sock.sendall(request)
            (length,) = struct.unpack(">I", _read(sock, 4))
            answer = _read(sock, length)
        except OSError as error:
            raise LabError(f"{command} on {path}: {error}")
    try:
        return json.loads(answer)
    except ValueError:
        raise LabError(f"{command} on {path}: {answer[:200].decode(errors='replace')}")


def _read(sock, count):
    parts = []
    while count:
        part = sock.recv(min(count, 1 << 20))
        if not part:
            raise OSError("the daemon closed the socket")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
