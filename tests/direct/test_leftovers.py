"""A process that dies at any point of a direct clone leaves nothing that stays: what it left is not an image that anybody
could open unfinished, plain `rbd rm` removes it, and the next creation of the same volume heals it."""

import itertools

import pytest
import rbd

import deployment as d


def subsets(*steps):
    for count in range(1, len(steps) + 1):
        yield from (",".join(some) for some in itertools.combinations(steps, count))


# Each step alone, and each set of those that travel together.
POINTS = [*subsets("directory", "header", "map"), "parent", *subsets("id", "child")]
# While undoing, after the child's entry had no answer.
UNDO_POINTS = ["undo-mark", "undo-child", *subsets("undo-header", "undo-map"), "undo-directory", "undo-id"]


@pytest.fixture(name="parent", scope="module")
def _parent(deployment):
    return deployment.parent(metadata={"hw_disk_bus": "scsi"})


def kill(deployment, parent, name, point, **faults):
    before = deployment.names()
    status, outcome = d.run(deployment, parent, name, faults=dict(faults, kill=point))
    assert status == -9 and outcome is None
    return before


def check_invariants(deployment, parent, name):
    """Nothing that can be opened lacks its parent, and no entry at the parent lacks its child."""
    try:
        with rbd.Image(deployment.pool("volumes"), name, read_only=True) as image:
            assert image.parent_info()[1] == parent.id and image.size() == d.GIB
    except rbd.ImageNotFound as error:
        assert name in str(error)  # the volume, not its parent
    for child in parent.children():
        assert d.read_object(deployment.pool("volumes"), "rbd_header." + child)[2].get("parent")
        assert child == deployment.listed_id(name)


def remove_plainly(deployment, name):
    done = deployment.rbd("rm", "--no-progress", f"volumes/{name}", check=False)
    assert done.returncode == 0, done.stderr


def invisible(before, after):
    """What a killed process may leave beside the directory: a header or an object map that nothing refers to."""
    return all(name.startswith(("rbd_header.", "rbd_object_map.")) for name in after - before)


@pytest.mark.parametrize("point", POINTS)
def test_leftover_is_removed_by_rbd_rm(deployment, parent, point):
    name = "volume-killed-" + point
    before = kill(deployment, parent, name, point)
    check_invariants(deployment, parent, name)
    if "directory" in point or point in POINTS[7:]:
        assert name in deployment.rbd("ls", "-p", "volumes").stdout.split("\n")
        remove_plainly(deployment, name)
        assert deployment.names() == before
    else:
        assert deployment.listed_id(name) is None and invisible(before, deployment.names())
        for orphan in deployment.names() - before:
            deployment.pool("volumes").remove_object(orphan)
    assert parent.children() == set() and deployment.listed_id(name) is None


@pytest.mark.parametrize("point", POINTS)
def test_leftover_is_healed_by_a_retry(deployment, parent, point):
    name = "volume-killed-" + point
    before = kill(deployment, parent, name, point)
    orphans = deployment.names() - before if deployment.listed_id(name) is None else set()
    report = deployment.clone(parent, name)
    assert report["engine"] == "direct"
    check_equal_to_librbd(deployment, parent, name)
    remove_plainly(deployment, name)
    assert deployment.names() - orphans == before and parent.children() == set()
    for orphan in orphans:
        assert orphan.startswith(("rbd_header.", "rbd_object_map."))
        deployment.pool("volumes").remove_object(orphan)


def check_equal_to_librbd(deployment, parent, name):
    assert parent.children() == {deployment.image_id(name)}
    deployment.clone(parent, name + "-librbd", engine="librbd")
    assert deployment.objects(name) == deployment.objects(name + "-librbd")
    remove_plainly(deployment, name + "-librbd")


@pytest.mark.parametrize("point", UNDO_POINTS)
def test_a_death_while_undoing_is_healed_by_a_retry(deployment, parent, point):
    name = "volume-undo-" + point
    before = kill(deployment, parent, name, point, answer="child:110")
    check_invariants_while_undoing(deployment, parent, name)
    assert not deployment.clone(parent, name)["existed"]
    check_equal_to_librbd(deployment, parent, name)
    remove_plainly(deployment, name)
    assert deployment.names() == before and parent.children() == set()


@pytest.mark.parametrize("point", [point for point in UNDO_POINTS if point not in ("undo-directory", "undo-id")])
def test_a_death_while_undoing_is_removed_by_rbd_rm(deployment, parent, point):
    name = "volume-undo-" + point
    before = kill(deployment, parent, name, point, answer="child:110")
    remove_plainly(deployment, name)
    assert deployment.names() == before and parent.children() == set()


def check_invariants_while_undoing(deployment, parent, name):
    for child in parent.children():
        assert d.read_object(deployment.pool("volumes"), "rbd_header." + child)[2].get("parent")
        assert child == deployment.listed_id(name)


