"""The same NetApp backends once Cinder's driver speaks ONTAP's REST API (netapp_use_legacy_client = false)."""

import os

import pytest

GIB = 1 << 30
CLONE = {"netapp": "POST /storage/file/clone", "netappsan": "POST /storage/luns (clone)"}


@pytest.fixture(scope="module", autouse=True)
def by_rest(seed):
    seed.settle("cinder-volume", *(kind + ".netapp_use_legacy_client=false" for kind in CLONE))
    yield
    seed.settle("cinder-volume")


@pytest.mark.parametrize("kind", CLONE)
def test_a_type_is_cloned_by_one_call_of_rest_and_grown(seed, everywhere, kind):
    array, sent = seed.arrays[kind], seed.sent()
    mark = array.mark()
    volume_id = seed.make(kind, everywhere, gib=2)
    outcome = seed.outcome(volume_id)
    assert (outcome["outcome"], outcome["method"], outcome["store"]) == ("cloned", "cinder-clone", kind)
    entry, = array.clones(mark)
    assert (entry["call"], entry["target"]) == (CLONE[kind], "volume-" + volume_id)
    assert entry["source"] == "volume-" + seed.image_volume(everywhere, kind)
    assert seed.sent() == sent
    pool = seed.show(seed.image_volume(everywhere, kind))["os-vol-host-attr:host"]
    assert seed.show(volume_id)["os-vol-host-attr:host"] == pool
    assert os.stat(seed.path(kind, volume_id)).st_size == 2 * GIB
    assert seed.bytes_are_the_images(seed.path(kind, volume_id))
    seed.delete(volume_id)
    assert seed.path(kind, volume_id) is None


@pytest.mark.parametrize("how", ["error", "error-after", "drop"])
@pytest.mark.parametrize("kind", CLONE)
def test_a_clone_that_fails_is_undone_and_the_volume_is_made_another_way(seed, everywhere, kind, how):
    array = seed.arrays[kind]
    before = array.volume_names()
    array.control([{"call": array.clone_call, "how": how}])
    volume_id = seed.make(kind, everywhere)
    outcome = seed.outcome(volume_id)
    assert (outcome["outcome"], outcome["reason"]) == ("declined", "CINDER_ERROR"), outcome
    assert array.state()["faults"][0]["made"] == 1
    assert seed.bytes_are_the_images(seed.path(kind, volume_id))
    seed.delete(volume_id)
    assert [name for name in array.volume_names() if name not in before and not name.startswith("img-cache-")] == []


def test_a_full_array_ends_in_an_error_that_leaves_nothing(seed, everywhere):
    array = seed.arrays["netappsan"]
    before = array.volume_names()
    array.control([{"call": "POST /storage/luns*", "times": 0, "code": "28", "message": "No space left on device",
                    "status": 507}])
    volume_id = seed.make("netappsan", everywhere, expect="error")
    lines = [line for line in seed.log().splitlines() if f"vtclone: volume {volume_id} of" in line]
    assert lines and all("reason=CINDER_ERROR" in line for line in lines)
    array.control()
    seed.delete(volume_id)
    assert array.volume_names() == before
