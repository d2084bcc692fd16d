"""PowerStore's REST interface, as far as Cinder's driver speaks it.

A request is basic-authenticated and names a resource under /api/rest.  Cinder
makes its base address as https://SAN_IP:/api/rest, which leaves no room for a
port: the lab gives it a san_ip of ADDRESS:PORT/powerstore, so whatever stands
before /api/rest is not looked at.
"""

import json
import os
import re
import threading
import time
import uuid

from emulator import files, web
from emulator.powerstore_qos import Qos
from emulator.powerstore_volumes import Volumes, bad_request, not_found, refuse

ROOT = "/api/rest"
FULL = ("0xE0A0D0010004", "There is not enough space on the appliance.", 507)
FAULT = ("0xE0101001000C", "An internal error has occurred. Please try again.", 500)
_RESOURCE = re.compile(r"^/(?P<kind>[a-z_]+)(?:/(?P<id>(?:name:)?[A-Za-z0-9-]+))?(?:/(?P<verb>[a-z_]+))?$")


class PowerStore:
    name = "powerstore"

    def __init__(self, state, user, password, gib):
        self.folder = os.path.join(state, self.name)
        self.user, self.password, self.size = user, password, gib << 30
        for folder in ("volumes", "iscsi"):
            os.makedirs(os.path.join(self.folder, folder), exist_ok=True)
        self.control = web.Control(os.path.join(self.folder, "requests.jsonl"))
        self.lock = threading.RLock()
        self._path = os.path.join(self.folder, "state.json")
        self.known = files.load(self._path, {"serial": "%08X" % (uuid.uuid4().int & 0xFFFFFFFF), "volumes": {},
                                             "groups": {}, "hosts": {}, "mappings": {}, "io_limit_rules": {}, "policies": {}})
        self.qos = Qos(self)
        self.volumes = Volumes(self)
        self.iqn = f"iqn.2015-10.com.dell:dellemc-powerstore-{self.known['serial'].lower()}-a-0"

    def save(self):
        files.save(self._path, self.known)

    def used(self):
        return self.size if self.control.full else files.used(os.path.join(self.folder, "volumes"))

    def require_space(self):
        if self.used() >= self.size:
            raise web.ArrayError(*FULL)

    # ---- HTTP ----

    def answer(self, request):
        found = _RESOURCE.match(request.path.partition(ROOT)[2])
        call = f"{request.method} {request.path}"
        if found:
            call = f"{request.method} /{found['kind']}" + ("/{id}" if found["id"] else "") + \
                   (f"/{found['verb']}" if found["verb"] else "")
        # POST /metrics/generate has its verb where others have an id
        call = call.replace("/metrics/{id}", "/metrics/generate")
        if not web.same(request.credentials(), self.user, self.password):
            self.control.refused(call, "unauthorised")
            return _answer(401, _messages("0xE09040030001", "The user cannot be authenticated."))
        try:
            body = json.loads(request.body) if request.body else {}
        except ValueError:
            return _answer(400, _messages("0xE04040010001", "The request's body is not valid JSON."))
        identity = found["id"] if found else None
        arguments = {"id": identity, **request.query, **body}
        try:
            status, document = self.control.run(
                call, arguments, lambda: self._dispatch(call, identity, request.query, body), FAULT)
        except web.ArrayError as error:
            return _answer(error.status, _messages(error.code, error.message))
        return _answer(status, document)

    def _dispatch(self, call, identity, query, body):
        handler = getattr(self, "_calls", None) or self._table()
        if call not in handler:
            raise web.ArrayError("0xE04040020003", f"{call} is not known here.", 404)
        return handler[call](identity, query, body)

    def _table(self):
        volumes = self.volumes
        self._calls = {
            "GET /chap_config/{id}": lambda i, q, b: (200, select({"id": "0", "mode": "Disabled"}, q)),
            "POST /metrics/generate": self._metrics,
            "GET /cluster": _listing(lambda: [{"id": "0", "nvm_subsystem_nqn": "nqn.1988-11.com.dell:powerstore:00:lab"}]),
            "GET /software_installed": _listing(lambda: [{"id": "0", "is_cluster": True, "release_version": "4.0.0.0"}]),
            "GET /ip_pool_address": _listing(self._addresses),
            "GET /fc_port": _listing(list), "GET /policy": _listing(lambda: self.known["policies"].values()),
            "POST /policy": self.qos.create_policy, "POST /io_limit_rule": self.qos.create_rule,
            "PATCH /io_limit_rule/{id}": self.qos.modify_rule,
            "GET /replication_session": _listing(list), "GET /job": _listing(list),
            "GET /host": _listing(lambda: self.known["hosts"].values()),
            "GET /host_volume_mapping": _listing(lambda: self.known["mappings"].values()),
            "POST /host": self._create_host, "PATCH /host/{id}": self._modify_host,
            "GET /volume": _listing(lambda: self.known["volumes"].values()),
            "GET /volume/{id}": lambda i, q, b: (200, select(volumes.get(i), q)),
            "POST /volume": volumes.create, "PATCH /volume/{id}": volumes.modify, "DELETE /volume/{id}": volumes.delete,
            "POST /volume/{id}/clone": volumes.clone, "POST /volume/{id}/snapshot": volumes.snapshot,
            "POST /volume/{id}/restore": volumes.restore,
            "POST /volume/{id}/attach": self._attach, "POST /volume/{id}/detach": self._detach,
            "GET /volume_group": _listing(lambda: self.known["groups"].values()),
            "POST /volume_group": volumes.create_group, "DELETE /volume_group/{id}": volumes.delete_group,
            "POST /volume_group/{id}/add_members": volumes.add_members,
            "POST /volume_group/{id}/remove_members": volumes.remove_members,
            "POST /volume_group/{id}/snapshot": volumes.snapshot_group,
            "POST /volume_group/{id}/clone": volumes.clone_group,
        }
        return self._calls

    # ---- the array itself ----

    def _metrics(self, _identity, _query, body):
        if body.get("entity") != "space_metrics_by_cluster":
            raise bad_request("entity")
        return 200, [{"entity": body["entity"], "cluster_id": "0", "physical_total": self.size,
                      "physical_used": min(self.used(), self.size),
                      "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}]

    def _addresses(self):
        return [{"id": "IP1", "address": "127.0.0.1", "purposes": ["Storage_Iscsi_Target"],
                 "ip_port": {"target_iqn": self.iqn}}]

    # ---- hosts and mappings ----

    def _create_host(self, _identity, _query, body):
        initiators = body.get("initiators") or []
        with self.lock:
            if not body.get("name") or not initiators:
                raise bad_request("name, initiators")
            taken = {initiator["port_name"] for host in self.known["hosts"].values()
                     for initiator in host["host_initiators"]}
            if any(host["name"] == body["name"] for host in self.known["hosts"].values()) or \
                    taken & {initiator.get("port_name") for initiator in initiators}:
                raise refuse("0xE0A01001000C", "The host or one of its initiators exists already.")
            host = {"id": str(uuid.uuid4()), "name": body["name"], "os_type": body.get("os_type"),
                    "host_initiators": [_initiator(initiator) for initiator in initiators]}
            self.known["hosts"][host["id"]] = host
            self.save()
        return 201, {"id": host["id"]}

    def _modify_host(self, identity, _query, body):
        with self.lock:
            host = self._host(identity)
            gone = set(body.get("remove_initiators") or [])
            host["host_initiators"] = [known for known in host["host_initiators"] if known["port_name"] not in gone]
            host["host_initiators"] += [_initiator(initiator) for initiator in body.get("add_initiators") or []]
            self.save()
        return 204, None

    def _host(self, identity):
        if identity not in self.known["hosts"]:
            raise not_found("host", identity)
        return self.known["hosts"][identity]

    def _attach(self, identity, _query, body):
        with self.lock:
            volume, host = self.volumes.get(identity), self._host(body.get("host_id"))
            mappings = self.known["mappings"].values()
            if any(one["volume_id"] == identity and one["host_id"] == host["id"] for one in mappings):
                return 204, None
            taken = {one["logical_unit_number"] for one in mappings}
            lun = next(number for number in range(1, 16384) if number not in taken)
            mapping = {"id": str(uuid.uuid4()), "volume_id": volume["id"], "host_id": host["id"],
                       "logical_unit_number": lun}
            self.known["mappings"][mapping["id"]] = mapping
            files.link(self._lun_path(lun), self.volumes.path(identity))
            self.save()
        return 204, None

    def _lun_path(self, lun):
        return os.path.join(self.folder, "iscsi", self.iqn, str(lun))

    def _detach(self, identity, _query, body):
        with self.lock:
            self.volumes.get(identity)
            found = [one for one in self.known["mappings"].values()
                     if one["volume_id"] == identity and one["host_id"] == body.get("host_id")]
            if not found:
                raise refuse("0xE0A08001000F", f"Volume {identity} is not attached to host {body.get('host_id')}.")
            for mapping in found:
                del self.known["mappings"][mapping["id"]]
                files.remove(self._lun_path(mapping["logical_unit_number"]))
            self.volumes.settle(identity)
            self.save()
        return 204, None


def _initiator(given):
    if not given.get("port_name") or not given.get("port_type"):
        raise bad_request("port_name, port_type")
    return {"port_name": given["port_name"], "port_type": given["port_type"]}


def _answer(status, document):
    return web.Answer(status, b"" if document is None else json.dumps(document).encode(),
                      headers=(("WWW-Authenticate", 'Basic realm="PowerStore"'),) if status == 401 else ())


def _messages(code, text):
    return {"messages": [{"code": code, "severity": "Error", "message_l10n": text, "arguments": []}]}


# ---- the query language: filters on columns, and select ----

def _listing(records):
    def listing(_identity, query, _body):
        return 200, [select(record, query) for record in list(records()) if matches(record, query)]
    return listing


def select(record, query):
    """Without select an object has only its id."""
    wanted = re.findall(r"([a-z0-9_]+)(?:\([^)]*\))?", query.get("select", "id"))
    return {name: record[name] for name in wanted if name in record}


def _column(record, path):
    value = record
    for step in re.split(r"->>?", path):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = (value or {}).get(step)
    return value


def matches(record, query):
    for column, condition in query.items():
        if column in ("select", "order", "limit", "offset"):
            continue
        operator, _dot, wanted = condition.partition(".")
        value = _column(record, column)
        if operator == "eq":
            good = str(value) == wanted
        elif operator == "in":
            good = str(value) in wanted.strip("()").split(",")
        elif operator == "cs":
            good = set(wanted.strip("{}").split(",")) <= set(value or ())
        else:
            raise bad_request(column)
        if not good:
            return False
    return True
