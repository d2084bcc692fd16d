"""Images and volumes on a running OpenStack lab: upload, copy to stores, volumes of each type, with times."""

import time

from labkit import rawimage, rest
from labkit.procs import LabError

POLL = 0.05


class _Content:
    """A generated image as a file that http.client can send."""

    def __init__(self, size, seed):
        self._pieces = rawimage.pieces(size, seed)
        self._rest = b""

    def read(self, count=-1):
        while not self._rest:
            try:
                _offset, self._rest = next(self._pieces)
            except StopIteration:
                return b""
        part, self._rest = self._rest[:count], self._rest[count:]
        return part


def _wait(fetch, done, failed, what, seconds):
    deadline = time.monotonic() + seconds
    while True:
        found = fetch()
        if failed(found):
            raise LabError(f"{what}: {failed(found)}")
        if done(found):
            return found
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds} s")
        time.sleep(POLL)


def upload(session, name, mib, seed=1, store=None, visibility="shared", disk_format="raw"):
    """Create an image with generated content; into the default store unless one is named."""
    image = session("POST", "image", "/v2/images", {"name": name, "disk_format": disk_format,
                                                     "container_format": "bare", "visibility": visibility})
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(mib << 20)}
    if store:
        headers["X-Image-Meta-Store"] = store
    session("PUT", "image", f"/v2/images/{image['id']}/file", _Content(mib << 20, seed), headers, timeout=900)
    return image["id"]


def get_image(session, image_id):
    return session("GET", "image", f"/v2/images/{image_id}")


def split(text):
    return [part for part in (text or "").split(",") if part]


def copy_to(session, image_id, stores=None, seconds=600):
    """copy-image to the stores (all without a list), to its end."""
    body = {"method": {"name": "copy-image"}}
    body.update({"stores": stores, "all_stores_must_succeed": False} if stores else {"all_stores": True})
    session("POST", "image", f"/v2/images/{image_id}/import", body)

    def failure(image):
        lost = image.get("os_glance_failed_import")
        return f"failed in {lost}" if lost else None
    return _wait(lambda: get_image(session, image_id),
                 lambda image: not image.get("os_glance_importing_to_stores")
                 and set(stores or ()) <= set(split(image["stores"])) and (stores or len(split(image["stores"])) > 1),
                 failure, f"copy of image {image_id}", seconds)


def create_volume(session, name, volume_type, image_id, gib=1):
    body = {"volume": {"name": name, "size": gib, "volume_type": volume_type, "imageRef": image_id}}
    return session("POST", "volumev3", "/volumes", body)["volume"]["id"]


def wait_volume(session, volume_id, seconds=600):
    return _wait(lambda: session("GET", "volumev3", f"/volumes/{volume_id}")["volume"],
                 lambda volume: volume["status"] == "available",
                 lambda volume: volume["status"] == "error" and "in status error", f"volume {volume_id}", seconds)


def delete_volume(session, volume_id, seconds=120):
    session("DELETE", "volumev3", f"/volumes/{volume_id}")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            status = session("GET", "volumev3", f"/volumes/{volume_id}")["volume"]["status"]
        except rest.HttpError as error:
            if error.status == 404:
                return
            raise
        if status.startswith("error"):
            raise LabError(f"volume {volume_id} is in status {status} after its deletion")
        time.sleep(POLL)
    raise LabError(f"volume {volume_id} is still there after {seconds} s")
