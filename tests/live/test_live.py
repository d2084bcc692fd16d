"""vtclone on a real Keystone, Glance and Cinder: the seed's three stores, an image in the default one, copies, volumes."""
import importlib.metadata
import json
import subprocess
import threading
import time

import pytest
from labkit import osconf, ostack

from clouds import CloudError
from conftest import resolve, wanted_checksum


# ---- facts ----

def test_stores_shows_the_map_of_the_seed_deployment(world):
    run = world.vtclone("stores", "--format", "json")
    assert run.returncode == 0, run.stderr
    site = json.loads(run.stdout)
    assert {(b["host"], b["type"], b["store"], b["state"]) for b in site["backends"]} == {
        ("node@netapp#netapp", "cinder", "netapp", "up"), ("node@ceph#ceph", "rbd", "ceph", "up"),
        ("node@powerstore#powerstore", "cinder", "powerstore", "up")}
    assert {s["id"]: s["type"] for s in site["stores"]} == {"netapp": "cinder", "ceph": "rbd", "powerstore": "cinder"}
    newer = int(importlib.metadata.version("glance").partition(".")[0]) >= 30  # 2025.1 tells which cluster a store is on
    assert [s.get("fsid") for s in site["stores"] if s["id"] == "ceph"] == [world.facts["ceph"]["fsid"] if newer else None]
    table = world.vtclone("stores").stdout
    assert "node@ceph#ceph" in table and "location_info" in table and "pool images" in table


def test_a_member_is_told_which_list_he_may_not_see(world):
    run = world.vtclone("stores", project="demo")
    assert run.returncode == 4 and "this user may not see them" in run.stderr


# ---- resolve ----

@pytest.mark.parametrize("volume_type,method,store", [
    ("netapp", "cinder-clone", "netapp"), ("ceph", "rbd-clone", "ceph"), ("powerstore", "cinder-clone", "powerstore")])
def test_each_type_resolves_to_its_own_copy(world, everywhere, volume_type, method, store):
    status, decision = resolve(world, everywhere, volume_type)
    assert (status, decision["method"], decision["location"]["store"]) == (0, method, store)
    assert len(decision["backends"][0]["candidates"]) == 3


def test_an_image_in_the_default_store_only_is_a_miss_for_the_others(world):
    image_id = world.upload()
    assert resolve(world, image_id, "netapp")[0] == 0
    status, decision = resolve(world, image_id, "ceph")
    assert (status, decision["method"], decision["reason"]) == (3, "none", "STORE_NOT_FOR_BACKEND")


@pytest.mark.parametrize("volume_type", ["ceph", "netapp", "powerstore"])
def test_a_warm_resolve_makes_at_most_two_requests_on_kept_connections(world, everywhere, volume_type):
    from clouds import ResolveOptions, ctypes
    with world.cloud(volume_ttl_ms=0xffffffff) as cloud:
        def once():
            wanted = ResolveOptions(size=ctypes.sizeof(ResolveOptions), volume_type=volume_type.encode())
            out = ctypes.c_void_p()
            cloud.call("vtclone_cloud_resolve", cloud.handle, None, everywhere.encode(), None, ctypes.byref(wanted),
                       ctypes.byref(out))
            assert cloud.lib.vtclone_decision_reason(out) == 0
            cloud.lib.vtclone_decision_free(out)
        once()
        before = cloud.stats()
        once()
        after = cloud.stats()
    assert after.requests - before.requests <= 2
    assert after.connects == before.connects <= 3  # one kept for each of the three services


def test_a_private_image_of_another_project_is_refused(world):
    demo = world.session("demo")
    image_id = world.upload(demo, visibility="private")
    run = world.vtclone("resolve", "--image-id", image_id, "--volume-type", "netapp", project="other")
    assert run.returncode == 4 and "this user may not see it" in run.stderr


