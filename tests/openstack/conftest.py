"""One lab for all tests of this folder: the three stores of the seed deployment, one more (open) whose backend may also
read Glance's rbd pool, and beside that a twin backend (far) without a copy of anything.

VTCLONE_TEST_PORT is the first of the ports (8200)."""

import os
import subprocess

import pytest

import osworld
from labkit import osconf, ostack, procs

PORT = int(os.environ.get("VTCLONE_TEST_PORT", "8200"))
HERE = os.path.dirname(os.path.abspath(__file__))


def start_lab(state):
    """Everything that does not change between tests."""
    support = osworld.write_dist_info(os.path.join(os.path.dirname(state), os.path.basename(state) + "-python"))
    cinder = [("DEFAULT", "report_interval", "2"),
              ("DEFAULT", "scheduler_default_filters", osworld.FILTERS + ",ImageLocalityFilter"),
              ("DEFAULT", "scheduler_default_weighers", "CapacityWeigher,ImageLocalityWeigher"),
              ("open", "extra_capabilities", '{"glance_store_id": "open", "rack": "a"}'),
              ("far", "extra_capabilities", '{"rack": "b"}')]
    port = procs.free_ports(PORT, ostack.BLOCK)  # the store below names one of them
    store = osconf.cinder_store(ostack.url(port, "keystone"), "open")
    glance = [("DEFAULT", "enabled_backends", "netapp:cinder, ceph:rbd, powerstore:cinder, open:cinder")]
    glance += [("open", key, value) for key, value in store.items()]
    command = [str(osworld.ROOT / "lab" / "openstack"), "start", "--state", state, "--port", str(port),
               "--vtclone", "on", "--env", "VTLAB_PROBE=" + os.path.join(state, "probe"), "--python-path", HERE, "--python-path", support]
    for daemon, settings in (("--cinder", cinder), ("--glance", glance)):
        for setting in settings:
            command += [daemon, "%s.%s=%s" % setting]
    for name in ("open", "far"):
        command += ["--extra-backend", "name=%s,pool=%s,user=cinder,backend_name=pair" % (name, name)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=600)


@pytest.fixture(scope="session")
def lab():
    with osworld.running_lab(start_lab, "vtclone-os-") as state:
        world = osworld.World(state)
        world.lift_quotas()
        world.volume_type("open", {"volume_backend_name": "pair", "rack": "a", "image_service:store_id": "open"})
        world.volume_type("pair", {"volume_backend_name": "pair"})
        yield world


@pytest.fixture(scope="session")
def everywhere(lab):
    """A public image with a copy in every store."""
    return lab.image(["ceph", "powerstore", "open"])


@pytest.fixture(scope="session")
def only_netapp(lab):
    """A public image in the default store alone."""
    return lab.image()


@pytest.fixture(scope="session")
def secret(lab):
    """A private image of project other, with copies in netapp and ceph."""
    return lab.image(["ceph"], session=lab.other, visibility="private", seed=77)


@pytest.fixture(scope="session")
def secret_volume(lab):
    """A volume of project other on netapp, which holds no image."""
    volume = lab.other("POST", "volumev3", "/volumes", {"volume": {"size": 1, "volume_type": "netapp"}})["volume"]["id"]
    assert lab.wait(volume) == {volume: "available"}
    return volume


@pytest.fixture(scope="session")
def spoofed(lab):
    """Makes an image of project demo whose owner has written that location into it."""
    def make(url, **properties):
        body = {"name": "spoofed", "disk_format": "raw", "container_format": "bare", "visibility": "private"}
        image = lab.demo("POST", "image", "/v2/images", dict(body, **properties))["id"]
        lab.patch_image(lab.demo, image, [{"op": "replace", "path": "/locations",
                                           "value": [{"url": url, "metadata": {}}]}])
        return image
    return make
