"""Images whose locations tenants do not see: by an internal Glance, and by the location API where Glance has it."""

import importlib.metadata
import os

import pytest

import osworld
from labkit import osconf, ostack

OURS = ("DEFAULT.volume_manager=" + osworld.MANAGER,)
METHODS = {"netapp": "cinder-clone", "ceph": "rbd-clone", "powerstore": "cinder-clone"}
HIDDEN = ("DEFAULT.show_multiple_locations=false", "DEFAULT.show_image_direct_url=false")


@pytest.fixture(autouse=True)
def settings(lab):
    lab.settle("glance-api", *HIDDEN)
    lab.settle("cinder-scheduler")


@pytest.fixture(scope="module")
def location_api(lab):
    """Whether this Glance has it: from 2024.2 (29) on."""
    has = osworld.oscloud.has_location_api(lab.facts)
    assert has == (int(importlib.metadata.version("glance").partition(".")[0]) >= 29)
    return has


@pytest.fixture(scope="module")
def locator(lab):
    """[vtclone] credentials of a user that is a service, and no administrator."""
    osworld.oscloud.create_user(lab.admin, "locator", "service", ["service"])
    return ("vtclone.auth_type=password", "vtclone.auth_url=%s/v3" % lab.facts["urls"]["keystone"],
            "vtclone.username=locator", "vtclone.password=" + osconf.PASSWORD, "vtclone.project_name=service",
            "vtclone.user_domain_id=default", "vtclone.project_domain_id=default")


@pytest.fixture
def internal(lab, tmp_path):
    """A Glance on a port of its own, which shows locations to whoever may use it."""
    port = lab.facts["port"] + ostack.SPARE_PORT
    with open(os.path.join(lab.state, "etc", "glance-api.conf")) as stream:
        text = stream.read()
    for old, new in (("bind_port = %d" % lab.facts["ports"]["glance"], "bind_port = %d" % port),
                     ("show_multiple_locations = false", "show_multiple_locations = true"),
                     ("glance-api.log", "glance-internal.log")):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "glance-internal.conf"
    path.write_text(text)
    osworld.procs.spawn(lab.state, "glance-internal",
                        osworld.ostack.program(lab.state, "glance-api", "--config-file", str(path)),
                        env=osworld.ostack._environment(lab.facts))
    osworld.procs.wait_until(lambda: osworld.procs.port_answers(port), "the internal Glance answers", 60)
    yield "http://127.0.0.1:%d" % port
    osworld.procs.end(lab.state, "glance-internal", grace=5)


def assert_all_types_clone(lab, image):
    shown = lab.demo("GET", "image", "/v2/images/" + image)
    assert "locations" not in shown and "direct_url" not in shown
    for volume_type, method in METHODS.items():
        found = lab.outcome(lab.make(volume_type, image, session=lab.demo))
        assert (found["outcome"], found["method"], found["store"]) == ("cloned", method, volume_type)
    volume = lab.make("pair", lab.image(["open"]), session=lab.demo)
    assert lab.show(volume)["os-vol-host-attr:host"] == "node@open#pair"
    assert lab.outcome(volume)["store"] == "open"


def test_all_types_clone_by_an_internal_glance(lab, everywhere, internal):
    lab.settle("cinder-volume", *OURS, "vtclone.glance_endpoint=" + internal)
    lab.settle("cinder-scheduler", "vtclone.glance_endpoint=" + internal)
    assert_all_types_clone(lab, everywhere)


def test_without_an_internal_glance_all_types_clone_by_the_location_api_else_miss_with_that_reason(
        lab, everywhere, location_api):
    lab.settle("cinder-volume", *OURS)
    mark = lab.mark("glance-api")
    if location_api:
        assert_all_types_clone(lab, everywhere)
        assert "GET /v2/images/%s/locations" % everywhere in lab.log_since(mark, "glance-api")
        return
    for volume_type in METHODS:
        found = lab.outcome(lab.make(volume_type, everywhere, session=lab.demo))
        assert (found["outcome"], found["reason"]) == ("declined", "LOCATIONS_HIDDEN")
    assert "/locations" not in lab.log_since(mark, "glance-api")


def test_a_private_image_is_cloned_for_its_owner_by_the_location_api(lab, location_api):
    image = lab.image(["ceph"], session=lab.demo, visibility="private")
    lab.settle("cinder-volume", *OURS)
    found = lab.outcome(lab.make("ceph", image, session=lab.demo))
    assert (found["outcome"], found["reason"]) == (("cloned", "OK") if location_api else ("declined", "LOCATIONS_HIDDEN"))


def test_a_service_user_that_is_no_administrator_sees_the_locations_of_images_that_are_not_private(
        lab, everywhere, location_api, locator):
    """The older Glance tells such a user nothing, not even its stores: stock Cinder goes on."""
    private = lab.image(["ceph"], session=lab.demo, visibility="private")
    lab.settle("cinder-volume", *OURS, *locator)
    mark = lab.mark()
    public, hidden = (lab.outcome(lab.make("ceph", image, session=lab.demo)) for image in (everywhere, private))
    if location_api:
        assert (public["outcome"], public["method"]) == ("cloned", "rbd-clone")
        assert (hidden["outcome"], hidden["reason"]) == ("declined", "LOCATIONS_HIDDEN")
        assert "GET /v2/images/%s: HTTP 404" % private in lab.log_since(mark)
    else:
        assert (public["outcome"], hidden["outcome"]) == ("unavailable", "unavailable")
        assert "cannot learn the image stores from Glance (GET /v2/info/stores/detail: HTTP 403)" in lab.log_since(mark)


def test_a_service_user_without_the_service_role_gets_none_and_says_so(lab, everywhere):
    """Glance refuses the token of somebody who is no service where it comes as a service's."""
    administrator = ("vtclone.auth_type=password", "vtclone.auth_url=%s/v3" % lab.facts["urls"]["keystone"],
                     "vtclone.username=admin", "vtclone.password=" + osconf.PASSWORD,
                     "vtclone.project_name=admin", "vtclone.user_domain_id=default",
                     "vtclone.project_domain_id=default")
    lab.settle("cinder-volume", *OURS, *administrator)
    found = lab.outcome(lab.make("ceph", everywhere, session=lab.demo))
    assert (found["outcome"], found["reason"]) == ("declined", "LOCATIONS_HIDDEN")


def test_stores_detail_tells_the_cluster_from_2025_1_on(lab):
    details = {store["id"]: store["properties"] for store in
               lab.admin("GET", "image", "/v2/info/stores/detail")["stores"]}
    newer = int(importlib.metadata.version("glance").partition(".")[0]) >= 30
    assert details["ceph"].get("fsid") == (lab.ceph["fsid"] if newer else None)
    assert details["ceph"]["pool"] == "images"