def test_a_service_user_may_not_use_an_image_that_the_asking_user_cannot_see(world):
    image_id = world.upload(visibility="private")
    with world.cloud("cinder") as cloud:
        assert cloud.image(image_id)["id"] == image_id
        with pytest.raises(CloudError) as caught:
            cloud.image(image_id, user_token=world.session("other").token)
    assert caught.value.code == "GLANCE" and "may not see it" in caught.value.message


def test_copies_by_the_admin_are_not_for_a_members_project_unless_pairing_is_trusted(world):
    demo = world.session("demo")
    image_id = world.upload(demo, visibility="private")
    assert world.vtclone("copy", "--image-id", image_id, "--store", "powerstore", "--wait").returncode == 0
    status, decision = resolve(world, image_id, "powerstore")
    assert (status, decision["reason"]) == (3, "OWNER_MISMATCH")  # a volume of the admin's project
    assert resolve(world, image_id, "powerstore", "--project", demo.project_id)[0] == 0
    assert resolve(world, image_id, "powerstore", "--owner-rule", "paired")[0] == 0


# ---- credentials ----

def test_an_application_credential_of_the_environment_works(world, everywhere):
    made = world.admin("POST", "identity", "/users/%s/application_credentials" % world.admin.user_id,
                       {"application_credential": {"name": "live", "unrestricted": False}})["application_credential"]
    try:
        run = world.vtclone("resolve", "--image-id", everywhere, "--volume-type", "ceph",
                            OS_APPLICATION_CREDENTIAL_ID=made["id"], OS_APPLICATION_CREDENTIAL_SECRET=made["secret"],
                            OS_AUTH_TYPE="v3applicationcredential")
        assert run.returncode == 0, run.stderr
    finally:
        world.admin("DELETE", "identity", "/users/%s/application_credentials/%s" % (world.admin.user_id, made["id"]))


def test_a_token_of_the_environment_works(world, everywhere):
    run = world.vtclone("resolve", "--image-id", everywhere, "--volume-type", "ceph", OS_AUTH_TYPE="token",
                        OS_TOKEN=world.session("admin").token)
    assert run.returncode == 0, run.stderr


def test_an_authentication_url_without_v3_is_found(world):
    assert world.vtclone("stores", OS_AUTH_URL=world.keystone).returncode == 0


def test_a_wrong_password_is_one_line_and_exit_status_4(world):
    run = world.vtclone("stores", OS_PASSWORD="wrong-password-of-the-test")
    assert run.returncode == 4 and len(run.stderr.splitlines()) == 1
    assert "refused the credential" in run.stderr and "wrong-password" not in run.stderr


def test_a_revoked_token_is_replaced(world):
    image_id = world.admin("POST", "image", "/v2/images", {"name": "empty", "visibility": "public"})["id"]
    user = world.admin("POST", "identity", "/users", {"user": {"name": "short-lived", "password": osconf.PASSWORD,
                                                               "domain_id": "default"}})["user"]["id"]
    role = world.admin("GET", "identity", "/roles?name=member")["roles"][0]["id"]
    demo = world.session("demo").project_id
    world.admin("PUT", "identity", "/projects/%s/users/%s/roles/%s" % (demo, user, role))
    try:
        with world.cloud(username=None, user_id=user, project_name=None, project_id=demo) as cloud:
            # Fetches the cloud's token without showing it to Glance, which would keep it as good for minutes.
            with pytest.raises(CloudError):
                cloud.image(image_id, user_token="none-of-keystone")
            assert cloud.stats().tokens == 1
            for password in ("another", osconf.PASSWORD):  # changed and changed back: Keystone revokes what was issued before
                world.admin("PATCH", "identity", "/users/" + user, {"user": {"password": password}})
            time.sleep(1.5)  # revocation counts in whole seconds
            assert cloud.image(image_id)["id"] == image_id
            assert cloud.stats().tokens == 2
    finally:
        world.admin("DELETE", "identity", "/users/" + user)


# ---- services that are not there ----

