"""The [vtclone] group of cinder.conf."""

from typing import Any, List, Tuple

from keystoneauth1 import loading as ks_loading
from oslo_config import cfg

GROUP = "vtclone"

volume_opts = [
    cfg.StrOpt("on_miss", default="download",
               choices=[("download", "Cinder downloads the image, as without this plugin"),
                        ("copy", "Glance copies the image to the store beside the backend, then it is cloned; where "
                                 "that fails, Cinder downloads it"),
                        ("refuse", "the creation ends in error at once, without a try on another host")],
               help="What happens to a volume whose image has no copy that can be cloned for its backend. A volume of an "
                    "encrypted type is never cloned: Cinder downloads it whatever is set here."),
    cfg.StrOpt("unpaired", default="refuse",
               choices=[("refuse", "the creation ends in error, with a warning that names image, owner and location"),
                        ("decline", "Cinder goes on and downloads what Glance serves")],
               help="What happens where nothing can be cloned and a location of the image names something that is not "
                    "the image's own copy. Where Glance lets owners write locations (show_multiple_locations), such a "
                    "location reads other projects' images and volumes; Glance serves a download from the same "
                    "place, so only refusing keeps them private."),
    cfg.StrOpt("engine", default="auto", choices=["auto", "librbd", "direct"],
               help="Who makes rbd clones. auto: the direct engine where it is certified for the cluster, else librbd."),
    cfg.StrOpt("signed_images", default="deny", choices=["deny", "allow"],
               help="Whether signed images may be cloned. A clone is never verified; a download is, where "
                    "verify_glance_signatures says so."),
    cfg.StrOpt("owner_rule", default="cinder", choices=["cinder", "paired"],
               help="Which image volumes may be cloned for which project. cinder: Cinder's rule (the image's owner is "
                    "the volume's project or the image volume's image_owner). paired: every image volume that carries "
                    "the image's id, for every project that can see the image; use it where an administrator copied "
                    "the images of others by hand."),
    cfg.StrOpt("site_file",
               help="A site file (JSON). What it says wins over what Glance and the driver's configuration say. Needed "
                    "where Glance does not answer stores/detail to the service user."),
    cfg.IntOpt("clone_concurrency", default=8, min=1,
               help="How many rbd clones one cinder-volume process has under way. Each takes a native thread; keep it "
                    "below backend_native_threads_pool_size."),
    cfg.FloatOpt("connect_timeout", default=0.0, min=0.0,
                 help="Seconds to reach a Ceph cluster. 0: rados_connect_timeout of the backend where that is "
                      "positive, else the library's default."),
    cfg.FloatOpt("operation_timeout", default=0.0, min=0.0,
                 help="Seconds for one operation on a monitor or OSD. 0: as connect_timeout."),
    cfg.FloatOpt("clone_timeout", default=0.0, min=0.0,
                 help="Seconds for one whole clone, its clean-up included. 0: the library's default."),
    cfg.FloatOpt("copy_timeout", default=1800.0, min=1.0,
                 help="Seconds that a volume waits for Glance to copy its image (on_miss = copy)."),
    cfg.StrOpt("metrics_dir",
               help="A directory for Prometheus' textfile collector: one file per backend. Needs prometheus_client."),
    cfg.BoolOpt("record_in_metadata", default=False,
                help="Write how the volume came to be into its metadata, key vtclone, for example "
                     "\"rbd-clone ceph OK\"."),
]

glance_opts = [
    cfg.StrOpt("glance_endpoint",
               help="The Glance that is asked with service credentials, for example an internal one that shows "
                    "locations. Unset: the catalogue's."),
    cfg.StrOpt("region_name", help="Region of that Glance in the catalogue."),
    cfg.ListOpt("valid_interfaces", default=["internal", "public"],
                help="Interfaces of that Glance in the catalogue, in order of preference."),
    cfg.FloatOpt("glance_timeout", default=15.0, min=0.1,
                 help="Seconds for one request to Glance, and where the options of the credentials have no timeout, to "
                      "Keystone."),
    cfg.IntOpt("stores_ttl", default=300, min=1,
               help="Seconds that what Glance says of its stores is believed. It is asked sooner, at most every 5 seconds, "
                    "before an image is refused for a pool that is no store's."),
]

scheduler_opts = [
    cfg.StrOpt("locality_filter", default="prefer",
               choices=[("prefer", "where some backends have a copy of the image beside them, the others are dropped"),
                        ("require", "backends without a copy are dropped, even if none remains"),
                        ("off", "every backend passes")],
               help="How strict ImageLocalityFilter is."),
    cfg.FloatOpt("locality_weight_multiplier", default=10.0,
                 help="Weight of a backend that has a copy of the image beside it, in ImageLocalityWeigher. Cinder's "
                      "capacity weigher gives 1.0 to the emptiest backend. Negative: such backends are avoided."),
    cfg.IntOpt("locality_ttl", default=15, min=0,
               help="Seconds that the filter believes what it learnt of an image for one project."),
]


def auth_opts() -> List[Any]:
    """Options of the service credentials: those of keystoneauth's plugins that are common."""
    found = list(ks_loading.get_session_conf_options()) + list(ks_loading.get_auth_common_conf_options())
    for plugin in ("password", "v3applicationcredential"):
        found += [option for option in ks_loading.get_auth_plugin_conf_options(plugin)
                  if option.dest not in {known.dest for known in found}]
    return found


def list_opts() -> List[Tuple[str, List[Any]]]:
    """For oslo-config-generator."""
    return [(GROUP, volume_opts + glance_opts + scheduler_opts + auth_opts())]


def register(conf: cfg.ConfigOpts) -> None:
    """Registers the group. Safe to call again."""
    conf.register_opts(volume_opts + glance_opts + scheduler_opts, group=GROUP)
    ks_loading.register_session_conf_options(conf, GROUP)
    ks_loading.register_auth_conf_options(conf, GROUP)


def check_values(conf: cfg.ConfigOpts, options: List[Any]) -> None:
    """ValueError (oslo.config's, which names option and value) now for a value that would be one at the option's first use."""
    for option in options:
        conf[GROUP][option.dest]
