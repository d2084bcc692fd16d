#!/usr/bin/python3
"""What must hold of every answer of the resolver, tried on generated sites and images.

usage: run.py --batch PROGRAM [--seconds N | --count N] [--seed N] [--processes N] [--round N]

Each request goes to the library (tests/properties/batch.c, which asks twice) and to the slow reference; then variations of it go
to the library alone. Ends with `N passed, N failed, N skipped`, one test a property; the first violations are printed whole.
Requests are made in rounds, each from the seed and its number alone, so that as many processes as there are cores share them
and --round makes one again.
"""

import argparse
import collections
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import time
from typing import Any, Dict, Iterator, List, Tuple

from generate import Maker, Json
from reference import Request, UNPAIRED, most_telling, read_location

PROPERTIES = {
    "reference": "the answer is the reference's",
    "twice": "two identical calls give identical answers",
    "pairing": "no location that passes breaks a pairing rule",
    "cluster": "no location that passes is another cluster's",
    "unpaired": "a location that breaks a pairing rule is always told",
    "adding": "adding a location never turns a hit into a miss",
    "order": "the order of locations decides ties only",
    "stores": "the order of the site's stores decides nothing",
    "fewer": "taking the other locations away changes nothing for the one that stays",
}


class Batch:
    """The batch program; requests are collected and asked together."""

    def __init__(self, program: str):
        self.program = program
        self.lines: List[str] = []

    def site(self, site: Json) -> None:
        self.lines.append("S\t%s\n" % json.dumps(site))

    def add(self, image: Json, volumes: Any, options: Json) -> None:
        fields = ["R", options["volume_type"] or "", options["backend"] or "", str(options["size_gib"]), options["project"] or "",
                  str(int(options["allow_signed"])), str(int(options["owner_paired"])), json.dumps(image),
                  "" if volumes is None else json.dumps(volumes)]
        self.lines.append("\t".join(fields) + "\n")

    def ask(self) -> List[Json]:
        text, self.lines = "".join(self.lines), []
        done = subprocess.run([self.program], input=text.encode(), stdout=subprocess.PIPE)
        if done.returncode != 0:  # it lost what it had not written yet: once more, line by line
            done = subprocess.run(["stdbuf", "-oL", self.program], input=text.encode(), stdout=subprocess.PIPE)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode != 0:
            raise RuntimeError("%s ended with status %d after %d answers" % (self.program, done.returncode, len(answers)))
        return answers


def strip(answer: Json) -> Json:
    """The answer without its sentences, and without what the reference does not show."""
    out = {key: value for key, value in answer.items() if key != "detail"}
    out["location"] = answer["location"] and {key: answer["location"][key] for key in ("index", "store")}
    out["backends"] = [dict(each, candidates=[{key: candidate[key] for key in ("index", "store", "reason")} for candidate in each["candidates"]])
                       for each in answer["backends"]]
    return out


class Checker:
    def __init__(self) -> None:
        self.tried: Dict[str, int] = collections.Counter()
        self.failed: Dict[str, int] = collections.Counter()
        self.reasons: Dict[str, int] = collections.Counter()
        self.stories: List[Tuple[str, List[str]]] = []

    def check(self, name: str, holds: bool, *story: Any) -> None:
        self.tried[name] += 1
        if holds:
            return
        self.failed[name] += 1
        if self.failed[name] <= 2:
            self.stories.append((name, [part if isinstance(part, str) else json.dumps(part) for part in story]))

    def add(self, number: int, other: "Checker") -> None:
        """What another has found in the round of that number."""
        for name, lines in other.stories:
            if self.failed[name] < 2:
                print("-- does not hold (round %d): %s" % (number, PROPERTIES[name]))
                print("\n".join(lines), flush=True)
        for mine, its in ((self.tried, other.tried), (self.failed, other.failed), (self.reasons, other.reasons)):
            mine.update(its)

    def answer(self, site: Json, case: Json, answer: Json) -> None:
        """Properties of one answer by itself."""
        image, volumes = case["image"], {each["id"].lower(): each for each in case["volumes"] or []}
        story = (site, case, answer)
        broken = False
        backends = {each["host"]: each for each in site["backends"]}
        locations = image.get("locations")
        locations = locations if locations is not None else [{"url": image.get("direct_url")}]
        pools = {(store.get("fsid"), store["pool"]) for store in site["stores"] if store["type"] == "rbd"}
        for result in answer["backends"]:
            for candidate in result["candidates"]:
                broken |= candidate["reason"] in UNPAIRED
                if candidate["reason"] != "OK":
                    continue
                kind, parts = read_location(locations[candidate["index"]]["url"])
                if kind == "rbd":
                    fsid, pool, name, snap = [part.decode("utf-8", "replace") for part in parts]
                    self.check("cluster", fsid == backends[result["host"]].get("fsid"), *story)
                    self.check("pairing", name == image["id"] and snap == "snap" and ((fsid, pool) in pools or (None, pool) in pools), *story)
                else:
                    volume = volumes.get(parts[1].decode().lower(), {})
                    self.check("pairing", volume.get("metadata", {}).get("glance_image_id") == image["id"] and
                               volume.get("status") in ("available", "in-use"), *story)
        self.check("unpaired", not broken or answer["unpaired"], *story)

    def variations(self, maker: Maker, site: Json, case: Json, answer: Json, batch: Batch) -> List[Any]:
        """Adds variations of the request to the batch; returns what is to be checked of their answers."""
        image = case["image"]
        locations = image.get("locations")
        if not locations:
            return []
        hit = answer["reason"] == "OK"
        out = []

        def vary(name: str, new: List[Json], judge: Any) -> None:
            varied = dict(image, locations=new)
            batch.add(varied, case["volumes"], case["options"])
            out.append((name, varied, judge))

        at = maker.random.randrange(len(locations) + 1)
        more = locations[:at] + [maker.location(site, image["id"])] + locations[at:]
        vary("adding", more, lambda new: not hit or new["reason"] == "OK")
        order = list(range(len(locations)))
        maker.random.shuffle(order)

        def same_choice(new: Json) -> bool:
            if (new["reason"], new["method"], new["backend"]) != (answer["reason"], answer["method"], answer["backend"]):
                # Equally telling reasons do not exist among those of locations; two methods may tie only through the reference's check.
                return hit and new["reason"] == "OK" and new["backend"] == answer["backend"]
            return not hit or [sorted(order[candidate] for candidate in each["order"]) for each in new["backends"]] == [
                sorted(each["order"]) for each in answer["backends"]]
        vary("order", [locations[index] for index in order], same_choice)
        keep = maker.random.randrange(len(locations))
        vary("fewer", [locations[keep]], lambda new: [each["candidates"][0]["reason"] for each in new["backends"]] == [
            each["candidates"][keep]["reason"] for each in answer["backends"]])
        return out


