"""ImageCloner with the library, on a Glance and a driver that are not there."""

import time
import types

import pytest
from oslo_config import cfg

from cinder import exception
from cinder import objects

objects.register_all()

from vtclone_cinder import cloning  # noqa: E402
from vtclone_cinder import glance_service  # noqa: E402
from vtclone_cinder import images  # noqa: E402
from vtclone_cinder import outcome as outcomes  # noqa: E402
from vtclone_cinder.metrics import Metrics  # noqa: E402

IMAGE = "0b3f6e0a-7d3b-4a43-8f43-55a2b7f5a001"
COPY = "5b1f6e0a-7d3b-4a43-8f43-55a2b7f5a0aa"
FSID = "6d1f7c9e-2b4a-4c65-9d57-0d3f3c1b8a10"
META = {"id": IMAGE, "status": "active", "owner": "tenant", "disk_format": "raw", "container_format": "bare",
        "size": 1 << 20, "visibility": "public", "stores": "array"}
ARRAY = {"id": "array", "type": "cinder"}
LOCATION = {"url": "cinder://array/" + COPY, "metadata": {"store": "array"}}


class Driver:
    """An array's: clones every volume it is given."""

    def __init__(self):
        self.configuration = types.SimpleNamespace(safe_get={"extra_capabilities": '{"glance_store_id": "array"}'}.get)

    def create_cloned_volume(self, volume, source):
        return {}


@pytest.fixture(name="rows")
def _rows(monkeypatch):
    """Cinder's database: the image volumes, as they are at the time of the question."""
    rows = {COPY: dict(id=COPY, status="available", size=1, host="other@array#pool0", cluster_name=None,
                       metadata={"glance_image_id": IMAGE, "image_owner": "tenant"}, volume_type_id=None)}
    monkeypatch.setattr(images, "image_volumes", lambda ids: {
        name: types.SimpleNamespace(**rows[name]) for name in ids if name in rows})
    return rows


class World:
    def __init__(self, cluster_name=None, **settings):
        conf = cfg.ConfigOpts()
        cloning.opts.register(conf)
        for name, value in settings.items():
            conf.set_override(name, value, group="vtclone")
        self.cloner = cloning.ImageCloner(conf, Driver(), "node@array", cluster_name, lambda *arguments: (None, False))
        self.glance = self.cloner._glance
        self.stores, self.reads = [ARRAY], 0
        self.glance._read_stores = self._read_stores

    def _read_stores(self):
        self.reads += 1
        return list(self.stores)

    @staticmethod
    def volume(**members):
        return objects.Volume(id="9b1f6e0a-7d3b-4a43-8f43-55a2b7f5a0bb", size=1, project_id="user", volume_type_id=None,
                              host="node@array#pool0", encryption_key_id=None, group_id=None, consistencygroup_id=None,
                              _name_id=None, **dict({"cluster_name": None, "metadata": {}}, **members))

    def clone(self, *locations, volume=None):
        return self.cloner.clone_image(None, volume or self.volume(), (None, list(locations or [LOCATION])), META, None)

    def check(self, *locations):
        service = types.SimpleNamespace(show=lambda context, image_id: META,
                                        get_location=lambda context, image_id: (None, list(locations)))
        self.cloner.check_pairing(None, IMAGE, self.volume(), service)


# ---- the backend ----

@pytest.mark.parametrize("of_the_volume", ["cluster@array#pool0", None])
def test_an_image_volume_of_the_backends_cluster_is_cloned_on_any_of_its_hosts(rows, of_the_volume):
    rows[COPY]["cluster_name"] = "cluster@array#pool0"
    world = World(cluster_name="cluster@array")
    request = cloning._Request(None, world.volume(cluster_name=of_the_volume), META)
    assert world.cloner._site(request)["backends"][0]["cluster_name"] == "cluster@array#pool0"
    assert world.clone(volume=world.volume(cluster_name=of_the_volume)) == ({}, True)


