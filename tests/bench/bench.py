"""What lbdns costs. Run by tests/bench/inside, in the lab; its arguments are sections, none for all."""

import json
import os
import sys
import time

import connect
import fresh
import goals
import hook
import lookup
import report
import scale
import start
from lab import BUILD, machine

SECTIONS = {"connect": connect, "lookup": lookup, "hook": hook, "start": start, "fresh": fresh, "scale": scale}


def main():
    wanted = sys.argv[1:] or list(SECTIONS)
    unknown = [name for name in wanted if name not in SECTIONS]
    if unknown:
        sys.exit(f"no such section: {' '.join(unknown)}; there are {' '.join(SECTIONS)}")
    rounds = int(os.environ.get("BENCH_ROUNDS") or 15)
    results = {"machine": machine(), "rounds": rounds}
    began = time.monotonic()
    report.heading(results["machine"])
    for name in wanted:
        results[name] = SECTIONS[name].measure(rounds, results)
        SECTIONS[name].show(results[name])
    results["goals"] = goals.judge(results)
    goals.show(results["goals"])
    results["seconds"] = round(time.monotonic() - began)
    path = os.path.join(BUILD, "bench.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
    print(f"\n{results['seconds']} s; all of it in {path}", end="")
    plot = report.plot(results)
    print(f", the latencies of connect in {plot}" if plot else "")


main()
