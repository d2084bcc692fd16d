"""The table of spoofed locations (tests/spoof) written into a real Glance by an image's owner, and real Cinder asked for a
volume of each: what Glance lets him write, Cinder refuses, by its reason, and nothing is made or downloaded."""

import concurrent.futures

import pytest

import osworld
from spoof import locations

OURS = ("DEFAULT.volume_manager=" + osworld.MANAGER,)

#: Glance looks for the image behind a location. It finds these, so that it is Cinder that has to refuse them.
FOLLOWED = {"another image", "another image, percent-encoded", "another's, NUL, own id", "a volume that holds no image",
            "another image's volume", "in an unknown store", "one part more", "dots"}


@pytest.fixture(autouse=True)
def settings(lab):
    lab.settle("cinder-volume", *OURS)
    lab.settle("glance-api")


@pytest.fixture(scope="module")
def places(lab, secret, secret_volume):
    at = lab.locations(secret)
    return locations.Places(fsid=lab.ceph["fsid"], own="OWN", victim=secret, volume=secret_volume,
                            image_volume=at["netapp"].rpartition("/")[2])


def written(lab, volume_type, spoof):
    """(type, spoof, image) of an image of demo's with that location; the image is None where Glance refused it."""
    body = {"name": spoof.name[:200], "disk_format": "raw", "container_format": "bare", "visibility": "private"}
    image = lab.demo("POST", "image", "/v2/images", body)["id"]
    change = {"op": "replace", "path": "/locations", "value": [{"url": spoof.url.replace("OWN", image), "metadata": {}}]}
    try:
        lab.patch_image(lab.demo, image, [change])
    except osworld.HttpError as error:
        assert error.status in (400, 404, 409), (spoof.name, error)
        return volume_type, spoof, None
    return volume_type, spoof, image


def test_every_spoofed_location_that_glance_takes_is_refused_by_cinder(lab, places):
    table = [("ceph", spoof) for spoof in locations.rbd(places)] + [("netapp", spoof) for spoof in locations.cinder(places)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda entry: written(lab, *entry), table))
        taken = [entry for entry in found if entry[2] is not None]
        names = {spoof.name for _type, spoof, _image in taken}
        assert names == FOLLOWED, "\n".join(sorted(names ^ FOLLOWED))
        with lab.nothing_is_made_or_downloaded():
            volumes = list(pool.map(lambda entry: lab.volume(entry[0], entry[2], session=lab.demo), taken))
            assert set(lab.wait(*volumes, seconds=300).values()) == {"error"}
    wrong = []
    for (_type, spoof, image), volume in zip(taken, volumes):
        told = lab.outcome(volume)
        if (told["outcome"], told["method"], told["reason"]) != ("refused", "none", spoof.reason):
            wrong.append((spoof, told))
    assert wrong == []
    lab.delete(*volumes)


def test_stock_cinder_would_have_followed_a_disguised_one(lab, places, secret):
    """The control: without this plugin the percent-encoded location hands out the other project's bytes."""
    lab.settle("cinder-volume", "DEFAULT.volume_manager=" + osworld.STOCK)
    spoof = next(one for one in locations.rbd(places) if one.name == "another image, percent-encoded")
    volume = lab.make("ceph", written(lab, "ceph", spoof)[2], session=lab.demo)
    assert lab.content("volumes", "volume-" + volume, 1) == lab.content("images", secret, 1)
    lab.delete(volume)
