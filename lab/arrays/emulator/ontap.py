"""ONTAP 9.11 as Cinder's NetApp drivers see it: one cluster of one node, one aggregate, one SVM, by ZAPI and by REST.

A FlexVol is a folder: volumes/FLEXVOL holds the files of an NFS export (its
junction path is /FLEXVOL), luns/FLEXVOL the LUNs.  Both interfaces work on the
same files and state; what they have in common is in ontap_files, ontap_luns
and ontap_qos, and each writes it in its own way (ontap_zapi*, ontap_rest*).
"""

import os
import threading
import uuid

from emulator import files, ontap_rest, ontap_zapi, web
from emulator.ontap_errors import ENOSPC, NO_FLEXVOL, refuse
from emulator.ontap_files import Files
from emulator.ontap_luns import Luns
from emulator.ontap_qos import Qos


class Ontap:
    name = "ontap"
    ADDRESS = "127.0.0.1"
    ADMIN_SVM, NODE, AGGREGATE = "lab-cluster", "lab-cluster-01", "aggr1"

    def __init__(self, state, user, password, svm, flexvols):
        """flexvols: {name: GiB}."""
        self.folder = os.path.join(state, self.name)
        self.user, self.password, self.svm = user, password, svm
        self.flexvols = {name: gib << 30 for name, gib in flexvols.items()}
        for name in self.flexvols:
            for kind in ("volumes", "luns"):
                os.makedirs(os.path.join(self.folder, kind, name), exist_ok=True)
        self.control = web.Control(os.path.join(self.folder, "requests.jsonl"))
        self.lock = threading.RLock()
        self._path = os.path.join(self.folder, "state.json")
        self.known = files.load(self._path, {"serial": uuid.uuid4().hex[:8], "luns": {}, "igroups": {}, "maps": [],
                                             "qos": {}, "file_qos": {}})
        self.iqn = f"iqn.1992-08.com.netapp:sn.{self.known['serial']}:vs.1"
        self.files, self.luns, self.qos = Files(self), Luns(self), Qos(self)
        self._faces = (ontap_zapi.Face(self), ontap_rest.Face(self))

    def save(self):
        files.save(self._path, self.known)

    def uuid_of(self, name):
        """Of a part that has none in the state (a FlexVol, the SVM, ...): the same as long as the array's files live."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{self.known['serial']}"))

    def answer(self, request):
        for face in self._faces:
            if face.serves(request):
                return face.answer(request)
        self.control.refused(f"{request.method} {request.path}", "no such page")
        return web.Answer(404, b"", "text/html")

    # ---- space ----

    def size_of(self, flexvol):
        """(total, available) bytes."""
        total = self.flexvols[flexvol]
        if self.control.full:
            return total, 0
        taken = sum(files.used(os.path.join(self.folder, kind, flexvol)) for kind in ("volumes", "luns"))
        return total, max(0, total - taken)

    def aggregate_size(self):
        sizes = [self.size_of(name) for name in self.flexvols]
        return sum(size[0] for size in sizes), sum(size[1] for size in sizes)

    def require_space(self, flexvol):
        if flexvol not in self.flexvols:
            raise refuse(NO_FLEXVOL, f"Volume {flexvol} does not exist in Vserver {self.svm}")
        if self.size_of(flexvol)[1] == 0:
            raise refuse(ENOSPC, "No space left on device")
