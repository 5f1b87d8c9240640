"""One question to one name server, and whatever may come back."""

import struct
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll import DeadlineExceeded, GoroutineCancelled, OpError, go, gosched, net, run, sleep
from netpoll.net.lookup import exchange as exchanging
from netpoll.net.lookup import wire
from netpoll.net.lookup.exchange import Connection, exchange
from netpoll.net.lookup.wire import BadAnswerError, Query, Record, Reply
from tests.net import dns_server
from tests.net.dns_server import (
    AA,
    AD,
    NXDOMAIN,
    QR,
    RA,
    RD,
    TC,
    Question,
    Reaction,
    Scripted,
    address,
    answer,
    edns,
    record,
    served,
    target,
)
from tests.running import in_run
from tests.tcp import HOST

NAME = "a.example."
FOUND = (Record(NAME, "A", ("192.0.2.1",)),)


def ask(
    script: Callable[[Question], Reaction], kind: str = "A", *, tcp: bool = False
) -> tuple[Reply, Scripted]:
    scripted = Scripted(script)
    query = Query(NAME, kind, trust_ad=False)
    try:
        reply = exchange(scripted.dial, "192.0.2.53:53", query, timeout=5, only_tcp=tcp)
    finally:
        assert scripted.open == 0
    return reply, scripted


def good(question: Question) -> bytes:
    return answer(question, address(question.name, "192.0.2.1"))


# ---- the question


@pytest.mark.parametrize("trust_ad", [False, True])
def test_a_question_wishes_recursion_and_takes_what_passes_unfragmented(trust_ad: bool) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestDNSPacketSize, TestDNSTrustAD
    query = Query(NAME, "MX", trust_ad=trust_ad)
    _, flags, *counts = struct.unpack_from("!HHHHHH", query.data)
    assert flags == RD | (AD if trust_ad else 0)
    assert counts == [1, 0, 0, 1]
    end = len(query.data) - 11
    assert query.data[12:end] == dns_server.name(NAME) + struct.pack("!HH", 15, 1)
    root, kind, payload, rest, size = struct.unpack_from("!BHHIH", query.data, end)
    assert (root, kind, payload, rest, size) == (0, 41, 1232, 0, 0)


def test_no_two_questions_have_the_same_identifier_but_by_chance() -> None:
    idents = {Query(NAME, "A", trust_ad=False).data[:2] for _ in range(100)}
    assert len(idents) > 90


# ---- the answer


@in_run
def test_an_answer_is_what_the_server_says() -> None:
    def script(question: Question) -> bytes:
        return answer(
            question,
            target(NAME, "CNAME", "b.example."),
            address("b.example.", "192.0.2.1"),
            address("b.example.", "192.0.2.1"),
            record("b.example.", "A", b"\x03abc\x00\x00\x01", rdclass=3),
            record("b.example.", 65280, b"unknown"),
            flags=AA,
        )

    reply, scripted = ask(script)
    assert reply == Reply(
        0,
        authoritative=True,
        recursive=False,
        extra=False,
        records=(
            Record(NAME, "CNAME", ("b.example.",)),
            Record("b.example.", "A", ("192.0.2.1",)),
            Record("b.example.", "A", ("192.0.2.1",)),
        ),
    )
    assert [question.network for question in scripted.asked] == ["udp"]


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("AAAA", address(NAME, "2001:db8::1"), ("2001:db8::1",)),
        ("MX", dns_server.mx(NAME, 7, "m.example."), ("m.example.", 7)),
        ("SRV", dns_server.srv(NAME, 1, 2, 3, "s.example."), ("s.example.", 3, 1, 2)),
        ("NS", target(NAME, "NS", "n.example."), ("n.example.",)),
        ("PTR", target(NAME, "PTR", "p.example."), ("p.example.",)),
        ("TXT", dns_server.txt(NAME, b"one", b"", b"two"), ("onetwo",)),
        ("TXT", dns_server.txt(NAME, "\u00fc".encode(), b"\xff"), ("\u00fc\udcff",)),
    ],
)
@in_run
def test_a_record_is_read_by_its_type(kind: str, data: bytes, said: tuple[object, ...]) -> None:
    reply, _ = ask(lambda question: answer(question, data), kind)
    assert reply.of(kind) == [Record(NAME, kind, said)]


@in_run
def test_the_code_of_an_answer_may_be_longer_than_its_head_has_room_for() -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestExtendedRCode
    reply, _ = ask(lambda question: answer(question, rcode=0, extra=[edns(1)]))
    assert (reply.rcode, reply.extra) == (16, True)
    reply, _ = ask(lambda question: answer(question, rcode=NXDOMAIN))
    assert (reply.rcode, reply.extra) == (NXDOMAIN, False)


# ---- by stream, when it is too long


