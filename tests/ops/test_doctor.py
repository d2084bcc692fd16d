"""`vtclone doctor` on deployments that are broken on purpose: each is named, with what to change, and one that is well is
not complained about."""

import copy
import json
import os
import subprocess

import pytest
from oslo_config import cfg

from vtclone_cinder import opts

PROGRAM = os.environ["VTCLONE_PROGRAM"]
FSID = "6d2b4a1e-3f0c-4a8e-9d57-0c1f5f3e8a11"

CINDER = {
    "DEFAULT": {
        "enabled_backends": "netapp, ceph",
        "volume_manager": "vtclone_cinder.manager.CloneVolumeManager",
        "scheduler_default_filters": "AvailabilityZoneFilter,CapacityFilter,CapabilitiesFilter,ImageLocalityFilter",
        "allowed_direct_url_schemes": "cinder"},
    "service_user": {"auth_type": "password", "password": "s3cr3t-of-the-test"},
    "ceph": {"volume_driver": "cinder.volume.drivers.rbd.RBDDriver", "volume_backend_name": "ceph",
             "rbd_pool": "volumes", "rbd_user": "cinder", "rbd_store_chunk_size": "8"},
    "netapp": {"volume_driver": "cinder.volume.drivers.netapp.common.NetAppDriver",
               "volume_backend_name": "netapp"}}
GLANCE = {
    "DEFAULT": {"enabled_backends": "netapp:cinder, ceph:rbd",
                "enabled_import_methods": "[glance-direct,copy-image]"},
    "glance_store": {"default_backend": "netapp"},
    "netapp": {"cinder_volume_type": "netapp", "cinder_store_user_name": "glance",
               "cinder_store_password": "s3cr3t-of-the-test"},
    "ceph": {"rbd_store_pool": "images", "rbd_store_user": "glance"},
    "os_glance_staging_store": {"filesystem_store_datadir": "/var/lib/glance/staging"}}
SITE = {
    "stores": [{"id": "netapp", "type": "cinder", "volume_type": "netapp"},
               {"id": "ceph", "type": "rbd", "fsid": FSID, "pool": "images"}],
    "backends": [{"host": "node@ceph#ceph", "name": "ceph", "type": "rbd", "fsid": FSID, "pool": "volumes",
                  "user": "cinder", "store": "ceph"},
                 {"host": "node@netapp#pool0", "name": "netapp", "type": "cinder"}],
    "volume_types": [
        {"name": "netapp", "extra_specs": {"volume_backend_name": "netapp", "image_service:store_id": "netapp"}},
        {"name": "ceph", "extra_specs": {"volume_backend_name": "ceph", "image_service:store_id": "ceph"}}]}


def ini(sections):
    return "".join("[%s]\n%s\n" % (name, "".join("%s = %s\n" % item for item in options.items()))
                   for name, options in sections.items())


class Deployment:
    """Three files that are well until a test changes them."""

    def __init__(self, folder):
        self.folder = folder
        self.cinder = copy.deepcopy(CINDER)
        self.glance = copy.deepcopy(GLANCE)
        self.site = copy.deepcopy(SITE)

    def write(self):
        (self.folder / "cinder.conf").write_text(ini(self.cinder))
        (self.folder / "glance-api.conf").write_text(ini(self.glance))
        (self.folder / "site.json").write_text(json.dumps(self.site))

    def doctor(self, *more, use=("cinder", "glance", "site"), json_format=True):
        self.write()
        args = [PROGRAM, "doctor"]
        for what, option, name in (("cinder", "--cinder-conf", "cinder.conf"),
                                   ("glance", "--glance-conf", "glance-api.conf"), ("site", "--site", "site.json")):
            if what in use:
                args += [option, str(self.folder / name)]
        args += list(more) + (["--format", "json"] if json_format else [])
        done = subprocess.run(args, capture_output=True, text=True, timeout=120, check=False)
        assert "s3cr3t" not in done.stdout + done.stderr
        if not json_format:
            return done
        report = json.loads(done.stdout)
        report["status"] = done.returncode
        return report


