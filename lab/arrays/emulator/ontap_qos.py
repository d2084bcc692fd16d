"""QoS policy groups: their limits by ZAPI's names ({"max-throughput": "1000iops"}), whichever interface set them."""

import fnmatch
import uuid

from emulator.ontap_errors import DUPLICATE, NO_OBJECT, refuse


class Qos:
    def __init__(self, array):
        self._array = array

    @property
    def _known(self):
        return self._array.known["qos"]

    def groups(self, adaptive=None):
        return {name: group for name, group in list(self._known.items()) if adaptive in (None, group["adaptive"])}

    def require(self, name, adaptive=None):
        """The policy group of that name, which has to exist."""
        if name not in self.groups(adaptive):
            raise refuse(NO_OBJECT, f"QoS policy group not found: {name}")
        return self._known[name]

    def create(self, name, adaptive, limits):
        with self._array.lock:
            if name in self._known:
                raise refuse(DUPLICATE, f"duplicate entry: QoS policy group {name}")
            self._known[name] = {"uuid": str(uuid.uuid4()), "adaptive": adaptive, "limits": limits}
            self._array.save()

    def modify(self, name, adaptive, limits):
        with self._array.lock:
            self.require(name, adaptive)["limits"].update(limits)
            self._array.save()

    def rename(self, old, new, adaptive=None):
        with self._array.lock:
            self._known[new] = self.require(old, adaptive)
            del self._known[old]
            assigned = self._array.known["file_qos"]
            for path in assigned:
                if assigned[path] == old:
                    assigned[path] = new
            self._array.save()

    def delete(self, pattern, adaptive=None):
        """How many went."""
        with self._array.lock:
            gone = [name for name in self.groups(adaptive) if pattern and fnmatch.fnmatchcase(name, pattern)]
            for name in gone:
                del self._known[name]
            if gone:
                self._array.save()
        return len(gone)
