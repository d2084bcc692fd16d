"""LUNs, initiator groups and the iSCSI service of the emulated SVM."""

import os
import uuid

from emulator import files, web, zapi

NO_SUCH_IGROUP, IGROUP_EXISTS, IGROUP_HAS, EXISTS, NO_MAP, NO_LUN, NO_VOLUME, TOO_SMALL, UNCHANGED = (
    "9003", "9004", "9008", "9012", "9016", "9017", "9036", "9041", "9042")
PORT = 3260


class Luns:
    def __init__(self, array):
        self._array = array
        array.luns = self

    def calls(self):
        return {
            "lun-create-by-size": self._create, "lun-destroy": self._destroy, "lun-resize": self._resize,
            "lun-move": self._move, "lun-get-geometry": self._geometry, "lun-get-iter": self._get,
            "lun-map": self._map, "lun-unmap": self._unmap, "lun-map-get-iter": self._maps,
            "lun-initiator-list-map-info": self._initiator_maps,
            "lun-set-space-reservation-info": self._set("space-reserved", "enable"),
            "lun-set-qos-policy-group": self._set("qos", "qos-policy-group"),
            "igroup-create": self._igroup_create, "igroup-add": self._igroup_add, "igroup-get-iter": self._igroups,
            "iscsi-interface-get-iter": self._portals, "iscsi-service-get-iter": self._service,
            "volume-options-list-info": lambda _a: {"options": [("option-info", {"name": "compression",
                                                                                 "value": "off"})]},
        }

    @property
    def _luns(self):
        return self._array.known["luns"]

    def _lun(self, path):
        if path not in self._luns:
            raise web.ArrayError(NO_LUN, f"No such LUN exists: {path}")
        return self._luns[path]

    def _file(self, path):
        _empty, _vol, flexvol, name = path.split("/")
        return os.path.join(self._array.folder, "luns", flexvol, name)

    def _new(self, path, size, ostype, reserved):
        parts = path.split("/")
        if len(parts) != 4 or parts[:2] != ["", "vol"] or not parts[3] or parts[3].startswith("."):
            raise web.ArrayError(zapi.EINVALID, f"Invalid LUN path: {path}")
        if parts[2] not in self._array.flexvols:
            raise web.ArrayError(NO_VOLUME, f"No such volume: {parts[2]}")
        if path in self._luns:
            raise web.ArrayError(EXISTS, f"LUN already exists at this path: {path}")
        self._luns[path] = {"size": int(size), "ostype": ostype, "space-reserved": reserved, "uuid": str(uuid.uuid4())}
        return self._luns[path]

    def settle(self, path):
        """A LUN keeps its size, whatever a host's open() did to the file that stands for it."""
        if os.stat(self._file(path)).st_size != self._luns[path]["size"]:
            files.resize(self._file(path), self._luns[path]["size"])

    # ---- LUNs ----

    def _create(self, arguments):
        path, size = arguments.get("path", ""), arguments.get("size", "0")
        with self._array.lock:
            lun = self._new(path, size, arguments.get("ostype", "image"),
                            arguments.get("space-reservation-enabled", "true"))
            try:
                self._array.require_space(path.split("/")[2])
                files.create(self._file(path), lun["size"])
            except BaseException:
                del self._luns[path]
                raise
            self._array.save()
        return {"actual-size": lun["size"]}

    def known(self, flexvol, name):
        return f"/vol/{flexvol}/{name}" in self._luns

    def clone(self, flexvol, source, target, arguments):
        origin, path = f"/vol/{flexvol}/{source}", f"/vol/{flexvol}/{target}"
        with self._array.lock:
            old = self._lun(origin)
            self._new(path, old["size"], old["ostype"], arguments.get("space-reserve", old["space-reserved"]))
        try:
            files.clone(self._file(origin), self._file(path))
        except BaseException:
            with self._array.lock:
                del self._luns[path]
            raise
        with self._array.lock:
            self.settle(path)
            self._array.save()
        return {}

    def _destroy(self, arguments):
        path = arguments.get("path", "")
        with self._array.lock:
            if path not in self._luns:
                raise web.ArrayError("15661", f"LUN not found: {path}")     # EOBJECTNOTFOUND
            if any(one["path"] == path for one in self._array.known["maps"]) and arguments.get("force") != "true":
                raise web.ArrayError("9013", f"LUN is currently mapped: {path}")
            for one in [one for one in self._array.known["maps"] if one["path"] == path]:
                self._drop_map(one)
            del self._luns[path]
            files.remove(self._file(path))
            self._array.save()
        return {}

    def _resize(self, arguments):
        path, size = arguments.get("path", ""), int(arguments.get("size") or 0)
        with self._array.lock:
            lun = self._lun(path)
            if size == lun["size"]:
                raise web.ArrayError(UNCHANGED, f"New LUN size is the same as the old size: {path}")
            if size < lun["size"] and arguments.get("force") != "true":
                raise web.ArrayError(TOO_SMALL, f"Reducing a LUN needs force: {path}")
            if size > lun["size"]:
                self._array.require_space(path.split("/")[2])
            lun["size"] = size
            self.settle(path)
            self._array.save()
        return {"actual-size": size}

    def _move(self, arguments):
        old, new = arguments.get("path", ""), arguments.get("new-path", "")
        with self._array.lock:
            lun = self._lun(old)
            self._luns[new] = {**self._new(new, lun["size"], lun["ostype"], lun["space-reserved"]), **lun}
            os.rename(self._file(old), self._file(new))
            del self._luns[old]
            self._array.save()
        return {}

    def _geometry(self, arguments):
        size = self._lun(arguments.get("path", ""))["size"]
        return {"size": size, "bytes-per-sector": 512, "sectors-per-track": 63, "tracks-per-cylinder": 255,
                "cylinders": size // (512 * 63 * 255), "max-resize-size": 16 << 40}

    def _get(self, arguments):
        return zapi.iterate("lun-info", [{
            "path": path, "vserver": self._array.svm, "volume": path.split("/")[2], "qtree": "", "size": lun["size"],
            "multiprotocol-type": lun["ostype"], "is-space-reservation-enabled": lun["space-reserved"],
            "uuid": lun["uuid"], "block-size": 512, "online": True, "is-space-alloc-enabled": False}
            for path, lun in sorted(self._luns.items())], arguments)

    def _set(self, attribute, argument):
        def work(arguments):
            with self._array.lock:
                self._lun(arguments.get("path", ""))[attribute] = arguments.get(argument)
                self._array.save()
            return {}
        return work

    # ---- initiator groups and maps ----

    def _igroup(self, name):
        if name not in self._array.known["igroups"]:
            raise web.ArrayError(NO_SUCH_IGROUP, f"No such initiator group: {name}")
        return self._array.known["igroups"][name]

    def _igroup_create(self, arguments):
        name = arguments.get("initiator-group-name", "")
        with self._array.lock:
            if not name or name in self._array.known["igroups"]:
                raise web.ArrayError(IGROUP_EXISTS, f"Initiator group exists or has no name: {name}")
            self._array.known["igroups"][name] = {"type": arguments.get("initiator-group-type", "iscsi"),
                                                  "os": arguments.get("os-type", "default"), "initiators": []}
            self._array.save()
        return {}

    def _igroup_add(self, arguments):
        with self._array.lock:
            group = self._igroup(arguments.get("initiator-group-name"))
            if arguments.get("initiator") in group["initiators"]:
                raise web.ArrayError(IGROUP_HAS, f"Initiator group has {arguments['initiator']} already")
            group["initiators"].append(arguments.get("initiator"))
            self._array.save()
        return {}

    def _igroups(self, arguments):
        return zapi.iterate("initiator-group-info", [{
            "initiator-group-name": name, "initiator-group-type": group["type"], "initiator-group-os-type": group["os"],
            "vserver": self._array.svm,
            "initiators": [("initiator-info", {"initiator-name": one}) for one in group["initiators"]]}
            for name, group in self._array.known["igroups"].items()], arguments)

    def _link(self, lun):
        return os.path.join(self._array.folder, "iscsi", self._array.iqn, str(lun))

    def _map(self, arguments):
        path, group = arguments.get("path", ""), arguments.get("initiator-group", "")
        with self._array.lock:
            self._lun(path)
            self._igroup(group)
            maps = self._array.known["maps"]
            if any(one["path"] == path and one["group"] == group for one in maps):
                raise web.ArrayError("9022", f"LUN is mapped to this group already: {path}")
            taken = {one["lun"] for one in maps}
            number = next(one for one in range(4096) if one not in taken)
            maps.append({"path": path, "group": group, "lun": number})
            files.link(self._link(number), self._file(path))
            self._array.save()
        return {"lun-id-assigned": number}

    def _drop_map(self, one):
        self._array.known["maps"].remove(one)
        files.remove(self._link(one["lun"]))

    def _unmap(self, arguments):
        path, group = arguments.get("path", ""), arguments.get("initiator-group", "")
        with self._array.lock:
            found = [one for one in self._array.known["maps"] if one["path"] == path and one["group"] == group]
            if not found:
                raise web.ArrayError(NO_MAP, f"LUN is not mapped to {group}: {path}")
            self._drop_map(found[0])
            self.settle(path)
            self._array.save()
        return {}

    def _maps(self, arguments):
        return zapi.iterate("lun-map-info", [{
            "path": one["path"], "initiator-group": one["group"], "lun-id": one["lun"], "vserver": self._array.svm}
            for one in self._array.known["maps"]], arguments)

    def _initiator_maps(self, arguments):
        groups = {name for name, group in self._array.known["igroups"].items()
                  if arguments.get("initiator") in group["initiators"]}
        return {"lun-maps": [("lun-map-info", {"path": one["path"], "lun-id": one["lun"]})
                             for one in self._array.known["maps"] if one["group"] in groups]}

    # ---- iSCSI ----

    def _portals(self, arguments):
        return zapi.iterate("iscsi-interface-list-entry-info", [{
            "ip-address": "127.0.0.1", "ip-port": PORT, "tpgroup-tag": 1029, "is-interface-enabled": True,
            "vserver": self._array.svm}], arguments)

    def _service(self, arguments):
        return zapi.iterate("iscsi-service-info", [{"node-name": self._array.iqn, "vserver": self._array.svm,
                                                    "is-available": True}], arguments)
