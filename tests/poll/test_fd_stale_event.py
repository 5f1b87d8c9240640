"""An event that the kernel had ready for the earlier owner of a descriptor's number.

The kernel fills a batch of events and hands it over later: meanwhile somebody may have closed one
of the descriptors and opened another, which gets the number and the memory of its registration.
Here the kernel is played. (golang/go#59545, libuv#4323)
"""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import answering, one_by_one, recorded
from tests.running import in_run, parked

ANYTHING = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
ADD = 1  # EPOLL_CTL_ADD, for which the select module has no name
REUSES = 200


class Keys:
    """What the poller has told the kernel to put into the events of each number."""

    def __init__(self) -> None:
        self.of: dict[int, int] = {}

    def note(self, _: int, operation: int, fd: int, _events: int, key: int) -> None:
        if operation == ADD:
            self.of[fd] = key


@contextmanager
def reader() -> Iterator[tuple[StreamFD, socket.socket, "netpoll.Goroutine[bytes]"]]:
    """Return a descriptor with a goroutine that waits to read from it, and its peer."""
    with tcp.end() as (fd, peer):
        yield fd, peer, parked(netpoll.go(fd.read_bytes, 10))


def close(fd: StreamFD, waiting: "netpoll.Goroutine[bytes]") -> None:
    fd.close()
    with pytest.raises(netpoll.ClosedError):
        waiting.join()


@in_run
def test_it_neither_wakes_the_next_owner_nor_tells_him_anything() -> None:
    keys = Keys()
    with answering(epoll_ctl=keys.note):
        with reader() as (first, _, evicted):
            number = first.fileno()
            old = keys.of[number]
            close(first, evicted)
            near, peer = tcp.connected()
            mine = near.detach()
            if mine != number:
                os.dup2(mine, number)
                os.close(mine)
            second = StreamFD.adopt(number)
            waiting = parked(netpoll.go(second.read_bytes, 10))
    assert second.fileno() == number
    assert keys.of[number] != old
    with recorded("recv", "recvfrom", "read") as calls:
        with answering(epoll_wait=one_by_one([(ANYTHING, old)])):
            netpoll.sleep(0.0001)
        assert parked(waiting).state == "waiting: read"
    assert calls.made == []
    peer.sendall(b"mine")
    assert waiting.join(5) == b"mine"
    # No hang-up was noted: a read after a short one parks without asking, as on a healthy stream.
    with recorded("recv", "recvfrom", "read") as calls:
        waiting = parked(netpoll.go(second.read_bytes, 10))
    assert calls.made == []
    close(second, waiting)
    peer.close()


@in_run
def test_it_may_come_with_one_for_the_next_owner_in_either_order() -> None:
    for before in (True, False):
        keys = Keys()
        with answering(epoll_ctl=keys.note):
            with reader() as (first, _, waiting):
                old = keys.of[first.fileno()]
                close(first, waiting)
            with reader() as (second, peer, waiting):
                new = keys.of[second.fileno()]
                assert new != old
                events = [(ANYTHING, old), (select.EPOLLIN, new)]
                peer.sendall(b"mine")
                select.select([second], [], [], 5)
                with answering(epoll_wait=one_by_one(events if before else events[::-1])):
                    assert waiting.join(5) == b"mine"


@in_run
def test_no_two_owners_in_turn_have_the_same_key() -> None:
    keys = Keys()
    seen = set()
    with answering(epoll_ctl=keys.note):
        for _ in range(REUSES):
            near, far = socket.socketpair()
            fd = StreamFD.adopt(near.detach())
            waiting = parked(netpoll.go(fd.read_bytes, 1))
            seen.add(keys.of[fd.fileno()])
            close(fd, waiting)
            far.close()
    assert len(seen) == REUSES
