"""Live site, live resolve, copy on demand and volumes by Cinder's API, on a scripted cloud that can fail on purpose."""
import ctypes
import json
import os
import threading
import time

import pytest

from clouds import (Cloud, CloudError, FSID, IMAGE, NEW_VOLUME, PROJECT, STORES, TOKEN, TYPES, Timer, VOLUME, image,
                    image_volume)
from scripted import Answer
from vtclone import _ctypes

PATH = "/v2/images/" + IMAGE
CINDER = "/v3/" + PROJECT
IMPORT = PATH + "/import"


# ---- the site ----

def test_the_live_site_is_derived_from_stores_pools_and_types(server):
    with Cloud(server.url) as cloud:
        site = cloud.site()
    assert [(b["host"], b["type"], b["store"]) for b in site["backends"]] == [
        ("node@netapp#pool0", "cinder", "netapp"), ("node@ceph#ceph", "rbd", "ceph")]
    ceph = site["backends"][1]
    assert (ceph["cluster"], ceph["ceph_conf"], ceph["fsid"], ceph["user"], ceph["pool"]) == (
        "ceph", "/etc/ceph/ceph.conf", FSID, "cinder", "volumes")
    assert ceph["derived_from"] == "Cinder pools, location_info, store by type ceph"
    assert server.seen("GET", CINDER + "/types")[0].headers["openstack-api-version"] == "volume 3.70"


def test_an_older_cinder_is_asked_in_its_own_microversion(server):
    server.on("GET", "/v3/", Answer(json_body={"versions": [{"id": "v3.0", "version": "3.27", "min_version": "3.0"}]}))
    with Cloud(server.url) as cloud:
        cloud.site()
    assert server.seen("GET", CINDER + "/types")[0].headers["openstack-api-version"] == "volume 3.27"


def test_the_capability_glance_store_id_goes_before_the_types(server):
    pools = {"pools": [{"name": "node@b#p", "capabilities": {
        "volume_backend_name": "ceph", "storage_protocol": ["ceph", "rbd"], "glance_store_id": "netapp",
        "location_info": "ceph:/etc/ceph/a:b.conf:%s:cinder:volumes" % FSID}}]}
    server.on("GET", CINDER + "/scheduler-stats/get_pools", Answer(json_body=pools))
    with Cloud(server.url) as cloud:
        backend = cloud.site()["backends"][0]
    # Its own store is a cinder store, so Cinder clones for it, although it speaks to Ceph.
    assert backend["type"] == "cinder" and backend["store"] == "netapp"
    assert backend["derived_from"] == "Cinder pools, store by glance_store_id"


def test_types_that_disagree_about_the_store_name_none(server):
    types = {"volume_types": TYPES["volume_types"] + [
        {"id": "3", "name": "other", "extra_specs": {"volume_backend_name": "ceph", "image_service:store_id": "x"}}]}
    server.on("GET", CINDER + "/types", Answer(json_body=types))
    with Cloud(server.url) as cloud:
        assert "store" not in cloud.site()["backends"][1]


def test_a_clustered_pool_carries_its_cluster_name(server):
    server.on("GET", CINDER + "/os-services", Answer(json_body={"services": [
        {"binary": "cinder-volume", "host": "one@ceph", "cluster": "node@ceph", "state": "up"},
        {"binary": "cinder-volume", "host": "node@netapp", "cluster": None, "state": "down"}]}))
    with Cloud(server.url) as cloud:
        netapp, ceph = cloud.site()["backends"]
    assert ceph["cluster_name"] == "node@ceph#ceph" and ceph["state"] == "up"
    assert netapp["state"] == "down" and "cluster_name" not in netapp


