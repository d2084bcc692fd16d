"""Files of a FlexVol: clone, delete, rename, copy to another FlexVol."""

import os
import threading
import uuid

from emulator import files
from emulator.ontap_errors import EEXIST, EINVALID, ENOENT, NO_FLEXVOL, NO_OBJECT, refuse


class Files:
    def __init__(self, array):
        self._array = array
        self.jobs = {}

    def _path(self, flexvol, name):
        """Of a file in a FlexVol's root folder: the drivers use no other."""
        if flexvol not in self._array.flexvols:
            raise refuse(NO_FLEXVOL, f"Volume {flexvol} does not exist in Vserver {self._array.svm}")
        if not name or "/" in name or name in (".", ".."):
            raise refuse(EINVALID, f"Invalid file name: {name}")
        return os.path.join(self._array.folder, "volumes", flexvol, name)

    def _existing(self, flexvol, name):
        path = self._path(flexvol, name)
        if not os.path.isfile(path):
            raise refuse(ENOENT, f"No such file or directory: /vol/{flexvol}/{name}")
        return path

    def clone(self, flexvol, source, target, overwrite=False):
        """Within its FlexVol, whole, sharing no bytes in the emulator."""
        self._array.require_space(flexvol)
        origin, copy = self._path(flexvol, source), self._path(flexvol, target)
        if not os.path.isfile(origin):
            raise refuse(ENOENT, f"Clone start failed: No such file or directory: /vol/{flexvol}/{source}")
        try:
            files.clone(origin, copy, replace=overwrite)
        except FileExistsError:
            raise refuse(EEXIST, f"Clone start failed: File exists: /vol/{flexvol}/{target}")

    def delete(self, flexvol, name):
        files.remove(self._existing(flexvol, name))

    def rename(self, source, target):
        """Of (FlexVol, name)."""
        old, new = self._existing(*source), self._path(*target)
        if os.path.exists(new):
            raise refuse(EEXIST, "File exists: /vol/%s/%s" % target)
        os.rename(old, new)

    def usage(self, flexvol, name):
        return os.stat(self._existing(flexvol, name)).st_blocks * files.SECTOR

    def listing(self, flexvol):
        """[(name, size)]."""
        if flexvol not in self._array.flexvols:
            raise refuse(NO_FLEXVOL, f"Volume {flexvol} does not exist in Vserver {self._array.svm}")
        with os.scandir(os.path.join(self._array.folder, "volumes", flexvol)) as entries:
            return sorted((entry.name, entry.stat().st_size) for entry in entries if entry.is_file())

    def assign(self, flexvol, name, policy):
        self._existing(flexvol, name)
        with self._array.lock:
            self._array.known["file_qos"][f"/vol/{flexvol}/{name}"] = policy
            self._array.save()

    # ---- jobs ----

    def start_copy(self, source, target):
        """Of (FlexVol, name), within the SVM: a job, {uuid, state: running | success | failure, message}."""
        origin, copy = self._existing(*source), self._path(*target)
        self._array.require_space(target[0])
        job = self.job("running")
        threading.Thread(target=self._copy, args=(job, origin, copy), daemon=True).start()
        return job

    def job(self, state):
        job = {"uuid": str(uuid.uuid4()), "state": state, "message": None}
        self.jobs[job["uuid"]] = job
        return job

    @staticmethod
    def _copy(job, origin, copy):
        try:
            files.clone(origin, copy)
            job["state"] = "success"
        except OSError as error:
            job.update(state="failure", message=str(error))

    def forget(self, identity):
        if self.jobs.pop(identity, None) is None:
            raise refuse(NO_OBJECT, f"No such job: {identity}")
