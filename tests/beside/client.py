"""client.py: a client that does what each line on its standard input says, and answers with lines on standard output.

    each N     N connections to rng-headless, a lookup before each: the address of the pod, or why not
    kept N     N connections to the first address of the last of these lookups
    child 1    a child of a fork, which looks up and makes one connection
    load 1     loads libraries of others (dlopen): "loaded"
    end 2      "threads" and their names, "descriptors" and what they are; then it ends with status 7

With BESIDE_FILES=PATH in PATH.in and PATH.out, beside a terminal or a neighbour that speaks there itself. These are what the test asks at each point: what is broken by then is seen in the next answer."""
import os
import re
import socket
import sys

HOST, PORT = "rng-headless", 8081


def look_up():
    return socket.getaddrinfo(HOST, PORT, 0, socket.SOCK_STREAM)[0][4]


def connection(address):
    answer = b""
    with socket.socket() as connected:
        connected.connect(address)
        connected.sendall(f"GET /address HTTP/1.0\r\nHost: {HOST}:{PORT}\r\n\r\n".encode())
        while piece := connected.recv(4096):
            answer += piece
    return answer.decode().split()[-1]


def connections(count, kept=None):
    address = kept
    for _ in range(count):
        try:
            address = kept or look_up()
            print(connection(address), flush=True)
        except (OSError, IndexError) as error:
            print("failed:", error, flush=True)
    return address


def in_child():
    child = os.fork()
    if not child:
        connections(1)
        os._exit(0)
    os.waitpid(child, 0)


def load():
    import decimal
    import sqlite3
    import ssl

    print("loaded", decimal and sqlite3 and ssl and "all", flush=True)


def read(path):
    with open(path) as file:
        return file.read().strip()


def end():
    threads = sorted(read(f"/proc/self/task/{task}/comm") for task in os.listdir("/proc/self/task"))
    descriptors = []
    for descriptor in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            descriptors.append(descriptor + ":" + os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:  # that of the list itself
            pass
    print("threads", *threads)
    print("descriptors", *(re.sub(r"\[\d+\]", "", name) for name in descriptors), flush=True)
    sys.exit(7)


if files := os.environ.get("BESIDE_FILES"):
    sys.stdin, sys.stdout = open(files + ".in"), open(files + ".out", "a")
address = None
while line := sys.stdin.readline():
    word, count = line.split()
    if word == "each":
        address = connections(int(count))
    elif word == "kept":
        connections(int(count), address)
    else:
        {"child": in_child, "load": load, "end": end}[word]()
