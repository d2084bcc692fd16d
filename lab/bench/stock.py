"""Stock Cinder's own RBDDriver.clone_image, in a process of its own as in cinder-volume: eventlet, and calls into librbd in
its native threads (backend_native_threads_pool_size). Reads the job as JSON from standard input, prints what came of it."""

import eventlet
eventlet.monkey_patch()

# pylint: disable=wrong-import-position
import json
import resource
import sys
import time
import uuid

from cinder import context
from cinder import objects
objects.register_all()
from cinder.volume import configuration
from cinder.volume import driver as base
from cinder.volume.drivers import rbd as driver_module
from cinder.volume import manager  # registers the options of volume managers
from oslo_config import cfg


def make_driver(job):
    cfg.CONF([], project="cinder", default_config_files=[])
    group = "ceph"
    config = configuration.Configuration(manager.volume_backend_opts, config_group=group)
    config.append_config_values(base.volume_opts)
    config.append_config_values(driver_module.RBD_OPTS)
    for option, value in (("rbd_pool", job["pool"]), ("rbd_user", job["user"]), ("rbd_ceph_conf", job["conf"]),
                          ("rbd_cluster_name", job["cluster"]), ("volume_backend_name", "ceph"),
                          ("rbd_secret_uuid", str(uuid.uuid4()))):
        cfg.CONF.set_override(option, value, group)
    from eventlet import tpool
    tpool.set_num_threads(config.backend_native_threads_pool_size)
    driver = driver_module.RBDDriver(configuration=config)
    driver.do_setup(None)
    driver.check_for_setup_error()
    return driver


def make_volume(ctxt, size):
    return objects.Volume(ctxt, id=str(uuid.uuid4()), size=size, _name_id=None, volume_type=None, volume_type_id=None,
                          multiattach=False, encryption_key_id=None)


def main():
    job = json.load(sys.stdin)
    driver = make_driver(job)
    ctxt = context.get_admin_context()
    location = (job["url"], [{"url": job["url"], "metadata": {}}])
    meta = {"id": job["image"], "disk_format": "raw", "container_format": "bare"}
    took, failed = [], 0

    def one(size):
        volume = make_volume(ctxt, size)
        begun = time.monotonic()
        _update, cloned = driver.clone_image(ctxt, volume, location, meta, None)
        if not cloned:
            raise RuntimeError("the driver did not clone")
        return time.monotonic() - begun

    one(job["size"])  # what the first call imports and caches
    pool = eventlet.GreenPool(job["concurrency"])
    used = resource.getrusage(resource.RUSAGE_SELF)
    begun = time.monotonic()
    for seconds in pool.imap(one, [job["size"]] * job["count"]):
        took.append(seconds * 1000)
    wall = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_SELF)
    took.sort()
    print(json.dumps({"engine": "stock", "count": job["count"], "concurrency": job["concurrency"], "failed": failed,
                      "p50_ms": took[(len(took) - 1) // 2], "p99_ms": took[(len(took) - 1) * 99 // 100],
                      "per_second": len(took) / wall,
                      "cpu_s": after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime,
                      "peak_kib": after.ru_maxrss}))


if __name__ == "__main__":
    main()
