"""The DNS forwarder, and dig as its client."""

import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns_forwarder
import pytest
from dns_forwarder import Query
from hypothesis import given
from hypothesis import strategies as st

from tests.clients import client
from tests.net.dns_server import (
    KINDS,
    QR,
    RA,
    RD,
    REFUSED,
    SERVFAIL,
    TC,
    Question,
    Reaction,
    Script,
    address,
    answer,
    edns,
    known,
    name,
    served,
    txt,
)
from tests.program import PATIENCE, Program, finished, receive, receive_all, reset, serving

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "dns_forwarder.py")
NOTIMP, FORMERR = 4, 1
HOST_A = address("host.test.", "192.0.2.7")
LONG = txt("long.test.", *[b"%d" % n * 20 for n in range(100, 160)])


def truncating(question: Question) -> Reaction:
    """Answer as name servers do: a long answer not by datagram, unless there is room."""
    whole = answer(question, LONG)
    room = 1232 if len(question.data) > 12 + len(question.section) else 512
    if question.network == "udp" and len(whole) > room:
        return answer(question, flags=RA | TC)
    return whole


@contextmanager
def forwarding(script: Script) -> Iterator[Program]:
    """Start a forwarder to a name server that answers by that script."""
    with served(script) as server, serving(EXAMPLE, server, "127.0.0.1:0") as program:
        yield program


@pytest.fixture
def forwarder() -> Iterator[Program]:
    with forwarding(known(("host.test.", "A", HOST_A), ("host.test.", "TXT", LONG))) as program:
        yield program


