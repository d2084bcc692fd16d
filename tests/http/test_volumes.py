"""Volumes by Cinder's API on a scripted Cinder that can fail on purpose."""
import errno
import json
import os

import pytest

from clouds import Cloud, CloudError, IMAGE, NEW_VOLUME, PROJECT, TOKEN, VOLUME, image
from scripted import Answer

PATH = "/v2/images/" + IMAGE
CINDER = "/v3/" + PROJECT


class Making:
    """Cinder's side of a volume that becomes `ends` after two looks."""

    def __init__(self, server, ends="available", delete=(202,)):
        self.status, self.ends, self.looks, self.deleted = "creating", ends, 0, False
        server.on("POST", CINDER + "/volumes", self.create)
        server.on("GET", CINDER + "/volumes/" + NEW_VOLUME, self.show)
        server.on("POST", CINDER + "/volumes/%s/action" % NEW_VOLUME, Answer(200))
        server.on("DELETE", CINDER + "/volumes/" + NEW_VOLUME, *[self.delete(s) for s in delete])

    def create(self, request):
        self.wanted = json.loads(request.body)["volume"]
        return Answer(202, json_body={"volume": {"id": NEW_VOLUME, "status": "creating"}})

    def show(self, request):
        self.looks += 1
        if self.deleted:
            return Answer(404)
        return Answer(json_body={"volume": {"id": NEW_VOLUME, "status": self.ends if self.looks > 2 else "creating"}})

    def delete(self, status):
        def answer(request):
            self.deleted = status == 202
            return Answer(status)
        return answer


def test_a_volume_is_made_from_the_image_volume_and_boots(server):
    making = Making(server)
    server.on("GET", PATH, Answer(json_body=image(hw_disk_bus="scsi", os_glance_failed_import="", os_distro="debian")))
    with Cloud(server.url) as cloud:
        made = cloud.clone_volume(size=3)
    assert (made["volume"], made["volume_id"], made["engine"], made["parent"]) == ("new", NEW_VOLUME, "cinder", VOLUME)
    mark = making.wanted.pop("metadata")
    assert making.wanted == {"name": "new", "size": 3, "source_volid": VOLUME, "volume_type": "netapp"}
    assert len(mark["vtclone_request"]) == 32
    set_metadata, bootable = [json.loads(r.body) for r in server.seen("POST", CINDER + "/volumes/%s/action" % NEW_VOLUME)]
    assert set_metadata["os-set_image_metadata"]["metadata"] == {
        "image_id": IMAGE, "image_name": "an image", "disk_format": "raw", "container_format": "bare",
        "size": str(64 << 20), "min_disk": "0", "hw_disk_bus": "scsi", "os_distro": "debian"}
    assert bootable == {"os-set_bootable": {"bootable": True}}


def test_a_volume_that_fails_is_deleted_and_named(server):
    making = Making(server, ends="error", delete=(400, 202))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume()
    assert caught.value.code == "CINDER" and "Cinder says that it is error" in caught.value.message
    assert making.deleted and "left behind" not in caught.value.message


def test_a_volume_that_does_not_become_available_ends_at_the_deadline_and_is_deleted(server):
    making = Making(server, ends="creating", delete=(400, 400, 202))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume(timeout_ms=1500)
    assert caught.value.code == "TIMEOUT" and making.deleted


