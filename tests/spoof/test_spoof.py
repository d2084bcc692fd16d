"""Every spoofed location of the table through the library and through the command: never a hit, always told as unpaired, and
by its reason. And the documents around a location: keys twice, metadata that lies, a good location beside a bad one."""

import json
import os
import subprocess

import pytest
import vtclone
from spoof import locations

PROGRAM = os.path.join(os.environ["VTCLONE_BUILD"], "vtclone")
AT = locations.Places(fsid="b0e0a4f0-0000-4000-8000-000000000001", own="5d1c6e0a-1111-4222-8333-444455556666",
                      victim="9e9c6e0a-1111-4222-8333-444455557777", volume="7b1c6e0a-1111-4222-8333-aaaa55556661",
                      image_volume="7b1c6e0a-1111-4222-8333-bbbb55556662")
OWN_VOLUME = "7b1c6e0a-1111-4222-8333-cccc55556663"
OWN_RBD = "rbd://%s/images/%s/snap" % (AT.fsid, AT.own)
OWN_CINDER = "cinder://netapp/" + OWN_VOLUME
VICTIM_RBD = "rbd://%s/images/%s/snap" % (AT.fsid, AT.victim)
SITE = {
    "stores": [{"id": "netapp", "type": "cinder", "volume_type": "netapp"},
               {"id": "ceph", "type": "rbd", "fsid": AT.fsid, "pool": "images"}],
    "backends": [{"host": "node@ceph#ceph", "name": "ceph", "type": "rbd", "fsid": AT.fsid, "pool": "volumes", "store": "ceph"},
                 {"host": "node@netapp#pool0", "name": "netapp", "type": "cinder", "store": "netapp"}],
    "volume_types": [{"name": name, "extra_specs": {"volume_backend_name": name}} for name in ("ceph", "netapp")]}
VOLUMES = [
    {"id": AT.volume, "status": "available", "host": "node@netapp#pool0", "metadata": {}},
    {"id": AT.image_volume, "status": "available", "host": "node@netapp#pool0",
     "metadata": {"glance_image_id": AT.victim, "image_owner": "victim"}},
    {"id": OWN_VOLUME, "status": "available", "host": "node@netapp#pool0",
     "metadata": {"glance_image_id": AT.own, "image_owner": "attacker"}}]
IMAGE = {"id": AT.own, "status": "active", "disk_format": "raw", "container_format": "bare", "size": 1, "owner": "attacker"}


def image(*entries, **members):
    return json.dumps(dict(IMAGE, locations=[
        {"url": entry, "metadata": {}} if isinstance(entry, str) else entry for entry in entries], **members))


def by_library(text, volume_type):
    with vtclone.Context(SITE) as context:
        return context.resolve(text, volume_type, project_id="attacker", image_volumes=VOLUMES).as_dict()


def by_command(text, volume_type, folder):
    paths = {}
    for name, content in (("site", json.dumps(SITE)), ("image-volumes", json.dumps(VOLUMES))):
        paths[name] = folder / name
        paths[name].write_text(content)
    done = subprocess.run([PROGRAM, "resolve", "--image", "-", "--volume-type", volume_type, "--project", "attacker",
                           "--format", "json"] + [word for name in paths for word in ("--" + name, str(paths[name]))],
                          input=text.encode(), capture_output=True, timeout=60, check=False)
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["method"] != "none" else 3), done.stderr
    return told


@pytest.fixture(params=["library", "command"], name="resolve")
def _resolve(request, tmp_path):
    """The same question to both."""
    if request.param == "library":
        return by_library
    return lambda text, volume_type: by_command(text, volume_type, tmp_path)


TABLE = [("ceph", spoof) for spoof in locations.rbd(AT)] + [("netapp", spoof) for spoof in locations.cinder(AT)]


@pytest.mark.parametrize("volume_type, spoof", TABLE, ids=["%s: %s" % (kind, spoof.name) for kind, spoof in TABLE])
def test_a_spoofed_location_is_never_a_hit_and_always_told(resolve, volume_type, spoof):
    told = resolve(image(spoof.url), volume_type)
    assert (told["method"], told["location"], told["unpaired"]) == ("none", None, True)
    assert told["backends"][0]["candidates"][0]["reason"] == spoof.reason == told["reason"]
    assert told["copy_store"] is None


@pytest.mark.parametrize("volume_type, spoof", TABLE, ids=["%s: %s" % (kind, spoof.name) for kind, spoof in TABLE])
def test_it_is_told_for_a_type_of_another_backend_too(volume_type, spoof):
    other = {"ceph": "netapp", "netapp": "ceph"}[volume_type]
    told = by_library(image(spoof.url), other)
    assert (told["method"], told["unpaired"]) == ("none", True)


