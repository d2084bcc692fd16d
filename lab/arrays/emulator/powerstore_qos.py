"""I/O limit rules and QoS policies of the emulated PowerStore (4.0 and up): Cinder 26 gives them to volumes that are attached."""

import uuid

from emulator.powerstore_volumes import bad_request, not_found, refuse

KINDS = ("Absolute", "Density_Based")


class Qos:
    def __init__(self, array):
        self._array = array

    @property
    def rules(self):
        return self._array.known["io_limit_rules"]

    @property
    def policies(self):
        return self._array.known["policies"]

    @staticmethod
    def _check(rule):
        if rule.get("type") not in KINDS:
            raise bad_request("type")
        if not any(rule.get(limit) for limit in ("max_iops", "max_bw")):
            raise bad_request("max_iops, max_bw")

    def create_rule(self, _identity, _query, body):
        with self._array.lock:
            if not body.get("name") or any(rule["name"] == body["name"] for rule in self.rules.values()):
                raise refuse("0xE0A0E0010009", f"The I/O limit rule name is empty or in use: {body.get('name')}")
            self._check(body)
            rule = {**body, "id": str(uuid.uuid4())}
            self.rules[rule["id"]] = rule
            self._array.save()
        return 201, {"id": rule["id"]}

    def modify_rule(self, identity, _query, body):
        """Of an id, or of name:NAME."""
        with self._array.lock:
            found = [rule for rule in self.rules.values() if identity in (rule["id"], "name:" + rule["name"])]
            if not found:
                raise not_found("I/O limit rule", identity)
            self._check({**found[0], **body})
            found[0].update(body)
            self._array.save()
        return 204, None

    def create_policy(self, _identity, _query, body):
        with self._array.lock:
            if not body.get("name") or any(policy["name"] == body["name"] for policy in self.policies.values()):
                raise refuse("0xE02020010004", f"The policy name is empty or in use: {body.get('name')}")
            if body.get("io_limit_rule_id") not in self.rules:
                raise not_found("I/O limit rule", body.get("io_limit_rule_id"))
            policy = {"id": str(uuid.uuid4()), "name": body["name"], "type": "QoS",
                      "io_limit_rule_id": body["io_limit_rule_id"]}
            self.policies[policy["id"]] = policy
            self._array.save()
        return 201, {"id": policy["id"]}

    def require(self, identity):
        if identity not in self.policies:
            raise not_found("policy", identity)
