"""What must not be cloned, and what must not be downloaded either."""

import subprocess

import pytest

import osworld

OURS = ("DEFAULT.volume_manager=" + osworld.MANAGER,)
LUKS = {"provider": "luks", "cipher": "aes-xts-plain64", "key_size": 256, "control_location": "front-end"}


@pytest.fixture(autouse=True)
def settings(lab):
    lab.settle("cinder-volume", *OURS)
    lab.settle("glance-api")


def test_another_projects_private_image_is_not_found(lab, secret):
    with pytest.raises(osworld.HttpError) as caught:
        lab.volume("ceph", secret, session=lab.demo)
    assert caught.value.status in (400, 404)
    with pytest.raises(osworld.HttpError):
        lab.demo("GET", "image", "/v2/images/" + secret)


@pytest.mark.parametrize("volume_type", ["ceph", "netapp", "powerstore"])
def test_a_location_of_another_projects_image_is_refused_on_every_type(lab, secret, spoofed, volume_type):
    image = spoofed(lab.locations(secret)["ceph"])
    mark = lab.mark()
    with lab.nothing_is_made_or_downloaded():
        volume = lab.make(volume_type, image, session=lab.demo, expect="error")
    found = lab.outcome(volume)
    assert (found["outcome"], found["reason"], found["method"]) == ("refused", "NOT_PAIRED", "none")
    warning = [line for line in lab.log_since(mark).splitlines() if "WARNING vtclone" in line and image in line]
    assert len(warning) == 1
    for text in (image, lab.demo.project_id, lab.locations(secret)["ceph"], volume):
        assert text in warning[0]
    lab.delete(volume)


@pytest.mark.parametrize("volume_type", ["netapp", "ceph"])
def test_a_location_of_another_projects_volume_is_refused(lab, secret_volume, spoofed, volume_type):
    image = spoofed("cinder://netapp/" + secret_volume)
    with lab.nothing_is_made_or_downloaded():
        volume = lab.make(volume_type, image, session=lab.demo, expect="error")
    assert lab.outcome(volume)["reason"] == "NOT_PAIRED"
    lab.delete(volume)


def test_a_location_of_another_images_volume_is_refused(lab, secret, spoofed):
    image = spoofed(lab.locations(secret)["netapp"])
    with lab.nothing_is_made_or_downloaded():
        volume = lab.make("netapp", image, session=lab.demo, expect="error")
    assert lab.outcome(volume)["reason"] == "NOT_PAIRED"
    lab.delete(volume)


@pytest.mark.parametrize("kind", [{"container_format": "ovf"}, {"disk_format": "qcow2"}])
def test_a_format_that_is_not_cloned_neither_opens_the_way_to_a_download_nor_hides_the_reason(lab, secret, spoofed, kind):
    image = spoofed(lab.locations(secret)["ceph"], **kind)
    with lab.nothing_is_made_or_downloaded():
        volume = lab.make("ceph", image, session=lab.demo, expect="error")
    found = lab.outcome(volume)
    assert (found["outcome"], found["reason"]) == ("refused", "NOT_PAIRED")
    lab.delete(volume)


def test_an_encrypted_volume_of_a_spoofed_image_gets_none_of_its_bytes(lab, secret, spoofed):
    """Cinder goes straight to the download; the check stands before the bytes are written."""
    lab.volume_type("secured", {"volume_backend_name": "ceph"}, encryption=LUKS)
    image = spoofed(lab.locations(secret)["ceph"])
    volume = lab.make("secured", image, session=lab.demo, expect="error")
    left = "volume-" + volume
    if left in lab.rbd_images("volumes"):
        assert lab.content("images", secret, 1)[:4096] not in lab.content("volumes", left, 64)
    assert lab.outcome(volume)["reason"] == "NOT_PAIRED"
    lab.delete(volume)