@pytest.mark.parametrize("step", ["directory", "header", "map", "parent", "id", "child"])
@pytest.mark.parametrize("fault", ["refuse", "answer"])
def test_a_failing_step_is_undone(deployment, parent, step, fault):
    """The step fails, or is done and nobody hears of it."""
    name = f"volume-{fault}-{step}"
    before = deployment.names()
    number = 5 if fault == "refuse" else 110
    status, outcome = d.run(deployment, parent, name, faults={fault: f"{step}:{number}"})
    assert status == 0
    assert outcome["error"] == ("ServiceError" if number == 5 else "TimedOut"), outcome
    assert deployment.names() == before and parent.children() == set() and deployment.listed_id(name) is None


def test_a_retry_waits_for_one_that_is_still_at_work(deployment, parent, volume):
    """The first stands still for less than the grace period: the second finds its work done."""
    pause = deployment.state + "/pause-short"
    with d.process(deployment, parent, volume, faults={"pause": f"parent:{pause}"}) as first:
        wait_for(pause)
        with d.process(deployment, parent, volume) as second:
            d.time.sleep(0.7)
            d.os.unlink(pause)
            assert d.finished(first)[1]["existed"] is False
            assert d.finished(second)[1]["existed"] is True
    assert parent.children() == {deployment.image_id(volume)}
    remove_plainly(deployment, volume)


@pytest.mark.parametrize("step", ["directory", "parent", "id"])
def test_one_that_stands_still_and_comes_back_breaks_nothing(deployment, parent, volume, step):
    """The second takes over what the first, alive but stopped, has begun; then the first goes on."""
    pause = deployment.state + "/pause-long"
    with d.process(deployment, parent, volume, faults={"pause": f"{step}:{pause}"}) as first:
        wait_for(pause)
        _status, second = d.run(deployment, parent, volume)
        assert "error" not in second, second
        made = deployment.objects(volume)
        d.os.unlink(pause)
        _status, outcome = d.finished(first)
    assert "error" in outcome or outcome["existed"] or step == "id", outcome
    assert deployment.objects(volume) == made
    assert parent.children() == {deployment.image_id(volume)}
    remove_plainly(deployment, volume)


def wait_for(path):
    end = d.time.monotonic() + 30
    while not d.os.path.exists(path):
        assert d.time.monotonic() < end
        d.time.sleep(0.01)


def test_what_looks_like_a_leftover_but_is_an_image_stays(deployment, parent, volume):
    """A real volume whose move to the trash was interrupted: listed, no id object, an entry in the trash."""
    volumes = deployment.pool("volumes")
    deployment.clone(parent, volume, engine="librbd")
    with rbd.Image(volumes, volume) as image:
        image.write(b"precious", 0)
    image_id = deployment.image_id(volume)
    id_object = d.read_object(volumes, "rbd_id." + volume)[0]
    rbd.RBD().trash_move(volumes, volume, 0)
    volumes.execute("rbd_directory", "rbd", "dir_add_image", d.encoded(volume) + d.encoded(image_id))
    with pytest.raises(d.vtclone.VolumeExists):
        deployment.clone(parent, volume)
    volumes.execute("rbd_directory", "rbd", "dir_remove_image", d.encoded(volume) + d.encoded(image_id))
    rbd.RBD().trash_restore(volumes, image_id, volume)
    assert d.read_object(volumes, "rbd_id." + volume)[0] == id_object
    with rbd.Image(volumes, volume) as image:
        assert image.read(0, 8) == b"precious"
    remove_plainly(deployment, volume)


@pytest.mark.parametrize("size, features", [(d.GIB, 61), (d.GIB, 1), (0, 61)])
def test_an_image_of_the_name_without_a_parent_stays(deployment, parent, volume, size, features):
    rbd.RBD().create(deployment.pool("volumes"), volume, size, 23, old_format=False, features=features)
    before = deployment.objects(volume)
    with pytest.raises(d.vtclone.VolumeExists):
        deployment.clone(parent, volume)
    assert deployment.objects(volume) == before and parent.children() == set()
    remove_plainly(deployment, volume)


def test_a_clone_of_another_parent_or_size_stays(deployment, parent, volume):
    other = deployment.parent()
    deployment.clone(other, volume)
    with pytest.raises(d.vtclone.VolumeExists):
        deployment.clone(parent, volume)
    with pytest.raises(d.vtclone.VolumeExists):
        deployment.clone(other, volume, 2)
    assert deployment.clone(other, volume)["existed"] is True
    assert other.children() == {deployment.image_id(volume)} and parent.children() == set()
    remove_plainly(deployment, volume)
    other.remove()


@pytest.mark.parametrize("engine", ["direct", "librbd"])
@pytest.mark.parametrize("feature", ["with", "without"])
def test_a_clone_by_librbd_without_its_entry_at_the_parent_is_healed(deployment, parent, volume, engine, feature):
    """librbd's own crash points between parent_attach, op_features_set and child_attach."""
    deployment.clone(parent, volume, engine="librbd")
    image_id, whole = deployment.image_id(volume), deployment.objects(volume)
    spec = d.struct.pack("<q", deployment.admin.pool_lookup("volumes")) + d.encoded(image_id) + d.encoded("")
    deployment.pool("images").execute(
        "rbd_header." + parent.image_id, "rbd", "child_detach",
        d.struct.pack("<QBBI", parent.snap_ids["snap"], 2, 1, len(spec)) + spec)
    if feature == "without":
        deployment.pool("volumes").execute("rbd_header." + image_id, "rbd", "op_features_set", d.struct.pack("<QQ", 0, 2))
    assert parent.children() == set()
    assert deployment.clone(parent, volume, engine=engine)["existed"] is True
    assert parent.children() == {image_id} and deployment.objects(volume) == whole
    remove_plainly(deployment, volume)


