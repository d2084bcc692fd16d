"""What fails while the direct engine undoes, settles or takes over: the step is refused, or its answer is lost, on a real
cluster. Each call ends in the error that belongs to it, and what it could not remove the next creation of the name heals."""

import concurrent.futures

import pytest
import rbd

import deployment as d

UNDO = "vtclone.undo"  # the mark on an id object


@pytest.fixture(name="parent", scope="module")
def _parent(deployment):
    return deployment.parent()


@pytest.fixture(name="clean", autouse=True)
def _clean(deployment, parent):
    before = deployment.names()
    yield before
    assert deployment.names() == before and parent.children() == set()


def together(call, cases):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(call, cases))


def fails(deployment, parent, name, error, text, **options):
    status, outcome = d.run(deployment, parent, name, **options)
    assert status == 0 and outcome.get("error") == error and text in outcome["message"], (options, outcome)
    assert outcome["message"].startswith(f"clone {parent.spec()} to volumes/{name}: ")
    return outcome


def remove(deployment, name, pool="volumes"):
    rbd.RBD().remove(deployment.pool(pool), name)


def kill(deployment, parent, name, point, **faults):
    assert d.run(deployment, parent, name, faults=dict(faults, kill=point)) == (-9, None)


def heal(deployment, parent, *names):
    for report in together(lambda name: deployment.clone(parent, name), names):
        assert report["engine"] == "direct"
    assert parent.children() == {deployment.image_id(name) for name in names}
    for name in names:
        remove(deployment, name)


def wait_for(path):
    end = d.time.monotonic() + 30
    while not d.os.path.exists(path):
        assert d.time.monotonic() < end
        d.time.sleep(0.01)


def set_omap(ioctx, oid, key, value):
    with d.rados.WriteOpCtx() as op:
        ioctx.set_omap(op, (key,), (value,))
        ioctx.operate_write_op(op, oid)


# ---- a new name ----

@pytest.mark.parametrize("step, text", [
    ("read-mirroring", "read the pools' settings"), ("read-parent-id", "read the parent's id"),
    ("read-parent-header", "read the parent's header"), ("read-parent-snaps", "read the parent's snapshot")])
def test_what_must_be_read_before_anything_is_made(deployment, parent, step, text):
    fails(deployment, parent, "unread", "ServiceError", text, faults={"refuse": step + ":5"})


def test_a_name_that_comes_and_goes(deployment, parent):
    fails(deployment, parent, "fickle", "ServiceError", "came and went 4 times", faults={"refuse": "directory:17"})


def test_the_parent_is_read_again_when_the_cached_one_fails(deployment, parent):
    """Again missing, and not to be read."""
    for refused, error, text in (("child:2", "Miss", "attach the volume to its parent"),
                                 ("child:2,read-parent-id:5", "ServiceError", "read the parent's id")):
        fails(deployment, parent, "again", error, text, warm="warm", faults={"refuse": refused})
        assert deployment.listed_id("again") is None
        remove(deployment, "warm")


def test_a_parent_that_grew_beyond_the_volume_in_mid_flight(deployment):
    grown, pause = deployment.parent(), deployment.state + "/pause-grown"
    with d.process(deployment, grown, "outgrown", warm="warm", faults={"pause": f"directory:{pause}"}) as clone:
        wait_for(pause)
        remove(deployment, "warm")
        grown.remove()
        images = deployment.pool("images")
        rbd.RBD().create(images, grown.id, 2 * d.GIB, 23, old_format=False, features=61)
        with rbd.Image(images, grown.id) as image:
            image.create_snap("snap")
            image.protect_snap("snap")
        d.os.unlink(pause)
        outcome = d.finished(clone)[1]
    assert outcome["error"] == "Miss" and "more than the 1073741824 asked for" in outcome["message"], outcome
    grown.remove()


def test_a_slow_call_that_cannot_look_whether_its_volume_is_whole(deployment, parent):
    pause = deployment.state + "/pause-slow"
    with d.process(deployment, parent, "slow", faults={"pause": f"id:{pause}", "refuse": "read-id:5"}) as clone:
        wait_for(pause)
        d.time.sleep(2.1)
        d.os.unlink(pause)
        outcome = d.finished(clone)[1]
    assert outcome["error"] == "ServiceError" and "in which another process may have removed" in outcome["message"]


# ---- undoing ----

