"""DNS messages: the question, and the records of an answer.

To have them made and read by dnspython, as objects for every part of them, cost more than all the
rest of a look-up. It reads the records that are seldom asked for, and is seen nowhere else.

Source: RFC 1035 section 4; RFC 6891; go1.27 net/dnsclient_unix.go
"""

import os
from collections.abc import Callable, Iterator
from socket import AF_INET, AF_INET6, inet_ntop
from struct import Struct
from typing import Any, NamedTuple

import dns.rdata
import dns.rdataclass
import dns.rdatatype

from netpoll.net.lookup import labels

PAYLOAD = 1232
"""Bytes of a datagram that no network on the way cuts up (https://dnsflagday.net/2020)."""

NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3

TYPES = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
}
_IN = 1
_OPT_TYPE = 41

_HEADER = Struct("!2s5H")  # identifier, flags, the number of entries of each section
_QUESTION = Struct("!HH")  # after the name: type, class
_RECORD = Struct("!HHIH")  # after the name: type, class, time to live, size of the data
_OPT = b"\0" + _RECORD.pack(_OPT_TYPE, PAYLOAD, 0, 0)
_MOST_RECORDS = 2000

_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _DESIRED = 0x8000, 0x0400, 0x0200, 0x0100
_AVAILABLE, _AUTHENTIC, _RCODE = 0x0080, 0x0020, 0x000F


class BadAnswerError(Exception):
    """What a server sent is no answer, or ended too early."""


class BadQuestionError(Exception):
    """What is to be asked does not fit into a message."""


class Record(NamedTuple):
    """A record of an answer: whose, of which type, and what it says."""

    name: str
    kind: str
    data: tuple[Any, ...]


class Reply(NamedTuple):
    """An answer. extra: whether more than the answer section has something in it."""

    rcode: int
    authoritative: bool
    recursive: bool
    extra: bool
    records: tuple[Record, ...]

    def of(self, kind: str) -> list[Record]:
        """Return the records of a type."""
        return [record for record in self.records if record.kind == kind]


class Query:
    """A question and its bytes, with an identifier that a stranger has to guess.

    BadQuestionError if the name is none that a message can have.
    """

    def __init__(self, name: str, kind: str, *, trust_ad: bool) -> None:
        self.name = name
        self.kind = kind
        flags = _DESIRED | (_AUTHENTIC if trust_ad else 0)
        head = _HEADER.pack(os.urandom(2), flags, 1, 0, 0, 1)
        try:
            question = labels.packed(name) + _QUESTION.pack(TYPES[kind], _IN)
        except ValueError as error:
            raise BadQuestionError("cannot marshal DNS message") from error
        self.data = head + question + _OPT
        # The name has no letters but those of its labels: nothing else in here, the lengths least
        # of all, changes when it is put into small letters.
        self._question = question.lower()

    def answered_by(self, data: bytes) -> bool:
        """Return whether data begins like an answer to this question."""
        head = _HEADER.size
        return (
            len(data) >= head
            and data[:2] == self.data[:2]
            and bool(data[2] & _RESPONSE >> 8)
            and data[4:6] == self.data[4:6]  # one question, as we sent
            and data[head : head + len(self._question)].lower() == self._question
        )


def is_truncated(data: bytes) -> bool:
    """Return whether an answer says that there is more of it than the datagram holds."""
    return bool(data[2] & _TRUNCATED >> 8)


def parse(data: bytes) -> Reply:
    """Return what an answer says; BadAnswerError if it cannot be read. May take its time.

    A hostile answer can have thousands of names of a hundred labels each.
    """
    if len(data) < _HEADER.size:
        raise BadAnswerError("cannot unmarshal DNS message")
    _, flags, questions, answers, authorities, additional = _HEADER.unpack_from(data)
    if answers + authorities + additional > _MOST_RECORDS:
        raise BadAnswerError("too many records in DNS response")
    try:
        at = _HEADER.size
        for _ in range(questions):
            at = labels.unpacked(data, at)[1] + _QUESTION.size
        entries = _entries(data, at)
        records = [record for record in map(_record, _some(entries, answers)) if record]
        for _ in _some(entries, authorities):
            pass
        rcode = flags & _RCODE
        for entry in _some(entries, additional):
            if entry.kind == _OPT_TYPE:  # the higher bits are where others have the time to live
                rcode |= entry.ttl >> 24 << 4
    except Exception as error:
        raise BadAnswerError("cannot unmarshal DNS message") from error
    return Reply(
        rcode=rcode,
        authoritative=bool(flags & _AUTHORITATIVE),
        recursive=bool(flags & _AVAILABLE),
        extra=bool(additional),
        records=tuple(records),
    )


class _Entry(NamedTuple):
    """A record as it lies in a message."""

    message: bytes
    name: str
    kind: int
    group: int
    ttl: int
    at: int
    size: int


def _entries(data: bytes, at: int) -> Iterator[_Entry]:
    """Yield the records from there on, to whoever knows how many there are."""
    while True:
        name, at = labels.unpacked(data, at)
        kind, group, ttl, size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + size > len(data):
            raise ValueError("a record is longer than the message")
        yield _Entry(data, name, kind, group, ttl, at, size)
        at += size


def _some(entries: Iterator[_Entry], number: int) -> Iterator[_Entry]:
    for _ in range(number):
        yield next(entries)


def _record(entry: _Entry) -> Record | None:
    """Return what a record says, None if nobody asks for such a one."""
    known = _DATA.get(entry.kind)
    if known is None or entry.group != _IN:
        return None
    kind, read = known
    return Record(entry.name, kind, read(entry))


def _address(family: int) -> Callable[[_Entry], tuple[str]]:
    def read(entry: _Entry) -> tuple[str]:
        # ValueError unless it has the very size.
        return (inet_ntop(family, entry.message[entry.at : entry.at + entry.size]),)

    return read


def _target(entry: _Entry) -> tuple[str]:
    name, end = labels.unpacked(entry.message, entry.at)
    if end != entry.at + entry.size:
        raise ValueError("a name is not as long as its record")
    return (name,)


def _by_dnspython(fields: Callable[[Any], tuple[Any, ...]]) -> Callable[[_Entry], tuple[Any, ...]]:
    def read(entry: _Entry) -> tuple[Any, ...]:
        data, kind = entry.message, dns.rdatatype.RdataType(entry.kind)
        return fields(dns.rdata.from_wire(dns.rdataclass.IN, kind, data, entry.at, entry.size))

    return read


_READERS: dict[str, Callable[[_Entry], tuple[Any, ...]]] = {
    "A": _address(AF_INET),
    "AAAA": _address(AF_INET6),
    "CNAME": _target,
    "NS": _target,
    "PTR": _target,
    "MX": _by_dnspython(lambda rdata: (rdata.exchange.to_text(), rdata.preference)),
    "SRV": _by_dnspython(
        lambda rdata: (rdata.target.to_text(), rdata.port, rdata.priority, rdata.weight)
    ),
    # The strings of one record are parts of one text.
    "TXT": _by_dnspython(
        lambda rdata: (b"".join(rdata.strings).decode("utf-8", "surrogateescape"),)
    ),
}
_DATA = {TYPES[kind]: (kind, read) for kind, read in _READERS.items()}
