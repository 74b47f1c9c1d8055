"""walks.py race|walk|hand-over|two HOST N MS: N connections to port 8081, each by more than one address.

  race       a lookup, then connects to all addresses at once; the first that is answered serves
  keep       one lookup, and then as race
  walk       a lookup, then one address after the other, each for MS ms
  blocks     the same, with sockets that block
  hand-over  the same, with the lookups made by another thread (Node.js, asyncio)
  host       the same, with gethostbyname
  two        two walks beside each other in one thread, each on its own lookup

One line for each connection: how many addresses it waited for in vain, and the pod, "-" if there was none.
"""

import concurrent.futures
import errno
import select
import socket
import sys

TIMEOUT = 20


def look_up(host):
    return [entry[4] for entry in socket.getaddrinfo(host, 8081, 0, socket.SOCK_STREAM)]


def look_up_host(host):
    return [(address, 8081) for address in socket.gethostbyname_ex(host)[2]]


def begin(address):
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)
    error = connection.connect_ex(address)
    if error not in (0, errno.EINPROGRESS):
        connection.close()
        return None
    return connection


def ready(connections, wait_s):
    """Those that are answered, in the order in which they were begun."""
    events = select.poll()
    for connection in connections:
        events.register(connection, select.POLLOUT)
    answered = {descriptor for descriptor, _ in events.poll(wait_s * 1000)}
    return [c for c in connections if c.fileno() in answered and not c.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)]


def finish(connection, waits):
    pod = "-"
    if connection:
        connection.setblocking(True)
        connection.settimeout(TIMEOUT)
        connection.sendall(b"GET /address HTTP/1.1\r\nHost: walks\r\n\r\n")
        answer = b""
        while got := connection.recv(4096):
            answer += got
        connection.close()
        pod = answer.decode().split()[-1]
    print(waits, pod, flush=True)


def race(addresses):
    connections = [connection for connection in map(begin, addresses) if connection]
    first = ready(connections, TIMEOUT)[0]
    for connection in connections:
        if connection is not first:
            connection.close()
    finish(first, 0)


def walk(addresses, wait_s):
    """Yields before it waits, so that others can go on beside it."""
    waits = 0
    for address in addresses:
        connection = begin(address)
        yield
        if connection:
            if ready([connection], wait_s):
                finish(connection, waits)
                return
            connection.close()
        waits += 1
    finish(None, waits)


def block(addresses):
    for waits, address in enumerate(addresses):
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            continue
        finish(connection, waits)
        return
    finish(None, len(addresses))


def beside(walks):
    while walks:
        walks = [going for going in walks if next(going, "ended") != "ended"]


def main():
    how, host, count, wait_s = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) / 1000
    others = concurrent.futures.ThreadPoolExecutor(2)
    kept = look_up(host) if how == "keep" else None
    for _ in range(count // 2 if how == "two" else count):
        if how == "race":
            race(look_up(host))
        elif how == "keep":
            race(kept)
        elif how == "walk":
            beside([walk(look_up(host), wait_s)])
        elif how == "blocks":
            block(look_up(host))
        elif how == "hand-over":
            beside([walk(others.submit(look_up, host).result(), wait_s)])
        elif how == "host":
            beside([walk(look_up_host(host), wait_s)])
        elif how == "two":
            beside([walk(look_up(host), wait_s), walk(look_up(host), wait_s)])


main()
