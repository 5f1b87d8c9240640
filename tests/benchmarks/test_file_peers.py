"""The senders of files send all of a file, once for each connection."""

import socket
import sys
from pathlib import Path

import pytest

from benchmarks.bench import Programs
from benchmarks.contenders import Contender
from benchmarks.peers.files import SENDERS
from benchmarks.scenarios.sendfile import file_of
from tests.program import receive_all, serving

MIB = 1 << 20
IN_PYTHON = [sender for sender in SENDERS if sender.name != "go"]


def test_a_file_holds_what_the_load_generator_expects_and_is_gone_afterwards() -> None:
    with file_of(3 * MIB) as path:
        assert Path(path).read_bytes() == bytes(range(256)) * (3 * MIB // 256)
    assert not Path(path).exists()


@pytest.mark.parametrize("peer", IN_PYTHON, ids=lambda peer: peer.name)
def test_each_connection_gets_the_whole_file_and_its_end(
    peer: Contender, nothing_in_go: Programs
) -> None:
    if reason := peer.missing(nothing_in_go):
        pytest.skip(reason)
    command = peer.command(nothing_in_go)
    assert command is not None
    assert command[0] == sys.executable
    with file_of(3 * MIB) as path:
        content = Path(path).read_bytes()
        with serving(*command[1:], path, "5000", *peer.last) as server:
            for _ in range(2):
                with server.connect() as conn:
                    assert receive_all(conn) == content
            with server.connect() as conn:  # who goes away before the end harms nobody
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with server.connect() as conn:
                assert receive_all(conn) == content