@in_run
def test_an_answer_that_is_cut_off_is_asked_for_by_tcp() -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestDNSTransportFallback
    def script(question: Question) -> bytes:
        if question.network == "udp":
            return answer(question, flags=RA | TC)[:-1] + b"\1"
        return good(question)

    reply, scripted = ask(script)
    assert reply.records == FOUND
    assert [question.network for question in scripted.asked] == ["udp", "tcp"]


@in_run
def test_an_answer_by_tcp_that_says_to_be_cut_off_is_taken() -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestDNSTransportNoFallbackOnTCP, TestDNSUseTCP
    def script(question: Question) -> bytes:
        return answer(question, address(NAME, "192.0.2.1"), flags=RA | TC)

    for only_tcp, networks in ((False, ["udp", "tcp"]), (True, ["tcp"])):
        reply, scripted = ask(script, tcp=only_tcp)
        assert reply.records == FOUND
        assert [question.network for question in scripted.asked] == networks


@pytest.mark.parametrize(
    "bad",
    [
        lambda _: b"",
        lambda _: b"garbage",
        lambda question: good(question._replace(id=question.id ^ 1)),
        lambda question: good(question._replace(name="b.example.")),
    ],
)
@in_run
def test_an_answer_by_tcp_to_another_question_is_an_error(bad: dns_server.Script) -> None:
    with pytest.raises(BadAnswerError, match="invalid DNS response"):
        ask(bad, tcp=True)


@pytest.mark.parametrize("size", [0, 1, 2, 13])
@in_run
def test_a_stream_that_ends_too_early_is_an_error(size: int) -> None:
    def dial(*_: object, deadline: float) -> Connection:
        conn = scripted.dial("tcp", "192.0.2.53:53", deadline=deadline)
        write = conn.write

        def write_and_cut(data: bytes) -> int:
            write(data)
            conn._stream = conn._stream[:size]
            return len(data)

        conn.write = write_and_cut  # type: ignore[method-assign] # for this test
        return conn

    scripted = Scripted(good)
    with pytest.raises(BadAnswerError, match="unexpected end"):
        exchange(dial, "", Query(NAME, "A", trust_ad=False), timeout=5, only_tcp=True)
    assert scripted.open == 0


# ---- what is no answer


def header(question: Question, flags: int, *counts: int) -> bytes:
    return struct.pack("!HHHHHH", question.id, flags, *counts)


