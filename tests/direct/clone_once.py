"""One clone in a process of its own: reads what to do as JSON from standard input, prints what came of it."""

import json
import sys

import vtclone


def main():
    job = json.load(sys.stdin)
    with vtclone.Context(job["site"]) as context:
        decision = context.resolve(job["image"], None, size_gib=job["gib"])
        try:
            report = context.clone(decision, job["name"], job["gib"], engine=job["engine"]).as_dict()
        except vtclone.Error as error:
            print(json.dumps({"error": type(error).__name__, "message": str(error)}))
            return
    print(json.dumps({key: report[key] for key in ("engine", "engine_reason", "existed")}))


if __name__ == "__main__":
    main()
