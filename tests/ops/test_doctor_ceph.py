"""`vtclone doctor` against a real Ceph: what the backends' own users may do, clone v1 or v2, and clusters that are not what
the site says."""

import json
import os
import subprocess

PROGRAM = os.environ["VTCLONE_PROGRAM"]


def doctor(tmp_path, site):
    (tmp_path / "site.json").write_text(json.dumps(site))
    done = subprocess.run([PROGRAM, "doctor", "--site", str(tmp_path / "site.json"), "--format", "json"],
                          capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout)


def codes(report):
    return {one["code"] for one in report["findings"]}


def test_clone_v1_is_named_until_the_cluster_requires_mimic(cluster, tmp_path):
    status, report = doctor(tmp_path, cluster.site())
    assert codes(report) == {"CLONE_V1"} and status == 3
    assert "set-require-min-compat-client mimic" in report["findings"][0]["change"]
    cluster.ceph("osd", "set-require-min-compat-client", "mimic")
    status, report = doctor(tmp_path, cluster.site())
    assert report["findings"] == [] and status == 0
    assert any("Ceph of backend node@ceph#ceph" in line for line in report["checked"])


def with_backend(cluster, **facts):
    cluster.ceph("osd", "set-require-min-compat-client", "mimic")
    site = cluster.site()
    site["backends"][0].update(facts)
    return site


def test_the_clusters_cinder_user_has_the_least_caps_and_no_more(cluster):
    """What every test of a clone runs with."""
    entry = json.loads(cluster.ceph("auth", "get", "client.cinder", "--format", "json"))[0]
    assert entry["caps"] == {"mon": "profile rbd", "osd": "profile rbd pool=volumes, profile rbd-read-only pool=images"}


def test_a_user_who_may_not_read_the_image_pool_is_named(cluster, tmp_path):
    status, report = doctor(tmp_path, with_backend(cluster, user="netapp", pool="netapp"))
    found = report["findings"]
    assert codes(report) == {"CAPS_TOO_SMALL"} and status == 3
    assert "client.netapp may not read pool images" in found[0]["message"]
    assert "profile rbd-read-only pool=images" in found[0]["change"]


def test_a_user_who_may_not_write_the_volume_pool_is_named(cluster, tmp_path):
    _status, report = doctor(tmp_path, with_backend(cluster, user="glance"))
    assert "CAPS_TOO_SMALL" in codes(report)
    assert any("may not write pool volumes" in one["message"] for one in report["findings"])


def test_a_user_who_may_write_the_image_pool_is_named_and_nothing_was_written(cluster, tmp_path):
    before = subprocess.run(
        ["rados", "--conf", cluster.conf, "-p", "images", "ls"], check=True, capture_output=True, text=True).stdout
    status, report = doctor(tmp_path, with_backend(cluster, user="admin"))
    after = subprocess.run(["rados", "--conf", cluster.conf, "-p", "images", "ls"], check=True, capture_output=True,
                           text=True).stdout
    assert codes(report) == {"CAPS_TOO_LARGE"} and status == 3 and before == after


def test_a_pool_that_is_not_there_is_named(cluster, tmp_path):
    _status, report = doctor(tmp_path, with_backend(cluster, pool="nowhere"))
    assert "POOL_MISSING" in codes(report)


def test_another_cluster_than_the_site_says_is_named(cluster, tmp_path):
    site = with_backend(cluster, fsid="00000000-0000-4000-8000-000000000000")
    _status, report = doctor(tmp_path, site)
    assert "FSID_DIFFERS" in codes(report)


def test_a_user_without_a_key_ends_with_4(cluster, tmp_path):
    status, report = doctor(tmp_path, with_backend(cluster, user="nobody"))
    assert "CEPH_UNREACHABLE" in codes(report) and status == 4
    assert "client.nobody" in report["findings"][0]["message"]