def test_a_volume_whose_image_metadata_is_refused_is_deleted(server):
    making = Making(server)
    server.on("POST", CINDER + "/volumes/%s/action" % NEW_VOLUME, Answer(403, json_body={"forbidden": {"message": "no"}}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume()
    assert caught.value.code == "CINDER" and "HTTP 403: no" in caught.value.message and making.deleted


def test_a_volume_that_cannot_be_deleted_is_named_with_the_failure(server):
    Making(server, ends="error")
    server.on("DELETE", CINDER + "/volumes/" + NEW_VOLUME, Answer(202))
    server.on("GET", CINDER + "/volumes/" + NEW_VOLUME, Answer(json_body={"volume": {"status": "error"}}),
              Answer(json_body={"volume": {"status": "error_deleting"}}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume()
    assert "Cinder says that it is error; volume %s is left behind" % NEW_VOLUME in caught.value.message


def test_a_token_that_a_good_answer_echoes_is_not_shown(server):
    Making(server)
    server.on("GET", CINDER + "/volumes/" + NEW_VOLUME, Answer(json_body={"volume": {"status": "hm " + TOKEN}}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume()
    assert caught.value.code == "CINDER" and TOKEN not in caught.value.message


def test_a_volume_left_behind_keeps_the_errno_of_the_failure(server):
    Making(server)

    def vanish(request):
        server.close()
        return Answer(cut_at=0)
    server.on("GET", CINDER + "/volumes/" + NEW_VOLUME, vanish)
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume(timeout_ms=10000)
    assert caught.value.code == "CINDER" and caught.value.errno == errno.ECONNREFUSED
    assert "volume %s is left behind" % NEW_VOLUME in caught.value.message


def test_a_creation_whose_answer_is_lost_is_found_by_its_mark_and_not_repeated(server):
    making = Making(server)

    def lost(request):
        making.create(request)
        return Answer(202, json_body={"volume": {}}, cut_at=0)

    def listing(request):
        mine = {"id": NEW_VOLUME, "metadata": making.wanted["metadata"]}
        return Answer(json_body={"volumes": [{"id": VOLUME, "metadata": {}}, mine]})
    server.on("POST", CINDER + "/volumes", lost)
    server.on("GET", CINDER + "/volumes/detail", listing)
    with Cloud(server.url) as cloud:
        assert cloud.clone_volume()["volume_id"] == NEW_VOLUME
    assert len(server.seen("POST", CINDER + "/volumes")) == 1


def answered_late(server, making, seconds=1.5, listed=True, meanwhile=lambda: None):
    """A Cinder that begins the volume at once and says so after a while."""
    def late(request):
        answer = making.create(request)
        meanwhile()
        answer.delay = seconds
        return answer

    def listing(request):
        mine = {"id": NEW_VOLUME, "metadata": making.wanted["metadata"]}
        return Answer(json_body={"volumes": [mine]}) if listed else Answer(500)
    server.on("POST", CINDER + "/volumes", late)
    server.on("GET", CINDER + "/volumes/detail", listing)


def test_a_volume_whose_creation_is_answered_after_the_deadline_is_deleted(server):
    making = Making(server)
    answered_late(server, making)
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume(timeout_ms=700)
    assert caught.value.code == "TIMEOUT" and "volume new" in caught.value.message  # made, or waited for: the two are close
    assert making.deleted and "left behind" not in caught.value.message


def test_a_volume_whose_creation_is_answered_after_a_cancellation_is_deleted(server):
    making, (ours, theirs) = Making(server), os.pipe()
    answered_late(server, making, meanwhile=lambda: os.write(theirs, b"x"))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume(cancel_fd=ours)
    os.close(ours)
    os.close(theirs)
    assert caught.value.code == "CANCELLED" and making.deleted and "left behind" not in caught.value.message


def test_a_volume_that_shows_up_late_after_a_cancellation_is_deleted(server):
    making, (ours, theirs) = Making(server), os.pipe()
    answered_late(server, making, meanwhile=lambda: os.write(theirs, b"x"))
    mine = server.on("GET", CINDER + "/volumes/detail", Answer(json_body={"volumes": []}), lambda request: Answer(
        json_body={"volumes": [{"id": NEW_VOLUME, "metadata": making.wanted["metadata"]}]}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume(cancel_fd=ours)
    os.close(ours)
    os.close(theirs)
    assert caught.value.code == "CANCELLED" and making.deleted and len(mine.seen("GET", CINDER + "/volumes/detail")) == 2


def test_a_volume_that_cannot_be_looked_for_is_named_by_its_mark(server):
    making = Making(server)
    answered_late(server, making, listed=False)
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume(timeout_ms=700)
    mark = making.wanted["metadata"]["vtclone_request"]
    assert caught.value.code == "TIMEOUT" and "a volume with the metadata vtclone_request=%s may be left behind" % mark in \
        caught.value.message


@pytest.mark.parametrize("status,times", [(400, 1), (413, 1), (500, 1)])
def test_a_refused_creation_is_not_repeated(server, status, times):
    server.on("POST", CINDER + "/volumes", Answer(status, json_body={"overLimit": {"message": "Quota exceeded"}}))
    server.on("GET", CINDER + "/volumes/detail", Answer(json_body={"volumes": []}))
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume()
    assert caught.value.code == "CINDER" and "HTTP %d: Quota exceeded" % status in caught.value.message
    assert len(server.seen("POST", CINDER + "/volumes")) == times


def test_a_decision_of_another_method_is_refused(server):
    with Cloud(server.url) as cloud, pytest.raises(CloudError) as caught:
        cloud.clone_volume("ceph")
    assert caught.value.code == "UNSUPPORTED" and "rbd-clone" in caught.value.message
