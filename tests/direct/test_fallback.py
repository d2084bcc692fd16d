"""What the direct engine leaves to librbd, engine `auto`, and certification."""

import json
import os
import subprocess
import sys
import uuid

import pytest
import rbd

import deployment as d


@pytest.fixture(name="parent", scope="module")
def _parent(deployment):
    return deployment.parent()


def falls_back(deployment, parent, why, pool="volumes", **site):
    """direct refuses and changes nothing, auto goes to librbd and says why."""
    name = f"volume-{uuid.uuid4()}"
    before, children = deployment.names(pool), parent.children()
    with pytest.raises(d.vtclone.Unsupported, match=why):
        deployment.clone(parent, name, pool=pool, **site)
    assert deployment.names(pool) == before and parent.children() == children
    report = deployment.clone(parent, name, engine="auto", pool=pool, **site)
    assert report["engine"] == "librbd" and d.re.search(why, report["engine_reason"]), report["engine_reason"]
    deployment.rbd("rm", "--no-progress", f"{pool}/{name}")
    return report


def forget(deployment):
    """What is known of pools is kept for ten seconds; a new connection asks again."""
    for context in deployment.contexts.values():
        context.close()
    deployment.contexts.clear()


@pytest.fixture(autouse=True)
def _forget(deployment):
    yield
    forget(deployment)


def test_journaling(deployment, parent, tmp_path):
    falls_back(deployment, parent, "journaling", conf=deployment.configured(tmp_path, rbd_default_features=125))


def test_a_configured_data_pool(deployment, parent, tmp_path):
    # client.cinder may not use the pool: only the decision is looked at
    conf = deployment.configured(tmp_path, rbd_default_data_pool="own")
    falls_back(deployment, parent, "rbd_default_data_pool is 'own'", conf=conf)


def test_configured_striping(deployment, parent, tmp_path):
    conf = deployment.configured(tmp_path, rbd_default_stripe_unit=65536, rbd_default_stripe_count=4)
    falls_back(deployment, parent, "rbd_default_stripe_unit is '65536'", conf=conf)


def test_a_setting_of_the_pool_itself(deployment, parent):
    deployment.rbd("config", "pool", "set", "own", "rbd_default_order", "24")
    try:
        falls_back(deployment, parent, "setting of its own .conf_rbd_default_order", pool="own")
    finally:
        deployment.rbd("config", "pool", "rm", "own", "rbd_default_order")


def test_a_mirrored_pool(deployment, parent):
    deployment.rbd("mirror", "pool", "enable", "mirrored", "image")
    falls_back(deployment, parent, "target pool is mirrored", pool="mirrored")


def test_a_parent_in_a_mirrored_pool(deployment):
    deployment.rbd("mirror", "pool", "enable", "second", "image")
    parent = deployment.parent(pool="second")
    try:
        falls_back(deployment, parent, "source pool is mirrored")
    finally:
        parent.remove()
        deployment.rbd("mirror", "pool", "disable", "second")


def test_a_pool_with_images_of_the_old_format(deployment, parent):
    """What such a pool looks like: the old directory is the data of the object whose omap is the new one."""
    deployment.pool("old").write("rbd_directory", b"\x00\x00\x00\x00")
    falls_back(deployment, parent, "old format", pool="old")


def test_an_old_image_of_the_parents_name(deployment, parent):
    images = deployment.pool("images")
    ghost = d.Parent.__new__(d.Parent)
    ghost.deployment, ghost.pool, ghost.size, ghost.id = deployment, "images", d.GIB, str(uuid.uuid4())
    images.write_full(ghost.id + ".rbd", b"<<< Rados Block Device Image >>>\n")
    with pytest.raises(d.vtclone.Unsupported, match="old format"):
        deployment.clone(ghost, "volume-of-old")
    images.remove_object(ghost.id + ".rbd")


def test_a_parent_with_fancy_striping(deployment):
    parent = deployment.parent(stripe=(65536, 4))
    falls_back(deployment, parent, "fancy striping")
    parent.remove()


def test_larger_objects_than_the_parents(deployment):
    parent = deployment.parent(order=22)
    falls_back(deployment, parent, "larger than the parent's", chunk=8)
    parent.remove()


def test_a_pool_that_librbd_has_not_checked_yet(deployment, parent):
    falls_back(deployment, parent, "librbd has not made an image", pool="fresh")
    report = deployment.clone(parent, "now", engine="direct", pool="fresh")
    assert report["engine"] == "direct"
    deployment.rbd("rm", "--no-progress", "fresh/now")


def test_a_snapshot_in_the_trash_is_missing_for_both_engines(deployment):
    parent = deployment.parent()
    deployment.clone(parent, "keeps-it", engine="librbd")
    with rbd.Image(deployment.pool("images"), parent.id) as image:
        image.unprotect_snap("snap")
        image.remove_snap("snap")
    forget(deployment)
    before = deployment.names()
    for engine in ("direct", "librbd", "auto"):
        with pytest.raises(d.vtclone.Miss):
            deployment.clone(parent, "of-the-trash", engine=engine)
    assert deployment.names() == before
    deployment.rbd("rm", "--no-progress", "volumes/keeps-it")
    rbd.RBD().remove(deployment.pool("images"), parent.id)


def test_a_missing_image_is_missing_for_both_engines(deployment):
    parent = deployment.parent()
    parent.remove()
    for engine in ("direct", "librbd", "auto"):
        with pytest.raises(d.vtclone.Miss):
            deployment.clone(parent, "of-nothing", engine=engine)


