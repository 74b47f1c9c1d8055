"""New connections to three pods: connect alone, with a request and its reply, and that over a network that takes time.

All of it on one CPU (see peers.bash)."""

import os
import random
import socket
import subprocess
import time

import report
from lab import LAB, LOOPBACK_DNS, PODS, PORT, absent, cpu_ns, lines, nameserver, peers, pods_side, summary

TURN_MS = 8  # short, and many: what else the machine does falls on few of them
DELAYED_TURN_MS = 20
WARM_MS = 3
PASSES = 3  # in a round: many rounds tell more than many passes, as processes differ
JUDGED_ROUNDS = 4  # for each of the others
DELAY = "0.5 ms of delay"
PLAIN = ["plain", "plain, non-blocking"]  # who the others are divided by
CONTROL = ["plain again", "plain again, non-blocking"]
ROTATING = ["plain, rotates itself", "plain, rotates itself, non-blocking"]
SURE = 0.01  # more doubt than this about the controls, and the run cannot tell
SELDOM, SELDOM_ROUNDS = ["lookup each time", "HAProxy", "nginx stream"], 3  # so far off that few turns show it


def plain_of(name):
    return PLAIN["non-blocking" in name]


def doubt(ratio):
    """How far from 1 the ratio of two that are the same may be, by what was seen of it."""
    return max(ratio["high"] - 1, 1 - ratio["low"])


def rate(got):
    return got["n"] / got["s"]


def cpu_of_one(got):
    return got["cpu"] / got["n"]


def to_neighbours(figure, before, got, after):
    return figure(got) / (figure(before) * figure(after)) ** 0.5


def accepted():
    """How many connections each pod has seen."""
    counts = []
    for pod in PODS:
        with socket.create_connection((pod, PORT)) as asked:
            asked.sendall(b"c")
            counts.append(int(asked.makefile("rb").read(64).rstrip(b"\0")))
    return counts


def slow_down():
    """The pods' answers to the client, and to that behind nftables, take the way that takes its time (driver/delay.c)."""
    ways = [driver for _, driver, _ in peers("delay")]
    subprocess.run(["sh", "-c", "echo 0 | tee /proc/sys/net/ipv4/conf/all/rp_filter /proc/sys/net/ipv4/conf/slow/rp_filter"],
                   stdout=subprocess.DEVNULL, check=True)
    for client, device in ("10.244.3.2", "slow"), ("10.244.9.2", "slow-dnat"):
        subprocess.run(pods_side("ip", "route", "add", client, "dev", device), check=True)
    return ways


def settled(helper):
    """Waits until a proxy has done what it was left with, and the pods have taken all that came: in its order."""
    before = cpu_ns(helper), accepted()
    for _ in range(200 if helper else 0):
        time.sleep(0.005)
        now = cpu_ns(helper), accepted()
        if now[1] == before[1] and now[0] - before[0] < 1e6:
            break
        before = now
    return before[1]


def turn(driver, helper, what, threads, before, ms=TURN_MS):
    pods = int(lines(os.path.join(LAB, "pods", f"{PODS[0]}.bench.pid"))[0])
    others_ns = cpu_ns(helper) + cpu_ns(pods)
    got = driver.ask(f"{what} {threads} {ms}")
    after = settled(helper)
    got["cpu"] += (cpu_ns(helper) + cpu_ns(pods) - others_ns) / 1e9 * got["n"] / (got["n"] + got["warm"])
    got["pods"] = [b - a for a, b in zip(before, after)]
    return got, after


def merge(turns):
    """The buckets of all turns together."""
    merged = {}
    for got in turns:
        for ns, count in got["connect"]["buckets"]:
            merged[ns] = merged.get(ns, 0) + count
    return sorted(merged.items())


