"""[DEFAULT] volume_manager = vtclone_cinder.manager.CloneVolumeManager

Cinder's volume manager, with driver.clone_image answered by ImageCloner. volume_driver lines stay as they are.
"""

import functools
from typing import Any

import vtclone
from oslo_config import cfg
from oslo_log import log as logging

from cinder.volume import manager

from vtclone_cinder import opts
from vtclone_cinder.cloning import ImageCloner

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class CloneVolumeManager(manager.VolumeManager):
    """Nothing is loaded, connected or started here: this runs before cinder-volume forks a child for each backend."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        opts.register(CONF)
        opts.check_values(CONF, opts.volume_opts + opts.glance_opts)
        self.cloner = wrap_driver(self.driver, self.host, self.cluster)

    def init_host(self, *args: Any, **kwargs: Any) -> None:
        """In the child: says whether the library can be used, before the first volume needs it."""
        try:
            LOG.info("vtclone: libvtclone %s, on_miss=%s, engine=%s, unpaired=%s", vtclone.library_version(),
                     CONF.vtclone.on_miss, CONF.vtclone.engine, CONF.vtclone.unpaired)
        except vtclone.LoadError as err:
            LOG.warning("vtclone: %s. Volumes are created as stock Cinder does it%s.", err,
                        ", and those from images are refused" if CONF.vtclone.on_miss == "refuse" else "")
        if "cinder" in CONF.allowed_direct_url_schemes:
            LOG.info("vtclone: allowed_direct_url_schemes = cinder is not needed with this volume manager; with it, "
                     "Cinder's own clone of an image volume still follows where this one declines.")
        return super().init_host(*args, **kwargs)


def _stock_method(driver: Any, name: str) -> Any:
    """The driver's own method, looked up at each call."""
    if name in vars(driver):
        return vars(driver)[name]

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(type(driver), name)(driver, *args, **kwargs)
    return call


def wrap_driver(driver: Any, host: str, cluster_name: Any) -> ImageCloner:
    """Puts ImageCloner in front of the driver's clone_image, and its pairing check in front of downloads."""
    cloner = ImageCloner(CONF, driver, host, cluster_name or None, _stock_method(driver, "clone_image"))

    def checked(name: str) -> Any:
        stock = _stock_method(driver, name)

        @functools.wraps(stock)
        def copy(context: Any, volume: Any, image_service: Any, image_id: str, *args: Any, **kwargs: Any) -> Any:
            cloner.check_pairing(context, image_id, volume, image_service)
            return stock(context, volume, image_service, image_id, *args, **kwargs)
        return copy

    for name in ("copy_image_to_volume", "copy_image_to_encrypted_volume"):
        setattr(driver, name, checked(name))
    driver.clone_image = cloner.clone_image
    return cloner
