"""The few REST calls the lab makes itself (a client program costs two seconds a call to start)."""

import json
import urllib.error
import urllib.request

from labkit.procs import LabError

# proxies of the environment are not for loopback
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class HttpError(LabError):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def call(method, url, body=None, headers=None, timeout=60):
    """(headers, decoded JSON or None); bytes and files are sent as they are."""
    headers = dict(headers or {})
    data = body
    if body is not None and not isinstance(body, bytes) and not hasattr(body, "read"):
        data = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with _opener.open(request, timeout=timeout) as answer:
            raw = answer.read()
            return answer.headers, (json.loads(raw) if raw.strip() else None)
    except urllib.error.HTTPError as error:
        text = error.read(2000).decode(errors="replace")
        raise HttpError(error.code, f"{method} {url}: HTTP {error.code}: {text}")
    except OSError as error:
        raise HttpError(0, f"{method} {url}: {error}")


class Session:
    """A project-scoped token and the services' endpoints."""

    def __init__(self, keystone, user, password, project):
        domain = {"id": "default"}
        headers, body = call("POST", keystone + "/v3/auth/tokens", {"auth": {
            "identity": {"methods": ["password"],
                         "password": {"user": {"name": user, "domain": domain, "password": password}}},
            "scope": {"project": {"name": project, "domain": domain}}}})
        self.token = headers["X-Subject-Token"]
        self.project_id = body["token"]["project"]["id"]
        self.user_id = body["token"]["user"]["id"]
        self.endpoints = {"identity": keystone + "/v3"}
        for service in body["token"]["catalog"]:
            for endpoint in service["endpoints"]:
                if endpoint["interface"] == "public" and service["type"] != "identity":
                    self.endpoints[service["type"]] = endpoint["url"]

    def __call__(self, method, service, path, body=None, headers=None, timeout=60):
        url = self.endpoints[service] + path
        extra = {"X-Auth-Token": self.token, **(headers or {})}
        if service == "volumev3":
            extra.setdefault("OpenStack-API-Version", "volume 3.59")
        return call(method, url, body, extra, timeout)[1]
