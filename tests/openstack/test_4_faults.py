"""Things that break while volumes are made."""

import concurrent.futures
import datetime
import json
import signal
import time

import pytest

import osworld

PROBED = "DEFAULT.volume_manager=vtlab_probe.ProbedClone"


@pytest.fixture(autouse=True)
def settings(lab):
    lab.settle("glance-api")


def many(lab, count, volume_type, image):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda _: lab.volume(volume_type, image), range(count)))


def give_up_what_cinder_lost(lab, volumes, seconds):
    """cinder-volume takes a request from the queue before it notes that it works on it: one that died between the two
    leaves a volume in creating for ever, with any manager. An administrator resets those, here when none has become
    anything for so many seconds; none of ours may be among them."""
    lost, deadline = [], time.monotonic() + seconds
    while True:
        creating = [volume for volume, status in lab.statuses(volumes).items() if status == "creating"]
        if creating != lost:
            lost, deadline = creating, time.monotonic() + seconds
        if not lost or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    log = lab.log()
    for volume in lost:
        assert "Volume %s: being created" % volume not in log
        lab.admin("POST", "volumev3", "/volumes/%s/action" % volume, {"os-reset_status": {"status": "error"}})
    return lost


def test_a_killed_cinder_volume_leaves_volumes_that_work_or_can_be_deleted_and_no_orphan(lab, everywhere):
    lab.settle("cinder-volume", "DEFAULT.volume_manager=" + osworld.MANAGER)
    before = lab.rbd_images("volumes")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        made = pool.submit(many, lab, 50, "ceph", everywhere)
        deadline = time.monotonic() + 60
        while len(lab.rbd_images("volumes") - before) < 5:
            assert time.monotonic() < deadline
        lab.kill("cinder-volume")
        volumes = made.result()
    killed_at = len(lab.rbd_images("volumes") - before)
    assert killed_at < 50
    lab.start("cinder-volume")
    never_begun = give_up_what_cinder_lost(lab, volumes, seconds=30)
    found = lab.wait(*volumes, seconds=300)
    assert len(found) == 50 and "available" in found.values()
    assert len(never_begun) < 10 and all(found[volume] == "error" for volume in never_begun)
    images = {"volume-" + volume for volume, status in found.items() if status == "available"}
    assert images <= lab.rbd_images("volumes") - before
    for volume in [volume for volume, status in found.items() if status == "available"][:3]:
        assert lab.parent("volumes", volume) == "images/%s@snap" % everywhere
        assert lab.rbd_info("volumes", volume)["size"] == 1 << 30
    lab.delete(*volumes, seconds=300)
    assert lab.rbd_images("volumes") == before


def test_a_monitor_that_stops_answering_is_an_error_in_time_and_the_event_loop_goes_on(lab, everywhere, tmp_path):
    # Kept out of the time that is looked at: Cinder's own capacity report and its clean-up after a reschedule, which
    # connect to Ceph on the event loop; Glance's stores/detail, which waits for Ceph itself.
    site = tmp_path / "site.json"
    site.write_text(json.dumps({"stores": [{"id": "ceph", "type": "rbd", "pool": "images"}]}))
    lab.settle("cinder-scheduler", "DEFAULT.scheduler_max_attempts=1")
    lab.settle("cinder-volume", PROBED, "DEFAULT.backend_stats_polling_interval=900", "vtclone.connect_timeout=8",
               "vtclone.site_file=%s" % site)
    ceph = lab.facts["ceph_state"]
    time.sleep(3)
    volumes, started = [], time.time()
    lab.signal("mon", signal.SIGSTOP, state=ceph)
    try:
        volumes = many(lab, 4, "ceph", everywhere)
        began = time.monotonic()
        assert set(lab.wait(*volumes, seconds=60).values()) == {"error"}
        assert time.monotonic() - began < 15
        beats = [service for service in lab.admin("GET", "volumev3", "/os-services?binary=cinder-volume")["services"]
                 if service["host"] == "node@ceph"]
        updated = datetime.datetime.fromisoformat(beats[0]["updated_at"]).replace(tzinfo=datetime.timezone.utc)
        assert beats[0]["state"] == "up" and time.time() - updated.timestamp() < 6
        calls = lab.clone_calls(started)
        # While the connection hangs: after the requests have come in, before their errors are logged.
        gaps = lab.gaps(max(begin for begin, _end in calls) + 1.5, min(end for _begin, end in calls))
    finally:
        lab.signal("mon", signal.SIGCONT, state=ceph)
    # The busiest is this one; the other backends' processes, which have nothing to do, show what the machine adds.
    assert len(gaps) == 5
    assert gaps[-1] < 0.2 + gaps[-2], "event-loop gaps of the backends' processes: %s" % gaps
    assert len(calls) == 4 and min(end - begin for begin, end in calls) > 5
    assert {lab.outcome(volume)["outcome"] for volume in volumes} == {"failed"}
    lab.delete(*volumes)
    volume = lab.make("ceph", everywhere)
    assert lab.outcome(volume)["outcome"] == "cloned"
    lab.settle("cinder-scheduler")


