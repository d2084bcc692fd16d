"""`vtclone doctor --live` on a real Keystone, Glance, Cinder and Ceph: green where all is well, and the command that it gives
for an image mends what it found."""

import json
import os
import pathlib
import shlex
import subprocess

import pytest

PROGRAM = os.environ["VTCLONE_PROGRAM"]
ROOT = pathlib.Path(__file__).parents[2]
PORT = os.environ.get("VTCLONE_OPS_PORT", "9100")


class Cloud:
    def __init__(self, state):
        self.state = state

    def lab(self, *args):
        return subprocess.run([str(ROOT / "lab/openstack")] + list(args) + ["--state", str(self.state)], check=True,
                              capture_output=True, text=True, timeout=400).stdout

    def env(self, project="admin"):
        exports = self.lab("env", "--project", project)
        found = dict(line[len("export "):].split("=", 1) for line in exports.splitlines() if line.startswith("export "))
        return dict(os.environ, **{name: shlex.split(value)[0] for name, value in found.items() if value})

    def doctor(self, *args, project="admin", **env):
        done = subprocess.run([PROGRAM, "doctor", "--live", "--format", "json"] + list(args), capture_output=True,
                              env=dict(self.env(project), **env), text=True, timeout=120, check=False)
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module", name="cloud")
def _cloud(tmp_path_factory):
    cloud = Cloud(tmp_path_factory.mktemp("ops-openstack"))
    try:
        cloud.lab("start", "--port", PORT, "--vtclone", "on")
        yield cloud
    finally:
        cloud.lab("stop", "--purge")


@pytest.fixture(scope="module", name="image")
def _image(cloud, tmp_path_factory):
    """In the default store only."""
    path = tmp_path_factory.mktemp("image") / "raw"
    path.write_bytes(os.urandom(1 << 20))
    done = subprocess.run(["openstack", "image", "create", "-f", "value", "-c", "id", "--disk-format", "raw",
                           "--container-format", "bare", "--file", str(path), "doctor"], env=cloud.env(), check=True,
                          capture_output=True, text=True, timeout=180)
    return done.stdout.strip()


def test_a_node_of_a_deployment_is_green_but_for_what_the_lab_does_on_purpose(cloud):
    status, report = cloud.doctor("--cinder-conf", str(cloud.state / "etc/cinder-volume.conf"),
                                  "--glance-conf", str(cloud.state / "etc/glance-api.conf"))
    assert [one["code"] for one in report["findings"]] == ["SCHEDULER_UNAWARE", "LOCATIONS_WRITABLE"] and status == 3
    assert any(line.startswith("live site: 3 stores, 3 backends") for line in report["checked"])
    assert any("Ceph of backend node@ceph#ceph" in line for line in report["checked"])


def test_live_services_alone_are_green(cloud):
    status, report = cloud.doctor()
    assert report["findings"] == [] and status == 0


def test_the_command_given_for_a_missing_copy_mends_it(cloud, image):
    status, report = cloud.doctor("--image-id", image)
    found = {one["message"].split(" download")[0]: one for one in report["findings"]}
    assert set(found) == {"volumes of type ceph", "volumes of type powerstore"} and status == 3
    command = found["volumes of type ceph"]["change"]
    assert command == "vtclone copy --image-id %s --store ceph --wait" % image
    subprocess.run([PROGRAM] + command.split()[1:], env=cloud.env(), check=True, capture_output=True, timeout=180)
    _status, report = cloud.doctor("--image-id", image)
    assert [one["message"].split(" download")[0] for one in report["findings"]] == ["volumes of type powerstore"]


def test_the_engine_of_a_backend_is_said_with_its_reason(cloud, image):
    status, report = cloud.doctor("--certify")
    engine = [line for line in report["checked"] + report["not_checked"] if line.startswith("engine of backend node@ceph")]
    assert len(engine) == 1 and "pool images" in engine[0] and status == 0


def test_a_user_without_the_right_roles_ends_with_4_and_a_reason(cloud):
    status, report = cloud.doctor(project="demo")
    assert status == 4 and [one["code"] for one in report["findings"]] == ["SERVICE_FAILED"]
    assert "may not see" in report["findings"][0]["message"] and "role admin" in report["findings"][0]["change"]


def test_a_wrong_password_ends_with_4_and_is_not_shown(cloud):
    status, report = cloud.doctor(OS_PASSWORD="s3cr3t-of-the-test")
    assert status == 4 and "s3cr3t" not in json.dumps(report)


def test_a_keystone_that_does_not_answer_ends_with_4(cloud):
    status, report = cloud.doctor(OS_AUTH_URL="http://127.0.0.1:1/v3")
    assert status == 4 and report["findings"][0]["code"] == "SERVICE_FAILED"


def test_live_without_an_environment_is_bad_input():
    env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    done = subprocess.run([PROGRAM, "doctor", "--live"], capture_output=True, env=env, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "OS_AUTH_URL" in done.stderr
