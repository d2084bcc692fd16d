"""Glance, asked with service credentials: stores, locations that tenants do not see, and copy-image.

Nothing is opened when an object is made: the session and its connections come with the first request, so after
cinder-volume has forked. Callers answer for one rule: an image is only asked for after the user's own token could read
it.
"""

import threading
import time
from typing import Any, Dict, List, Optional

from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import loading as ks_loading
from oslo_log import log as logging

from cinder import service_auth

from vtclone_cinder import opts

LOG = logging.getLogger(__name__)

_RETRY_AFTER_FAILURE = 30.0
_STORES_TIMEOUT = 5.0
_DOUBT_AFTER = 5.0
_LOCATION_API = "v2.17"
# OSError: what requests raises for a CA bundle or a client certificate that is not there passes through keystoneauth.
_UNREACHABLE = (ks_exceptions.ClientException, OSError)


class GlanceUnavailable(Exception):
    """Glance cannot be asked, or did not answer as it should. Carries the HTTP status, or 0."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def split_list(value: Any) -> List[str]:
    """Glance's "a,b" (or a list) as a list."""
    if isinstance(value, str):
        value = value.split(",")
    return [part.strip() for part in value or [] if isinstance(part, str) and part.strip()]


class GlanceService:
    """One per process and configuration."""

    def __init__(self, conf: Any) -> None:
        opts.register(conf)
        self._conf = conf
        self._session: Any = None
        self._auth: Any = None
        self._endpoint: Optional[str] = None
        self._stores: Optional[List[Dict[str, Any]]] = None
        self._stores_until = 0.0
        self._stores_asked = -_DOUBT_AFTER
        self._stores_read: Optional[threading.Event] = None
        self._stores_failure: Optional[str] = None
        self._has_location_api: Optional[bool] = None
        self._versions_until = 0.0

    # ---- credentials ----

    def _open(self) -> None:
        if self._session is not None:
            return
        try:
            auth = ks_loading.load_auth_from_conf_options(self._conf, opts.GROUP)
            group = opts.GROUP
            if auth is None:
                group = service_auth.SERVICE_USER_GROUP
                auth = ks_loading.load_auth_from_conf_options(self._conf, group)
            if auth is None:
                raise GlanceUnavailable("no service credentials: neither [vtclone] nor [service_user] has an auth_type")
            session = ks_loading.load_session_from_conf_options(self._conf, group, auth=auth)
            if session.timeout is None:
                session.timeout = self._conf[opts.GROUP].glance_timeout  # for Keystone; to Glance each request has its own
            self._session, self._auth = session, auth
        except _UNREACHABLE as err:
            raise GlanceUnavailable("cannot load the service credentials: %s" % err) from err

    def _base(self) -> str:
        if self._endpoint is None:
            group = self._conf[opts.GROUP]
            endpoint = group.glance_endpoint or self._session.get_endpoint(
                self._auth, service_type="image", interface=list(group.valid_interfaces),
                region_name=group.region_name)
            if not endpoint:
                raise GlanceUnavailable("the catalogue has no image service")
            endpoint = endpoint.rstrip("/")
            self._endpoint = endpoint[:-3] if endpoint.endswith("/v2") else endpoint
        return self._endpoint

    def _request(self, method: str, path: str, service_header: bool = False, timeout: Optional[float] = None,
                 **kwargs: Any) -> Any:
        """A response of any status."""
        self._open()
        longest = self._conf[opts.GROUP].glance_timeout
        try:
            headers = {"Accept": "application/json"}
            if service_header:
                headers["X-Service-Token"] = self._session.get_token(self._auth)
            return self._session.request(self._base() + path, method, auth=self._auth, headers=headers,
                                         raise_exc=False, redirect=False, connect_retries=0,
                                         timeout=min(longest, timeout or longest), **kwargs)
        except _UNREACHABLE as err:
            raise GlanceUnavailable("%s %s: %s" % (method, path, err)) from err

    def _get_json(self, path: str, **kwargs: Any) -> Any:
        response = self._request("GET", path, **kwargs)
        if response.status_code != 200:
            raise GlanceUnavailable("GET %s: HTTP %d" % (path, response.status_code), response.status_code)
        try:
            return response.json()
        except ValueError as err:
            raise GlanceUnavailable("GET %s: no JSON: %s" % (path, err)) from err

    def project_id(self) -> Optional[str]:
        """The project of the service credentials, which Glance records as owner of the copies they ask for."""
        self._open()
        try:
            return self._session.get_project_id(self._auth)
        except _UNREACHABLE as err:
            raise GlanceUnavailable("cannot get a token: %s" % err) from err

    # ---- images ----

    def image(self, image_id: str) -> Dict[str, Any]:
        """Glance's JSON of one image."""
        found = self._get_json("/v2/images/%s" % image_id)
        if not isinstance(found, dict):
            raise GlanceUnavailable("GET /v2/images/%s: not an image" % image_id)
        return found

    def locations(self, image_id: str) -> Optional[List[Dict[str, Any]]]:
        """The image's locations, or None where this Glance shows them to nobody we can be."""
        if self._location_api():
            try:
                found = self._get_json("/v2/images/%s/locations" % image_id, service_header=True)
                if isinstance(found, list):
                    return found
            except GlanceUnavailable as err:
                # 401: the token is good, but not as a service's
                if err.status not in (401, 403, 404, 405, 501):
                    raise
        image = self.image(image_id)
        if isinstance(image.get("locations"), list):
            return image["locations"]
        if image.get("direct_url"):
            return [{"url": image["direct_url"], "metadata": {}}]
        return None

    def _location_api(self) -> bool:
        """Whether this Glance has GET /v2/images/ID/locations. Looked up again after a while: Glance is upgraded."""
        now = time.monotonic()
        if self._has_location_api is None or now >= self._versions_until:
            response = self._request("GET", "/versions")
            try:
                versions = [version.get("id") for version in response.json().get("versions", [])]
            except (ValueError, AttributeError) as err:
                raise GlanceUnavailable("GET /versions: HTTP %d, no list of versions" % response.status_code,
                                        response.status_code) from err
            self._has_location_api = _LOCATION_API in versions
            self._versions_until = now + 600
        return bool(self._has_location_api)

    # ---- stores ----

    def stores(self) -> List[Dict[str, Any]]:
        """The stores as a site file has them; an empty list where Glance does not say, with one warning."""
        if self._stores is not None and time.monotonic() < self._stores_until:
            return self._stores
        under_way = self._stores_read
        if under_way is not None:  # by another thread: what was known will do, else its answer is waited for
            if self._stores is None:
                under_way.wait(self._conf[opts.GROUP].glance_timeout)
            return self._stores or []
        under_way = self._stores_read = threading.Event()
        self._stores_asked = time.monotonic()
        try:
            self._stores = self._read_stores()
            self._stores_failure = None
            self._stores_until = time.monotonic() + self._conf[opts.GROUP].stores_ttl
        except GlanceUnavailable as err:
            if str(err) != self._stores_failure:  # once for each kind of failure, not at each attempt
                LOG.warning("vtclone: cannot learn the image stores from Glance (%s); %s", err,
                            "keeping what was known" if self._stores else "a site file can name them")
            self._stores_failure = str(err)
            self._stores = self._stores or []
            self._stores_until = time.monotonic() + _RETRY_AFTER_FAILURE
        finally:
            self._stores_read = None
            under_way.set()
        return self._stores

    def doubt_stores(self) -> None:
        """Something does not fit what is known of the stores: they are read anew, if that was not done just now."""
        under_way = self._stores_read
        if under_way is not None:
            under_way.wait(self._conf[opts.GROUP].glance_timeout)
        elif time.monotonic() - self._stores_asked >= _DOUBT_AFTER:
            self._stores_until = 0.0

    def _read_stores(self) -> List[Dict[str, Any]]:
        found = self._stores_detail()
        stores = []
        for entry in found.get("stores", []) if isinstance(found, dict) else []:
            facts = entry.get("properties") or {}
            store = {"id": entry.get("id"), "type": entry.get("type")}
            for key in ("pool", "fsid", "volume_type"):
                if isinstance(facts.get(key), str) and facts[key]:
                    store[key] = facts[key]
            if all(isinstance(store[key], str) for key in ("id", "type")) and \
                    (store["type"] != "rbd" or "pool" in store):
                stores.append(store)
        return stores

    def _stores_detail(self) -> Any:
        path = "/v2/info/stores/detail"
        # Glance asks Ceph before it answers: where that hangs, so does this.
        try:
            return self._get_json(path, timeout=_STORES_TIMEOUT)
        except GlanceUnavailable as err:
            if err.status != 403:
                raise
            # Not an administrator. From 2025.1 on a service may see them, too, but has to say that it is one; not said
            # at first, as Glance refuses the token of any other user that says so.
            try:
                return self._get_json(path, service_header=True, timeout=_STORES_TIMEOUT)
            except GlanceUnavailable:
                raise err from None

    # ---- copies ----

    def request_copy(self, image_id: str, store: str) -> int:
        """Asks for a copy-image to that store; the HTTP status (202: accepted)."""
        body = {"method": {"name": "copy-image"}, "stores": [store], "all_stores_must_succeed": False}
        return self._request("POST", "/v2/images/%s/import" % image_id, json=body).status_code
