"""connect's hook alone: a stub stands behind it, so that no connection is made."""

import os
import re
import subprocess
import tempfile

import report
from lab import BUILD, DRIVER, LIBLBDNS, Driver, summary

STUB = os.path.join(BUILD, "bench", "stub.so")
PICK = os.path.join(BUILD, "bench", "pick")
CALLS = 3000  # as many for each of 3 endpoints
EINPROGRESS = "115"
UNMANAGED = "10.99.9.9"
TURN_MS = 40
# name, endpoints of the pool, the address asked for, the kind of socket, LBDNS_ATTEMPTS
CASES = [
    ("unmanaged, 3 endpoints", 3, UNMANAGED, "blocks", "3"),
    ("unmanaged, 10,000 endpoints", 10000, UNMANAGED, "blocks", "3"),
    ("blocking, 3 endpoints", 3, "-", "blocks", "3"),
    ("blocking, 100 endpoints", 100, "-", "blocks", "3"),
    ("blocking, 10,000 endpoints", 10000, "-", "blocks", "3"),
    ("ATTEMPTS=1, 3 endpoints", 3, "-", "blocks", "1"),
    ("ATTEMPTS=1, 100 endpoints", 100, "-", "blocks", "1"),
    ("ATTEMPTS=1, 10,000 endpoints", 10000, "-", "blocks", "1"),
    ("non-blocking, 3 endpoints", 3, "-", "nonblock", "3"),
    ("non-blocking, 100 endpoints", 100, "-", "nonblock", "3"),
    ("non-blocking, 10,000 endpoints", 10000, "-", "nonblock", "3"),
]


def command(case):
    _, count, asked, kind, _ = case
    return [DRIVER, "hook", f"pool-{count}", asked, kind]


def environment(case, preload):
    _, _, _, kind, attempts = case
    return {"PATH": os.environ["PATH"], "BENCH_CONNECT": EINPROGRESS if kind == "nonblock" else "0",
            "LBDNS_REFRESH": "1h", "LBDNS_ATTEMPTS": attempts, "LD_PRELOAD": f"{LIBLBDNS}:{STUB}" if preload else STUB}


def instructions(case, preload):
    """As callgrind counts them, in user space."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--callgrind-out-file=/dev/null", *command(case)],
        env=environment(case, preload), input=f"{CALLS}\n", capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def system_calls(case):
    """Of as many calls more."""
    counts = []
    for calls in CALLS, 2 * CALLS:
        with tempfile.NamedTemporaryFile("r") as trace:
            settings = environment(case, True)
            preload = f"LD_PRELOAD={settings.pop('LD_PRELOAD')}"  # not for strace itself
            subprocess.run(["strace", "-f", "-c", "-o", trace.name, "-E", preload, *command(case)],
                           env=settings, input=f"{calls}\n", stdout=subprocess.DEVNULL, text=True, check=True)
            rows = [line.split() for line in trace if re.match(r"\s*[\d.]+ ", line)]
        counts.append({row[-1]: int(row[3]) for row in rows if row[-1] != "total"})
    return {name: (counts[1][name] - counts[0].get(name, 0)) / CALLS for name in counts[1]
            if counts[1][name] - counts[0].get(name, 0) >= CALLS / 10}


def nanoseconds(rounds):
    """Of all cases and numbers of threads, with lbdns less without."""
    drivers = {(case[0], preload): Driver(command(case), environment(case, preload))
               for case in CASES for preload in (False, True)}
    turns = {}
    for _ in range(rounds):
        for case in CASES:
            for threads in 1, 2, 4, 8:
                ns = [drivers[case[0], preload].ask(f"{threads} {TURN_MS // 2}")["whole"]["p50"] for preload in (False, True)]
                turns.setdefault(case[0], {}).setdefault(threads, []).append(ns[1] - ns[0])
    for driver in drivers.values():
        driver.end()
    return {name: {threads: summary(values) for threads, values in of.items()} for name, of in turns.items()}


def picks(rounds):
    result = {}
    drivers = {count: Driver([PICK, str(count)]) for count in (3, 100, 10000)}
    for _ in range(rounds):
        for count, driver in drivers.items():
            for threads in 1, 2, 4, 8:
                got = driver.ask(f"{threads} {TURN_MS}")["whole"]
                result.setdefault(count, {}).setdefault(threads, []).append(got["p50"])
    for driver in drivers.values():
        driver.end()
    return {count: {threads: summary(values) for threads, values in of.items()} for count, of in result.items()}


def measure(rounds, _):
    rounds = max(rounds // 2, min(rounds, 7))
    base = {kind: instructions(case, False) for kind, case in (("blocks", CASES[0]), ("nonblock", CASES[-1]))}
    result = {"cases": {}, "picks": picks(rounds)}
    ns = nanoseconds(rounds)
    for case in CASES:
        result["cases"][case[0]] = {
            "instructions": (instructions(case, True) - base[case[3]]) / CALLS,
            "ns": ns[case[0]],
            "system_calls": system_calls(case),
        }
    return result


def show(result):
    report.heading("The hook alone: added to each call of connect (ns: p50)")
    report.table(
        ["", "instructions", "system calls", *[f"ns, {threads} thread{'s' if threads > 1 else ''}" for threads in (1, 2, 4, 8)]],
        [[name, f"{case['instructions']:.0f}",
          f"{sum(case['system_calls'].values()):.2f} " + ", ".join(case["system_calls"]),
          *[report.spread(value) for value in case["ns"].values()]]
         for name, case in result["cases"].items()])
    report.heading("The pick alone: ns, p50")
    report.table(["", *[f"{threads} thread{'s' if threads > 1 else ''}" for threads in (1, 2, 4, 8)]],
                 [[f"{count:,} endpoints", *[report.spread(value) for value in of.values()]]
                  for count, of in result["picks"].items()])
