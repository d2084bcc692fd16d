"""Arrays that are full, slow or in error, and many volumes at once."""

import time

import pytest

TYPES = ("netapp", "netappsan", "powerstore")


@pytest.fixture(params=TYPES)
def kind(request):
    return request.param


@pytest.fixture
def array(seed, kind):
    return seed.arrays[kind]


def left(seed, array, before, *volume_ids):
    """What is on the array now and was not before, apart from these volumes. (NetApp keeps a cache of downloaded images.)"""
    named = {"volume-" + volume_id for volume_id in volume_ids}
    return [name for name in array.volume_names()
            if name not in before and name not in named and not name.startswith("img-cache-")]


@pytest.mark.parametrize("how", ["error", "error-after", "drop"])
def test_a_clone_that_fails_is_undone_and_the_volume_is_made_another_way(seed, everywhere, kind, array, how):
    before = array.volume_names()
    array.control([{"call": array.clone_call, "how": how}])
    volume_id = seed.make(kind, everywhere)
    outcome = seed.outcome(volume_id)
    assert (outcome["outcome"], outcome["reason"]) == ("declined", "CINDER_ERROR"), outcome
    assert array.state()["faults"][0]["made"] == 1
    assert seed.bytes_are_the_images(seed.path(kind, volume_id))
    assert left(seed, array, before, volume_id) == []
    seed.delete(volume_id)
    assert left(seed, array, before) == []


def test_the_next_image_volume_is_tried_when_the_first_fails(seed, kind, array):
    image_id = seed.image([kind] if kind != "netapp" else [], seed=3)
    first = seed.show(seed.image_volume(image_id, kind))
    body = {"name": "second copy", "size": 1, "source_volid": first["id"],
            "metadata": {key: first["metadata"][key] for key in ("glance_image_id", "image_size", "image_owner")}}
    service = seed.session("glance")
    second = service("POST", "volumev3", "/volumes", {"volume": body})["volume"]["id"]
    assert seed.wait(second) == {second: "available"}
    seed.patch_image(seed.admin, image_id, [{"op": "add", "path": "/locations/-", "value": {
        "url": "cinder://%s/%s" % (kind, second), "metadata": {}}}])
    mark, sent = array.mark(), seed.sent()
    array.control([{"call": array.clone_call}])
    volume_id = seed.make(kind, image_id)
    outcome = seed.outcome(volume_id)
    assert outcome["outcome"] == "cloned" and outcome["location"].endswith(second)
    assert len(array.clones(mark, "volume-" + volume_id, "error")) == 1
    assert len(array.clones(mark, "volume-" + volume_id)) == 1
    assert seed.sent() == sent
    assert seed.bytes_are_the_images(seed.path(kind, volume_id), seed=3)
    seed.delete(volume_id)


def test_a_full_array_ends_in_an_error_that_leaves_nothing(seed, everywhere, kind, array):
    before = array.volume_names()
    array.control([{"call": call, "times": 0, "code": "28", "message": "No space left on device", "status": 507}
                   for call in (array.clone_call, "lun-create-by-size", "POST /volume")])
    if kind == "netapp":        # a share takes files as long as its capacity says so
        array.control(full=True)
    volume_id = seed.make(kind, everywhere, expect="error" if kind != "netapp" else "available")
    # Cinder tries again, on another pool where there is one: each attempt has its line
    lines = [line for line in seed.log().splitlines() if f"vtclone: volume {volume_id} of" in line]
    assert lines and all("outcome=declined" in line and "reason=CINDER_ERROR" in line for line in lines)
    array.control()
    seed.delete(volume_id)
    assert left(seed, array, before) == []


def test_a_slow_clone_holds_up_no_other_volume(seed, everywhere, kind, array):
    array.control([{"call": array.clone_call, "how": "delay", "delay": 6}])
    slow = seed.volume(kind, everywhere)
    deadline = time.monotonic() + 60
    while not array.state()["faults"][0]["made"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    quick = seed.make(kind, everywhere)
    assert seed.statuses([slow]) == {slow: "creating"}
    assert seed.wait(slow) == {slow: "available"}
    assert {seed.outcome(volume_id)["outcome"] for volume_id in (slow, quick)} == {"cloned"}
    seed.delete(slow, quick)


def test_fifty_at_once_are_fifty_clones(seed, everywhere, kind, array):
    sent = seed.sent()
    mark = array.mark()
    made = [seed.volume(kind, everywhere) for _number in range(50)]
    assert set(seed.wait(*made, seconds=400).values()) == {"available"}
    assert len(array.clones(mark)) == 50 and seed.sent() == sent
    assert seed.bytes_are_the_images(seed.path(kind, made[-1]))
    seed.delete(*made, seconds=400)


def test_a_miss_with_refuse_says_why_and_leaves_nothing(seed, everywhere, kind, array):
    before = array.volume_names()
    seed.settle("cinder-volume", "vtclone.on_miss=refuse")
    try:
        array.control([{"call": array.clone_call}])
        volume_id = seed.make(kind, everywhere, expect="error")
        outcome = seed.outcome(volume_id)
        assert (outcome["outcome"], outcome["reason"]) == ("refused", "CINDER_ERROR")
        seed.delete(volume_id)
        assert left(seed, array, before) == []
    finally:
        if kind == TYPES[-1]:
            seed.settle("cinder-volume")
