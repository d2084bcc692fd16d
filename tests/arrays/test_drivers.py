"""Cinder's NetApp (NFS and iSCSI) and PowerStore drivers do their work on the emulated arrays."""

import os

import pytest

POOL = {"netapp": "127.0.0.1:/nfs1", "netapp-san": "san1", "netapp-rest": "127.0.0.1:/nfs1", "netapp-san-rest": "san1",
        "powerstore": "powerstore"}
BACKENDS = tuple(POOL)
GIB = 1 << 30


@pytest.fixture(params=BACKENDS)
def backend(request, backends):
    return backends(request.param)


@pytest.fixture
def pool(backend):
    return POOL[backend.name]


def put(path, text=b"bytes of the image", offset=4096):
    with open(path, "r+b") as stream:
        stream.seek(offset)
        stream.write(text)


def get(path, count=18, offset=4096):
    with open(path, "rb") as stream:
        stream.seek(offset)
        return stream.read(count)


def test_the_pools_are_the_arrays_own(backend, pool):
    names = {"127.0.0.1:/nfs1": {"127.0.0.1:/nfs1", "127.0.0.1:/nfs2"}, "san1": {"san1", "san2"},
             "powerstore": {"powerstore"}}
    pools = backend.pools()
    assert {each["pool_name"] for each in pools} == names[pool]
    assert all(pool["total_capacity_gb"] > pool["free_capacity_gb"] - 1 > 400 for pool in pools)


def test_a_volume_is_a_sparse_file_of_its_size_until_it_is_deleted(backend, pool):
    volume = backend.made(pool, 2)
    status = os.stat(backend.path(volume))
    assert status.st_size == 2 * GIB and status.st_blocks * 512 < 1 << 20
    backend.driver.delete_volume(volume)
    assert backend.path(volume) is None


def test_a_clone_is_one_call_and_has_bytes_of_its_own(backend, pool):
    source = backend.made(pool)
    put(backend.path(source))
    since = backend.array.mark()
    clone = backend.clone(source)
    assert len(backend.array.clones(since)) == 1
    assert get(backend.path(clone)) == b"bytes of the image"
    put(backend.path(clone), b"other bytes")
    assert get(backend.path(source)) == b"bytes of the image"
    for volume in (clone, source):
        backend.driver.delete_volume(volume)
    assert backend.path(clone) is None and backend.path(source) is None


def test_a_larger_clone_is_grown(backend, pool):
    source = backend.made(pool)
    put(backend.path(source))
    clone = backend.clone(source, 3)
    assert os.stat(backend.path(clone)).st_size == 3 * GIB
    assert get(backend.path(clone)) == b"bytes of the image"
    backend.driver.extend_volume(clone, 4)
    assert os.stat(backend.path(clone)).st_size == 4 * GIB


def test_a_clone_stays_in_the_pool_of_its_source(backend, pool):
    other = {"127.0.0.1:/nfs1": "127.0.0.1:/nfs2", "san1": "san2"}.get(pool)
    source = backend.made(pool)
    clone = backend.clone(source, pool=other or pool)
    assert os.path.dirname(backend.path(clone)) == os.path.dirname(backend.path(source))


def test_wrong_credentials_are_refused(backend, pool, lab):
    from cinder import exception
    from cinder.volume.drivers.netapp.dataontap.client import api
    if backend.name == "powerstore":
        client = backend.driver.adapter.client
        attribute = "rest_password"
    else:
        library = getattr(backend.driver, "library", backend.driver)      # the NFS driver has none
        client, attribute = library.zapi_client.connection, "_password"
    good = getattr(client, attribute)
    setattr(client, attribute, "wrong")
    client._refresh_conn = True
    client._opener = None
    try:
        with pytest.raises((exception.VolumeBackendAPIException, api.NaApiError)):
            backend.pools()
    finally:
        setattr(client, attribute, good)
        client._opener = None
    assert backend.pools()


FAULTS = [{"how": "error"}, {"how": "error-after"}, {"how": "drop"}, {"how": "drop-after"}]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["how"])
def test_the_nth_clone_fails_as_it_was_told_to(backend, pool, fault):
    source = backend.made(pool)
    backend.array.control([{"call": backend.array.clone_call, "nth": 2, **fault}])
    backend.clone(source)
    volume = backend.volume(pool)
    with pytest.raises(Exception) as caught:
        backend.driver.create_cloned_volume(volume, source)
    assert not isinstance(caught.value, AssertionError)
    assert (backend.path(volume) is not None) == fault["how"].endswith("-after")
    backend.clone(source)
    assert backend.array.state()["faults"][0]["made"] == 1


def test_a_full_array_reports_no_space_and_makes_nothing(backend, pool):
    from cinder import exception
    source = backend.made(pool)
    backend.array.control(full=True)
    assert all(one["free_capacity_gb"] == 0 for one in backend.pools())
    volume = backend.volume(pool)
    with pytest.raises(exception.VolumeBackendAPIException):
        backend.driver.create_cloned_volume(volume, source)
    assert backend.path(volume) is None
    backend.array.control()
    assert all(one["free_capacity_gb"] > 400 for one in backend.pools())


def test_a_slow_array_is_slow(backend, pool):
    source = backend.made(pool)
    since = backend.array.mark()
    backend.array.control([{"call": backend.array.clone_call, "how": "delay", "delay": 0.7, "times": 0}])
    backend.clone(source)
    assert backend.array.clones(since)[0]["seconds"] >= 0.7


