"""getaddrinfo, both families asked for, DNS on loopback."""

import report
from lab import LOOPBACK_DNS, absent, nameserver, peers, ratios, summary

TURN_MS = 60
ENDPOINTS = 1, 3, 100, 1000


def measure(rounds, _):
    nameserver(LOOPBACK_DNS)
    contestants = peers("lookup")
    result = {"absent": absent("lookup"), "configurations": {}}
    for count in ENDPOINTS:
        for threads in 1, 8:
            turns = {name: [] for name, _, _ in contestants}
            for _ in range(max(rounds // 2, min(rounds, 7))):
                for name, driver, _ in contestants:
                    turns[name].append(driver.ask(f"service-{count} {threads} {TURN_MS}"))
            p50 = {name: [got["whole"]["p50"] for got in of] for name, of in turns.items()}
            label = f"{count} endpoint{'s' if count > 1 else ''}, {threads} thread{'s' if threads > 1 else ''}"
            result["configurations"][label] = {
                name: {
                    "per_second": summary([got["n"] / got["s"] for got in of]),
                    "p50_ns": summary(p50[name]),
                    "p99_ns": summary([got["whole"]["p99"] for got in of]),
                    "p50_to_glibc": ratios(p50[name], p50["glibc"]),
                    "failed": sum(got["failed"] for got in of),
                }
                for name, of in turns.items()
            }
    for _, driver, _ in contestants:
        driver.end()
    return result


def show(result):
    for label, of in result["configurations"].items():
        report.heading(f"Lookups: {label}")
        report.table(
            ["", "per second", "p50 µs", "p99 µs", "p50 / glibc's"],
            [[name, report.spread(peer["per_second"]), report.us(peer["p50_ns"]["median"]),
              report.us(peer["p99_ns"]["median"]), report.spread(peer["p50_to_glibc"], 4)
              + (f" failed {peer['failed']}" if peer["failed"] else "")]
             for name, peer in of.items()])
    report.absent(result["absent"])
