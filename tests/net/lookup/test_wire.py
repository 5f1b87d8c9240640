"""Messages of DNS, beside what dnspython makes of the same."""

import socket
from contextlib import suppress
from typing import Any

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netpoll.net.lookup import labels, wire
from netpoll.net.lookup.wire import BadAnswerError, BadQuestionError, Query

NAME = "www.example.com."

LABELS = st.binary(min_size=1, max_size=20) | st.sampled_from([b"www", b"example", b"a", b"_sip"])
NAMES = st.lists(LABELS, max_size=6).map(lambda parts: dns.name.Name((*parts, b"")))
TEXTS = st.lists(st.binary(max_size=20), min_size=1, max_size=3)

RECORDS = st.one_of(
    st.ip_addresses(v=4).map(lambda ip: ("A", str(ip), (str(ip),))),
    st.ip_addresses(v=6).map(
        lambda ip: ("AAAA", str(ip), (socket.inet_ntop(socket.AF_INET6, ip.packed),))
    ),
    st.tuples(st.sampled_from(["CNAME", "NS", "PTR"]), NAMES).map(
        lambda one: (one[0], str(one[1]), (str(one[1]),))
    ),
    st.tuples(st.integers(0, 0xFFFF), NAMES).map(
        lambda mx: ("MX", f"{mx[0]} {mx[1]}", (str(mx[1]), mx[0]))
    ),
    st.tuples(*[st.integers(0, 0xFFFF)] * 3, NAMES).map(
        lambda srv: ("SRV", " ".join(map(str, srv)), (str(srv[3]), srv[2], srv[0], srv[1]))
    ),
    NAMES.map(lambda name: ("DNAME", name.to_text(), None)),
)


def message(
    answers: list[tuple[dns.name.Name, Any]], flags: int = dns.flags.QR, **sections: Any
) -> bytes:
    """Return an answer as dnspython writes it, with its names compressed."""
    made = dns.message.make_response(dns.message.make_query(NAME, "A", use_edns=0))
    made.flags = dns.flags.Flag(flags)
    made.set_rcode(sections.get("rcode", 0))
    for name, (kind, text, _) in answers:
        rdata = dns.rdata.from_text("IN", kind, text)
        made.answer.append(dns.rrset.from_rdata(name, 60, rdata))
    for name, text in sections.get("authority", ()):
        made.authority.append(dns.rrset.from_text(name, 60, "IN", "NS", text))
    data = made.to_wire()
    assert data is not None
    return data


# ---- names


@given(NAMES)
def test_a_name_is_read_as_dnspython_writes_it(name: dns.name.Name) -> None:
    whole = name.to_wire()
    assert whole is not None
    data = b"\0" * 12 + whole + b"rest"
    assert labels.unpacked(data, 12) == (name.to_text(), len(data) - 4)


@given(st.lists(st.from_regex(r"\A[a-zA-Z0-9_-]{1,63}\Z"), max_size=5))
def test_a_name_is_written_as_dnspython_writes_it(parts: list[str]) -> None:
    text = ".".join(parts) + "."
    try:
        expected = dns.name.from_text(text).to_wire()
    except dns.exception.DNSException:
        with pytest.raises(ValueError, match="name"):
            labels.packed(text)
    else:
        assert labels.packed(text) == expected
        assert labels.unpacked(expected, 0) == (text, len(expected))


