"""One lab with the seed's backends on emulated arrays: netapp (NFS, two FlexVols), ceph, powerstore; and one more store and
type, netappsan: the same NetApp by iSCSI.

VTCLONE_TEST_PORT is the first of the ports (8400)."""

import os

import pytest

import osworld
from labkit import arrays, osconf, oscloud, ostack, procs, rawimage

PORT = int(os.environ.get("VTCLONE_TEST_PORT", "8400"))
MIB = 16


def start_lab(state):
    support = osworld.write_dist_info(os.path.join(os.path.dirname(state), os.path.basename(state) + "-python"))
    port = procs.free_ports(PORT, ostack.BLOCK)  # the settings below name them
    facts = arrays.make_facts(state, port + ostack.ARRAYS_PORT)
    san = arrays.backend({**facts, "protocol": "iscsi"}, "netapp")
    san["volume_backend_name"] = "netappsan"
    cinder = [("DEFAULT", "enabled_backends", "netapp,ceph,powerstore,netappsan"),
              ("DEFAULT", "report_interval", "2"),
              ("DEFAULT", "scheduler_default_filters", osworld.FILTERS + ",ImageLocalityFilter"),
              ("DEFAULT", "scheduler_default_weighers", "CapacityWeigher,ImageLocalityWeigher"),
              ("netapp", "nfs_shares_config", facts["folder"] + "/nfs_shares.both")]
    cinder += [("netappsan", key, value) for key, value in san.items()]
    store = osconf.cinder_store(ostack.url(port, "keystone"), "netappsan")
    glance = [("DEFAULT", "enabled_backends", "netapp:cinder, ceph:rbd, powerstore:cinder, netappsan:cinder")]
    glance += [("netappsan", key, value) for key, value in store.items()]
    settings = {"cinder": ["%s.%s=%s" % each for each in cinder], "glance": ["%s.%s=%s" % each for each in glance],
                "keystone": []}
    made = ostack.make_facts(state, port, None, True, settings, [], {}, [support], False, "nfs")
    ostack.start(made, {"store": "memstore", "gib": 64, "clone_v1": False}, True, lambda text: None)


class Seed(osworld.World):
    """The lab and its arrays."""

    TYPES = ("netapp", "netappsan", "powerstore")

    def __init__(self, state):
        super().__init__(state)
        self.arrays = {kind: arrays.Array(self.facts["arrays"], "powerstore" if kind == "powerstore" else "ontap")
                       for kind in self.TYPES}

    def path(self, volume_type, volume_id):
        return self.arrays[volume_type].volume_path("volume-" + volume_id)

    def bytes_are_the_images(self, path, seed=1, mib=MIB):
        with open(path, "rb") as stream:
            return all(stream.read(len(piece)) == piece for _offset, piece in rawimage.pieces(mib << 20, seed))

    def sent(self):
        """How often Glance has sent image data."""
        return self.log("glance-api").count("/file HTTP/1.1\" 200 ")

    def session(self, user):
        return oscloud.login(self.facts, user)

    def image_volume(self, image_id, store):
        return self.locations(image_id)[store].rpartition("/")[2]


@pytest.fixture(scope="session")
def seed():
    with osworld.running_lab(start_lab, "vtclone-seed-") as state:
        world = Seed(state)
        world.lift_quotas()
        world.volume_type("netappsan", {"volume_backend_name": "netappsan", "image_service:store_id": "netappsan"})
        yield world


@pytest.fixture(scope="session")
def everywhere(seed):
    """A public image with a copy in every store."""
    return seed.image(["ceph", "powerstore", "netappsan"], mib=MIB)


@pytest.fixture(autouse=True)
def arrays_that_work(seed):
    yield
    for kind in ("netapp", "powerstore"):
        seed.arrays[kind].control()
