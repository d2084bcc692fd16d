"""driver.clone_image, with the resolver in front: what CloneVolumeManager puts in the driver's place.

Answers as Cinder's create flow expects: (model update, True) for a volume that was made, (None, False) to let Cinder go
on, and only Cinder's own exceptions. One object per driver and process; green threads share it.
"""

import errno
import json
import threading
from typing import Any, Callable, Dict, List, Optional, Tuple

import vtclone
from oslo_log import log as logging

from cinder import exception
from cinder import objects
from cinder.volume import volume_utils

from vtclone_cinder import array_clones
from vtclone_cinder import backend_facts
from vtclone_cinder import images
from vtclone_cinder import opts
from vtclone_cinder import outcome as outcomes
from vtclone_cinder import sites
from vtclone_cinder import threads
from vtclone_cinder.copying import Copier
from vtclone_cinder.copying import CopyFailed
from vtclone_cinder.glance_service import GlanceService
from vtclone_cinder.glance_service import GlanceUnavailable
from vtclone_cinder.metrics import Metrics

LOG = logging.getLogger(__name__)

Result = Tuple[Optional[Dict[str, Any]], bool]

#: What an operator does about a miss, by reason.
_ADVICE = {
    "NOT_RAW": "convert the image to raw",
    "NOT_BARE": "upload the image with container format bare",
    "SIGNED_IMAGE": "set [vtclone] signed_images = allow if clones need no verification",
    "TOO_SMALL": "ask for a larger volume",
    "OWNER_MISMATCH": "copy the image as its owner, or set [vtclone] owner_rule = paired",
    "LOCATIONS_HIDDEN": "give [vtclone] service credentials that Glance shows locations to",
}
_COPY_ADVICE = "copy the image to the store beside the backend (glance image-import --import-method copy-image)"


