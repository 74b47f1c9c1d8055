"""What is to be reached, and what was."""

import connect
import report


def p99(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def connect_goals(of):
    """The controls first: where they are not 1.00, the run cannot tell what the other figures say."""
    for label, peers in of["configurations"].items():
        for name in connect.CONTROL if label.startswith("request") else ():
            ratio = peers[name]["to_plain"]
            yield f"control, off from 1 with its 95 %: {name}: {label}", "≤", connect.SURE, connect.doubt(ratio)
    wanted = [("lbdns, non-blocking", 0.99), ("lbdns, ATTEMPTS=1", 0.99), ("lbdns", 0.98)]
    for label, peers in of["configurations"].items():
        if not label.startswith("request"):
            continue
        for name, least in wanted:
            least = 0.995 if "delay" in label else least
            yield f"{name} / plain: {label}", "≥", least, peers[name]["to_plain"]["median"]
        if label != "request, 1 thread":
            continue
        for other, sign, least in (("eBPF connect4", "≥", 0.98), ("nftables DNAT", ">", 1.03), ("HAProxy", ">", 1.8)):
            if other in peers:
                yield f"lbdns / {other}: {label}", sign, least, peers["lbdns"]["ratios"][other]["median"]
        if "HAProxy" in peers:
            yield f"p50, lbdns / HAProxy: {label}", "≤", 0.6, peers["lbdns"]["p50_ratios"]["HAProxy"]["median"]


def hook_goals(of):
    limits = {"unmanaged": (100, 100, 0), "ATTEMPTS=1": (500, 600, 1), "non-blocking": (500, 600, 1), "blocking": (500, 600, 4)}
    for name, case in of["cases"].items():
        kind, size = name.split(", ", 1)
        small, large, calls = limits[kind]
        yield f"instructions: {name}", "≤", large if size.startswith("10,000") else small, case["instructions"]
        yield f"system calls: {name}", "≤", calls, sum(case["system_calls"].values())
    yield "ns of a pick, 8 threads, 3 endpoints", "≤", 100, of["picks"][3][8]["median"]


def lookup_goals(of):
    yield ("getaddrinfo, warm, 3 endpoints / glibc, p50", "≤", 1 / 30,
           of["configurations"]["3 endpoints, 1 thread"]["lbdns"]["p50_to_glibc"]["median"])


def start_goals(of):
    yield "ms more for /bin/true", "≤", 0.4, of["starts"]["/bin/true"]["added_ns"]["median"] / 1e6
    yield "KiB more with 3 endpoints", "≤", 300, of["memory"]["3 endpoints"]["rss_kib"]["median"]
    yield "KiB more with 4,000 endpoints", "≤", 1536, of["memory"]["4,000 endpoints"]["rss_kib"]["median"]


def fresh_goals(of):
    for setting, delays in of["delays"].items():
        yield f"s from change to connection, {setting}, p99", "≤", delays["interval_s"] + 0.05, p99(delays["s"])
    for count, most in ((1000, 4), (4000, 40)):
        for what in "same", "changed":
            yield f"ms of CPU to refresh {count:,}, {what}", "≤", most, of["large"][count][what]["cpu_ms"]


def judge(results):
    judged = []
    for section, goals in (("connect", connect_goals), ("lookup", lookup_goals), ("hook", hook_goals), ("start", start_goals),
                           ("fresh", fresh_goals)):
        for figure, sign, goal, reached in goals(results[section]) if section in results else ():
            good = {"≤": reached <= goal, "≥": reached >= goal, ">": reached > goal}[sign]
            judged.append({"figure": figure, "goal": f"{sign} {goal:.4g}", "reached": reached, "good": good})
    return judged


def show(judged):
    report.heading("Goals")
    report.table(["", "goal", "reached", ""],
                 [[of["figure"], of["goal"], f"{of['reached']:.4g}", "" if of["good"] else "short"] for of in judged])
