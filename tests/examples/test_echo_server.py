import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import Program, finished, receive, reset, serving

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "echo_server.py")


@pytest.fixture
def server() -> Iterator[Program]:
    with serving(EXAMPLE, "127.0.0.1:0") as program:
        yield program


def test_it_sends_back_what_it_gets(server: Program) -> None:
    with server.connect() as first, server.connect() as second:
        first.sendall(b"one")
        second.sendall(b"two")
        assert receive(first, 3) == b"one"
        assert receive(second, 3) == b"two"


def test_a_reset_is_no_news_to_anybody_else(server: Program) -> None:
    victim = server.connect()
    victim.sendall(b"x" * 100_000)
    reset(victim)
    with server.connect() as bystander:
        bystander.sendall(b"still here")
        assert receive(bystander, 10) == b"still here"
    assert server.end() == (0, "")


def test_ctrl_c_ends_it_with_status_0_although_clients_are_connected(server: Program) -> None:
    with server.connect() as conn:
        conn.sendall(b"x")
        assert receive(conn, 1) == b"x"
        assert server.end() == (0, "")
        assert conn.recv(1) == b""


def test_a_port_in_use_is_told(server: Program) -> None:
    second = finished(EXAMPLE, server.address)
    assert second.returncode == 1
    assert second.stderr == f"listen tcp {server.address}: address already in use\n"


def test_sigterm_ends_it_in_order_although_all_is_parked(server: Program) -> None:
    with server.connect() as conn:
        conn.sendall(b"x")
        assert receive(conn, 1) == b"x"
        assert server.end(signal.SIGTERM) == (0, "")
        assert conn.recv(1) == b""


def test_an_address_that_is_none_is_one_line() -> None:
    result = finished(EXAMPLE, "127.0.0.1")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "listen tcp: address 127.0.0.1: missing port in address\n"
