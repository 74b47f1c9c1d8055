#!/usr/bin/env python3
"""odd_dns.py ADDRESS [PORT [WHAT | @FILE]]: a DNS server for what real ones seldom say.

Answers by UDP and TCP. The first label of the name asked for says what to do, or WHAT for any name; arguments follow
after dots (rcode.5): see the functions below. With FILE, its first word is WHAT and the others are the addresses that
names have (10.244.1.1); it is read anew for each question. stdout: "ready" once it listens, then a line for each
question: "<ms since 1970> <type> <name> <udp or tcp>". Ends with SIGTERM.
"""
import pathlib
import random
import select
import socket
import struct
import sys
import threading
import time

A, CNAME, AAAA = 1, 5, 28
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 2, 3, 4, 5
HERE = b"\xc0\x0c"  # a pointer to the name asked for
WRONG = "10.244.9.9"  # in answers that are not to be believed
MALFORMED = sorted((pathlib.Path(__file__).parent.parent / "fuzz/corpus/answer").glob("malformed-*"))


class Question:
    def __init__(self, packet, sender, tcp):
        self.packet, self.sender, self.tcp = packet, sender, tcp
        self.id = packet[:2]
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        self.name = ".".join(labels).lower()
        self.what, self.addresses = self.name.split("."), ["10.244.1.1"]
        self.type = struct.unpack(">H", packet[at + 1 : at + 3])[0]
        self.text = packet[12 : at + 5]
        self.edns = struct.unpack(">H", packet[10:12])[0] > 0

    def reply(self, records=(), rcode=NOERROR, flags=0x8180, id=None, count=None, text=None):
        answers = b"".join(records)
        count = len(records) if count is None else count
        header = (id or self.id) + struct.pack(">HHHHH", flags | rcode, 1, count, 0, 0)
        return header + (text or self.text) + answers


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(kind, data, ttl=30, owner=HERE):
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def address(text, ttl=30, owner=HERE):
    kind, family = (AAAA, socket.AF_INET6) if ":" in text else (A, socket.AF_INET)
    return record(kind, socket.inet_pton(family, text), ttl, owner)


def usual(question, ttl=30, **more):
    """The addresses that the name has, and no IPv6."""
    texts = question.addresses if question.type == A else []
    return question.reply([address(text, ttl) for text in texts], **more)


def both(question):
    """The addresses that the name has, of the family asked for."""
    return question.reply([address(text) for text in question.addresses
                           if question.type == (AAAA if ":" in text else A)])


def odd_pair(question):
    return [both(question)]


def odd_first(question):  # first.28.2: SERVFAIL for the first question of type 28 for a name, for all of its families later
    kind, rcode = int(question.what[1]), int(question.what[2])
    if question.type == kind and "rng-headless." in question.name and turn(question) == 0:
        return [question.reply(rcode=rcode)]
    return [both(question)]


def odd_dropedns(question):
    """Questions with EDNS vanish."""
    return [] if question.edns else [both(question)]


def odd_ednsempty(question):
    """FORMERR without the question, for questions with EDNS."""
    if question.edns:
        return [question.id + struct.pack(">HHHHH", 0x8180 | FORMERR, 0, 0, 0, 0)]
    return [both(question)]


def odd_tconly(question):
    return [both(question)] if question.tcp else []


def odd_owner(question):
    """Records of another name, and no alias (CoreDNS `rewrite` without an answer rule)."""
    texts = question.addresses if question.type == A else []
    return [question.reply([address(text, owner=wire("another.name")) for text in texts])]


def odd_silent(question):
    return []


def odd_flap(question):  # flap.2.…: the first two of the addresses, the others, the first two …
    count = int(question.what[1])
    part = question.addresses[count:] if turn(question) % 2 else question.addresses[:count]
    return [question.reply([address(text) for text in part] if question.type == A else [])]


def odd_rcode(question):  # rcode.5.…
    return [question.reply(rcode=int(question.what[1]))]


def odd_v6rcode(question):
    """An address, but a bad answer for IPv6."""
    rcode = int(question.what[1])
    return [usual(question) if question.type == A else question.reply(rcode=rcode)]