@pytest.fixture(name="well")
def _well(tmp_path):
    return Deployment(tmp_path)


def finding(report, code, subject=None):
    found = [one for one in report["findings"] if one["code"] == code and subject in (None, one["subject"])]
    assert len(found) == 1, (code, subject, report["findings"])
    return found[0]


def test_a_deployment_that_is_well_has_no_finding_and_ends_with_0(well):
    report = well.doctor("--no-ceph")
    assert report["findings"] == [] and report["status"] == 0
    assert len(report["checked"]) == 3


def test_files_without_a_site_are_enough_and_what_was_not_checked_is_said(well):
    report = well.doctor("--no-ceph", use=("cinder", "glance"))
    assert report["findings"] == [] and report["status"] == 0
    assert any("volume types" in line for line in report["not_checked"])


def drop(section, key):
    return lambda sections: sections[section].pop(key)


def put(section, key, value):
    return lambda sections: sections[section].__setitem__(key, value)


def store(index, **facts):
    return lambda site: site["stores"][index].update(facts)


def backend(index, **facts):
    return lambda site: site["backends"][index].update(facts)


def spec(index, key, value):
    return lambda site: site["volume_types"][index]["extra_specs"].__setitem__(key, value)


BROKEN = [
    # file, how it is broken, code, subject, words of the change, severity
    ("cinder", drop("DEFAULT", "volume_manager"), "VOLUME_MANAGER_STOCK", "[DEFAULT] volume_manager",
     "volume_manager = vtclone_cinder.manager.CloneVolumeManager", "error"),
    ("cinder", put("DEFAULT", "volume_manager", "my.Manager"), "VOLUME_MANAGER_OTHER", None, "derive", "error"),
    ("cinder", put("DEFAULT", "scheduler_default_filters", "CapacityFilter"), "SCHEDULER_UNAWARE", None,
     "scheduler_default_filters = CapacityFilter,ImageLocalityFilter", "warning"),
    ("cinder", put("DEFAULT", "enabled_backends", "netapp,ceph,tape"), "BACKEND_SECTION_MISSING", "backend tape",
     "[tape]", "error"),
    ("cinder", drop("DEFAULT", "enabled_backends"), "NO_ENABLED_BACKENDS", None, "list the backends", "error"),
    ("cinder", drop("DEFAULT", "allowed_direct_url_schemes"), "DIRECT_URL_SCHEMES", None,
     "allowed_direct_url_schemes = cinder", "note"),
    ("cinder", drop("service_user", "auth_type"), "LOCATIONS_HIDDEN", None, "[service_user]", "error"),
    ("cinder", drop("netapp", "volume_backend_name"), "BACKEND_NAME_UNSET", "[netapp]",
     "volume_backend_name = netapp", "warning"),
    ("cinder", drop("netapp", "volume_driver"), "VOLUME_DRIVER_UNSET", "[netapp]", "set volume_driver", "warning"),
    ("cinder", drop("ceph", "rbd_user"), "RBD_USER_UNSET", "[ceph]", "set rbd_user", "warning"),
    ("cinder", drop("ceph", "rbd_pool"), "RBD_POOL_UNSET", "[ceph]", "set rbd_pool", "warning"),
    ("cinder", put("ceph", "rbd_ceph_conf", "/nonexistent/ceph.conf"), "CEPH_CONF_UNREADABLE", "[ceph]",
     "where cinder-volume runs", "note"),
    ("cinder", put("ceph", "extra_capabilities", "{glance_store_id: ceph}"), "EXTRA_CAPABILITIES_BAD", None,
     '{"glance_store_id": "STORE"}', "error"),
    ("cinder", put("vtclone", "on_miss", "retry"), "OPTION_BAD_VALUE", "[vtclone] on_miss",
     "download, copy, refuse", "error"),
    ("cinder", put("vtclone", "on_mis", "copy"), "OPTION_UNKNOWN", "[vtclone] on_mis", "correct its name", "warning"),
    ("cinder", put("vtclone", "clone_concurrency", "20"), "CLONE_CONCURRENCY",
     "[ceph] and [vtclone] clone_concurrency", "below 20", "warning"),
    ("cinder", put("vtclone", "unpaired", "decline"), "UNPAIRED_DECLINED", None, "unpaired = refuse", "warning"),
    ("cinder", put("vtclone", "signed_images", "allow"), "SIGNED_IMAGES_ALLOWED", None, "deny", "note"),
    ("cinder", put("vtclone", "metrics_dir", "/nonexistent/metrics"), "METRICS_DIR_MISSING", None, "create it",
     "warning"),
    ("cinder", put("vtclone", "site_file", "/nonexistent/site.json"), "SITE_FILE_MISSING", None, "site_file", "error"),
    ("glance", drop("DEFAULT", "enabled_backends"), "NOT_MULTI_STORE", None, "enabled_backends", "error"),
    ("glance", put("DEFAULT", "enabled_backends", "netapp:cinder,ceph:rbd,cold:swift"), "STORE_SECTION_MISSING",
     "store cold", "[cold]", "error"),
    ("glance", put("glance_store", "default_backend", "tape"), "DEFAULT_STORE_BAD", None, "one of the stores",
     "error"),
    ("glance", put("DEFAULT", "enabled_import_methods", "[glance-direct]"), "COPY_IMAGE_DISABLED", None,
     "add copy-image", "warning"),
    ("glance", put("DEFAULT", "show_multiple_locations", "True"), "LOCATIONS_WRITABLE", None,
     "service credentials", "warning"),
    ("glance", put("DEFAULT", "show_image_direct_url", "yes"), "DIRECT_URL_SHOWN", None, "false", "note"),
    ("glance", drop("netapp", "cinder_volume_type"), "STORE_TYPE_UNSET", "store netapp", "cinder_volume_type",
     "error"),
    ("glance", drop("netapp", "cinder_store_user_name"), "STORE_USER_UNSET", "store netapp",
     "cinder_store_user_name", "warning"),
    ("glance", drop("ceph", "rbd_store_user"), "STORE_RBD_USER_UNSET", "store ceph", "rbd_store_user", "warning"),
    ("glance", drop("os_glance_staging_store", "filesystem_store_datadir"), "STAGING_DEFAULT", None, "room", "note"),
    ("site", store(1, fsid="00000000-0000-0000-0000-000000000000"), "STORE_WITHOUT_BACKEND", "store ceph",
     "enabled_backends", "warning"),
    ("site", store(1, fsid="00000000-0000-0000-0000-000000000000"), "BACKEND_WITHOUT_STORE",
     "backend node@ceph#ceph", "rbd store", "error"),
    ("site", lambda site: site["stores"].pop(0), "BACKEND_WITHOUT_STORE", "backend node@netapp#pool0",
     "cinder store", "error"),
    ("site", lambda site: site["stores"].pop(0), "TYPE_WITHOUT_STORE", "volume type netapp", "add a store", "error"),
    ("site", store(0, volume_type="gone"), "STORE_TYPE_UNKNOWN", "store netapp", "create the volume type gone", "error"),
    ("site", lambda site: site["stores"][0].pop("volume_type"), "STORE_TYPE_UNSET", "store netapp",
     "cinder_volume_type", "warning"),
    ("site", lambda site: site["stores"].append({"id": "cold", "type": "swift"}), "STORE_NOT_CLONABLE", "store cold",
     "copies in other stores", "note"),
    ("site", backend(0, store="tape"), "BACKEND_STORE_UNKNOWN", "backend node@ceph#ceph", "glance_store_id", "error"),
    ("site", backend(0, store="netapp"), "BACKEND_STORE_ELSEWHERE", "backend node@ceph#ceph", "glance_store_id",
     "error"),
    ("site", spec(0, "volume_backend_name", "gone"), "TYPE_WITHOUT_BACKEND", "volume type netapp",
     "openstack volume type set --property volume_backend_name=NAME netapp", "error"),
    ("site", spec(1, "image_service:store_id", "gone"), "TYPE_STORE_UNKNOWN", "volume type ceph",
     "image_service:store_id=STORE ceph", "error"),
    ("site", spec(1, "image_service:store_id", "netapp"), "TYPE_STORE_ELSEWHERE", "volume type ceph",
     "image_service:store_id=STORE ceph", "warning"),
    ("site", lambda site: site["backends"].append(
        {"host": "edge@ceph2#ceph2", "name": "ceph", "type": "rbd", "fsid": "1" * 8, "pool": "volumes"}),
     "TYPE_PARTLY_STORED", "volume type ceph", "ImageLocalityFilter", "warning"),
    ("site", lambda site: site["backends"].pop(1), "BACKEND_NOT_IN_SITE", "backend netapp",
     "openstack volume service list", "warning"),
]


