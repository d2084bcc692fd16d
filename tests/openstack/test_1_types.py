"""Every type from its own store; the scheduler; types that need a set-up."""

import time

import pytest

import osworld

OURS = ("DEFAULT.volume_manager=" + osworld.MANAGER,)


@pytest.fixture(autouse=True)
def settings(lab):
    lab.settle("cinder-volume", *OURS)


@pytest.mark.parametrize("session", ["admin", "demo"])
@pytest.mark.parametrize("volume_type, method", [("netapp", "cinder-clone"), ("ceph", "rbd-clone"),
                                                 ("powerstore", "cinder-clone")])
def test_each_type_is_cloned_from_its_own_store(lab, everywhere, volume_type, method, session):
    volume = lab.make(volume_type, everywhere, session=getattr(lab, session), gib=2)
    found = lab.outcome(volume)
    assert (found["outcome"], found["reason"], found["method"], found["store"]) == ("cloned", "OK", method, volume_type)
    assert found["location"] == lab.locations(everywhere)[volume_type]
    pool = "volumes" if volume_type == "ceph" else volume_type
    source = "images/%s@snap" % everywhere if volume_type == "ceph" else None
    if source:
        assert lab.parent(pool, volume) == source
    info = lab.rbd_info(pool, volume)
    assert info["size"] == 2 << 30
    shown = lab.show(volume)
    assert shown["bootable"] == "true"
    assert shown["volume_image_metadata"]["image_id"] == everywhere
    name = "volume-" + volume
    assert lab.content(pool, name, 16) == lab.content("images", everywhere, 16)


def test_a_copy_in_another_store_is_not_taken_although_it_opens(lab, everywhere):
    """The backend open may read Glance's rbd pool: stock Cinder would clone the rbd copy, across pools."""
    volume = lab.make("open", everywhere)
    found = lab.outcome(volume)
    assert (found["method"], found["store"]) == ("cinder-clone", "open")
    assert lab.parent("open", volume).startswith("open/volume-")


def test_a_type_of_two_backends_lands_on_the_one_with_a_copy_although_the_other_is_emptier(lab):
    image = lab.image(["open"])
    lab.ceph_command("osd", "pool", "set-quota", "open", "max_bytes", str(12 << 30))
    try:
        lab.settle("cinder-volume", *OURS, "DEFAULT.backend_stats_polling_interval=3")
        pools = {name: facts["free_capacity_gb"] for name, facts in osworld.oscloud.pools(lab.admin).items()
                 if facts["volume_backend_name"] == "pair"}
        assert pools["node@open#pair"] < pools["node@far#pair"] / 2
        volumes = [lab.make("pair", image) for _ in range(3)]
        assert {lab.show(volume)["os-vol-host-attr:host"] for volume in volumes} == {"node@open#pair"}
        assert {lab.outcome(volume)["method"] for volume in volumes} == {"cinder-clone"}
        # Without a copy anywhere near, the emptier one: the filter prefers, it does not forbid.
        far = lab.make("pair", lab.image())
        assert lab.show(far)["os-vol-host-attr:host"] == "node@far#pair"
    finally:
        lab.ceph_command("osd", "pool", "set-quota", "open", "max_bytes", "0")


def test_the_metrics_file_counts_by_outcome_method_engine_and_reason(lab, everywhere, tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    lab.settle("cinder-volume", *OURS, "vtclone.metrics_dir=%s" % folder, "vtclone.record_in_metadata=true")
    volumes = [lab.make("ceph", everywhere) for _ in range(2)]
    lab.make("ceph", lab.image(disk_format="qcow2", mib=1), expect="error", gib=1)  # no qcow2: Cinder cannot read it
    deadline = time.monotonic() + 10
    while True:
        text = "".join(path.read_text() for path in folder.glob("vtclone-node@ceph.prom"))
        if 'reason="NOT_RAW"' in text or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    counted = [line for line in text.splitlines() if line.startswith("vtclone_volumes_total")]
    # of either engine: the first of a process may be librbd's, while the direct one is being certified
    cloned = [float(line.split()[-1]) for line in counted
              if 'outcome="cloned"' in line and 'method="rbd-clone"' in line and 'reason="OK"' in line]
    assert sum(cloned) == 2, counted
    assert any('outcome="declined"' in line and 'reason="NOT_RAW"' in line for line in counted), counted
    assert "vtclone_volume_seconds_bucket" in text
    assert {lab.show(volume)["metadata"]["vtclone"] for volume in volumes} == {"rbd-clone ceph OK"}


QOS = {"consumer": "back-end", "total_iops_sec": "500", "total_bytes_sec": "1000000"}


def describe(lab, volume):
    """Everything about a volume that set-up decides."""
    info = lab.rbd_info("volumes", volume)
    shown = lab.show(volume)
    with osworld.database.connect(lab.state, "cinder") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT provider_location, replication_status, multiattach, bootable FROM volumes WHERE id = %s",
                       (volume,))
        row = cursor.fetchone()
    return {"row": row, "features": info["features"], "size": info["size"], "order": info["order"],
            "parent": lab.parent("volumes", volume),
            "metadata": lab.rbd("image-meta", "list", "volumes/volume-" + volume),
            "glance": shown["volume_image_metadata"], "multiattach": shown["multiattach"], "user": shown["metadata"]}


def test_types_with_multiattach_and_qos_come_out_as_stock_leaves_them(lab, everywhere):
    lab.volume_type("shared", {"volume_backend_name": "ceph", "multiattach": "<is> True"})
    lab.volume_type("limited", {"volume_backend_name": "ceph"}, qos=QOS)
    types = ("ceph", "shared", "limited")
    ours = {name: lab.make(name, everywhere, gib=2) for name in types}
    assert {lab.outcome(volume)["method"] for volume in ours.values()} == {"rbd-clone"}
    lab.settle("cinder-volume", "DEFAULT.volume_manager=" + osworld.STOCK)
    stock = {name: lab.make(name, everywhere, gib=2) for name in types}
    for name in ("ceph", "limited"):
        assert describe(lab, ours[name]) == describe(lab, stock[name]), name
    # Stock wipes the features that it saved in provider_location; they are needed to undo multiattach.
    mine, theirs = describe(lab, ours["shared"]), describe(lab, stock["shared"])
    assert "saved_features" in mine.pop("row")[0] and theirs.pop("row")[0] is None
    assert mine == theirs
