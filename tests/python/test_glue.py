"""The parts of vtclone_cinder that need no service: what is decided before and after Glance, Cinder and Ceph are asked."""

import json
import pathlib
import re
import socket
import subprocess
import threading
import time
import types

import pytest
from oslo_config import cfg
from oslo_serialization import jsonutils

from cinder import objects

objects.register_all()

from vtclone_cinder import backend_facts  # noqa: E402
from vtclone_cinder import copying  # noqa: E402
from vtclone_cinder import images  # noqa: E402
from vtclone_cinder import locality  # noqa: E402
from vtclone_cinder import opts  # noqa: E402
from vtclone_cinder import scheduler  # noqa: E402
from vtclone_cinder import sites  # noqa: E402
from vtclone_cinder.glance_service import GlanceService  # noqa: E402
from vtclone_cinder.glance_service import GlanceUnavailable  # noqa: E402
from vtclone_cinder.metrics import Metrics  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGE = "0b3f6e0a-7d3b-4a43-8f43-55a2b7f5a001"
VOLUME = "5b1f6e0a-7d3b-4a43-8f43-55a2b7f5a0aa"
FSID = "6d1f7c9e-2b4a-4c65-9d57-0d3f3c1b8a10"


# ---- images ----

def test_a_property_of_the_owner_does_not_take_the_place_of_what_glance_says():
    found = images.document({"id": IMAGE, "disk_format": "qcow2", "properties": {"disk_format": "raw", "mine": "1"}})
    assert (found["disk_format"], found["mine"]) == ("qcow2", "1")


def test_locations_are_never_taken_from_the_image_or_its_properties():
    found = images.document({"id": IMAGE, "locations": [], "properties": {"direct_url": "rbd://a/b/c/d"}})
    assert "locations" not in found and "direct_url" not in found


@pytest.mark.parametrize("url, expected", [
    ("cinder://netapp/" + VOLUME, VOLUME), ("cinder://" + VOLUME, VOLUME), ("cinder://netapp/volume", None),
    ("rbd://a/b/c/" + VOLUME, None), (None, None), (5, None), ("cinder://a/%s/" % VOLUME, None)])
def test_the_volume_of_a_cinder_location(url, expected):
    assert images.volume_id(url) == expected


@pytest.mark.parametrize("shown, expected", [
    (None, (None, None)), ((None, None), (None, None)), (("a", None), (None, "a")), ((None, []), ([], None)),
    (("a", [{"url": "b"}]), ([{"url": "b"}], "a")), ("text", (None, None))])
def test_what_cinder_was_shown_of_the_locations(shown, expected):
    assert images.shown_locations(shown) == expected


# ---- the site ----

LIVE = {"stores": [{"id": "live", "type": "cinder"}],
        "backends": [{"host": "node@ceph#ceph", "name": "ceph", "type": "rbd", "pool": "volumes"}],
        "volume_types": [{"name": "ceph", "extra_specs": {"image_service:store_id": "live"}}]}


def test_a_site_file_wins_over_what_was_learnt():
    found = sites.merge(LIVE, {"stores": [{"id": "file", "type": "rbd", "pool": "images"}],
                               "backends": [{"host": "node@ceph", "store": "file"}, {"host": "node@other", "store": "x"}],
                               "volume_types": [{"name": "ceph", "extra_specs": {"image_service:store_id": "file",
                                                                                 "volume_backend_name": "ceph"}}]})
    assert found["stores"] == [{"id": "file", "type": "rbd", "pool": "images"}]
    assert found["backends"] == [dict(LIVE["backends"][0], store="file")]
    assert found["volume_types"] == [{"name": "ceph", "extra_specs": {"image_service:store_id": "file"}}]


def test_without_a_site_file_what_was_learnt_stays():
    assert sites.merge(LIVE, {}) == LIVE


