"""LUNs, initiator groups and LUN maps of the emulated SVM. A LUN is known by its path, /vol/FLEXVOL/NAME."""

import os
import uuid

from emulator import files
from emulator.ontap_errors import (EINVALID, EXISTS, IGROUP_EXISTS, IGROUP_HAS, IS_MAPPED, MAPPED, NO_LUN, NO_MAP, NO_OBJECT,
                                   NO_SUCH_IGROUP, NO_VOLUME, TOO_SMALL, UNCHANGED, refuse)

PORT = 3260


class Luns:
    def __init__(self, array):
        self._array = array

    @property
    def known(self):
        """{path: {size, ostype, reserved, uuid, qos}}"""
        return self._array.known["luns"]

    @property
    def groups(self):
        """{name: {uuid, type, os, initiators}}"""
        return self._array.known["igroups"]

    @property
    def maps(self):
        """[{path, group, lun}]"""
        return self._array.known["maps"]

    def get(self, path):
        if path not in self.known:
            raise refuse(NO_LUN, f"No such LUN exists: {path}")
        return self.known[path]

    def _file(self, path):
        _empty, _vol, flexvol, name = path.split("/")
        return os.path.join(self._array.folder, "luns", flexvol, name)

    def _new(self, path, size, ostype, reserved, policy=None):
        parts = path.split("/")
        if len(parts) != 4 or parts[:2] != ["", "vol"] or not parts[3] or parts[3].startswith("."):
            raise refuse(EINVALID, f"Invalid LUN path: {path}")
        if parts[2] not in self._array.flexvols:
            raise refuse(NO_VOLUME, f"No such volume: {parts[2]}")
        if path in self.known:
            raise refuse(EXISTS, f"LUN already exists at this path: {path}")
        self.known[path] = {"size": int(size), "ostype": ostype, "reserved": reserved, "uuid": str(uuid.uuid4()),
                            "qos": policy}
        return self.known[path]

    def settle(self, path):
        """A LUN keeps its size, whatever a host's open() did to the file that stands for it."""
        if os.stat(self._file(path)).st_size != self.known[path]["size"]:
            files.resize(self._file(path), self.known[path]["size"])

    # ---- LUNs ----

    def create(self, path, size, ostype, reserved, policy=None):
        with self._array.lock:
            lun = self._new(path, size, ostype, reserved, policy)
            try:
                self._array.require_space(path.split("/")[2])
                files.create(self._file(path), lun["size"])
            except BaseException:
                del self.known[path]
                raise
            self._array.save()
        return lun

    def clone(self, origin, path, reserved=None, policy=None):
        """In its source's FlexVol. Its bytes are copied outside the lock: clones do not wait for each other."""
        self._array.require_space(path.split("/")[2] if path.count("/") == 3 else path)
        with self._array.lock:
            old = self.get(origin)
            if origin.split("/")[2] != path.split("/")[2]:
                raise refuse(EINVALID, f"A clone stays in the volume of its source: {path}")
            lun = self._new(path, old["size"], old["ostype"], old["reserved"] if reserved is None else reserved, policy)
        try:
            files.clone(self._file(origin), self._file(path))
        except BaseException:
            with self._array.lock:
                del self.known[path]
            raise
        with self._array.lock:
            self.settle(path)
            self._array.save()
        return lun

    def destroy(self, path, force):
        with self._array.lock:
            if path not in self.known:
                raise refuse(NO_OBJECT, f"LUN not found: {path}")
            mapped = [one for one in self.maps if one["path"] == path]
            if mapped and not force:
                raise refuse(MAPPED, f"LUN is currently mapped: {path}")
            for one in mapped:
                self._drop_map(one)
            del self.known[path]
            files.remove(self._file(path))
            self._array.save()

    def resize(self, path, size, shrink):
        with self._array.lock:
            lun = self.get(path)
            if size == lun["size"]:
                raise refuse(UNCHANGED, f"New LUN size is the same as the old size: {path}")
            if size < lun["size"] and not shrink:
                raise refuse(TOO_SMALL, f"Reducing a LUN needs force: {path}")
            if size > lun["size"]:
                self._array.require_space(path.split("/")[2])
            lun["size"] = size
            self.settle(path)
            self._array.save()

    def move(self, old, new):
        with self._array.lock:
            lun = self.get(old)
            self.known[new] = {**self._new(new, lun["size"], lun["ostype"], lun["reserved"]), **lun}
            os.rename(self._file(old), self._file(new))
            del self.known[old]
            for one in self.maps:
                if one["path"] == old:
                    one["path"] = new
                    files.link(self._link(one["lun"]), self._file(new))
            self._array.save()

    def change(self, path, attribute, value):
        with self._array.lock:
            self.get(path)[attribute] = value
            self._array.save()

    # ---- initiator groups and maps ----

    def group(self, name):
        if name not in self.groups:
            raise refuse(NO_SUCH_IGROUP, f"No such initiator group: {name}")
        return self.groups[name]

    def create_group(self, name, kind, system, initiators=()):
        with self._array.lock:
            if not name or name in self.groups:
                raise refuse(IGROUP_EXISTS, f"Initiator group exists or has no name: {name}")
            self.groups[name] = {"uuid": str(uuid.uuid4()), "type": kind, "os": system, "initiators": list(initiators)}
            self._array.save()

    def add_initiator(self, name, initiator):
        with self._array.lock:
            group = self.group(name)
            if initiator in group["initiators"]:
                raise refuse(IGROUP_HAS, f"Initiator group has {initiator} already")
            group["initiators"].append(initiator)
            self._array.save()

    def _link(self, lun):
        return os.path.join(self._array.folder, "iscsi", self._array.iqn, str(lun))

    def map(self, path, group):
        """The LUN's number for that group."""
        with self._array.lock:
            self.get(path)
            self.group(group)
            if any(one["path"] == path and one["group"] == group for one in self.maps):
                raise refuse(IS_MAPPED, f"LUN is mapped to this group already: {path}")
            taken = {one["lun"] for one in self.maps}
            number = next(one for one in range(4096) if one not in taken)
            self.maps.append({"path": path, "group": group, "lun": number})
            files.link(self._link(number), self._file(path))
            self._array.save()
        return number

    def _drop_map(self, one):
        self.maps.remove(one)
        files.remove(self._link(one["lun"]))

    def unmap(self, path, group):
        with self._array.lock:
            found = [one for one in self.maps if one["path"] == path and one["group"] == group]
            if not found:
                raise refuse(NO_MAP, f"LUN is not mapped to {group}: {path}")
            self._drop_map(found[0])
            self.settle(path)
            self._array.save()
