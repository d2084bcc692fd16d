"""Credentials, tokens, catalogue, TLS, and the OS_* environment."""
import json
import os
import pathlib
import ssl
import subprocess
import sys
import threading
import time

import pytest

from clouds import Cloud, CloudError, IMAGE, PASSWORD, PROJECT, TOKEN, token_answer, working_cloud
from scripted import Answer, Server

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = "/v3/auth/tokens"


def auth_sent(server):
    return json.loads(server.seen("POST", TOKENS)[0].body)["auth"]


# ---- credentials ----

def test_a_password_is_sent_with_the_user_and_the_project_as_scope(server):
    with Cloud(server.url, user_domain_name="people", project_domain_id="d1") as cloud:
        cloud.image()
    assert auth_sent(server) == {
        "identity": {"methods": ["password"],
                     "password": {"user": {"name": "demo", "domain": {"name": "people"}, "password": PASSWORD}}},
        "scope": {"project": {"name": "demo", "domain": {"id": "d1"}}}}


def test_names_without_a_domain_are_of_the_default_domain(server):
    with Cloud(server.url) as cloud:
        cloud.image()
    assert auth_sent(server)["scope"] == {"project": {"name": "demo", "domain": {"id": "default"}}}


def test_an_application_credential_is_sent_by_its_id_without_a_scope(server):
    with Cloud(server.url, application_credential_id="a1", application_credential_secret="s", password=None) as cloud:
        cloud.image()
    assert auth_sent(server) == {"identity": {"methods": ["application_credential"],
                                              "application_credential": {"id": "a1", "secret": "s"}}}


def test_an_application_credential_is_sent_by_its_name_with_its_user(server):
    with Cloud(server.url, application_credential_name="n", application_credential_secret="s", username=None,
               user_id="u1", password=None) as cloud:
        cloud.image()
    assert auth_sent(server)["identity"]["application_credential"] == {
        "name": "n", "user": {"id": "u1"}, "secret": "s"}


@pytest.mark.parametrize("options,text", [
    ({"auth_url": None}, "no authentication URL"), ({"username": None}, "no user"), ({"password": None}, "no password"),
    ({"project_name": None}, "no project"), ({"application_credential_id": "x"}, "without its secret"),
    ({"auth_url": "ftp://h/"}, "neither http nor https"), ({"auth_url": "http://me:pw@h/"}, "a user or password"),
    ({"auth_url": "http://h/?a=b"}, "a query or fragment"), ({"auth_url": "no url at all"}, "not a URL"),
    ({"interface_name": "secret"}, "not one of public, internal, admin"), ({"auth_url": None, "token": "t"}, "OS_AUTH_URL"),
    ({"site": '{"stores": 1}'}, "stores")])
def test_what_cannot_work_is_refused_when_the_cloud_is_opened(server, options, text):
    with pytest.raises(CloudError) as caught:
        Cloud(server.url, **options)
    assert caught.value.code in ("INVALID", "DOCUMENT") and text in caught.value.message
    assert "pw" not in caught.value.message and server.count() == 0


