"""Volumes, snapshots, clones and volume groups of the emulated PowerStore."""

import os
import time
import uuid

from emulator import files, web

GRAIN = 8192
LIMIT = 256 << 40
APPLIANCES = ("A1", "A2")


def bad_request(what):
    return web.ArrayError("0xE04040010004", f"Invalid value: {what}.", 400)


def not_found(kind, identity):
    code = "0xE0A07001000C" if kind == "volume" else "0xE04040020009"
    return web.ArrayError(code, f"The {kind} {identity} is not found.", 404)


def refuse(code, text):
    return web.ArrayError(code, text, 422)


class Volumes:
    def __init__(self, array):
        self._array = array

    def path(self, identity):
        return os.path.join(self._array.folder, "volumes", identity)

    def get(self, identity):
        if identity not in self._known:
            raise not_found("volume", identity)
        return self._known[identity]

    @property
    def _known(self):
        return self._array.known["volumes"]

    @property
    def _groups(self):
        return self._array.known["groups"]

    def settle(self, identity):
        """Whatever a host did, a LUN has the size that it was given: a file that is opened for writing loses it."""
        path, size = self.path(identity), self._known[identity]["size"]
        if os.stat(path).st_size != size:
            files.resize(path, size)

    # ---- volumes ----

    def _check_name(self, name):
        if not name or len(name) > 128:
            raise bad_request("name")
        if any(volume["name"] == name for volume in self._known.values()):
            raise refuse("0xE0A080010014", f"The volume name is already in use: {name}")

    def _check_size(self, size):
        if not isinstance(size, int) or not 1 << 20 <= size <= LIMIT or size % GRAIN:
            raise bad_request("size")

    def _record(self, name, size, kind, appliance, source=None):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        identity = str(uuid.uuid4())
        return {"id": identity, "name": name, "size": size, "type": kind, "state": "Ready", "creation_timestamp": now,
                "appliance_id": appliance, "wwn": "naa.68ccf098" + uuid.UUID(identity).hex[:24],
                "nguid": "nguid." + uuid.UUID(identity).hex, "volume_group_id": None,
                "qos_performance_policy_id": None, "protection_data": {"source_id": source, "parent_id": source, "family_id": identity}}

    def create(self, _identity, _query, body):
        group = body.get("volume_group_id")
        with self._array.lock:
            self._array.require_space()
            self._check_name(body.get("name"))
            self._check_size(body.get("size"))
            if group and group not in self._groups:
                raise not_found("volume group", group)
            # the array's own load balancer: the appliance with fewer volumes
            counts = {name: sum(one["appliance_id"] == name for one in self._known.values()) for name in APPLIANCES}
            volume = self._record(body["name"], body["size"], "Primary", min(APPLIANCES, key=counts.get))
            volume["volume_group_id"] = group
            files.create(self.path(volume["id"]), volume["size"])
            self._known[volume["id"]] = volume
            self._array.save()
        return 201, {"id": volume["id"]}

    def modify(self, identity, _query, body):
        with self._array.lock:
            volume = self.get(identity)
            if "size" in body:
                self._check_size(body["size"])
                if body["size"] < volume["size"]:
                    raise refuse("0xE0A080010010", "The new size is smaller than the volume.")
                if body["size"] > volume["size"]:
                    self._array.require_space()
                volume["size"] = body["size"]
                self.settle(identity)
            if "name" in body and body["name"] != volume["name"]:
                self._check_name(body["name"])
                volume["name"] = body["name"]
            if "qos_performance_policy_id" in body:
                if body["qos_performance_policy_id"] is not None:
                    self._array.qos.require(body["qos_performance_policy_id"])
                volume["qos_performance_policy_id"] = body["qos_performance_policy_id"]
            self._array.save()
        return 204, None

    def delete(self, identity, _query, _body):
        with self._array.lock:
            self.get(identity)
            if any(one["volume_id"] == identity for one in self._array.known["mappings"].values()):
                raise refuse("0xE0A08001000A", f"Volume {identity} is attached to a host.")
            del self._known[identity]
            files.remove(self.path(identity))
            self._array.save()
        return 204, None

    def clone(self, identity, _query, body):
        return 201, {"id": self._copy(self.get(identity), body.get("name"), "Clone")["id"]}

    def snapshot(self, identity, _query, body):
        return 201, {"id": self._copy(self.get(identity), body.get("name"), "Snapshot")["id"]}

    def _copy(self, source, name, kind):
        """On the source's own appliance. Its bytes are copied outside the lock: clones do not wait for each other."""
        with self._array.lock:
            self._array.require_space()
            self._check_name(name)
            volume = self._record(name, source["size"], kind, source["appliance_id"], source["id"])
            volume["state"] = "Initializing"
            self._known[volume["id"]] = volume
        try:
            files.clone(self.path(source["id"]), self.path(volume["id"]))
        except BaseException:
            with self._array.lock:
                del self._known[volume["id"]]
            raise
        with self._array.lock:
            volume["state"] = "Ready"
            self.settle(volume["id"])
            self._array.save()
        return volume

    def restore(self, identity, _query, body):
        with self._array.lock:
            volume, snapshot = self.get(identity), self.get(body.get("from_snap_id"))
            if snapshot["protection_data"]["source_id"] != identity:
                raise refuse("0xE0A080010030", "The snapshot is not one of this volume.")
            files.clone(self.path(snapshot["id"]), self.path(identity), replace=True)
            volume["size"] = snapshot["size"]
            self._array.save()
        return 204, None

    # ---- volume groups ----

    def _group(self, identity):
        if identity not in self._groups:
            raise not_found("volume group", identity)
        return self._groups[identity]

    def _members(self, identity):
        return [volume for volume in self._known.values() if volume["volume_group_id"] == identity]

    def _new_group(self, name, kind, source=None):
        if not name or any(group["name"] == name for group in self._groups.values()):
            raise refuse("0xE0A080020014", f"The volume group name is empty or in use: {name}")
        group = {"id": str(uuid.uuid4()), "name": name, "type": kind, "protection_data": {"source_id": source}}
        self._groups[group["id"]] = group
        return group

    def create_group(self, _identity, _query, body):
        with self._array.lock:
            group = self._new_group(body.get("name"), "Primary")
            self._array.save()
        return 201, {"id": group["id"]}

    def delete_group(self, identity, query, body):
        with self._array.lock:
            self._group(identity)
            for volume in self._members(identity):
                if body.get("delete_members"):
                    self.delete(volume["id"], query, {})
                else:
                    volume["volume_group_id"] = None
            del self._groups[identity]
            self._array.save()
        return 204, None

    def add_members(self, identity, _query, body):
        return self._move(identity, body, None, identity)

    def remove_members(self, identity, _query, body):
        return self._move(identity, body, identity, None)

    def _move(self, identity, body, old, new):
        with self._array.lock:
            self._group(identity)
            volumes = [self.get(volume) for volume in body.get("volume_ids") or []]
            if not volumes or any(volume["volume_group_id"] != old for volume in volumes):
                raise refuse("0xE0A080020020", "A volume is in another volume group, or in none.")
            for volume in volumes:
                volume["volume_group_id"] = new
            self._array.save()
        return 204, None

    def snapshot_group(self, identity, _query, body):
        return self._copy_group(identity, body.get("name"), "Snapshot")

    def clone_group(self, identity, _query, body):
        return self._copy_group(identity, body.get("name"), "Clone")

    def _copy_group(self, identity, name, kind):
        """The members' copies are called GROUP.MEMBER, as the driver finds them again."""
        with self._array.lock:
            group, copy = self._group(identity), self._new_group(name, kind, identity)
            for volume in self._members(group["id"]):
                made = self._copy(volume, f"{name}.{volume['name']}", kind)
                made["volume_group_id"] = copy["id"]
            self._array.save()
        return 201, {"id": copy["id"]}
