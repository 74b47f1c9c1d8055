"""New connections to three pods: connect alone, with a request and its reply, and that over a slower network."""

import socket
import subprocess
import time

import report
from lab import LOOPBACK_DNS, PODS, PORT, absent, cpu_ns, nameserver, peers, pods_side, ratios, summary

TURN_MS = 20  # short, and many: what else the machine does falls on few of them
TURNS = 6  # in a round
DELAY = "0.5ms"
PLAIN = {"lbdns, non-blocking": "plain, non-blocking"}


def accepted():
    """How many connections each pod has seen."""
    counts = []
    for pod in PODS:
        with socket.create_connection((pod, PORT)) as asked:
            asked.sendall(b"c")
            counts.append(int(asked.makefile("rb").read(64).rstrip(b"\0")))
    return counts


def slow_down():
    """The time the pods' answers take, on both networks that lead to them; why not, if it cannot be."""
    for device in "pods", "pods-dnat":
        done = subprocess.run(pods_side("tc", "qdisc", "replace", "dev", device, "root", "netem", "delay", DELAY),
                              capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip().splitlines()[0]
    return None


def settled(helper):
    """Waits until a proxy has done what it was left with, and the pods have taken all that came."""
    before = cpu_ns(helper), accepted()
    for _ in range(200):
        if helper:
            time.sleep(0.005)
        now = cpu_ns(helper), accepted()
        if now[1] == before[1] and now[0] - before[0] < 1e6:
            break
        before = now
    return now[1]


def turn(driver, helper, what, threads, before):
    helper_ns = cpu_ns(helper)
    got = driver.ask(f"{what} {threads} {TURN_MS}")
    after = settled(helper)
    got["cpu"] += (cpu_ns(helper) - helper_ns) / 1e9
    got["pods"] = [b - a for a, b in zip(before, after)]
    return got, after


def merge(turns):
    """The buckets of all turns together."""
    merged = {}
    for got in turns:
        for ns, count in got["connect"]["buckets"]:
            merged[ns] = merged.get(ns, 0) + count
    return sorted(merged.items())


def configuration(contestants, what, threads, rounds):
    turns = {name: [] for name, _, _ in contestants}
    counts = accepted()
    for _ in range(rounds * TURNS):
        for name, driver, helper in contestants:
            got, counts = turn(driver, helper, what, threads, counts)
            turns[name].append(got)
    rates = {name: [got["n"] / got["s"] for got in of] for name, of in turns.items()}
    result = {}
    for name, of in turns.items():
        made = sum(got["n"] for got in of)
        result[name] = {
            "per_second": summary(rates[name]),
            "to_plain": ratios(rates[name], rates[PLAIN.get(name, "plain")]),
            "connect_ns": {p: summary([got["connect"][p] for got in of]) for p in ("p50", "p99")},
            "whole_ns": {p: summary([got["whole"][p] for got in of]) for p in ("p50", "p99")},
            "cpu_per_10000": sum(got["cpu"] for got in of) / made * 10000,
            "pods": [sum(got["pods"][i] for got in of) for i in range(len(PODS))],
            "failed": sum(got["failed"] for got in of),
            "buckets": merge(of),
        }
        for other in turns:
            result[name].setdefault("ratios", {})[other] = ratios(rates[name], rates[other])
            result[name].setdefault("p50_ratios", {})[other] = ratios(
                [got["whole"]["p50"] for got in of], [got["whole"]["p50"] for got in turns[other]])
    return result


def measure(rounds, _):
    nameserver(LOOPBACK_DNS)
    contestants = peers("connect")
    result = {"configurations": {}, "absent": absent("connect"), "turn_ms": TURN_MS}
    for what in "connect", "request":
        for threads in 1, 8:
            label = f"{what}, {threads} thread{'s' if threads > 1 else ''}"
            result["configurations"][label] = configuration(contestants, what, threads, rounds)
    why = slow_down()
    if why:
        result["absent"].append(["0.5 ms of network delay", why])
    else:
        for threads in 1, 8:
            label = f"request, {threads} thread{'s' if threads > 1 else ''}, {DELAY} of delay"
            result["configurations"][label] = configuration(contestants, "request", threads, rounds)
        for device in "pods", "pods-dnat":
            subprocess.run(pods_side("tc", "qdisc", "del", "dev", device, "root"), check=True)
    for _, driver, _ in contestants:
        driver.end()
    return result


def show(result):
    for label, of in result["configurations"].items():
        report.heading(f"New connections: {label}")
        report.table(
            ["", "per second", "/ plain", "connect p50", "p99 µs", "whole p50", "p99 µs", "CPU s/10,000", "pods"],
            [[name, report.spread(peer["per_second"]), report.spread(peer["to_plain"], 3),
              *[report.us(peer[part][p]["median"]) for part in ("connect_ns", "whole_ns") for p in ("p50", "p99")],
              f"{peer['cpu_per_10000']:.3f}",
              " / ".join(map(str, peer["pods"])) + (f" failed {peer['failed']}" if peer["failed"] else "")]
             for name, peer in of.items()])
    report.absent(result["absent"])