def a_pass(contestants, what, threads, ms, counts, seldom):
    """Everybody's turn, in an order that chance decides, each between two turns of the plain client, by which it is
    divided: so whatever the machine does slowly is in both, and everybody comes after the same. The control, a second
    plain client, has its turn like the others."""
    taken = {}
    for plain, others in ((plain, [name for name in contestants if plain_of(name) == plain]) for plain in PLAIN):
        others = [name for name in others if name != plain and (seldom or name not in SELDOM)]
        random.shuffle(others)
        before, counts = turn(*contestants[plain], what, threads, counts, ms)
        taken[plain] = [before]
        for name in others:
            got, counts = turn(*contestants[name], what, threads, counts, ms)
            after, counts = turn(*contestants[plain], what, threads, counts, ms)
            got["to_plain"] = to_neighbours(rate, before, got, after)
            got["cpu_to_plain"] = to_neighbours(cpu_of_one, before, got, after)
            got["p50_to_plain"] = to_neighbours(lambda of: of["whole"]["p50"], before, got, after)
            taken[name] = [got]
            taken[plain].append(after)
            before = after
    return taken, counts


def ratio_of(passes, name, other, figure="to_plain"):
    """Pass by pass."""
    return summary([taken[name][0][figure] / taken[other][0][figure]
                    for taken in passes if name in taken and other in taken])


def configuration(what, threads, rounds, ms=TURN_MS):
    """New processes in each round: one may be slow or fast for all its life by where its memory came to be."""
    passes = []
    for number in range(rounds):
        contestants = {name: (driver, helper) for name, driver, helper in peers("connect")}
        counts = accepted()
        for driver, helper in contestants.values():
            _, counts = turn(driver, helper, what, threads, counts, WARM_MS)
        for i in range(PASSES):
            taken, counts = a_pass(contestants, what, threads, ms, counts, i == 0 and number % SELDOM_ROUNDS == 0)
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
        result[name]["cpu_to_plain"] = summary([got["cpu_to_plain"] for got in of])
        result[name]["to_rotating"] = ratio_of(passes, name, ROTATING[0 if blocks else 1])
        for other in contestants:
            if other not in PLAIN and plain_of(other) == plain_of(name):
                result[name].setdefault("ratios", {})[other] = ratio_of(passes, name, other)
                result[name].setdefault("p50_ratios", {})[other] = ratio_of(passes, name, other, "p50_to_plain")
    return result


def measure(rounds, _):
    nameserver(LOOPBACK_DNS)
    result = {"configurations": {}, "absent": absent("connect"), "turn_ms": TURN_MS}
    result["configurations"]["connect, 1 thread"] = configuration("connect", 1, rounds)
    for threads in 1, 8:
        label = f"request, {threads} thread{'s' if threads > 1 else ''}"
        result["configurations"][label] = configuration("request", threads, rounds * JUDGED_ROUNDS)
    if not any(name == "network delay" for name, _ in result["absent"]):
        ways = slow_down()
        for threads in 1, 8:
            label = f"request, {threads} thread{'s' if threads > 1 else ''}, {DELAY}"
            result["configurations"][label] = configuration("request", threads, rounds, DELAYED_TURN_MS)
        for way in ways:
            way.end()
    return result


def show(result):
    for label, of in result["configurations"].items():
        report.heading(f"New connections: {label}" +
                       (" (in user space, from tun to tun, of the pods' answers)" if DELAY in label else ""))
        report.table(
            ["", "per second (min–max)", "/ plain (95 %)", "/ rotating (95 %)", "connect p50", "p99 µs",
             "whole p50", "p99 µs", "CPU s/10,000", "/ plain (95 %)", "pods"],
            [[name, report.spread(peer["per_second"]),
              *[report.interval(peer[ratio]) if ratio in peer else "" for ratio in ("to_plain", "to_rotating")],
              *[report.us(peer[part][p]["median"]) for part in ("connect_ns", "whole_ns") for p in ("p50", "p99")],
              f"{peer['cpu_per_10000']:.3f}", report.interval(peer["cpu_to_plain"]) if "cpu_to_plain" in peer else "",
              " / ".join(map(str, peer["pods"])) + (f" failed {peer['failed']}" if peer["failed"] else "")]
             for name, peer in of.items()])
        doubts = {of_what: max(doubt(of[name][ratio]) for name in CONTROL)
                  for of_what, ratio in (("rates", "to_plain"), ("CPU time", "cpu_to_plain"))}
        print(f"  By the controls, {' and '.join(f'{name} to {by:.1%}' for name, by in doubts.items())} can be told"
              f"; {min(doubts, key=doubts.get)} sharper.")
    report.absent(result["absent"])
