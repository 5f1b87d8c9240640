"""The servers of datagrams do what the load generator takes for granted."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from benchmarks.bench import Programs
from benchmarks.contenders import Contender
from benchmarks.peers.datagrams import RECEIVERS
from tests.program import PATIENCE, serving

SIZE = 64
IN_PYTHON = [server for server in RECEIVERS if server.name != "go"]

Connect = Callable[[str], socket.socket]


@pytest.fixture(params=IN_PYTHON, ids=lambda peer: peer.name)
def connect(request: pytest.FixtureRequest, nothing_in_go: Programs) -> Iterator[Connect]:
    """Return what starts the peer's server in a mode, and a socket connected to it."""
    peer: Contender = request.param
    if reason := peer.missing(nothing_in_go):
        pytest.skip(reason)
    command = peer.command(nothing_in_go)
    assert command is not None
    assert command[0] == sys.executable
    with ExitStack() as ended:

        def connect(mode: str) -> socket.socket:
            server = ended.enter_context(serving(*command[1:], mode, str(SIZE), *peer.last))
            sock = ended.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.settimeout(PATIENCE)
            sock.connect(("127.0.0.1", server.port))
            return sock

        yield connect


def test_every_datagram_is_sent_back_by_itself(connect: Connect) -> None:
    sock = connect("echo")
    datagrams = [bytes([number]) * (number + 1) for number in range(100)]
    for datagram in datagrams:
        sock.send(datagram)
    assert sorted(sock.recv(2048) for _ in datagrams) == sorted(datagrams)


def test_those_of_full_size_are_counted_and_any_other_one_asks_how_many(connect: Connect) -> None:
    sock = connect("flood")
    expected = 0
    for number, question in ((0, b"?"), (100, b"a"), (1, b"b"), (0, b"c")):
        for _ in range(number):
            sock.send(b"x" * SIZE)
        sock.send(question)
        expected += number
        assert sock.recv(2048) == expected.to_bytes(8, "big") + question
