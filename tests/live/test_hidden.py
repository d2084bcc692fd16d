"""vtclone where Glance shows tenants no locations: what a service user sees by Glance's location API, where it has one."""
import pytest
from labkit import oscloud, ostack

from conftest import resolve


@pytest.fixture(scope="module")
def hidden(world, everywhere):
    """The image that is everywhere."""
    oscloud.create_user(world.admin, "locator", "service", ["service"])
    ostack.restart_daemon(world.facts, "glance-api", ["DEFAULT.show_multiple_locations=false",
                                                      "DEFAULT.show_image_direct_url=false"], {}, False)
    yield everywhere
    ostack.restart_daemon(world.facts, "glance-api", [], {}, True)


@pytest.fixture(scope="module")
def location_api(world):
    return oscloud.has_location_api(world.facts)


def test_hidden_locations_are_told_from_none(world, hidden):
    """The administrator is no service: the location API refuses him, too."""
    status, decision = resolve(world, hidden, "ceph")
    assert (status, decision["reason"]) == (3, "LOCATIONS_HIDDEN")


@pytest.mark.parametrize("volume_type", ["netapp", "ceph", "powerstore"])
def test_each_type_resolves_to_its_own_copy_for_a_service_that_is_an_administrator(world, hidden, location_api,
                                                                                   volume_type):
    status, decision = resolve(world, hidden, volume_type, project="cinder")
    if location_api:
        assert (status, decision["location"]["store"]) == (0, volume_type)
        assert len(decision["backends"][0]["candidates"]) == 3
    else:
        assert (status, decision["reason"]) == (3, "LOCATIONS_HIDDEN")


def test_a_service_that_is_no_administrator_sees_the_locations_of_images_that_are_not_private(world, hidden,
                                                                                              location_api):
    demo = world.session("demo")
    private, public = world.upload(demo, visibility="private"), world.upload(visibility="public")
    with world.cloud(username="locator", project_name="service") as cloud:
        assert "locations" not in cloud.image(private, user_token=demo.token)
        assert ("locations" in cloud.image(public, user_token=demo.token)) == location_api
