"""Large reads: received straight into what is returned, in as much memory as the last ones needed.

What comes in one read is the same as if there were room for all: up to the size asked for, all that
is there.
"""

import fcntl
import socket
import struct
import sys
import termios

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import answering, recorded
from tests.poll.operations import raised
from tests.program import reset
from tests.running import in_run

ASKED = 65536
USUAL = 16384


def arrived(fd: StreamFD, size: int) -> None:
    """Wait until so many bytes lie there."""
    for _ in range(5000):
        (there,) = struct.unpack("i", fcntl.ioctl(fd.fileno(), termios.FIONREAD, bytes(4)))
        if there == size:
            return
        netpoll.sleep(0.001)
    raise AssertionError(f"{there} of {size} bytes came")


def message(size: int, start: int = 0) -> bytes:
    return bytes((start + n) % 251 for n in range(size))


def send(fd: StreamFD, peer: socket.socket, size: int) -> bytes:
    data = message(size, size)
    peer.sendall(data)
    arrived(fd, size)
    return data


def used_to(fd: StreamFD, peer: socket.socket, size: int = USUAL) -> None:
    """Have the descriptor read some messages of one size."""
    for _ in range(3):
        data = send(fd, peer, size)
        assert fd.read_bytes(ASKED) == data


def room_of(fd: StreamFD, peer: socket.socket) -> int:
    """Return how much a read makes room for."""
    used_to(fd, peer)
    with recorded("recv") as calls:
        used_to(fd, peer)
    room: int = calls.made[-1][1][1]
    return room


@in_run
def test_messages_of_one_size_take_one_call_each_and_no_more_room_than_they_need() -> None:
    with tcp.end() as (fd, peer):
        used_to(fd, peer)
        with recorded("recv", "unread") as calls:
            for _ in range(5):
                data = send(fd, peer, USUAL)
                assert fd.read_bytes(ASKED) == data
        assert [name for name, _ in calls.made] == ["recv"] * 5
        assert all(USUAL < size <= USUAL + 16 for _, (_, size) in calls.made)


@pytest.mark.parametrize("size", [USUAL + 1, USUAL + 7, USUAL + 8, USUAL + 30, 40_000, ASKED])
@in_run
def test_of_a_larger_one_all_comes_at_once(size: int) -> None:
    with tcp.end() as (fd, peer):
        used_to(fd, peer)
        data = send(fd, peer, size)
        assert fd.read_bytes(ASKED) == data
        data = send(fd, peer, 100)
        assert fd.read_bytes(ASKED) == data


@pytest.mark.parametrize("size", [1, 5000, 8191, 8192, USUAL - 40, USUAL - 20, USUAL - 1])
@in_run
def test_of_a_smaller_one_no_more_than_that_comes(size: int) -> None:
    with tcp.end() as (fd, peer):
        used_to(fd, peer)
        for _ in range(3):
            data = send(fd, peer, size)
            assert (got := fd.read_bytes(ASKED)) == data
            assert len(got) == size
            assert sys.getsizeof(got) == size + sys.getsizeof(b"")
            assert hash(got) == hash(data)


@pytest.mark.parametrize("asked", [1, USUAL - 1, USUAL, USUAL + 1, USUAL + 8, 20_000])
@in_run
def test_no_more_than_was_asked_for_comes(asked: int) -> None:
    with tcp.end() as (fd, peer):
        used_to(fd, peer)
        data, got = send(fd, peer, 30_000), b""
        while len(got) < len(data):
            piece = fd.read_bytes(asked)
            got += piece
            assert len(piece) == asked or got == data
        assert got == data


@in_run
def test_one_small_message_in_between_does_not_make_the_next_large_one_come_in_pieces() -> None:
    with tcp.end() as (fd, peer):
        for size in (60_000, USUAL, 60_000, 100, 60_000, USUAL, 40_000):
            data = send(fd, peer, size)
            assert fd.read_bytes(ASKED) == data


@in_run
def test_what_is_foreseen_falls_slowly() -> None:
    with tcp.end() as (fd, peer):
        used_to(fd, peer, 60_000)
        with recorded("recv") as calls:
            for _ in range(400):
                send(fd, peer, USUAL)
                fd.read_bytes(ASKED)
        rooms = [size for _, (_, size) in calls.made]
        assert rooms == sorted(rooms, reverse=True)
        assert rooms[10] > 50_000
        assert rooms[-1] < USUAL + 200


@in_run
def test_what_came_with_a_reset_is_read_whole_and_then_the_error() -> None:
    with tcp.end() as (fd, peer):
        used_to(fd, peer)
        data = send(fd, peer, 50_000)
        reset(peer)
        assert fd.read_bytes(ASKED) == data
        assert isinstance(raised(lambda: fd.read_bytes(ASKED)), ConnectionResetError)


@in_run
def test_what_fills_the_room_exactly_is_followed_by_the_end() -> None:
    with tcp.end() as (fd, peer):
        data = send(fd, peer, room_of(fd, peer))
        peer.close()
        assert fd.read_bytes(ASKED) == data
        assert fd.read_bytes(ASKED) == b""


@in_run
def test_the_rest_that_another_process_has_taken_is_not_waited_for() -> None:
    with tcp.end() as (fd, peer):
        data = send(fd, peer, room_of(fd, peer))
        with answering(unread=lambda _: 1000):
            assert fd.read_bytes(ASKED) == data
