"""DNS forwarder: passes questions on to a name server, and its answers back (RFC 1035, RFC 7766).

    python examples/dns_forwarder.py SERVER [ADDRESS]

For example `dns_forwarder.py 192.0.2.1:53`; ADDRESS is "127.0.0.1:1053" unless given, by UDP and by
TCP. Try it with `dig -p 1053 @127.0.0.1 example.org`; Ctrl-C ends it.

Each question goes out by a socket of its own and under a new id, and what comes back has to repeat
both id and question: a stranger who wants to be believed has to guess them, and the port too.
"""

import struct
import sys
import time
from contextlib import suppress
from secrets import randbits
from typing import Self

from netpoll import bufio, go, net, run

PATIENCE = 2.0  # seconds, for the server to answer one try
TRIES = 2  # by UDP, where a question or its answer may be lost
IDLE = 10.0  # seconds, for a client by TCP to say what it wants, and to take the answer
MOST = 1000  # questions by UDP at once; a client that gets no answer asks again
LONGEST = 65535  # bytes of a message

HEADER = struct.Struct("!HHHHHH")  # id, flags, numbers of questions, answers and other records
RECORD = struct.Struct("!HHIH")  # what follows a record's name: type, class, ttl, length
QR, TC, RD = 0x8000, 0x0200, 0x0100
OPCODE = 0x7800
FORMERR, SERVFAIL, NOTIMP, REFUSED = 1, 2, 4, 5
OPT, IXFR, AXFR = 41, 251, 252
SHORTEST = 512  # bytes: what fits into each client's datagrams
MAX_LABEL, MAX_NAME = 63, 255


class Query:
    """A question of a client.

    ValueError: it is none, and nobody waits for an answer to it.
    """

    def __init__(self, message: bytes) -> None:
        """Look at what it asks; `error` says why it cannot be passed on, 0 if it can."""
        if len(message) < HEADER.size:
            raise ValueError("shorter than a header")
        self.message = message
        self.id, self.flags, self.questions, *_ = HEADER.unpack_from(message)
        if self.flags & QR:  # to answer an answer could go on for ever
            raise ValueError("an answer")
        self.end = HEADER.size  # of the question
        self.room = SHORTEST  # for an answer by UDP
        self.error = self.look()

    def look(self) -> int:
        """Find where the question ends and how large an answer may be."""
        if self.flags & OPCODE:
            return NOTIMP
        if self.questions != 1:
            return FORMERR
        try:
            end = end_of_name(self.message, HEADER.size) + 4
            (kind,) = struct.unpack_from("!H2x", self.message, end - 4)
            self.room = room_for_answers(self.message, end)
        except (IndexError, ValueError, struct.error):
            return FORMERR
        self.end = end
        return REFUSED if kind in (AXFR, IXFR) else 0  # their answers may be many messages

    def answered_by(self, message: bytes, number: int) -> bool:
        """Return whether a message answers this question as it was asked under that id."""
        if len(message) < self.end:
            return False
        answered, flags, questions, *_ = HEADER.unpack_from(message)
        if answered != number or not flags & QR or (flags ^ self.flags) & OPCODE or questions != 1:
            return False
        return self.question_of(message) == self.question_of(self.message)

    def question_of(self, message: bytes) -> tuple[bytes, bytes]:
        """Return the name, in small letters, and the type and class, of as long a question."""
        kind = self.end - 4
        return message[HEADER.size : kind].lower(), message[kind : self.end]

    def reply(self, flags: int) -> bytes:
        """Return an answer without any record."""
        flags |= QR | self.flags & (OPCODE | RD)
        question = self.message[HEADER.size : self.end]
        return HEADER.pack(self.id, flags, 1 if question else 0, 0, 0, 0) + question

    def cut(self, answer: bytes) -> bytes:
        """Return what of an answer fits into a datagram: all, or that it has to be had by TCP."""
        if len(answer) <= self.room:
            return answer
        (_, flags, *_) = HEADER.unpack_from(answer)
        return self.reply(flags | TC)


def end_of_name(message: bytes, at: int) -> int:
    """Return where a name ends that is written out, as that of a question is."""
    start = at
    while size := message[at]:
        if size > MAX_LABEL:
            raise ValueError("no label")  # a pointer, to what is in front of the first name?
        at += 1 + size
        if at - start >= MAX_NAME:
            raise ValueError("too long a name")
    return at + 1


def room_for_answers(message: bytes, at: int) -> int:
    """Return how large a datagram the client takes, which stands in an OPT record (RFC 6891)."""
    _, _, _, answers, servers, more = HEADER.unpack_from(message)
    for _ in range(answers + servers + more):
        at = end_of_name(message, at)
        kind, size, _, length = RECORD.unpack_from(message, at)
        if kind == OPT:
            return max(SHORTEST, size)
        at += RECORD.size + length
    return SHORTEST
