"""ZAPI's calls on files and QoS policy groups."""

from emulator import zapi
from emulator.ontap_errors import EINVALID, refuse

_JOB_STATES = {"running": "copying", "success": "complete", "failure": "destroyed"}


class FileCalls:
    def __init__(self, array):
        self._array, self._files, self._qos = array, array.files, array.qos

    def calls(self):
        table = {
            "file-delete-file": self._delete, "file-rename-file": self._rename, "file-usage-get": self._usage,
            "file-list-directory-iter": self._list, "file-copy-start": self._copy_start,
            "file-copy-get-iter": self._copy_status, "file-copy-destroy": self._copy_destroy,
            "clone-create": self._clone, "file-assign-qos": self._assign,
        }
        for adaptive in (False, True):
            for verb, work in (("create", self._qos_create), ("modify", self._qos_modify),
                               ("rename", self._qos_rename), ("get-iter", self._qos_get),
                               ("delete-iter", self._qos_delete)):
                table[f"qos-{_prefix(adaptive)}policy-group-{verb}"] = self._bind(work, adaptive)
        return table

    @staticmethod
    def _bind(work, adaptive):
        return lambda arguments: work(arguments, adaptive)

    @staticmethod
    def _of(path):
        """(FlexVol, name) of /vol/FLEXVOL/NAME."""
        parts = path.strip("/").split("/")
        if parts[0] == "vol":
            parts = parts[1:]
        if len(parts) != 2:
            raise refuse(EINVALID, f"Invalid path: {path}")
        return tuple(parts)

    def _clone(self, arguments):
        """A file, or a LUN where the source is one."""
        flexvol, source, target = (arguments.get(key, "") for key in ("volume", "source-path", "destination-path"))
        for unknown in ("block-ranges", "snapshot-name"):
            if unknown in arguments:
                raise refuse(EINVALID, f"{unknown} is not emulated")
        policy = self._policy(arguments)
        origin = f"/vol/{flexvol}/{source}"
        if origin in self._array.luns.known:
            reserved = arguments.get("space-reserve")
            self._array.luns.clone(origin, f"/vol/{flexvol}/{target}", reserved and reserved == "true", policy)
        else:
            self._files.clone(flexvol, source, target, arguments.get("destination-exists") == "true")
        return {}

    def _delete(self, arguments):
        self._files.delete(*self._of(arguments.get("path", "")))
        return {}

    def _rename(self, arguments):
        self._files.rename(self._of(arguments.get("from-path", "")), self._of(arguments.get("to-path", "")))
        return {}

    def _usage(self, arguments):
        taken = self._files.usage(*self._of(arguments.get("path", "")))
        return {"unique-bytes": taken, "total-bytes": taken}

    def _list(self, arguments):
        return zapi.iterate("file-info", [
            {"name": name, "file-type": "file", "file-size": size}
            for name, size in self._files.listing(arguments.get("path", "").rpartition("/")[2])], arguments)

    def _copy_start(self, arguments):
        source = arguments.get("source-paths", {}).get("sfod-operation-path", "")
        target = arguments.get("destination-paths", {}).get("sfod-operation-path", "")
        return {"job-uuid": self._files.start_copy(self._of(source), self._of(target))["uuid"]}

    def _copy_status(self, arguments):
        return zapi.iterate("file-copy-info", [
            {"job-uuid": job["uuid"], "scanner-status": _JOB_STATES[job["state"]], "last-failure-reason": job["message"]}
            for job in list(self._files.jobs.values())], arguments)

    def _copy_destroy(self, arguments):
        self._files.forget(arguments.get("job-uuid"))
        return {}

    # ---- QoS policy groups ----

    def _policy(self, arguments):
        """The policy group that a call names, which has to exist."""
        for adaptive in (False, True):
            prefix = f"qos-{_prefix(adaptive)}policy-group"
            name = arguments.get(prefix + "-name") or arguments.get(prefix)
            if name:
                self._qos.require(name, adaptive)
                return name
        return None

    def _qos_create(self, arguments, adaptive):
        self._qos.create(arguments.get("policy-group", ""), adaptive, arguments)
        return {}

    def _qos_modify(self, arguments, adaptive):
        self._qos.modify(arguments.get("policy-group"), adaptive, arguments)
        return {}

    def _qos_rename(self, arguments, adaptive):
        self._qos.rename(arguments.get("policy-group-name"), arguments.get("new-name"), adaptive)
        return {}

    def _qos_get(self, arguments, adaptive):
        return zapi.iterate(f"qos-{_prefix(adaptive)}policy-group-info", [
            {"policy-group": name, "vserver": self._array.svm} for name in self._qos.groups(adaptive)], arguments)

    def _qos_delete(self, arguments, adaptive):
        query = arguments.get("query", {}).get(f"qos-{_prefix(adaptive)}policy-group-info", {})
        return {"num-succeeded": self._qos.delete(query.get("policy-group", ""), adaptive), "num-failed": 0}

    def _assign(self, arguments):
        self._files.assign(arguments.get("volume"), arguments.get("file", ""), self._policy(arguments))
        return {}


def _prefix(adaptive):
    return "adaptive-" if adaptive else ""
