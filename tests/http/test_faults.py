"""Every way in which a service can fail ends in one clear line, the right code and status, within its deadline."""
import ctypes
import errno
import gzip
import json
import socket
import threading

import pytest

from clouds import Cloud, CloudError, IMAGE, PASSWORD, TOKEN, Timer, image, token_answer
from scripted import Answer, Server

PATH = "/v2/images/" + IMAGE
GOOD = Answer(json_body=image())


def fails(server, *answers, code="GLANCE", within=4.0, **options):
    """The message of an image fetch that gets these answers; no message holds a secret or a line end."""
    server.on("GET", PATH, *answers)
    with Cloud(server.url, **options) as cloud, Timer() as timer:
        with pytest.raises(CloudError) as caught:
            cloud.image()
    assert caught.value.code == code, caught.value
    assert timer.seconds < within
    message = caught.value.message
    assert message.startswith("get image %s from Glance: " % IMAGE)
    for secret in (TOKEN, PASSWORD):
        assert secret not in message
    assert "\n" not in message
    return message


# ---- slow ----

def test_a_header_that_does_not_come_ends_at_the_deadline(server):
    message = fails(server, Answer(delay=30), code="TIMEOUT", timeout_ms=1000)
    assert "no answer before the deadline" in message


def test_a_header_that_trickles_ends_at_the_deadline(server):
    fails(server, Answer(json_body=image(), header_gap=0.2), code="TIMEOUT", timeout_ms=1000)


def test_a_body_that_trickles_ends_at_the_deadline(server):
    fails(server, Answer(json_body=image(), body_gap=0.2), code="TIMEOUT", timeout_ms=1000)


def test_one_slow_attempt_is_repeated_within_the_deadline(server):
    server.on("GET", PATH, Answer(delay=30), GOOD)
    with Cloud(server.url, call_timeout_ms=500) as cloud:
        assert cloud.image()["id"] == IMAGE
        assert cloud.stats().retries == 1


def test_an_answer_late_in_the_time_of_its_attempt_is_taken(server):
    server.on("GET", PATH, Answer(json_body=image(), delay=2.4))
    with Cloud(server.url, call_timeout_ms=4000) as cloud:
        assert cloud.image()["id"] == IMAGE
        assert cloud.stats().retries == 0
    assert len(server.seen("GET", PATH)) == 1


def test_an_attempt_ends_in_its_time_however_the_body_trickles(server):
    message = fails(server, Answer(json_body=image(), body_gap=0.2), code="TIMEOUT", call_timeout_ms=500, within=6)
    assert "(4 attempts)" in message and "timed out after" in message


def test_a_server_that_does_not_accept_ends_at_the_deadline():
    with Cloud("http://127.0.0.1:9", timeout_ms=1500) as cloud, Timer() as timer:
        with pytest.raises(CloudError) as caught:
            cloud.image()
    assert caught.value.code in ("KEYSTONE", "TIMEOUT") and timer.seconds < 3
    assert "get a token from Keystone" in caught.value.message


def test_a_refused_connection_gives_its_errno():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        with Cloud("http://127.0.0.1:%d" % nobody.getsockname()[1]) as cloud, pytest.raises(CloudError) as caught:
            cloud.image()
    assert caught.value.code == "KEYSTONE" and caught.value.errno == errno.ECONNREFUSED
    assert "(4 attempts)" in caught.value.message


# ---- too much ----

def test_a_body_of_100_megabytes_is_refused_at_the_cap(server):
    message = fails(server, Answer(body=b" " * (100 << 20)))
    assert message.endswith("the answer is longer than 4194304 bytes")


def test_an_endless_body_is_refused_at_the_cap(server):
    assert "longer than 4194304 bytes" in fails(server, Answer(endless=True))


def test_a_gzip_bomb_is_refused_before_it_is_opened(server):
    bomb = gzip.compress(b" " * (64 << 20))
    message = fails(server, Answer(body=bomb, headers={"Content-Encoding": "gzip"}))
    assert message.endswith("the answer is compressed, which was not asked for")
    assert "accept-encoding" not in server.seen("GET", PATH)[0].headers


def test_a_document_that_is_nested_too_deeply_is_refused(server):
    assert "VTCLONE_MAX_NESTING" in fails(server, Answer(body=b'{"a":' + b"[" * 100000))


# ---- broken ----

