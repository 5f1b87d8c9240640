"""The syslog receiver, and logger as its client."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syslog_receiver import FACILITIES, SEVERITIES, Message, parse, shown

from tests.clients import client
from tests.program import PATIENCE, Program, finished, serving

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "syslog_receiver.py")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Program]:
    with serving(EXAMPLE, str(tmp_path / "log")) as program:
        yield program


def logger(receiver: Program, *words: str, stdin: bytes = b"") -> None:
    """Log through the receiver's socket."""
    result = subprocess.run(
        [client("logger"), "--socket", receiver.address, "--socket-errors=on", *words],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")


def heard(receiver: Program) -> str:
    assert receiver.process.stdout is not None
    return receiver.process.stdout.readline().rstrip("\n")


def send(receiver: Program, *messages: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as conn:
        conn.settimeout(PATIENCE)
        for message in messages:
            conn.sendto(message, receiver.address)


HOST = socket.gethostname().partition(".")[0]


@pytest.mark.parametrize(
    ("words", "host"),
    [
        ((), ""),
        (("--rfc3164",), f"{HOST} "),
        (("--rfc5424",), f"{HOST} "),
        (("--rfc5424=notime,notq,nohost",), ""),
        (
            ("--rfc5424", "--sd-id", "x@1", "--sd-param", 'a="b \\" c"', "--msgid", "ID"),
            f"{HOST} ",
        ),
    ],
)
def test_logger_is_heard(receiver: Program, words: tuple[str, ...], host: str) -> None:
    logger(receiver, *words, "-t", "tool", "--id=42", "hello there: [you]")
    assert heard(receiver) == f"user.notice {host}tool[42]: hello there: [you]"


@pytest.mark.parametrize("form", ["--rfc3164", "--rfc5424"])
@pytest.mark.parametrize(
    "priority", ["kern.emerg", "mail.err", "daemon.info", "cron.debug", "local7.warning"]
)
def test_logger_says_how_urgent_it_is(receiver: Program, form: str, priority: str) -> None:
    # As root or not: through a socket, logger may log as the kernel, but then says user.
    logger(receiver, form, "-p", priority, "-t", "tool", "x")
    assert heard(receiver) == f"{priority.replace('kern', 'user')} {HOST} tool: x"


def test_logger_logs_what_it_reads(receiver: Program) -> None:
    lines = b"".join(b"<%d>line %d\n" % (n % 8 + 8, n) for n in range(100))
    logger(receiver, "--prio-prefix", "-t", "tool", stdin=lines)
    for n in range(100):
        assert heard(receiver) == f"user.{SEVERITIES[n % 8]} tool: line {n}"
    assert receiver.end() == (0, "")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
            "auth.crit mymachine su: 'su root' failed",
        ),
        (b"<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", "user.notice 10.0.0.99 Use the BFG!"),
        (b"<165>Aug 24 05:34:00 app[10]: what: else", "local4.notice app[10]: what: else"),
        (b"<0>app[]: x", "kern.emerg app: x"),
        (b"<191>x", "local7.debug x"),
        (b"<192>x", "user.notice <192>x"),
        (b"<013>x", "user.notice <013>x"),
        (b"<1000>x", "user.notice <1000>x"),
        (b"<>x", "user.notice <>x"),
        (b"<-1>x", "user.notice <-1>x"),
        (b"<1", "user.notice <1"),
        (b"", "user.notice"),
        (b"<14>", "user.info"),
        (b"just a text", "user.notice just a text"),
        (b"disk full: sda", "user.notice disk full: sda"),
        (b"<14>1", "user.info 1"),
        (b"<14>1 - - - - - -", "user.info"),
        (b"<14>1 - - - - - - ", "user.info"),
        (b"<14>1 - host app 7 id - \xef\xbb\xbfgr\xc3\xbcn", "user.info host app[7]: grün"),
        (b'<14>1 - - app - - [a@1 x="]"] y', 'user.info 1 - - app - - [a@1 x="]"] y'),
        (b'<14>1 - - app - - [a@1 x="\\]\\"\\\\"][b][c d=""] y', "user.info app: y"),
        (b'<14>1 - - app - - [a@1 x="1" y', 'user.info 1 - - app - - [a@1 x="1" y'),
        (b"<14>2 - - app - - - y", "user.info 2 - - app - - - y"),
        (b"two\nlines\n", "user.notice two\\nlines"),
        (b"\x1b[31mred\r\0end\0", "user.notice \\x1b[31mred\\r\\x00end"),
        (b"<14>a\x9b: \xff\xfe \xe2\x80\xae\xc2\x85", "user.info a\\x9b: \\xff\\xfe \\u202e\\x85"),
    ],
)
def test_any_bytes_are_one_line(receiver: Program, data: bytes, line: str) -> None:
    send(receiver, data, b"<14>end: of it")
    assert heard(receiver) == line
    assert heard(receiver) == "user.info end: of it"
    assert receiver.end() == (0, "")