def test_a_site_file_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "site.json"
    path.write_text('{"stores": []}')
    site = sites.SiteFile(str(path))
    assert site.read() == {"stores": []}
    path.write_text('{"stores": [], "backends": []}')
    assert site.read() == {"stores": [], "backends": []}


@pytest.mark.parametrize("text", ["[]", "{", None])
def test_a_site_file_that_cannot_be_used_says_which(tmp_path, text):
    path = tmp_path / "site.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(sites.SiteError, match="site.json"):
        sites.SiteFile(str(path)).read()


@pytest.mark.parametrize("content, message", [
    ({"stores": 5}, "stores: not a list"), ({"backends": True}, "backends: not a list"),
    ({"volume_types": {"name": "t"}}, "volume_types: not a list"),
    ({"volume_types": [{"name": "t", "extra_specs": "abc"}]}, "extra_specs of t: not an object")])
def test_a_site_file_of_wrong_types_says_where(content, message):
    live = {"stores": [], "backends": [{"host": "n@c#v"}], "volume_types": [{"name": "t", "extra_specs": {}}]}
    with pytest.raises(sites.SiteError, match=message):
        sites.merge(live, content)


# ---- the backend ----

class Configuration(dict):
    def safe_get(self, name):
        return self.get(name)


def rbd_driver(**stats):
    """An object that is, by its names, Cinder's RBD driver."""
    cls = type("RBDDriver", (), {"__module__": "cinder.volume.drivers.rbd"})
    driver = type("Child", (cls,), {})()
    driver.configuration = Configuration(volume_backend_name="ceph", rbd_pool="volumes", rbd_store_chunk_size=4)
    driver.active = ("ceph", "/etc/ceph/ceph.conf", "cinder", "secret")
    driver._get_config_tuple = lambda: driver.active
    driver.asked = []
    driver._get_fsid = lambda: driver.asked.append(driver.active) or "asked-%d" % len(driver.asked)
    driver._is_replication_enabled = False
    driver._stats = dict({"location_info": "ceph:/etc/ceph/ceph.conf:%s:cinder:volumes" % FSID}, **stats)
    return driver


def test_a_ceph_backend_is_what_the_drivers_configuration_says():
    facts = backend_facts.BackendFacts(rbd_driver())
    assert facts.backend("node@ceph#ceph", None) == {
        "host": "node@ceph#ceph", "name": "ceph", "type": "rbd", "fsid": FSID, "pool": "volumes", "user": "cinder",
        "ceph_conf": "/etc/ceph/ceph.conf", "cluster": "ceph", "chunk_size": 4}


def test_the_fsid_comes_from_the_capability_report_without_a_connection():
    driver = rbd_driver()
    backend_facts.BackendFacts(driver).backend("node@ceph#ceph", None)
    assert driver.asked == []


def test_after_a_failover_the_other_cluster_is_asked_and_remembered():
    driver = rbd_driver()
    driver._is_replication_enabled = True
    facts = backend_facts.BackendFacts(driver)
    assert facts.backend("node@ceph#ceph", None)["fsid"] == "asked-1"
    driver.active = ("second", "/etc/ceph/second.conf", "other", "secret")
    found = facts.backend("node@ceph#ceph", None)
    assert (found["fsid"], found["cluster"], found["user"]) == ("asked-2", "second", "other")
    driver.active = ("ceph", "/etc/ceph/ceph.conf", "cinder", "secret")
    assert facts.backend("node@ceph#ceph", None)["fsid"] == "asked-1" and len(driver.asked) == 2


def test_a_driver_of_another_kind_is_a_cinder_backend():
    driver = types.SimpleNamespace(configuration=Configuration(extra_capabilities='{"glance_store_id": "netapp"}'),
                                   capabilities={"clone_across_pools": True})
    facts = backend_facts.BackendFacts(driver)
    assert facts.rbd is False
    assert facts.backend("node@netapp#pool0", "cluster@netapp") == {
        "host": "node@netapp#pool0", "name": "SimpleNamespace", "type": "cinder", "store": "netapp",
        "cluster_name": "cluster@netapp", "clone_across_pools": True}