def test_truncated_json_is_named(server):
    whole = GOOD.body
    message = fails(server, Answer(body=whole[:len(whole) // 2]))
    assert "the answer" in message


def test_a_body_shorter_than_its_length_is_repeated_and_then_named(server):
    message = fails(server, Answer(raw=GOOD.head + GOOD.body[:50]), within=10)
    assert "(4 attempts)" in message


def test_an_empty_answer_is_named(server):
    assert fails(server, Answer(200)).endswith("the answer is empty")


def test_json_that_is_no_object_is_named(server):
    assert "the answer" in fails(server, Answer(json_body=[1, 2]))


def test_another_content_type_is_named(server):
    message = fails(server, Answer(body=b"<html>log in</html>", content_type="text/html; charset=utf-8"))
    assert message.endswith("the answer is text/html instead of application/json")


def test_an_answer_without_a_content_type_is_refused(server):
    assert "of no type" in fails(server, Answer(body=GOOD.body, content_type=None))


def test_an_answer_that_is_not_http_is_refused(server):
    curl = ctypes.CDLL("libcurl.so.4")
    curl.curl_version.restype = ctypes.c_char_p
    # "libcurl/8.14.1 ...": 7.88 takes it for HTTP/0.9, which is not allowed, 8.14 for a broken status line
    said = "HTTP/0.9" if curl.curl_version().startswith(b"libcurl/7.") else "Invalid status line"
    assert said in fails(server, Answer(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), within=10)


def test_a_connection_reset_at_each_byte_of_the_header_is_mended_by_a_repetition(server):
    for byte in range(len(GOOD.head) + 1):
        server.on("GET", PATH, Answer(json_body=image(), cut_at=byte), GOOD)
        with Cloud(server.url) as cloud:
            assert cloud.image()["id"] == IMAGE, byte


def test_a_connection_that_is_always_reset_fails_with_its_reason(server):
    message = fails(server, Answer(cut_at=0), within=10)
    assert "(4 attempts)" in message


# ---- statuses ----

@pytest.mark.parametrize("status", [403, 404])
def test_an_image_that_the_user_may_not_see_ends_it(server, status):
    message = fails(server, Answer(status, json_body={}))
    assert message.endswith("HTTP %d: there is no such image, or this user may not see it" % status)
    assert len(server.seen("GET", PATH)) == 1


@pytest.mark.parametrize("status", [400, 409, 413, 500])
def test_a_refusal_is_not_repeated_and_says_what_the_service_said(server, status):
    page = ("<html><head><title>%d Oops</title></head><body><h1>%d Oops</h1>The disk\n is full.<br /></body></html>"
            % (status, status))
    message = fails(server, Answer(status, body=page.encode(), content_type="text/html"))
    assert message.endswith("HTTP %d: %d Oops The disk is full. " % (status, status))
    assert len(server.seen("GET", PATH)) == 1


def test_a_json_refusal_says_its_message(server):
    message = fails(server, Answer(400, json_body={"badRequest": {"code": 400, "message": "Not like this."}}))
    assert message.endswith("HTTP 400: Not like this.")


def test_a_refusal_that_echoes_the_token_is_not_shown(server):
    fails(server, Answer(400, json_body={"message": "token %s is bad" % TOKEN}))


def test_control_characters_of_a_refusal_are_escaped(server):
    assert "\x1b" not in fails(server, Answer(400, body=b'{"message": "\x1b[31mred\r\n"}'))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_failure_is_repeated(server, status):
    server.on("GET", PATH, Answer(status), Answer(status), GOOD)
    with Cloud(server.url) as cloud:
        assert cloud.image()["id"] == IMAGE
        assert cloud.stats().retries == 2


def test_a_failure_that_does_not_pass_ends_after_four_attempts(server):
    assert fails(server, Answer(503), within=10).endswith("HTTP 503 (4 attempts)")
    assert len(server.seen("GET", PATH)) == 4


def test_retry_after_in_seconds_is_honoured(server):
    server.on("GET", PATH, Answer(429, headers={"Retry-After": "2"}), GOOD)
    with Cloud(server.url) as cloud:
        cloud.image()
    first, second = server.seen("GET", PATH)
    assert 2.0 <= second.at - first.at < 4


def test_a_retry_after_beyond_the_deadline_ends_at_once(server):
    message = fails(server, Answer(503, headers={"Retry-After": "3600"}), within=1.5)
    assert message.endswith("HTTP 503")


def test_a_retry_after_that_is_nonsense_is_ignored(server):
    server.on("GET", PATH, Answer(503, headers={"Retry-After": "soon, -1 \x01"}), GOOD)
    with Cloud(server.url) as cloud:
        assert cloud.image()["id"] == IMAGE


def test_a_redirect_to_another_host_is_not_followed(server):
    other = Server().on("GET", ".*", GOOD)
    message = fails(server, Answer(302, headers={"Location": other.url + PATH}))
    assert "HTTP 302, a redirect, which is not followed" in message
    assert other.count() == 0
    other.close()


# ---- tokens ----

def test_a_refused_token_is_replaced_once(server):
    server.on("GET", PATH, Answer(401), GOOD)
    with Cloud(server.url) as cloud:
        assert cloud.image()["id"] == IMAGE
        assert cloud.stats().tokens == 2


def test_a_token_that_is_refused_again_ends_it(server):
    message = fails(server, Answer(401), code="KEYSTONE")
    assert message.endswith("HTTP 401: a new token was refused too")
    assert len(server.seen("POST", "/v3/auth/tokens")) == 2


def test_a_handed_in_token_is_not_replaced(server):
    server.on("GET", PATH, Answer(401))
    with Cloud(server.url, auth_url=None, token=TOKEN, image_endpoint=server.url) as cloud:
        with pytest.raises(CloudError) as caught:
            cloud.image()
    assert caught.value.code == "KEYSTONE" and "handed in was refused" in caught.value.message
    assert not server.seen("POST", "/v3/auth/tokens")


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a b", "a\x7f", "", "x" * 20000, "\u00e4"])
def test_a_token_that_cannot_be_sent_is_refused_before_anything_is(server, token):
    with pytest.raises(CloudError) as caught:
        Cloud(server.url, token=token, auth_url=None, image_endpoint=server.url)
    assert caught.value.code == "INVALID" and "cannot be sent" in caught.value.message
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.image(user_token=token)
    assert caught.value.code == "INVALID" and "cannot be sent" in caught.value.message
    assert server.count() == 0


def test_a_token_of_keystone_with_a_blank_in_it_is_refused(server):
    server.on("POST", "/v3/auth/tokens", token_answer(server.url, token="two words"))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.image()
    assert caught.value.code == "KEYSTONE" and "no usable X-Subject-Token" in caught.value.message


# ---- many at once ----

def test_many_threads_share_one_token_and_few_connections(server):
    server.on("POST", "/v3/auth/tokens", Answer(503), token_answer(server.url))
    found = []
    with Cloud(server.url) as cloud:
        threads = [threading.Thread(target=lambda: found.append(cloud.image()["id"])) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [IMAGE] * 40
        stats = cloud.stats()
    assert stats.tokens == 1 and stats.requests == 42 and stats.connects <= 16


# ---- the command ----

@pytest.mark.parametrize("answer,code", [
    (Answer(404), "VTCLONE_E_GLANCE"), (Answer(500), "VTCLONE_E_GLANCE"), (Answer(401), "VTCLONE_E_KEYSTONE"),
    (Answer(body=b"{", content_type="application/json"), "VTCLONE_E_GLANCE"),
    (Answer(302, headers={"Location": "http://example.org/"}), "VTCLONE_E_GLANCE"),
    (Answer(body=b" " * (5 << 20)), "VTCLONE_E_GLANCE")])
def test_a_fault_gives_exit_status_4_and_one_line(server, vtclone, answer, code):
    server.on("GET", PATH, answer)
    run = vtclone("resolve", "--image-id", IMAGE, "--volume-type", "ceph", "--format", "json", VTCLONE_DEBUG="1")
    assert run.returncode == 4
    lines = [line for line in run.stderr.splitlines() if not line.startswith("vtclone http: ")]
    assert len(lines) == 1 and lines[0].startswith("vtclone resolve: get image")
    assert json.loads(run.stdout)["error"]["code"] == code
    assert TOKEN not in run.stdout + run.stderr and PASSWORD not in run.stdout + run.stderr


def test_an_image_id_that_is_no_uuid_is_bad_input(server, vtclone):
    run = vtclone("resolve", "--image-id", "../../etc/passwd", "--volume-type", "ceph")
    assert run.returncode == 2 and "is not a UUID" in run.stderr
    assert server.count() == 0
