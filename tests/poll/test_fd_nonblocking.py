"""Somebody who shares the open file makes it blocking: the goroutine waits, its thread does not."""

import os
import select
import socket
from collections.abc import Callable

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.running import in_run, parked


def make_blocking(fd: StreamFD) -> None:
    """Clear O_NONBLOCK as a child does that has the descriptor for its standard input."""
    with socket.socket(fileno=os.dup(fd.fileno())) as duplicate:
        duplicate.setblocking(True)
    assert os.get_blocking(fd.fileno())


READS: dict[str, Callable[[StreamFD], object]] = {
    "read": lambda fd: fd.read_bytes(10),
    "read_much": lambda fd: fd.read_bytes(1 << 20),
    "readinto": lambda fd: fd.readinto(bytearray(10)),
    "readv": lambda fd: fd.readv([bytearray(), bytearray(10)]),
}
WRITES: dict[str, Callable[[StreamFD], object]] = {
    "write": lambda fd: fd.write(b"more"),
    "writev": lambda fd: fd.writev([b"mo", b"re"]),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("after_a_short_read", [False, True])
@in_run
def test_a_read_parks_all_the_same(
    read: Callable[[StreamFD], object], after_a_short_read: bool
) -> None:
    with tcp.end() as (fd, peer):
        make_blocking(fd)
        if after_a_short_read:
            peer.sendall(b"x")
            fd.read_bytes(10)
        reader = parked(netpoll.go(read, fd))
        peer.sendall(b"x")
        assert reader.join(timeout=5) in (b"x", 1)


@in_run
def test_a_read_that_is_not_to_wait_fails() -> None:
    with tcp.end() as (fd, peer):
        make_blocking(fd)
        fd.settimeout(0)
        with pytest.raises(netpoll.DeadlineExceeded):
            fd.read_bytes(10)
        fd.settimeout(0.001)
        peer.sendall(b"x")
        select.select([fd], [], [], 5)
        assert fd.read_bytes(10) == b"x"
        with pytest.raises(netpoll.DeadlineExceeded):
            fd.read_bytes(10)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@in_run
def test_a_write_parks_all_the_same(write: Callable[[StreamFD], object]) -> None:
    with tcp.end() as (fd, peer):
        taken = tcp.fill(fd, peer)
        make_blocking(fd)
        writer = parked(netpoll.go(write, fd))
        tcp.receive_exactly(peer, taken)
        assert writer.join(timeout=5) == 4
        assert tcp.receive_exactly(peer, 4) == b"more"