# What has no answer at first, and what is refused while that is undone.
UNDOING = [("parent:110", "undo-mark:5"), ("id:110", "undo-mark:5"), ("child:110", "undo-mark:5"), ("child:110", "undo-child:5"),
           ("header:110", "undo-header:5"), ("map:110", "undo-map:5"), ("directory:110", "undo-directory:5"),
           ("child:110", "undo-id:5")]


def test_what_cannot_be_undone_is_told_and_healed(deployment, parent):
    names = [f"not-undone-{number}" for number in range(len(UNDOING))]

    def one(number):
        answer, refuse = UNDOING[number]
        outcome = fails(deployment, parent, names[number], "TimedOut", f"{names[number]}: ",
                        faults={"answer": answer, "refuse": refuse})
        assert outcome["message"].endswith(
            "; what was begun is removed as soon as the cluster lets it (Input/output error)"), outcome
        return deployment.listed_id(names[number])
    assert sum(image_id is not None for image_id in together(one, range(len(UNDOING)))) == len(UNDOING) - 1
    heal(deployment, parent, *names)


def test_what_cannot_be_undone_of_a_name_that_is_taken(deployment, parent, clean):
    """Header and map are made with the name; here the name was taken, and the header cannot be removed again."""
    deployment.clone(parent, "taken")
    whole, before = deployment.objects("taken"), deployment.names()
    outcome = fails(deployment, parent, "taken", "ServiceError", "clean up: Input/output error", faults={"refuse": "undo-header:5"})
    assert outcome["message"].endswith("; what was begun is removed as soon as the cluster lets it (Input/output error)")
    (orphan,) = deployment.names() - before  # the process, and its patience, have ended
    assert orphan.startswith("rbd_header.")
    deployment.pool("volumes").remove_object(orphan)
    assert deployment.objects("taken") == whole
    remove(deployment, "taken")


@pytest.mark.parametrize("answer", ["undo-child:2", "undo-header:2", "undo-directory:2", "undo-id:125", "undo-id:61"])
def test_what_is_gone_already_is_undone(deployment, parent, answer):
    fails(deployment, parent, "twice", "TimedOut", "attach the volume to its parent", faults={"answer": "child:110," + answer})


def test_what_another_process_completes_meanwhile_stays(deployment, parent):
    pause = deployment.state + "/pause-adopted"
    with d.process(deployment, parent, "adopted", faults={"answer": "parent:110", "pause": f"parent:{pause}"}) as first:
        wait_for(pause)
        assert deployment.clone(parent, "adopted")["existed"] is False
        d.os.unlink(pause)
        outcome = d.finished(first)[1]
    assert outcome["error"] == "TimedOut" and "another process has completed the volume meanwhile" in outcome["message"]
    assert parent.children() == {deployment.image_id("adopted")}
    remove(deployment, "adopted")


def test_an_image_that_took_the_name_meanwhile_stays(deployment, parent):
    """The first, stopped with its parent attached, was taken for a leftover and removed; the name is another image's now."""
    pause = deployment.state + "/pause-replaced"
    with d.process(deployment, parent, "replaced", faults={"answer": "parent:110", "pause": f"parent:{pause}"}) as first:
        wait_for(pause)
        remove(deployment, "replaced")
        rbd.RBD().create(deployment.pool("volumes"), "replaced", d.GIB, 23, old_format=False, features=61)
        made = deployment.objects("replaced")
        d.os.unlink(pause)
        outcome = d.finished(first)[1]
    assert outcome["error"] == "TimedOut" and "attach the parent" in outcome["message"], outcome
    assert "; what was begun" not in outcome["message"], outcome
    assert deployment.objects("replaced") == made
    remove(deployment, "replaced")


# ---- a name that is taken ----

@pytest.mark.parametrize("refuse, error, text", [
    ("read-id:5", "ServiceError", "look the volume's name up"),
    ("read-header:5", "ServiceError", "read the header of the image that has the volume's name"),
    ("read-header:2", "VolumeExists", "interrupted creation or removal left"),
    ("child-again:2", "Miss", "the volume is a clone, but its parent is gone"),
    ("child-again:5", "ServiceError", "see to the parent's entry of the volume")])
def test_a_clone_that_cannot_be_looked_at_stays(deployment, parent, refuse, error, text):
    deployment.clone(parent, "looked-at")
    whole = deployment.objects("looked-at")
    fails(deployment, parent, "looked-at", error, text, faults={"refuse": refuse})
    assert deployment.objects("looked-at") == whole and parent.children() == {deployment.image_id("looked-at")}
    remove(deployment, "looked-at")


