"""The emulated NetApp and PowerStore (lab/arrays) of a lab: start them, configure Cinder and Glance for them, break them."""

import json
import os
import shutil
import ssl
import sys
import urllib.request

from labkit import procs
from labkit.procs import LabError

NAMES = ("ontap", "powerstore")
USER, PASSWORD = "vtlab", "lab-secret"
SVM = "svm_cinder"
FLEXVOLS = {"nfs1": 512, "nfs2": 512, "san1": 512, "san2": 512}     # name: GiB
GIB = 1024                                                          # of the PowerStore
ADDRESS = "127.0.0.1"
FACTS = "arrays.json"
PROTOCOLS = ("nfs", "iscsi")
CLIENTS = ("zapi", "rest")
HERE = os.path.dirname(os.path.abspath(__file__))
CODE = os.path.join(os.path.dirname(HERE), "arrays")


def make_facts(state, port, protocol="nfs", client="zapi"):
    """state: of the lab; the arrays' own files are in STATE/arrays. port: where to begin to look for free ones. client: which
    of ONTAP's interfaces Cinder's driver is to speak."""
    port = procs.free_ports(port, len(NAMES))
    return {"state": state, "folder": os.path.join(state, "arrays"), "protocol": protocol, "client": client,
            "ports": {name: port + number for number, name in enumerate(NAMES)}}