def reimage(lab, volume, image):
    lab.demo("POST", "volumev3", "/volumes/%s/action" % volume, {"os-reimage": {"image_id": image, "reimage_reserved": False}},
             {"OpenStack-API-Version": "volume 3.68"})


def test_a_volume_is_not_reimaged_from_a_spoofed_location(lab, everywhere, secret, spoofed):
    """Cinder's re-imaging never asks clone_image: it downloads into the volume that is there."""
    volume = lab.make("ceph", everywhere, session=lab.demo)
    before, mark = lab.content("volumes", "volume-" + volume, 16), lab.mark()
    reimage(lab, volume, spoofed(lab.locations(secret)["ceph"]))
    assert lab.wait_for(volume, "error") and lab.content("volumes", "volume-" + volume, 16) == before
    told = lab.log_since(mark)
    assert "is not its own copy" in told and "outcome=refused method=none engine=none reason=NOT_PAIRED" in told
    lab.delete(volume)


def test_a_volume_is_reimaged_from_an_image_that_is_what_it_says(lab, everywhere):
    volume = lab.make("ceph", everywhere, session=lab.demo)
    image = lab.image(session=lab.demo, visibility="private", seed=5)
    reimage(lab, volume, image)
    assert lab.wait_for(volume, "available")
    assert lab.content("volumes", "volume-" + volume, 16) == lab.content(
        "netapp", "volume-" + lab.locations(image)["netapp"].rpartition("/")[2], 16)
    lab.delete(volume)


def test_a_type_that_is_encrypted_is_downloaded_into_a_luks_volume(lab, everywhere):
    lab.volume_type("secured", {"volume_backend_name": "ceph"}, encryption=LUKS)
    for _attempt in range(6):
        mark, volume = lab.mark(), lab.volume("secured", everywhere)
        if lab.wait(volume, seconds=300) == {volume: "available"}:
            break
        # qemu-img times its key derivation by the CPU's clock, and gives up on some machines every few times.
        assert "Unable to get accurate CPU usage" in lab.log_since(mark)
    assert lab.show(volume)["encrypted"] is True and lab.show(volume)["status"] == "available"
    assert lab.content("volumes", "volume-" + volume, 1)[:4] == b"LUKS"
    assert lab.parent("volumes", volume) is None


def test_an_image_that_is_not_raw_is_downloaded_with_its_reason(lab, tmp_path):
    path = tmp_path / "image.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "8M"], check=True)
    made = lab.admin("POST", "image", "/v2/images", {
        "name": "qcow2", "disk_format": "qcow2", "container_format": "bare", "visibility": "public"})["id"]
    lab.admin("PUT", "image", "/v2/images/%s/file" % made, path.read_bytes(),
              {"Content-Type": "application/octet-stream"})
    volume = lab.make("ceph", made)
    found = lab.outcome(volume)
    assert (found["outcome"], found["reason"], found["method"]) == ("declined", "NOT_RAW", "none")
    assert lab.parent("volumes", volume) is None


def test_a_signed_image_is_downloaded_unless_allowed(lab):
    image = lab.image(["ceph"], img_signature="c2lnbmF0dXJl")
    lab.settle("cinder-volume", *OURS, "DEFAULT.verify_glance_signatures=disabled")
    assert lab.outcome(lab.make("ceph", image))["reason"] == "SIGNED_IMAGE"
    lab.settle("cinder-volume", *OURS, "vtclone.signed_images=allow")
    assert lab.outcome(lab.make("ceph", image))["outcome"] == "cloned"


def test_stock_cinder_would_have_let_him_read_it(lab, secret, spoofed):
    """The control: the same spoofed image without this plugin. If this fails, the tests above prove nothing."""
    lab.settle("cinder-volume", "DEFAULT.volume_manager=" + osworld.STOCK)
    volume = lab.make("ceph", spoofed(lab.locations(secret)["ceph"]), session=lab.demo)
    assert lab.content("volumes", "volume-" + volume, 1) == lab.content("images", secret, 1)
    lab.delete(volume)