FORGERIES: list[Callable[[Question], bytes]] = [
    lambda _: b"",
    lambda _: b"garbage DNS response packet",
    lambda question: good(question._replace(id=(question.id + 1) & 0xFFFF)),
    lambda question: good(question._replace(name="b.example.")),
    lambda question: good(question._replace(kind="AAAA")),
    lambda question: question.data,
    lambda question: question.data[:2],
    lambda question: good(question)[:11],
    lambda question: header(question, QR, 0, 0, 0, 0),
    lambda question: header(question, QR, 2, 0, 0, 0) + question.section * 2,
    lambda question: header(question, QR, 1, 0, 0, 0) + question.section[:-2],
    lambda question: header(question, QR, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
    lambda question: header(question, QR, 65535, 0, 0, 0) + question.section,
]


@pytest.mark.parametrize("forgery", FORGERIES)
@in_run
def test_datagrams_that_answer_something_else_are_passed_over(
    forgery: Callable[[Question], bytes],
) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestIgnoreDNSForgeries
    reply, _ = ask(lambda question: [forgery(question)] * 3 + [good(question)])
    assert reply.records == FOUND
    with pytest.raises(DeadlineExceeded):
        ask(lambda question: [forgery(question)] * 3)


@in_run
def test_a_name_comes_back_in_any_case() -> None:
    reply, _ = ask(lambda question: good(question._replace(name="A.Example.")))
    assert reply.records == (Record("A.Example.", "A", ("192.0.2.1",)),)


LIES: list[Callable[[Question], bytes]] = [
    # There is less than is said.
    lambda question: header(question, QR, 1, 1, 0, 0) + question.section,
    lambda question: good(question)[:-1],
    lambda question: header(question, QR, 1, 1999, 0, 0) + good(question)[12:],
    # The data of the record is said to be longer, or shorter, than it is.
    lambda question: good(question)[:-6] + b"\xff\xff" + good(question)[-4:],
    lambda question: good(question)[:-6] + b"\0\3" + good(question)[-4:],
    # A name points to itself, or beyond the end.
    lambda question: (
        header(question, QR, 1, 1, 0, 0) + question.section + b"\xc0\x1b\0\1\0\1\0\0\0\1\0\0"
    ),
    lambda question: (
        header(question, QR, 1, 1, 0, 0) + question.section + b"\xff\xff\0\1\0\1\0\0\0\1\0\0"
    ),
    lambda question: answer(question, record(NAME, "CNAME", b"\xc0\xff")),
    lambda question: answer(question, record(NAME, "CNAME", b"\x40a\0")),
]


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("tcp", [False, True])
@in_run
def test_an_answer_that_loops_or_lies_about_its_length_is_an_error(
    lie: Callable[[Question], bytes], tcp: bool
) -> None:
    with pytest.raises(BadAnswerError, match="cannot unmarshal DNS message"):
        ask(lie, tcp=tcp)


@given(st.binary(max_size=100), st.booleans(), st.sampled_from(["A", "SRV", "TXT"]))
def test_whatever_follows_the_head_it_is_an_answer_or_an_error(
    rest: bytes, tcp: bool, kind: str
) -> None:
    def script(question: Question) -> bytes:
        return header(question, QR, 1, 1, 1, 1) + question.section + rest

    def main() -> None:
        try:
            reply, _ = ask(script, kind, tcp=tcp)
        except BadAnswerError:
            return
        assert isinstance(reply, Reply)

    run(main)


@given(st.binary(max_size=60))
def test_whatever_comes_it_is_an_answer_or_passed_over(data: bytes) -> None:
    query = Query(NAME, "A", trust_ad=False)
    assert query.answered_by(data) in {True, False}
    assert not query.answered_by(b"\0\0" + data)


@given(st.integers(0, 60), st.integers(0, 255))
def test_a_byte_that_is_another_one_does_no_harm(position: int, value: int) -> None:
    query = Query(NAME, "A", trust_ad=False)
    question = dns_server.asked("udp", "", query.data, 0.0)
    data = bytearray(answer(question, target(NAME, "CNAME", "b."), address("b.", "192.0.2.1")))
    data[position % len(data)] = value
    if query.answered_by(bytes(data)):
        with suppress(BadAnswerError):
            assert isinstance(wire.parse(bytes(data)), Reply)


# ---- limits, errors, the end


@in_run
def test_each_way_has_the_whole_time() -> None:
    def script(question: Question) -> bytes:
        return answer(question, flags=RA | TC)

    begin = monotonic()
    _, scripted = ask(script)
    udp, tcp = (question.deadline for question in scripted.asked)
    assert begin + 5 <= udp < tcp <= monotonic() + 5


@in_run
def test_an_error_on_the_way_is_raised_and_the_connection_closed() -> None:
    with pytest.raises(OpError, match="on fire"):
        ask(lambda _: OpError("read", reason="socket on fire"))


@in_run
def test_a_cancelled_exchange_closes_its_connection() -> None:
    for turns in range(5):
        scripted = Scripted(lambda _: [b"no answer"] * 100)
        query = Query(NAME, "A", trust_ad=False)
        asking = go(exchange, scripted.dial, "", query, timeout=5, only_tcp=False)
        for _ in range(turns):
            gosched()
        asking.cancel()
        with pytest.raises(GoroutineCancelled):
            asking.join(5)
        assert scripted.open == 0


@in_run
def test_a_server_is_asked_by_tcp_over_the_network() -> None:
    query = Query(NAME, "A", trust_ad=False)
    with served(good) as server:
        assert exchange(net.dial, server, query, timeout=5, only_tcp=True).records == FOUND


@in_run
def test_a_server_that_sends_half_an_answer_is_waited_for_no_longer_than_allowed() -> None:
    with net.listen("tcp", f"{HOST}:0") as listener:

        def half() -> None:
            with listener.accept() as conn:
                conn.write(b"\xff\xffhalf")
                sleep(1)

        go(half)
        begin = monotonic()
        query = Query(NAME, "A", trust_ad=False)
        with pytest.raises(DeadlineExceeded):
            exchange(net.dial, str(listener.local_addr), query, timeout=0.05, only_tcp=True)
        assert 0.05 <= monotonic() - begin < 1


def test_an_answer_of_very_many_records_is_refused_unread() -> None:
    """Names that point into one another make each of them take a millisecond."""
    counts = struct.pack("!4H", 1, 1500, 300, 300)
    with pytest.raises(BadAnswerError, match="too many records"):
        wire.parse(b"\0\0\x80\0" + counts + b"\0" * 60_000)


@in_run
def test_while_a_long_answer_is_read_the_other_goroutines_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go_on = Event(), Event()

    def slow(data: bytes) -> Any:
        begun.set()
        assert go_on.wait(10)
        return data

    monkeypatch.setattr(wire, "parse", slow)
    reading = go(exchanging._parsed, bytes(5000))
    while not begun.is_set():
        sleep(0.001)
    go_on.set()  # nobody could, were the thread of this goroutine busy
    assert bytes(5000) == reading.join()  # type: ignore[comparison-overlap]
