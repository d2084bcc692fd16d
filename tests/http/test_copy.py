"""Copy on demand on a scripted Glance that can fail on purpose."""
import ctypes
import json
import os
import threading
import time

import pytest

from clouds import Cloud, CloudError, FSID, IMAGE, NEW_VOLUME, Timer, image
from scripted import Answer
from vtclone import _ctypes

PATH = "/v2/images/" + IMAGE
IMPORT = PATH + "/import"


class Copying:
    """Glance's side of a copy to ceph: takes `looks` looks at the image, then it is there, or failed."""

    def __init__(self, server, looks=3, fails=False, tasks=True):
        self.server, self.looks, self.fails, self.imports = server, looks, fails, 0
        server.on("GET", PATH, self.image)
        server.on("POST", IMPORT, self.start)
        if tasks:
            server.on("GET", PATH + "/tasks", self.tasks)

    def start(self, request):
        assert json.loads(request.body) == {"method": {"name": "copy-image"}, "stores": ["ceph"],
                                            "all_stores_must_succeed": False}
        if self.imports:
            return Answer(409, body=b"<html><body>prior operation is still in progress</body></html>")
        self.imports = 1
        return Answer(202, headers={"X-Openstack-Request-Id": "r"})

    def image(self, request):
        if not self.imports:
            return Answer(json_body=image(["netapp"]))
        self.looks -= 1
        if self.looks > 0:
            return Answer(json_body=image(["netapp"], os_glance_importing_to_stores="ceph"))
        if self.fails:
            return Answer(json_body=image(["netapp"], os_glance_importing_to_stores="", os_glance_failed_import="ceph"))
        return Answer(json_body=image())

    def tasks(self, request):
        status = "processing" if self.looks > 0 else "failure" if self.fails else "success"
        return Answer(json_body={"tasks": [
            {"id": "t1", "type": "api_image_import", "status": status, "created_at": "2026-01-01T00:00:00Z",
             "message": "No space left in pool images" if self.fails else "Copied 32 MiB",
             "input": {"import_req": {"stores": ["ceph"]}}}] if self.imports else []})


def test_a_copy_is_asked_for_and_waited_for(server):
    Copying(server)
    progress = _ctypes.CopyProgress()
    with Cloud(server.url) as cloud:
        assert cloud.copy("ceph", progress=ctypes.pointer(progress)) == {
            "started": 1, "complete": 1, "bytes": 64 << 20}
    assert (progress.state, progress.copied_bytes, progress.total_bytes) == (3, 64 << 20, 64 << 20)


def test_an_image_that_is_there_already_is_success_without_asking(server):
    with Cloud(server.url) as cloud:
        assert cloud.copy("ceph", "netapp") == {"started": 0, "complete": 1, "bytes": 64 << 20}
    assert not server.seen("POST", IMPORT)


def test_already_there_from_the_import_is_success(server):
    server.on("GET", PATH, Answer(json_body=image(["netapp"])), Answer(json_body=image()))
    server.on("POST", IMPORT, Answer(400, body=b"<html><body>Image is already present at store 'ceph'</body></html>",
                                     content_type="text/html"))
    with Cloud(server.url) as cloud:
        assert cloud.copy("ceph")["started"] == 0