def round_of(maker: Maker, batch: Batch, checker: Checker) -> int:
    """One batch of sites with requests, then one of variations. Number of requests that were asked."""
    sites = []
    for _ in range(60):
        site = maker.site()
        batch.site(site)
        for _ in range(25):
            image = maker.image(site)
            case = {"image": image, "volumes": maker.volumes(site, image), "options": maker.options(site)}
            batch.add(image, case["volumes"], case["options"])
            sites.append((site, case))
    answers = batch.ask()
    checker.check("twice", len(answers) == len(sites), "%d answers to %d requests" % (len(answers), len(sites)))
    asked, later, last = len(answers), [], None
    for (site, case), answer in zip(sites, answers):
        wanted = Request(site, case["image"], volumes=case["volumes"], **case["options"]).resolve()
        checker.check("reference", "error" not in answer and strip(answer) == wanted, site, case, answer, wanted)
        checker.reasons[answer.get("reason", "error")] += 1
        if "error" in answer:
            continue
        checker.answer(site, case, answer)
        if maker.chance(0.2):
            if last is not site:
                batch.site(site)
                last = site
            later += [(site, case, answer) + each for each in checker.variations(maker, site, case, answer, batch)]
            turned = dict(site, stores=site["stores"][::-1])
            one_pool_one_store = len({store.get("pool", store["id"]) for store in site["stores"]}) == len(site["stores"])
            if one_pool_one_store:
                batch.site(turned)
                batch.add(case["image"], case["volumes"], case["options"])
                later.append((site, case, answer, "stores", turned, lambda new, old=answer: new == old))
                last = None
    for (site, case, answer, name, varied, judge), new in zip(later, batch.ask()):
        checker.check(name, "error" not in new and judge(new), site, case, answer, varied, new)
    return asked + len(later)


def do_round(job: Tuple[str, int, int]) -> Tuple[int, int, Checker]:
    program, seed, number = job
    checker = Checker()
    return number, round_of(Maker("%d round %d" % (seed, number)), Batch(program), checker), checker


def rounds(args: argparse.Namespace) -> Iterator[Tuple[int, int, Checker]]:
    """One after the other as they get done. The processes are given only some in advance: the last ones are not wanted."""
    jobs = ((args.batch, args.seed, number) for number in itertools.count())
    if args.round is not None:
        yield do_round((args.batch, args.seed, args.round))
    elif args.processes == 1:
        yield from map(do_round, jobs)
    else:
        with multiprocessing.Pool(args.processes) as pool:
            waiting = collections.deque(pool.apply_async(do_round, (job,)) for job in itertools.islice(jobs, 2 * args.processes))
            while True:
                done = waiting.popleft().get()
                waiting.append(pool.apply_async(do_round, (next(jobs),)))
                yield done


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", required=True)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--round", type=int)
    args = parser.parse_args()
    checker = Checker()
    assert most_telling(["OK", "UNKNOWN_STORE", "NOT_PAIRED"]) == "NOT_PAIRED"
    asked, started = 0, time.monotonic()
    for number, count, found in rounds(args):
        asked += count
        checker.add(number, found)
        if asked >= args.count and time.monotonic() - started >= args.seconds:
            break
    seconds = time.monotonic() - started
    print("%d requests (seed %d) in %.0f s, %.0f a second; %s" % (asked, args.seed, seconds, asked / seconds, ", ".join(
        "%s %d" % each for each in sorted(checker.reasons.items(), key=lambda each: -each[1]))))
    failed = 0
    for name, text in PROPERTIES.items():
        good = checker.tried[name] > 0 and not checker.failed[name]
        failed += not good
        print("%s - %s (%d checks, %d failed)" % ("ok" if good else "not ok", text, checker.tried[name], checker.failed[name]))
    print("%d passed, %d failed, 0 skipped" % (len(PROPERTIES) - failed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
