"""The load generator counts what it should, and finds out a server that is not honest."""

import json
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.driving import parse
from tests.benchmarks.loads import PATIENCE, Serve, run


def altered(alter: Callable[[bytes], bytes], honest: int) -> Serve:
    """Return an echo that is honest for so many bytes, and then is not."""

    def serve(conn: socket.socket) -> None:
        seen = 0
        while data := conn.recv(65536):
            conn.sendall(alter(data) if seen >= honest else data)
            seen += len(data)

    return serve


echo = altered(bytes, 0)


@pytest.mark.parametrize(
    "options",
    [
        "--connections 1 --requests 200",
        "--connections 20 --requests 400 --size 1024",
        "--connections 5 --requests 200 --depth 8 --spin 1",
        "--connections 2 --requests 20 --size 100003 --depth 3",
        "--connections 3 --requests 60 --slow 2 --interval-us 500",
    ],
)
def test_every_message_of_an_echo_is_counted_once(load: Path, options: str) -> None:
    done = run(load, "echo", echo, options)
    words = options.split()
    given = {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True)}
    assert (done.returncode, done.stderr) == (0, "")
    reading = parse(done.stdout)
    assert reading.operations == len(reading.latency) == given["--requests"]
    assert reading.bytes == given["--requests"] * given.get("--size", 64)


@pytest.mark.parametrize(
    ("alter", "complaint"),
    [
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "came back as"),
        (lambda data: data + b"!", "more came back"),
        (lambda data: data[:-2] + data[:-3:-1], "came back as"),
        (lambda _: b"", "closed by the server"),
    ],
    ids=["flips a bit", "adds a byte", "swaps two bytes", "swallows all and ends"],
)
def test_an_echo_that_is_not_the_message_ends_the_run(
    load: Path, alter: Callable[[bytes], bytes], complaint: str
) -> None:
    dishonest = altered(alter, honest=64 * 5)

    def serve(conn: socket.socket) -> None:
        if complaint.startswith("closed"):
            conn.sendall(conn.recv(65536))
            conn.recv(65536)
            conn.shutdown(socket.SHUT_WR)
            conn.recv(65536)
        else:
            dishonest(conn)

    done = run(load, "echo", serve, "--connections 2 --requests 100")
    assert done.returncode == 1
    assert complaint in done.stderr
    assert done.stdout == ""


def test_a_message_that_belongs_to_another_connection_is_found_out(load: Path) -> None:
    arrived: list[tuple[socket.socket, bytes]] = []
    both = threading.Barrier(2)

    def serve(conn: socket.socket) -> None:
        conn.sendall(conn.recv(64))
        arrived.append((conn, conn.recv(64)))
        both.wait(PATIENCE)
        conn.sendall(next(data for other, data in arrived if other is not conn))
        conn.recv(64)

    done = run(load, "echo", serve, "--connections 2 --requests 10")
    assert done.returncode == 1
    assert "came back as" in done.stderr


def test_cycles_are_whole_lives_of_connections(load: Path) -> None:
    accepted: list[None] = []

    def counted(conn: socket.socket) -> None:
        accepted.append(None)
        echo(conn)

    done = run(load, "cycle", counted, "--connections 3 --requests 30")
    assert (done.returncode, done.stderr) == (0, "")
    # Those that end together are counted together, and one more is under way on each.
    assert 30 <= parse(done.stdout).operations <= 30 + 2
    assert 30 <= len(accepted) <= 30 + 2 + 3


def count_to(answer: Callable[[int], int]) -> Serve:
    def serve(conn: socket.socket) -> None:
        total = 0
        while data := conn.recv(65536):
            total += len(data)
        conn.sendall(answer(total).to_bytes(8, "big"))

    return serve


def test_a_sink_has_to_tell_how_much_it_has_read(load: Path) -> None:
    honest = run(load, "sink", count_to(lambda total: total), "--seconds 0.02")
    assert (honest.returncode, honest.stderr) == (0, "")
    assert parse(honest.stdout).bytes > 0
    liar = run(load, "sink", count_to(lambda total: total - 1), "--seconds 0.02")
    assert liar.returncode == 1
    assert "read by the server" in liar.stderr


@pytest.mark.parametrize(("chunk", "status"), [(bytes(range(256)), 0), (bytes(range(255)), 1)])
def test_a_source_has_to_send_what_it_should(load: Path, chunk: bytes, status: int) -> None:
    def serve(conn: socket.socket) -> None:
        while True:
            conn.sendall(chunk * 100)

    done = run(load, "source", serve, "--seconds 0.02")
    assert done.returncode == status
    assert ("wrong bytes" in done.stderr) == bool(status)


def test_idle_connections_answer_when_they_are_let_go(load: Path) -> None:
    done = run(load, "idle", echo, "--connections 30")
    assert (done.returncode, done.stderr) == (0, "")
    first, last = done.stdout.splitlines()
    assert first == "open"
    assert json.loads(last) == {"operations": 30}


@pytest.mark.parametrize(
    "options", ["--port", "--port 0", "--port x", "--colour 1", "--port 1 --seconds -1", ""]
)
def test_nonsense_is_refused(load: Path, options: str) -> None:
    done = subprocess.run(
        [str(load), "echo", *options.split()], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
