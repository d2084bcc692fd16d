"""Start, find and end the processes of one lab.

Every process of a lab carries two environment variables, the lab's state
folder and its role, and hands them on to its children.  A lab's processes are
found by reading /proc/PID/environ, so there is no pid file that can go stale,
no number that can belong to somebody else by now, and no child that is missed.
Signals go through a pidfd that is opened before that check.
"""

import os
import signal
import socket
import subprocess
import sys
import time

STATE_MARK = "_VTLAB_STATE"
ROLE_MARK = "_VTLAB_ROLE"


class LabError(Exception):
    """Something a user of the lab should read; printed without a traceback."""


def state_path(path):
    return os.path.realpath(os.path.abspath(path))


def _marks(pid):
    """(state, role) of a process, or None if it is gone, a zombie or not ours to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            fields = stream.read().split(b"\0")
    except OSError:
        return None
    found = {}
    for field in fields:
        name, sep, value = field.partition(b"=")
        if sep:
            found[name.decode(errors="replace")] = value.decode(errors="surrogateescape")
    if STATE_MARK not in found:
        return None
    return found[STATE_MARK], found.get(ROLE_MARK, "")


def find(state, role=None):
    """{pid: role} of the lab's living processes, oldest (smallest pid) first."""
    result = {}
    for name in sorted((n for n in os.listdir("/proc") if n.isdigit()), key=int):
        marks = _marks(int(name))
        if marks and marks[0] == state and role in (None, marks[1]) and int(name) != os.getpid():
            result[int(name)] = marks[1]
    return result


def send(state, pid, signum):
    """Signal one process of the lab; False when it is not one of the lab any more."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        marks = _marks(pid)
        if not marks or marks[0] != state:
            return False
        signal.pidfd_send_signal(handle, signum)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


def signal_role(state, role, signum):
    pids = [pid for pid in find(state, role) if send(state, pid, signum)]
    if not pids:
        raise LabError(f"no {role} is running in {state}")
    return pids


def end(state, role=None, grace=0.0):
    """End the lab's processes (of one role): TERM and a grace period where asked for, then KILL."""
    if grace:
        for pid in find(state, role):
            send(state, pid, signal.SIGTERM)
            send(state, pid, signal.SIGCONT)
        deadline = time.monotonic() + grace
        while find(state, role) and time.monotonic() < deadline:
            time.sleep(0.05)
    deadline = time.monotonic() + 20
    while True:
        left = find(state, role)
        if not left:
            return
        if time.monotonic() > deadline:
            raise LabError(f"processes {sorted(left)} do not go away")
        for pid in left:
            send(state, pid, signal.SIGKILL)
        time.sleep(0.03)


def _marked(state, role, env):
    return {**(os.environ if env is None else env), STATE_MARK: state, ROLE_MARK: role}


def spawn(state, role, argv, env=None, cwd=None):
    """Start a daemon of the lab in a session of its own; its output goes to log/ROLE.out."""
    log = log_path(state, role)
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "ab") as out:
        try:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    env=_marked(state, role, env), cwd=cwd or state, start_new_session=True)
        except OSError as error:
            raise LabError(f"cannot start {argv[0]}: {error.strerror} (lab/deps installs what the lab needs)")


def log_path(state, role):
    return os.path.join(state, "log", role + ".out")


def tail(path, lines=15):
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 16384))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def wait_until(check, what, seconds, process=None, logs=()):
    """Poll check() until it is true; a dead process or the deadline raises with the tail of its logs."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while True:
        if check():
            return
        reason = None
        if process is not None and process.poll() is not None:
            reason = f"{what}: the process ended with status {process.returncode}"
        elif time.monotonic() > deadline:
            reason = f"{what}: nothing after {seconds:g} s"
        if reason:
            for path in logs:
                text = tail(path)
                if text:
                    reason += f"\n--- last lines of {path}\n{text}"
            raise LabError(reason)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.4)


def port_answers(port, host="127.0.0.1"):
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def port_is_free(port, host="127.0.0.1"):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(first, count):
    """The first of `count` ports that nobody has: `first`, or some hundreds further on where a lab that a crashed run
    left, or another checkout's, is in the way."""
    for base in range(first, first + 30 * 300, 300):
        if all(port_is_free(port) for port in range(base, base + count)):
            return base
    raise LabError(f"no {count} free ports from {first} on; choose another --port")


def run(state, argv, what, timeout=120, env=None):
    """Run a helper program of the lab to its end; its output only matters when it fails."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout, env=_marked(state, "helper", env))
    except OSError as error:
        raise LabError(f"{what}: cannot run {argv[0]}: {error.strerror} (lab/deps installs what the lab needs)")
    except subprocess.TimeoutExpired:
        raise LabError(f"{what}: {argv[0]} did not end within {timeout} s")
    if done.returncode:
        text = done.stdout.decode(errors="replace").strip()
        raise LabError(f"{what}: {argv[0]} ended with status {done.returncode}\n{text[-3000:]}")
    return done.stdout.decode(errors="replace")


def main_guard(main):
    """Run a command's main(); a LabError becomes one message and exit status 1.

    A TERM ends the command as an interrupt does: what it had started is ended first.
    """
    def interrupt(_signum, _frame):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, interrupt)
    try:
        sys.exit(main())
    except LabError as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{os.path.basename(sys.argv[0])}: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