def odd_emptyrcode(question):
    """No data, and a bad answer for IPv6."""
    rcode = int(question.what[1])
    return [question.reply(rcode=NOERROR if question.type == A else rcode)]


def odd_v6silent(question):
    return [usual(question)] if question.type == A else []


def odd_noedns(question):
    return [question.reply(rcode=FORMERR) if question.edns else usual(question)]


def odd_late(question):  # late.700.…: so many ms
    return [(int(question.what[1]) / 1000, usual(question))]


def odd_lives(question):  # lives.60.…: the TTL in seconds
    return [usual(question, ttl=int(question.what[1]))]


def odd_part(question):  # part.3.…: another three of the addresses each time
    part = random.sample(question.addresses, int(question.what[1]))
    return [question.reply([address(text) for text in part] if question.type == A else [])]


def odd_mixed(question):
    """Twice the same, and those that no pod can have."""
    if question.type == A:
        texts = "0.0.0.0 224.0.0.1 169.254.1.1 255.255.255.255".split() + question.addresses * 2
    else:
        texts = "fd00::2 fe80::1 :: fd00::1 ff02::1 fd00::2".split()
    return [question.reply([address(text) for text in texts])]


def odd_unusable(question):
    return [question.reply([address("0.0.0.0")] if question.type == A else [])]


def odd_ttl(question):
    ttls = {"a": 60, "b": 7, "c": 300}
    return [question.reply([address("10.244.1.%d" % i, ttl)
                            for i, ttl in enumerate(ttls.values())] if question.type == A else [])]


def odd_hugettl(question):
    return [usual(question, ttl=0x80000000)]


def odd_cname(question):
    """Two aliases, the second with the smallest TTL."""
    one, two = wire("one.alias"), wire("two.alias")
    chain = [record(CNAME, one, 60), record(CNAME, two, 4, one)]
    texts = question.addresses if question.type == A else []
    return [question.reply(chain + [address(text, 20, two) for text in texts])]


def odd_chain(question):  # chain.40.…: so many aliases
    names = [HERE] + [wire("alias-%d.chain" % i) for i in range(int(question.what[1]))]
    chain = [record(CNAME, alias, owner=owner) for owner, alias in zip(names, names[1:])]
    texts = question.addresses if question.type == A else []
    return [question.reply(chain + [address(text, owner=names[-1]) for text in texts])]


def odd_ring(question):
    """Two aliases, each of the other."""
    one = wire("one.alias")
    return [question.reply([record(CNAME, one), record(CNAME, HERE, owner=one)])]


def odd_self(question):
    """An alias of itself."""
    return [question.reply([record(CNAME, HERE)])]


def odd_dangling(question):
    return [question.reply([record(CNAME, wire("nowhere.alias"))])]


def odd_capitals(question):
    text = question.text.upper()[:-4] + question.text[-4:]
    return [usual(question, text=text)]


def odd_cut(question):
    """Ends in the middle of a record."""
    return [usual(question)[:-2]]


def odd_count(question):
    """Promises more records than there are."""
    return [usual(question, count=3)]


def odd_loop(question):
    """A name that points to itself."""
    at = 12 + len(question.text)
    return [question.reply([address("10.244.1.1", owner=struct.pack(">H", 0xC000 | at))])]


def odd_wrongid(question):
    other = question.id[:1] + bytes([question.id[1] ^ 1])
    return [question.reply([address(WRONG)], id=other)]


def odd_wrongquestion(question):
    return [question.reply([address(WRONG)], text=wire("wrong") + question.text[-4:])]


def odd_wrongsource(question):
    """From another port, and from another address where there is one."""
    for place in (here[0], 0), ("", 0):
        with socket.socket(type=socket.SOCK_DGRAM) as elsewhere:
            elsewhere.bind(place)
            elsewhere.sendto(question.reply([address(WRONG)]), question.sender)
    return []


def odd_noise(question):
    """What is no answer to this question, then one that is."""
    return [b"", *odd_wrongid(question), *odd_wrongquestion(question), usual(question)]


