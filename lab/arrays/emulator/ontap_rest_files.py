"""REST resources of files, jobs and QoS policies."""

import urllib.parse

from emulator.ontap_errors import EINVALID, NO_FLEXVOL, NO_OBJECT, refuse
from emulator.rest_records import collection, matches

# of a fixed policy's limits: ZAPI's name and unit
_LIMITS = {"max_throughput_iops": ("max-throughput", "iops"), "min_throughput_iops": ("min-throughput", "iops"),
           "max_throughput_mbps": ("max-throughput", "mb/s")}


class FileResources:
    def __init__(self, array):
        self._array, self._files, self._qos = array, array.files, array.qos

    def resources(self):
        return {
            "POST /storage/file/clone": self._clone, "POST /storage/file/copy": self._copy,
            "GET /storage/volumes/{uuid}/files": self._list,
            "PATCH /storage/volumes/{uuid}/files/{path}": self._modify,
            "DELETE /storage/volumes/{uuid}/files/{path}": self._delete,
            "GET /cluster/jobs/{uuid}": self._job,
            "GET /storage/qos/policies": lambda query, body: (200, collection(self._policies(), query)),
            "POST /storage/qos/policies": self._create_policy,
            "PATCH /storage/qos/policies": self._rename_policies,
            "PATCH /storage/qos/policies/{uuid}": self._modify_policy,
            "DELETE /storage/qos/policies": self._delete_policies,
        }

    # ---- files ----

    def _flexvol(self, uuid):
        for name in self._array.flexvols:
            if self._array.uuid_of(name) == uuid:
                return name
        raise refuse(NO_FLEXVOL, f"Volume with UUID {uuid} does not exist")

    def _clone(self, query, body):
        for unknown in ("range", "token_uuid"):
            if unknown in body:
                raise refuse(EINVALID, f"{unknown} is not emulated")
        self._files.clone(self._flexvol(body.get("volume", {}).get("uuid")), body.get("source_path", ""),
                          body.get("destination_path", ""), body.get("overwrite_destination") is True)
        return 202, _link(self._files.job("success"))

    def _copy(self, query, body):
        work = body.get("files_to_copy") or [{}]
        ends = []
        for end in ("source", "destination"):
            flexvol = self._flexvol(work[0].get(end, {}).get("volume", {}).get("uuid"))
            folder, _slash, name = work[0][end].get("path", "").partition("/")
            if folder != flexvol:
                raise refuse(EINVALID, f"Invalid path: {work[0][end].get('path')}")
            ends.append((flexvol, name))
        return 202, _link(self._files.start_copy(*ends))

    def _list(self, uuid, query, body):
        return 200, collection([{"name": name, "path": name, "type": "file", "size": size}
                                for name, size in self._files.listing(self._flexvol(uuid))], query)

    def _modify(self, uuid, path, query, body):
        flexvol = self._flexvol(uuid)
        if "path" in body:      # the driver encodes it here, too
            self._files.rename((flexvol, path), (flexvol, urllib.parse.unquote(body["path"])))
        policy = body.get("qos_policy", {}).get("name")
        if policy:
            self._qos.require(policy)
            self._files.assign(flexvol, path, policy)
        return 200, {}

    def _delete(self, uuid, path, query, body):
        self._files.delete(self._flexvol(uuid), path)
        return 200, {}

    def _job(self, uuid, query, body):
        job = self._files.jobs.get(uuid)
        if job is None:
            raise refuse(NO_OBJECT, "entry doesn't exist")
        document = {"uuid": uuid, "state": job["state"]}
        if job["message"]:
            document["error"] = {"message": job["message"], "code": "28"}
        return 200, document

    # ---- QoS policies ----

    def _policies(self):
        return [{"uuid": group["uuid"], "name": name, "svm": {"name": self._array.svm}}
                for name, group in self._qos.groups().items()]

    @staticmethod
    def _limits(body):
        if "adaptive" in body:
            return body["adaptive"]
        limits = {}
        for key, value in body.get("fixed", {}).items():
            if key not in _LIMITS:
                raise refuse(EINVALID, f"Unexpected argument \"fixed.{key}\".")
            name, unit = _LIMITS[key]
            limits[name] = f"{value}{unit}"
        return limits

    def _create_policy(self, query, body):
        if body.get("svm", {}).get("name") != self._array.svm:
            raise refuse(EINVALID, "svm.name is required")
        self._qos.create(body.get("name", ""), "adaptive" in body, self._limits(body))
        return 201, {"num_records": 1}

    def _modify_policy(self, uuid, query, body):
        for name, group in self._qos.groups().items():
            if group["uuid"] == uuid:
                self._qos.modify(name, group["adaptive"], self._limits(body))
                return 200, {}
        raise refuse(NO_OBJECT, "entry doesn't exist")

    def _rename_policies(self, query, body):
        found = [one["name"] for one in self._policies() if matches(one, query)]
        for name in found:
            self._qos.rename(name, body.get("name"))
        return 200, {"num_records": len(found)}

    def _delete_policies(self, query, body):
        return 200, {"num_records": sum(self._qos.delete(one["name"]) for one in self._policies() if matches(one, query))}


def _link(job):
    return {"job": {"uuid": job["uuid"], "_links": {"self": {"href": f"/api/cluster/jobs/{job['uuid']}"}}}}
