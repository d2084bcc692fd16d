"""The service credentials of [vtclone] with the roles that SECURITY.md asks for, and with one less."""

import pytest

import osworld
from labkit import osconf

OURS = ("DEFAULT.volume_manager=" + osworld.MANAGER, "vtclone.on_miss=copy")


def credentials(lab, user, project):
    members = {"auth_type": "password", "auth_url": lab.facts["urls"]["keystone"] + "/v3", "username": user,
               "password": osconf.PASSWORD, "project_name": project, "user_domain_id": "default", "project_domain_id": "default"}
    return tuple("vtclone.%s=%s" % member for member in members.items())


@pytest.fixture(autouse=True)
def settings(lab):
    lab.settle("glance-api")


def test_roles_service_and_admin_in_the_service_project_are_enough_to_copy(lab):
    lab.settle("cinder-volume", *OURS, *credentials(lab, "glance", "service"))
    found = lab.outcome(lab.make("ceph", lab.image(), session=lab.demo))
    assert (found["outcome"], found["copied_to"]) == ("cloned", "ceph")


def test_a_service_user_who_is_only_a_member_copies_nothing_and_it_is_said(lab):
    """Glance's policy of copy-image: administrators, by default. The volume is made all the same, by a download."""
    lab.settle("cinder-volume", *OURS, *credentials(lab, "demo", "demo"))
    mark, image = lab.mark(), lab.image()
    found = lab.outcome(lab.make("ceph", image, session=lab.demo))
    assert (found["outcome"], found["reason"]) == ("declined", "COPY_FAILED")
    assert "the service user may not" in lab.log_since(mark)
    assert set(lab.locations(image)) == {"netapp"}


def test_credentials_that_keystone_refuses_keep_no_copy_from_being_cloned(lab, everywhere):
    wrong = credentials(lab, "nobody", "service")
    lab.settle("cinder-volume", *OURS, *wrong)
    mark = lab.mark()
    assert lab.make("ceph", everywhere, session=lab.demo)
    assert "vtclone: cannot" in lab.log_since(mark) or "outcome=cloned" in lab.log_since(mark)
    assert "Traceback" not in "".join(line for line in lab.log_since(mark).splitlines(True) if "vtclone" in line)
