"""A number lost while its goroutine is about to go on: its next owner is left alone."""

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

import netpoll
from netpoll._poll.fd import FD
from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.poll.operations import Operation, raised
from tests.poll.test_fd_stranger import stranger, works
from tests.running import in_run, parked

FOR_THE_NEXT = b"for the next owner"


def is_lost(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EBADF


class Thief:
    """Once it is woken, gives the number of a descriptor to another one."""

    def __init__(self, victim: FD, stack: ExitStack) -> None:
        self._number = victim.fileno()
        self._stack = stack
        self._waits, self._wakes = stack.enter_context(tcp.end())
        self.goroutine = parked(netpoll.go(self._steal))

    def _steal(self) -> tuple[StreamFD, socket.socket]:
        self._waits.read_bytes(1)
        new, peer = self._stack.enter_context(stranger(self._number))
        peer.sendall(FOR_THE_NEXT)
        select.select([new], [], [], 5)
        return new, peer

    def wake(self) -> None:
        """Make it runnable with the next look at the network, ahead of whoever is woken later."""
        self._wakes.sendall(b"x")
        select.select([self._waits], [], [], 5)


@contextmanager
def robbed(fd: FD, operation: Operation) -> Iterator[tuple[Thief, Callable[[], None]]]:
    """Park an operation, and return who will take its number and what checks how it ended."""
    with ExitStack() as stack:
        thief = Thief(fd, stack)
        victim = parked(netpoll.go(raised, operation))

        def check() -> None:
            new, peer = thief.goroutine.join(timeout=5)
            assert is_lost(victim.join(timeout=5))
            assert new.read_bytes(100) == FOR_THE_NEXT
            works(new, peer)  # nor has anything been written to it

        yield thief, check


READS: list[Callable[[StreamFD], object]] = [
    lambda fd: fd.read_bytes(100),
    lambda fd: fd.read_bytes(1 << 20),
    lambda fd: fd.readinto(bytearray(100)),
    lambda fd: fd.readv([bytearray(100)]),
]


@pytest.mark.parametrize("read", READS, ids=["read", "read_much", "readinto", "readv"])
@pytest.mark.parametrize("after_a_short_read", [False, True])
@in_run
def test_a_reader_that_is_to_run_reads_nothing_of_the_next_owner(
    read: Callable[[StreamFD], object], after_a_short_read: bool
) -> None:
    with tcp.end() as (fd, peer):
        if after_a_short_read:
            peer.sendall(b"x")
            fd.read_bytes(100)
        with robbed(fd, lambda: read(fd)) as (thief, check):
            thief.wake()
            peer.sendall(b"for the old one")
            select.select([fd], [], [], 5)
            check()


WRITES: list[Callable[[StreamFD], object]] = [
    lambda fd: fd.write(b"secret"),
    lambda fd: fd.writev([b"sec", b"ret"]),
]


@pytest.mark.parametrize("write", WRITES, ids=["write", "writev"])
@in_run
def test_a_writer_that_is_to_run_writes_nothing_to_the_next_owner(
    write: Callable[[StreamFD], object],
) -> None:
    with tcp.end() as (fd, peer):
        taken = tcp.fill(fd, peer)
        with robbed(fd, lambda: write(fd)) as (thief, check):
            thief.wake()
            tcp.receive_exactly(peer, taken)
            select.select([], [fd], [], 5)
            check()


@in_run
def test_an_acceptor_that_is_to_run_takes_no_connection_of_the_next_owner() -> None:
    with tcp.listening() as (old, old_address), tcp.end() as (waits, wakes), ExitStack() as stack:

        def steal() -> None:
            waits.read_bytes(1)
            stack.enter_context(stranger_listening(old.fileno()))

        thief = parked(netpoll.go(steal))
        victim = parked(netpoll.go(raised, old.accept))
        wakes.sendall(b"x")
        select.select([waits], [], [], 5)
        with socket.create_connection(old_address):
            select.select([old], [], [], 5)
            thief.join(timeout=5)
            assert is_lost(victim.join(timeout=5))


@contextmanager
def stranger_listening(number: int) -> Iterator[None]:
    """Give a number to another listener with a connection, which is to be there at the end."""
    with socket.create_server((tcp.HOST, 0)) as server:
        peer = socket.create_connection(server.getsockname())
        select.select([server], [], [], 5)
        os.dup2(server.fileno(), number)
    fd = ListenFD.adopt(number)
    try:
        yield
        fd.settimeout(5)
        fd.accept()[0].close()
    finally:
        fd.close()
        peer.close()


# ---- whatever else is asked of who lost its number ---------------------------------------------

LINGER = struct.pack("ii", 1, 0)
QUESTIONS: dict[str, Callable[[StreamFD], object]] = {
    "set_deadline": lambda fd: fd.set_deadline(time.monotonic() + 60),
    "set_deadline of the past": lambda fd: fd.set_deadline(1),
    "set_read_deadline": lambda fd: fd.set_read_deadline(time.monotonic() + 60),
    "set_write_deadline": lambda fd: fd.set_write_deadline(None),
    "close_read": lambda fd: fd.shutdown(socket.SHUT_RD),
    "close_write": lambda fd: fd.shutdown(socket.SHUT_WR),
    "setsockopt": lambda fd: fd.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER),
    "getsockopt": lambda fd: fd.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
    "getsockname": StreamFD.getsockname,
    "fileno": StreamFD.fileno,
    "read": lambda fd: fd.read_bytes(1),
    "write": lambda fd: fd.write(b"x"),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
@in_run
def test_who_lost_its_number_says_so_whatever_it_is_asked(
    ask: Callable[[StreamFD], object],
) -> None:
    with tcp.end() as (old, _), stranger(old.fileno()) as (new, peer):
        reader = parked(netpoll.go(new.read_bytes, 10))
        assert is_lost(raised(lambda: ask(old)))
        peer.sendall(b"x")
        assert reader.join(timeout=5) == b"x"
        works(new, peer)
        old.close()
        works(new, peer)
        assert not new.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER)
