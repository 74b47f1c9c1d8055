#!/usr/bin/env python3
"""malformed.py: writes tests/fuzz/corpus/answer/malformed-*, DNS messages that are no answer to believe. Run by hand
after a change here; the files are checked in. All are about the name a.b, type A, id 0x1234, and 10.244.9.9.
"""
import pathlib
import random
import struct

NAME = b"\1a\1b\0"
HERE = b"\xc0\x0c"  # a pointer to NAME in the question
POD = bytes([10, 244, 9, 9])
A, CNAME = 1, 5


def header(flags=0x8180, questions=1, answers=1, authorities=0, additional=0):
    return struct.pack(">HHHHHH", 0x1234, flags, questions, answers, authorities, additional)


def question(name=NAME, kind=A):
    return name + struct.pack(">HH", kind, 1)


def record(owner=HERE, kind=A, data=POD, length=None):
    return owner + struct.pack(">HHIH", kind, 1, 30, len(data) if length is None else length) + data


def answer(*records, **counts):
    counts.setdefault("answers", len(records))
    return header(**counts) + question() + b"".join(records)


AT = 12 + len(question())  # where the first record begins


def pointer(at):
    return struct.pack(">H", 0xC000 | at)


MESSAGES = {
    # cut
    "nothing": b"",
    "one-byte": b"\x12",
    "header-cut": header()[:11],
    "header-only": header(),
    "question-cut-in-name": header() + NAME[:3],
    "question-cut-in-type": header() + question()[:-3],
    "answer-missing": answer(answers=1),
    "record-cut-in-owner": answer()[:6] + b"\0\1" + answer()[8:] + HERE[:1],
    "record-cut-in-fields": answer(record()[:8], answers=1),
    "record-cut-in-data": answer(record()[:-1], answers=1),
    "second-record-cut": answer(record(), record()[:-3]),
    # counts
    "answers-65535": answer(record(), answers=65535),
    "answers-one-too-many": answer(record(), answers=2),
    "questions-0": header(questions=0) + record(NAME),
    "questions-2": header(questions=2) + question() + record(),
    "questions-65535": header(questions=65535) + question() + record(),
    # names
    "owner-points-to-itself": answer(record(pointer(AT))),
    "owner-points-forward": answer(record(pointer(AT + 40))),
    "owner-points-behind-the-end": answer(record(pointer(0x3FFF))),
    "owner-points-into-the-header": answer(record(pointer(2))),
    "owner-loops-over-two": answer(record(b"\1x" + pointer(AT + 4) + pointer(AT))),
    "owner-label-behind-the-end": answer(record(b"\x3f" + b"x" * 5)),
    "owner-label-of-64": answer(record(b"\x40" + b"x" * 64 + b"\0")),
    "owner-label-type-2": answer(record(b"\x80" + b"x" * 8 + b"\0")),
    "owner-is-another": answer(record(b"\1x\0")),
    "owner-of-300": answer(record(b"\x07xxxxxxx" * 37 + b"\0")),
    "owner-of-many-pointers": answer(*(record(pointer(AT + 16 * i)) for i in range(1, 8)), record(pointer(AT))),
    "question-points-to-itself": header() + question(pointer(12)) + record(),
    "question-label-type-1": header() + question(b"\x41a\0") + record(),
    # data
    "data-of-0": answer(record(data=b"")),
    "data-of-3": answer(record(data=POD[:3])),
    "data-of-5": answer(record(data=POD + b"\0")),
    "data-of-16-in-a": answer(record(data=bytes(10) + b"\xff\xff" + POD)),
    "data-of-65535": answer(record(length=65535)),
    "data-longer-than-the-message": answer(record(length=5)),
    "alias-cut": answer(record(kind=CNAME, data=b"\1x"), record()),
    "alias-points-to-itself": answer(record(kind=CNAME, data=pointer(AT + 12)), record()),
    "alias-points-behind-the-end": answer(record(kind=CNAME, data=pointer(0x3FFF)), record()),
    "alias-longer-than-its-data": answer(record(kind=CNAME, data=b"\5xxxxx\0", length=3), record()),
    # flags
    "no-answer-but-a-question": answer(record(), flags=0x0100),
    "its-own-question": answer(flags=0x0100),
    "opcode-2": answer(record(), flags=0x9180),
    "opcode-2-no-data": answer(flags=0x9180),
    "reserved-rcode": answer(record(), flags=0x818F),
    "reserved-rcode-no-data": answer(flags=0x818F),
    # noise
    "zeros": bytes(512),
    "ones": b"\xff" * 512,
    "pointers": header(answers=200) + b"\xc0\x0c" * 250,
    "noise-behind-the-header": header(answers=7) + random.Random(1).randbytes(500),
    "noise-behind-the-question": answer(answers=3) + random.Random(2).randbytes(500),
}

if __name__ == "__main__":
    corpus = pathlib.Path(__file__).parent / "corpus/answer"
    corpus.mkdir(parents=True, exist_ok=True)
    for old in corpus.glob("malformed-*"):
        old.unlink()
    for name, message in MESSAGES.items():
        (corpus / ("malformed-" + name)).write_bytes(message)