@pytest.mark.parametrize("what, broken, code, subject, change, severity", BROKEN,
                         ids=["%s-%s" % (one[0], one[2]) for one in BROKEN])
def test_what_is_broken_is_named_with_its_remedy(well, what, broken, code, subject, change, severity):
    well.cinder["vtclone"] = {}
    broken(getattr(well, what))
    report = well.doctor("--no-ceph")
    found = finding(report, code, subject)
    assert found["severity"] == severity and change in found["change"] and found["message"]
    assert report["status"] == (0 if {one["severity"] for one in report["findings"]} <= {"note"} else 3)


def test_a_site_without_stores_is_an_error_where_glance_says_nothing_either(well):
    well.site["stores"] = []
    assert finding(well.doctor("--no-ceph", use=("cinder", "site")), "NO_STORES")["severity"] == "error"


def remedy(option):
    """What doctor has to say of a wrong value; None where every text is a value (and for keystoneauth's options)."""
    if option not in opts.volume_opts + opts.glance_opts + opts.scheduler_opts:
        return None
    if getattr(option.type, "choices", None):
        return "set it to one of " + ", ".join(option.type.choices)
    if isinstance(option, cfg.BoolOpt):
        return "set it to true or false"
    if isinstance(option, (cfg.IntOpt, cfg.FloatOpt)):
        kind = "whole number" if isinstance(option, cfg.IntOpt) else "number"
        return "set it to a %s" % kind + ("" if option.type.min is None else " of at least %g" % option.type.min)
    return None