def test_a_glance_that_does_not_tell_its_stores_accuses_nobody_and_stock_cinder_goes_on(lab, everywhere):
    """The service user may not see stores/detail: nothing is known of pools, so no location is called unpaired."""
    lab.settle("cinder-volume", "DEFAULT.volume_manager=" + osworld.MANAGER, "service_user.username=demo",
               "service_user.project_name=demo", "service_user.send_service_user_token=false")
    mark = lab.mark()
    volume = lab.make("ceph", everywhere)
    assert lab.outcome(volume)["outcome"] == "unavailable"
    assert lab.parent("volumes", volume) == "images/%s@snap" % everywhere
    assert "the image stores are not known" in lab.log_since(mark)


def test_a_library_that_cannot_be_loaded_lets_stock_cinder_go_on_unless_misses_are_refused(lab, everywhere):
    try:
        for settings, status, outcome in (((), "available", "unavailable"),
                                          (("vtclone.on_miss=refuse",), "error", "refused")):
            mark = lab.mark()
            lab.restart("cinder-volume", "DEFAULT.volume_manager=" + osworld.MANAGER, *settings,
                        environment={"VTCLONE_LIBRARY": "/nonexistent/libvtclone.so.1"})
            volumes = [lab.make("ceph", everywhere, expect=status) for _ in range(2)]
            assert {lab.outcome(volume)["outcome"] for volume in volumes} == {outcome}
            warnings = [line for line in lab.log_since(mark).splitlines() if "WARNING vtclone_cinder.cloning" in line]
            assert len(warnings) == 1 and "/nonexistent/libvtclone.so.1" in warnings[0]
    finally:
        lab.restart("cinder-volume", "DEFAULT.volume_manager=" + osworld.MANAGER)


def test_a_store_that_glance_no_longer_has_is_a_miss_with_its_name(lab):
    """Between the copy and the volume an operator takes the store away; Glance still shows the location."""
    image = lab.image(["powerstore"])
    lab.settle("glance-api", "DEFAULT.enabled_backends=netapp:cinder, ceph:rbd, open:cinder")
    lab.settle("cinder-volume", "DEFAULT.volume_manager=" + osworld.MANAGER, "vtclone.stores_ttl=1")
    try:
        found = lab.outcome(lab.make("powerstore", image))
        assert (found["outcome"], found["reason"]) == ("declined", "UNKNOWN_STORE")
        assert "powerstore" in found["detail"]
    finally:
        lab.settle("glance-api")
    assert lab.outcome(lab.make("powerstore", image))["outcome"] == "cloned"


def test_a_name_that_another_image_has_is_said_as_the_reason_and_that_image_is_left_alone(lab, everywhere):
    """Two volumes come to one name where the operator's template makes no difference between them."""
    other = lab.image(["ceph"], seed=7)
    lab.settle("cinder-scheduler", "DEFAULT.scheduler_max_attempts=1")
    lab.settle("cinder-volume", "DEFAULT.volume_manager=" + osworld.MANAGER, "DEFAULT.volume_name_template=taken%.0s")
    try:
        first, second = lab.make("ceph", everywhere), lab.make("ceph", other, expect="error")
        found = lab.outcome(second)
        assert (found["outcome"], found["reason"]) == ("failed", "VOLUME_EXISTS")
        assert lab.content("volumes", "taken", 16) == lab.content("images", everywhere, 16)
        lab.delete(second)
        lab.delete(first)
    finally:
        lab.settle("cinder-scheduler")
        lab.settle("cinder-volume", "DEFAULT.volume_manager=" + osworld.MANAGER)
