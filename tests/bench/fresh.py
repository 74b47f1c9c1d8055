"""How soon a change in DNS is used, and what refreshing costs."""

import os
import random
import signal
import subprocess
import time

import report
from lab import (DOMAIN, DRIVER, KNOT, LAB, LAB_DNS, PODS, PORT, cpu_ns, lines, nameserver, pods_side, refresher_of, summary,
                 thread_cpu_ns, with_lbdns)

NEW_PODS = ["10.244.1.14", "10.244.2.15", "10.244.3.16", "10.244.1.17"]
# LBDNS_REFRESH, in seconds; clients at a time; changes: 20 measurements each
INTERVALS = [("500ms", 0.5, 5, 4), ("1s", 1.0, 5, 4), ("5s", 5.0, 10, 2)]
BETWEEN_MS = 2
COST_S = 4
HOUR = 3600


def dns_set(names):
    """Puts these names (and no others) into DNS; returns when the server is told."""
    path = os.path.join(LAB, "names.hosts")
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        for name, addresses in names.items():
            file.writelines(f"{address} {name}.{DOMAIN}\n" for address in addresses)
    os.rename(f"{path}.new", path)
    began_ns = time.monotonic_ns()
    os.kill(int(lines(os.path.join(LAB, "dns.pid"))[0]), signal.SIGHUP)
    return began_ns


def first_seen(client, pod):
    """When this client reached that pod for the first time."""
    while True:
        at_ns, address = client.stdout.readline().split()
        if address == pod:
            return int(at_ns)


def delays(setting, interval_s, clients, changes):
    """Seconds from the change to the first connection on the new pod, of every client and change."""
    dns_set({"fresh": PODS})
    time.sleep(0.1)
    running = []
    for _ in range(clients):
        running.append(subprocess.Popen([DRIVER, "fresh", "fresh", str(PORT), str(BETWEEN_MS * clients)], text=True,
                                        stdout=subprocess.PIPE, env=with_lbdns(LBDNS_REFRESH=setting)))
        time.sleep(interval_s / clients * random.random())
    found = []
    for pod in NEW_PODS[:changes]:
        time.sleep(interval_s * random.uniform(0.1, 0.5))
        began_ns = dns_set({"fresh": [*PODS, pod]})
        found += [(first_seen(client, pod) - began_ns) / 1e9 for client in running]
    for client in running:
        client.kill()
        client.wait()
    return sorted(found)


class Client:
    """A client that has looked names up, and stays; it is in its refresh thread that anything happens."""

    def __init__(self, names, refresh):
        self.process = subprocess.Popen([DRIVER, "stay", *names], text=True, stdout=subprocess.PIPE,
                                        env=with_lbdns(LBDNS_REFRESH=refresh))
        self.process.stdout.readline()
        while not refresher_of(self.process.pid):
            time.sleep(0.01)
        self.task = refresher_of(self.process.pid)

    def cpu_ns(self):
        """Of the refresh thread, and of all others."""
        own_ns = thread_cpu_ns(self.task)
        return own_ns, cpu_ns(self.process.pid) - own_ns

    def end(self):
        self.process.kill()
        self.process.wait()


def questions():
    return sum("query[" in line for line in lines(os.path.join(LAB, "queries.log")))


def cost(count):
    """CPU and questions of a client with so many names, from seconds at 500 ms."""
    names = [f"cost-{i}" for i in range(count)]
    dns_set({name: PODS for name in names})
    time.sleep(0.2)
    client = Client(names, "500ms")
    time.sleep(1.2)
    asked, began = questions(), client.cpu_ns()
    time.sleep(COST_S)
    asked, ended = questions() - asked, client.cpu_ns()
    client.end()
    share = HOUR / COST_S * 0.5 / 5
    return {"queries_per_hour": asked * share, "cpu_s_per_hour": (ended[0] - began[0]) / 1e9 * share,
            "queries_per_refresh": asked / (COST_S / 0.5) / count}


def opened():
    """TCP connections that the pods' side has taken: those to knot are questions."""
    done = subprocess.run(pods_side("cat", "/proc/net/snmp"), capture_output=True, text=True, check=True)
    names, values = [line.split() for line in done.stdout.splitlines() if line.startswith("Tcp:")]
    return int(values[names.index("PassiveOpens")])


def zone_change(serial, count):
    """Another last address for the name."""
    path = os.path.join(LAB, "knot", "cluster.local.zone")
    name = f"service-{count}.{DOMAIN}."
    changed = []
    for line in lines(path):
        if " SOA " in line:
            parts = line.split()
            parts[4] = str(serial)
            line = " ".join(parts)
        changed.append(line)
    last = max(i for i, line in enumerate(changed) if line.startswith(name))
    changed[last] = f"{name} A 10.245.200.{serial % 250 + 1}"
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(changed) + "\n")
    os.kill(int(lines(os.path.join(LAB, "knot.pid"))[0]), signal.SIGHUP)


def large(count, serial):
    """ms of CPU of one refresh of so many addresses: the same again, and with one of them another."""
    nameserver(KNOT)
    client = Client([f"service-{count}"], "500ms")
    result = {}
    for what in "same", "changed":
        while opened() == (first := opened()):
            time.sleep(0.01)
        time.sleep(0.1)
        first, began, asked = opened(), client.cpu_ns(), 0
        while asked < 5:
            if what == "changed":
                serial += 1
                zone_change(serial, count)
            now = opened()
            while opened() == now:
                time.sleep(0.01)
            asked = opened() - first
        time.sleep(0.15)
        ended = client.cpu_ns()
        own, others = [(after - before) / 1e6 / asked for before, after in zip(began, ended)]
        result[what] = {"cpu_ms": own, "others_cpu_ms": others}
    client.end()
    return result, serial


def measure(rounds, _):
    nameserver(LAB_DNS)
    result = {"delays": {}, "costs": {}, "large": {}}
    for setting, interval_s, clients, changes in INTERVALS:
        if rounds < 3 and interval_s > 1:
            continue
        result["delays"][setting] = {"interval_s": interval_s, "s": delays(setting, interval_s, clients, changes)}
    for count in 1, 10, 100:
        result["costs"][count] = cost(count)
    serial = 10
    for count in 1000, 4000:
        result["large"][count], serial = large(count, serial)
    nameserver(LAB_DNS)
    return result


def show(result):
    report.heading("Freshness: ms from a change in DNS to the first connection on the new pod")
    report.table(["LBDNS_REFRESH", "median (min–max)", "n"],
                 [[setting, report.spread(summary([s * 1000 for s in of["s"]])), len(of["s"])]
                  for setting, of in result["delays"].items()])
    report.heading("Refreshing every 5 s, by the hour (calculated from seconds at 500 ms)")
    report.table(["names", "queries", "CPU s"],
                 [[count, f"{of['queries_per_hour']:,.0f}", f"{of['cpu_s_per_hour']:.2f}"] for count, of in result["costs"].items()])
    report.heading("One refresh, ms of CPU of the refresh thread (of the client's own)")
    report.table(["addresses", "the same again", "one changed"],
                 [[f"{count:,}", *[f"{part['cpu_ms']:.2f} ({part['others_cpu_ms']:.2f})" for part in of.values()]]
                  for count, of in result["large"].items()])
