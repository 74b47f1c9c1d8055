#!/usr/bin/env python3
"""odd_dns.py ADDRESS [PORT [WHAT]]: a DNS server for what real ones seldom say.

Answers by UDP and TCP. The first label of the name asked for says what to do, or WHAT for any name;
see the functions below. "ready" on stdout once it listens. Ends with SIGTERM.
"""
import select
import socket
import struct
import sys
import time

A, CNAME, AAAA = 1, 5, 28
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 2, 3, 4, 5
HERE = b"\xc0\x0c"  # a pointer to the name asked for


class Question:
    def __init__(self, packet, tcp):
        self.packet, self.tcp = packet, tcp
        self.id = packet[:2]
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        self.labels = labels
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


def usual(question, **more):
    """10.244.1.1, and no IPv6."""
    return question.reply([address("10.244.1.1")] if question.type == A else [], **more)


def odd_silent(question):
    return []


def odd_rcode(question):  # rcode.5.…
    return [question.reply(rcode=int(question.labels[1]))]


def odd_v6rcode(question):
    """An address, but a bad answer for IPv6."""
    rcode = int(question.labels[1])
    return [usual(question) if question.type == A else question.reply(rcode=rcode)]


def odd_emptyrcode(question):
    """No data, and a bad answer for IPv6."""
    rcode = int(question.labels[1])
    return [question.reply(rcode=NOERROR if question.type == A else rcode)]


def odd_v6silent(question):
    return [usual(question)] if question.type == A else []


def odd_noedns(question):
    return [question.reply(rcode=FORMERR) if question.edns else usual(question)]


def odd_late(question):  # late.700.…: so many ms
    time.sleep(int(question.labels[1]) / 1000 if question.type == A else 0)
    return [usual(question)]


def odd_mixed(question):
    """Twice the same, and those that no pod can have."""
    if question.type == A:
        texts = "10.244.1.2 10.244.1.1 0.0.0.0 224.0.0.1 10.244.1.2 255.255.255.255 10.244.1.1".split()
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
    return [question.reply([address("10.244.1.1", 0x80000000)])]


def odd_cname(question):
    """Two aliases, the second with the smallest TTL."""
    one, two = wire("one.alias"), wire("two.alias")
    chain = [record(CNAME, one, 60), record(CNAME, two, 4, one)]
    return [question.reply(chain + ([address("10.244.1.1", 20, two)] if question.type == A else []))]


def odd_dangling(question):
    return [question.reply([record(CNAME, wire("nowhere.alias"))])]


def odd_capitals(question):
    text = question.text.upper()[:-4] + question.text[-4:]
    return [question.reply([address("10.244.1.1")] if question.type == A else [], text=text)]


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


def odd_noise(question):
    """What is no answer to this question, then one that is."""
    other = question.id[:1] + bytes([question.id[1] ^ 1])
    wrong = [address("10.244.9.9")]
    return [b"", question.reply(wrong, id=other),
            question.reply(wrong, text=wire("wrong") + question.text[-4:]), usual(question)]


def odd_large(question):
    """TC by UDP; by TCP 4,000 records, as many as fit."""
    if not question.tcp:
        return [question.reply(flags=0x8380)]
    if question.type == A:
        return [question.reply([address("10.%d.%d.%d" % (240 + i // 60000, i // 250 % 240, i % 250 + 1))
                                for i in range(4000)])]
    return [question.reply([address("fd00::%x" % i) for i in range(1, 2301)])]


def odd_tcsilent(question):
    return [] if question.tcp else [question.reply(flags=0x8380)]


def odd_tccut(question):
    """The connection ends in the middle of the answer."""
    return [None] if question.tcp else [question.reply(flags=0x8380)]


def answers(packet, tcp, what):
    question = Question(packet, tcp)
    odd = globals().get("odd_" + (what or question.labels[0].lower()))
    return odd(question) if odd else [usual(question)]


def serve_tcp(connection, what):
    connection.settimeout(5)
    stream = connection.makefile("rb")
    while len(head := stream.read(2)) == 2:
        for answer in answers(stream.read(struct.unpack(">H", head)[0]), True, what):
            if answer is None:
                connection.sendall(b"\x10\x00" + bytes(100))
                return
            connection.sendall(struct.pack(">H", len(answer)) + answer)


def main(address, port=53, what=None):
    place = (address, int(port))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    datagrams = socket.socket(family, socket.SOCK_DGRAM)
    datagrams.bind(place)
    connections = socket.create_server(place, family=family)
    print("ready", flush=True)
    while True:
        for ready in select.select([datagrams, connections], [], [])[0]:
            try:
                if ready is datagrams:
                    packet, sender = datagrams.recvfrom(4096)
                    for answer in answers(packet, False, what):
                        datagrams.sendto(answer, sender)
                else:
                    with connections.accept()[0] as connection:
                        serve_tcp(connection, what)
            except (OSError, IndexError, struct.error, UnicodeError, ValueError):
                pass


if __name__ == "__main__":
    main(*sys.argv[1:])
