"""ZAPI's calls on LUNs, initiator groups and the iSCSI service."""

from emulator import zapi
from emulator.ontap_luns import PORT


class LunCalls:
    def __init__(self, array):
        self._array, self._luns = array, array.luns

    def calls(self):
        return {
            "lun-create-by-size": self._create, "lun-destroy": self._destroy, "lun-resize": self._resize,
            "lun-move": self._move, "lun-get-geometry": self._geometry, "lun-get-iter": self._get,
            "lun-map": self._map, "lun-unmap": self._unmap, "lun-map-get-iter": self._maps,
            "lun-initiator-list-map-info": self._initiator_maps,
            "lun-set-space-reservation-info": lambda a: self._change(a, "reserved", a.get("enable") == "true"),
            "lun-set-qos-policy-group": lambda a: self._change(a, "qos", a.get("qos-policy-group")),
            "igroup-create": self._igroup_create, "igroup-add": self._igroup_add, "igroup-get-iter": self._igroups,
            "iscsi-interface-get-iter": self._portals, "iscsi-service-get-iter": self._service,
            "volume-options-list-info": lambda _a: {"options": [("option-info", {"name": "compression",
                                                                                 "value": "off"})]},
        }

    def _create(self, arguments):
        policy = arguments.get("qos-policy-group") or arguments.get("qos-adaptive-policy-group")
        if policy:
            self._array.qos.require(policy)
        lun = self._luns.create(arguments.get("path", ""), arguments.get("size", "0"), arguments.get("ostype", "image"),
                                arguments.get("space-reservation-enabled", "true") == "true", policy)
        return {"actual-size": lun["size"]}

    def _destroy(self, arguments):
        self._luns.destroy(arguments.get("path", ""), arguments.get("force") == "true")
        return {}

    def _resize(self, arguments):
        size = int(arguments.get("size") or 0)
        self._luns.resize(arguments.get("path", ""), size, arguments.get("force") == "true")
        return {"actual-size": size}

    def _move(self, arguments):
        self._luns.move(arguments.get("path", ""), arguments.get("new-path", ""))
        return {}

    def _geometry(self, arguments):
        size = self._luns.get(arguments.get("path", ""))["size"]
        return {"size": size, "bytes-per-sector": 512, "sectors-per-track": 63, "tracks-per-cylinder": 255,
                "cylinders": size // (512 * 63 * 255), "max-resize-size": 16 << 40}

    def _get(self, arguments):
        return zapi.iterate("lun-info", [{
            "path": path, "vserver": self._array.svm, "volume": path.split("/")[2], "qtree": "", "size": lun["size"],
            "multiprotocol-type": lun["ostype"], "is-space-reservation-enabled": lun["reserved"],
            "uuid": lun["uuid"], "block-size": 512, "online": True, "is-space-alloc-enabled": False}
            for path, lun in sorted(self._luns.known.items())], arguments)

    def _change(self, arguments, attribute, value):
        self._luns.change(arguments.get("path", ""), attribute, value)
        return {}

    # ---- initiator groups and maps ----

    def _igroup_create(self, arguments):
        self._luns.create_group(arguments.get("initiator-group-name", ""), arguments.get("initiator-group-type", "iscsi"),
                                arguments.get("os-type", "default"))
        return {}

    def _igroup_add(self, arguments):
        self._luns.add_initiator(arguments.get("initiator-group-name"), arguments.get("initiator"))
        return {}

    def _igroups(self, arguments):
        return zapi.iterate("initiator-group-info", [{
            "initiator-group-name": name, "initiator-group-type": group["type"], "initiator-group-os-type": group["os"],
            "vserver": self._array.svm,
            "initiators": [("initiator-info", {"initiator-name": one}) for one in group["initiators"]]}
            for name, group in self._luns.groups.items()], arguments)

    def _map(self, arguments):
        return {"lun-id-assigned": self._luns.map(arguments.get("path", ""), arguments.get("initiator-group", ""))}

    def _unmap(self, arguments):
        self._luns.unmap(arguments.get("path", ""), arguments.get("initiator-group", ""))
        return {}

    def _maps(self, arguments):
        return zapi.iterate("lun-map-info", [{
            "path": one["path"], "initiator-group": one["group"], "lun-id": one["lun"], "vserver": self._array.svm}
            for one in self._luns.maps], arguments)

    def _initiator_maps(self, arguments):
        groups = {name for name, group in self._luns.groups.items() if arguments.get("initiator") in group["initiators"]}
        return {"lun-maps": [("lun-map-info", {"path": one["path"], "lun-id": one["lun"]})
                             for one in self._luns.maps if one["group"] in groups]}

    # ---- iSCSI ----

    def _portals(self, arguments):
        return zapi.iterate("iscsi-interface-list-entry-info", [{
            "ip-address": self._array.ADDRESS, "ip-port": PORT, "tpgroup-tag": 1029, "is-interface-enabled": True,
            "vserver": self._array.svm}], arguments)

    def _service(self, arguments):
        return zapi.iterate("iscsi-service-info", [{"node-name": self._array.iqn, "vserver": self._array.svm,
                                                    "is-available": True}], arguments)