def test_a_glance_that_is_gone_is_named_within_the_deadline(world, everywhere):
    ostack.stop_daemon(world.facts, "glance-api")
    try:
        run = world.vtclone("resolve", "--image-id", everywhere, "--volume-type", "ceph", "--format", "json")
    finally:
        ostack.start_daemon(world.facts, "glance-api")
    assert run.returncode == 4
    assert json.loads(run.stdout)["error"]["code"] == "VTCLONE_E_GLANCE"
    assert len(run.stderr.splitlines()) == 1 and "get image %s from Glance" % everywhere in run.stderr


# ---- copies ----

def test_twenty_threads_that_want_a_copy_cause_one_import(world):
    image_id, results = world.upload(), []
    with world.cloud() as cloud:
        def run():
            import ctypes
            from clouds import CopyOptions, CopyResult
            names = (ctypes.c_char_p * 1)(b"ceph")
            result = CopyResult(size=ctypes.sizeof(CopyResult))
            options = CopyOptions(size=ctypes.sizeof(CopyOptions), timeout_ms=120000)
            cloud.call("vtclone_cloud_copy", cloud.handle, image_id.encode(), names, 1, ctypes.byref(options),
                       ctypes.byref(result))
            results.append((result.started, result.complete))
        threads = [threading.Thread(target=run) for _ in range(20)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert cloud.stats().copies == 1
    assert sorted(results) == [(0, 1)] * 19 + [(1, 1)]
    assert len(world.imports(image_id)) == 1


def test_twenty_processes_that_want_a_copy_cause_one_import(world):
    image_id = world.upload()
    command, environment = world.command(["copy", "--image-id", image_id, "--store", "ceph", "--wait", "--format", "json"])
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for _ in range(20)]
    results = [(process.communicate(timeout=300), process.returncode) for process in running]
    assert [status for _, status in results] == [0] * 20, [output[1] for output, _ in results]
    assert sum(json.loads(output[0])["started"] for output, _ in results) == 1
    assert len(world.imports(image_id)) == 1


def test_a_copy_by_a_member_is_forbidden_and_says_so(world):
    demo = world.session("demo")
    image_id = world.upload(demo)
    run = world.vtclone("copy", "--image-id", image_id, "--store", "ceph", "--wait", project="demo")
    assert run.returncode == 4 and "HTTP 403" in run.stderr and len(run.stderr.splitlines()) == 1


def test_an_unknown_store_is_bad_input_and_names_those_there_are(world, everywhere):
    run = world.vtclone("copy", "--image-id", everywhere, "--store", "tape", "--wait")
    assert run.returncode == 2 and "it has netapp, ceph, powerstore" in run.stderr


def test_a_copy_that_fails_in_glance_says_which_store(world):
    image_id = world.upload()
    world.set_quota("glance", None)  # no image volume can be made
    try:
        run = world.vtclone("copy", "--image-id", image_id, "--store", "powerstore", "--wait", "--format", "json")
    finally:
        world.set_quota("glance", -1)
    assert run.returncode == 4, run.stdout
    error = json.loads(run.stdout)["error"]
    assert error["code"] == "VTCLONE_E_COPY_FAILED"
    assert error["message"].startswith("copy image %s to store powerstore: " % image_id)
    # The lock is released and an old failure is no hindrance: the next one succeeds.
    run = world.vtclone("copy", "--image-id", image_id, "--store", "powerstore", "--wait", "--format", "json")
    assert run.returncode == 0, run.stderr


# ---- volumes ----

@pytest.mark.parametrize("volume_type", ["netapp", "powerstore"])
def test_a_volume_by_cinder_has_the_images_bytes_and_boots(world, everywhere, clean_volumes, volume_type):
    run = world.vtclone("clone", "--image-id", everywhere, "--volume-type", volume_type, "--volume", "live-1",
                        "--size", "2", "--format", "json")
    assert run.returncode == 0, run.stderr
    made = json.loads(run.stdout)
    volume = world.admin("GET", "volumev3", "/volumes/" + made["volume_id"])["volume"]
    assert (volume["status"], volume["size"], volume["bootable"], volume["volume_type"], volume["name"]) == (
        "available", 2, "true", volume_type, "live-1")
    assert volume["volume_image_metadata"]["image_id"] == everywhere
    assert volume["source_volid"] == made["parent"]
    assert world.checksum(volume_type, "volume-" + made["volume_id"]) == wanted_checksum()


