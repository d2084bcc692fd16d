"""Write the files a scratch Ceph starts from: configuration and key rings."""

import base64
import os
import struct
import time

from labkit import layout

OSD_PORTS = (10, 49)        # offsets from the base port
MGR_PORTS = (50, 59)

CONF = """\
# scratch Ceph of the vtclone lab; a client needs nothing but this file (--conf)
[global]
fsid = {fsid}
mon_host = v2:127.0.0.1:{port}
mon_initial_members = a
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
mon_warn_on_insecure_global_id_reclaim = false
keyring = {state}/{name}.$name.keyring
ms_bind_msgr1 = false
ms_bind_ipv6 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
crash_dir = {state}/crash
log_to_stderr = false
err_to_stderr = true
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0

[mon]
mon_data = {state}/mon.$id
keyring = {state}/mon.$id/keyring
admin_socket = {state}/mon.asok
log_file = {state}/log/mon.log
mon_cluster_log_file = {state}/log/cluster.log
mon_osd_initial_require_min_compat_client = {min_client}
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
mon_warn_on_pool_no_redundancy = false
mon_warn_on_pool_no_app = false
mon_max_pg_per_osd = 2000
mon_data_avail_warn = 2
mon_data_avail_crit = 1
mon_osd_nearfull_ratio = 0.93
mon_osd_backfillfull_ratio = 0.94
mon_osd_full_ratio = 0.95
# proposals wait for company by default: a second for each command of a cluster of one
paxos_propose_interval = 0.03
paxos_min_wait = 0.01

[osd]
osd_data = {state}/osd.$id
keyring = {state}/osd.$id/keyring
admin_socket = {state}/osd.asok
log_file = {state}/log/osd.log
osd_objectstore = {store}
osd_failsafe_full_ratio = 0.99
# a lone OSD whose read lease ran out while it was paused waits for peers for ever
osd_pool_default_read_lease_ratio = 1000
# memstore writes its data out in the long shutdown only
osd_fast_shutdown = false
osd_class_update_on_start = false
osd_max_pg_per_osd_hard_ratio = 10
memstore_device_bytes = {bytes}
bluestore_block_size = {bytes}
bluestore_block_create = true
bluestore_cache_autotune = false
bluestore_cache_size = 268435456
ms_bind_port_min = {osd_min}
ms_bind_port_max = {osd_max}

[mgr]
mgr_data = {state}/mgr.$id
keyring = {state}/mgr.$id/keyring
admin_socket = {state}/mgr.asok
log_file = {state}/log/mgr.log
mgr_initial_modules =
ms_bind_port_min = {mgr_min}
ms_bind_port_max = {mgr_max}
"""


def write_conf(facts):
    text = CONF.format(
        min_client="luminous" if facts["clone_v1"] else "mimic", bytes=facts["gib"] << 30,
        osd_min=facts["port"] + OSD_PORTS[0], osd_max=facts["port"] + OSD_PORTS[1],
        mgr_min=facts["port"] + MGR_PORTS[0], mgr_max=facts["port"] + MGR_PORTS[1], **facts)
    with open(facts["conf"], "w", encoding="utf-8") as stream:
        stream.write(text)


def _new_key():
    """A cephx secret: type 1 (AES), creation time, length, 16 random bytes."""
    now = time.time()
    blob = struct.pack("<HIIH", 1, int(now), int(now % 1 * 1e9), 16) + os.urandom(16)
    return base64.b64encode(blob).decode()


def _entry(entity, key, caps):
    lines = [f"[{entity}]", f"\tkey = {key}"]
    lines += [f'\tcaps {service} = "{value}"' for service, value in caps.items()]
    return "\n".join(lines) + "\n"


def _write_secret(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


def write_keyrings(facts):
    """Every entity's own key ring, and one with all of them for the monitor to be born with."""
    state = facts["state"]
    entities = {
        "mon.": ({"mon": "allow *"}, None),
        "osd.0": ({"mon": "allow profile osd", "mgr": "allow profile osd", "osd": "allow *"}, "osd.0/keyring"),
        "mgr.x": ({"mon": "allow profile mgr", "osd": "allow *", "mds": "allow *"}, "mgr.x/keyring"),
    }
    for user, caps in layout.user_caps(facts["extra_pools"]).items():
        entities[user] = (caps, f"{facts['name']}.{user}.keyring")
    birth = ""
    for entity, (caps, file_name) in entities.items():
        text = _entry(entity, _new_key(), caps)
        birth += text
        if file_name:
            _write_secret(os.path.join(state, file_name), text)
    _write_secret(os.path.join(state, "birth.keyring"), birth)
