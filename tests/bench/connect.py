"""New connections to three pods: connect alone, with a request and its reply, and that over a slower network."""

import random
import socket
import subprocess
import time

import report
from lab import LOOPBACK_DNS, PODS, PORT, absent, cpu_ns, nameserver, peers, pods_side, summary

TURN_MS = 8  # short, and many: what else the machine does falls on few of them
WARM_MS = 3
PASSES = 6  # in a round
DELAY = "0.5ms"
PLAIN = ["plain", "plain, non-blocking"]  # who the others are divided by
CONTROL = ["plain again", "plain again, non-blocking"]
ROTATING = ["plain, rotates itself", "plain, rotates itself, non-blocking"]
SURE = 0.01  # more doubt than this about the controls, and the run cannot tell
SELDOM, SELDOM_PASSES = ["lookup each time", "HAProxy", "nginx stream"], 3  # so far off that few turns show it


def plain_of(name):
    return PLAIN["non-blocking" in name]


def doubt(ratio):
    """How far from 1 the ratio of two that are the same may be, by what was seen of it."""
    return max(ratio["high"] - 1, 1 - ratio["low"])


def rate(got):
    return got["n"] / got["s"]


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


def turn(driver, helper, what, threads, before, ms=TURN_MS):
    helper_ns = cpu_ns(helper)
    got = driver.ask(f"{what} {threads} {ms}")
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


def a_pass(contestants, what, threads, counts, seldom):
    """Everybody's turn, in an order that chance decides, each between two turns of the plain client, by which it is
    divided: so whatever the machine does slowly is in both, and everybody comes after the same. The control, a second
    plain client, has its turn like the others."""
    taken = {}
    for plain, others in ((plain, [name for name in contestants if plain_of(name) == plain]) for plain in PLAIN):
        others = [name for name in others if name != plain and (seldom or name not in SELDOM)]
        random.shuffle(others)
        before, counts = turn(*contestants[plain], what, threads, counts)
        taken[plain] = [before]
        for name in others:
            got, counts = turn(*contestants[name], what, threads, counts)
            after, counts = turn(*contestants[plain], what, threads, counts)
            got["to_plain"] = rate(got) / (rate(before) * rate(after)) ** 0.5
            got["p50_to_plain"] = got["whole"]["p50"] / (before["whole"]["p50"] * after["whole"]["p50"]) ** 0.5
            taken[name] = [got]
            taken[plain].append(after)
            before = after
    return taken, counts


def ratio_of(passes, name, other, figure="to_plain"):
    """Pass by pass."""
    return summary([taken[name][0][figure] / taken[other][0][figure]
                    for taken in passes if name in taken and other in taken])


def configuration(what, threads, rounds):
    """New processes in each round: one may be slow or fast for all its life by where its memory came to be."""
    passes = []
    for _ in range(rounds):
        contestants = {name: (driver, helper) for name, driver, helper in peers("connect")}
        counts = accepted()
        for driver, helper in contestants.values():
            _, counts = turn(driver, helper, what, threads, counts, WARM_MS)
        for i in range(PASSES):
            taken, counts = a_pass(contestants, what, threads, counts, i % SELDOM_PASSES == 0)
            passes.append(taken)
        for driver, _ in contestants.values():
            driver.end()
    result = {}
    for name in contestants:
        of = [got for taken in passes for got in taken.get(name, ())]
        made = sum(got["n"] for got in of)
        result[name] = {
            "per_second": summary([rate(got) for got in of]),
            "connect_ns": {p: summary([got["connect"][p] for got in of]) for p in ("p50", "p99")},
            "whole_ns": {p: summary([got["whole"][p] for got in of]) for p in ("p50", "p99")},
            "cpu_per_10000": sum(got["cpu"] for got in of) / made * 10000,
            "pods": [sum(got["pods"][i] for got in of) for i in range(len(PODS))],
            "failed": sum(got["failed"] for got in of),
            "buckets": merge(of),
        }
        if name in PLAIN:
            continue
        blocks = plain_of(name) == PLAIN[0]
        result[name]["to_plain"] = summary([got["to_plain"] for got in of])
        result[name]["to_rotating"] = ratio_of(passes, name, ROTATING[0 if blocks else 1])
        for other in contestants:
            if other not in PLAIN and plain_of(other) == plain_of(name):
                result[name].setdefault("ratios", {})[other] = ratio_of(passes, name, other)
                result[name].setdefault("p50_ratios", {})[other] = ratio_of(passes, name, other, "p50_to_plain")
    return result


def measure(rounds, _):
    nameserver(LOOPBACK_DNS)
    result = {"configurations": {}, "absent": absent("connect"), "turn_ms": TURN_MS}
    for what in "connect", "request":
        for threads in 1, 8:
            label = f"{what}, {threads} thread{'s' if threads > 1 else ''}"
            result["configurations"][label] = configuration(what, threads, rounds)
    why = slow_down()
    if why:
        result["absent"].append(["0.5 ms of network delay", why])
    else:
        for threads in 1, 8:
            label = f"request, {threads} thread{'s' if threads > 1 else ''}, {DELAY} of delay"
            result["configurations"][label] = configuration("request", threads, rounds)
        for device in "pods", "pods-dnat":
            subprocess.run(pods_side("tc", "qdisc", "del", "dev", device, "root"), check=True)
    return result


def show(result):
    for label, of in result["configurations"].items():
        report.heading(f"New connections: {label}")
        report.table(
            ["", "per second (min–max)", "/ plain (95 %)", "/ rotating (95 %)", "connect p50", "p99 µs", "whole p50", "p99 µs",
             "CPU s/10,000", "pods"],
            [[name, report.spread(peer["per_second"]),
              *[report.interval(peer[ratio]) if ratio in peer else "" for ratio in ("to_plain", "to_rotating")],
              *[report.us(peer[part][p]["median"]) for part in ("connect_ns", "whole_ns") for p in ("p50", "p99")],
              f"{peer['cpu_per_10000']:.3f}",
              " / ".join(map(str, peer["pods"])) + (f" failed {peer['failed']}" if peer["failed"] else "")]
             for name, peer in of.items()])
        unsure = [f"{name} is {report.interval(of[name]['to_plain'])}" for name in CONTROL
                  if doubt(of[name]["to_plain"]) > SURE]
        if unsure:
            print(f"  This run cannot tell 1 %: {', '.join(unsure)} of a client that is the same.")
    report.absent(result["absent"])
