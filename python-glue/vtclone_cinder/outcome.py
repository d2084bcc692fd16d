"""What became of one volume: one INFO line, the metrics and, if configured, the volume's metadata."""

import time
from typing import Any, Dict, Optional

from oslo_log import log as logging

from vtclone_cinder.metrics import Metrics

LOG = logging.getLogger(__name__)

CLONED = "cloned"          # the volume was made from a copy
DECLINED = "declined"      # Cinder goes on: its own clone of an image volume, its image cache, or a download
REFUSED = "refused"        # the creation was ended by a rule
FAILED = "failed"          # the backend failed; Cinder may try another
UNAVAILABLE = "unavailable"  # the library or the site cannot be used: stock Cinder goes on

METADATA_KEY = "vtclone"


class Outcome:
    """Filled in while the volume is made; record() once at the end."""

    def __init__(self, volume: Any, image_id: str, metrics: Metrics, record_in_metadata: bool) -> None:
        self._volume = volume
        self._image_id = image_id
        self._metrics = metrics
        self._record_in_metadata = record_in_metadata
        self._started = time.monotonic()
        self.outcome = FAILED
        self.reason = "RADOS_ERROR"
        self.method = "none"
        self.engine = "none"
        self.store: Optional[str] = None
        self.location: Optional[str] = None
        self.detail: Optional[str] = None
        self.copied_to: Optional[str] = None

    def end(self, outcome: str, reason: str, detail: Optional[str] = None) -> None:
        self.outcome, self.reason, self.detail = outcome, reason, detail

    def refuse(self, reason: str, detail: Optional[str] = None) -> None:
        """Ends it as refused; of several the first stays, which knows most."""
        if self.outcome != REFUSED:
            self.end(REFUSED, reason, detail)

    def record(self) -> None:
        seconds = time.monotonic() - self._started
        facts = {"outcome": self.outcome, "method": self.method, "engine": self.engine, "reason": self.reason,
                 "store": self.store or "none", "location": self.location or "none",
                 "copied_to": self.copied_to or "none", "ms": "%.0f" % (seconds * 1000)}
        text = " ".join("%s=%s" % item for item in facts.items())
        if self.detail:
            text += " (%s)" % self.detail
        LOG.info("vtclone: volume %(volume)s of %(size)s GiB from image %(image)s on %(host)s: %(text)s",
                 {"volume": self._volume.id, "size": self._volume.size, "image": self._image_id,
                  "host": self._volume.host, "text": text})
        self._metrics.volume(self.outcome, self.method, self.engine, self.reason, seconds)

    def into_metadata(self, update: Optional[Dict[str, Any]]) -> Optional[Dict[str, Any]]:
        """The model update with the volume's metadata in it, where that is configured: the driver's, if it sets any, as Cinder
        replaces all of it. It is the user's metadata: a key of his of the same name is not touched."""
        users = self._volume.metadata or {}
        metadata = dict((update or {}).get("metadata") or users)
        if not self._record_in_metadata or METADATA_KEY in users or METADATA_KEY in metadata:
            return update
        metadata[METADATA_KEY] = "%s %s %s" % (self.method if self.outcome == CLONED else self.outcome,
                                               self.store or "none", self.reason)
        return dict(update or {}, metadata=metadata)
