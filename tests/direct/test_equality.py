"""A direct clone is what librbd's clone and growth would have made: object by object, and to stock tools."""

import itertools
import json
import uuid

import pytest
import rados
import rbd

from deployment import GIB
from deployment import MIB

FEATURES = {"layering": 1, "exclusive-lock": 5, "fast-diff": 29, "deep-flatten": 61}
# parent's bytes: the volume's own, a part of it, a part that ends inside an object of any order
SIZES = {"equal": GIB, "grown": 64 * MIB, "ragged": 37 * MIB + 4096}
ORDERS = (22, 23, 25)


@pytest.fixture(scope="module", name="parents")
def _parents(deployment):
    made = {}
    for (size, length), order in itertools.product(SIZES.items(), ORDERS):
        made[size, order] = deployment.parent(length, order)
    return made


def compare(deployment, parent, pool="volumes", gib=1, names=None, **site):
    """Makes a clone with each engine, compares all their objects, and removes them with stock tools."""
    names = names or [f"volume-{uuid.uuid4()}" for _ in range(2)]
    before = deployment.names(pool)
    for engine, name in zip(("librbd", "direct"), names):
        report = deployment.clone(parent, name, gib, engine=engine, pool=pool, **site)
        assert report["engine"] == engine and not report["existed"]
    librbd, direct = (deployment.objects(name, pool) for name in names)
    assert direct == librbd
    assert librbd["header"][2]["parent"] and librbd["data objects"] == []
    assert parent.children() >= {deployment.image_id(name, pool) for name in names}
    for name in names:
        deployment.rbd("rm", "--no-progress", f"{pool}/{name}")
    assert deployment.names(pool) == before
    assert parent.children() == set()


@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("order", ORDERS)
def test_same_objects(deployment, parents, tmp_path, features, size, order):
    conf = deployment.configured(tmp_path, rbd_default_features=features)
    with rbd_features(deployment, conf) as found:
        assert found == features
    compare(deployment, parents[size, order], conf=conf)
    deployment.contexts.popitem()[1].close()


class rbd_features:
    """What a client with that configuration gives to new images."""

    def __init__(self, deployment, conf):
        self.cluster = rados.Rados(conffile=conf, name="client.cinder", clustername=deployment.name)

    def __enter__(self):
        return int(self.cluster.conf_get("rbd_default_features"))

    def __exit__(self, *_exc):
        self.cluster.shutdown()


@pytest.mark.parametrize("chunk, order", [(1, 22), (4, 22), (8, 23), (1, 25), (32, 25)])
def test_same_objects_for_every_chunk_size(deployment, parents, chunk, order):
    compare(deployment, parents["ragged", order], chunk=chunk)


def test_same_objects_of_a_large_volume(deployment, parents):
    compare(deployment, parents["ragged", 23], gib=16384)


def test_parent_with_metadata_and_qos(deployment):
    parent = deployment.parent(metadata={"conf_rbd_qos_iops_limit": "500", "conf_rbd_qos_bps_limit": "1048576",
                                         "hw_disk_bus": "scsi", "umlaut": "äöü", "empty": "",
                                         "long": "x" * 5000})
    compare(deployment, parent)
    parent.remove()


def test_parent_in_the_volumes_own_pool(deployment):
    parent = deployment.parent(pool="volumes")
    compare(deployment, parent)
    parent.remove()


def test_parent_with_many_snapshots(deployment):
    parent = deployment.parent(snaps=[f"before-{n}" for n in range(20)] + ["snap"] + [f"after-{n}" for n in range(20)])
    compare(deployment, parent)
    parent.remove()


def test_parent_with_a_data_pool(deployment):
    parent = deployment.parent(data_pool="data")
    compare(deployment, parent)
    parent.remove()


def test_parent_that_is_itself_a_clone(deployment):
    grandparent = deployment.parent()
    parent = deployment.parent(pool="volumes")
    images, volumes = deployment.pool("images"), deployment.pool("volumes")
    with rbd.Image(volumes, parent.id) as image:
        image.unprotect_snap("snap")
        image.remove_snap("snap")
    rbd.RBD().remove(volumes, parent.id)
    rbd.RBD().clone(images, grandparent.id, "snap", volumes, parent.id, features=61)
    with rbd.Image(volumes, parent.id) as image:
        image.create_snap("snap")
        parent.image_id, parent.snap_ids = image.id(), {"snap": [one["id"] for one in image.list_snaps()][0]}
    compare(deployment, parent)
    parent.remove()
    grandparent.remove()


@pytest.mark.parametrize("names", [("volume é ü 日本", "volume é ü 日本2"), ("a", "b"), ("%2f..%00?#", "%2f..%00?#2"),
                                   ("name_x", "id_x"), ("rbd_header.1", "rbd_header.2"), ("n" * 200, "m" * 200),
                                   ("a b\\c'\"$(x)", "a b\\c'\"$(y)")], ids=lambda pair: pair[0][:20])
def test_names_of_every_kind(deployment, parents, names):
    compare(deployment, parents["grown", 23], names=list(names))


# ---- stock tools on a direct clone ----

@pytest.fixture(name="made")
def _made(deployment, parents, volume):
    deployment.clone(parents["grown", 23], volume, 1)
    return parents["grown", 23]