def test_a_parent_larger_than_the_volume_is_too_small_for_both_engines(deployment):
    parent = deployment.parent(size=2 * d.GIB)
    context = deployment.context(source="images")
    image = dict(parent.image_json(deployment.admin.get_fsid()), size=d.GIB)  # Glance's size need not be true
    before = deployment.names()
    for engine in ("direct", "librbd", "auto"):
        with pytest.raises(d.vtclone.Error) as caught:
            context.clone(context.resolve(image, None, size_gib=1), "too-small", 1, engine=engine)
        assert "more than the 1073741824 asked for" in str(caught.value)
    assert deployment.names() == before
    parent.remove()


def test_clone_v1(deployment, parent):
    deployment.command("osd set-require-min-compat-client", version="luminous", yes_i_really_mean_it=True)
    try:
        falls_back(deployment, parent, "clones of version 1")
    finally:
        deployment.command("osd set-require-min-compat-client", version="mimic", yes_i_really_mean_it=True)


# ---- certification ----

def certify(deployment, pool="volumes", source="images", image=None, library=None, **faults):
    """vtclone_certify() in a process of its own."""
    env = dict(os.environ, **{"VTCLONE_FAULT_" + key.upper(): value for key, value in faults.items()})
    if faults:
        env["VTCLONE_LIBRARY"] = os.environ["VTCLONE_FAULTS_LIBRARY"]
    job = {"site": deployment.site(pool=pool), "backend": f"node@ceph#{pool}", "source": source, "image": image}
    done = subprocess.run([sys.executable, str(d.HERE / "certify_once.py")], input=json.dumps(job), env=env, check=True,
                          capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)


def scratch(deployment, pool="volumes"):
    return [name for name in rbd.RBD().list(deployment.pool(pool)) if name.startswith("vtclone-certify-")]


def test_certified(deployment, parent):
    before = deployment.names()
    answer = certify(deployment, image=parent.id)
    assert answer["engine"] == "direct" and answer["certified"] and answer["tested_release"]
    assert answer["parent"] == parent.spec() and answer["osd_releases"] == release(deployment)
    assert "byte for byte" in answer["reason"]
    assert certify(deployment)["certified"]  # any image of the pool
    assert deployment.names() == before and scratch(deployment) == [] and parent.children() == set()


def release(deployment):
    """As the OSD itself reports it; its daemons may be newer than the clients here."""
    return deployment.command("osd metadata", id=0)["ceph_version_short"]


def test_once_per_process(deployment, parent):
    names, ops = [], 0
    try:
        # What is known of parent and pools is read anew after some seconds (direct_facts.h), in which a busy machine makes
        # less than one clone: until one came in time.
        while len(names) < 3 or (ops != 6 and len(names) < 12):
            name = f"volume-{uuid.uuid4()}"
            ops = deployment.ops()
            report = deployment.clone(parent, name, engine="auto")
            ops = deployment.ops() - ops
            names.append(name)
            assert report["engine"] == "direct" and report["engine_reason"].startswith("certified")
        assert ops == 6
    finally:
        for name in names:
            deployment.rbd("rm", "--no-progress", f"volumes/{name}")


# A direct engine that is not quite librbd: a step that says it was done and was not.
@pytest.mark.parametrize("step, difference", [("map", "object map"), ("child", "parent's entry of the child")])
def test_a_difference_means_librbd(deployment, parent, step, difference):
    before = deployment.names()
    answer = certify(deployment, image=parent.id, refuse=f"{step}:0")
    assert answer["engine"] == "librbd" and not answer["certified"] and difference in answer["reason"], answer
    assert deployment.names() == before and scratch(deployment) == [] and parent.children() == set()
    status, outcome = d.run(deployment, parent, "by-auto", engine="auto", faults={"refuse": f"{step}:0"})
    assert status == 0 and outcome["engine"] == "librbd" and difference in outcome["engine_reason"]
    deployment.rbd("rm", "--no-progress", "volumes/by-auto")


def test_a_failure_of_the_cluster_is_no_verdict(deployment, parent):
    before = deployment.names()
    answer = certify(deployment, image=parent.id, refuse="parent:5")
    assert answer["engine"] == "librbd" and "Input/output error" in answer["reason"]
    assert deployment.names() == before and scratch(deployment) == []


def test_what_a_dead_certification_left_is_removed_when_it_is_old(deployment, parent):
    with pytest.raises(subprocess.CalledProcessError):
        certify(deployment, image=parent.id, kill="child,id")
    left = scratch(deployment)
    assert len(left) == 2
    assert certify(deployment, image=parent.id)["certified"]
    assert scratch(deployment) == left  # it may be another process's work
    old = d.struct.pack("<II", int(d.time.time()) - 3600, 0)
    for name in left:
        with d.rados.WriteOpCtx() as op:
            deployment.pool("volumes").set_omap(op, ("create_timestamp",), (old,))
            deployment.pool("volumes").operate_write_op(op, "rbd_header." + deployment.image_id(name))
    assert certify(deployment, image=parent.id)["certified"]
    assert scratch(deployment) == [] and parent.children() == set()


def test_bad_questions(deployment):
    assert certify(deployment, source="data")["error"] == "VTCLONE_E_MISS"
    assert certify(deployment, image="no-such-image")["error"] == "VTCLONE_E_MISS"
    assert certify(deployment, source="no-such-pool")["error"] == "VTCLONE_E_RADOS"