def test_an_image_volume_of_another_pool_of_the_cluster_is_not_cloned(rows):
    rows[COPY]["cluster_name"] = "cluster@array#pool1"
    assert World(cluster_name="cluster@array").clone() == (None, False)


# ---- a miss ----

def test_a_copy_that_was_handed_over_to_the_images_owner_is_cloned(rows):
    """Of a process that did not live to do it. The service user's project is the image volume's owner until then."""
    rows[COPY].update(host="node@array#pool0", metadata={"glance_image_id": IMAGE, "image_owner": "service"})
    world = World(on_miss="copy")
    world.glance.locations = lambda image_id: [LOCATION]

    def copy(image_id, store):
        assert (image_id, store) == (IMAGE, "array")
        rows[COPY]["metadata"] = {"glance_image_id": IMAGE, "image_owner": "tenant"}
    world.cloner._copier.copy = copy
    assert world.clone() == ({}, True)


# ---- stores that are added ----

NEW_STORE = {"id": "new", "type": "rbd", "fsid": FSID, "pool": "new"}
IN_NEW_STORE = {"url": "rbd://%s/new/%s/snap" % (FSID, IMAGE), "metadata": {"store": "new"}}
STORES = [ARRAY, {"id": "ceph", "type": "rbd", "fsid": FSID, "pool": "images"}]


def later(monkeypatch, seconds):
    now = time.monotonic
    monkeypatch.setattr(glance_service, "time", types.SimpleNamespace(monotonic=lambda: now() + seconds))


@pytest.mark.parametrize("way", ["clone_image", "check_pairing"])
def test_an_image_in_a_store_that_was_just_added_is_not_refused(rows, monkeypatch, way):
    world = World()
    world.stores = STORES
    assert world.clone() == (None, False)
    world.stores = STORES + [NEW_STORE]
    later(monkeypatch, 6)
    if way == "clone_image":
        assert world.clone(IN_NEW_STORE) == (None, False)
    else:
        world.check(IN_NEW_STORE)
    assert world.reads == 2


def test_a_pool_that_is_no_stores_is_refused_after_one_look_every_few_seconds(rows, monkeypatch):
    world = World()
    world.stores = STORES
    for seconds, reads in [(0, 1), (1, 1), (6, 2), (7, 2)]:
        later(monkeypatch, seconds)
        with pytest.raises(exception.ImageUnacceptable):
            world.clone(IN_NEW_STORE)
        with pytest.raises(exception.ImageUnacceptable):
            world.check(IN_NEW_STORE)
        assert world.reads == reads


def test_a_location_that_breaks_another_rule_is_no_reason_to_look(rows, monkeypatch):
    world = World()
    world.stores = STORES
    assert world.clone() == (None, False)
    later(monkeypatch, 6)
    with pytest.raises(exception.ImageUnacceptable):
        world.clone({"url": "rbd://%s/images/%s/snap" % (FSID, COPY), "metadata": {"store": "ceph"}})
    assert world.reads == 1


# ---- what is recorded ----

@pytest.mark.parametrize("update, expected", [
    (None, {"user": "1"}), ({"provider_id": "7"}, {"user": "1"}), ({"metadata": {"BackendID": "R1"}}, {"BackendID": "R1"})])
def test_the_record_in_the_metadata_leaves_what_the_driver_put_there(update, expected):
    outcome = outcomes.Outcome(World.volume(metadata={"user": "1"}), IMAGE, Metrics(None, "node@array"), True)
    outcome.end(outcomes.CLONED, "OK")
    assert outcome.into_metadata(update) == dict(update or {}, metadata=dict(expected, vtclone="none none OK"))


def test_a_users_key_of_that_name_is_not_touched_by_the_record():
    outcome = outcomes.Outcome(World.volume(metadata={"vtclone": "mine"}), IMAGE, Metrics(None, "node@array"), True)
    assert outcome.into_metadata({"provider_id": "7"}) == {"provider_id": "7"}