@pytest.mark.parametrize(
    "text", ["", "a..", ".a.", f"{'a' * 64}.", "a." * 128, "a\\.b.", "a b.", "ä.", "\0."]
)
def test_what_is_no_name_is_not_written(text: str) -> None:
    with pytest.raises(ValueError):
        labels.packed(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\3ab",
        b"\1a",
        b"\xc0",
        b"\xc0\0",  # to itself
        b"\1a\xc0\2\0",  # onwards
        b"\1a\xc0\0",  # a label again and again
        b"\x40" + b"a" * 64 + b"\0",
        b"\x80\0",
        b"\1a" * 128 + b"\0",
    ],
)
def test_what_is_no_name_is_not_read(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        labels.unpacked(data, 0)


def test_the_longest_name_is_read_and_none_that_is_longer() -> None:
    longest = b"\1a" * 127 + b"\0"
    assert labels.unpacked(longest, 0) == ("a." * 127, 255)
    with pytest.raises(ValueError, match="no domain name"):
        labels.unpacked(longest + b"\1b\xc0\0", 255)


# ---- questions


@pytest.mark.parametrize("trust_ad", [False, True])
@pytest.mark.parametrize("kind", wire.TYPES)
def test_a_question_is_what_dnspython_would_ask(kind: str, trust_ad: bool) -> None:
    data = Query(NAME, kind, trust_ad=trust_ad).data
    flags = dns.flags.RD | (dns.flags.AD if trust_ad else 0)
    ident = int.from_bytes(data[:2], "big")
    expected = dns.message.make_query(
        NAME, kind, flags=flags, use_edns=0, payload=wire.PAYLOAD, id=ident
    )
    assert data == expected.to_wire()


def test_what_no_message_can_ask_is_told() -> None:
    with pytest.raises(BadQuestionError, match="cannot marshal"):
        Query("a..", "A", trust_ad=False)


# ---- answers


@settings(max_examples=50)
@given(st.lists(st.tuples(NAMES, RECORDS), max_size=8), st.integers(0, 0xFFF))
def test_an_answer_says_what_was_put_into_it(
    answers: list[tuple[dns.name.Name, Any]], rcode: int
) -> None:
    # A name may be written as a reference to an equal one, and names that differ in case are equal.
    texts = [name.to_text() for name, _ in answers] + [str(said) for _, (_, said, _) in answers]
    parts = {part for text in texts for part in text.split(".")}
    assume(len({part.lower() for part in parts}) == len(parts))
    flags = dns.flags.QR | (dns.flags.AA if rcode % 2 else 0) | (dns.flags.RA if rcode % 3 else 0)
    reply = wire.parse(
        message(answers, flags, rcode=rcode, authority=[("example.com.", "ns.example.com.")])
    )
    expected = [
        (name.to_text(), kind, said) for name, (kind, _, said) in answers if said is not None
    ]
    assert [tuple(record) for record in reply.records] == expected
    assert reply.rcode == rcode
    assert reply.authoritative is bool(rcode % 2)
    assert reply.recursive is bool(rcode % 3)
    assert reply.extra  # make_response answers EDNS with EDNS


@given(TEXTS)
def test_the_strings_of_a_text_are_one(parts: list[bytes]) -> None:
    data = b"".join(bytes((len(part),)) + part for part in parts)
    rdata = dns.rdata.from_wire("IN", "TXT", data, 0, len(data))
    made = dns.message.make_response(dns.message.make_query(NAME, "TXT"))
    made.answer.append(dns.rrset.from_rdata(NAME, 60, rdata))
    reply = wire.parse(made.to_wire())
    assert reply.records[0].data == (b"".join(parts).decode("utf-8", "surrogateescape"),)
    assert not reply.extra


@settings(max_examples=50)
@given(
    st.lists(st.tuples(NAMES, RECORDS), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
    st.integers(0, 200),
)
def test_a_damaged_answer_is_an_answer_or_a_bad_one(
    answers: list[tuple[dns.name.Name, Any]], damage: list[tuple[int, int]], missing: int
) -> None:
    data = bytearray(message(answers))
    for position, value in damage:
        data[position % len(data)] = value
    del data[len(data) - missing :]
    with suppress(BadAnswerError):
        wire.parse(bytes(data))


@pytest.mark.parametrize("missing", range(1, 12))
def test_an_answer_that_ends_too_early_is_a_bad_one(missing: int) -> None:
    whole = message([(dns.name.from_text(NAME), ("A", "192.0.2.1", None))])
    with pytest.raises(BadAnswerError, match="cannot unmarshal"):
        wire.parse(whole[:-missing])


@pytest.mark.parametrize(("kind", "size"), [(1, 3), (1, 5), (28, 4), (5, 3), (33, 4)])
def test_data_that_is_not_as_long_as_its_record_says_is_bad(kind: int, size: int) -> None:
    record = b"\0" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\0" + size.to_bytes(2, "big")
    with pytest.raises(BadAnswerError, match="cannot unmarshal"):
        wire.parse(b"\0\0\x80\0\0\0\0\1\0\0\0\0" + record + bytes(size))


def test_records_of_another_class_are_passed_over() -> None:
    record = b"\0\0\1\0\3\0\0\0\0\0\4" + bytes(4)
    assert wire.parse(b"\0\0\x80\0\0\0\0\1\0\0\0\0" + record).records == ()


def test_an_answer_of_very_long_names_takes_a_moment_at_most() -> None:
    # 127 labels, to which each of 2,000 names points.
    longest = b"\1a" * 127 + b"\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + bytes(4)
    data = b"\0\0\x80\0\0\1\7\xcf\0\0\0\0" + longest + b"\0\1\0\1" + record * 1999
    reply = wire.parse(data)
    assert len(reply.records) == 1999
    assert {record.name for record in reply.records} == {"a." * 127}