def dig(forwarder: Program, *words: str) -> str:
    """Return what dig prints."""
    command = [client("dig"), "-r", "@127.0.0.1", "-p", str(forwarder.port)]
    result = subprocess.run(
        [*command, "+tries=1", f"+time={int(PATIENCE)}", *words],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    return result.stdout


def query(
    text: str = "host.test.", kind: int = KINDS["A"], *, number: int = 77, flags: int = RD
) -> bytes:
    head = struct.pack("!HHHHHH", number, flags, 1, 0, 0, 0)
    return head + name(text) + struct.pack("!HH", kind, 1)


@contextmanager
def asking(forwarder: Program) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as conn:
        conn.settimeout(PATIENCE)
        conn.connect(("127.0.0.1", forwarder.port))
        yield conn


def ask(forwarder: Program, message: bytes) -> bytes:
    with asking(forwarder) as conn:
        conn.send(message)
        return conn.recv(65535)


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


def rcode(message: bytes) -> int:
    return message[3] & 15


@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
@pytest.mark.parametrize("how", ["+edns=0", "+noedns"])
def test_dig_gets_an_address(forwarder: Program, way: str, how: str) -> None:
    assert dig(forwarder, way, how, "+short", "host.test", "A") == "192.0.2.7\n"
    assert forwarder.end() == (0, "")


@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
def test_dig_is_told_that_there_is_no_such_name(forwarder: Program, way: str) -> None:
    printed = dig(forwarder, way, "nobody.test", "A")
    assert "status: NXDOMAIN" in printed
    assert "ANSWER: 0" in printed


def test_dig_comes_again_by_tcp_for_what_is_too_long() -> None:
    with forwarding(truncating) as forwarder:
        printed = dig(forwarder, "+noedns", "long.test", "TXT")
        assert ";; Truncated, retrying in TCP mode." in printed
        assert '"159159' in printed
        printed = dig(forwarder, "+noedns", "+ignore", "long.test", "TXT")
        assert "flags: qr tc ra;" in printed
        assert "ANSWER: 0" in printed


@pytest.mark.parametrize(
    ("how", "fits"), [("+noedns", False), ("+bufsize=1232", False), ("+bufsize=4096", True)]
)
def test_what_does_not_fit_is_cut_here_too(forwarder: Program, how: str, *, fits: bool) -> None:
    # This server sends more than it was told that there is room for.
    printed = dig(forwarder, how, "+ignore", "host.test", "TXT")
    assert ("flags: qr tc rd ra;" in printed) is not fits
    assert ('"159159' in printed) is fits
    assert '"159159' in dig(forwarder, how, "host.test", "TXT")


def test_dig_asks_several_questions_over_one_connection(forwarder: Program) -> None:
    several = ["host.test", "A", "nobody.test", "A", "host.test", "A"]
    printed = dig(forwarder, "+tcp", "+keepopen", *several)
    assert printed.count("192.0.2.7") == 2
    assert printed.count("status: NXDOMAIN") == 1


@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
def test_dig_is_told_that_the_server_is_gone(way: str) -> None:
    with served(known()) as server:
        pass
    with serving(EXAMPLE, server, "127.0.0.1:0") as forwarder:
        assert "status: SERVFAIL" in dig(forwarder, way, "host.test", "A")
        assert forwarder.end() == (0, "")


def test_the_id_and_the_spelling_are_the_clients_own() -> None:
    seen = []

    def shouting(question: Question) -> bytes:
        """Answer in letters of the server's own choice, as some do."""
        seen.append(question.id)
        loud = question.section.upper()[:-4] + question.section[-4:]
        return answer(question, HOST_A).replace(question.section, loud)

    with forwarding(shouting) as forwarder:
        for _ in range(20):
            heard = ask(forwarder, query("hOsT.test."))
            assert struct.unpack_from("!HH", heard) == (77, QR | RA)
            assert heard.endswith(HOST_A)
    # By chance two of 20 are the same once in 350 times, three once in some millions.
    assert len(set(seen)) >= 18


def other_type(question: Question) -> bytes:
    return answer(question._replace(kind="TXT"), HOST_A)


def other_name(question: Question) -> bytes:
    return answer(question._replace(name="evil.test."), HOST_A)


def other_id(question: Question) -> bytes:
    return answer(question._replace(id=question.id ^ 1), HOST_A)


def no_answer(question: Question) -> bytes:
    return question.data


def no_question(question: Question) -> bytes:
    return struct.pack("!HHHHHH", question.id, QR, 0, 1, 0, 0) + HOST_A


def other_operation(question: Question) -> bytes:
    return answer(question, HOST_A, flags=RA | 0x2800)


def cut_off(question: Question) -> bytes:
    return answer(question)[: 12 + len(question.section) - 1]


FORGERIES = [other_type, other_name, other_id, no_answer, no_question, other_operation, cut_off]


@pytest.mark.parametrize("forged", [*FORGERIES, lambda _: b"", lambda _: b"\xff" * 30])
def test_a_datagram_that_does_not_answer_is_passed_over(forged: Script) -> None:
    def script(question: Question) -> list[bytes]:
        wrong = forged(question)
        assert isinstance(wrong, bytes)
        return [wrong, answer(question, address("host.test.", "192.0.2.1"))]

    with forwarding(script) as forwarder:
        assert dig(forwarder, "+short", "host.test", "A") == "192.0.2.1\n"


@pytest.mark.parametrize("forged", [*FORGERIES, lambda _: b"", lambda _: b"\xff" * 30])
def test_a_stream_that_does_not_answer_is_a_failure(forged: Script) -> None:
    with forwarding(forged) as forwarder:
        assert "status: SERVFAIL" in dig(forwarder, "+tcp", "host.test", "A")


def test_what_comes_from_another_port_is_passed_over() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        server.settimeout(PATIENCE)
        server.bind(("127.0.0.1", 0))
        stranger.bind(("127.0.0.1", 0))
        known_as = "{}:{}".format(*server.getsockname())
        with serving(EXAMPLE, known_as, "127.0.0.1:0") as forwarder, asking(forwarder) as conn:
            conn.send(query())
            asked, whence = server.recvfrom(65535)
            right = asked[:2] + struct.pack("!H", QR) + asked[4:]
            stranger.sendto(right + b"forged", whence)
            server.sendto(right + b"true", whence)
            assert conn.recv(65535).endswith(b"true")


def test_a_question_that_is_lost_is_asked_again() -> None:
    seen = []

    def script(question: Question) -> bytes | None:
        seen.append(question.id)
        return answer(question, HOST_A) if len(seen) > 1 else None

    with forwarding(script) as forwarder:
        assert dig(forwarder, "+short", "host.test", "A") == "192.0.2.7\n"
        assert len(seen) == 2


def test_a_server_that_is_silent_is_a_failure_and_holds_up_nobody() -> None:
    def script(question: Question) -> bytes | None:
        return answer(question, HOST_A) if question.name == "host.test." else None

    with forwarding(script) as forwarder, asking(forwarder) as conn:
        began = time.monotonic()
        conn.send(query("silent.test."))
        assert rcode(ask(forwarder, query())) == 0
        assert time.monotonic() - began < dns_forwarder.PATIENCE
        assert rcode(conn.recv(65535)) == SERVFAIL
        assert time.monotonic() - began > dns_forwarder.PATIENCE * dns_forwarder.TRIES - 0.1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (query(flags=RD | 0x1000), NOTIMP),  # STATUS
        (query(flags=0x2800), NOTIMP),  # UPDATE
        (query(kind=252), REFUSED),  # AXFR
        (query(kind=251), REFUSED),  # IXFR
        (query()[:-1], FORMERR),
        (query()[:14], FORMERR),
        (query()[:12], FORMERR),
        (struct.pack("!HHHHHH", 77, RD, 0, 0, 0, 0), FORMERR),
        (struct.pack("!HHHHHH", 77, RD, 2, 0, 0, 0) + query()[12:] * 2, FORMERR),
        (struct.pack("!HHHHHH", 77, RD, 1, 0, 0, 1) + query()[12:], FORMERR),
        (struct.pack("!HHHHHH", 77, RD, 1, 0, 0, 9) + query()[12:] + b"\0" * 11, FORMERR),
        (query()[:12] + b"\xc0\x0c\0\1\0\1", FORMERR),  # a name that points to itself
        (query()[:12] + b"\x40" + b"x" * 64 + b"\0\0\1\0\1", FORMERR),
        (query(".".join(["x" * 63] * 4)), FORMERR),
    ],
)
def test_what_is_no_question_is_answered_with_the_reason(
    forwarder: Program, message: bytes, code: int
) -> None:
    heard = ask(forwarder, message)
    number, flags = struct.unpack_from("!HH", heard)
    assert (number, flags & ~0x7900, len(heard) <= len(message)) == (77, QR | code, True)
    assert flags & 0x7900 == struct.unpack_from("!H", message, 2)[0]
    assert ask(forwarder, query()).endswith(HOST_A)
    assert forwarder.end() == (0, "")


