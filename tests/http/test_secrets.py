"""No token, password or key in anything the command writes: every subcommand that talks to services, with debug lines on, over
answers that work, fail, and echo what they were sent."""

import itertools
import json

import pytest

from clouds import IMAGE, PASSWORD, TOKEN, image
from scripted import Answer

SECRET = "application-credential-secret-of-the-test"
KEY = "key-of-a-swift-user"
ECHO = json.dumps({"error": {"code": 500, "message": "bad request: X-Auth-Token: %s password: %s secret: %s" % (TOKEN, PASSWORD, SECRET)}})

COMMANDS = {
    "resolve": ["resolve", "--image-id", IMAGE, "--volume-type", "ceph"],
    "resolve-json": ["resolve", "--image-id", IMAGE, "--volume-type", "ceph", "--format", "json"],
    "stores": ["stores"],
    "copy": ["copy", "--image-id", IMAGE, "--store", "ceph"],
    "clone": ["clone", "--image-id", IMAGE, "--volume-type", "netapp", "--volume", "x", "--size", "1"],
}
FAULTS = {
    "works": {},
    "keystone-echoes": {("POST", "/v3/auth/tokens"): Answer(500, body=ECHO.encode())},
    "keystone-refuses": {("POST", "/v3/auth/tokens"): Answer(401, body=ECHO.encode())},
    "glance-echoes": {("GET", "/v2/images/" + IMAGE): Answer(400, body=ECHO.encode())},
    "glance-redirects": {("GET", "/v2/images/" + IMAGE): Answer(302, headers={"Location": "http://user:%s@example.org/" % KEY})},
    "not-json": {("GET", "/v2/images/" + IMAGE): Answer(body=(TOKEN + "{").encode(), content_type="application/json")},
    "stores-echo": {("GET", "/v2/info/stores/detail"): Answer(403, body=ECHO.encode()), ("GET", "/v2/info/stores"): Answer(500, body=ECHO.encode())},
    "user-info": {("GET", "/v2/images/" + IMAGE): Answer(json_body=dict(image(), locations=[
        {"url": "swift+https://tenant%%3Auser:%s@auth/v1/container/object" % KEY, "metadata": {}},
        {"url": "rbd://user:%s@fsid/images/%s/snap" % (KEY, IMAGE), "metadata": {}}]))},
}


@pytest.mark.parametrize("command,fault", itertools.product(COMMANDS, FAULTS))
def test_no_secret_is_written(server, vtclone, command, fault):
    for (method, path), answer in FAULTS[fault].items():
        server.on(method, path, answer)
    for environment in ({}, {"OS_USERNAME": "", "OS_PASSWORD": "", "OS_AUTH_TYPE": "v3applicationcredential",
                             "OS_PROJECT_NAME": "", "OS_APPLICATION_CREDENTIAL_ID": "a1", "OS_APPLICATION_CREDENTIAL_SECRET": SECRET}):
        run = vtclone(*COMMANDS[command], VTCLONE_DEBUG="1", **environment)
        text = run.stdout + run.stderr
        assert text
        for secret in (TOKEN, PASSWORD, PASSWORD.replace('"', '\\"'), SECRET, KEY):
            assert secret not in text, (command, fault, run)