def odd_malformed(question):
    """The next one of the corpus: with the id and the question of this one put in, then as it is."""
    message = MALFORMED[turn(question) % len(MALFORMED)].read_bytes()
    at = 12
    while at < len(message) and 0 < message[at] < 64:
        at += 1 + message[at]
    fits = message[at : at + 1] == b"\0" and len(message) >= at + 5 and message[4:6] == b"\0\1"
    rest = question.text + message[at + 5 :] if fits else message[12:]
    return [question.id + message[2:12] + rest, message]


def odd_large(question):
    """TC by UDP; by TCP 4,000 records, as many as fit."""
    if not question.tcp:
        return [question.reply(flags=0x8380)]
    if question.type == A:
        return [question.reply([address("10.%d.%d.%d" % (240 + i // 60000, i // 250 % 240, i % 250 + 1))
                                for i in range(4000)])]
    return [question.reply([address("fd00::%x" % i) for i in range(1, 2301)])]


def odd_tcusual(question):
    return [usual(question) if question.tcp else question.reply(flags=0x8380)]


def odd_tcrefused(question):
    """TC, and nobody listens where TCP is to go."""
    return [question.reply(flags=0x8380)]


def odd_tcsilent(question):
    return [] if question.tcp else [question.reply(flags=0x8380)]


def odd_tccut(question):
    """The connection ends in the middle of the answer."""
    return [None] if question.tcp else [question.reply(flags=0x8380)]


turns = {}


def turn(question):
    """How often this question was asked before."""
    turns[question.text] = turns.get(question.text, -1) + 1
    return turns[question.text]


def read(packet, sender, tcp, what):
    question = Question(packet, sender, tcp)
    if what and what[0] == "@":
        what, *question.addresses = pathlib.Path(what[1:]).read_text().split()
    if what:
        question.what = what.split(".")
    kind = {A: "A", AAAA: "AAAA"}.get(question.type, question.type)
    print(time.time_ns() // 1000000, kind, question.name, "tcp" if tcp else "udp", flush=True)
    return question


def answers(question):
    odd = globals().get("odd_" + question.what[0])
    return odd(question) if odd else [usual(question)]


def serve_udp(datagrams, question):
    for answer in answers(question):
        if isinstance(answer, tuple):
            threading.Timer(answer[0], datagrams.sendto, (answer[1], question.sender)).start()
        else:
            datagrams.sendto(answer, question.sender)


def serve_tcp(connection, sender, what):
    with connection, connection.makefile("rb") as stream:
        connection.settimeout(5)
        while len(head := stream.read(2)) == 2:
            packet = stream.read(struct.unpack(">H", head)[0])
            for answer in answers(read(packet, sender, True, what)):
                if answer is None:
                    connection.sendall(b"\x10\x00" + bytes(100))
                    return
                connection.sendall(struct.pack(">H", len(answer)) + answer)


def attempt(serve, *arguments):
    """The client went away, or asked what is no question."""
    try:
        return serve(*arguments)
    except (OSError, IndexError, struct.error, UnicodeError, ValueError):
        return None


def main(address, port=53, what=None):
    global here
    here = socket.getaddrinfo(address, int(port), type=socket.SOCK_DGRAM)[0][4]  # with the scope
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    datagrams = socket.socket(family, socket.SOCK_DGRAM)
    datagrams.bind(here)
    connections = socket.create_server(here, family=family)
    print("ready", flush=True)
    while True:
        sockets = [one for one in (datagrams, connections) if one.fileno() >= 0]
        for ready in select.select(sockets, [], [])[0]:
            if ready is connections:
                arguments = (serve_tcp, *connections.accept(), what)
                threading.Thread(target=attempt, args=arguments, daemon=True).start()
                continue
            packet, sender = datagrams.recvfrom(4096)
            question = attempt(read, packet, sender, False, what)
            if not question:
                continue
            listens = question.what[0] != "tcrefused"
            if listens != (connections.fileno() >= 0):
                connections.close()
                if listens:
                    connections = socket.create_server(here, family=family)
            attempt(serve_udp, datagrams, question)


if __name__ == "__main__":
    main(*sys.argv[1:])