def test_many_volumes_by_cinder_are_made_at_once(world, everywhere, clean_volumes):
    run = world.vtclone("clone", "--image-id", everywhere, "--volume-type", "netapp", "--count", "3", "--name-template",
                        "many-{n}", "--size", "1", "--format", "json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert (told["made"], told["method"]) == (3, "cinder-clone")
    for one in told["volumes"]:
        volume = world.admin("GET", "volumev3", "/volumes/" + one["volume_id"])["volume"]
        assert (volume["name"], volume["status"], one["engine"]) == (one["volume"], "available", "cinder")


def test_stock_cinder_records_the_same_image_metadata(world, everywhere, clean_volumes):
    from labkit import story
    stock = story.wait_volume(world.admin, story.create_volume(world.admin, "stock", "netapp", everywhere))
    made = json.loads(world.vtclone("clone", "--image-id", everywhere, "--volume-type", "netapp", "--volume", "ours",
                                    "--size", "1", "--format", "json").stdout)
    ours = world.admin("GET", "volumev3", "/volumes/" + made["volume_id"])["volume"]
    recorded = {k: v for k, v in stock["volume_image_metadata"].items() if not k.startswith("os_glance_")}
    assert ours["volume_image_metadata"] == recorded  # how the last import went is not of the volume


def test_a_missing_copy_is_made_first_where_that_is_asked_for(world, clean_volumes):
    image_id = world.upload(seed=7)
    run = world.vtclone("clone", "--copy", "--image-id", image_id, "--volume-type", "powerstore", "--volume", "live-2",
                        "--size", "1", "--format", "json")
    assert run.returncode == 0, run.stderr
    made = json.loads(run.stdout)
    assert world.checksum("powerstore", "volume-" + made["volume_id"]) == wanted_checksum(7)
    assert len(world.imports(image_id)) == 1


def test_an_rbd_clone_by_image_id_has_the_images_bytes(world, everywhere):
    run = world.vtclone("clone", "--image-id", everywhere, "--volume-type", "ceph", "--volume", "live-rbd", "--size", "1",
                        "--format", "json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["method"] == "rbd-clone"
    assert world.checksum("ceph", "live-rbd") == wanted_checksum()


def test_a_volume_beyond_the_quota_is_refused_and_leaves_nothing(world, everywhere):
    world.set_quota("admin", None)
    try:
        run = world.vtclone("clone", "--image-id", everywhere, "--volume-type", "netapp", "--volume", "live-3",
                            "--size", "1")
    finally:
        world.set_quota("admin", -1)
    assert run.returncode == 4 and "HTTP 413" in run.stderr and len(run.stderr.splitlines()) == 1
    assert not [v for v in world.volumes() if v["name"] == "live-3"]


def test_a_volume_whose_backend_does_not_answer_ends_at_the_deadline_and_is_removed(world, everywhere):
    ostack.stop_daemon(world.facts, "cinder-volume")
    try:
        command, environment = world.command(["clone", "--image-id", everywhere, "--volume-type", "netapp", "--volume",
                                              "live-4", "--size", "1", "--timeout", "3"])
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        # The service comes back after the deadline: only then can Cinder delete what it accepted.
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    finally:
        ostack.start_daemon(world.facts, "cinder-volume")
    message = process.communicate(timeout=120)[1]
    assert process.returncode == 4, message
    # the deadline may pass between two looks at the volume, or within one
    assert "wait for volume live-4" in message or ("get volume " in message and "deadline" in message)
    assert not [v for v in world.volumes() if v["name"] == "live-4"], message