def oslo_takes(well, name):
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(well.folder / "cinder.conf")])
    opts.register(conf)
    try:
        conf.vtclone[name]
    except cfg.ConfigFileValueError:
        return False
    return True


@pytest.mark.parametrize("name, value", [
    ("clone_concurrency", "8"), ("clone_concurrency", "0"), ("clone_concurrency", "8.0"), ("clone_concurrency", "1e3"),
    ("clone_concurrency", "+8"), ("copy_timeout", "1"), ("copy_timeout", "0.5"), ("copy_timeout", "1e3"), ("copy_timeout", "0x10"),
    ("copy_timeout", "60 s"), ("connect_timeout", "-1"),
    ("glance_timeout", "0.1"), ("locality_weight_multiplier", "-5"), ("locality_weight_multiplier", "ten"),
    ("locality_ttl", "-1"), ("record_in_metadata", "Yes"), ("record_in_metadata", "2")])
def test_doctor_reads_numbers_and_booleans_as_oslo_does(well, name, value):
    well.cinder["vtclone"] = {name: value}
    found = [one["subject"] for one in well.doctor("--no-ceph")["findings"] if one["code"] == "OPTION_BAD_VALUE"]
    assert found == ([] if oslo_takes(well, name) else ["[vtclone] " + name])


def test_doctor_knows_every_option_and_choice_that_the_code_registers(well):
    options = [option for _group, group in opts.list_opts() for option in group]
    assert len(options) > 40
    well.cinder["vtclone"] = {option.name: "not-a-value" for option in options}
    report = well.doctor("--no-ceph")
    assert "OPTION_UNKNOWN" not in {one["code"] for one in report["findings"]}
    named = {one["subject"].split()[1]: one["change"] for one in report["findings"] if one["code"] == "OPTION_BAD_VALUE"}
    assert named == {option.dest: remedy(option) for option in options if remedy(option)}


