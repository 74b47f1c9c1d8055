"""What is to be reached, and what was."""

import connect
import report

REACHED, SHORT, UNKNOWN = "reached", "short", "cannot tell"


def p99(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def connect_goals(of):
    """Ratios, with whether the control of the same run holds: where it is not 1.00, the run cannot tell."""
    wanted = [("lbdns, non-blocking", 0.99), ("lbdns, ATTEMPTS=1", 0.99), ("lbdns", 0.98)]
    for label, peers in of["configurations"].items():
        if not label.startswith("request"):
            continue
        holds = []
        for name in connect.CONTROL:
            off = connect.doubt(peers[name]["to_plain"])
            holds.append(off <= connect.SURE)
            yield f"control, off from 1 with its 95 %: {name}: {label}", "≤", connect.SURE, off
        for name, least in wanted:
            least = 0.995 if connect.DELAY in label else least
            yield f"{name} / plain: {label}", "≥", least, peers[name]["to_plain"], holds["non-blocking" in name]
        if label != "request, 1 thread":
            continue
        for other, sign, least in (("eBPF connect4", "≥", 0.98), ("nftables DNAT", ">", 1.03), ("HAProxy", ">", 1.8)):
            if other in peers:
                yield f"lbdns / {other}: {label}", sign, least, peers["lbdns"]["ratios"][other], holds[0]
        if "HAProxy" in peers:
            yield f"p50, lbdns / HAProxy: {label}", "≤", 0.6, peers["lbdns"]["p50_ratios"]["HAProxy"], holds[0]


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
    yield "KiB more with 3 endpoints", "≤", 300, of["memory"]["3 endpoints"]["ours_kib"]["median"]
    yield "KiB more with 4,000 endpoints", "≤", 1536, of["memory"]["4,000 endpoints"]["ours_kib"]["median"]


def fresh_goals(of):
    for setting, delays in of["delays"].items():
        yield f"s from change to connection, {setting}, p99", "≤", delays["interval_s"] + 0.05, p99(delays["s"])
    for count, most in ((1000, 4), (4000, 40)):
        for what in "same", "changed":
            yield f"ms of CPU to refresh {count:,}, {what}", "≤", most, of["large"][count][what]["cpu_ms"]


def meets(value, sign, goal):
    return {"≤": value <= goal, "≥": value >= goal, ">": value > goal}[sign]


def verdict(sign, goal, reached, holds):
    """A ratio with its interval is short where all of the interval is; it has to be measured well to be reached."""
    if not isinstance(reached, dict):
        return REACHED if meets(reached, sign, goal) else SHORT
    if not meets(reached["low" if sign == "≤" else "high"], sign, goal):
        return SHORT
    return REACHED if holds and meets(reached["median"], sign, goal) else UNKNOWN


def judge(results):
    judged = []
    for section, goals in (("connect", connect_goals), ("lookup", lookup_goals), ("hook", hook_goals), ("start", start_goals),
                           ("fresh", fresh_goals)):
        for figure, sign, goal, reached, *holds in goals(results[section]) if section in results else ():
            judged.append({"figure": figure, "goal": f"{sign} {goal:.4g}", "reached": reached,
                           "verdict": verdict(sign, goal, reached, all(holds))})
    return judged


def show(judged):
    report.heading("Goals")
    report.table(["", "goal", "reached", ""],
                 [[of["figure"], of["goal"],
                   report.interval(of["reached"]) if isinstance(of["reached"], dict) else f"{of['reached']:.4g}",
                   "" if of["verdict"] == REACHED else of["verdict"]] for of in judged])
    print("  " + ", ".join(f"{sum(of['verdict'] == what for of in judged)} {what}" for what in (REACHED, SHORT, UNKNOWN)))
