"""The emulated ONTAP's REST API (/api/...): routes, credentials, the array's own error bodies, and the SVM's facts."""

import json
import re
import urllib.parse

from emulator import ontap_errors, rest_records, web
from emulator.ontap_rest_cluster import ClusterResources
from emulator.ontap_rest_files import FileResources
from emulator.ontap_rest_luns import LunResources

ROOT = "/api/"
# REST's own number and status of a refusal, where it has one; the others keep their number
_ERRORS = {
    ontap_errors.ENOENT: ("6684674", 404), ontap_errors.NO_FLEXVOL: ("917927", 404), ontap_errors.NO_VOLUME: ("917927", 404),
    ontap_errors.NO_LUN: ("5374875", 404), ontap_errors.NO_SUCH_IGROUP: ("5374878", 404),
    ontap_errors.NO_MAP: ("5374922", 404), ontap_errors.NO_OBJECT: ("4", 404), ontap_errors.DUPLICATE: ("1", 409),
    ontap_errors.EXISTS: ("5374242", 409), ontap_errors.EEXIST: ("1", 409), ontap_errors.IGROUP_EXISTS: ("1", 409),
    ontap_errors.IGROUP_HAS: ("1", 409), ontap_errors.EINVALID: ("262179", 400),
}
FAULT = (ontap_errors.EINTERNAL, "Internal error", 500)


class Face:
    def __init__(self, array):
        self._array = array
        self._routes = []
        for part in (ClusterResources(array), FileResources(array), LunResources(array)):
            for name, work in part.resources().items():
                method, template = name.split(" ")
                pattern = "([^/]+)".join(re.escape(part) for part in re.split(r"\{[a-z_.]+\}", template))
                self._routes.append((method, re.compile(pattern + "$"), name, work))

    def serves(self, request):
        return request.path.startswith(ROOT)

    def answer(self, request):
        array = self._array
        path = "/" + "/".join(part for part in request.path[len(ROOT):].split("/") if part)
        name, work, names = self._find(request.method, path)
        if not web.same(request.credentials(), array.user, array.password):
            array.control.refused(name, "unauthorised")
            return _answer(401, _error("6691623", "User is not authorized."))
        try:
            body = rest_records.expand(json.loads(request.body) if request.body else {})
        except (ValueError, AttributeError):
            return _answer(400, _error("262186", "The body is not a JSON object."))
        if "clone" in body:
            name += " (clone)"
        svm = request.headers.get("X-Dot-SVM-Name")
        try:
            status, document = array.control.run(
                name, {**({"id": "/".join(names)} if names else {}), **request.query, **body},
                lambda: self._call(work, names, request.query, body, svm), FAULT)
        except web.ArrayError as error:
            code, status = _ERRORS.get(error.code, (error.code, 500 if error.status == 200 else error.status))
            return _answer(status, _error(code, error.message))
        return _answer(status, document)

    def _find(self, method, path):
        for known, pattern, name, work in self._routes:
            found = pattern.match(path)
            if known == method and found:
                return name, work, [urllib.parse.unquote(part) for part in found.groups()]
        return f"{method} {path}", None, []

    def _call(self, work, names, query, body, svm):
        if work is None:
            raise web.ArrayError("3", "API not found", 404)
        if svm not in (None, self._array.svm):
            raise web.ArrayError("2621462", f'SVM "{svm}" does not exist.', 404)
        return work(*names, query=query, body=body)


def _answer(status, document):
    return web.Answer(status, b"" if document is None else json.dumps(document).encode(), "application/hal+json",
                      (("WWW-Authenticate", 'Basic realm="/api"'),) if status == 401 else ())


def _error(code, message):
    return {"error": {"message": message, "code": code}}