# ---- copies ----

class Glance:
    """One image of Glance, whose copies are done after a few looks."""

    def __init__(self, answers=(202,), looks=2, fails=False, queued=0):
        self.answers, self.looks, self.fails, self.queued = list(answers), looks, fails, queued
        self.requests, self.left, self.found = 0, None, {"id": IMAGE, "stores": "netapp", "owner": "p1"}
        self.lock = threading.Lock()

    def image(self, image_id):
        with self.lock:
            if self.left is not None:
                self.left -= 1
                if self.left == self.looks:
                    self.found.update(os_glance_importing_to_stores="ceph", os_glance_failed_import="")
                if self.left <= 0:
                    self.found.pop("os_glance_import_task")
                    self.found.update({"os_glance_importing_to_stores": "", "os_glance_failed_import": "ceph"}
                                      if self.fails else {"os_glance_importing_to_stores": "", "stores": "netapp,ceph"})
            return dict(self.found)

    def request_copy(self, image_id, store):
        with self.lock:
            self.requests += 1
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer == 202:
                self.left = self.looks + self.queued + 1
                self.found["os_glance_import_task"] = "a task"
            return answer

    def project_id(self):
        return "service"

    def locations(self, image_id):
        return []


def copier(glance, timeout=20.0):
    return copying.Copier(glance, timeout, sleep=lambda seconds: time.sleep(0.001))


