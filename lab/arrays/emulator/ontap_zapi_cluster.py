"""What the drivers ask the cluster itself: versions, rights, aggregate, performance counters, EMS, and empty lists."""

import time

from emulator import zapi

# of system:constituent and processor, in the same units: 5 % busy at any two readings
_BUSY = 0.05
_DOMAINS = "idle,kahuna,storage,exempt"
_PHASES = "SETUP,PRE_P0,P0_SNAP_DEL,P1_CLEAN,P1_QUOTA,IPU_DISK_ADD,P2V_INOFILE,P2_FLUSH"
_COUNTERS = {
    "system:constituent": [{"name": "avg_processor_busy", "base-counter": "cpu_elapsed_time"},
                           {"name": "cpu_elapsed_time"}],
    "wafl": [{"name": "total_cp_msecs"}, {"name": "cp_phase_times", "labels": [("label-info", _PHASES)]}],
    "processor": [{"name": "domain_busy", "labels": [("label-info", _DOMAINS)],
                   "base-counter": "processor_elapsed_time"}, {"name": "processor_elapsed_time"}],
}
_RIGHTS = {"storage.aggregate": "aggr-options-list-info,aggr-get-iter", "storage.disk": "storage-disk-get-iter",
           "snapmirror": "snapmirror-get-iter", "volume.efficiency": "sis-get-iter", "volume": "volume-get-iter"}


class ClusterCalls:
    def __init__(self, array):
        self._array = array

    def calls(self):
        table = {
            "system-get-ontapi-version": lambda _a: {"major-version": 1, "minor-version": 211},
            "system-get-version": lambda _a: {
                "version": "NetApp Release 9.11.1: emulated", "is-clustered": True, "version-tuple": {
                    "system-version-tuple": {"generation": 9, "major": 11, "minor": 1}}},
            "cluster-identity-get": lambda _a: {"attributes": {
                "cluster-identity-info": {"cluster-name": self._array.ADMIN_SVM}}},
            "perf-object-counter-list-info": self._counter_list,
            "perf-object-instance-list-info-iter": self._instances,
            "perf-object-get-instances": self._counters,
            "clone-split-status": lambda _a: {"clone-split-info": {"unsplit-size": 0, "unsplit-clone-count": 0}},
            "ems-autosupport-log": lambda _a: {},
        }
        for call, tag, records in (
                ("system-node-get-iter", "node-details-info", self._nodes),
                ("vserver-get-iter", "vserver-info", self._vservers),
                ("system-user-capability-get-iter", "capability-info", self._rights),
                ("aggr-get-iter", "aggr-attributes", self._aggregates),
                ("storage-disk-get-iter", "storage-disk-info", self._disks),
                ("sis-get-iter", "sis-status-info", self._efficiency),
                ("snapmirror-get-iter", "snapmirror-info", list),
                ("snapshot-get-iter", "snapshot-info", list)):
            table[call] = self._listing(tag, records)
        return table

    @staticmethod
    def _listing(tag, records):
        return lambda arguments: zapi.iterate(tag, records(), arguments)

    def _nodes(self):
        return [{"node": self._array.NODE, "node-model": "AFF-A400", "is-all-flash-optimized": True,
                 "is-all-flash-select-optimized": False}]

    def _vservers(self):
        return [{"vserver-name": self._array.ADMIN_SVM, "vserver-type": "admin"},
                {"vserver-name": self._array.svm, "vserver-type": "data"}]

    @staticmethod
    def _rights():
        return [{"object-name": name, "operation-list": [
            ("operation-info", {"name": operation, "api-name": apis})]}
            for name, apis in _RIGHTS.items() for operation in ("show", "*show")]

    def _aggregates(self):
        total, available = self._array.aggregate_size()
        return [{"aggregate-name": self._array.AGGREGATE,
                 "aggr-ownership-attributes": {"home-name": self._array.NODE},
                 "aggr-raid-attributes": {"raid-type": "raid_dp", "is-hybrid": False},
                 "aggr-space-attributes": {"size-total": total, "size-available": available,
                                           "percent-used-capacity": 100 * (total - available) // max(total, 1)}}]

    def _disks(self):
        return [{"disk-name": "1.0.0", "disk-raid-info": {
            "effective-disk-type": "SSD", "disk-aggregate-info": {"aggregate-name": self._array.AGGREGATE}}}]

    def _efficiency(self):
        return [{"path": f"/vol/{name}", "state": "enabled", "is-compression-enabled": True,
                 "logical-data-size": 0, "logical-data-limit": 700 << 40} for name in self._array.flexvols]

    # ---- performance ----

    @staticmethod
    def _counter_list(arguments):
        return {"counters": [("counter-info", counter) for counter in _COUNTERS.get(arguments.get("objectname"), [])]}

    def _instances(self, arguments):
        uuid = f"{self._array.NODE}:kernel:{arguments.get('objectname')}"
        return zapi.iterate("instance-info", [{"name": arguments.get("objectname"), "uuid": uuid}], arguments)

    def _counters(self, arguments):
        now = time.time()
        clock = int(now * 1e6)
        values = {"avg_processor_busy": int(clock * _BUSY), "cpu_elapsed_time": clock,
                  "total_cp_msecs": int(now * 1000 * _BUSY), "processor_elapsed_time": clock,
                  "cp_phase_times": ",".join(["0"] * _PHASES.count(",") + [str(int(now * 1000 * _BUSY / 2))]),
                  "domain_busy": ",".join(str(int(clock * part)) for part in (1 - _BUSY, _BUSY / 2, _BUSY / 4, _BUSY / 4))}
        wanted = zapi.many(arguments.get("counters"), "counter")
        return {"timestamp": int(now), "instances": [("instance-data", {
            "name": uuid, "uuid": uuid, "counters": [
                ("counter-data", {"name": name, "value": values[name]}) for name in wanted if name in values]})
            for uuid in zapi.many(arguments.get("instance-uuids"), "instance-uuid")]}