def load(state):
    try:
        with open(os.path.join(state, "arrays", FACTS), encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        raise LabError(f"{state} holds no emulated arrays")


def certificate(folder):
    return os.path.join(folder, "powerstore.pem")


def start(facts):
    """Both arrays, empty. They end with the lab whose state folder they are in."""
    folder = facts["folder"]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(folder, FACTS), "w", encoding="utf-8") as stream:
        json.dump(facts, stream)
    for name, count in (("nfs_shares", 1), ("nfs_shares.both", 2)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
            stream.writelines(f"{share}\n" for share in shares()[:count])
    key = certificate(folder)
    procs.run(facts["state"], [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-batch", "-subj", "/CN=powerstore",
        "-addext", f"subjectAltName=IP:{ADDRESS}", "-keyout", key, "-out", key + ".crt"], "the PowerStore's certificate")
    with open(key, "a", encoding="utf-8") as stream, open(key + ".crt", encoding="utf-8") as made:
        stream.write(made.read())
    for name in NAMES:
        start_one(facts, name)


def start_one(facts, name):
    port = facts["ports"][name]
    process = procs.spawn(facts["state"], "array-" + name, [
        sys.executable, os.path.join(CODE, "arrays"), "serve", name, "--state", facts["folder"], "--port", str(port)],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"})
    procs.wait_until(lambda: procs.port_answers(port), f"array {name} answers", 20, process,
                     (procs.log_path(facts["state"], "array-" + name),))


def shares():
    return [f"{ADDRESS}:/{name}" for name in FLEXVOLS if name.startswith("nfs")]


# ---- Cinder's and Glance's side ----

def backend(facts, name):
    """cinder.conf's section of the type netapp or powerstore."""
    if name == "powerstore":
        return {"volume_driver": "cinder.volume.drivers.dell_emc.powerstore.driver.PowerStoreDriver",
                "volume_backend_name": name, "storage_protocol": "iSCSI",
                # the driver puts :/api/rest behind it
                "san_ip": f"{ADDRESS}:{facts['ports']['powerstore']}/powerstore",
                "san_login": USER, "san_password": PASSWORD, "driver_ssl_cert_verify": "true",
                "driver_ssl_cert_path": certificate(facts["folder"]) + ".crt"}
    section = {"volume_driver": "cinder.volume.drivers.netapp.common.NetAppDriver", "volume_backend_name": name,
               "netapp_storage_family": "ontap_cluster", "netapp_storage_protocol": facts["protocol"],
               "netapp_server_hostname": ADDRESS, "netapp_server_port": str(facts["ports"]["ontap"]),
               "netapp_transport_type": "http", "netapp_vserver": SVM, "netapp_login": USER,
               "netapp_password": PASSWORD,
               "netapp_use_legacy_client": "true" if facts["client"] == "zapi" else "false"}
    if facts["protocol"] == "nfs":
        section.update({"nfs_shares_config": os.path.join(facts["folder"], "nfs_shares"),
                        "nfs_mount_point_base": os.path.join(facts["state"], "mnt", "cinder-volume"),
                        "nfs_mount_options": "vers=4.1"})
    else:
        section.update({"netapp_pool_name_search_pattern": "san.*", "netapp_lun_space_reservation": "disabled"})
    return section


def environment(facts):
    """What the daemons' environment needs besides PATH (bin_folder first)."""
    return {"VTLAB_EXPORTS": os.path.join(facts["folder"], "ontap", "volumes"),
            "VTLAB_ISCSI": ":".join(os.path.join(facts["folder"], name, "iscsi") for name in NAMES)}


def bin_folder():
    return os.path.join(CODE, "bin")


def namespace(argv, mounts):
    """argv in a mount namespace of its own: what it mounts is nobody else's and goes with it.

    `mounts` is the folder for its mount points, a tmpfs there: Glance asks os.path.ismount(), which tells a bind mount
    from a folder only by the file system it is on.
    """
    os.makedirs(mounts, exist_ok=True)
    return ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c",
            'mount -t tmpfs -o size=1m,mode=755 vtlab "$0" && exec "$@"', mounts] + argv


def initiator_lines(program):
    """For a daemon's start program: LUNs without a kernel initiator."""
    call = "install_in_glance" if program == "glance-api" else "install"
    return f"sys.path.insert(1, {CODE!r})\nimport initiator\ninitiator.{call}()\n"


# ---- looking at them, and breaking them ----

CLONE_CALLS = {"ontap": ("clone-create", "POST /storage/file/clone", "POST /storage/luns (clone)"),
               "powerstore": ("POST /volume/{id}/clone",)}


def _ends_of_clone(arguments):
    if "destination-path" in arguments:     # ZAPI
        source, target = arguments["source-path"], arguments["destination-path"]
    elif "destination_path" in arguments:   # REST, a file
        source, target = arguments["source_path"], arguments["destination_path"]
    elif "clone" in arguments:              # REST, a LUN
        source, target = arguments["clone"]["source"]["name"], arguments["name"]
    else:                                   # PowerStore
        source, target = arguments["id"], arguments["name"]
    return {"source": source.rpartition("/")[2], "target": target.rpartition("/")[2]}


class Array:
    def __init__(self, facts, name):
        self.name, self.facts = name, facts
        self.folder = os.path.join(facts["folder"], name)
        scheme, handlers = "http", [urllib.request.ProxyHandler({})]
        if name == "powerstore":
            scheme = "https"
            context = ssl.create_default_context(cafile=certificate(facts["folder"]) + ".crt")
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._url = f"{scheme}://{ADDRESS}:{facts['ports'][name]}/lab/"
        self._opener = urllib.request.build_opener(*handlers)

    def _call(self, method, path, body=None):
        request = urllib.request.Request(self._url + path, json.dumps(body).encode() if body is not None else None,
                                         {"Content-Type": "application/json"}, method=method)
        try:
            with self._opener.open(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise LabError(f"array {self.name}: {error.read().decode(errors='replace')}")
        except OSError as error:
            raise LabError(f"array {self.name}: {error}")

    def control(self, faults=(), full=False):
        """Replace its faults (see lab/arrays/emulator/web.py); none without arguments."""
        return self._call("PUT", "control", {"faults": list(faults), "full": full})

    def state(self):
        return self._call("GET", "control")

    def log(self, since=0):
        return self._call("GET", f"log?since={since}")

    def mark(self):
        """The number of the last call so far, for log(since)."""
        return self.state()["calls"]

    @property
    def clone_call(self):
        """Fault pattern of the call that clones a volume, by whichever interface."""
        return "|".join(CLONE_CALLS[self.name])

    def clones(self, since=0, name=None, result="ok"):
        """The clone calls that the array made (or refused, with another result), of one new volume if it is named; each with
        the names of its `source` (PowerStore: its id) and its `target`."""
        found = []
        for entry in self.log(since):
            if entry["call"] in CLONE_CALLS[self.name] and entry["result"] == result:
                ends = _ends_of_clone(entry["arguments"])
                if name in (None, ends["target"]):
                    found.append({**entry, **ends})
        return found

    def known(self):
        with open(os.path.join(self.folder, "state.json"), encoding="utf-8") as stream:
            return json.load(stream)

    def volume_path(self, name):
        """The file that holds a volume (by its name on the array); None where there is none."""
        if self.name == "powerstore":
            for volume in self.known()["volumes"].values() if self._has_state() else ():
                if volume["name"] == name:
                    return os.path.join(self.folder, "volumes", volume["id"])
            return None
        for kind in ("volumes", "luns"):
            for flexvol in FLEXVOLS:
                path = os.path.join(self.folder, kind, flexvol, name)
                if os.path.exists(path):
                    return path
        return None

    def volume_names(self):
        """Of everything on the array."""
        if self.name == "powerstore":
            return sorted(volume["name"] for volume in self.known()["volumes"].values()) if self._has_state() else []
        return sorted(name for kind in ("volumes", "luns") for flexvol in FLEXVOLS
                      for name in os.listdir(os.path.join(self.folder, kind, flexvol)))

    def _has_state(self):
        return os.path.exists(os.path.join(self.folder, "state.json"))