def test_many_volumes_at_once_ask_for_one_copy():
    glance = Glance(looks=20)
    one = copier(glance)
    threads = [threading.Thread(target=one.copy, args=(IMAGE, "ceph")) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert glance.requests == 1 and glance.found["stores"] == "netapp,ceph"


def test_an_image_that_is_there_is_not_copied_again():
    glance = Glance()
    glance.found["stores"] = "netapp,ceph"
    copier(glance).copy(IMAGE, "ceph")
    assert glance.requests == 0


def test_a_store_whose_name_is_part_of_anothers_is_not_mistaken_for_it():
    glance = Glance()
    glance.found["stores"] = "netapp,ceph-old"
    copier(glance).copy(IMAGE, "ceph")
    assert glance.requests == 1


def test_an_import_by_somebody_else_is_waited_for_and_then_asked_again():
    glance = Glance(answers=(409, 409, 202))
    copier(glance).copy(IMAGE, "ceph")
    assert glance.requests == 3 and glance.found["stores"] == "netapp,ceph"


@pytest.mark.parametrize("fails", [False, True])
def test_the_failure_of_an_earlier_import_is_not_taken_for_that_of_one_that_glance_has_not_begun(fails):
    glance = Glance(queued=5, fails=fails)
    glance.found["os_glance_failed_import"] = "ceph"
    if fails:
        with pytest.raises(copying.CopyFailed, match="Glance failed to copy"):
            copier(glance).copy(IMAGE, "ceph")
    else:
        copier(glance).copy(IMAGE, "ceph")
    assert glance.requests == 1 and glance.left <= 0


@pytest.mark.parametrize("glance, message", [
    (Glance(fails=True), "Glance failed to copy the image to store ceph"),
    (Glance(answers=(403,)), "the service user may not"), (Glance(answers=(404,)), "HTTP 404")])
def test_a_copy_that_does_not_come_says_why(glance, message):
    with pytest.raises(copying.CopyFailed, match=message):
        copier(glance).copy(IMAGE, "ceph")


def test_a_copy_has_a_deadline():
    with pytest.raises(copying.CopyFailed, match="no copy in store ceph after 0 s"):
        copier(Glance(looks=10 ** 9), timeout=0.3).copy(IMAGE, "ceph")


def test_who_waited_for_a_copy_learns_that_it_failed():
    glance = Glance(looks=1000, fails=True)
    one, failures = copier(glance), []
    together = threading.Barrier(5)  # on a busy machine the last thread would begin when the copy has failed already

    def work():
        together.wait()
        with pytest.raises(copying.CopyFailed) as caught:
            one.copy(IMAGE, "ceph")
        failures.append(str(caught.value))
    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(failures) == 5 and len(set(failures)) == 1 and glance.requests == 1


# ---- the scheduler ----

CREATE = {"context": object(), "request_spec": {"image_id": IMAGE, "volume_properties": {"size": 1}}}


def without(**spec):
    return dict(CREATE, request_spec=dict(CREATE["request_spec"], **spec))


@pytest.mark.parametrize("properties", [
    without(image_id=None), without(operation="extend_volume"), without(operation="retype_volume"),
    without(operation="migrate_volume_to_host"), without(snapshot_id="s"), without(source_volid="v"),
    without(volume_properties={"snapshot_id": "s"}), dict(CREATE, vol_exists_on="node@ceph#ceph"), {}])
def test_requests_that_are_not_for_a_volume_from_an_image_pass_through(properties):
    assert locality.wanted_image(properties) is None


def test_a_volume_from_an_image_is_looked_at():
    assert locality.wanted_image(CREATE) == locality.wanted_image(without(operation="create_volume")) == IMAGE


@pytest.mark.parametrize("info, expected", [
    ("ceph:/etc/ceph/ceph.conf:%s:cinder:volumes" % FSID, FSID), ("ceph:/a:b.conf:%s:cinder:v" % FSID, FSID),
    ("ceph:FSID:cinder:v", None), ("text", None), (None, None), (5, None)])
def test_the_fsid_in_location_info(info, expected):
    assert locality.location_fsid({"location_info": info}) == expected


@pytest.mark.parametrize("url, expected", [
    ("rbd://%s/images/%s/snap" % (FSID, IMAGE), FSID), ("rbd://%s/images/%s/snap" % (FSID, VOLUME), None),
    ("rbd://" + IMAGE, None), ("cinder://a/b", None), (None, None)])
def test_only_an_images_own_copy_counts_for_its_cluster(url, expected):
    assert locality.rbd_fsid(url, IMAGE) == expected


def state(host, **capabilities):
    return types.SimpleNamespace(host=host, cluster_name=None, capabilities=capabilities)


@pytest.fixture
def where(monkeypatch):
    conf = cfg.ConfigOpts()
    opts.register(conf)
    found = locality.Locality(conf)
    monkeypatch.setattr(found._glance, "stores", lambda: [{"id": "array", "type": "cinder", "volume_type": "gold"}])
    return found


def beside(where, copies, backends, **properties):
    where._copies = lambda context, image_id: copies
    return where.beside(backends, dict(CREATE, **properties))


def test_a_backend_is_beside_a_copy_by_cluster_host_or_store(where):
    copies = locality.Copies(stores=frozenset(["ceph", "open"]), fsids=frozenset([FSID]),
                             hosts=frozenset(["node@netapp#pool0"]), located=True)
    info = "ceph:/etc/ceph/ceph.conf:%s:cinder:volumes" % FSID
    backends = [state("node@ceph#ceph", storage_protocol="ceph", location_info=info),
                state("node@netapp#pool0", storage_protocol="nfs"), state("node@netapp#pool1", storage_protocol="nfs"),
                state("node@netapp#pool1", storage_protocol="nfs", clone_across_pools=True),
                state("node@open#pair", storage_protocol="ceph", location_info=info, glance_store_id="open"),
                state("node@far#pair", storage_protocol="ceph", location_info=info, glance_store_id="far")]
    assert beside(where, copies, backends) == [True, True, False, True, True, False]


def test_without_locations_the_stores_tell(where):
    copies = locality.Copies(stores=frozenset(["array"]))
    backends = [state("node@gold#gold", storage_protocol="nfs")]
    assert beside(where, copies, backends, volume_type={"name": "gold"}) == [True]
    assert beside(where, copies, backends, volume_type={"name": "silver"}) == [False]


def test_a_glance_that_fails_passes_every_backend_with_one_warning(where, caplog):
    class Broken:
        def show(self, context, image_id):
            raise GlanceUnavailable("down")
    where._users_glance = Broken()
    context = types.SimpleNamespace(project_id="p", is_admin=False)
    for image_id in (IMAGE, VOLUME):
        properties = dict(without(image_id=image_id), context=context)
        assert where.beside([state("node@ceph#ceph")], properties) is None
    assert len([record for record in caplog.records if "all backends pass" in record.getMessage()]) == 1


def test_a_storm_from_one_image_asks_glance_once_for_each_project(where):
    class Counting:
        calls = 0

        def show(self, context, image_id):
            Counting.calls += 1
            time.sleep(0.05)
            return {"id": image_id, "disk_format": "raw", "container_format": "bare", "locations": [],
                    "stores": "open"}
    where._users_glance = Counting()

    def ask(project):
        context = types.SimpleNamespace(project_id=project, is_admin=False)
        answers.append(where.beside([state("n@open#p", glance_store_id="open")], dict(CREATE, context=context)))
    answers = []
    threads = [threading.Thread(target=ask, args=(project,)) for project in ["one", "two"] * 20]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert Counting.calls == 2 and answers == [[True]] * 40


@pytest.mark.parametrize("strictness, resource_backend, expected", [
    ("prefer", None, ["node@ceph#ceph"]), ("prefer", "node@netapp", ["node@ceph#ceph", "node@netapp#pool0"]),
    ("require", "node@netapp", ["node@ceph#ceph"]), ("off", None, ["node@ceph#ceph", "node@netapp#pool0"])])
def test_what_the_filter_drops(where, monkeypatch, strictness, resource_backend, expected):
    """RESOURCE_BACKEND is the group's, and Cinder's scheduler drops all others when the filters and weighers are done."""
    where._copies = lambda context, image_id: locality.Copies(hosts=frozenset(["node@ceph#ceph"]), located=True)
    monkeypatch.setattr(scheduler, "_LOCALITY", where)
    opts.register(cfg.CONF)
    cfg.CONF.set_override("locality_filter", strictness, group="vtclone")
    spec = objects.RequestSpec(image_id=IMAGE, resource_backend=resource_backend,
                               volume_properties=objects.VolumeProperties(size=1))
    try:
        found = scheduler.ImageLocalityFilter().filter_all([state("node@ceph#ceph"), state("node@netapp#pool0")],
                                                           {"context": object(), "request_spec": jsonutils.to_primitive(spec)})
    finally:
        cfg.CONF.clear_override("locality_filter", group="vtclone")
    assert [backend.host for backend in found] == expected


# ---- metrics, options ----

def test_metrics_are_written_at_most_once_a_second_and_the_last_change_is_not_lost(tmp_path):
    metrics = Metrics(str(tmp_path), "node@ceph")
    path = tmp_path / "vtclone-node@ceph.prom"
    for _ in range(50):
        metrics.volume("cloned", "rbd-clone", "direct", "OK", 0.01)
    assert 'reason="OK"} 1.0' in path.read_text()
    deadline = time.monotonic() + 10
    while 'reason="OK"} 50.0' not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_a_folder_there_are_no_metrics(tmp_path):
    Metrics(None, "node@ceph").volume("cloned", "rbd-clone", "direct", "OK", 0.01)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_warning_and_no_failure(caplog):
    metrics = Metrics("/nonexistent", "node@ceph")
    for _ in range(3):
        metrics.volume("cloned", "rbd-clone", "direct", "OK", 0.01)
        metrics._write()
    assert len([record for record in caplog.records if "cannot write the metrics" in record.getMessage()]) == 1


@pytest.mark.parametrize("line", ["signed_images = denied", "owner_rule = none", "glance_timeout = soon", "stores_ttl = 0"])
def test_a_value_that_an_option_cannot_have_is_told_at_the_start_and_not_by_the_first_volume(tmp_path, line):
    path = tmp_path / "cinder.conf"
    path.write_text("[vtclone]\n%s\n" % line)
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(path)])
    opts.register(conf)
    with pytest.raises(ValueError, match=line.partition(" ")[0]):
        opts.check_values(conf, opts.volume_opts + opts.glance_opts)


