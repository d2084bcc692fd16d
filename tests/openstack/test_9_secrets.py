"""Last: what all the tests of this folder have left in the daemons' logs, for the secrets of their lab."""

import glob
import os
import re

import pytest

import osworld
from labkit import osconf

#: How a Fernet token begins: every token of this Keystone.
TOKEN = "gAAAAA"


def cephx_keys(lab):
    found = set()
    for path in glob.glob(os.path.join(os.path.dirname(lab.ceph["conf"]), "**", "*keyring"), recursive=True):
        with open(path) as stream:
            found |= set(re.findall(r"key = (\S+)", stream.read()))
    return found


@pytest.fixture(name="secrets")
def _secrets(lab):
    keys = cephx_keys(lab)
    assert len(keys) >= 5
    return {osconf.PASSWORD, TOKEN} | keys


def lines_with(secrets, text):
    return [line for line in text.splitlines() if any(secret in line for secret in secrets)]


def test_this_lab_has_logged_something_to_look_at(lab, everywhere):
    """A clone, a refusal and a failure of Glance's, with debug lines on."""
    lab.settle("cinder-volume", "DEFAULT.volume_manager=" + osworld.MANAGER, "DEFAULT.debug=true", "vtclone.on_miss=copy")
    lab.make("ceph", everywhere)
    lab.settle("cinder-volume", "DEFAULT.volume_manager=" + osworld.MANAGER, "DEFAULT.debug=true",
               "vtclone.glance_endpoint=http://127.0.0.1:9", "vtclone.on_miss=copy")
    lab.settle("cinder-scheduler", "DEFAULT.debug=true", "DEFAULT.glance_api_servers=http://127.0.0.1:9")
    lab.make("ceph", lab.image())
    ours = [line for line in lab.log().splitlines() if "vtclone" in line]
    assert any("outcome=cloned" in line for line in ours) and any(" WARNING vtclone" in line for line in ours)
    assert "vtclone: cannot look at image" in lab.log("cinder-scheduler")


@pytest.mark.parametrize("daemon", ["cinder-volume", "cinder-scheduler"])
def test_no_line_of_ours_holds_a_token_a_password_or_a_key(lab, secrets, daemon):
    ours = "\n".join(line for line in lab.log(daemon).splitlines() if "vtclone" in line)
    assert ours
    assert lines_with(secrets, ours) == []


def test_the_daemons_that_we_are_loaded_into_log_no_password_and_no_key(lab, secrets):
    """Whoever wrote the line: what the library printed itself would be here, and in the daemon's own output."""
    for daemon in ("cinder-volume", "cinder-scheduler"):
        with open(os.path.join(lab.state, "log", daemon + ".out"), errors="replace") as stream:
            text = lab.log(daemon) + stream.read()
        # oslo.service logs each option's value at debug level, secret ones as ****; the lab's own settings of a store's
        # password are no secret option of Cinder's
        assert lines_with(secrets - {TOKEN}, text) == []
        assert [line for line in lines_with({TOKEN}, text) if "vtclone" in line] == []


def test_no_volume_keeps_a_secret_in_what_its_owner_reads(lab, secrets):
    for volume in lab.admin("GET", "volumev3", "/volumes/detail?all_tenants=1")["volumes"]:
        assert lines_with(secrets, str(volume)) == []
    for message in lab.admin("GET", "volumev3", "/messages")["messages"]:
        assert lines_with(secrets, str(message)) == []
