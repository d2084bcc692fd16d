"""Live site, live resolve and fork, on a scripted cloud that can fail on purpose."""
import json
import os
import time

import pytest

from clouds import Cloud, CloudError, FSID, IMAGE, NEW_VOLUME, PROJECT, STORES, TOKEN, TYPES, VOLUME, image, image_volume
from scripted import Answer

PATH = "/v2/images/" + IMAGE
CINDER = "/v3/" + PROJECT


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


@pytest.mark.parametrize("status", [403, 404])
def test_a_later_page_that_is_refused_does_not_cut_the_list(server, status):
    types = {**TYPES, "volume_type_links": [{"rel": "next", "href": "x"}]}
    server.on("GET", CINDER + "/types", Answer(json_body=types), Answer(status))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.site()
    assert caught.value.code == "CINDER" and "page 2 was refused" in caught.value.message


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


@pytest.mark.parametrize("status,asked", [(401, 2), (403, 1), (501, 1), (404, 2)])
def test_a_refusing_locations_api_leaves_what_the_image_shows(server, status, asked):
    new_glance(server, Answer(status))
    with Cloud(server.url) as cloud:
        assert cloud.resolve("ceph")["reason"] == "LOCATIONS_HIDDEN"
        assert cloud.resolve("ceph")["reason"] == "LOCATIONS_HIDDEN"
    # 403 and 501 say something of the credential and the service: not asked again for a time. So does 401, where the
    # token was sent as a service's without that role, once a new token was refused, too.
    assert len(server.seen("GET", PATH + "/locations")) == asked


def test_an_older_glance_is_not_asked_for_its_locations(server):
    server.on("GET", PATH, Answer(json_body=hidden()))
    with Cloud(server.url) as cloud:
        assert cloud.resolve("ceph")["reason"] == "LOCATIONS_HIDDEN"
        cloud.resolve("ceph")
    assert not server.seen("GET", PATH + "/locations") and len(server.seen("GET", "/versions")) == 1


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