def test_a_ca_bundle_that_is_not_there_is_a_glance_that_cannot_be_asked(tmp_path):
    path = tmp_path / "cinder.conf"
    path.write_text("[vtclone]\nauth_type = password\nauth_url = https://127.0.0.1:1/v3\nusername = cinder\npassword = p\n"
                    "project_name = service\nuser_domain_id = default\nproject_domain_id = default\n"
                    "cafile = %s\n" % (tmp_path / "ca.pem"))
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(path)])
    service = GlanceService(conf)
    for ask in (lambda: service.image(IMAGE), service.project_id):
        with pytest.raises(GlanceUnavailable, match="CA certificate bundle"):
            ask()


def test_a_keystone_that_hangs_is_a_glance_that_cannot_be_asked(tmp_path):
    path = tmp_path / "cinder.conf"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path.write_text("[vtclone]\nauth_type = password\nauth_url = http://127.0.0.1:%d/v3\nusername = cinder\n"
                        "password = p\nproject_name = service\nuser_domain_id = default\nproject_domain_id = default\n"
                        "glance_timeout = 1\n" % silent.getsockname()[1])
        conf = cfg.ConfigOpts()
        conf(["--config-file", str(path)])
        failures, service = [], GlanceService(conf)

        def ask():
            try:
                service.image(IMAGE)
            except GlanceUnavailable as err:
                failures.append(str(err))
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(10)
    assert len(failures) == 1 and "127.0.0.1" in failures[0]


