"""The contract's site JSON for the seed's three backends, and Glance's and Cinder's JSON for one image on them.

Without OpenStack the arrays are `cinder` backends as the resolver sees them;
their image volumes exist on paper only, the rbd location is real.
"""

import uuid

from labkit import layout

NODE = "node"


def build(facts, node=NODE, array_pool="pool0", extra_backends=()):
    """`array_pool`: the arrays' pool names, None where a backend's pool is named after it (Cinder's RBD driver)."""
    def rbd(name, pool, user, backend_name):
        return {"host": f"{node}@{name}#{backend_name}", "name": backend_name, "type": "rbd", "fsid": facts["fsid"],
                "pool": pool, "user": user, "ceph_conf": facts["conf"], "cluster": facts["name"], "store": "ceph"}
    backends = [rbd("ceph", "volumes", "cinder", "ceph")]
    backends += [rbd(extra["name"], extra["pool"], extra.get("user", "cinder"),
                     extra.get("backend_name", extra["name"])) for extra in extra_backends]
    backends += [{"host": f"{node}@{name}#{array_pool or name}", "name": name, "type": "cinder", "store": name}
                 for name in layout.ARRAYS]
    stores = [{"id": name, "type": "cinder", "volume_type": name} for name in layout.ARRAYS]
    stores.insert(1, {"id": "ceph", "type": "rbd", "fsid": facts["fsid"], "pool": "images"})
    types = [{"name": name, "extra_specs": {"volume_backend_name": name, "image_service:store_id": name}}
             for name in ("netapp", "ceph", "powerstore")]
    return {"stores": stores, "backends": backends, "volume_types": types}


def image_volume_id(image_id, array):
    return str(uuid.uuid5(uuid.UUID(image_id), array))


def image(facts, image_id, size, owner, pool="images"):
    """Glance's JSON of the image, copied to all three stores, default store first."""
    urls = [("netapp", f"cinder://netapp/{image_volume_id(image_id, 'netapp')}"),
            ("ceph", f"rbd://{facts['fsid']}/{pool}/{image_id}/snap"),
            ("powerstore", f"cinder://powerstore/{image_volume_id(image_id, 'powerstore')}")]
    return {"id": image_id, "name": "lab", "status": "active", "visibility": "public", "owner": owner,
            "disk_format": "raw", "container_format": "bare", "size": size, "virtual_size": size, "min_disk": 0,
            "min_ram": 0, "protected": False, "stores": ",".join(store for store, _url in urls),
            "direct_url": urls[0][1],
            "locations": [{"url": url, "metadata": {"store": store}} for store, url in urls]}


def image_volumes(image_id, size, owner, node=NODE):
    """Cinder's JSON of the image volumes that the arrays' locations name."""
    gib = -(-size // (1 << 30))
    return {"volumes": [
        {"id": image_volume_id(image_id, array), "name": f"image-{image_id}", "status": "available", "size": gib,
         "os-vol-host-attr:host": f"{node}@{array}#pool0",
         "metadata": {"glance_image_id": image_id, "image_size": str(size), "image_owner": owner,
                      "readonly": "True"}}
        for array in layout.ARRAYS]}
