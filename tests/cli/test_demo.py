import os
import re
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from tests.program import NETPOLL, PATIENCE, finished, open_files, receive, serving, started

DEMO = (*NETPOLL, "demo")
SMALL = ("--connections", "20", "--seconds", "0.5")

Answer = Callable[[bytes], bytes]


def table(stdout: str) -> dict[str, str]:
    """Return the rows of a plain table, without the title."""
    return dict(re.split(r" {2,}", line, maxsplit=1) for line in stdout.splitlines()[1:])


def number(text: str) -> int:
    return int(text.split(maxsplit=1)[0].rstrip(",").replace(",", ""))


@contextmanager
def answering(answer: Answer, size: int = 64) -> Iterator[str]:
    """Serve on threads: what `answer` makes of each message, and the stream's end if nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def converse(conn: socket.socket) -> None:
            with suppress(OSError), conn:
                while (message := receive(conn, size)) and (data := answer(message)):
                    conn.sendall(data)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

        thread = Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def from_the_hundredth(answer: Answer) -> Answer:
    """Echo 99 messages before answering otherwise."""
    count = 0

    def answer_later(message: bytes) -> bytes:
        nonlocal count
        count += 1
        return message if count < 100 else answer(message)

    return answer_later


def flip_byte_12(message: bytes) -> bytes:
    return message[:12] + bytes([message[12] ^ 1]) + message[13:]


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ends(pidfd: int) -> bool:
    """Tell whether the process ends before our patience does."""
    try:
        return bool(select.select([pidfd], [], [], PATIENCE)[0])
    finally:
        os.close(pidfd)


def test_the_table_tells_what_was_measured() -> None:
    result = finished(*DEMO, *SMALL)
    rows = table(result.stdout)
    assert (result.returncode, list(rows)) == (
        0,
        [
            "connections",
            "messages",
            "bytes compared",
            "messages per second",
            "latency p50",
            "latency p99",
            "latency p99.9",
            "server CPU per message",
            "server memory per connection",
        ],
    )
    assert rows["connections"] == "20"
    assert number(rows["messages"]) >= 20
    assert rows["bytes compared"] == f"{64 * number(rows['messages']):,}, none wrong"
    assert number(rows["messages per second"]) > 0
    assert all(re.fullmatch(r"[\d.]+ (us|ms|s)", rows[f"latency p{n}"]) for n in (50, 99, 99.9))
    assert re.fullmatch(r"[\d.]+ (us|ms)", rows["server CPU per message"])
    assert re.fullmatch(r"-?[\d.]+ KiB", rows["server memory per connection"])


def test_what_moves_stays_out_of_pipes() -> None:
    result = finished(*DEMO, *SMALL)
    assert re.fullmatch(
        r"connecting to 127\.0\.0\.1:\d+\nechoing 64-byte messages\n", result.stderr
    )
    assert "\r" not in result.stdout + result.stderr
    assert "\x1b" not in result.stdout + result.stderr


@pytest.mark.parametrize("size", [1, 65536])
def test_messages_of_any_size_come_back(size: int) -> None:
    result = finished(*DEMO, *SMALL, "--size", str(size))
    assert (result.returncode, number(table(result.stdout)["messages"]) >= 20) == (0, True)


def test_another_server_can_be_driven_whose_cost_is_unknown() -> None:
    with serving(*NETPOLL, "echo", "--listen", "127.0.0.1:0") as server:
        result = finished(*DEMO, *SMALL, "--address", server.address)
    rows = table(result.stdout)
    assert result.returncode == 0
    assert rows["server CPU per message"] == rows["server memory per connection"] == "n/a"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (flip_byte_12, r"byte 12 of 64: sent 0x[\da-f]{2}, received 0x[\da-f]{2}"),
        (lambda message: message[:-1], r"63 of 64 bytes came back, then nothing more"),
        (lambda message: message[1:], r"byte 0 of 64: sent 0x.., received 0x.."),
        (lambda message: message + b"!", r"more bytes came back than the 64 that were sent"),
        (lambda _: b"", r"(0 of 64 bytes came back, then the connection's end|.*reset by peer)"),
    ],
    ids=["wrong", "last one missing", "first one missing", "one too many", "all missing"],
)
def test_one_bad_byte_is_status_1_and_its_place(answer: Answer, complaint: str) -> None:
    with answering(from_the_hundredth(answer)) as address:
        result = finished(
            *DEMO, "--connections", "5", "--seconds", "1", "--timeout", "0.5", "--address", address
        )
    assert result.returncode == 1
    assert re.search(
        rf"^netpoll: connection [1-5], message \d+: {complaint}$", result.stderr, re.MULTILINE
    )
    assert table(result.stdout)["bytes compared"].endswith("then a failure")


def test_a_server_that_is_wrong_from_the_start_is_seen() -> None:
    with answering(flip_byte_12) as address:
        result = finished(*DEMO, *SMALL, "--address", address)
    assert result.returncode == 1
    assert "netpoll: connection 0, message 1: byte 12 of 64" in result.stderr


def test_nobody_at_the_address_is_one_line_and_status_1() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # but does not listen
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        result = finished(*DEMO, "--address", address)
    assert result.returncode == 1
    assert result.stderr.endswith(f"\nnetpoll: dial tcp {address}: connection refused\n")
    assert result.stdout == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:99999", "::1:80"])
def test_an_address_that_is_none_is_one_line_and_nothing_is_begun(address: str) -> None:
    result = finished(*DEMO, "--address", address)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"netpoll: address {address}: ")
    assert result.stderr.count("\n") == 1


def test_the_help_says_what_the_timeout_is_for() -> None:
    text = " ".join(finished(*DEMO, "--help").stdout.split())
    assert "how long a connection may take to open, and the last answers to come" in text


@contextmanager
def running(*prefix: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a demo that goes on for a long time, and wait until it exchanges messages."""
    command = (*DEMO, "--connections", "20", "--seconds", "600")
    with started(*command, prefix=prefix) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("echoing"):
            pass
        yield process


