"""Files of a FlexVol (clone, delete, rename, copy to another FlexVol), and QoS policy groups."""

import fnmatch
import os
import threading
import uuid

from emulator import files, web, zapi

ENOENT, EEXIST = "2", "17"


class Files:
    def __init__(self, array):
        self._array = array
        self._jobs = {}

    def calls(self):
        table = {
            "file-delete-file": self._delete, "file-rename-file": self._rename, "file-usage-get": self._usage,
            "file-list-directory-iter": self._list, "file-copy-start": self._copy_start,
            "file-copy-get-iter": self._copy_status, "file-copy-destroy": self._copy_destroy,
            "clone-create": self._clone, "file-assign-qos": self._assign,
        }
        for adaptive in ("", "adaptive-"):
            for verb, work in (("create", self._qos_create), ("modify", self._qos_modify),
                               ("rename", self._qos_rename), ("get-iter", self._qos_get),
                               ("delete-iter", self._qos_delete)):
                table[f"qos-{adaptive}policy-group-{verb}"] = self._bind(work, adaptive)
        return table

    @staticmethod
    def _bind(work, adaptive):
        return lambda arguments: work(arguments, adaptive)

    # ---- files ----

    def path(self, flexvol, name):
        """Of a file in a FlexVol's root folder: the drivers use no other."""
        if flexvol not in self._array.flexvols:
            raise web.ArrayError("13040", f"Volume {flexvol} does not exist in Vserver {self._array.svm}")
        if not name or "/" in name or name in (".", ".."):
            raise web.ArrayError(zapi.EINVALID, f"Invalid file name: {name}")
        return os.path.join(self._array.folder, "volumes", flexvol, name)

    def _of(self, path, missing_is_error=True):
        """Of /vol/FLEXVOL/NAME."""
        parts = path.strip("/").split("/")
        if parts[0] == "vol":
            parts = parts[1:]
        if len(parts) != 2:
            raise web.ArrayError(zapi.EINVALID, f"Invalid path: {path}")
        local = self.path(*parts)
        if missing_is_error and not os.path.isfile(local):
            raise web.ArrayError(ENOENT, f"No such file or directory: {path}")
        return local

    def _clone(self, arguments):
        """A file, or a LUN where the source is one. Within its FlexVol, whole, sharing no bytes in the emulator."""
        flexvol, source, target = (arguments.get(key, "") for key in ("volume", "source-path", "destination-path"))
        for unknown in ("block-ranges", "snapshot-name"):
            if unknown in arguments:
                raise web.ArrayError(zapi.EINVALID, f"{unknown} is not emulated")
        self._array.require_space(flexvol)
        self._policy(arguments)
        if self._array.luns.known(flexvol, source):
            return self._array.luns.clone(flexvol, source, target, arguments)
        origin, copy = self.path(flexvol, source), self.path(flexvol, target)
        if not os.path.isfile(origin):
            raise web.ArrayError(ENOENT, f"Clone start failed: No such file or directory: /vol/{flexvol}/{source}")
        try:
            files.clone(origin, copy, replace=arguments.get("destination-exists") == "true")
        except FileExistsError:
            raise web.ArrayError(EEXIST, f"Clone start failed: File exists: /vol/{flexvol}/{target}")
        return {}

    def _delete(self, arguments):
        files.remove(self._of(arguments.get("path", "")))
        return {}

    def _rename(self, arguments):
        source = self._of(arguments.get("from-path", ""))
        target = self._of(arguments.get("to-path", ""), missing_is_error=False)
        if os.path.exists(target):
            raise web.ArrayError(EEXIST, f"File exists: {arguments['to-path']}")
        os.rename(source, target)
        return {}

    def _usage(self, arguments):
        taken = os.stat(self._of(arguments.get("path", ""))).st_blocks * files.SECTOR
        return {"unique-bytes": taken, "total-bytes": taken}

    def _list(self, arguments):
        flexvol = arguments.get("path", "").rpartition("/")[2]
        if flexvol not in self._array.flexvols:
            raise web.ArrayError("13040", f"Volume {flexvol} does not exist in Vserver {self._array.svm}")
        found = []
        with os.scandir(os.path.join(self._array.folder, "volumes", flexvol)) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.is_file():
                    found.append({"name": entry.name, "file-type": "file", "file-size": entry.stat().st_size})
        return zapi.iterate("file-info", found, arguments)

    # ---- copies between FlexVols of the SVM: a job ----

    def _copy_start(self, arguments):
        source = arguments.get("source-paths", {}).get("sfod-operation-path", "")
        target = arguments.get("destination-paths", {}).get("sfod-operation-path", "")
        origin, copy = self._of(source), self._of(target, missing_is_error=False)
        self._array.require_space(target.strip("/").split("/")[-2])
        job = {"job-uuid": str(uuid.uuid4()), "scanner-status": "copying", "last-failure-reason": None}
        self._jobs[job["job-uuid"]] = job
        threading.Thread(target=self._copy, args=(job, origin, copy), daemon=True).start()
        return {"job-uuid": job["job-uuid"]}

    @staticmethod
    def _copy(job, origin, copy):
        try:
            files.clone(origin, copy)
            job["scanner-status"] = "complete"
        except OSError as error:
            job.update({"scanner-status": "destroyed", "last-failure-reason": str(error)})

    def _copy_status(self, arguments):
        return zapi.iterate("file-copy-info", list(self._jobs.values()), arguments)

    def _copy_destroy(self, arguments):
        if self._jobs.pop(arguments.get("job-uuid"), None) is None:
            raise web.ArrayError("15661", f"No such job: {arguments.get('job-uuid')}")
        return {}

    # ---- QoS policy groups ----

    def _groups(self, adaptive):
        return {name: group for name, group in self._array.known["qos"].items() if group["adaptive"] == bool(adaptive)}

    def _policy(self, arguments):
        """The policy group that a call names, which has to exist."""
        for adaptive in ("", "adaptive-"):
            name = arguments.get(f"qos-{adaptive}policy-group-name") or arguments.get(f"qos-{adaptive}policy-group")
            if name:
                if name not in self._groups(adaptive):
                    raise web.ArrayError("15661", f"QoS policy group not found: {name}")
                return name
        return None

    def _qos_create(self, arguments, adaptive):
        name = arguments.get("policy-group", "")
        with self._array.lock:
            if name in self._array.known["qos"]:
                raise web.ArrayError("13130", f"duplicate entry: QoS policy group {name}")
            self._array.known["qos"][name] = {"adaptive": bool(adaptive), "limits": arguments}
            self._array.save()
        return {}

    def _existing(self, name, adaptive):
        if name not in self._groups(adaptive):
            raise web.ArrayError("15661", f"QoS policy group not found: {name}")
        return self._array.known["qos"][name]

    def _qos_modify(self, arguments, adaptive):
        with self._array.lock:
            self._existing(arguments.get("policy-group"), adaptive)["limits"].update(arguments)
            self._array.save()
        return {}

    def _qos_rename(self, arguments, adaptive):
        old, new = arguments.get("policy-group-name"), arguments.get("new-name")
        with self._array.lock:
            self._array.known["qos"][new] = self._existing(old, adaptive)
            del self._array.known["qos"][old]
            for assigned in self._array.known["file_qos"]:
                if self._array.known["file_qos"][assigned] == old:
                    self._array.known["file_qos"][assigned] = new
            self._array.save()
        return {}

    def _qos_get(self, arguments, adaptive):
        return zapi.iterate(f"qos-{adaptive}policy-group-info", [
            {"policy-group": name, "vserver": self._array.svm} for name in self._groups(adaptive)], arguments)

    def _qos_delete(self, arguments, adaptive):
        pattern = arguments.get("query", {}).get(f"qos-{adaptive}policy-group-info", {}).get("policy-group", "")
        with self._array.lock:
            gone = [name for name in self._groups(adaptive) if pattern and fnmatch.fnmatchcase(name, pattern)]
            for name in gone:
                del self._array.known["qos"][name]
            if gone:
                self._array.save()
        return {"num-succeeded": len(gone), "num-failed": 0}

    def _assign(self, arguments):
        flexvol, name = arguments.get("volume"), arguments.get("file", "")
        if not os.path.isfile(self.path(flexvol, name)):
            raise web.ArrayError(ENOENT, f"No such file or directory: /vol/{flexvol}/{name}")
        with self._array.lock:
            self._array.known["file_qos"][f"/vol/{flexvol}/{name}"] = self._policy(arguments)
            self._array.save()
        return {}
