"""One clone in a process of its own: reads what to do as JSON from standard input, prints what came of it. `warm` names a
volume that is made before: what is read of pools and parents is then cached, and the faults begin after it."""

import json
import os
import sys

import vtclone


def main():
    job = json.load(sys.stdin)
    with vtclone.Context(job["site"]) as context:
        decision = context.resolve(job["image"], None, size_gib=job["gib"])
        if job.get("warm"):
            context.clone(decision, job["warm"], job["gib"], engine=job["engine"])
        os.environ.update(job.get("faults", {}))
        try:
            report = context.clone(decision, job["name"], job["gib"], engine=job["engine"],
                                   timeout_ms=job.get("timeout_ms", 0)).as_dict()
        except vtclone.Error as error:
            print(json.dumps({"error": type(error).__name__, "message": str(error)}))
            return
    print(json.dumps({key: report[key] for key in ("engine", "engine_reason", "existed")}))


if __name__ == "__main__":
    main()
