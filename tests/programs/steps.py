"""steps.py [every MS STEP...]: one process that does what it is told.

Without arguments it reads steps from stdin, one to a line, and a line "." ends the answer to each. With "every" it
does that one step every MS ms. Steps:

  resolve NAME...             getaddrinfo; prints the addresses of each on one line
  numeric ADDRESS...          the same with AI_NUMERICHOST
  canonical NAME...           getaddrinfo with AI_CANONNAME; prints that name, then the addresses, sorted
  gethostbyname NAME...       the same with gethostbyname_r
  visit N NAME[:PORT]...      N times, for each NAME: a lookup, then a connection to its first address
  connect N HOST=ADDRESS[/PORT]...   N times, for each: a connection to ADDRESS that is meant for HOST
  threads T STEP...           STEP in T threads at the same time

Each connection prints "<ms since 1970> <ok or what failed> <host> <pod or ->".
"""

import socket
import sys
import threading
import time

TIMEOUT = 20


def look_up(name, port=None, flags=0):
    found = socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM, 0, flags)
    return [(entry[0], entry[4]) for entry in found]


def report(outcome, host, pod):
    # one write: lines of threads do not mix
    sys.stdout.write(f"{time.time_ns() // 1000000} {outcome} {host} {pod}\n")


def reach(family, address, host):
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(None)
        connection.connect(address)
        connection.settimeout(TIMEOUT)
        connection.sendall(f"GET /address HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = b""
        while got := connection.recv(4096):
            answer += got
        return answer.decode().split()[-1]


def visit(count, *names):
    for _ in range(int(count)):
        for name in names:
            host, _, port = name.partition(":")
            try:
                family, address = look_up(host, port or "8081")[0]
                report("ok", host, reach(family, address, host))
            except OSError as error:
                report(type(error).__name__, host, "-")


def connect(count, *targets):
    for _ in range(int(count)):
        for target in targets:
            host, _, address = target.partition("=")
            address, _, port = address.partition("/")
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                report("ok", host, reach(family, (address, int(port or 8081)), host))
            except OSError as error:
                report(type(error).__name__, host, "-")


def resolve(*names, flags=0):
    for name in names:
        try:
            print(*[address[0] for _, address in look_up(name, flags=flags)])
        except OSError as error:
            print(type(error).__name__)


def numeric(*addresses):
    resolve(*addresses, flags=socket.AI_NUMERICHOST)


def canonical(*names):
    for name in names:
        found = socket.getaddrinfo(name, None, 0, socket.SOCK_STREAM, 0, socket.AI_CANONNAME)
        print(found[0][3], *sorted(entry[4][0] for entry in found))


def gethostbyname(*names):
    for name in names:
        print(*socket.gethostbyname_ex(name)[2])


def threads(count, *step):
    together = threading.Barrier(int(count))

    def run():
        together.wait()
        do(step)

    started = [threading.Thread(target=run) for _ in range(int(count))]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


STEPS = {step.__name__: step for step in (resolve, numeric, canonical, gethostbyname, visit, connect, threads)}


def do(words):
    STEPS[words[0]](*words[1:])


def main():
    sys.stdout.reconfigure(line_buffering=True)
    if sys.argv[1:2] == ["every"]:
        while True:
            do(sys.argv[3:])
            time.sleep(int(sys.argv[2]) / 1000)
    for line in sys.stdin:
        do(line.split())
        print(".")


main()