def test_a_clone_of_version_1_keeps_its_form(deployment, parent, volume):
    deployment.rbd("clone", "--rbd-default-clone-format", "1", parent.spec(), f"volumes/{volume}")
    with rbd.Image(deployment.pool("volumes"), volume) as image:
        image.resize(d.GIB)
    whole = deployment.objects(volume)
    for engine in ("direct", "librbd"):
        assert deployment.clone(parent, volume, engine=engine)["existed"] is True
    assert deployment.objects(volume) == whole and parent.children() == set()
    remove_plainly(deployment, volume)


def test_a_death_while_undoing_before_the_parent_was_attached_is_healed(deployment, parent, volume):
    """The parent's step was not done and had no answer; then the clean-up died: marked, and without a parent."""
    before = kill(deployment, parent, volume, "undo-map", refuse="parent:110")
    assert deployment.clone(parent, volume)["existed"] is False
    check_equal_to_librbd(deployment, parent, volume)
    remove_plainly(deployment, volume)
    assert deployment.names() == before


def test_a_leftover_without_an_object_map_is_completed(deployment, parent, volume, tmp_path):
    """As a configuration with fewer features has them."""
    conf = deployment.configured(tmp_path, rbd_default_features=1)
    deployment.clone(parent, volume, engine="librbd", conf=conf)  # the plan for such a pool is its own
    remove_plainly(deployment, volume)
    status, _outcome = d.run(deployment, parent, volume, faults={"kill": "parent"}, conf=conf)
    assert status == -9 and deployment.listed_id(volume)
    assert deployment.clone(parent, volume, conf=conf)["existed"] is False
    with rbd.Image(deployment.pool("volumes"), volume) as image:
        assert not image.features() & 8 and image.size() == d.GIB
    assert parent.children() == {deployment.image_id(volume)}
    remove_plainly(deployment, volume)


def test_a_leftover_of_another_size_or_parent_or_with_a_snapshot_stays(deployment, parent, volume):
    """None of them is what is asked for: they are `rbd rm`'s to remove."""
    other = deployment.parent()
    kill(deployment, parent, volume, "parent")
    image_id = deployment.listed_id(volume)

    def refused(asked, gib):
        with pytest.raises(d.vtclone.VolumeExists, match="interrupted creation or removal left"):
            deployment.clone(asked, volume, gib)
        assert deployment.listed_id(volume) == image_id
    refused(parent, 2)
    refused(other, 1)
    header = deployment.pool("volumes"), "rbd_header." + image_id
    header[0].execute(header[1], "rbd", "snapshot_add", d.encoded("mine") + d.struct.pack("<Q", 1))
    refused(parent, 1)
    header[0].execute(header[1], "rbd", "snapshot_remove", d.struct.pack("<Q", 1))
    assert deployment.clone(parent, volume)["existed"] is False
    remove_plainly(deployment, volume)
    other.remove()


def test_a_clone_of_a_parent_in_another_pool_or_namespace_stays(deployment, parent, volume):
    elsewhere = deployment.parent(pool="second")
    deployment.clone(elsewhere, volume, engine="librbd")
    with pytest.raises(d.vtclone.VolumeExists, match="another image, not a clone of this snapshot"):
        deployment.clone(parent, volume)
    remove_plainly(deployment, volume)
    elsewhere.remove()

    images, volumes = deployment.admin.open_ioctx("images"), deployment.pool("volumes")
    rbd.RBD().namespace_create(images, "tenant")
    images.set_namespace("tenant")
    rbd.RBD().create(images, "theirs", 64 * d.MIB, 23, old_format=False, features=61)
    with rbd.Image(images, "theirs") as image:
        image.create_snap("snap")
    deployment.rbd("clone", "--rbd-default-clone-format", "2", "images/tenant/theirs@snap", f"volumes/{volume}")
    before = deployment.objects(volume)
    with pytest.raises(d.vtclone.VolumeExists, match="another image, not a clone of this snapshot"):
        deployment.clone(parent, volume)
    image_id = deployment.image_id(volume)
    volumes.set_xattr("rbd_id." + volume, "vtclone.undo", image_id.encode())  # which the engine writes on no such image
    with pytest.raises(d.vtclone.VolumeExists, match="an image with a strange mark"):
        deployment.clone(parent, volume)
    volumes.rm_xattr("rbd_id." + volume, "vtclone.undo")
    assert deployment.objects(volume) == before
    remove_plainly(deployment, volume)
    with rbd.Image(images, "theirs") as image:
        image.remove_snap("snap")
    rbd.RBD().remove(images, "theirs")
    images.set_namespace("")
    rbd.RBD().namespace_remove(images, "tenant")
    images.close()
