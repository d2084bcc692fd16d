"""Volumes from images in consistency groups."""

import time

import pytest


@pytest.fixture(scope="module")
def group_type(seed):
    made = seed.admin("POST", "volumev3", "/group_types", {"group_type": {"name": "consistent"}})["group_type"]["id"]
    seed.admin("POST", "volumev3", f"/group_types/{made}/group_specs",
               {"group_specs": {"consistent_group_snapshot_enabled": "<is> True"}})
    yield made


def make_group(seed, group_type, kind):
    type_id = next(each["id"] for each in seed.admin("GET", "volumev3", "/types")["volume_types"] if each["name"] == kind)
    made = seed.admin("POST", "volumev3", "/groups", {"group": {
        "name": "group of " + kind, "group_type": group_type, "volume_types": [type_id]}})["group"]["id"]
    deadline = time.monotonic() + 60
    while True:
        status = seed.admin("GET", "volumev3", f"/groups/{made}")["group"]["status"]
        if status == "available":
            return made
        assert status == "creating" and time.monotonic() < deadline, status
        time.sleep(0.1)


def test_a_clone_is_a_member_of_the_arrays_own_group(seed, everywhere, group_type):
    group = make_group(seed, group_type, "powerstore")
    volume_id = seed.make("powerstore", everywhere, group_id=group)
    assert seed.outcome(volume_id)["outcome"] == "cloned"
    known = seed.arrays["powerstore"].known()
    volume = next(each for each in known["volumes"].values() if each["name"] == "volume-" + volume_id)
    assert known["groups"][volume["volume_group_id"]]["name"] == group
    assert seed.bytes_are_the_images(seed.path("powerstore", volume_id))
    seed.admin("POST", "volumev3", f"/groups/{group}/action", {"delete": {"delete-volumes": True}})
    deadline = time.monotonic() + 60
    while seed.statuses([volume_id]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert seed.path("powerstore", volume_id) is None


def test_a_clone_that_cannot_join_its_group_is_made_another_way(seed, everywhere, group_type):
    group = make_group(seed, group_type, "powerstore")
    seed.arrays["powerstore"].control([{"call": "POST /volume_group/{id}/add_members"}])
    volume_id = seed.make("powerstore", everywhere, group_id=group)
    outcome = seed.outcome(volume_id)
    assert (outcome["outcome"], outcome["reason"]) == ("declined", "CINDER_ERROR")
    # by Cinder's own clone of an image volume, which joins no group of the array
    assert seed.arrays["powerstore"].volume_names().count("volume-" + volume_id) == 1
    assert seed.bytes_are_the_images(seed.path("powerstore", volume_id))


@pytest.mark.parametrize("kind", ["netapp", "netappsan"])
def test_a_netapp_clone_in_a_group_is_a_clone(seed, everywhere, group_type, kind):
    group = make_group(seed, group_type, kind)
    volume_id = seed.make(kind, everywhere, group_id=group)
    assert seed.outcome(volume_id)["outcome"] == "cloned"
    seed.admin("POST", "volumev3", f"/groups/{group}/action", {"delete": {"delete-volumes": True}})