def test_a_wrong_password_is_named_without_being_repeated_or_shown(server):
    server.on("POST", TOKENS, Answer(401, json_body={"error": {"message": "no " + PASSWORD}}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.image()
    assert caught.value.code == "KEYSTONE" and "refused the credential" in caught.value.message
    assert PASSWORD not in caught.value.message and len(server.seen("POST", TOKENS)) == 1


@pytest.mark.parametrize("answer,text", [
    (Answer(500, json_body={"error": {"message": PASSWORD}}), "HTTP 500"), (Answer(413), "HTTP 413"),
    (Answer(201, body=b"{"), "the answer"), (Answer(201, json_body={}, headers={"X-Subject-Token": "t"}), "no token"),
    (Answer(201, json_body={"token": {"catalog": {}}}, headers={"X-Subject-Token": "t"}), "catalog"),
    (Answer(300), "HTTP 300"), (Answer(201, body=b" " * (5 << 20)), "longer than 4194304")])
def test_faults_of_keystone_are_keystones(server, answer, text):
    server.on("POST", TOKENS, answer)
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.image()
    assert caught.value.code == "KEYSTONE" and text in caught.value.message
    assert PASSWORD not in caught.value.message


# ---- the life of a token ----

def test_a_token_is_renewed_before_it_expires(server):
    # 61 s of life: renewed after three quarters of it, so not within this test; then one that lives the least it may.
    server.on("POST", TOKENS, token_answer(server.url, expires="2029-12-31T23:01:01.000000Z"))
    with Cloud(server.url) as cloud:
        cloud.image()
        cloud.image()
        assert cloud.stats().tokens == 1


def test_a_keystone_that_hangs_does_not_fail_a_call_whose_token_is_still_good(server, tmp_path):
    good = token_answer(server.url, expires="2029-12-31T23:01:00.000000Z")
    server.on("POST", TOKENS, good, Answer(201, delay=20), good)
    preload = str(tmp_path / "ahead.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", preload, HERE / "ahead.c"], check=True)
    run = subprocess.run([sys.executable, HERE / "renewal.py", server.url, preload], text=True, timeout=60, check=True,
                         env={**os.environ, "LD_PRELOAD": os.environ.get("LD_PRELOAD", "") + " " + preload}, stdout=subprocess.PIPE)
    (_, first), (hung, second), (later, third), (_, last) = [line.split() for line in run.stdout.splitlines()]
    assert float(hung) < 4 and float(later) < 1 and [first, second, third, last] == ["1", "1", "1", "2"]


def test_a_token_without_a_sensible_life_is_used_all_the_same(server):
    server.on("POST", TOKENS, token_answer(server.url, expires="1999-01-01T00:00:00Z"))
    with Cloud(server.url) as cloud:
        cloud.image()
        cloud.image()
        assert cloud.stats().tokens == 1


def test_forty_threads_whose_token_is_refused_fetch_one_new_one(server):
    def image_of(request):
        return Answer(401) if request.headers["x-auth-token"] == "old" else Answer(json_body={"id": IMAGE, "locations": []})
    server.on("POST", TOKENS, token_answer(server.url, token="old"), token_answer(server.url, token="new"))
    server.on("GET", "/v2/images/" + IMAGE, image_of)
    found = []
    with Cloud(server.url) as cloud:
        threads = [threading.Thread(target=lambda: found.append(cloud.image()["id"])) for _ in range(40)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert found == [IMAGE] * 40 and cloud.stats().tokens == 2


def test_a_failing_keystone_fails_all_who_wait_at_once_and_not_one_after_the_other(server):
    server.on("POST", TOKENS, lambda request: Answer(500, delay=0.5))
    failed = []

    def run(cloud):
        with pytest.raises(CloudError) as caught:
            cloud.image()
        failed.append(caught.value.code)
    with Cloud(server.url) as cloud:
        began = time.monotonic()
        threads = [threading.Thread(target=run, args=(cloud,)) for _ in range(20)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    assert failed == ["KEYSTONE"] * 20 and time.monotonic() - began < 3


# ---- the catalogue ----

def test_an_address_without_v3_is_looked_up_in_the_version_list_and_its_host_kept(server):
    server.on("GET", "/identity/", Answer(300, json_body={"versions": {"values": [
        {"id": "v2.0", "links": [{"rel": "self", "href": "http://inner:1/identity/v2.0/"}]},
        {"id": "v3.14", "links": [{"rel": "self", "href": "http://inner:1/identity/v3/"}]}]}}))
    server.on("POST", "/identity/v3/auth/tokens", token_answer(server.url))
    with Cloud(server.url, auth_url=server.url + "/identity") as cloud:
        assert cloud.image()["id"] == IMAGE


def test_an_address_without_a_version_list_gets_v3_appended(server):
    with Cloud(server.url, auth_url=server.url + "/") as cloud:
        assert cloud.image()["id"] == IMAGE


@pytest.mark.parametrize("options", [{"region": "three"}, {"region": None, "interface_name": "admin"}])
def test_a_catalogue_without_the_endpoint_is_named(server, options):
    with Cloud(server.url, **options) as cloud, pytest.raises(CloudError) as caught:
        cloud.image()
    assert caught.value.code == "KEYSTONE" and "no image (Glance) endpoint" in caught.value.message


def test_a_malicious_endpoint_of_the_catalogue_is_refused(server):
    catalog = [{"type": "image", "endpoints": [{"interface": "public", "region": "one", "url": "file:///etc/shadow"}]}]
    server.on("POST", TOKENS, token_answer(server.url, catalog=catalog))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.image()
    assert caught.value.code == "KEYSTONE" and "neither http nor https" in caught.value.message


def test_an_endpoint_with_a_version_at_its_end_works_as_well(server):
    with Cloud(server.url, image_endpoint=server.url + "/v2/") as cloud:
        assert cloud.image()["id"] == IMAGE


def test_a_token_and_an_auth_url_read_the_catalogue_of_the_token(server):
    server.on("GET", TOKENS, Answer(200, json_body=json.loads(token_answer(server.url).body)))
    with Cloud(server.url, token=TOKEN, password=None) as cloud:
        assert cloud.image()["id"] == IMAGE
        assert cloud.stats().tokens == 0
    assert server.seen("GET", TOKENS)[0].headers["x-subject-token"] == TOKEN


# ---- TLS ----

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, stderr=subprocess.DEVNULL)
    return folder


@pytest.fixture
def tls_server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    server = working_cloud(Server(context))
    yield server
    server.close()


def test_a_certificate_of_an_unknown_authority_is_refused(tls_server):
    with Cloud(tls_server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.image()
    assert caught.value.code == "KEYSTONE" and "certificate" in caught.value.message
    assert tls_server.count() == 0


def test_a_certificate_of_the_given_authority_is_accepted(tls_server, certificate):
    with Cloud(tls_server.url, ca_file=str(certificate / "cert.pem")) as cloud:
        assert cloud.image()["id"] == IMAGE


def test_insecure_accepts_it_and_the_command_warns(tls_server, vtclone):
    run = vtclone("stores", OS_AUTH_URL=tls_server.url + "/v3", OS_INSECURE="true")
    assert run.returncode == 0 and "warning: OS_INSECURE is set" in run.stderr
    assert "netapp" in run.stdout


def test_os_cacert_needs_no_warning(tls_server, certificate, vtclone):
    run = vtclone("stores", OS_AUTH_URL=tls_server.url + "/v3", OS_CACERT=str(certificate / "cert.pem"))
    assert run.returncode == 0 and run.stderr == ""


# ---- the environment ----

@pytest.mark.parametrize("name,text", [
    ("OS_AUTH_URL", "OS_AUTH_URL is not set"), ("OS_USERNAME", "OS_USERNAME"), ("OS_PASSWORD", "OS_PASSWORD"),
    ("OS_PROJECT_NAME", "OS_PROJECT_NAME")])
def test_a_missing_variable_is_named_with_exit_status_2(vtclone, name, text):
    run = vtclone("stores", **{name: ""})
    assert run.returncode == 2 and text in run.stderr


def test_an_unknown_kind_of_authentication_is_named(vtclone):
    run = vtclone("stores", OS_AUTH_TYPE="v3oidcpassword2".replace("password", "code"))
    assert run.returncode == 2 and "OS_AUTH_TYPE" in run.stderr


def test_the_kind_that_is_named_counts_whatever_else_is_set(server, vtclone):
    run = vtclone("stores", OS_AUTH_TYPE="password", OS_TOKEN="stale", OS_APPLICATION_CREDENTIAL_ID="x",
                  OS_APPLICATION_CREDENTIAL_SECRET="y")
    assert run.returncode == 0
    assert auth_sent(server)["identity"]["methods"] == ["password"]


def test_region_and_interface_come_from_the_environment(server, vtclone):
    run = vtclone("stores", OS_REGION_NAME="", OS_INTERFACE="internalURL")
    assert run.returncode == 4 and "127.0.0.1 port 9" in run.stderr
    assert PROJECT not in run.stderr
