"""The configuration files of an OpenStack lab, as sections of options that a start or restart can override."""

import os

from labkit import arrays, database, layout, rabbit

NODE = "node"               # host part of the backends' names, as in labkit/site.py
PASSWORD = "not-for-any-log"    # of every user; a word that tests can look for in logs
FIXED_KEY = "6c6162" + "0" * 58     # encrypted volume types: Cinder's fixed-key manager

CINDER_DAEMONS = ("cinder-api", "cinder-scheduler", "cinder-volume")

CINDER_PASTE = """\
[composite:osapi_volume]
use = call:cinder.api:root_app_factory
/ = versions
/v3 = v3

[pipeline:versions]
pipeline = fault versions_app

[pipeline:v3]
pipeline = request_id fault sizelimit authtoken context v3_app

[app:versions_app]
paste.app_factory = cinder.api.versions:Versions.factory

[app:v3_app]
paste.app_factory = cinder.api.v3.router:APIRouter.factory

[filter:fault]
paste.filter_factory = cinder.api.middleware.fault:FaultWrapper.factory

[filter:request_id]
paste.filter_factory = cinder.api.middleware.request_id:RequestId.factory

[filter:sizelimit]
paste.filter_factory = oslo_middleware.sizelimit:RequestBodySizeLimiter.factory

[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory

[filter:context]
paste.filter_factory = cinder.api.middleware.auth:CinderKeystoneContext.factory
"""

GLANCE_PASTE = """\
[pipeline:glance-api-keystone]
pipeline = versionnegotiation authtoken context root

[composite:root]
paste.composite_factory = glance.api:root_app_factory
/ = versions
/v2 = v2

[app:versions]
paste.app_factory = glance.api.versions:create_resource

[app:v2]
paste.app_factory = glance.api.v2.router:API.factory

[filter:versionnegotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory

[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory

[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory
"""


def _user(facts, name):
    """keystoneauth options of a service user."""
    return {"auth_type": "password", "auth_url": facts["urls"]["keystone"] + "/v3", "username": name,
            "password": PASSWORD, "project_name": "service", "user_domain_id": "default",
            "project_domain_id": "default"}


def _common(facts, daemon, user):
    state = facts["state"]
    return {
        "DEFAULT": {"debug": str(facts["debug"]).lower(), "log_file": f"{state}/log/{daemon}.log",
                    "use_stderr": "false"},
        "keystone_authtoken": {**_user(facts, user), "www_authenticate_uri": facts["urls"]["keystone"],
                               "service_token_roles": "service", "service_token_roles_required": "true"},
        "oslo_concurrency": {"lock_path": f"{state}/lock"},
        "oslo_messaging_notifications": {"driver": "noop"},
        "oslo_policy": {"policy_dirs": f"{state}/etc/policy.d"},
    }


def keystone(facts):
    state = facts["state"]
    return {
        "DEFAULT": {"debug": str(facts["debug"]).lower(), "log_file": f"{state}/log/keystone.log",
                    "use_stderr": "false"},
        "database": {"connection": database.url(state, "keystone"), "max_pool_size": "20"},
        "cache": {"enabled": "true", "backend": "dogpile.cache.memory"},
        "token": {"expiration": "86400"},
        "fernet_tokens": {"key_repository": f"{state}/keys/fernet"},
        "fernet_receipts": {"key_repository": f"{state}/keys/fernet"},
        "credential": {"key_repository": f"{state}/keys/credential"},
        "identity": {"password_hash_rounds": "4"},
        "oslo_policy": {"policy_dirs": f"{state}/etc/policy.d"},
        "oslo_messaging_notifications": {"driver": "noop"},
    }


def cinder_store(keystone, volume_type):
    """Glance's settings of a store whose images are volumes of that type; keystone: its address."""
    return {"cinder_volume_type": volume_type, "cinder_catalog_info": "volumev3::publicURL",
            "cinder_store_auth_address": f"{keystone}/v3", "cinder_store_user_name": "glance",
            "cinder_store_password": PASSWORD, "cinder_store_project_name": "service",
            "cinder_store_user_domain_name": "Default", "cinder_store_project_domain_name": "Default",
            "cinder_state_transition_timeout": "300"}


def glance(facts):
    state, ceph = facts["state"], facts["ceph"]
    conf = _common(facts, "glance-api", "glance")
    conf["DEFAULT"].update({
        "bind_host": "127.0.0.1", "bind_port": facts["ports"]["glance"], "workers": "1",
        "transport_url": rabbit.url(facts["ports"]),
        "enabled_backends": "netapp:cinder, ceph:rbd, powerstore:cinder",
        "enabled_import_methods": "[glance-direct,copy-image]",
        "show_multiple_locations": "true", "show_image_direct_url": "true",
        "worker_self_reference_url": facts["urls"]["glance"],
        "image_cache_dir": f"{state}/glance/cache",
    })
    conf["database"] = {"connection": database.url(state, "glance"), "max_pool_size": "30"}
    conf["paste_deploy"] = {"flavor": "keystone", "config_file": f"{state}/etc/glance-api-paste.ini"}
    conf["glance_store"] = {"default_backend": "netapp"}
    for array in layout.ARRAYS:
        conf[array] = {**cinder_store(facts["urls"]["keystone"], array), "store_description": f"array {array}",
                       "cinder_mount_point_base": f"{state}/mnt/glance-api"}
    conf["ceph"] = {"rbd_store_ceph_conf": ceph["conf"], "rbd_store_user": "glance", "rbd_store_pool": "images",
                    "rbd_store_chunk_size": "8", "store_description": "Ceph"}
    # Glance 30 looks into what is uploaded as qcow2 or vmdk; the lab's images are raw bytes of whatever format they are called
    conf["image_format"] = {"require_image_format_match": "false"}
    conf["os_glance_staging_store"] = {"filesystem_store_datadir": f"{state}/glance/staging"}
    conf["os_glance_tasks_store"] = {"filesystem_store_datadir": f"{state}/glance/tasks"}
    return conf