def test_who_waits_for_another_threads_stores_waits_no_longer_than_for_glance():
    conf = cfg.ConfigOpts()
    opts.register(conf)
    conf.set_override("glance_timeout", 0.1, group="vtclone")
    service, go_on = GlanceService(conf), threading.Event()
    service._read_stores = lambda: go_on.wait(10) and []
    reader = threading.Thread(target=service.stores)
    reader.start()
    try:
        started = time.monotonic()
        assert service.stores() == [] and time.monotonic() - started < 5
    finally:
        go_on.set()
        reader.join(10)


def test_every_option_has_a_help_text_and_the_sample_is_that_of_the_code(tmp_path):
    assert all(option.help for option in opts.volume_opts + opts.glance_opts + opts.scheduler_opts)
    sample = (ROOT / "docs" / "vtclone.conf.sample").read_text()
    made = subprocess.run(["make", "--no-print-directory", "-s", "-C", str(ROOT), "sample", "SAMPLE=-"], check=True,
                          stdout=subprocess.PIPE, text=True, timeout=120).stdout
    # Releases of oslo.config differ in layout, and those of keystoneauth in options: ours have to be there as they are.
    for option in opts.volume_opts + opts.glance_opts + opts.scheduler_opts:
        lines = [re.findall("^#%s = .*$|^#%s = ?$" % (option.name, option.name), text, re.M) for text in (sample, made)]
        assert lines[0] and lines[0] == lines[1], "run `make sample`"


def test_the_entry_points_name_what_is_there():
    import importlib
    import tomllib
    project = tomllib.loads((ROOT / "python-glue" / "pyproject.toml").read_text())["project"]
    for entries in project["entry-points"].values():
        for target in entries.values():
            module, _, name = target.partition(":")
            assert hasattr(importlib.import_module(module), name)
    assert json.dumps(project["version"]) == json.dumps(importlib.import_module("vtclone_cinder").__version__)
