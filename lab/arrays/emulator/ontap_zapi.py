"""The emulated ONTAP's ZAPI: who may call what, and the SVM's FlexVols and data interface."""

from emulator import web, zapi
from emulator.ontap_zapi_cluster import ClusterCalls
from emulator.ontap_zapi_files import FileCalls
from emulator.ontap_zapi_luns import LunCalls

URL = "/servlets/netapp.servlets.admin.XMLrequest_filer"
FAULT = (zapi.EINTERNAL, "Internal error", 200)
# calls that a driver sends to the cluster, not to an SVM
_CLUSTER_CALLS = {
    "system-get-ontapi-version", "system-node-get-iter", "system-user-capability-get-iter", "vserver-get-iter",
    "aggr-get-iter", "storage-disk-get-iter", "perf-object-counter-list-info", "perf-object-instance-list-info-iter",
    "perf-object-get-instances", "file-copy-start", "file-copy-get-iter", "file-copy-destroy", "file-assign-qos",
    "cluster-identity-get"}


class Face:
    def __init__(self, array):
        self._array = array
        self._calls = {"volume-get-iter": self._volumes, "net-interface-get-iter": self._interfaces}
        for part in (ClusterCalls(array), FileCalls(array), LunCalls(array)):
            self._calls.update(part.calls())

    def serves(self, request):
        return request.method == "POST" and request.path == URL

    def answer(self, request):
        array = self._array
        if request.credentials() is None:
            # urllib sends its credentials only when it is asked for them
            return web.Answer(401, b"", "text/html", (("WWW-Authenticate", 'Basic realm="Administration"'),))
        try:
            call, arguments, svm = zapi.parse(request.body)
        except ValueError as error:
            return _xml(zapi.failed("13001", f"malformed request: {error}"))
        if not web.same(request.credentials(), array.user, array.password):
            array.control.refused(call, "unauthorised")
            return web.Answer(401, b"", "text/html", (("WWW-Authenticate", 'Basic realm="Administration"'),))
        try:
            return _xml(zapi.passed(array.control.run(
                call, arguments, lambda: self._dispatch(call, arguments, svm), FAULT)))
        except web.ArrayError as error:
            return _xml(zapi.failed(error.code, error.message))

    def _dispatch(self, call, arguments, svm):
        if call not in self._calls:
            raise web.ArrayError(zapi.ENOTFOUND, f"Unable to find API: {call}")
        if svm is None and not (call in _CLUSTER_CALLS or call.startswith("qos-")):
            raise web.ArrayError(zapi.ENOTFOUND, f"Unable to find API: {call} on the cluster")
        if svm not in (None, self._array.svm, self._array.ADMIN_SVM):
            raise web.ArrayError("15661", f"Specified vserver not found: {svm}")
        return self._calls[call](arguments)

    def _volumes(self, arguments):
        return zapi.iterate("volume-attributes", [self._volume(name) for name in sorted(self._array.flexvols)], arguments)

    def _volume(self, name):
        total, available = self._array.size_of(name)
        return {
            "encrypt": False,
            "volume-id-attributes": {
                "name": name, "owning-vserver-name": self._array.svm, "junction-path": f"/{name}", "type": "rw",
                "style": "flex", "style-extended": "flexvol", "containing-aggregate-name": self._array.AGGREGATE,
                "node": self._array.NODE},
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
            {"address": self._array.ADDRESS, "vserver": self._array.svm, "interface-name": "lif1",
             "operational-status": "up", "administrative-status": "up", "role": "data",
             "data-protocols": [("data-protocol", "nfs"), ("data-protocol", "iscsi")]}], arguments)


def _xml(body):
    return web.Answer(200, body, "text/xml")
