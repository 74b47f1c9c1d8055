"""What a process costs to start, and how much memory it has more."""

import json
import subprocess

import report
from lab import DRIVER, KNOT, LAB_DNS, LIBLBDNS, Driver, nameserver, ratios, summary, with_lbdns

STARTS = 20
PROGRAMS = {"/bin/true": ["/bin/true"], "curl --version": ["/usr/bin/curl", "--version"]}
RESIDENT_AFTER_MS = 1200  # so that two refreshes are done
MEMORY_RUNS = 3


def starts(rounds):
    result = {}
    for label, program in PROGRAMS.items():
        drivers = {name: Driver([DRIVER, "spawn", preload, *program])
                   for name, preload in (("plain", "-"), ("lbdns", LIBLBDNS))}
        turns = {name: [] for name in drivers}
        for _ in range(rounds):
            for name, driver in drivers.items():
                turns[name].append(driver.ask(str(STARTS))["whole"]["p50"])
        for driver in drivers.values():
            driver.end()
        result[label] = {
            "p50_ns": {name: summary(values) for name, values in turns.items()},
            "added_ns": summary([b - a for a, b in zip(turns["plain"], turns["lbdns"])]),
            "to_plain": ratios(turns["lbdns"], turns["plain"]),
        }
    return result


def resident(host, preload):
    done = subprocess.run([DRIVER, "memory", host, "8081", str(RESIDENT_AFTER_MS)], capture_output=True, text=True, check=True,
                          env=with_lbdns(LBDNS_REFRESH="500ms") if preload else None)
    return json.loads(done.stdout)


def memory():
    result = {}
    for label, host, server in (("no name", "-", LAB_DNS), ("3 endpoints", "rng-headless", LAB_DNS),
                                ("4,000 endpoints", "service-4000", KNOT)):
        nameserver(server)
        runs = [(resident(host, False), resident(host, True)) for _ in range(MEMORY_RUNS)]
        added = {kind: [with_it[kind] - without[kind] for without, with_it in runs]
                 for kind in ("Anonymous", "File", "Segment", "Pss")}
        # Resident memory would count pages of files that the page cache happens to hold: see driver/memory.c.
        added["Ours"] = [sum(kinds) for kinds in zip(added["Anonymous"], added["File"], added["Segment"])]
        result[label] = {f"{kind.lower()}_kib": summary(values) for kind, values in added.items()}
    return result


def measure(rounds, _):
    return {"starts": starts(rounds), "memory": memory()}


def show(result):
    report.heading("Start-up: from spawn to the end")
    report.table(
        ["", "plain µs", "lbdns µs", "added µs", "/ plain"],
        [[label, *[report.us(of["p50_ns"][name]["median"]) for name in ("plain", "lbdns")],
          report.spread({key: value / 1000 for key, value in of["added_ns"].items()}), report.spread(of["to_plain"], 3)]
         for label, of in result["starts"].items()])
    report.heading("Memory added, KiB (anonymous: nobody else's; file: ours, whole)")
    report.table(["", "all", "anonymous", "file", "segment", "proportional"],
                 [[label, *[report.spread(of[f"{kind}_kib"]) for kind in ("ours", "anonymous", "file", "segment", "pss")]]
                  for label, of in result["memory"].items()])
