import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import PATIENCE, Program, finished, receive, receive_all, serving

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "graceful_echo.py")


@pytest.fixture
def server() -> Iterator[Program]:
    with serving(EXAMPLE, "127.0.0.1:0", "30") as program:
        yield program


def last_line(server: Program) -> str:
    stdout, stderr = server.process.communicate(timeout=PATIENCE)
    assert (server.process.returncode, stderr) == (0, "")
    return str(stdout)


def until_closed(server: Program) -> None:
    """Return when nobody new is let in."""
    while True:
        try:
            server.connect().close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # it was in the queue
            continue


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_clients_are_served_to_their_end(server: Program, number: int) -> None:
    with server.connect() as first, server.connect() as second:
        for conn in (first, second):
            conn.sendall(b"x")
            assert receive(conn, 1) == b"x"
        server.process.send_signal(number)
        until_closed(server)
        first.sendall(b"still served")
        assert receive(first, 12) == b"still served"
        assert server.process.poll() is None
    end = last_line(server)
    assert f"signal=<Signals.{signal.Signals(number).name}: {number:d}>" in end
    assert end.endswith("finished=2, cancelled=0)\n")


def test_a_second_signal_ends_it_at_once(server: Program) -> None:
    with server.connect() as conn:
        conn.sendall(b"x")
        assert receive(conn, 1) == b"x"
        server.process.send_signal(signal.SIGTERM)
        until_closed(server)
        server.process.send_signal(signal.SIGTERM)
        assert receive_all(conn) == b""
        assert last_line(server).endswith("cancelled=1)\n")


def test_the_grace_has_an_end() -> None:
    with serving(EXAMPLE, "127.0.0.1:0", "0.1") as server, server.connect() as conn:
        conn.sendall(b"x")
        assert receive(conn, 1) == b"x"
        server.process.send_signal(signal.SIGTERM)
        assert receive_all(conn) == b""
        assert last_line(server).endswith("cancelled=1)\n")


def test_an_address_that_is_none_is_one_line() -> None:
    result = finished(EXAMPLE, "127.0.0.1")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "listen tcp: address 127.0.0.1: missing port in address\n"