def test_snapshots_and_volumes_from_them(backend, pool):
    from cinder import objects
    source = backend.made(pool)
    put(backend.path(source))
    snapshot = objects.Snapshot(backend.context, volume_id=source.id, volume_size=1, status="creating",
                                project_id="project", user_id="user", display_name="s")
    snapshot.create()
    backend.driver.create_snapshot(snapshot)
    put(backend.path(source), b"changed afterwards")
    volume = backend.volume(pool)
    backend.keep(volume, backend.driver.create_volume_from_snapshot(volume, snapshot))
    assert get(backend.path(volume)) == b"bytes of the image"
    backend.driver.delete_snapshot(snapshot)
    assert snapshot.name not in backend.array.volume_names()


@pytest.fixture
def host():
    """The properties of this host as an initiator (lab/arrays/initiator.py)."""
    from os_brick.initiator import connector
    import sys
    from labkit import arrays
    sys.path.insert(1, arrays.CODE)
    import initiator
    initiator.install()
    return connector.get_connector_properties("sudo", "127.0.0.1", False, False)


def test_an_iscsi_volume_is_mapped_to_its_host_and_back(backends, host):
    from os_brick.initiator import connector
    for name in ("netapp-san", "netapp-san-rest", "powerstore"):
        backend = backends(name)
        volume = backend.made(POOL[name])
        # as the manager does it: Cinder 26's NetApp driver reads the provider_location that this sets
        backend.keep(volume, backend.driver.create_export(backend.context, volume, host))
        connection = backend.driver.initialize_connection(volume, host)
        conn = connector.InitiatorConnector.factory(connection["driver_volume_type"], "sudo")
        device = conn.connect_volume(connection["data"])
        assert os.path.samefile(device["path"], backend.path(volume))
        with open(device["path"], "wb") as stream:      # cuts a file; a LUN keeps its size
            stream.write(b"data")
        conn.disconnect_volume(connection["data"], device)
        backend.driver.terminate_connection(volume, host)
        assert os.stat(backend.path(volume)).st_size == GIB
        with pytest.raises(Exception):
            conn.connect_volume(connection["data"])
        backend.driver.delete_volume(volume)


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "powerstore"])
def test_qos_policy_groups_follow_the_volume(backends, name):
    from cinder.volume import qos_specs
    from cinder.volume import volume_types
    backend = backends(name)
    specs = qos_specs.create(backend.context, f"fast-{name}", {"consumer": "back-end", "maxIOPS": "1000"})
    made = volume_types.create(backend.context, f"fast-{name}", {})
    qos_specs.associate_qos_with_type(backend.context, specs.id, made["id"])
    source = backend.made(POOL[name])
    volume = backend.volume(POOL[name], volume_type_id=made["id"])
    backend.keep(volume, backend.driver.create_cloned_volume(volume, source))
    policy = f"openstack-{volume.id}"
    known = backend.array.known()
    assert known["qos"][policy]["limits"]["max-throughput"] == "1000iops"
    if "san" in name:
        assert known["luns"][f"/vol/san1/{volume.name}"]["qos"] == policy
    else:
        assert known["file_qos"][f"/vol/nfs1/{volume.name}"] == policy
    backend.driver.delete_volume(volume)
    assert policy not in backend.array.known()["qos"]


@pytest.mark.parametrize("name, call", [
    ("netapp", "clone-create"), ("netapp-san", "clone-create"),
    ("netapp-rest", "POST /storage/file/clone"), ("netapp-san-rest", "POST /storage/luns (clone)")])
def test_netapps_driver_speaks_the_interface_that_it_was_told_to(backends, name, call):
    backend = backends(name)
    source = backend.made(POOL[name])
    since = backend.array.mark()
    clone = backend.clone(source)
    entry, = backend.array.clones(since)
    assert (entry["call"], entry["source"], entry["target"]) == (call, source.name, clone.name)


def test_both_interfaces_of_netapp_show_the_same_volumes(backends):
    """A volume of one driver is the other's to clone and to delete: an operator may change over."""
    for old, new in (("netapp", "netapp-rest"), ("netapp-san", "netapp-san-rest")):
        source = backends(old).made(POOL[old])
        put(backends(old).path(source))
        clone = backends(new).clone(source)
        assert get(backends(new).path(clone)) == b"bytes of the image"
        backends(new).driver.delete_volume(source)
        assert backends(old).path(source) is None


def test_powerstore_limits_a_clone_while_it_is_attached_where_its_driver_can(backends, host):
    from cinder.volume import qos_specs
    from cinder.volume import volume_types
    backend = backends("powerstore")
    specs = qos_specs.create(backend.context, "limited", {"consumer": "back-end", "bandwidth_limit_type": "Absolute",
                                                          "max_iops": "1000"})
    made = volume_types.create(backend.context, "limited", {})
    qos_specs.associate_qos_with_type(backend.context, specs.id, made["id"])
    volume = backend.volume("powerstore", volume_type_id=made["id"])
    backend.keep(volume, backend.driver.create_cloned_volume(volume, backend.made("powerstore")))

    def policy():
        return next(one for one in backend.array.known()["volumes"].values() if one["name"] == volume.name)[
            "qos_performance_policy_id"]
    assert policy() is None
    backend.driver.initialize_connection(volume, host)
    known = backend.array.known()
    if hasattr(backend.driver.adapter, "_get_or_create_qos_policy"):        # Cinder 26; 21.3 knows no QoS of PowerStore
        rule = known["io_limit_rules"][known["policies"][policy()]["io_limit_rule_id"]]
        assert str(rule["max_iops"]) == "1000"
    else:
        assert policy() is None and not known["io_limit_rules"]
    backend.driver.terminate_connection(volume, host)
    assert policy() is None
    backend.driver.delete_volume(volume)