def test_a_wrong_choice_says_which_service_it_breaks_and_when(well):
    well.cinder["vtclone"] = {"engine": "warp", "locality_filter": "strict"}
    report = well.doctor("--no-ceph")
    assert "cinder-volume does not start" in finding(report, "OPTION_BAD_VALUE", "[vtclone] engine")["message"]
    message = finding(report, "OPTION_BAD_VALUE", "[vtclone] locality_filter")["message"]
    assert "cinder-scheduler starts, but ImageLocalityFilter fails" in message and "cinder-volume" not in message
    assert not oslo_takes(well, "locality_filter")


@pytest.mark.parametrize("own, words", [("4", "its object size, not the backend's"), ("16", "the direct engine leaves")])
def test_object_sizes_that_differ_are_noted_with_what_comes_of_it(well, own, words):
    well.cinder["ceph"]["rbd_store_chunk_size"] = own
    found = finding(well.doctor("--no-ceph", use=("cinder", "glance")), "OBJECT_SIZE")
    assert "it is %s MiB, that of store ceph 8 MiB" % own in found["message"] and words in found["message"]
    assert found["severity"] == "note"


def test_one_location_shown_and_no_credentials_is_partial(well):
    del well.cinder["service_user"]
    well.glance["DEFAULT"]["show_image_direct_url"] = "True"
    assert finding(well.doctor("--no-ceph"), "LOCATIONS_PARTIAL")["severity"] == "warning"


def test_copy_on_a_miss_makes_a_missing_copy_image_an_error(well):
    well.cinder["vtclone"] = {"on_miss": "copy"}
    well.glance["DEFAULT"]["enabled_import_methods"] = "web-download"
    assert finding(well.doctor("--no-ceph"), "COPY_IMAGE_DISABLED")["severity"] == "error"


def test_without_the_volume_manager_missing_schemes_are_a_warning(well):
    del well.cinder["DEFAULT"]["volume_manager"], well.cinder["DEFAULT"]["allowed_direct_url_schemes"]
    assert finding(well.doctor("--no-ceph"), "DIRECT_URL_SCHEMES")["severity"] == "warning"


def test_a_backends_options_may_stand_in_backend_defaults_and_in_a_second_file(well):
    well.cinder["backend_defaults"] = {"rbd_user": well.cinder["ceph"].pop("rbd_user")}
    second = well.folder / "backends.conf"
    second.write_text(ini({"ceph": well.cinder.pop("ceph")}))
    report = well.doctor("--no-ceph", "--cinder-conf", str(second))
    assert report["findings"] == []


def test_values_go_on_in_indented_lines_and_the_last_of_two_counts(well):
    well.cinder["DEFAULT"]["enabled_backends"] = "tape"
    well.cinder["DEFAULT"]["enabled_backends "] = "netapp,\n    ceph"
    assert well.doctor("--no-ceph")["findings"] == []


# ---- images ----

IMAGES = [
    {"id": "11111111-0000-4000-8000-000000000001", "name": "both", "status": "active", "disk_format": "raw",
     "container_format": "bare", "stores": "netapp,ceph"},
    {"id": "11111111-0000-4000-8000-000000000002", "name": "half", "status": "active", "disk_format": "raw",
     "container_format": "bare", "stores": "netapp"},
    {"id": "11111111-0000-4000-8000-000000000003", "name": "cow", "status": "active", "disk_format": "qcow2",
     "container_format": "bare", "stores": "netapp,ceph"},
    {"id": "11111111-0000-4000-8000-000000000004", "name": "signed", "status": "active", "disk_format": "raw",
     "container_format": "bare", "stores": "netapp,ceph", "img_signature": "abc"},
    {"id": "11111111-0000-4000-8000-000000000005", "name": "queued", "status": "queued", "disk_format": None,
     "container_format": None}]


def test_an_image_missing_beside_a_type_comes_with_the_copy_command(well):
    (well.folder / "images.json").write_text(json.dumps({"images": IMAGES}))
    report = well.doctor("--no-ceph", "--images", str(well.folder / "images.json"))
    found = finding(report, "IMAGE_NOT_IN_STORE")
    assert found["subject"] == "image 11111111-0000-4000-8000-000000000002 (half)"
    assert found["change"] == ("vtclone copy --image-id 11111111-0000-4000-8000-000000000002 --store ceph --wait")
    assert "volumes of type ceph" in found["message"] and report["status"] == 3


