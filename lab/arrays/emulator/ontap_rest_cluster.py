"""REST resources of the cluster and its FlexVols: what the drivers ask before they make a volume."""

import time

from emulator.rest_records import collection, select

_BUSY = 0.05        # 5 % busy at any two readings
_PHASES = ("setup", "pre_p0", "p0_snap_del", "p1_clean", "p1_quota", "ipu_disk_add", "p2v_inofile", "p2_flush")
_DOMAINS = ("idle", "kahuna", "storage", "exempt")
# of each counter table: its counters with their denominators
_TABLES = {
    "system:constituent": {"average_processor_busy_percent": "cpu_elapsed_time", "cpu_elapsed_time": "none"},
    "wafl": {"total_cp_msecs": "none", "cp_phase_times": "total_cp_msecs"},
    "processor": {"domain_busy_percent": "elapsed_time", "elapsed_time": "none"},
}


class ClusterResources:
    def __init__(self, array):
        self._array = array
        self._svm = {"name": array.svm, "uuid": array.uuid_of("svm")}

    def resources(self):
        table = {
            "GET /cluster": self._cluster,
            "GET /cluster/counter/tables/{name}": self._counter_table,
            "GET /cluster/counter/tables/{name}/rows": self._counter_rows,
            "POST /support/ems/application-logs": lambda query, body: (201, {"num_records": 1}),
        }
        for path, records in (
                ("/cluster/nodes", self._nodes), ("/svm/svms", lambda: [self._svm]),
                ("/storage/aggregates", self._aggregates), ("/storage/disks", self._disks),
                ("/storage/volumes", self._volumes), ("/network/ip/interfaces", self._interfaces),
                ("/snapmirror/relationships", list), ("/network/fc/interfaces", list)):
            table["GET " + path] = self._listing(records)
        table["GET /storage/volumes/{uuid}/snapshots"] = lambda _uuid, query, body: (200, collection([], query))
        return table

    @staticmethod
    def _listing(records):
        return lambda query, body: (200, collection(records(), query))

    def _cluster(self, query, body):
        return 200, select({
            "name": self._array.ADMIN_SVM, "uuid": self._array.uuid_of("cluster"),
            "version": {"full": "NetApp Release 9.11.1: emulated", "generation": 9, "major": 11, "minor": 1}},
            query.get("fields", ""))

    def _nodes(self):
        return [{"uuid": self._array.uuid_of("node"), "name": self._array.NODE, "model": "AFF-A400",
                 "is_all_flash_optimized": True, "is_all_flash_select_optimized": False}]

    def _aggregates(self):
        total, available = self._array.aggregate_size()
        return [{"uuid": self._array.uuid_of("aggregate"), "name": self._array.AGGREGATE,
                 "home_node": {"name": self._array.NODE, "uuid": self._array.uuid_of("node")},
                 "block_storage": {"primary": {"raid_type": "raid_dp"}, "storage_type": "ssd"},
                 "space": {"block_storage": {"size": total, "available": available, "used": total - available}}}]

    def _disks(self):
        return [{"name": "1.0.0", "effective_type": "ssd", "aggregates": [{"name": self._array.AGGREGATE}]}]

    def _volumes(self):
        return [self._volume(name) for name in sorted(self._array.flexvols)]

    def _volume(self, name):
        total, available = self._array.size_of(name)
        return {
            "uuid": self._array.uuid_of(name), "name": name, "svm": self._svm, "type": "rw", "style": "flexvol",
            "state": "online", "is_svm_root": False, "error_state": {"is_inconsistent": False},
            "nas": {"path": f"/{name}"}, "aggregates": [{"name": self._array.AGGREGATE}],
            "guarantee": {"type": "none", "honored": True}, "snapshot_policy": {"name": "none"}, "language": "c.utf_8",
            "space": {"size": total, "afs_total": total, "available": available, "snapshot": {"reserve_percent": 0}},
            "efficiency": {"volume_path": f"/vol/{name}", "state": "enabled", "compression": "inline"},
            "encryption": {"enabled": False}}

    def _interfaces(self):
        return [{"uuid": self._array.uuid_of("lif1"), "name": "lif1", "ip": {"address": self._array.ADDRESS},
                 "state": "up", "enabled": True, "services": ["data_nfs", "data_iscsi"], "svm": self._svm}]

    # ---- performance ----

    def _counter_table(self, name, query, body):
        schemas = [{"name": counter, "denominator": {"name": denominator}}
                   for counter, denominator in _TABLES.get(name, {}).items()
                   if query.get("counter_schemas.name") in (None, counter)]
        return 200, {"name": name, "counter_schemas": schemas}

    def _counter_rows(self, name, query, body):
        wanted = query.get("counters.name", "").split("|")
        rows = [{"id": f"{self._array.NODE}:kernel:{name}", "counter_table": {"name": name}, "counters": [
            counter for counter in self._counters() if counter["name"] in _TABLES.get(name, {}) and
            (wanted == [""] or counter["name"] in wanted)]}]
        return 200, collection(rows, {key: value for key, value in query.items() if key != "counters.name"})

    @staticmethod
    def _counters():
        now = time.time()
        clock, milliseconds = int(now * 1e6), int(now * 1000)
        shares = (1 - _BUSY, _BUSY / 2, _BUSY / 4, _BUSY / 4)
        return [
            {"name": "average_processor_busy_percent", "value": int(clock * _BUSY)},
            {"name": "cpu_elapsed_time", "value": clock}, {"name": "elapsed_time", "value": clock},
            {"name": "total_cp_msecs", "value": int(milliseconds * _BUSY)},
            {"name": "cp_phase_times", "labels": ["cp_" + phase for phase in _PHASES],
             "values": [0] * (len(_PHASES) - 1) + [int(milliseconds * _BUSY / 2)]},
            {"name": "domain_busy_percent", "labels": list(_DOMAINS), "values": [int(clock * share) for share in shares]}]
