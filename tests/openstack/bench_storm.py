#!/usr/bin/python3
"""Boot storms and misses through the Cinder API, stock Cinder and vtclone in one run on one lab.

usage: bench_storm.py [--volumes 100] [--misses 8] [--miss-mib 512] [--port 8200] [--only storm|misses]

storm: volumes of type ceph from one image with a copy there. misses: volumes at once from an image that only netapp has;
stock downloads it for each, vtclone (on_miss = copy) copies it once. Prints one table and the ratios.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time

import conftest
import osworld
from labkit import ostack, procs


def at_once(lab, count, volume_type, image):
    """(ids, seconds of each POST): all requests at the same time, as far as 32 threads go."""
    def one(_number):
        begun = time.monotonic()
        return lab.volume(volume_type, image), time.monotonic() - begun
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        made = list(pool.map(one, range(count)))
    return [volume for volume, _ in made], [seconds for _, seconds in made]


def read_from_array(lab):
    """Bytes that clients have read from pool netapp; the manager's figure lags a few seconds."""
    time.sleep(12)
    found = json.loads(lab._ceph("rados", "df", "--format", "json"))
    return next(pool["read_bytes"] for pool in found["pools"] if pool["name"] == "netapp")


def measure(lab, count, volume_type, image, seconds):
    """One run: what the volumes cost, by the clock, cinder-volume's CPU, its event loop and Glance's log."""
    glance, log = lab.mark("glance-api"), lab.mark()
    before_read, cpu = read_from_array(lab), lab.cpu_seconds("cinder-volume")
    started, begun = time.time(), time.monotonic()
    volumes, posts = at_once(lab, count, volume_type, image)
    found = lab.wait(*volumes, seconds=seconds)
    wall = time.monotonic() - begun
    cpu = lab.cpu_seconds("cinder-volume") - cpu
    time.sleep(1.5)
    inside = [end - begin for begin, end in lab.clone_calls(started)]
    gaps = lab.gaps(started, time.time())
    glance_log, cinder_log = lab.log_since(glance, "glance-api"), lab.log_since(log)
    sent = re.findall(r'GET /v2/images/%s/file HTTP/1\.1" (\d+) (\d+)' % image, glance_log)
    row = {
        "available": sum(status == "available" for status in found.values()), "wall s": wall,
        "POST p50 s": statistics.median(posts), "inside clone_image s": sum(inside),
        "clone_image p50 s": statistics.median(inside) if inside else 0.0, "cinder-volume CPU s": cpu,
        "largest loop gap s": gaps[-1] if gaps else 0.0,
        "MiB sent by Glance": sum(int(size) for status, size in sent if status == "200") / 1048576,
        "failed downloads": sum(status != "200" for status, _size in sent),
        "MiB read from netapp": (read_from_array(lab) - before_read) / 1048576,
        "imports": len(re.findall(r'POST /v2/images/%s/import HTTP/1\.1" 202' % image, glance_log)),
        "attempts": cinder_log.count("being created as image with"),
    }
    lab.delete(*volumes, seconds=600)
    return row


def show(title, stock, ours):
    print("\n%s\n  %-24s %12s %12s %12s" % (title, "", "stock", "vtclone", "stock/ours"))
    for name in stock:
        ratio = "%12.1f" % (stock[name] / ours[name]) if ours[name] else "%12s" % "-"
        print("  %-24s %12.2f %12.2f %s" % (name, stock[name], ours[name], ratio), flush=True)


def run(lab, args):
    managers = {"stock": ("DEFAULT.volume_manager=vtlab_probe.ProbedStock",),
                "vtclone": ("DEFAULT.volume_manager=vtlab_probe.ProbedClone", "vtclone.on_miss=copy")}
    storms, misses = {}, {}
    image = lab.image(["ceph"], mib=64)
    for name, settings in managers.items():
        lab.restart("cinder-volume", *settings)
        if args.only != "misses":
            lab.make("ceph", image)  # connections, tokens and imports are not the storm's
            storms[name] = measure(lab, args.volumes, "ceph", image, 900)
        if args.only != "storm":
            only_netapp = lab.image(mib=args.miss_mib, seed=5)
            misses[name] = measure(lab, args.misses, "ceph", only_netapp, 1800)
            lab.admin("DELETE", "image", "/v2/images/" + only_netapp)
        print("%s: measured" % name, file=sys.stderr, flush=True)
    if storms:
        show("%d volumes of type ceph at once, 64 MiB image with a copy there" % args.volumes, **{
            "stock": storms["stock"], "ours": storms["vtclone"]})
    if misses:
        show("%d volumes of type ceph at once, %d MiB image that only netapp has (on_miss = copy)" %
             (args.misses, args.miss_mib), stock=misses["stock"], ours=misses["vtclone"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--volumes", type=int, default=100)
    parser.add_argument("--misses", type=int, default=8)
    parser.add_argument("--miss-mib", type=int, default=512)
    parser.add_argument("--port", type=int, default=conftest.PORT)
    parser.add_argument("--only", choices=("storm", "misses"))
    args = parser.parse_args()
    conftest.PORT = args.port
    folder = tempfile.mkdtemp(prefix="vtclone-storm-")
    state = os.path.join(os.path.realpath(folder), "lab")
    os.makedirs(state)
    try:
        conftest.start_lab(state)
        lab = osworld.World(state)
        lab.lift_quotas()
        run(lab, args)
    finally:
        ostack.stop(state, purge=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    procs.main_guard(main)
