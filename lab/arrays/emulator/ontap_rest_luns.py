"""REST resources of LUNs, initiator groups, LUN maps and the iSCSI service."""

from emulator import web
from emulator.ontap_errors import EINVALID, NO_LUN, NO_SUCH_IGROUP, UNCHANGED, refuse
from emulator.rest_records import collection, matches


class LunResources:
    def __init__(self, array):
        self._array, self._luns = array, array.luns
        self._svm = {"name": array.svm, "uuid": array.uuid_of("svm")}

    def resources(self):
        table = {
            "POST /storage/luns": self._create, "PATCH /storage/luns": self._move,
            "PATCH /storage/luns/{uuid}": self._modify, "DELETE /storage/luns": self._delete,
            "POST /protocols/san/igroups": self._create_group,
            "POST /protocols/san/igroups/{uuid}/initiators": self._add_initiator,
            "POST /protocols/san/lun-maps": self._map,
            "DELETE /protocols/san/lun-maps/{lun.uuid}/{igroup.uuid}": self._unmap,
        }
        for path, records in (("/storage/luns", self._records), ("/protocols/san/igroups", self._groups),
                              ("/protocols/san/lun-maps", self._maps), ("/protocols/san/iscsi/services", self._services),
                              ("/protocols/san/iscsi/credentials", list)):
            table["GET " + path] = self._listing(records)
        return table

    @staticmethod
    def _listing(records):
        return lambda query, body: (200, collection(records(), query))

    # ---- LUNs ----

    def _records(self):
        return [{"uuid": lun["uuid"], "name": path, "svm": self._svm, "os_type": lun["ostype"], "enabled": True,
                 "location": {"volume": {"name": path.split("/")[2]}, "logical_unit": path.split("/")[3]},
                 "space": {"size": lun["size"], "guarantee": {"requested": lun["reserved"]},
                           "scsi_thin_provisioning_support_enabled": False},
                 "qos_policy": {"name": lun["qos"]} if lun["qos"] else {}}
                for path, lun in sorted(self._luns.known.items())]

    def _path(self, uuid):
        for path, lun in list(self._luns.known.items()):
            if lun["uuid"] == uuid:
                return path
        raise refuse(NO_LUN, f"LUN not found: {uuid}")

    def _create(self, query, body):
        path, space = body.get("name", ""), body.get("space", {})
        reserved, policy = _flag(space.get("guarantee", {}).get("requested")), body.get("qos_policy", {}).get("name")
        if policy:
            self._array.qos.require(policy)
        source = body.get("clone", {}).get("source", {}).get("name")
        if "clone" in body:
            if "os_type" in body or "size" in space or not source:
                raise refuse(EINVALID, "A clone has a source, and its size and os_type are the source's")
            self._luns.clone(source, path, reserved, policy)
        else:
            if "os_type" not in body or "size" not in space:
                raise refuse(EINVALID, "os_type and space.size are required")
            self._luns.create(path, space["size"], body["os_type"], reserved is not False, policy)
        return 201, {"num_records": 1}

    def _modify(self, uuid, query, body):
        path = self._path(uuid)
        size = body.get("space", {}).get("size")
        if size is not None:
            try:
                self._luns.resize(path, int(size), shrink=False)
            except web.ArrayError as error:
                if error.code != UNCHANGED:     # here, to set what is set already is no error
                    raise
        if body.get("qos_policy", {}).get("name"):
            self._array.qos.require(body["qos_policy"]["name"])
            self._luns.change(path, "qos", body["qos_policy"]["name"])
        if body.get("name", path) != path:
            self._luns.move(path, body["name"])
        return 200, {}

    def _found(self, query):
        return [one["name"] for one in self._records() if matches(one, query)]

    def _move(self, query, body):
        found = self._found(query)
        for path in found:
            self._luns.move(path, body.get("name", ""))
        return 200, {"num_records": len(found)}

    def _delete(self, query, body):
        found = self._found(query)
        for path in found:
            self._luns.destroy(path, query.get("allow_delete_while_mapped") == "true")
        return 200, {"num_records": len(found)}

    # ---- initiator groups and maps ----

    def _groups(self):
        return [{"uuid": group["uuid"], "name": name, "svm": self._svm, "protocol": group["type"], "os_type": group["os"],
                 "initiators": [{"name": one} for one in group["initiators"]],
                 "lun_maps": [{"logical_unit_number": one["lun"], "lun": {"name": one["path"]}}
                              for one in list(self._luns.maps) if one["group"] == name]}
                for name, group in list(self._luns.groups.items())]

    def _group_name(self, uuid):
        for name, group in list(self._luns.groups.items()):
            if group["uuid"] == uuid:
                return name
        raise refuse(NO_SUCH_IGROUP, f"igroup not found: {uuid}")

    def _create_group(self, query, body):
        if "os_type" not in body:
            raise refuse(EINVALID, "os_type is required")
        self._luns.create_group(body.get("name", ""), body.get("protocol", "mixed"), body["os_type"],
                                [one["name"] for one in body.get("initiators", [])])
        return 201, {"num_records": 1}

    def _add_initiator(self, uuid, query, body):
        self._luns.add_initiator(self._group_name(uuid), body.get("name"))
        return 201, {"num_records": 1}

    def _maps(self):
        return [{"svm": self._svm, "logical_unit_number": one["lun"],
                 "lun": {"name": one["path"], "uuid": self._luns.known[one["path"]]["uuid"]},
                 "igroup": {"name": one["group"], "uuid": self._luns.groups[one["group"]]["uuid"]}}
                for one in list(self._luns.maps)]

    def _map(self, query, body):
        path, group = body.get("lun", {}).get("name", ""), body.get("igroup", {}).get("name", "")
        number = self._luns.map(path, group)
        answer = {"num_records": 1}
        if query.get("return_records") == "true":
            answer["records"] = [one for one in self._maps() if one["logical_unit_number"] == number]
        return 201, answer

    def _unmap(self, lun_uuid, group_uuid, query, body):
        self._luns.unmap(self._path(lun_uuid), self._group_name(group_uuid))
        return 200, {}

    def _services(self):
        return [{"svm": self._svm, "enabled": True, "target": {"name": self._array.iqn}}]


def _flag(value):
    """True, false, or their names, as the driver sends them; None where nothing is said."""
    return value == "true" if isinstance(value, str) else value