@pytest.mark.parametrize("message", [b"", b"\0", query()[:11], query(flags=QR | RD), b"\xff" * 500])
def test_what_is_none_at_all_gets_no_answer(forwarder: Program, message: bytes) -> None:
    with asking(forwarder) as conn:
        conn.send(message)
        conn.send(query())
        assert conn.recv(65535).endswith(HOST_A)
        conn.settimeout(0)
        with pytest.raises(BlockingIOError):
            conn.recv(65535)
    with forwarder.connect() as stream:
        stream.sendall(framed(message) + framed(query()))
        assert receive_all(stream) == b""
    assert forwarder.end() == (0, "")


def test_a_stream_may_come_byte_by_byte_and_several_questions_at_once(forwarder: Program) -> None:
    with forwarder.connect() as conn:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in framed(query(number=1)):
            conn.sendall(bytes([byte]))
        conn.sendall(framed(query(number=2)) + framed(query(kind=252, number=3)))
        for number, code in [(1, 0), (2, 0), (3, REFUSED)]:
            heard = receive(conn, int.from_bytes(receive(conn, 2), "big"))
            assert (heard[:2], rcode(heard)) == (number.to_bytes(2, "big"), code)


@pytest.mark.parametrize("cut", [1, 2, 3, 20])
def test_who_goes_in_the_midst_of_a_question_is_no_news(forwarder: Program, cut: int) -> None:
    with forwarder.connect() as conn:
        conn.sendall(framed(query())[:cut])
        conn.shutdown(socket.SHUT_WR)
        assert receive_all(conn) == b""
    conn = forwarder.connect()
    conn.sendall(framed(query())[:cut])
    reset(conn)
    assert ask(forwarder, query()).endswith(HOST_A)
    assert forwarder.end() == (0, "")


@given(st.binary(max_size=80), st.integers(0, 0xFFFF))
def test_any_bytes_are_a_question_or_none(data: bytes, flags: int) -> None:
    message = struct.pack("!HHHHHH", 1, flags, 1, 0, 0, 1) + data
    try:
        asked = Query(message)
    except ValueError:
        assert flags & QR
        return
    assert asked.error in (0, FORMERR, NOTIMP, REFUSED)
    assert 12 <= asked.end <= len(message)
    assert not asked.answered_by(message, 1)
    assert len(asked.reply(asked.error)) <= len(message)


@given(st.binary(max_size=80))
def test_no_bytes_answer_a_question_but_those_that_repeat_it(data: bytes) -> None:
    asked = Query(query())
    assert not asked.answered_by(data, 77)
    assert not asked.answered_by(struct.pack("!HHH", 78, QR, 1) + query()[6:] + data, 77)
    assert asked.answered_by(struct.pack("!HHH", 78, QR, 1) + query()[6:] + data, 78)


def test_room_is_what_the_client_says_but_never_less_than_512() -> None:
    counted = struct.pack("!HHHHHH", 1, RD, 1, 0, 0, 1) + query()[12:]
    for size, room in [(0, 512), (512, 512), (513, 513), (4096, 4096), (65535, 65535)]:
        record = b"\0" + struct.pack("!HHIH", 41, size, 0, 0)
        assert Query(counted + record).room == room
    assert Query(counted + edns()).room == 1232
    assert Query(query()).room == 512


def test_ctrl_c_ends_it_with_status_0_although_clients_are_connected(forwarder: Program) -> None:
    with forwarder.connect() as conn:
        conn.sendall(framed(query()))
        assert receive(conn, 2)
        assert forwarder.end() == (0, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["127.0.0.1"], "address 127.0.0.1: missing port in address\n"),
        (["127.0.0.1:53", "127.0.0.1"], "listen tcp: address 127.0.0.1: missing port in address\n"),
    ],
)
def test_an_address_that_is_none_is_one_line(words: list[str], said: str) -> None:
    result = finished(EXAMPLE, *words)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", said)
