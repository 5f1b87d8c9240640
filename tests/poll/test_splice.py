"""Relays: what they take and give, what they refuse, and what becomes of them."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import netpoll
from netpoll._poll.memory_fd import MemoryFD
from netpoll._poll.splice import NOT_HANDLED, Relay, can_splice, drop_pipes, put_back, relay
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import answering, into, on, one_by_one, recorded
from tests.poll.operations import raised
from tests.poll.operations_file import adopted, piped
from tests.running import begin, in_run, open_descriptors, pair, parked, says


@contextmanager
def closing(*fds: StreamFD) -> Iterator[None]:
    try:
        yield
    finally:
        for fd in fds:
            fd.close()


@in_run
def test_from_socket_to_pipe_to_socket() -> None:
    one = Relay()
    with pair() as (near, far), piped() as (reads, writes):
        near.write(b"round the world")
        assert one.fill(far, 5) == 5
        assert one.fill(far, 100) == 10
        assert one.pump(writes) == 15
        assert one.fill(reads, 100) == 15
        assert one.pump(far) == 15
        assert near.read_bytes(100) == b"round the world"


@in_run
def test_the_end_of_the_source_is_0() -> None:
    with pair() as (near, far):
        near.close()
        assert Relay().fill(far, 10) == 0


@in_run
def test_a_fill_waits_for_data_and_a_pump_for_room() -> None:
    one = Relay()
    with tcp.ends() as (near, far), tcp.end() as (target, peer):
        filler = parked(netpoll.go(one.fill, far, 1 << 20))
        near.write(b"x")
        assert filler.join() == 1
        tcp.fill(target, peer)
        pumper = parked(netpoll.go(one.pump, target))
        received = netpoll.go(netpoll.blocking, last_of, peer)
        assert pumper.join(timeout=10) == 1
        target.shutdown(socket.SHUT_WR)
        assert received.join(timeout=10) == b"x"


def last_of(peer: socket.socket) -> bytes:
    last = b""
    while data := peer.recv(1 << 16):
        last = data[-1:]
    return last


@in_run
def test_a_read_after_a_splice_asks_the_kernel() -> None:
    # A short read has told that the queue is empty; a splice since then proves that no longer.
    one = Relay()
    with tcp.end() as (fd, peer):
        reader = parked(netpoll.go(fd.read_bytes, 100))
        peer.sendall(b"ab")
        assert reader.join() == b"ab"
        peer.sendall(b"cdef")
        for _ in range(2 * 61):  # until the event has come in: a look at the network each 61st turn
            netpoll.gosched()
        assert one.fill(fd, 2) == 2
        again = begin(fd.read_bytes, 100)
        assert again.done
        assert again.join() == b"ef"


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
@in_run
def test_a_refusal_is_told_on_either_side(code: int) -> None:
    one = Relay()
    with pair() as (near, far):
        near.write(b"kept")
        with answering(splice=on(far.fileno(), one_by_one(-code))):
            assert one.fill(far, 10) == NOT_HANDLED
        assert one.fill(far, 10) == 4
        with answering(splice=into(far.fileno(), one_by_one(-errno.EINTR, -code))):
            assert one.pump(far) == NOT_HANDLED
        assert one.rest() == b"kept"
        assert one.rest() == b""


@in_run
def test_a_pump_that_fails_tells_how_much_has_arrived() -> None:
    one = Relay()
    with pair() as (near, far):
        near.write(b"0123456789")
        one.fill(far, 10)
        with answering(splice=into(far.fileno(), one_by_one(4, -errno.EPIPE))):
            error = raised(lambda: one.pump(far))
        assert isinstance(error, BrokenPipeError)
        assert error.bytes_written == 4  # type: ignore[attr-defined]


def test_kinds_that_can_be_spliced() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near, far = MemoryFD.pair(10)
    zero = adopted(os.eventfd(0))
    messages = [StreamFD.adopt(end.detach()) for end in (ours, theirs)]
    with closing(near, far, zero, *messages), pair() as (stream, _), piped() as (reads, writes):
        for fd in (stream, reads, writes):
            assert can_splice(fd)
        for fd in (near, zero, messages[0]):
            assert not can_splice(fd)


# ---- the pool


def test_a_relay_is_used_again_but_not_if_it_holds_something() -> None:
    with pair() as (near, far):
        first = relay()
        put_back(first)
        assert relay() is first
        near.write(b"left")
        first.fill(far, 10)
        put_back(first)
        assert relay() is not first


def test_two_copies_at_once_have_a_relay_each() -> None:
    one, other = relay(), relay()
    assert one is not other
    put_back(one)
    put_back(other)
    assert {relay(), relay()} == {one, other}


def test_no_more_than_eight_are_kept() -> None:
    before = set(open_descriptors())
    for one in [relay() for _ in range(12)]:
        put_back(one)
    del one
    assert len(set(open_descriptors()) - before) == 16
    drop_pipes()
    assert set(open_descriptors()) == before


def test_a_relay_that_was_closed_behind_our_back_is_no_stranger_s() -> None:
    before = set(open_descriptors())
    one = relay()
    put_back(one)
    del one
    numbers = sorted(set(open_descriptors()) - before)
    for number in numbers:
        os.close(number)
    strangers = os.pipe()
    try:
        assert sorted(strangers) == numbers
        os.write(strangers[1], b"theirs")
        with pair() as (near, far):
            near.write(b"secret")
            again = relay()
            again.fill(far, 10)
            assert again.rest() == b"secret"
            assert os.read(strangers[0], 100) == b"theirs"
        del again
    finally:
        for number in strangers:
            os.close(number)  # and nobody else has


def test_no_descriptors_for_a_relay_is_an_error_and_leaks_nothing() -> None:
    with answering(pipe=one_by_one(-errno.EMFILE)), pytest.raises(OSError, match="Too many"):
        Relay()


def test_a_pipe_that_cannot_grow_is_good_enough() -> None:
    with answering(pipe_size=one_by_one(-errno.EPERM)), pair() as (near, far):
        one = Relay()
        near.write(b"data")
        assert one.fill(far, 10) == 4


def test_a_relay_is_of_a_megabyte() -> None:
    with recorded("pipe_size") as calls:
        Relay()
    assert [size for _, size in calls.of("pipe_size")] == [1 << 20]


def test_a_forked_child_has_relays_of_its_own() -> None:
    printed = says(
        """
        import os
        from netpoll._poll.splice import put_back, relay

        one = relay()
        put_back(one)
        kept = id(one)
        if os.fork() == 0:
            os._exit(relay() is one)
        print(os.waitstatus_to_exitcode(os.wait()[1]), relay() is one)
        """
    )
    assert printed == "0 True\n"