def forget_entry(deployment, parent, name):
    """As librbd's own crash between parent_attach and op_features_set leaves it."""
    image_id = deployment.image_id(name)
    spec = d.struct.pack("<q", deployment.admin.pool_lookup("volumes")) + d.encoded(image_id) + d.encoded("")
    deployment.pool("images").execute("rbd_header." + parent.image_id, "rbd", "child_detach",
                                      d.struct.pack("<QBBI", parent.snap_ids["snap"], 2, 1, len(spec)) + spec)
    deployment.pool("volumes").execute("rbd_header." + image_id, "rbd", "op_features_set", d.struct.pack("<QQ", 0, 2))


@pytest.mark.parametrize("engine", ["direct", "librbd"])
@pytest.mark.parametrize("refuse, error, text", [
    ("read-children-1:5", "ServiceError", "see to the parent's entry"),
    ("child-feature:2", "VolumeExists", "the volume is being removed"),
    ("child-feature:5", "ServiceError", "see to the parent's entry")])
def test_an_entry_that_cannot_be_made(deployment, parent, engine, refuse, error, text):
    deployment.clone(parent, "entryless")
    forget_entry(deployment, parent, "entryless")
    fails(deployment, parent, "entryless", error, text, engine=engine, faults={"refuse": refuse})
    assert parent.children() == set()
    assert deployment.clone(parent, "entryless", engine=engine)["existed"] is True
    assert parent.children() == {deployment.image_id("entryless")}
    remove(deployment, "entryless")


@pytest.mark.parametrize("engine", ["direct", "librbd"])
def test_an_entry_made_while_the_volume_is_removed_does_not_stay(deployment, parent, engine):
    pause = deployment.state + "/pause-entry"
    deployment.clone(parent, "leaving")
    forget_entry(deployment, parent, "leaving")
    header = "rbd_header." + deployment.image_id("leaving")
    with d.process(deployment, parent, "leaving", engine=engine, faults={"pause": f"child-again:{pause}"}) as second:
        wait_for(pause)
        deployment.pool("volumes").remove_object(header)  # an removal's last step but two
        d.os.unlink(pause)
        outcome = d.finished(second)[1]
    assert outcome["error"] == "VolumeExists" and "the volume is being removed" in outcome["message"], outcome
    assert parent.children() == set()
    remove(deployment, "leaving")


def test_an_image_outside_the_directory_stays(deployment, parent, clean):
    deployment.clone(parent, "unlisted")
    volumes, image_id = deployment.pool("volumes"), deployment.image_id("unlisted")
    entry = d.encoded("unlisted") + d.encoded(image_id)
    volumes.execute("rbd_directory", "rbd", "dir_remove_image", entry)
    before = deployment.names()
    fails(deployment, parent, "unlisted", "VolumeExists", "not, or otherwise, in the pool's directory")
    assert deployment.names() == before
    volumes.execute("rbd_directory", "rbd", "dir_add_image", entry)
    remove(deployment, "unlisted")


def test_the_parent_cannot_be_read_again_for_an_image_of_another(deployment, parent):
    other = deployment.parent()
    deployment.clone(other, "others")
    fails(deployment, parent, "others", "ServiceError", "read the parent's id", warm="warm",
          faults={"refuse": "read-parent-id:5"})
    for name in ("warm", "others"):
        remove(deployment, name)
    other.remove()


def test_the_wait_for_another_at_work_ends_with_the_call(deployment, parent):
    """The first stands still for less than the grace, and the second has no more time than that."""
    pause = deployment.state + "/pause-at-work"
    with d.process(deployment, parent, "at-work", faults={"pause": f"parent:{pause}"}) as first:
        wait_for(pause)
        outcome = fails(deployment, parent, "at-work", "TimedOut", "", warm="warm", timeout_ms=2000, faults={})
        d.os.unlink(pause)
        assert d.finished(first)[1]["existed"] is False
    assert "wait for who else" in outcome["message"] or "look the volume's name up" in outcome["message"], outcome
    for name in ("warm", "at-work"):
        remove(deployment, name)


# ---- leftovers ----

def test_the_rest_of_an_undo(deployment, parent):
    """Refused once more, then done."""
    kill(deployment, parent, "marked", "undo-child", answer="child:110")
    for refuse in ("read-header:5", "undo-child:5", "undo-directory:5"):
        fails(deployment, parent, "marked", "ServiceError", "remove what an interrupted clean-up left of the volume",
              faults={"refuse": refuse})
    heal(deployment, parent, "marked")


