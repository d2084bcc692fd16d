"""The arrays' volumes: real sparse files, and what an array remembers of them between restarts."""

import json
import os
import subprocess
import uuid

SECTOR = 512


def create(path, size):
    """A new empty volume; FileExistsError where there is one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)


def clone(source, target, replace=False):
    """A copy of its own, shared blocks where the file system can. It appears under its name when it is whole."""
    partial = os.path.join(os.path.dirname(target), f".clone-{uuid.uuid4()}")
    try:
        done = subprocess.run(["cp", "--reflink=auto", "--sparse=always", "--", source, partial],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(done.stderr.strip())
        os.chmod(partial, 0o666)
        if replace:
            os.rename(partial, target)
        else:
            os.link(partial, target)
    finally:
        remove(partial)


def resize(path, size):
    os.truncate(path, size)


def remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def used(folder):
    """Bytes that a folder's files take on disk."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_blocks * SECTOR
            except FileNotFoundError:
                pass
    return total


def load(path, default):
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        return default


def save(path, document):
    with open(path + ".new", "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=1)
    os.rename(path + ".new", path)


def link(path, target):
    """A name by which the lab's initiator finds a mapped LUN."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    remove(path)
    os.symlink(target, path)