def test_ctrl_c_ends_both_processes_and_shows_what_was_done() -> None:
    with running() as demo:
        (server,) = children(demo.pid)
        pidfd = os.pidfd_open(server)
        demo.send_signal(signal.SIGINT)
        stdout, stderr = demo.communicate(timeout=PATIENCE)
        assert (demo.returncode, stderr) == (130, "")
        assert stdout.splitlines()[0].endswith(", interrupted")
        assert table(stdout)["bytes compared"].endswith("none wrong")
        assert ends(pidfd)


def test_ctrl_c_is_heeded_although_it_was_ignored_at_the_start() -> None:
    with running("sh", "-c", 'trap "" INT && exec "$@"', "sh") as demo:
        demo.send_signal(signal.SIGINT)
        stdout, stderr = demo.communicate(timeout=PATIENCE)
        assert (demo.returncode, stderr) == (130, "")
        assert stdout.splitlines()[0].endswith(", interrupted")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_demo_that_is_killed_leaves_no_server_behind(number: signal.Signals) -> None:
    with running() as demo:
        (server,) = children(demo.pid)
        pidfd = os.pidfd_open(server)
        demo.send_signal(number)
        assert ends(pidfd)


def test_a_server_that_is_killed_is_a_failure() -> None:
    with running() as demo:
        (server,) = children(demo.pid)
        os.kill(server, signal.SIGKILL)
        _, stderr = demo.communicate(timeout=PATIENCE)
        assert demo.returncode == 1
        assert re.search(r"^netpoll: connection \d+, message \d+: ", stderr, re.MULTILINE)


def test_a_server_that_does_not_start_is_status_1() -> None:
    code = "import sys; sys.executable = '/bin/false'; from netpoll.cli import main; main(['demo'])"
    result = finished("-c", f"{code} and sys.exit(1)")
    assert "server process ended with status 1 before it listened" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_low_soft_limit_of_open_files_is_raised() -> None:
    prefix = open_files(soft=32, hard=256)
    result = finished(*DEMO, "--connections", "100", "--seconds", "0.2", prefix=prefix)
    assert (result.returncode, table(result.stdout)["connections"]) == (0, "100")


def test_a_low_hard_limit_means_fewer_connections_than_usual() -> None:
    result = finished(*DEMO, "--seconds", "0.2", prefix=open_files(soft=64, hard=64))
    assert (result.returncode, table(result.stdout)["connections"]) == (0, "32")
    assert "netpoll: 32 connections instead of 1,000" in result.stderr


def test_more_connections_than_files_may_be_open_is_status_1() -> None:
    prefix = open_files(soft=64, hard=64)
    result = finished(*DEMO, "--connections", "100", prefix=prefix)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("netpoll: no room for 100 connections: ")
    assert "allows 32" in result.stderr
    result = finished(*DEMO, "--connections", "1234567", prefix=open_files(soft=64, hard=2064))
    assert result.stderr.startswith("netpoll: no room for 1,234,567 connections: ")
    assert "allows 2,032" in result.stderr
