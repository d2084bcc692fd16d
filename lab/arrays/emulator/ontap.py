"""ONTAP 9.11 as Cinder's NetApp drivers see it through ZAPI: one cluster of one node, one aggregate, one SVM.

A FlexVol is a folder: volumes/FLEXVOL holds the files of an NFS export (its
junction path is /FLEXVOL), luns/FLEXVOL the LUNs.
"""

import os
import threading
import uuid

from emulator import files, web, zapi
from emulator.ontap_cluster import Cluster
from emulator.ontap_files import Files
from emulator.ontap_luns import Luns

URL = "/servlets/netapp.servlets.admin.XMLrequest_filer"
ENOSPC = ("28", "No space left on device", 200)
FAULT = (zapi.EINTERNAL, "Internal error", 200)
ADDRESS = "127.0.0.1"
# calls that a driver sends to the cluster, not to an SVM
_CLUSTER_CALLS = {
    "system-get-ontapi-version", "system-node-get-iter", "system-user-capability-get-iter", "vserver-get-iter",
    "aggr-get-iter", "storage-disk-get-iter", "perf-object-counter-list-info", "perf-object-instance-list-info-iter",
    "perf-object-get-instances", "file-copy-start", "file-copy-get-iter", "file-copy-destroy", "file-assign-qos",
    "cluster-identity-get"}


class Ontap:
    name = "ontap"

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
        self.calls = {}
        for part in (Cluster(self), Files(self), Luns(self)):
            self.calls.update(part.calls())
        self.calls["volume-get-iter"] = self._volumes
        self.calls["net-interface-get-iter"] = self._interfaces

    def save(self):
        files.save(self._path, self.known)

    # ---- HTTP ----

    def answer(self, request):
        if request.method != "POST" or request.path != URL:
            self.control.refused(f"{request.method} {request.path}", "no such page")
            return web.Answer(404, b"", "text/html")
        if request.credentials() is None:
            # urllib sends its credentials only when it is asked for them
            return web.Answer(401, b"", "text/html", (("WWW-Authenticate", 'Basic realm="Administration"'),))
        try:
            call, arguments, svm = zapi.parse(request.body)
        except ValueError as error:
            return _xml(zapi.failed("13001", f"malformed request: {error}"))
        if not web.same(request.credentials(), self.user, self.password):
            self.control.refused(call, "unauthorised")
            return web.Answer(401, b"", "text/html", (("WWW-Authenticate", 'Basic realm="Administration"'),))
        try:
            return _xml(zapi.passed(self.control.run(
                call, arguments, lambda: self._dispatch(call, arguments, svm), FAULT)))
        except web.ArrayError as error:
            return _xml(zapi.failed(error.code, error.message))

    def _dispatch(self, call, arguments, svm):
        if call not in self.calls:
            raise web.ArrayError(zapi.ENOTFOUND, f"Unable to find API: {call}")
        if svm is None and not (call in _CLUSTER_CALLS or call.startswith("qos-")):
            raise web.ArrayError(zapi.ENOTFOUND, f"Unable to find API: {call} on the cluster")
        if svm not in (None, self.svm, Cluster.ADMIN_SVM):
            raise web.ArrayError("15661", f"Specified vserver not found: {svm}")
        return self.calls[call](arguments)

    # ---- the SVM's volumes and its data interface ----

    def size_of(self, flexvol):
        """(total, available) bytes."""
        total = self.flexvols[flexvol]
        if self.control.full:
            return total, 0
        taken = sum(files.used(os.path.join(self.folder, kind, flexvol)) for kind in ("volumes", "luns"))
        return total, max(0, total - taken)

    def require_space(self, flexvol):
        if flexvol not in self.flexvols:
            raise web.ArrayError("13040", f"Volume {flexvol} does not exist in Vserver {self.svm}")
        if self.size_of(flexvol)[1] == 0:
            raise web.ArrayError(*ENOSPC)

    def _volumes(self, arguments):
        return zapi.iterate("volume-attributes", [self._volume(name) for name in sorted(self.flexvols)], arguments)

    def _volume(self, name):
        total, available = self.size_of(name)
        return {
            "encrypt": False,
            "volume-id-attributes": {
                "name": name, "owning-vserver-name": self.svm, "junction-path": f"/{name}", "type": "rw",
                "style": "flex", "style-extended": "flexvol", "containing-aggregate-name": Cluster.AGGREGATE,
                "node": Cluster.NODE},
            "volume-state-attributes": {"state": "online", "is-vserver-root": False, "is-inconsistent": False,
                                        "is-invalid": False},
            "volume-space-attributes": {
                "size": total, "size-total": total, "size-available": available, "space-guarantee": "none",
                "is-space-guarantee-enabled": True, "percentage-snapshot-reserve": 0},
            "volume-snapshot-attributes": {"snapshot-policy": "none"},
            "volume-language-attributes": {"language-code": "c.utf_8"},
            "volume-mirror-attributes": {"is-data-protection-mirror": False, "is-replica-volume": False},
        }

    def _interfaces(self, arguments):
        return zapi.iterate("net-interface-info", [
            {"address": ADDRESS, "vserver": self.svm, "interface-name": "lif1", "operational-status": "up",
             "administrative-status": "up", "role": "data",
             "data-protocols": [("data-protocol", "nfs"), ("data-protocol", "iscsi")]}], arguments)


def _xml(body):
    return web.Answer(200, body, "text/xml")
