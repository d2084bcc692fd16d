"""What the scratch Ceph looks like: its pools, its users and what each may touch.

`images` is Glance's rbd store, `volumes` the Ceph backend.  `netapp` and
`powerstore` stand for storage arrays: their users see their own pool only, so
nothing that acts for such a backend can reach Glance's pool by accident.
"""

ARRAYS = ("netapp", "powerstore")
POOLS = ("images", "volumes") + ARRAYS + ("scratch",)


def user_caps(extra_pools=()):
    """{user: {service: caps}}; extra pools belong to client.cinder, like `volumes`."""
    own = ("volumes",) + tuple(extra_pools)
    volume_pools = own + ARRAYS
    caps = {
        "client.admin": {"mon": "allow *", "osd": "allow *", "mds": "allow *", "mgr": "allow *"},
        # reads on the volume pools: without them an image with clones cannot be refused properly on delete
        "client.glance": _rbd(["profile rbd pool=images"]
                              + [f"profile rbd-read-only pool={pool}" for pool in volume_pools]),
        "client.cinder": _rbd([f"profile rbd pool={pool}" for pool in own]
                              + ["profile rbd-read-only pool=images"]),
    }
    for array in ARRAYS:
        caps["client." + array] = _rbd([f"profile rbd pool={array}"])
    return caps


def _rbd(osd):
    return {"mon": "profile rbd", "osd": ", ".join(osd)}