def test_store_ids_are_compared_whole(well):
    image = dict(IMAGES[0], stores="netapp,ceph-old")
    (well.folder / "images.json").write_text(json.dumps([image]))
    report = well.doctor("--no-ceph", "--images", str(well.folder / "images.json"))
    assert "--store ceph " in finding(report, "IMAGE_NOT_IN_STORE")["change"]


def test_images_that_can_never_be_cloned_count_their_volumes(well):
    (well.folder / "images.json").write_text(json.dumps({"images": IMAGES}))
    (well.folder / "volumes.json").write_text(json.dumps({"volumes": [
        {"id": "v%d" % n, "volume_image_metadata": {"image_id": IMAGES[2]["id"]}} for n in range(7)] +
        [{"id": "w"}, {"id": "x", "volume_image_metadata": {"image_id": IMAGES[0]["id"]}}]}))
    report = well.doctor("--no-ceph", "--images", str(well.folder / "images.json"),
                         "--volumes", str(well.folder / "volumes.json"))
    never = [one for one in report["findings"] if one["code"] == "IMAGE_NOT_CLONABLE"]
    assert len(never) == 2
    cow = [one for one in never if "(cow)" in one["subject"]][0]
    assert "qcow2" in cow["message"] and "7 volumes came from it" in cow["message"]
    signed = [one for one in never if "(signed)" in one["subject"]][0]
    assert signed["severity"] == "note" and "signed_images" in signed["change"]


@pytest.mark.parametrize("document, words", [
    ([{"ID": IMAGES[0]["id"], "Name": "a", "Status": "active"}], 'number 1 has no "id" or no "status"'),
    ([IMAGES[0], dict(IMAGES[1], status=None)], 'number 2 has no "id"'), ([1, "x"], 'number 1 has no "id"'),
    ({"foo": 1}, "neither"), ({"images": {}}, "neither"), ("text", "neither"), ({"id": "x"}, "number 1")])
def test_a_document_that_is_not_of_images_is_refused_with_its_path(well, document, words):
    path = well.folder / "images.json"
    path.write_text(json.dumps(document))
    done = well.doctor("--no-ceph", "--images", str(path), json_format=False)
    assert done.returncode == 2 and done.stderr.startswith("vtclone doctor: images: %s: " % path) and words in done.stderr


def test_volumes_of_another_form_are_refused(well):
    (well.folder / "images.json").write_text(json.dumps([]))
    (well.folder / "volumes.json").write_text(json.dumps([{"ID": "x"}]))
    done = well.doctor("--no-ceph", "--images", str(well.folder / "images.json"), "--volumes", str(well.folder / "volumes.json"),
                       json_format=False)
    assert done.returncode == 2 and 'volumes: number 1 has no "id"' in done.stderr


def test_a_report_that_is_full_says_so_and_is_never_well(well):
    (well.folder / "images.json").write_text(json.dumps([dict(IMAGES[2], id="cow-%d" % n) for n in range(5001)]))
    report = well.doctor("--no-ceph", "--images", str(well.folder / "images.json"))
    assert report["truncated"] is True and (report["notes"], report["warnings"], report["errors"]) == (5000, 0, 0)
    assert report["status"] == 3
    (well.folder / "images.json").write_text(json.dumps([IMAGES[2]]))
    report = well.doctor("--no-ceph", "--images", str(well.folder / "images.json"))
    assert "truncated" not in report and report["status"] == 0


def images_report(well, **properties):
    (well.folder / "images.json").write_text(json.dumps([dict(IMAGES[1], **properties)]))
    return well.doctor("--no-ceph", "--images", str(well.folder / "images.json"))


@pytest.mark.parametrize("properties", [
    {"img_signature_certificate_uuid": "abc"}, {"img_signature_hash_method": "SHA-256"},
    {"img_signature_key_type": "RSA-PSS"}, {"properties": {"img_signature": "abc"}}])