@pytest.mark.parametrize("volume_type, good, spoof", [
    ("ceph", OWN_RBD, VICTIM_RBD), ("netapp", OWN_CINDER, "cinder://netapp/" + AT.image_volume)])
def test_of_a_good_location_and_a_spoofed_one_only_the_good_one_is_cloned(resolve, volume_type, good, spoof):
    for order in ((good, spoof), (spoof, good)):
        told = resolve(image(*order), volume_type)
        assert (told["reason"], told["location"]["url"], told["unpaired"]) == ("OK", good, True)
        assert len(told["backends"][0]["order"]) == 1


@pytest.mark.parametrize("store", ["ceph", "netapp", "", "cep", "ceph,netapp", None])
def test_metadata_that_claims_a_store_changes_nothing(resolve, store):
    lie = {"url": VICTIM_RBD, "metadata": {"store": store}}
    assert resolve(image(lie), "ceph")["reason"] == "NOT_PAIRED"
    told = resolve(image({"url": OWN_RBD, "metadata": {"store": store}}), "ceph")
    assert (told["reason"], told["location"]["store"]) == ("OK", "ceph")


def test_of_equal_keys_the_last_counts_as_it_does_for_cinder(resolve):
    head = json.dumps(IMAGE)[:-1]
    twice = '%s, "locations": [{"url": "%s", "url": "%s", "metadata": {}}]}'
    assert resolve(twice % (head, OWN_RBD, VICTIM_RBD), "ceph")["reason"] == "NOT_PAIRED"
    assert resolve(twice % (head, VICTIM_RBD, OWN_RBD), "ceph")["reason"] == "OK"
    lists = '%s, "locations": [{"url": "%s"}], "locations": [{"url": "%s"}]}'
    assert resolve(lists % (head, OWN_RBD, VICTIM_RBD), "ceph")["reason"] == "NOT_PAIRED"
    metadata = '%s, "locations": [{"url": "%s", "metadata": {"store": "ceph"}, "metadata": {"store": "x"}}]}'
    assert resolve(metadata % (head, VICTIM_RBD), "ceph")["reason"] == "NOT_PAIRED"


def test_a_nul_in_a_url_ends_nothing(resolve):
    text = image("URL").replace('"URL"', '"%s\\u0000"' % OWN_RBD)
    told = resolve(text, "ceph")
    assert (told["method"], told["unpaired"], told["reason"]) == ("none", True, "BAD_LOCATION")


def test_a_direct_url_counts_only_where_there_is_no_list(resolve):
    assert resolve(image(OWN_RBD, direct_url=VICTIM_RBD), "ceph")["location"]["url"] == OWN_RBD
    assert resolve(json.dumps(dict(IMAGE, direct_url=VICTIM_RBD)), "ceph")["reason"] == "NOT_PAIRED"
    assert resolve(image(direct_url=OWN_RBD), "ceph")["reason"] == "NO_LOCATIONS"


@pytest.mark.parametrize("metadata, reason", [
    ({"glance_image_id": AT.own, "image_owner": "attacker"}, "OK"),         # his own volume, his own image: his own bytes
    ({"glance_image_id": AT.own.upper(), "image_owner": "attacker"}, "NOT_PAIRED"),
    ({"glance_image_id": " " + AT.own, "image_owner": "attacker"}, "NOT_PAIRED"),
    ({"Glance_Image_Id": AT.own, "image_owner": "attacker"}, "NOT_PAIRED"),
    ({"image_owner": "attacker"}, "NOT_PAIRED")])
def test_what_a_volumes_metadata_claims_has_to_be_this_very_image(resolve, metadata, reason):
    volumes, VOLUMES[2]["metadata"] = VOLUMES[2]["metadata"], metadata
    try:
        assert resolve(image(OWN_CINDER), "netapp")["reason"] == reason
    finally:
        VOLUMES[2]["metadata"] = volumes


def test_a_claim_does_not_outweigh_the_owner_rule():
    """A public image of the victim's, whose copy an administrator made: the claim pairs it, Cinder's owner rule still holds."""
    text = json.dumps(dict(IMAGE, id=AT.victim, owner="victim", locations=[{"url": "cinder://netapp/" + AT.image_volume}]))
    volumes = [dict(VOLUMES[1], metadata={"glance_image_id": AT.victim, "image_owner": "admin"})]
    with vtclone.Context(SITE) as context:
        refused = context.resolve(text, "netapp", project_id="attacker", image_volumes=volumes)
        trusted = context.resolve(text, "netapp", project_id="attacker", image_volumes=volumes, owner_rule="paired")
    assert (refused.reason, trusted.reason) == ("OWNER_MISMATCH", "OK")