@given(st.binary())
def test_whatever_comes_is_a_line_that_can_be_printed(data: bytes) -> None:
    for front in (b"", b"<14>", b"<14>1 - - - - - ", b"Nov 21 08:00:00 "):
        line = shown(parse(front + data))
        assert line.isprintable()
        assert line.partition(" ")[0].partition(".")[0] in FACILITIES


def test_each_priority_has_its_name() -> None:
    names = {shown(parse(b"<%d>x" % n)) for n in range(192)}
    assert names == {f"{f}.{s} x" for f in FACILITIES for s in SEVERITIES}
    assert parse(b"<187>x") == Message(187, b"", b"", b"", b"x")
    assert shown(parse(b"<187>x")) == "local7.err x"


@pytest.mark.parametrize(
    "data",
    [
        b"<14>1 - - - - - " + b'[a b="' * 10_000,
        b"<14>1 - - - - - [a" + b' b="' * 10_000,
        b"<14>1 - - - - - " + b"[a]" * 20_000 + b"x",
        b"<14>1 " + b"x" * 60_000,
        b"<14>" + b"x" * 60_000,
        b"<14>" + b"x[" * 30_000,
        b"Nov 21 08:00:00 " + b"x:" * 30_000,
        b"Nov 21 08:00:00 " + b"x " * 30_000,
    ],
)
def test_no_message_takes_long(data: bytes) -> None:
    began = time.process_time()
    parse(data)
    assert time.process_time() - began < 1  # a regular expression that tries all ways takes hours


def test_a_long_message_is_cut_off(receiver: Program) -> None:
    send(receiver, b"<14>app: " + b"x" * 70_000, b"next")
    assert heard(receiver) == "user.info app: " + "x" * (65_536 - 9)
    assert heard(receiver) == "user.notice next"


def test_nothing_is_lost_while_nobody_reads_what_is_printed(receiver: Program) -> None:
    """Log more than the pipe and the socket hold together: who logs waits."""
    lines = b"".join(b"%d %b\n" % (n, b"x" * 100) for n in range(3000))
    feeder = Thread(target=logger, args=(receiver, "-t", "tool"), kwargs={"stdin": lines})
    feeder.start()
    try:
        feeder.join(0.5)
        assert feeder.is_alive()
        for n in range(3000):
            assert heard(receiver) == f"user.notice tool: {n} {'x' * 100}"
    finally:
        feeder.join()


def test_the_socket_is_removed_at_the_end_and_only_then(receiver: Program) -> None:
    path = Path(receiver.address)
    assert path.is_socket()
    again = finished(EXAMPLE, str(path))
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"listen unixgram {path}: address already in use\n"
    assert path.is_socket()
    assert receiver.end() == (0, "")
    assert not path.exists()


@pytest.mark.parametrize("path", ["/nowhere/log", "/" + "x" * 200])
def test_a_path_that_cannot_be_is_one_line(path: str) -> None:
    result = finished(EXAMPLE, path)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert path in result.stderr
