"""Many for one name, and a parent that changes or goes away while it is cloned."""

import concurrent.futures
import uuid

import pytest
import rbd

import deployment as d


def together(count, call):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_32_threads_for_one_name_make_one_volume(deployment):
    parent = deployment.parent()
    deployment.clone(parent, "warm")
    before = deployment.names()
    for turn in range(5):
        name = f"volume-race-{turn}"
        reports = together(32, lambda _n, name=name: deployment.clone(parent, name))
        assert sorted(report["existed"] for report in reports) == [False] + [True] * 31
        assert deployment.objects(name)["header"][2]["parent"]
        assert deployment.image_id(name) in parent.children() and len(parent.children()) == 2
        rbd.RBD().remove(deployment.pool("volumes"), name)
    assert deployment.names() == before
    rbd.RBD().remove(deployment.pool("volumes"), "warm")
    parent.remove()


def test_eight_processes_for_one_name_make_one_volume(deployment, volume):
    parent = deployment.parent()

    def one(_number):
        return d.run(deployment, parent, volume)[1]
    outcomes = together(8, one)
    assert all("error" not in outcome for outcome in outcomes), outcomes
    assert sorted(outcome["existed"] for outcome in outcomes) == [False] + [True] * 7
    assert parent.children() == {deployment.image_id(volume)}
    rbd.RBD().remove(deployment.pool("volumes"), volume)
    parent.remove()


def test_two_sizes_for_one_name_make_one_volume(deployment, volume):
    parent = deployment.parent()

    def one(number):
        try:
            return deployment.clone(parent, volume, 1 + number % 2)["size_gib"]
        except d.vtclone.VolumeExists:
            return None
    sizes = {size for size in together(16, one) if size}
    assert len(sizes) == 1
    with rbd.Image(deployment.pool("volumes"), volume, read_only=True) as image:
        assert image.size() == sizes.pop() * d.GIB
    rbd.RBD().remove(deployment.pool("volumes"), volume)
    parent.remove()


def test_many_names_at_once_from_several_parents(deployment):
    parents = [deployment.parent() for _ in range(4)]
    before = deployment.names()

    def one(number):
        name = f"volume-{uuid.uuid4()}"
        assert not deployment.clone(parents[number % 4], name)["existed"]
        return name
    names = together(16, lambda n: [one(16 * n + m) for m in range(8)])
    assert sum(len(parent.children()) for parent in parents) == 128
    for name in sum(names, []):
        rbd.RBD().remove(deployment.pool("volumes"), name)
    assert deployment.names() == before
    for parent in parents:
        assert parent.children() == set()
        parent.remove()


@pytest.mark.parametrize("step", ["directory", "parent"])
def test_a_snapshot_removed_in_mid_flight(deployment, volume, step):
    parent, before, pause = deployment.parent(), deployment.names(), deployment.state + "/pause-snap"
    with d.process(deployment, parent, volume, faults={"pause": f"{step}:{pause}"}) as clone:
        wait_for(pause)
        parent.remove()
        d.os.unlink(pause)
        _status, outcome = d.finished(clone)
    assert outcome["error"] == "Miss", outcome
    assert deployment.names() == before and deployment.listed_id(volume) is None


def test_a_snapshot_unprotected_in_mid_flight_still_keeps_its_child(deployment, volume):
    """Clone v2 does not need the protection: the child's entry keeps the snapshot."""
    parent, pause = deployment.parent(), deployment.state + "/pause-unprotect"
    with d.process(deployment, parent, volume, faults={"pause": f"parent:{pause}"}) as clone:
        wait_for(pause)
        with rbd.Image(deployment.pool("images"), parent.id) as image:
            image.unprotect_snap("snap")
        d.os.unlink(pause)
        assert d.finished(clone)[1]["existed"] is False
    assert parent.children() == {deployment.image_id(volume)}
    rbd.RBD().remove(deployment.pool("volumes"), volume)
    parent.remove()


def test_a_parent_made_anew_under_its_name_is_noticed(deployment, volume):
    """What is known of the parent is seconds old: the clone must be of the snapshot that is there now."""
    parent = deployment.parent()
    deployment.clone(parent, volume + "-first")
    rbd.RBD().remove(deployment.pool("volumes"), volume + "-first")
    parent.remove()
    with pytest.raises(d.vtclone.Miss):
        deployment.clone(parent, volume)
    images = deployment.pool("images")
    rbd.RBD().create(images, parent.id, 128 * d.MIB, 23, old_format=False, features=61)
    with rbd.Image(images, parent.id) as image:
        image.write(b"new content", 0)
        image.create_snap("snap")
        image.protect_snap("snap")
    deployment.clone(parent, volume + "-second")
    with rbd.Image(images, parent.id) as image:
        image.unprotect_snap("snap")
        image.remove_snap("snap")
        image.create_snap("snap")
        image.protect_snap("snap")
        parent.image_id, parent.snap_ids = image.id(), {"snap": [one["id"] for one in image.list_snaps()
                                                                 if one["name"] == "snap"][0]}
    deployment.clone(parent, volume)
    assert parent.children() == {deployment.image_id(volume)}
    with rbd.Image(deployment.pool("volumes"), volume) as image:
        assert image.read(0, 11) == b"new content"
    for name in (volume, volume + "-second"):
        rbd.RBD().remove(deployment.pool("volumes"), name)
    parent.remove()


