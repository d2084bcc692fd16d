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


def test_credentials_of_a_mere_member_are_told_and_stock_cinder_goes_on(lab):
    """Glance tells stores/detail to administrators only (from 2025.1 also to services), and without the stores nothing is cloned
    by us: the pools that are allowed are not known."""
    lab.settle("cinder-volume", *OURS, *credentials(lab, "demo", "demo"))
    mark, image = lab.mark(), lab.image()
    found = lab.outcome(lab.make("ceph", image, session=lab.demo))
    assert (found["outcome"], found["reason"]) == ("unavailable", "CINDER_ERROR")
    text = lab.log_since(mark)
    assert "cannot learn the image stores from Glance (GET /v2/info/stores/detail: HTTP 403" in text
    assert set(lab.locations(image)) == {"netapp"}


def test_credentials_that_keystone_refuses_are_told_and_stock_cinder_goes_on(lab, everywhere):
    lab.settle("cinder-volume", *OURS, *credentials(lab, "nobody", "service"))
    mark = lab.mark()
    found = lab.outcome(lab.make("ceph", everywhere, session=lab.demo))
    assert (found["outcome"], found["reason"]) == ("unavailable", "CINDER_ERROR")
    assert "cannot learn the image stores from Glance" in lab.log_since(mark)
    assert "Traceback" not in "".join(line for line in lab.log_since(mark).splitlines(True) if "vtclone" in line)
