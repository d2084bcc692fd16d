"""A copy of an image where it is missing: one copy-image for however many volumes ask.

Within a process the others wait for the first; between processes Cinder's coordination lock does the same; and where two
clouds of processes share no lock, Glance's own answers (409: another import; stores it is importing to) are waited for.
"""

import contextlib
import threading
import time
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

from oslo_log import log as logging
from tooz import coordination as tooz_coordination

from cinder import coordination
from cinder import exception

from vtclone_cinder import images
from vtclone_cinder.glance_service import GlanceService
from vtclone_cinder.glance_service import GlanceUnavailable
from vtclone_cinder.glance_service import split_list

LOG = logging.getLogger(__name__)

_FIRST_WAIT = 0.2
_LONGEST_WAIT = 3.0
_FAILURES_BORNE = 5  # of Glance in a row, while a copy is waited for


class CopyFailed(Exception):
    """There is no copy; the message says why."""


class _Joined:
    """One copy that is under way in this process."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.failure: Optional[str] = None


class Copier:
    """Copies for one process."""

    def __init__(self, glance: GlanceService, timeout: float,
                 sleep: Callable[[float], None] = time.sleep) -> None:
        self._glance = glance
        self._timeout = timeout
        self._sleep = sleep
        self._under_way: Dict[Tuple[str, str], _Joined] = {}

    def copy(self, image_id: str, store: str) -> None:
        """Returns when the store has the image; CopyFailed where it will not."""
        key = (image_id, store)
        joined = self._under_way.get(key)
        if joined is not None:
            if not joined.done.wait(self._timeout):
                raise CopyFailed("no copy in store %s after %d s" % (store, self._timeout))
        else:
            joined = self._under_way[key] = _Joined()
            try:
                with self._between_processes(image_id, store):
                    self._run(image_id, store)
            except CopyFailed as err:
                joined.failure = str(err)
            except GlanceUnavailable as err:
                joined.failure = "Glance: %s" % err
            except BaseException:
                joined.failure = "the copy that was waited for ended unexpectedly"
                raise
            finally:
                del self._under_way[key]
                joined.done.set()
        if joined.failure:
            raise CopyFailed(joined.failure)

    @contextlib.contextmanager
    def _between_processes(self, image_id: str, store: str) -> Iterator[None]:
        """Cinder's coordination lock, for as long as it takes; without one where there is no coordinator."""
        lock = None
        try:
            lock = coordination.COORDINATOR.get_lock("vtclone-copy-%s-%s" % (image_id, store))
            if not lock.acquire(blocking=self._timeout):
                lock = None
                raise CopyFailed("no copy in store %s after %d s: another process holds the lock" %
                                 (store, self._timeout))
        except (exception.LockCreationFailed, tooz_coordination.ToozError, UnicodeError) as err:
            LOG.warning("vtclone: no lock between processes for the copy of image %s: %s", image_id, err)
            lock = None
        try:
            yield
        finally:
            if lock is not None:
                self._release(lock)

    @staticmethod
    def _release(lock: Any) -> None:
        try:
            lock.release()
        except tooz_coordination.ToozError as err:
            LOG.warning("vtclone: cannot release the lock of a copy: %s", err)

    def _run(self, image_id: str, store: str) -> None:
        deadline = time.monotonic() + self._timeout
        requested, wait, failures = False, _FIRST_WAIT, 0
        while True:
            try:
                image = self._glance.image(image_id)
                failures = 0
            except GlanceUnavailable as err:
                failures += 1
                if failures > _FAILURES_BORNE or err.status in (401, 403, 404):
                    raise
                image = None
            if image is not None:
                if self._has(image, store):
                    self._adopt(image, store)
                    return
                requested = self._proceed(image, store, requested)
            if time.monotonic() + wait > deadline:
                raise CopyFailed("no copy in store %s after %d s" % (store, self._timeout))
            self._sleep(wait)
            wait = min(wait * 1.5, _LONGEST_WAIT)

    @staticmethod
    def _has(image: Dict[str, Any], store: str) -> bool:
        return store in split_list(image.get("stores")) and \
            store not in split_list(image.get("os_glance_importing_to_stores"))

    def _proceed(self, image: Dict[str, Any], store: str, requested: bool) -> bool:
        """One step for an image that has no copy there; whether our request is with Glance."""
        if store in split_list(image.get("os_glance_importing_to_stores")):
            return requested
        if requested:
            # Until Glance begins, that is the failure of an earlier import; ours is over when its lock is off the image.
            if store in split_list(image.get("os_glance_failed_import")) and not image.get("os_glance_import_task"):
                raise CopyFailed("Glance failed to copy the image to store %s" % store)
            return True  # accepted, and not begun yet
        status = self._glance.request_copy(image["id"], store)
        if status == 202:
            LOG.info("vtclone: asked Glance to copy image %s to store %s", image["id"], store)
            return True
        if status in (400, 409, 429, 502, 503):
            # Already there, another import holds the image, or Glance is busy: what it says next tells.
            return False
        raise CopyFailed("Glance refused to copy the image to store %s (HTTP %d%s)" %
                         (store, status, ", the service user may not" if status == 403 else ""))

    def _adopt(self, image: Dict[str, Any], store: str) -> None:
        """Glance's cinder store records who asked for the copy as the image volume's owner, and Cinder then keeps it from
        every other project. Where that was us, for whoever can see the image, the image's own owner belongs there;
        also where the process that asked did not live to see the copy."""
        try:
            ours = self._glance.project_id()
            locations = self._glance.locations(image["id"]) or []
        except GlanceUnavailable as err:
            LOG.warning("vtclone: cannot look at the copy of image %s in store %s: %s", image["id"], store, err)
            return
        found = images.image_volumes(images.volume_ids(
            entry for entry in locations if (entry.get("metadata") or {}).get("store") == store))
        for volume in found.values():
            metadata = dict(volume.metadata or {})
            if metadata.get("glance_image_id") != image["id"] or metadata.get("image_owner") != ours or \
                    not image.get("owner") or image["owner"] == ours:
                continue
            metadata["image_owner"] = image["owner"]
            volume.metadata = metadata
            volume.save()
            LOG.info("vtclone: image volume %s now belongs to the owner of image %s", volume.id, image["id"])