def test_an_osd_that_stops_is_a_timeout_and_cleaned_up_later(deployment, volume):
    parent, before = deployment.parent(), deployment.names()
    deployment.clone(parent, volume + "-warm")
    deployment.lab("pause-osd")
    try:
        begun = d.time.monotonic()
        with pytest.raises(d.vtclone.TimedOut):
            deployment.clone(parent, volume, timeout_ms=2000)
        assert d.time.monotonic() - begun < 4
    finally:
        deployment.lab("resume-osd")
    end = d.time.monotonic() + 60
    while deployment.names() - before != {name for name in deployment.names() if "-warm" in name} and \
            (deployment.listed_id(volume) or len(parent.children()) != 1):
        assert d.time.monotonic() < end
        d.time.sleep(0.2)
    assert deployment.clone(parent, volume)["existed"] is False
    for name in (volume, volume + "-warm"):
        rbd.RBD().remove(deployment.pool("volumes"), name)
    assert deployment.names() == before
    parent.remove()


@pytest.mark.parametrize("engine", ["direct", "librbd"])
def test_one_that_fails_leaves_what_another_has_reported(deployment, volume, engine):
    """The first has no answer to its last step; before it undoes, the second finds the volume whole."""
    parent, pause = deployment.parent(), deployment.state + "/pause-reported"
    with d.process(deployment, parent, volume, faults={"answer": "child:110", "pause": f"child:{pause}"}) as first:
        wait_for(pause)
        assert deployment.clone(parent, volume, engine=engine)["existed"] is True
        d.os.unlink(pause)
        _status, outcome = d.finished(first)
    assert outcome["error"] == "TimedOut" and "another process has completed the volume" in outcome["message"], outcome
    assert parent.children() == {deployment.image_id(volume)}
    assert deployment.clone(parent, volume, engine=engine)["existed"] is True
    rbd.RBD().remove(deployment.pool("volumes"), volume)
    parent.remove()


@pytest.mark.parametrize("fault", ["answer", "refuse"])
def test_what_is_undone_meanwhile_is_not_reported(deployment, volume, fault):
    """The second has seen the volume whole, and seen to its entry at the parent, when the first undoes it."""
    parent, pause, pause_second = deployment.parent(), deployment.state + "/pause-first", deployment.state + "/pause-second"
    with d.process(deployment, parent, volume, faults={fault: "child:110", "pause": f"child:{pause}"}) as first:
        wait_for(pause)
        with d.process(deployment, parent, volume, faults={"pause": f"child-again:{pause_second}"}) as second:
            wait_for(pause_second)
            d.os.unlink(pause)
            assert d.finished(first)[1]["error"] == "TimedOut"
            assert deployment.listed_id(volume) is None
            d.os.unlink(pause_second)
            outcome = d.finished(second)[1]
    if fault == "answer":  # the entry was there
        assert outcome["existed"] is False and parent.children() == {deployment.image_id(volume)}
        rbd.RBD().remove(deployment.pool("volumes"), volume)
    else:
        assert outcome["error"] == "VolumeExists" and "the volume is being removed" in outcome["message"], outcome
        assert parent.children() == set() and deployment.listed_id(volume) is None
    parent.remove()


@pytest.mark.parametrize("fault", ["answer", "refuse"])
def test_what_is_being_undone_is_not_reported_by_librbds_engine(deployment, volume, fault):
    parent = deployment.parent()
    assert d.run(deployment, parent, volume, faults={fault: "child:110", "kill": "undo-mark"})[0] == -9
    before = parent.children()
    with pytest.raises(d.vtclone.VolumeExists, match="the volume is being removed"):
        deployment.clone(parent, volume, engine="librbd")
    assert parent.children() == before
    assert deployment.clone(parent, volume)["existed"] is False
    rbd.RBD().remove(deployment.pool("volumes"), volume)
    parent.remove()


def test_one_whose_completion_failed_leaves_what_a_third_has_reported(deployment, volume):
    """The first died before the id object; the second completes that and fails, the third has found it whole meanwhile."""
    parent, pause = deployment.parent(), deployment.state + "/pause-completed"
    assert d.run(deployment, parent, volume, faults={"kill": "parent"})[0] == -9
    with d.process(deployment, parent, volume, faults={"answer": "child:110", "pause": f"child:{pause}"}) as second:
        wait_for(pause)
        assert deployment.clone(parent, volume)["existed"] is True
        d.os.unlink(pause)
        assert "another process has completed the volume" in d.finished(second)[1]["message"]
    assert parent.children() == {deployment.image_id(volume)}
    rbd.RBD().remove(deployment.pool("volumes"), volume)
    assert d.run(deployment, parent, volume, faults={"kill": "parent"})[0] == -9
    assert d.run(deployment, parent, volume, faults={"answer": "child:110"})[1]["error"] == "TimedOut"  # its own it removes
    assert deployment.listed_id(volume) is None and parent.children() == set()
    parent.remove()


def wait_for(path):
    end = d.time.monotonic() + 30
    while not d.os.path.exists(path):
        assert d.time.monotonic() < end
        d.time.sleep(0.01)