def test_a_signed_image_is_looked_at_like_any_other_where_signed_images_are_allowed(well, properties):
    found = finding(images_report(well, **properties), "IMAGE_NOT_CLONABLE")
    assert "it is signed" in found["message"] and "signed_images = allow" in found["change"]
    well.cinder["vtclone"] = {"signed_images": "allow"}
    report = images_report(well, **properties)
    assert {one["code"] for one in report["findings"]} == {"SIGNED_IMAGES_ALLOWED", "IMAGE_NOT_IN_STORE"}


@pytest.mark.parametrize("properties", [
    {"cinder_encryption_key_id": "abc"}, {"os_encrypt_key_id": "abc"}, {"properties": {"os_encrypt_format": "LUKS"}}])
def test_an_encrypted_image_is_never_cloned_even_if_it_is_signed(well, properties):
    well.cinder["vtclone"] = {"signed_images": "allow"}
    found = finding(images_report(well, img_signature="abc", **properties), "IMAGE_NOT_CLONABLE")
    assert "it is encrypted" in found["message"] and found["severity"] == "note"


# ---- what people and scripts see ----

def test_the_table_shows_code_message_and_change(well):
    del well.cinder["DEFAULT"]["volume_manager"]
    done = well.doctor("--no-ceph", json_format=False)
    assert done.returncode == 3
    assert "error    VOLUME_MANAGER_STOCK  [DEFAULT] volume_manager" in done.stdout
    assert "change: set volume_manager" in done.stdout and "1 errors, 0 warnings, 0 notes" in done.stdout
    assert "\033" not in done.stdout


@pytest.mark.parametrize("text, words", [("[DEFAULT\na = b\n", "line 1"), ("[DEFAULT]\nnonsense\n", "line 2"),
                                         ("[DEFAULT]\n= b\n", "without a name"), ("  a = b\n", "continues nothing")])
def test_a_file_that_oslo_config_refuses_is_refused_with_its_line(tmp_path, text, words):
    (tmp_path / "cinder.conf").write_text(text)
    done = subprocess.run([PROGRAM, "doctor", "--cinder-conf", str(tmp_path / "cinder.conf")], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 2 and words in done.stderr


def test_a_name_in_utf8_is_kept_and_other_bytes_are_refused(tmp_path):
    path = tmp_path / "cinder.conf"
    path.write_text("[DEFAULT]\nenabled_backends = \uc138\ud504\n", encoding="utf-8")
    args = [PROGRAM, "doctor", "--format", "json", "--cinder-conf", str(path)]
    done = subprocess.run(args, capture_output=True, timeout=60, check=False)
    found = {one["subject"] for one in json.loads(done.stdout)["findings"]}
    assert "backend \uc138\ud504" in found and done.returncode == 3
    for wrong in (b"\xff", b"\xc3", b"\xe3\x81", b"\xf0\x9f\x98", b"\xc0\xaf", b"\x00"):
        path.write_bytes(b"[DEFAULT]\nhost = " + wrong)
        done = subprocess.run(args, capture_output=True, timeout=60, check=False)
        assert done.returncode == 2 and b"UTF-8" in done.stderr, wrong


@pytest.mark.parametrize("args, words", [
    ([], "at least one of"), (["--cinder-conf", "/nonexistent"], "No such file"), (["extra"], "unexpected argument"),
    (["--site", "/dev/null"], "site"), (["--format", "xml", "--site", "/dev/null"], "neither table nor json"),
    (["--cinder-conf", "/dev/null", "--volumes", "x"], "--volumes needs --images")])
def test_bad_usage_ends_with_2_and_says_what_is_wrong(args, words):
    done = subprocess.run([PROGRAM, "doctor"] + args, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and words in done.stderr


def test_control_characters_of_a_name_do_not_reach_the_terminal(well):
    well.site["volume_types"][0]["name"] = "net\033[31mapp"
    well.site["volume_types"][0]["extra_specs"]["volume_backend_name"] = "gone"
    done = well.doctor("--no-ceph", json_format=False)
    assert "\033" not in done.stdout and "net\\x1b[31mapp" in done.stdout
