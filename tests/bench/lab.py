"""The lab and the drivers, for Python."""

import json
import os
import platform
import shlex
import statistics
import subprocess

LAB = os.environ["LAB"]
BUILD = os.environ["LAB_BUILD"]
BENCH = os.path.join(LAB, "bench")
DRIVER = os.path.join(BUILD, "bench", "driver")
LIBLBDNS = os.environ["LIBLBDNS"]
DOMAIN = "default.svc.cluster.local"
PORT = 9000
PODS = ["10.244.1.11", "10.244.2.12", "10.244.3.13"]
LOOPBACK_DNS, LAB_DNS, KNOT = "127.0.0.1", "10.96.0.10", "10.96.0.30"


def lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def nameserver(address):
    with open(os.path.join(LAB, "resolv.conf"), "w", encoding="utf-8") as file:
        file.write(f"search {DOMAIN} svc.cluster.local cluster.local\noptions ndots:5\nnameserver {address}\n")


def machine():
    cpu = [line.split(":")[1].strip() for line in lines("/proc/cpuinfo") if line.startswith("model name")]
    return f"{os.cpu_count()} × {cpu[0] if cpu else platform.machine()}, Linux {platform.release()}"


def pods_side(*command):
    return ["nsenter", f"--net={LAB}/pods.net", "--", *command]


def with_lbdns(**settings):
    """An environment for a client."""
    return {**os.environ, "LD_PRELOAD": LIBLBDNS, **settings}


class Driver:
    """A contestant that waits for commands: a line each, answered by a line of JSON."""

    def __init__(self, command, env=None):
        self.process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, command):
        self.process.stdin.write(f"{command}\n")
        return self.read()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def peers(section):
    """Name, driver and the process id of its helper (or None), for all contestants that are there: new processes."""
    found = []
    for line in lines(os.path.join(BENCH, "peers")):
        of, name, helper, command = line.split("\t")
        if of == section:
            pid = None if helper == "-" else int(lines(helper)[0])
            found.append((name, Driver(shlex.split(command)), pid))
    return found


def absent(section):
    return [line.split("\t")[1:] for line in lines(os.path.join(BENCH, "absent")) if line.split("\t")[0] == section]


def cpu_ns(pid):
    """What a process, its threads and its children have used."""
    if pid is None:
        return 0
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(lines(f"/proc/{pid}/task/{task}/schedstat")[0].split()[0])
        for children in lines(f"/proc/{pid}/task/{task}/children"):
            total += sum(cpu_ns(int(child)) for child in children.split())
    return total


def refresher_of(pid):
    """The directory in /proc of a client's refresh thread, or None."""
    for task in os.listdir(f"/proc/{pid}/task"):
        if lines(f"/proc/{pid}/task/{task}/comm") == ["lbdns"]:
            return f"/proc/{pid}/task/{task}"
    return None


def thread_cpu_ns(task):
    return int(lines(f"{task}/schedstat")[0].split()[0])


def summary(values):
    """With an interval in which the median is in 95 of 100 cases, whatever the distribution: by the sign test."""
    ordered = sorted(values)
    off = int(len(ordered) / 2 - 0.98 * len(ordered) ** 0.5)
    return {"median": statistics.median(ordered), "min": ordered[0], "max": ordered[-1], "n": len(ordered),
            "low": ordered[max(off - 1, 0)], "high": ordered[min(len(ordered) - off, len(ordered) - 1)]}


def ratios(some, others):
    """Pair by pair: of the same round."""
    return summary([a / b for a, b in zip(some, others)])
