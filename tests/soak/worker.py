"""The process that is measured: clones without end by both engines, on one context, from several threads.

Reads a request as JSON from standard input; prints the name of each volume it made, one a line, for its parent to remove.
Ends when standard input does. Usage: worker.py THREADS PER_SECOND
"""
import json
import sys
import threading
import time
import uuid

import vtclone

request = json.loads(sys.stdin.readline())
threads, per_second = int(sys.argv[1]), float(sys.argv[2])
stop = threading.Event()
out = threading.Lock()
counts = {"made": 0, "failed": 0}


def clone(context: vtclone.Context, number: int) -> None:
    engine = "librbd" if number % 2 else "direct"
    while not stop.wait(threads / per_second):
        name = "volume-%s" % uuid.uuid4()
        try:
            decision = context.resolve(request["image"], "ceph", size_gib=1)
            context.clone(decision, name, 1, engine=engine)
        except vtclone.Error as err:
            with out:
                counts["failed"] += 1
                print("failed %s" % err, file=sys.stderr, flush=True)
            time.sleep(1)
            continue
        with out:
            counts["made"] += 1
            print(name, flush=True)


with vtclone.Context(request["site"]) as context:
    # The direct engine leaves the first image of a pool to librbd, which checks what the pool can do.
    context.clone(context.resolve(request["image"], "ceph", size_gib=1), "volume-first", 1, engine="librbd")
    counts["made"] += 1
    print("volume-first", flush=True)
    workers = [threading.Thread(target=clone, args=(context, number)) for number in range(threads)]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    stop.set()
    for worker in workers:
        worker.join()
print("END %(made)d %(failed)d" % counts, flush=True)