def _rbd_backend(facts, name, pool, user, backend_name):
    ceph = facts["ceph"]
    return {"volume_driver": "cinder.volume.drivers.rbd.RBDDriver", "volume_backend_name": backend_name,
            "rbd_pool": pool, "rbd_user": user, "rbd_ceph_conf": ceph["conf"], "rbd_cluster_name": ceph["name"],
            "rbd_secret_uuid": ceph["fsid"], "rados_connect_timeout": "10"}


def cinder(facts, daemon):
    state = facts["state"]
    conf = _common(facts, daemon, "cinder")
    extra = facts["extra_backends"]
    conf["DEFAULT"].update({
        "host": NODE, "transport_url": rabbit.url(facts["ports"]), "auth_strategy": "keystone",
        "state_path": f"{state}/cinder", "api_paste_config": f"{state}/etc/cinder-api-paste.ini",
        "osapi_volume_listen": "127.0.0.1", "osapi_volume_listen_port": facts["ports"]["cinder"],
        "osapi_volume_workers": "1", "enable_force_upload": "true",
        "glance_api_servers": facts["urls"]["glance"], "glance_num_retries": "1",
        # without it the arrays' backends would download what they could clone
        "allowed_direct_url_schemes": "cinder",
        "enabled_backends": ",".join(["netapp", "ceph", "powerstore"] + [backend["name"] for backend in extra]),
        "default_volume_type": "netapp",
        # these become rows when the database is made (database.py: a change needs another cache key)
        "quota_volumes": "-1", "quota_snapshots": "-1", "quota_gigabytes": "-1",
        "scheduler_driver_init_wait_time": "1",
        "graceful_shutdown_timeout": "5",
    })
    conf["database"] = {"connection": database.url(state, "cinder"), "max_pool_size": "30", "max_overflow": "50"}
    conf["service_user"] = {**_user(facts, "cinder"), "send_service_user_token": "true"}
    conf["coordination"] = {"backend_url": f"file://{state}/cinder/coordination"}
    conf["key_manager"] = {"backend": "cinder.keymgr.conf_key_mgr.ConfKeyManager", "fixed_key": FIXED_KEY}
    conf["ceph"] = _rbd_backend(facts, "ceph", "volumes", "cinder", "ceph")
    for array in layout.ARRAYS:
        conf[array] = arrays.backend(facts["arrays"], array) if facts["arrays"] else \
            _rbd_backend(facts, array, array, array, array)
    for backend in extra:
        conf[backend["name"]] = _rbd_backend(facts, backend["name"], backend["pool"], backend.get("user", "cinder"),
                                             backend.get("backend_name", backend["name"]))
    if facts["vtclone"]:
        conf["DEFAULT"]["volume_manager"] = "vtclone_cinder.manager.CloneVolumeManager"
    return conf


def parse_setting(text):
    """`section.key=value` -> (section, key, value)."""
    left, equals, value = text.partition("=")
    section, dot, key = left.strip().partition(".")
    if not (equals and dot and section and key):
        raise ValueError(f"{text!r} is not SECTION.KEY=VALUE")
    return section, key, value.strip()


def apply(conf, settings):
    for text in settings:
        section, key, value = parse_setting(text)
        conf.setdefault(section, {})[key] = value


def write(path, conf):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    text = ""
    for section, options in conf.items():
        text += f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items()) + "\n"
    write_text(path, text)


def write_text(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


def conf_path(facts, daemon):
    return os.path.join(facts["state"], "etc", daemon + ".conf")


def write_daemon(facts, daemon):
    """Write one daemon's file: defaults, what the start said, what a restart of this daemon said."""
    if daemon == "keystone":
        conf, wide = keystone(facts), facts["settings"]["keystone"]
    elif daemon == "glance-api":
        conf, wide = glance(facts), facts["settings"]["glance"]
    else:
        conf, wide = cinder(facts, daemon), facts["settings"]["cinder"]
    apply(conf, wide)
    apply(conf, facts["daemon_settings"].get(daemon, []))
    write(conf_path(facts, daemon), conf)


def write_all(facts):
    state = facts["state"]
    for folder in ("etc/policy.d", "lock", "tmp", "home", "log", "keys/fernet", "keys/credential", "cinder/coordination",
                   "cinder/conversion", "glance/cache", "glance/staging", "glance/tasks"):
        os.makedirs(os.path.join(state, folder), mode=0o700, exist_ok=True)
    # a policy folder with nothing to read is an error to some releases
    write_text(os.path.join(state, "etc", "policy.d", "none.yaml"), "{}\n")
    write_text(os.path.join(state, "etc", "cinder-api-paste.ini"), CINDER_PASTE)
    write_text(os.path.join(state, "etc", "glance-api-paste.ini"), GLANCE_PASTE)
    for daemon in ("keystone", "glance-api") + CINDER_DAEMONS:
        write_daemon(facts, daemon)
