"""Writes docs/configuration.md from the options as the code registers them; a test compares the two.

    PYTHONPATH=shim:python-glue /usr/bin/python3 packaging/config_doc.py >docs/configuration.md
"""

import textwrap

from vtclone_cinder import opts

HEAD = """# Configuration

Written by `packaging/config_doc.py` from the options in the code; change it there.

## What Cinder needs

In `[DEFAULT]` of cinder.conf, for cinder-volume and cinder-scheduler:

| option | value |
|---|---|
| `volume_manager` | `vtclone_cinder.manager.CloneVolumeManager` |
| `scheduler_default_filters` | `AvailabilityZoneFilter,CapacityFilter,CapabilitiesFilter,ImageLocalityFilter` (Cinder's \
default, or the list there is, with the last one added) |
| `scheduler_default_weighers` | optional: `CapacityWeigher,ImageLocalityWeigher` |

`volume_driver` and the other options of a backend stay as they are; vtclone takes pools, users and ceph.conf from there.
`extra_capabilities = {"glance_store_id": "STORE"}` in a backend's section names the Glance store beside it; where it is not set,
the type's `image_service:store_id` and Glance's own facts have to tell.

## Ceph users

What cloning needs, and no more: `mon 'profile rbd'`, `osd 'profile rbd pool=VOLUMES, profile rbd-read-only pool=IMAGES'`.
`vtclone doctor` says where a user may do less, or more.

## Service credentials

Where Glance hides locations from users (both `show_*` options off, the safe setting), vtclone asks for them itself. It takes the
credentials of `[vtclone]` (`auth_type`, `auth_url`, `username`, ... as in every OpenStack service) or, where that has none, of
`[service_user]`.

| Glance | locations that tenants do not see | pools of the stores (`stores/detail`) |
|---|---|---|
| up to 2024.1 (28) | set `glance_endpoint` to an internal Glance that shows them | role `admin`, else `site_file` |
| 2024.2 (29) | location API: roles `service` and `admin`; `service` alone sees those of public, community and shared images | role `admin`, else `site_file` |
| 2025.1 (30) or newer | the same | role `admin` or `service`; tells each rbd store's fsid, too |

`admin` without `service` is refused by the location API (LOCATIONS_HIDDEN).
"""


def cell(text):
    return " ".join(str(text).split()).replace("|", "\\|")


def default_of(option):
    if option.default is None:
        return "unset"
    if isinstance(option.default, (list, tuple)):
        return "`%s`" % ",".join(option.default)
    return "`%s`" % option.default


def rows(options):
    for option in options:
        text = option.help
        choices = getattr(option.type, "choices", None) or {}
        if isinstance(choices, dict) and any(choices.values()):
            text += " " + "; ".join("`%s`: %s" % item for item in choices.items()) + "."
        elif choices:
            text += " One of %s." % ", ".join("`%s`" % choice for choice in choices)
        yield "| `%s` | %s | %s |" % (option.name, default_of(option), cell(text))


def main():
    print(HEAD)
    for title, options in (("[vtclone]: volumes", opts.volume_opts), ("[vtclone]: Glance", opts.glance_opts),
                           ("[vtclone]: scheduler", opts.scheduler_opts)):
        print("## %s\n\n| option | default | meaning |\n|---|---|---|" % title)
        print("\n".join(rows(options)) + "\n")
    print(textwrap.fill("Besides these, `[vtclone]` takes keystoneauth's options for credentials and sessions (`auth_type`, "
                        "`auth_url`, `cafile`, `insecure`, `timeout`, ...).", 120))


main()