class _NextCandidate(Exception):
    """This location cannot be cloned after all; another may be."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class _Request:
    """One volume and its image, as far as they are known."""

    def __init__(self, context: Any, volume: Any, image: Dict[str, Any]) -> None:
        self.context = context
        self.volume = volume
        self.image = image
        self.locations: Optional[List[Dict[str, Any]]] = None
        self.volumes: Dict[str, Any] = {}
        self.looked_up: set = set()
        self.site: Optional[Dict[str, Any]] = None
        self.doubted = False
        self.missed: Optional[vtclone.Decision] = None  # why nothing could be cloned, where no attempt failed
        self.type_name: Optional[str] = None
        self.type_specs: Dict[str, Any] = {}
        try:
            type_ = volume.volume_type if volume.volume_type_id else None
        except exception.VolumeTypeNotFound:
            return
        if type_ is not None:
            self.type_name = type_.name
            self.type_specs = dict(type_.extra_specs or {})

    def load_image_volumes(self) -> bool:
        """Looks up the volumes that locations name; whether there was one to look up."""
        missing = images.volume_ids(self.locations or []) - self.looked_up
        if missing:
            self.volumes.update(images.image_volumes(missing))
            self.looked_up |= missing
        return bool(missing)


class ImageCloner:
    """The clone_image of one driver."""

    def __init__(self, conf: Any, driver: Any, host: str, cluster_name: Optional[str],
                 stock_clone_image: Callable[..., Any]) -> None:
        self._conf = conf[opts.GROUP]
        self._driver = driver
        self._host = host
        self._cluster_name = cluster_name
        self._stock = stock_clone_image
        self._facts = backend_facts.BackendFacts(driver)
        self._glance = GlanceService(conf)
        self._copier = Copier(self._glance, self._conf.copy_timeout)
        self._site_file = sites.SiteFile(self._conf.site_file)
        self._contexts = sites.Contexts(conf, self._facts.connect_timeout())
        self._slots = threading.Semaphore(self._conf.clone_concurrency)
        self._metrics = Metrics(self._conf.metrics_dir, host)
        self._warned: set = set()

    # ---- what the create flow calls ----

    def clone_image(self, context: Any, volume: Any, image_location: Any, image_meta: Dict[str, Any],
                    image_service: Any) -> Result:
        if not isinstance(volume, objects.Volume):
            # Not the create flow, which only knows such volumes: whoever it is means the driver's own method.
            return self._stock(context, volume, image_location, image_meta, image_service)
        outcome = outcomes.Outcome(volume, image_meta.get("id", ""), self._metrics, self._conf.record_in_metadata)
        arguments = (context, volume, image_location, image_meta, image_service)
        try:
            request = _Request(context, volume, images.document(image_meta))
            update = self._make(request, image_location, outcome)
            if update is None:
                return self._go_on(arguments, outcome)
            return outcome.into_metadata(update), True
        except exception.ImageUnacceptable as err:
            outcome.refuse("BAD_LOCATION", str(err))
            raise
        except vtclone.BadInput as err:
            # The image cannot be judged, and unpaired = decline. Not for the RBD driver's clone_image either.
            self._warn_once("image %s cannot be judged: %s" % (image_meta.get("id"), err))
            outcome.end(outcomes.DECLINED, "BAD_LOCATION", str(err))
            if self._conf.on_miss == "refuse":
                self._refuse_miss(request, outcome)
            return self._go_on(arguments, outcome)
        except (sites.SiteError, vtclone.Error) as err:
            return self._without_us(arguments, outcome, err)
        finally:
            outcome.record()

    def check_pairing(self, context: Any, image_id: str, volume: Any, image_service: Any) -> None:
        """For the ways to a download that do not come by clone_image (encrypted volumes, re-imaging): ImageUnacceptable
        where clone_image would have refused the image for its locations, with its outcome on record."""
        if self._conf.unpaired != "refuse":
            return
        outcome = outcomes.Outcome(volume, image_id, self._metrics, False)
        try:
            self._check_pairing(context, image_id, volume, image_service, outcome)
        except exception.ImageUnacceptable as err:
            outcome.refuse("BAD_LOCATION", str(err))
            outcome.record()
            raise

    def _check_pairing(self, context: Any, image_id: str, volume: Any, image_service: Any,
                       outcome: outcomes.Outcome) -> None:
        request = _Request(context, volume, images.document(image_service.show(context, image_id)))
        try:
            request.locations = self._locations(image_service.get_location(context, image_id), request)
            request.load_image_volumes()
            decision = self._resolve(request)
            if self._doubt_stores(request, decision):
                decision = self._resolve(request)
        except vtclone.BadInput as err:
            self._refuse_unreadable(request, err)
        except (vtclone.Error, sites.SiteError) as err:
            self._warn_once("cannot check the locations of an image before its download: %s" % err)
        else:
            self._refuse_unpaired(request, decision, outcome)

    # ---- the steps ----

    def _make(self, request: _Request, image_location: Any, outcome: outcomes.Outcome) -> Optional[Dict[str, Any]]:
        """The model update of the volume that was made; None to decline, with the outcome filled in."""
        if request.volume.encryption_key_id is not None:
            outcome.end(outcomes.DECLINED, "ENCRYPTED", "the volume is encrypted")
            return None
        request.locations = self._locations(image_location, request)
        if not self._site(request)["stores"]:
            self._without_stores(request, outcome)
        update = self._try_candidates(request, outcome)
        if update is None and outcome.outcome == outcomes.DECLINED and self._conf.on_miss == "copy" and \
                self._copy(request, outcome):
            request.locations = self._service_locations(request.image["id"]) or \
                self._locations(image_location, request)
            request.volumes, request.looked_up = {}, set()  # the copier may have given one to the image's owner
            update = self._try_candidates(request, outcome)
        if update is None and self._conf.on_miss == "refuse":
            self._refuse_miss(request, outcome)
        return update

    def _try_candidates(self, request: _Request, outcome: outcomes.Outcome) -> Optional[Dict[str, Any]]:
        """Clones from the best candidate, from the next where that fails, and so on."""
        failure: Optional[_NextCandidate] = None
        all_locations = request.locations
        try:
            while True:
                decision = self._decide(request)
                if not decision:
                    if self._doubt_stores(request, decision):
                        continue
                    break
                try:
                    return self._clone(request, decision, outcome)
                except _NextCandidate as err:
                    LOG.warning("vtclone: volume %(volume)s cannot be cloned from %(url)s: %(err)s",
                                {"volume": request.volume.id, "url": decision.url, "err": err})
                    failure = failure or err
                    index = decision.location_index
                    request.locations = [entry for at, entry in enumerate(request.locations or []) if at != index]
        finally:
            request.locations = all_locations
        self._refuse_unpaired(request, decision, outcome)
        if failure is not None:
            outcome.end(outcomes.DECLINED, failure.reason, str(failure))
        else:
            outcome.end(outcomes.DECLINED, decision.reason, decision.detail)
            request.missed = decision
        return None

    def _broken(self, request: _Request, decision: vtclone.Decision) -> List[Dict[str, Any]]:
        """The candidates that broke a pairing rule. No stores known means no pool known: that is not the image's fault."""
        if not decision.unpaired:
            return []
        blind = not self._site(request)["stores"]
        return [candidate for candidate in decision.candidates() if candidate["unpaired"] and
                not (blind and candidate["reason"] == "POOL_NOT_ALLOWED")]

    def _doubt_stores(self, request: _Request, decision: vtclone.Decision) -> bool:
        """Whether to resolve once more: a pool that no store is known to have may be that of a store added since."""
        broken = self._broken(request, decision)
        if request.doubted or not broken or any(candidate["reason"] != "POOL_NOT_ALLOWED" for candidate in broken) or \
                self._site_file.read().get("stores"):
            return False
        self._glance.doubt_stores()
        request.doubted, request.site = True, None
        return True

    def _without_stores(self, request: _Request, outcome: outcomes.Outcome) -> None:
        """Nothing is cloned by us without knowing the stores; that each location is the image's own copy can still be
        seen by its name, and stock Cinder goes on with those."""
        request.load_image_volumes()
        decision = self._resolve(request)
        self._refuse_unpaired(request, decision, outcome)
        raise sites.SiteError("the image stores are not known")

    def _decide(self, request: _Request) -> vtclone.Decision:
        """A decision. The image volumes are looked up in the database only where they could change it: not where the
        store that is wanted was found without."""
        decision = self._resolve(request)
        if decision and decision.store == decision.wanted_store:
            return decision
        return self._resolve(request) if request.load_image_volumes() else decision

    def _resolve(self, request: _Request) -> vtclone.Decision:
        image = dict(request.image)
        if request.locations is not None:
            image["locations"] = request.locations
        context = self._contexts.get(self._site(request))
        try:
            return context.resolve(
                json.dumps(image), request.type_name, size_gib=request.volume.size,
                project_id=request.volume.project_id,
                image_volumes=images.image_volume_documents(request.volumes),
                signed_images=self._conf.signed_images, owner_rule=self._conf.owner_rule)
        except vtclone.BadInput as err:
            # The site was read without complaint: it is the image, whose owner writes much of it.
            if self._conf.unpaired == "refuse":
                self._refuse_unreadable(request, err)
            raise

    def _site(self, request: _Request) -> Dict[str, Any]:
        if request.site is None:
            request.site = self._make_site(request)
        return request.site

    def _make_site(self, request: _Request) -> Dict[str, Any]:
        content = self._site_file.read()
        types = [] if request.type_name is None else [{"name": request.type_name, "extra_specs": {
            key: value for key, value in request.type_specs.items() if key == "image_service:store_id" and value}}]
        host = request.volume.host or self._host
        # Both with the pool, as in the rows of image volumes.
        cluster = request.volume.cluster_name or volume_utils.append_host(
            self._cluster_name, volume_utils.extract_host(host, "pool"))
        live = {"stores": [] if content.get("stores") else self._glance.stores(),
                "backends": [self._facts.backend(host, cluster)],
                "volume_types": types}
        return sites.merge(live, content)

    # ---- locations ----

    def _locations(self, image_location: Any, request: _Request) -> Optional[List[Dict[str, Any]]]:
        """What Cinder was shown, else what Glance shows to the service user. The user could read the image: Cinder has
        fetched it with his token."""
        locations, direct_url = images.shown_locations(image_location)
        if locations is None:
            locations = self._service_locations(request.image["id"])
        if locations is None and direct_url:
            locations = [{"url": direct_url, "metadata": {}}]
        return locations

    def _service_locations(self, image_id: str) -> Optional[List[Dict[str, Any]]]:
        try:
            return self._glance.locations(image_id)
        except GlanceUnavailable as err:
            self._warn_once("cannot ask Glance for the locations that it does not show to users: %s" % err)
            return None

    # ---- the clone ----

    def _clone(self, request: _Request, decision: vtclone.Decision, outcome: outcomes.Outcome) -> Dict[str, Any]:
        outcome.method, outcome.store, outcome.location = decision.method, decision.store, decision.url
        try:
            if decision.method == "rbd-clone":
                update = self._clone_rbd(request, decision, outcome)
            else:
                update = self._clone_image_volume(request, decision, outcome)
        except _NextCandidate:
            outcome.method, outcome.engine, outcome.store, outcome.location = "none", "none", None, None
            raise
        except Exception as err:
            if isinstance(err.__cause__, vtclone.VolumeExists):
                reason = "VOLUME_EXISTS"
            else:
                reason = "CINDER_ERROR" if decision.method == "cinder-clone" else "RADOS_ERROR"
            outcome.end(outcomes.FAILED, reason, str(err))
            raise
        self._clean_consistency_group(request.volume)
        outcome.end(outcomes.CLONED, "OK", outcome.detail)
        return update

    def _clone_rbd(self, request: _Request, decision: vtclone.Decision, outcome: outcomes.Outcome) -> Dict[str, Any]:
        volume = request.volume
        context = self._contexts.get(self._site(request))
        try:
            with self._slots:
                made = threads.run_blocking(context.clone, decision, volume.name, volume.size,
                                            engine=self._conf.engine)
        except vtclone.Miss as err:
            raise _NextCandidate("SNAPSHOT_MISSING", str(err)) from err
        except vtclone.ServiceError as err:
            # Not for this user: another copy may do. Anything else is the cluster's state.
            if err.errno in (errno.EPERM, errno.EACCES):
                raise _NextCandidate("RADOS_ERROR", str(err)) from err
            raise exception.VolumeBackendAPIException(data=str(err)) from err
        except vtclone.Unsupported as err:
            raise _NextCandidate("RADOS_ERROR", str(err)) from err
        except vtclone.Error as err:
            raise exception.VolumeBackendAPIException(data=str(err)) from err
        report = made.as_dict()
        outcome.engine = report.get("engine") or "none"
        if self._conf.engine == "auto" and outcome.engine != "direct":
            outcome.detail = report.get("engine_reason")
        try:
            return self._driver._setup_volume(volume) or {}
        except Exception as err:
            self._remove(volume)
            if isinstance(err, exception.CinderException):
                raise
            raise exception.VolumeBackendAPIException(
                data="volume %s was cloned, but its set-up failed: %s" % (volume.name, err)) from err

    def _clone_image_volume(self, request: _Request, decision: vtclone.Decision,
                            outcome: outcomes.Outcome) -> Dict[str, Any]:
        """Through the driver, which also grows the clone where the volume is larger (its create_cloned_volume has to: the
        manager calls it the same way for a volume from a larger one)."""
        source = request.volumes.get(images.volume_id(decision.url) or "")
        if source is None:
            raise _NextCandidate("VOLUME_NOT_FOUND", "no such volume")
        outcome.engine = "driver"
        try:
            update = self._driver.create_cloned_volume(request.volume, source) or {}
            array_clones.finish(self._driver, request.context, request.volume, update)
            return update
        except Exception as err:  # drivers raise what their HTTP clients do, too: another copy may still be cloned
            self._remove(request.volume)
            raise _NextCandidate("CINDER_ERROR", "create_cloned_volume: %s: %s" % (type(err).__name__, err)) from err

    def _remove(self, volume: Any) -> None:
        """Whatever was made under the volume's name, as Cinder does after a failed attempt."""
        try:
            array_clones.find_leftover(self._driver, volume)
            self._driver.delete_volume(volume)
        except Exception as err:
            LOG.warning("vtclone: cannot remove what is left of volume %s: %s", volume.name, err)

    @staticmethod
    def _clean_consistency_group(volume: Any) -> None:
        """As the create flow does: a volume in a generic group has no row in the old table of consistency groups."""
        if volume.group_id and volume.consistencygroup_id:
            volume.consistencygroup_id = None
            if "consistencygroup" in volume:
                volume.consistencygroup = None

    # ---- a miss ----

    def _copy(self, request: _Request, outcome: outcomes.Outcome) -> bool:
        """A copy where it mends the miss; whether there is one now. OWNER_MISMATCH: the copy may be one of our own that nobody
        lived to hand over to the image's owner, which the copier does."""
        missed = request.missed
        if missed is None:
            return False
        store = missed.wanted_store
        if store is None:
            self._warn_once("on_miss = copy, but nothing says which store is beside this backend: set "
                            "image_service:store_id on the volume types or glance_store_id in extra_capabilities")
            return False
        if missed.copy_store is None and missed.reason != "OWNER_MISMATCH":
            return False
        try:
            self._copier.copy(request.image["id"], store)
        except CopyFailed as err:
            LOG.warning("vtclone: image %(image)s for volume %(volume)s: %(err)s",
                        {"image": request.image["id"], "volume": request.volume.id, "err": err})
            self._metrics.copy(store, "failed")
            outcome.end(outcomes.DECLINED, "COPY_FAILED", str(err))
            return False
        self._metrics.copy(store, "done")
        outcome.copied_to = store
        return True

    def _refuse_miss(self, request: _Request, outcome: outcomes.Outcome) -> None:
        advice = _ADVICE.get(outcome.reason, _COPY_ADVICE)
        message = "it cannot be cloned for volume type %s on %s: %s%s; %s" % (
            request.type_name, request.volume.host, outcome.reason,
            " (%s)" % outcome.detail if outcome.detail else "", advice)
        outcome.refuse(outcome.reason, outcome.detail)
        raise exception.ImageUnacceptable(image_id=request.image["id"], reason=message)

    def _refuse_unpaired(self, request: _Request, decision: vtclone.Decision, outcome: outcomes.Outcome) -> None:
        """Where a candidate broke a pairing rule. The rule is the reason, whatever else keeps the image from being cloned."""
        broken = self._broken(request, decision) if self._conf.unpaired == "refuse" else []
        if not broken:
            return
        for candidate in broken:
            LOG.warning("vtclone: image %(image)s of project %(owner)s has location %(url)s, which is not its own copy "
                        "(%(reason)s: %(detail)s). Its owner may be after somebody else's data. Volume %(volume)s of "
                        "project %(project)s is refused.",
                        {"image": request.image["id"], "owner": request.image.get("owner"), "url": candidate["url"],
                         "reason": candidate["reason"], "detail": candidate["detail"], "volume": request.volume.id,
                         "project": request.volume.project_id})
        outcome.refuse(broken[0]["reason"], broken[0]["detail"])
        raise exception.ImageUnacceptable(image_id=request.image["id"],
                                          reason="one of its locations is not its own copy")

    @staticmethod
    def _refuse_unreadable(request: _Request, err: vtclone.Error) -> None:
        LOG.warning("vtclone: image %(image)s of project %(owner)s cannot be judged, so volume %(volume)s is refused: "
                    "%(err)s", {"image": request.image.get("id"), "owner": request.image.get("owner"),
                                "volume": request.volume.id, "err": err})
        raise exception.ImageUnacceptable(image_id=request.image.get("id"), reason="its description cannot be read")

    # ---- going on without ----

    def _go_on(self, arguments: Tuple[Any, ...], outcome: outcomes.Outcome) -> Result:
        """Declines. A driver's own clone_image has its chance, except the RBD driver's: it takes any location that opens,
        whosever it is, and what it may take has been tried."""
        if self._facts.rbd:
            return None, False
        update, cloned = self._stock(*arguments)
        if cloned:
            outcome.method = outcome.engine = "driver"
            outcome.end(outcomes.CLONED, outcome.reason, outcome.detail)
        return update, cloned

    def _without_us(self, arguments: Tuple[Any, ...], outcome: outcomes.Outcome, err: Exception) -> Result:
        refuse = self._conf.on_miss == "refuse"
        self._warn_once("cannot be used, %s: %s" % (
            "volumes from images are refused" if refuse else "stock Cinder goes on", err))
        if refuse:
            outcome.refuse("CINDER_ERROR", str(err))
            raise exception.ImageUnacceptable(
                image_id=arguments[3].get("id"), reason="it cannot be cloned: vtclone cannot be used here (%s)" % err)
        outcome.end(outcomes.UNAVAILABLE, "CINDER_ERROR", str(err))
        update, cloned = self._stock(*arguments)
        return update, cloned

    def _warn_once(self, message: str) -> None:
        if message not in self._warned and len(self._warned) < 1000:
            self._warned.add(message)
            LOG.warning("vtclone: %s", message)