def test_info_children_du_diff_and_map_check(deployment, made, volume):
    info = json.loads(deployment.rbd("info", "--format", "json", f"volumes/{volume}").stdout)
    assert info["size"] == GIB and info["parent"]["image"] == made.id and info["parent"]["overlap"] == made.size
    assert info["flags"] == [] and info["op_features"] == ["clone-child"]
    assert f"volumes/{volume}" in deployment.rbd("children", made.spec()).stdout.split("\n")
    used = json.loads(deployment.rbd("du", "--format", "json", f"volumes/{volume}").stdout)["images"][0]
    assert used["used_size"] == 0 and used["provisioned_size"] == GIB
    assert json.loads(deployment.rbd("diff", "--format", "json", f"volumes/{volume}").stdout)
    check = deployment.rbd("object-map", "check", "--no-progress", f"volumes/{volume}")
    assert check.stderr == "" and check.returncode == 0
    assert "object map invalid" not in deployment.rbd("info", f"volumes/{volume}").stdout


def test_data_across_the_overlap(deployment, made, volume):
    with rbd.Image(deployment.pool("volumes"), volume) as image:
        assert image.read(0, 4096) == made.data
        assert image.read(made.size - 4096, 8192) == made.data + bytes(4096)
        image.write(b"new" * 1000, made.size - 1500)
        assert image.read(made.size - 4096, 2596) == made.data[:2596]
        assert image.read(made.size - 1500, 3000) == b"new" * 1000
        image.write(b"end", GIB - 3)
        image.discard(0, 8 * MIB)
        image.flush()
    with rbd.Image(deployment.pool("volumes"), volume) as image:
        assert image.read(GIB - 3, 3) == b"end" and image.read(0, 4096) == bytes(4096)
    assert deployment.rbd("object-map", "check", "--no-progress", f"volumes/{volume}").stderr == ""


def test_snapshot_and_clone_of_the_clone(deployment, made, volume):
    volumes = deployment.pool("volumes")
    with rbd.Image(volumes, volume) as image:
        image.write(b"mine", 100)
        image.create_snap("snap")
    rbd.RBD().clone(volumes, volume, "snap", volumes, volume + "-child", features=61)
    with rbd.Image(volumes, volume + "-child") as child:
        assert child.read(100, 4) == b"mine" and child.read(made.size // 2, 4096) == made.data
        child.flatten()
    rbd.RBD().remove(volumes, volume + "-child")
    with rbd.Image(volumes, volume) as image:
        image.remove_snap("snap")


def test_resize_down_up_and_flatten(deployment, made, volume):
    with rbd.Image(deployment.pool("volumes"), volume) as image:
        image.resize(made.size // 2 + 8192)
        image.resize(2 * GIB)
        assert image.read(0, 4096) == made.data and image.read(made.size - 4096, 4096) == bytes(4096)
        image.flatten()
        assert image.read(made.size // 2, 4096) == made.data
        with pytest.raises(rbd.ImageNotFound):
            image.parent_info()
    assert made.children() == set()
    assert deployment.rbd("object-map", "check", "--no-progress", f"volumes/{volume}").stderr == ""


def test_rename_trash_and_restore(deployment, made, volume):
    deployment.rbd("mv", f"volumes/{volume}", f"volumes/{volume}-moved")
    image_id = deployment.image_id(volume + "-moved")
    deployment.rbd("trash", "mv", f"volumes/{volume}-moved")
    deployment.rbd("trash", "restore", "--image", volume, f"volumes/{image_id}")
    with rbd.Image(deployment.pool("volumes"), volume) as image:
        assert image.read(0, 4096) == made.data
    deployment.rbd("trash", "mv", f"volumes/{volume}")
    deployment.rbd("trash", "rm", "--no-progress", f"volumes/{image_id}")
    assert made.children() == set()


def test_a_second_client_takes_the_lock_over(deployment, made, volume):
    other = rados.Rados(conffile=deployment.conf, name="client.cinder", clustername=deployment.name)
    other.connect(timeout=20)
    try:
        with rbd.Image(deployment.pool("volumes"), volume) as first, other.open_ioctx("volumes") as ioctx:
            first.write(b"first", 0)
            first.flush()
            assert first.is_exclusive_lock_owner()
            with rbd.Image(ioctx, volume) as second:
                second.write(b"second", 10)
                second.flush()
                assert second.is_exclusive_lock_owner() and second.read(0, 16) == b"first" + made.data[5:10] + b"second"
            first.write(b"again", 20)
            assert first.read(10, 15) == b"second" + made.data[16:20] + b"again"
    finally:
        other.shutdown()


def test_a_parent_with_a_direct_clone_cannot_go_away(deployment, volume):
    parent, images = deployment.parent(), deployment.pool("images")
    deployment.clone(parent, volume)
    assert parent.children() == {deployment.image_id(volume)}
    with rbd.Image(images, parent.id) as image:
        image.unprotect_snap("snap")
        image.remove_snap("snap")  # moves it to the trash, where the clone keeps it
    with pytest.raises(rbd.ImageHasSnapshots):
        rbd.RBD().remove(images, parent.id)
    with rbd.Image(deployment.pool("volumes"), volume) as image:
        assert image.read(0, 4096) == parent.data
    deployment.rbd("rm", "--no-progress", f"volumes/{volume}")
    rbd.RBD().remove(images, parent.id)


def test_six_operations_and_no_connect_for_a_warm_clone(deployment, made, volume):
    context = deployment.context(source="images")
    count = 200
    deployment.clone(made, volume + "-warm")
    connects, ops = context.stats()["connects"], deployment.ops()
    for number in range(count):
        deployment.clone(made, f"{volume}-{number}")
    ops = deployment.ops() - ops
    assert context.stats()["connects"] == connects
    assert ops / count <= 6.2
    for number in ["warm", *range(count)]:
        rbd.RBD().remove(deployment.pool("volumes"), f"{volume}-{number}")