def test_a_strange_mark_is_nothing_of_ours(deployment, parent):
    kill(deployment, parent, "strange", "undo-mark", answer="child:110")
    volumes = deployment.pool("volumes")
    mark = volumes.get_xattr("rbd_id.strange", UNDO)
    volumes.set_xattr("rbd_id.strange", UNDO, b"someone")
    before = deployment.names()
    fails(deployment, parent, "strange", "VolumeExists", "an image with a strange mark")
    assert deployment.names() == before
    volumes.set_xattr("rbd_id.strange", UNDO, mark)
    heal(deployment, parent, "strange")


def test_the_rest_of_an_undo_whose_parents_pool_is_gone(deployment, parent):
    kill(deployment, parent, "poolless", "undo-child", answer="child:110")  # the entry at the parent is gone already
    header = "rbd_header." + deployment.listed_id("poolless")
    attached = d.read_object(deployment.pool("volumes"), header)[2]["parent"]
    pool = d.struct.pack("<q", deployment.admin.pool_lookup("images"))
    assert attached.count(pool) == 1
    set_omap(deployment.pool("volumes"), header, "parent", attached.replace(pool, d.struct.pack("<q", 9999)))
    heal(deployment, parent, "poolless")


@pytest.mark.parametrize("refuse, error, text", [
    ("read-trash:5", "ServiceError", "read what an interrupted creation left of the volume"),
    ("read-header:5", "ServiceError", "read what an interrupted creation left of the volume"),
    ("scrap-header:5", "ServiceError", "remove the unfinished header of the volume"),
    ("undo-directory:5", "ServiceError", "remove what an interrupted creation left of the volume"),
    ("scrap-header:125", "TimedOut", "Connection timed out")])
def test_a_beginning_that_cannot_be_removed(deployment, parent, refuse, error, text):
    kill(deployment, parent, "begun", "directory,header,map")
    fails(deployment, parent, "begun", error, text, faults={"refuse": refuse}, timeout_ms=5000)
    remove(deployment, "begun")


@pytest.mark.parametrize("refuse, error, text", [
    ("id:5", "ServiceError", "create the volume's id object"),
    ("id:17", "TimedOut", "Connection timed out")])
def test_what_cannot_be_completed_is_left_as_it_was(deployment, parent, refuse, error, text):
    kill(deployment, parent, "incomplete", "parent")
    fails(deployment, parent, "incomplete", error, text, faults={"refuse": refuse}, timeout_ms=5000)
    assert deployment.listed_id("incomplete") and "rbd_id.incomplete" not in deployment.names()
    remove(deployment, "incomplete")


def test_what_was_completed_but_for_the_parents_entry_is_removed(deployment, parent):
    kill(deployment, parent, "half", "parent")
    fails(deployment, parent, "half", "ServiceError", "attach the volume to its parent", faults={"refuse": "child:5"})
    assert deployment.listed_id("half") is None


def test_the_leftover_of_another_size_stays(deployment, parent):
    assert d.run(deployment, parent, "other-size", gib=2, faults={"kill": "parent"}) == (-9, None)
    before = deployment.names()
    fails(deployment, parent, "other-size", "VolumeExists", "interrupted creation or removal left")
    assert deployment.names() == before
    remove(deployment, "other-size")


# ---- what only librbd makes ----

@pytest.mark.parametrize("why, size, gib, order", [
    ("the parent is empty", 0, 1, None), ("an object size that librbd does not make", 64 * d.MIB, 1, 26),
    ("too many objects for an object map", 64 * d.MIB, 1 << 22, None)])
def test_a_clone_of_no_usual_kind(deployment, why, size, gib, order):
    odd = d.Parent(deployment, "images", d.MIB, 22, 61, {}, (0, 0), (), None)
    with rbd.Image(deployment.pool("images"), odd.id) as image:
        image.resize(size)
        image.create_snap("snap")
        image.protect_snap("snap")
    header = "rbd_header." + odd.image_id
    usual = d.read_object(deployment.pool("images"), header)[2]["order"]
    if order:
        set_omap(deployment.pool("images"), header, "order", bytes([order]))
    with pytest.raises(d.vtclone.Unsupported, match=why):
        deployment.clone(odd, "unusual", gib=gib)
    set_omap(deployment.pool("images"), header, "order", usual)
    odd.remove()