def test_entries_of_a_site_document_win_over_live_ones(server):
    given = {"backends": [{"host": "node@ceph#ceph", "name": "ceph", "type": "rbd", "fsid": FSID, "pool": "mine"}],
             "stores": [{"id": "ceph", "type": "rbd", "pool": "elsewhere", "fsid": FSID}]}
    with Cloud(server.url, site=json.dumps(given)) as cloud:
        site = cloud.site()
    assert [(b["host"], b.get("pool")) for b in site["backends"]] == [
        ("node@ceph#ceph", "mine"), ("node@netapp#pool0", None)]
    assert site["backends"][0]["derived_from"] == site["stores"][0]["derived_from"] == "site file"
    assert [s["id"] for s in site["stores"]] == ["ceph", "netapp"]


def test_what_this_user_may_not_list_comes_from_the_document_or_is_named(server):
    server.on("GET", CINDER + "/scheduler-stats/get_pools", Answer(403, json_body={}))
    server.on("GET", "/v2/info/stores/detail", Answer(403, json_body={}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.site()
    assert "details of Glance's stores: this user may not see them" in caught.value.message
    with Cloud(server.url, site=json.dumps({"stores": STORES["stores"][:1]})) as cloud, pytest.raises(CloudError) as caught:
        cloud.site()
    assert "Cinder's pools: this user may not see them" in caught.value.message
    given = {"stores": [{"id": "a", "type": "file"}], "backends": [{"host": "h@b#p", "name": "b", "type": "cinder"}]}
    with Cloud(server.url, site=json.dumps(given)) as cloud:
        assert [b["host"] for b in cloud.site()["backends"]] == ["h@b#p"]


def test_a_glance_with_one_store_has_no_list_of_stores(server):
    server.on("GET", "/v2/info/stores/detail", Answer(404))
    with Cloud(server.url) as cloud:
        assert cloud.site()["stores"] == []


def test_types_come_page_by_page(server):
    def page(request):
        first = 0 if "marker=" not in request.path else int(request.path.split("marker=")[1]) + 1
        types = [{"id": str(i), "name": "t%d" % i, "extra_specs": {}} for i in range(first, min(first + 2, 5))]
        links = {"volume_type_links": [{"rel": "next", "href": "ignored"}]} if first + 2 < 5 else {}
        return Answer(json_body={"volume_types": types, **links})
    server.on("GET", CINDER + "/types", page)
    with Cloud(server.url) as cloud:
        assert [t["name"] for t in cloud.site()["volume_types"]] == ["t0", "t1", "t2", "t3", "t4"]


def test_a_page_that_comes_again_and_again_is_refused(server):
    types = {**TYPES, "volume_type_links": [{"rel": "next", "href": "x"}]}
    server.on("GET", CINDER + "/types", Answer(json_body=types))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.site()
    assert caught.value.code == "CINDER" and "the same page came twice" in caught.value.message


def test_the_json_of_stores_is_a_site_file(server, vtclone, tmp_path):
    run = vtclone("stores", "--format", "json")
    (tmp_path / "site.json").write_text(run.stdout)
    (tmp_path / "image.json").write_text(json.dumps(image()))
    run = vtclone("resolve", "--site", str(tmp_path / "site.json"), "--image", str(tmp_path / "image.json"),
                  "--volume-type", "ceph", "--format", "json", OS_AUTH_URL="")
    assert run.returncode == 0 and json.loads(run.stdout)["method"] == "rbd-clone"


# ---- resolve ----

def test_each_type_gets_its_own_copy(server):
    with Cloud(server.url) as cloud:
        assert cloud.resolve("ceph")["method"] == "rbd-clone"
        decision = cloud.resolve("netapp")
    assert decision["method"] == "cinder-clone" and decision["location"]["store"] == "netapp"


@pytest.mark.parametrize("volume_type,most", [("ceph", 1), ("netapp", 2)])
def test_a_warm_resolve_makes_at_most_two_requests_on_one_kept_connection(server, volume_type, most):
    with Cloud(server.url, volume_ttl_ms=0xffffffff) as cloud:
        cloud.resolve(volume_type)
        before = cloud.stats()
        cloud.resolve(volume_type)
        after = cloud.stats()
    assert after.requests - before.requests == most
    assert after.connects == 1


def test_image_volumes_are_kept_for_their_time(server):
    with Cloud(server.url, volume_ttl_ms=300) as cloud:
        cloud.resolve("netapp")
        cloud.resolve("netapp")
        assert len(server.seen("GET", CINDER + "/volumes/" + VOLUME)) == 1
        time.sleep(0.4)
        cloud.resolve("netapp")
        assert len(server.seen("GET", CINDER + "/volumes/" + VOLUME)) == 2


def test_the_site_is_kept_for_its_time(server):
    with Cloud(server.url, site_ttl_ms=300) as cloud:
        cloud.resolve("ceph")
        cloud.resolve("ceph")
        assert len(server.seen("GET", CINDER + "/types")) == 1
        time.sleep(0.4)
        cloud.resolve("ceph")
        assert len(server.seen("GET", CINDER + "/types")) == 2


def test_several_image_volumes_come_in_one_request_and_what_it_lacks_by_id(server):
    other = "cccccccc-1111-4222-8333-444455556666"
    locations = [{"url": "cinder://netapp/" + v, "metadata": {"store": "netapp"}} for v in (VOLUME, other)]
    server.on("GET", PATH, Answer(json_body=image(["netapp"], locations=locations)))
    server.on("GET", CINDER + "/volumes/detail", Answer(json_body={"volumes": [image_volume()]}))
    server.on("GET", CINDER + "/volumes/" + other,
              Answer(json_body={"volume": image_volume(id=other, metadata={"glance_image_id": NEW_VOLUME})}))
    with Cloud(server.url) as cloud:
        decision = cloud.resolve("netapp")
    assert [c["reason"] for c in decision["backends"][0]["candidates"]] == ["OK", "NOT_PAIRED"]
    assert not server.seen("GET", CINDER + "/volumes/" + VOLUME)


def test_an_image_volume_that_is_not_there_is_a_miss(server):
    server.on("GET", CINDER + "/volumes/" + VOLUME, Answer(404))
    with Cloud(server.url) as cloud:
        assert cloud.resolve("netapp")["reason"] == "VOLUME_NOT_FOUND"


def test_a_cinder_that_fails_is_a_failure_and_no_miss(server):
    server.on("GET", CINDER + "/volumes/" + VOLUME, Answer(500))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.resolve("netapp")
    assert caught.value.code == "CINDER" and "get volume " + VOLUME in caught.value.message


def test_the_users_own_token_is_asked_first_and_its_refusal_ends_it(server):
    def by_token(request):
        return Answer(404) if request.headers["x-auth-token"] == "user" else Answer(json_body=image())
    server.on("GET", PATH, by_token)
    with Cloud(server.url) as cloud:
        with pytest.raises(CloudError) as caught:
            cloud.resolve("ceph", user_token="user")
    assert caught.value.code == "GLANCE" and "may not see it" in caught.value.message
    assert server.count() == 2  # the cloud's token and catalogue, and the image


def test_an_image_that_is_no_image_is_glances_fault(server):
    server.on("GET", PATH, Answer(json_body={"id": IMAGE, "status": 7, "locations": []}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.resolve("ceph")
    assert caught.value.code == "GLANCE" and "status" in caught.value.message


# ---- the locations API ----

def hidden():
    shown = image()
    del shown["locations"]
    return shown


def new_glance(server, answer):
    server.on("GET", "/versions", Answer(300, json_body={"versions": [
        {"id": "v2.9", "status": "SUPPORTED"}, {"id": "v2.17", "status": "CURRENT"}, {"id": "v2.0", "status": "SUPPORTED"}]}))
    server.on("GET", PATH, Answer(json_body=hidden()))
    server.on("GET", PATH + "/locations", answer)


def test_hidden_locations_come_from_the_locations_api_with_the_clouds_token(server):
    new_glance(server, Answer(json_body=image()["locations"]))
    with Cloud(server.url) as cloud:
        assert cloud.resolve("ceph", user_token="user")["method"] == "rbd-clone"
    request = server.seen("GET", PATH + "/locations")[0]
    assert request.headers["x-auth-token"] == request.headers["x-service-token"] == TOKEN
    assert server.seen("GET", PATH)[0].headers["x-auth-token"] == "user"


def test_a_warm_resolve_with_the_locations_api_makes_two_requests(server):
    new_glance(server, Answer(json_body=image()["locations"]))
    with Cloud(server.url) as cloud:
        cloud.resolve("netapp")
        before = cloud.stats().requests
        cloud.resolve("netapp")
        assert cloud.stats().requests - before == 2


@pytest.mark.parametrize("status,asked", [(403, 1), (501, 1), (404, 2)])
def test_a_refusing_locations_api_leaves_what_the_image_shows(server, status, asked):
    new_glance(server, Answer(status))
    with Cloud(server.url) as cloud:
        assert cloud.resolve("ceph")["reason"] == "LOCATIONS_HIDDEN"
        assert cloud.resolve("ceph")["reason"] == "LOCATIONS_HIDDEN"
    # 403 and 501 say something of the credential and the service: not asked again for a time.
    assert len(server.seen("GET", PATH + "/locations")) == asked


def test_an_older_glance_is_not_asked_for_its_locations(server):
    server.on("GET", PATH, Answer(json_body=hidden()))
    with Cloud(server.url) as cloud:
        assert cloud.resolve("ceph")["reason"] == "LOCATIONS_HIDDEN"
        cloud.resolve("ceph")
    assert not server.seen("GET", PATH + "/locations") and len(server.seen("GET", "/versions")) == 1


# ---- copies ----

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


# ---- volumes ----

class Making:
    """Cinder's side of a volume that becomes `ends` after two looks."""

    def __init__(self, server, ends="available", delete=(202,)):
        self.status, self.ends, self.looks, self.deleted = "creating", ends, 0, False
        server.on("POST", CINDER + "/volumes", self.create)
        server.on("GET", CINDER + "/volumes/" + NEW_VOLUME, self.show)
        server.on("POST", CINDER + "/volumes/%s/action" % NEW_VOLUME, Answer(200))
        server.on("DELETE", CINDER + "/volumes/" + NEW_VOLUME, *[self.delete(s) for s in delete])

    def create(self, request):
        self.wanted = json.loads(request.body)["volume"]
        return Answer(202, json_body={"volume": {"id": NEW_VOLUME, "status": "creating"}})

    def show(self, request):
        self.looks += 1
        if self.deleted:
            return Answer(404)
        return Answer(json_body={"volume": {"id": NEW_VOLUME, "status": self.ends if self.looks > 2 else "creating"}})

    def delete(self, status):
        def answer(request):
            self.deleted = status == 202
            return Answer(status)
        return answer


def test_a_volume_is_made_from_the_image_volume_and_boots(server):
    making = Making(server)
    server.on("GET", PATH, Answer(json_body=image(hw_disk_bus="scsi", os_glance_failed_import="", os_distro="debian")))
    with Cloud(server.url) as cloud:
        made = cloud.clone_volume(size=3)
    assert (made["volume"], made["volume_id"], made["engine"], made["parent"]) == ("new", NEW_VOLUME, "cinder", VOLUME)
    mark = making.wanted.pop("metadata")
    assert making.wanted == {"name": "new", "size": 3, "source_volid": VOLUME, "volume_type": "netapp"}
    assert len(mark["vtclone_request"]) == 32
    set_metadata, bootable = [json.loads(r.body) for r in server.seen("POST", CINDER + "/volumes/%s/action" % NEW_VOLUME)]
    assert set_metadata["os-set_image_metadata"]["metadata"] == {
        "image_id": IMAGE, "image_name": "an image", "disk_format": "raw", "container_format": "bare",
        "size": str(64 << 20), "min_disk": "0", "hw_disk_bus": "scsi", "os_distro": "debian"}
    assert bootable == {"os-set_bootable": {"bootable": True}}


def test_a_volume_that_fails_is_deleted_and_named(server):
    making = Making(server, ends="error", delete=(400, 202))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume()
    assert caught.value.code == "CINDER" and "Cinder says that it is error" in caught.value.message
    assert making.deleted and "left behind" not in caught.value.message


def test_a_volume_that_does_not_become_available_ends_at_the_deadline_and_is_deleted(server):
    making = Making(server, ends="creating", delete=(400, 400, 202))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume(timeout_ms=1500)
    assert caught.value.code == "TIMEOUT" and making.deleted


def test_a_volume_whose_image_metadata_is_refused_is_deleted(server):
    making = Making(server)
    server.on("POST", CINDER + "/volumes/%s/action" % NEW_VOLUME, Answer(403, json_body={"forbidden": {"message": "no"}}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume()
    assert caught.value.code == "CINDER" and "HTTP 403: no" in caught.value.message and making.deleted


def test_a_volume_that_cannot_be_deleted_is_named_with_the_failure(server):
    Making(server, ends="error")
    server.on("DELETE", CINDER + "/volumes/" + NEW_VOLUME, Answer(202))
    server.on("GET", CINDER + "/volumes/" + NEW_VOLUME, Answer(json_body={"volume": {"status": "error"}}),
              Answer(json_body={"volume": {"status": "error_deleting"}}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume()
    assert "Cinder says that it is error; volume %s is left behind" % NEW_VOLUME in caught.value.message


def test_a_creation_whose_answer_is_lost_is_found_by_its_mark_and_not_repeated(server):
    making = Making(server)

    def lost(request):
        making.create(request)
        return Answer(202, json_body={"volume": {}}, cut_at=0)

    def listing(request):
        mine = {"id": NEW_VOLUME, "metadata": making.wanted["metadata"]}
        return Answer(json_body={"volumes": [{"id": VOLUME, "metadata": {}}, mine]})
    server.on("POST", CINDER + "/volumes", lost)
    server.on("GET", CINDER + "/volumes/detail", listing)
    with Cloud(server.url) as cloud:
        assert cloud.clone_volume()["volume_id"] == NEW_VOLUME
    assert len(server.seen("POST", CINDER + "/volumes")) == 1


@pytest.mark.parametrize("status,times", [(400, 1), (413, 1), (500, 1)])
def test_a_refused_creation_is_not_repeated(server, status, times):
    server.on("POST", CINDER + "/volumes", Answer(status, json_body={"overLimit": {"message": "Quota exceeded"}}))
    server.on("GET", CINDER + "/volumes/detail", Answer(json_body={"volumes": []}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume()
    assert caught.value.code == "CINDER" and "HTTP %d: Quota exceeded" % status in caught.value.message
    assert len(server.seen("POST", CINDER + "/volumes")) == times


def test_a_decision_of_another_method_is_refused(server):
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume("ceph")
    assert caught.value.code == "UNSUPPORTED" and "rbd-clone" in caught.value.message


# ---- fork ----

def test_a_child_is_told_that_the_cloud_is_its_parents_and_the_parents_goes_on(server):
    with Cloud(server.url) as cloud:
        cloud.image()
        child = os.fork()
        if child == 0:
            code = "none"
            try:
                cloud.image()
            except CloudError as err:
                code = err.code
            cloud.lib.vtclone_cloud_free(cloud.handle)
            os._exit(0 if code == "FORKED" else 1)
        assert os.waitpid(child, 0)[1] == 0
        before = cloud.stats().connects
        cloud.image()
        assert cloud.stats().connects == before == 1
