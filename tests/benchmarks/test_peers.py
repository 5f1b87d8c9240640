"""The servers do what the load generator takes for granted."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from benchmarks.bench import Programs
from benchmarks.contenders import Contender
from benchmarks.peers import SERVERS
from tests.program import receive, receive_all, serving

CHUNK = bytes(range(256)) * 256
IN_PYTHON = [server for server in SERVERS if server.name not in ("limit", "go")]

Connect = Callable[[str], socket.socket]


@pytest.fixture(params=IN_PYTHON, ids=lambda peer: peer.name)
def connect(request: pytest.FixtureRequest, nothing_in_go: Programs) -> Iterator[Connect]:
    """Return what starts the peer's server in a mode and connects to it."""
    peer: Contender = request.param
    if reason := peer.missing(nothing_in_go):
        pytest.skip(reason)
    command = peer.command(nothing_in_go)
    assert command is not None
    assert command[0] == sys.executable
    with ExitStack() as ended:

        def connect(mode: str) -> socket.socket:
            server = ended.enter_context(serving(*command[1:], mode, "4096", *peer.last))
            return ended.enter_context(server.connect())

        yield connect


def test_echo_sends_back_every_byte_and_closes_when_the_client_does(connect: Connect) -> None:
    conn = connect("echo")
    message = CHUNK[:5000]
    conn.sendall(message)
    assert receive(conn, len(message)) == message
    conn.shutdown(socket.SHUT_WR)
    assert receive_all(conn) == b""


def test_sink_answers_with_the_number_of_bytes(connect: Connect) -> None:
    conn = connect("sink")
    conn.sendall(CHUNK * 3)
    conn.shutdown(socket.SHUT_WR)
    assert int.from_bytes(receive_all(conn), "big") == 3 * len(CHUNK)


def test_source_sends_the_same_bytes_over_and_over(connect: Connect) -> None:
    assert receive(connect("source"), 2 * len(CHUNK)) == CHUNK * 2
