"""Volumes of each type from an image with a copy in each store, by the arrays' own drivers."""

import os

import pytest

TYPES = ("netapp", "netappsan", "powerstore")
GIB = 1 << 30


@pytest.fixture(params=TYPES)
def kind(request):
    return request.param


def test_a_type_is_cloned_by_one_call_on_its_own_array(seed, everywhere, kind):
    marks = {name: array.mark() for name, array in seed.arrays.items()}
    sent = seed.sent()
    volume_id = seed.make(kind, everywhere)
    outcome = seed.outcome(volume_id)
    assert (outcome["outcome"], outcome["method"], outcome["store"]) == ("cloned", "cinder-clone", kind)
    assert len(seed.arrays[kind].clones(marks[kind], "volume-" + volume_id)) == 1
    assert not [name for name, array in seed.arrays.items()
                if array.name != seed.arrays[kind].name and array.clones(marks[name])]
    assert seed.sent() == sent
    assert seed.bytes_are_the_images(seed.path(kind, volume_id))
    assert os.stat(seed.path(kind, volume_id)).st_size == GIB
    volume = seed.show(volume_id)
    assert volume["bootable"] == "true" and volume["volume_image_metadata"]["image_id"] == everywhere
    seed.delete(volume_id)
    assert seed.path(kind, volume_id) is None


def test_a_volume_lands_in_the_pool_that_has_the_image_volume(seed, everywhere, kind):
    pool = seed.show(seed.image_volume(everywhere, kind))["os-vol-host-attr:host"]
    for _number in range(3):
        volume_id = seed.make(kind, everywhere)
        assert seed.show(volume_id)["os-vol-host-attr:host"] == pool
        seed.delete(volume_id)


def test_a_larger_volume_is_grown_on_the_array(seed, everywhere, kind):
    volume_id = seed.make(kind, everywhere, gib=3)
    assert seed.outcome(volume_id)["outcome"] == "cloned"
    assert os.stat(seed.path(kind, volume_id)).st_size == 3 * GIB
    assert seed.bytes_are_the_images(seed.path(kind, volume_id))
    seed.delete(volume_id)


def test_ceph_is_cloned_beside_them(seed, everywhere):
    marks = {name: array.mark() for name, array in seed.arrays.items()}
    volume_id = seed.make("ceph", everywhere)
    assert seed.outcome(volume_id)["method"] == "rbd-clone"
    assert seed.parent("volumes", volume_id) == "images/%s@snap" % everywhere
    assert not any(array.clones(marks[name]) for name, array in seed.arrays.items())
    seed.delete(volume_id)


def test_an_image_volume_in_another_pool_is_a_miss_and_the_drivers_own_clone_image_has_its_chance(seed, everywhere):
    """NetApp's driver keeps a cache of images in each FlexVol, which a first download fills."""
    pool = seed.show(seed.image_volume(everywhere, "netapp"))["os-vol-host-attr:host"].partition("#")[2]
    other = {"127.0.0.1:/nfs1": "127.0.0.1:/nfs2", "127.0.0.1:/nfs2": "127.0.0.1:/nfs1"}[pool]
    seed.volume_type("elsewhere", {"volume_backend_name": "netapp", "pool_name": other})
    first = seed.make("elsewhere", everywhere)
    outcome = seed.outcome(first)
    assert (outcome["outcome"], outcome["reason"]) == ("declined", "STORE_NOT_FOR_BACKEND")
    mark, sent = seed.arrays["netapp"].mark(), seed.sent()
    second = seed.make("elsewhere", everywhere)
    outcome = seed.outcome(second)
    assert (outcome["outcome"], outcome["engine"], outcome["reason"]) == ("cloned", "driver", "STORE_NOT_FOR_BACKEND")
    assert [entry["source"] for entry in seed.arrays["netapp"].clones(mark, "volume-" + second)] == \
        ["img-cache-" + everywhere]
    assert seed.sent() == sent
    for volume_id in (first, second):
        assert seed.bytes_are_the_images(seed.path("netapp", volume_id))
        assert seed.show(volume_id)["os-vol-host-attr:host"].endswith(other)
    seed.delete(first, second)


def test_a_lun_in_another_pool_is_a_miss_and_the_volume_is_made_where_it_was_asked_for(seed, everywhere):
    """LUNs are cloned within a FlexVol, and NetApp's block driver has no clone_image of its own."""
    pool = seed.show(seed.image_volume(everywhere, "netappsan"))["os-vol-host-attr:host"].partition("#")[2]
    other = {"san1": "san2", "san2": "san1"}[pool]
    seed.volume_type("san elsewhere", {"volume_backend_name": "netappsan", "pool_name": other})
    mark = seed.arrays["netappsan"].mark()
    volume_id = seed.make("san elsewhere", everywhere)
    outcome = seed.outcome(volume_id)
    assert (outcome["outcome"], outcome["reason"]) == ("declined", "STORE_NOT_FOR_BACKEND")
    assert not seed.arrays["netappsan"].clones(mark, "volume-" + volume_id)
    assert seed.show(volume_id)["os-vol-host-attr:host"].endswith("#" + other)
    assert seed.bytes_are_the_images(seed.path("netappsan", volume_id))
    seed.delete(volume_id)


def test_a_clone_is_on_the_appliance_of_the_image_volume(seed):
    """PowerStore places new volumes itself, of two images one on each appliance; a clone has no choice."""
    def appliance(volume_id):
        return next(each["appliance_id"] for each in seed.arrays["powerstore"].known()["volumes"].values()
                    if each["name"] == "volume-" + volume_id)
    seen, images = set(), []
    while len(seen) < 2 and len(images) < 4:
        images.append(seed.image(["powerstore"], seed=7))
        source = seed.image_volume(images[-1], "powerstore")
        seen.add(appliance(source))
        volume_id = seed.make("powerstore", images[-1])
        assert seed.outcome(volume_id)["outcome"] == "cloned"
        assert appliance(volume_id) == appliance(source)
        assert seed.bytes_are_the_images(seed.path("powerstore", volume_id), seed=7)
        seed.delete(volume_id)
    assert seen == {"A1", "A2"}


def test_a_clone_of_a_short_image_volume_has_the_size_of_its_volume(seed):
    """glance_store opens NFS volumes with `wb`: the file of an image volume is as small as the image. Cinder refuses to
    attach a volume whose file does not have its size."""
    image_id = seed.image(seed=5)
    path = seed.path("netapp", seed.image_volume(image_id, "netapp"))
    os.truncate(path, 16 << 20)
    volume_id = seed.make("netapp", image_id)
    assert seed.outcome(volume_id)["outcome"] == "cloned"
    assert os.stat(seed.path("netapp", volume_id)).st_size == GIB
    assert seed.bytes_are_the_images(seed.path("netapp", volume_id), seed=5)
    seed.delete(volume_id)


@pytest.mark.parametrize("kind", ("netapp", "netappsan"))
def test_a_qos_policy_is_made_and_given_to_the_clone(seed, everywhere, kind):
    seed.volume_type("fast-" + kind, {"volume_backend_name": kind, "image_service:store_id": kind},
                     qos={"consumer": "back-end", "maxIOPS": "500"})
    volume_id = seed.make("fast-" + kind, everywhere)
    assert seed.outcome(volume_id)["outcome"] == "cloned"
    policy = "openstack-" + volume_id
    known = seed.arrays[kind].known()
    assert known["qos"][policy]["limits"]["max-throughput"] == "500iops"
    if kind == "netapp":
        assert policy in known["file_qos"].values()
    seed.delete(volume_id)
    assert policy not in seed.arrays[kind].known()["qos"]
