"""Many clients, by calculation from what section fresh measured."""

import report

PROCESSES, NAMES = 10000, 3
TTL_S = 30  # what CoreDNS gives by default for Kubernetes' names
IN_USE = 1, 0.1, 0


def measure(_, results):
    of = results.get("fresh", {}).get("costs", {}).get(1)
    # One question per name and interval; intervals are shortened by a tenth on average.
    per_hour = of["queries_per_hour"] if of else 3600 / 5 / 0.9
    per_second = PROCESSES * NAMES * per_hour / 3600
    return {
        "measured": bool(of), "queries_per_name_and_hour_at_5s": per_hour,
        "queries_per_second": {
            "5s, without the idle stop": per_second,
            "ttl of 30 s, without the idle stop": per_second * 5 / TTL_S,
            **{f"5s, {share:.0%} of the names in use": per_second * share for share in IN_USE},
            **{f"ttl of 30 s, {share:.0%} of the names in use": per_second * 5 / TTL_S * share for share in IN_USE},
        },
    }


def show(result):
    source = "as measured" if result["measured"] else "not measured in this run, but as designed"
    report.heading(f"Scale, by calculation: {PROCESSES:,} processes × {NAMES} names, "
                   f"{result['queries_per_name_and_hour_at_5s']:.0f} queries per name and hour at 5s ({source})")
    report.table(["LBDNS_REFRESH", "queries per second at the DNS servers"],
                 [[label, f"{value:,.0f}"] for label, value in result["queries_per_second"].items()])