def test_forty_callers_of_the_same_image_cause_one_import(server):
    copying = Copying(server, looks=6)
    results = []
    with Cloud(server.url) as cloud:
        threads = [threading.Thread(target=lambda: results.append(cloud.copy("ceph"))) for _ in range(40)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert cloud.stats().copies == 1
    assert sorted(r["started"] for r in results) == [0] * 39 + [1] and all(r["complete"] for r in results)
    assert copying.imports == len(server.seen("POST", IMPORT)) == 1


def test_the_copy_of_somebody_else_is_waited_for(server):
    importing = Answer(json_body=image(["netapp"], os_glance_importing_to_stores="ceph"))
    server.on("GET", PATH, importing, importing, Answer(json_body=image()))
    with Cloud(server.url) as cloud:
        assert cloud.copy("ceph") == {"started": 0, "complete": 1, "bytes": 64 << 20}
    assert not server.seen("POST", IMPORT)


def test_a_locked_image_is_waited_for_and_looked_at_again(server):
    server.on("GET", PATH, Answer(json_body=image(["netapp"])))
    copying = Copying(server)
    server.on("POST", IMPORT, Answer(409), Answer(409), copying.start)
    with Cloud(server.url) as cloud:
        assert cloud.copy("ceph")["started"] == 1


def test_where_glance_breaks_over_imports_at_once_the_image_is_looked_at_again(server):
    copying = Copying(server)

    def broken(request):
        copying.start(request)      # another process's, which came first
        return Answer(500)
    server.on("POST", IMPORT, broken)
    with Cloud(server.url) as cloud:
        assert cloud.copy("ceph")["complete"] == 1
    assert len(server.seen("POST", IMPORT)) == 1


def test_where_glance_breaks_before_an_import_it_is_asked_again(server):
    copying = Copying(server)
    server.on("POST", IMPORT, Answer(500), Answer(500), copying.start)
    with Cloud(server.url) as cloud:
        assert cloud.copy("ceph")["started"] == 1


def test_a_glance_that_goes_on_breaking_is_the_error(server):
    server.on("GET", PATH, Answer(json_body=image(["netapp"])))
    server.on("POST", IMPORT, Answer(500))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.copy("ceph")
    assert caught.value.code == "GLANCE" and "ask Glance to copy" in caught.value.message and "HTTP 500" in caught.value.message
    assert len(server.seen("POST", IMPORT)) == 3


@pytest.mark.parametrize("tasks", [True, False])
def test_a_failed_copy_says_which_store_and_why(server, tasks):
    Copying(server, fails=True, tasks=tasks)
    if not tasks:
        server.on("GET", PATH + "/tasks", Answer(404))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.copy("ceph")
    assert caught.value.code == "COPY_FAILED"
    assert caught.value.message.startswith("copy image %s to store ceph: " % IMAGE)
    assert ("No space left in pool images" if tasks else "its log tells") in caught.value.message


def test_a_failed_copy_fails_all_who_wait_for_it_with_one_import(server):
    Copying(server, looks=5, fails=True)
    failed = []

    def run(cloud):
        with pytest.raises(CloudError) as caught:
            cloud.copy("ceph")
        failed.append(caught.value.code)
    with Cloud(server.url) as cloud:
        threads = [threading.Thread(target=run, args=(cloud,)) for _ in range(20)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    assert failed == ["COPY_FAILED"] * 20 and len(server.seen("POST", IMPORT)) == 1


def test_an_old_failure_does_not_fail_a_new_copy(server):
    copying = Copying(server)
    stale = {"tasks": [{"id": "old", "status": "failure", "created_at": "2025-01-01T00:00:00Z", "message": "old",
                        "input": {"import_req": {"stores": ["ceph"]}}}]}
    failed = Answer(json_body=image(["netapp"], os_glance_failed_import="ceph"))
    server.on("GET", PATH + "/tasks", Answer(json_body=stale), Answer(json_body=stale), copying.tasks)
    server.on("GET", PATH, failed, failed, copying.image)
    with Cloud(server.url) as cloud:
        assert cloud.copy("ceph")["complete"] == 1


@pytest.mark.parametrize("fails", [False, True])
def test_an_old_failure_does_not_fail_a_copy_that_glance_has_not_begun(server, fails):
    """Where it does not show the tasks either. Its lock is on the image from before the answer until the end."""
    copying = Copying(server, looks=1, fails=fails, tasks=False)
    server.on("GET", PATH + "/tasks", Answer(404))
    failed = Answer(json_body=image(["netapp"], os_glance_failed_import="ceph"))
    queued = Answer(json_body=image(["netapp"], os_glance_failed_import="ceph", os_glance_import_task="t1"))
    server.on("GET", PATH, failed, *[queued] * 5, copying.image)
    with Cloud(server.url) as cloud:
        if fails:
            with pytest.raises(CloudError, match="Glance says that it failed"):
                cloud.copy("ceph")
        else:
            assert cloud.copy("ceph")["complete"] == 1
    assert copying.looks <= 0


def test_an_unknown_store_is_named_with_those_there_are(server):
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.copy("tape")
    assert caught.value.code == "INVALID" and caught.value.message == "Glance has no store tape (it has netapp, ceph)"


def test_a_copy_that_is_forbidden_says_so(server):
    server.on("GET", PATH, Answer(json_body=image(["netapp"])))
    server.on("POST", IMPORT, Answer(403, body=b"<html><body>You are not authorized</body></html>", content_type="text/html"))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.copy("ceph")
    assert caught.value.code == "GLANCE" and "HTTP 403: You are not authorized" in caught.value.message


def test_a_copy_that_does_not_end_ends_at_the_deadline(server):
    Copying(server, looks=10000)
    with Cloud(server.url) as cloud, Timer() as timer, pytest.raises(CloudError) as caught:
        cloud.copy("ceph", timeout_ms=1500)
    assert caught.value.code == "TIMEOUT" and "Glance is still at it" in caught.value.message
    assert timer.seconds < 2


def test_a_copy_can_be_cancelled_while_it_waits_and_those_who_joined_go_on(server):
    copying = Copying(server, looks=10000)
    reader, writer = os.pipe()
    results = []

    def run(cloud, **options):
        try:
            results.append(cloud.copy("ceph", **options)["complete"])
        except CloudError as err:
            results.append(err.code)
    with Cloud(server.url) as cloud:
        first = threading.Thread(target=run, args=(cloud,), kwargs={"cancel_fd": reader})
        second = threading.Thread(target=run, args=(cloud,))
        first.start()
        time.sleep(0.3)
        second.start()
        time.sleep(0.3)
        os.write(writer, b"x")
        first.join(timeout=2)
        assert results == ["CANCELLED"]
        copying.looks = 2
        second.join()
    os.close(reader), os.close(writer)
    assert results == ["CANCELLED", 1] and len(server.seen("POST", IMPORT)) == 1


def test_a_request_under_way_can_be_cancelled(server):
    server.on("GET", PATH, Answer(delay=30))
    reader, writer = os.pipe()
    threading.Timer(0.3, lambda: os.write(writer, b"x")).start()
    with Cloud(server.url, call_timeout_ms=20000) as cloud, Timer() as timer, pytest.raises(CloudError) as caught:
        cloud.copy("ceph", cancel_fd=reader)
    os.close(reader), os.close(writer)
    assert caught.value.code == "CANCELLED" and timer.seconds < 3


def test_without_waiting_a_copy_returns_when_it_is_accepted(server):
    Copying(server, looks=10000)
    with Cloud(server.url) as cloud, Timer() as timer:
        assert cloud.copy("ceph", no_wait=1) == {"started": 1, "complete": 0, "bytes": 64 << 20}
        assert cloud.copy("ceph", no_wait=1)["started"] == 0
    assert timer.seconds < 2


def test_a_miss_that_a_copy_mends_becomes_a_hit(server):
    Copying(server)
    with Cloud(server.url) as cloud:
        assert cloud.resolve("ceph")["method"] == "none"
        assert cloud.resolve("ceph", copy=True)["method"] == "rbd-clone"


@pytest.mark.parametrize("members", [{"disk_format": "qcow2"}, {"status": "queued"}, {"locations": []}])
def test_a_miss_that_no_copy_mends_stays_one(server, members):
    server.on("GET", PATH, Answer(json_body=image(["netapp"], **members)))
    with Cloud(server.url) as cloud:
        assert cloud.resolve("ceph", copy=True)["method"] == "none"
    assert not server.seen("POST", IMPORT)


def test_an_image_with_a_location_that_is_not_its_own_is_not_copied_on(server):
    evil = [{"url": "rbd://%s/images/%s/snap" % (FSID, NEW_VOLUME), "metadata": {"store": "netapp"}}]
    server.on("GET", PATH, Answer(json_body=image(["netapp"], locations=evil)))
    with Cloud(server.url) as cloud:
        decision = cloud.resolve("ceph", copy=True)
    assert decision["reason"] == "NOT_PAIRED" and not server.seen("POST", IMPORT)
