"""DNS messages. dnspython writes and reads them, and nothing of it is seen outside this module.

Source: RFC 1035 section 4; RFC 6891; go1.27 net/dnsclient_unix.go
"""

from collections.abc import Callable
from struct import Struct
from typing import Any, NamedTuple

import dns.flags
import dns.message
import dns.rdataclass
import dns.rdatatype

PAYLOAD = 1232
"""Bytes of a datagram that no network on the way cuts up (https://dnsflagday.net/2020)."""

NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3

_HEADER = 12  # bytes: identifier, flags, the number of entries of each section
_COUNTS, _COUNTS_AT = Struct("!3H"), 6  # answers, authorities, additional records
_MOST_RECORDS = 2000
_OPT = 11  # bytes of an empty OPT record, the last of a query
_RESPONSE, _TRUNCATED = 0x80, 0x02  # in the third byte


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
        flags = dns.flags.RD | (dns.flags.AD if trust_ad else 0)
        try:
            message = dns.message.make_query(name, kind, flags=flags, use_edns=0, payload=PAYLOAD)
            self.data: bytes = message.to_wire()
        except Exception as error:
            raise BadQuestionError("cannot marshal DNS message") from error
        # Name, type and class. The name has no letters but those of its labels: nothing else in
        # here, the lengths least of all, changes when it is put into small letters.
        self._question = self.data[_HEADER : len(self.data) - _OPT].lower()

    def answered_by(self, data: bytes) -> bool:
        """Return whether data begins like an answer to this question."""
        return (
            len(data) >= _HEADER
            and data[:2] == self.data[:2]
            and bool(data[2] & _RESPONSE)
            and data[4:6] == self.data[4:6]  # one question, as we sent
            and data[_HEADER : _HEADER + len(self._question)].lower() == self._question
        )


def is_truncated(data: bytes) -> bool:
    """Return whether an answer says that there is more of it than the datagram holds."""
    return bool(data[2] & _TRUNCATED)


def parse(data: bytes) -> Reply:
    """Return what an answer says; BadAnswerError if it cannot be read. May take its time.

    Names that point into one another make each record of a hostile answer take a millisecond.
    """
    if sum(_COUNTS.unpack_from(data, _COUNTS_AT)) > _MOST_RECORDS:
        raise BadAnswerError("too many records in DNS response")
    try:
        message = dns.message.from_wire(data, one_rr_per_rrset=True, ignore_trailing=True)
        return Reply(
            rcode=int(message.rcode()),
            authoritative=bool(message.flags & dns.flags.AA),
            recursive=bool(message.flags & dns.flags.RA),
            extra=message.edns >= 0 or bool(message.additional),
            records=tuple(_records(message)),
        )
    except Exception as error:
        raise BadAnswerError("cannot unmarshal DNS message") from error


def _records(message: dns.message.Message) -> list[Record]:
    found = []
    for rrset in message.answer:
        kind = dns.rdatatype.to_text(rrset.rdtype)
        data = _DATA.get(kind)
        if data is not None and rrset.rdclass == dns.rdataclass.IN:
            name = rrset.name.to_text()
            found += [Record(name, kind, data(rdata)) for rdata in rrset]
    return found


def _target(rdata: Any) -> tuple[str]:
    return (rdata.target.to_text(),)


_DATA: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "A": lambda rdata: (rdata.address,),
    "AAAA": lambda rdata: (rdata.address,),
    "CNAME": _target,
    "NS": _target,
    "PTR": _target,
    "MX": lambda rdata: (rdata.exchange.to_text(), rdata.preference),
    "SRV": lambda rdata: (rdata.target.to_text(), rdata.port, rdata.priority, rdata.weight),
    # The strings of one record are parts of one text.
    "TXT": lambda rdata: (b"".join(rdata.strings).decode("utf-8", "surrogateescape"),),
}
