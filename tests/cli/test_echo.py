import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import pytest

from tests.program import (
    NETPOLL,
    PATIENCE,
    Program,
    finished,
    open_files,
    receive,
    receive_all,
    reset,
    serving,
)

ECHO = (*NETPOLL, "echo", "--listen", "127.0.0.1:0")


@pytest.fixture
def server() -> Iterator[Program]:
    with serving(*ECHO) as program:
        yield program


def ask(conn: socket.socket, message: bytes) -> bytes:
    conn.sendall(message)
    return receive(conn, len(message))


def fill(conn: socket.socket) -> None:
    """Send until no buffer on the way takes any more."""
    conn.settimeout(0.5)
    with suppress(TimeoutError):
        while True:
            conn.send(bytes(1 << 16))


def test_every_byte_comes_back(server: Program) -> None:
    with server.connect() as conn:
        assert ask(conn, bytes(range(256))) == bytes(range(256))


def test_port_0_is_a_free_port_which_is_announced(server: Program) -> None:
    assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d*", server.address)


def test_each_of_many_clients_gets_its_own_bytes(server: Program) -> None:
    conns = [server.connect() for _ in range(100)]
    for number, conn in enumerate(conns):
        conn.sendall(b"client %d" % number)
    for number, conn in enumerate(conns):
        with conn:
            expected = b"client %d" % number
            assert receive(conn, len(expected)) == expected


def test_a_client_that_ends_its_stream_still_gets_all_of_it_back(server: Program) -> None:
    message = os.urandom(1 << 20)
    with server.connect() as conn:

        def send() -> None:
            conn.sendall(message)
            conn.shutdown(socket.SHUT_WR)

        sender = Thread(target=send)
        sender.start()
        received = receive_all(conn)
        sender.join()
    assert received == message


def test_a_reset_is_no_news_to_anybody_else(server: Program) -> None:
    with server.connect() as bystander:
        victim = server.connect()
        ask(victim, b"x")
        victim.sendall(b"never read back" * 1000)
        reset(victim)
        assert ask(bystander, b"still here") == b"still here"
    assert server.end() == (0, "")


def test_a_client_that_never_reads_holds_up_nobody(server: Program) -> None:
    with server.connect() as deaf, server.connect() as bystander:
        fill(deaf)
        assert ask(bystander, b"hello") == b"hello"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_status_0_when_asked_to(server: Program, number: signal.Signals) -> None:
    assert server.end(number) == (0, "")


def test_it_ends_although_clients_are_connected(server: Program) -> None:
    with server.connect() as idle, server.connect() as used:
        ask(used, b"hello")
        assert server.end() == (0, "")
        assert idle.recv(1) == b""
        assert used.recv(1) == b""


def test_the_port_can_be_used_again_at_once(server: Program) -> None:
    with server.connect() as conn:
        ask(conn, b"hello")
        server.end()
    with serving(*NETPOLL, "echo", "--listen", server.address) as again:
        assert again.address == server.address


def test_it_ends_with_standard_input_if_asked_to() -> None:
    with serving(*ECHO, "--until-eof", stdin=subprocess.PIPE) as server:
        with server.connect() as conn:
            assert ask(conn, b"hello") == b"hello"
        _, stderr = server.process.communicate(timeout=PATIENCE)
        assert (server.process.returncode, stderr) == (0, "")


def test_a_port_in_use_is_one_line_and_status_1(server: Program) -> None:
    second = finished(*NETPOLL, "echo", "--listen", server.address)
    assert second.stderr == f"netpoll: listen tcp {server.address}: address already in use\n"
    assert (second.returncode, second.stdout) == (1, "")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.0.0.1:99999", "127.0.0.1:-1", "::1:80", "192.0.2.1:0"]
)
def test_an_address_that_is_none_is_one_line_and_status_1(address: str) -> None:
    result = finished(*NETPOLL, "echo", "--listen", address)
    assert re.fullmatch(rf"netpoll: .*{re.escape(address)}.*: .+\n", result.stderr)
    assert (result.returncode, result.stdout) == (1, "")


def test_it_goes_on_when_the_reader_of_its_output_has_left(server: Program) -> None:
    assert server.process.stdout is not None
    server.process.stdout.close()
    with server.connect() as conn:
        assert ask(conn, b"hello") == b"hello"
    server.process.send_signal(signal.SIGINT)
    assert server.process.stderr is not None
    assert server.process.stderr.read() == ""
    assert server.process.wait(PATIENCE) == 0


def test_it_fails_in_silence_when_nobody_can_read_where_it_listens() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        result = subprocess.run(
            [sys.executable, *ECHO],
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (result.returncode, result.stderr) == (1, "")


def test_it_takes_as_many_clients_as_the_hard_limit_allows() -> None:
    with serving(*ECHO, prefix=open_files(soft=32, hard=256)) as server:
        conns = [server.connect() for _ in range(100)]
        for conn in conns:
            assert ask(conn, b"hello") == b"hello"
            conn.close()
        assert server.end() == (0, "")
