"""on_miss, each way."""

import concurrent.futures
import signal
import time

import pytest

import osworld

OURS = ("DEFAULT.volume_manager=" + osworld.MANAGER,)
COPY = OURS + ("vtclone.on_miss=copy",)


@pytest.fixture(autouse=True)
def settings(lab):
    lab.settle("glance-api")


def imports(lab, image_id):
    """Import requests that Glance accepted for the image."""
    return [line for line in lab.log("glance-api").splitlines()
            if "POST /v2/images/%s/import" % image_id in line and " 202 " in line]


def test_a_miss_is_downloaded_with_its_reason_on_record(lab, only_netapp):
    lab.settle("cinder-volume", *OURS)
    volume = lab.make("ceph", only_netapp)
    found = lab.outcome(volume)
    assert (found["outcome"], found["reason"]) == ("declined", "STORE_NOT_FOR_BACKEND")
    assert lab.parent("volumes", volume) is None
    assert lab.content("volumes", "volume-" + volume, 1) == \
        lab.content("netapp", "volume-" + lab.locations(only_netapp)["netapp"].rpartition("/")[2], 1)


def test_a_miss_is_refused_at_once_with_the_reason_and_no_other_host_is_tried(lab, only_netapp):
    lab.settle("cinder-volume", *OURS, "vtclone.on_miss=refuse")
    mark, scheduler = lab.mark(), lab.mark("cinder-scheduler")
    started = time.monotonic()
    volume = lab.make("ceph", only_netapp, expect="error")
    assert time.monotonic() - started < 10
    found = lab.outcome(volume)
    assert (found["outcome"], found["reason"]) == ("refused", "STORE_NOT_FOR_BACKEND")
    text = lab.log_since(mark)
    assert "cannot be cloned for volume type ceph on node@ceph#ceph: STORE_NOT_FOR_BACKEND" in text
    assert "glance image-import" in text
    assert text.count("being created as image") == 1
    assert volume not in lab.log_since(scheduler, "cinder-scheduler")
    lab.delete(volume)


def test_a_clone_is_made_although_misses_are_refused(lab, everywhere):
    lab.settle("cinder-volume", *OURS, "vtclone.on_miss=refuse")
    assert lab.outcome(lab.make("ceph", everywhere))["outcome"] == "cloned"


@pytest.mark.parametrize("volume_type, method", [("ceph", "rbd-clone"), ("powerstore", "cinder-clone")])
def test_a_miss_is_copied_and_cloned_for_another_project_too(lab, volume_type, method):
    """powerstore: Glance records who asked for the copy as its owner, from whom Cinder would keep everybody else."""
    image = lab.image()
    lab.settle("cinder-volume", *COPY)
    volume = lab.make(volume_type, image, session=lab.demo)
    found = lab.outcome(volume)
    assert (found["outcome"], found["method"], found["store"], found["copied_to"]) == \
        ("cloned", method, volume_type, volume_type)
    assert set(lab.locations(image)) == {"netapp", volume_type}
    again = lab.outcome(lab.make(volume_type, image, session=lab.other))
    assert (again["outcome"], again["copied_to"]) == ("cloned", "none")


@pytest.mark.parametrize("volume_type", ["ceph", "powerstore"])
def test_twenty_volumes_at_once_make_one_import(lab, volume_type):
    image = lab.image(mib=64)
    lab.settle("cinder-volume", *COPY)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        volumes = list(pool.map(lambda _: lab.volume(volume_type, image, session=lab.demo), range(20)))
    assert set(lab.wait(*volumes, seconds=300).values()) == {"available"}
    outcomes = [lab.outcome(volume) for volume in volumes]
    assert {(found["outcome"], found["store"]) for found in outcomes} == {("cloned", volume_type)}
    assert len(imports(lab, image)) == 1
    lab.delete(*volumes)


def test_a_copy_by_somebody_else_is_waited_for(lab):
    image = lab.image(mib=256)
    lab.settle("cinder-volume", *COPY)
    lab.admin("POST", "image", "/v2/images/%s/import" % image, {
        "method": {"name": "copy-image"}, "stores": ["ceph"], "all_stores_must_succeed": False})
    assert lab.outcome(lab.make("ceph", image))["outcome"] == "cloned"
    assert len(imports(lab, image)) == 1


def test_glance_that_stops_during_a_copy_ends_in_an_error_that_can_be_deleted(lab):
    image = lab.image(mib=512)
    lab.settle("cinder-volume", *COPY)
    volume = lab.volume("ceph", image)
    deadline = time.monotonic() + 30
    while not imports(lab, image):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lab.signal("glance-api", signal.SIGKILL)
    lab.stop("glance-api")
    assert lab.wait(volume, seconds=120) == {volume: "error"}
    assert lab.outcome(volume)["reason"] == "COPY_FAILED"
    lab.delete(volume)
    lab.start("glance-api")
    assert "volume-" + volume not in lab.rbd_images("volumes")


def test_an_image_that_another_administrator_copied_follows_the_owner_rule(lab):
    """The copy carries the administrator's project: Cinder's rule keeps demo from it, owner_rule = paired does not."""
    image = lab.image(session=lab.other, visibility="private")
    osworld.story.copy_to(lab.admin, image, ["powerstore"])
    lab.wait_tasks(image)
    member = lab.demo.project_id
    lab.other("PATCH", "image", "/v2/images/" + image, b'[{"op":"replace","path":"/visibility","value":"shared"}]',
              {"Content-Type": "application/openstack-images-v2.1-json-patch"})
    lab.other("POST", "image", "/v2/images/%s/members" % image, {"member": member})
    lab.demo("PUT", "image", "/v2/images/%s/members/%s" % (image, member), {"status": "accepted"})
    lab.settle("cinder-volume", *OURS)
    assert lab.outcome(lab.make("powerstore", image, session=lab.demo))["reason"] == "OWNER_MISMATCH"
    lab.settle("cinder-volume", *OURS, "vtclone.owner_rule=paired")
    assert lab.outcome(lab.make("powerstore", image, session=lab.demo))["outcome"] == "cloned"
