"""Closing a descriptor: who is woken, and when its number is given back."""

import errno
import gc
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

import netpoll
from netpoll._poll.fd import FD
from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.socket_fd import SocketFD
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import Answer, answering, into, on, one_by_one, recorded
from tests.poll.operations import (
    ALL,
    CALLS,
    CONNECTS,
    IN_TABLE,
    READS,
    Blocked,
    Operation,
    name_of,
    raised,
)
from tests.poll.operations_file import splicing_to
from tests.poll.operations_stream import accepting, reading_when_drained
from tests.running import Outcome, in_run, on_thread, parked

AT_ONCE = 1.0
"""Seconds in which everybody must have heard of a close."""


def is_open(number: int) -> bool:
    with suppress(OSError):
        os.fstat(number)
        return True
    return False


# ---- who is woken ----------------------------------------------------------------------------


@pytest.mark.parametrize("blocked", ALL, ids=name_of)
@in_run
def test_close_wakes_who_waits_and_who_is_in_line(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        goroutines = [parked(netpoll.go(raised, operation)) for _ in range(5)]
        fd.close()
        errors = [goroutine.join(timeout=5) for goroutine in goroutines]
        assert [type(error) for error in errors] == [netpoll.ClosedError] * 5
        assert str(errors[0]) == "use of closed network connection"
        assert isinstance(errors[0], OSError)
        assert errors[0].errno == errno.EBADF


@pytest.mark.parametrize("blocked", ALL, ids=name_of)
@in_run
def test_close_from_another_thread_wakes_everyone_at_once(blocked: Blocked) -> None:
    def closes(fd: FD) -> float:
        begin = time.monotonic()
        fd.close()
        return begin

    taken = []
    for _ in range(3):
        with blocked() as (fd, operation):
            goroutines = [parked(netpoll.go(raised, operation)) for _ in range(3)]
            thread = Outcome(closes, fd)
            thread.start()
            for goroutine in goroutines:
                assert isinstance(goroutine.join(timeout=5), netpoll.ClosedError)
            woken = time.monotonic()
            taken.append(woken - thread.result())
    assert min(taken) < AT_ONCE


@pytest.mark.parametrize("blocked", ALL, ids=name_of)
@pytest.mark.parametrize("steps", range(6))
def test_close_at_any_step_of_those_who_come_ends_them_all(blocked: Blocked, steps: int) -> None:
    def main() -> None:
        with blocked() as (fd, operation):
            goroutines = []
            for step in range(6):
                goroutines.append(netpoll.go(raised, operation))
                if step >= 3:
                    netpoll.gosched()
                if step == steps:
                    fd.close()
            for goroutine in goroutines:
                assert isinstance(goroutine.join(timeout=5), netpoll.ClosedError)

    netpoll.run(main)


@in_run
def test_close_wakes_both_directions() -> None:
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        goroutines = [
            parked(netpoll.go(raised, operation))
            for _ in range(3)
            for operation in (lambda: fd.read_bytes(1), lambda: fd.write(b"x"))
        ]
        fd.close()
        for goroutine in goroutines:
            assert isinstance(goroutine.join(timeout=5), netpoll.ClosedError)


@in_run
def test_a_closed_descriptor_refuses_everything() -> None:
    with tcp.end() as (fd, _), tcp.listening() as (listener, address):
        later = time.monotonic() + 1
        for one in (fd, listener):
            assert not one.closed
            one.close()
            assert one.closed
        operations: list[Operation] = [
            lambda: fd.read_bytes(1),
            lambda: fd.read_bytes(0),
            lambda: fd.readinto(bytearray(1)),
            lambda: fd.readv([bytearray(1)]),
            lambda: fd.readv([]),
            lambda: fd.write(b"x"),
            lambda: fd.write(b""),
            lambda: fd.writev([b"x"]),
            lambda: fd.writev([]),
            lambda: fd.connect(tcp.raw(address)),
            lambda: fd.bind(tcp.raw(address)),
            lambda: fd.shutdown(2),
            lambda: fd.set_deadline(later),
            lambda: fd.set_read_deadline(later),
            lambda: fd.set_write_deadline(None),
            lambda: fd.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            lambda: fd.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            lambda: fd.getsockopt_bytes(socket.SOL_SOCKET, socket.SO_LINGER, 8),
            fd.getsockname,
            fd.getpeername,
            fd.dup,
            fd.fileno,
            listener.accept,
        ]
        for operation in operations:
            assert isinstance(raised(operation), netpoll.ClosedError)
        assert repr(fd) == "<StreamFD -1 closed>"


# ---- the number ------------------------------------------------------------------------------


@pytest.mark.parametrize("blocked", ALL, ids=name_of)
@in_run
def test_the_number_is_given_back_when_close_returns_although_users_are_parked(
    blocked: Blocked,
) -> None:
    with blocked() as (fd, operation):
        goroutines = [parked(netpoll.go(raised, operation)) for _ in range(3)]
        number = fd.fileno()
        fd.close()
        assert not is_open(number)
        assert not any(goroutine.done for goroutine in goroutines)
        for goroutine in goroutines:
            goroutine.join()
        assert not is_open(number)


@pytest.mark.parametrize("in_line", [False, True], ids=["parked", "in line"])
@pytest.mark.parametrize("blocked", ALL, ids=name_of)
@in_run
def test_whichever_of_cancel_and_close_comes_first_counts(blocked: Blocked, in_line: bool) -> None:
    for first, outcome in (("cancel", netpoll.GoroutineCancelled), ("close", netpoll.ClosedError)):
        with blocked() as (fd, operation):
            ahead = [parked(netpoll.go(raised, operation))] if in_line else []
            goroutine = parked(netpoll.go(operation))
            if first == "cancel":
                goroutine.cancel()
                fd.close()
            else:
                fd.close()
                goroutine.cancel()
            with pytest.raises(outcome):
                goroutine.join(timeout=5)
            for other in ahead:
                other.join(timeout=5)


@in_run
def test_a_port_is_free_as_soon_as_close_returns() -> None:
    with accepting() as (fd, accept):
        goroutines = [parked(netpoll.go(raised, accept)) for _ in range(3)]
        address = fd.getsockname()
        fd.close()
        again = StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)
        again.bind(address)
        again.close()
        for goroutine in goroutines:
            goroutine.join()


@in_run
def test_a_port_is_free_although_the_lock_was_just_handed_to_another() -> None:
    """The second accepter has its turn but has not run yet when the first one closes."""

    def first(listener: ListenFD) -> bytes:
        accepted, _ = listener.accept()
        accepted.close()
        address = listener.getsockname()
        listener.close()
        again = ListenFD.socket(socket.AF_INET, socket.SOCK_STREAM)
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(address)
        again.listen(1)
        again.close()
        return bytes(address)

    with accepting() as (listener, accept):
        address = listener.getsockname()
        closer = parked(netpoll.go(first, listener))
        others = [parked(netpoll.go(raised, accept)) for _ in range(2)]
        with socket.create_connection((tcp.HOST, tcp.port_of(address))):
            assert closer.join(timeout=5) == address
        for other in others:
            assert isinstance(other.join(timeout=5), netpoll.ClosedError)


CLOSED_DURING: list[tuple[str, Callable[[StreamFD], object], object]] = [
    ("recv", lambda fd: fd.read_bytes(10), b"data"),
    ("recv", lambda fd: fd.read_bytes(1 << 20), b"data"),
    ("recv", lambda fd: fd.readinto(bytearray(10)), 4),
    ("recvmsg", lambda fd: fd.readv([bytearray(10)]), 4),
    ("send", lambda fd: fd.write(b"four"), 4),
    ("sendmsg", lambda fd: fd.writev([b"fo", b"ur"]), 4),
    ("getsockname", lambda fd: len(fd.getsockname()), 16),
    ("setsockopt", lambda fd: fd.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), None),
    ("shutdown", lambda fd: fd.shutdown(1), None),
]


@pytest.mark.parametrize(
    ("call", "operation", "result"),
    CLOSED_DURING,
    ids=[f"{n}-{c[0]}" for n, c in enumerate(CLOSED_DURING)],
)
@in_run
def test_the_number_is_not_given_back_while_somebody_is_in_a_system_call(
    call: str, operation: Callable[[StreamFD], object], result: object
) -> None:
    seen: list[bool] = []

    def closes(number: int, *_: object) -> None:
        fd.close()
        seen.append(is_open(number))

    with tcp.end() as (fd, peer):
        peer.sendall(b"data")
        number = fd.fileno()
        with answering(**{call: on(number, closes)}):
            assert operation(fd) == result  # what the kernel has done is not denied
        assert seen == [True]
        assert not is_open(number)


@pytest.mark.parametrize("blocked", IN_TABLE, ids=name_of)
@in_run
def test_who_is_about_to_park_when_it_is_closed_does_not(blocked: Blocked) -> None:
    def closes(*_: object) -> int:
        fd.close()
        return -errno.EINPROGRESS if blocked in CONNECTS else -errno.EAGAIN

    with blocked() as (fd, operation):
        number = fd.fileno()
        calls = {name: on(number, closes) for name in CALLS}
        if blocked == splicing_to:
            calls["splice"] = into(number, closes)
        if blocked == reading_when_drained:  # which makes no call before it parks
            del calls["recv"]
            fd.close()
        with answering(**calls):
            assert isinstance(netpoll.go(raised, operation).join(timeout=5), netpoll.ClosedError)
        assert not is_open(number)


@in_run
def test_a_second_close_has_no_effect_on_the_next_owner_of_the_number() -> None:
    with tcp.end() as (fd, _):
        number = fd.fileno()
        fd.close()
        with Path(os.devnull).open("rb") as null:
            stranger = os.dup2(null.fileno(), number)
        with recorded("close") as calls:
            for _ in range(3):
                fd.close()
            on_thread(fd.close)
        assert calls.made == []
        assert is_open(stranger)
        os.close(stranger)


@in_run
def test_close_by_many_at_once_closes_once() -> None:
    with tcp.end() as (fd, _), recorded("close") as calls:
        reader = parked(netpoll.go(raised, lambda: fd.read_bytes(1)))
        number = fd.fileno()
        closers = [netpoll.go(fd.close) for _ in range(10)]
        threads = [threading.Thread(target=fd.close) for _ in range(2)]
        for thread in threads:
            thread.start()
        for closer in closers:
            closer.join()
        for thread in threads:
            thread.join()
        reader.join()
        assert calls.of("close") == [(number,)]


@pytest.mark.parametrize("error", [errno.EINTR, errno.EIO])
@in_run
def test_an_error_of_close_is_not_answered_with_a_second_one(error: int) -> None:
    with tcp.end() as (fd, _):
        number = fd.fileno()
        calls = []

        def fails(_number: int) -> int:
            calls.append(_number)
            os.close(_number)
            return -error

        with answering(close=on(number, fails)):
            fd.close()
        assert calls == [number]


# ---- the next owner of the poll descriptor ---------------------------------------------------


@pytest.mark.parametrize("elsewhere", [False, True], ids=["by-a-goroutine", "by-a-thread"])
def test_an_evicted_goroutine_leaves_the_next_owners_notification_alone(elsewhere: bool) -> None:
    """Every 61st tick the poller is asked before the queue: then the new owner of the very same
    poll descriptor is notified before the evicted goroutine has run."""
    chance = random.Random(1)

    def main() -> None:
        for _ in range(250):
            with tcp.end() as (old, _), tcp.end() as (new, peer):
                peer.sendall(b"a")
                assert new.read_bytes(100) == b"a"  # drained: the next read relies on the event
                evicted = parked(netpoll.go(raised, partial(old.read_bytes, 1)))
                peer.sendall(b"b")
                for _ in range(chance.randrange(61)):
                    netpoll.gosched()
                if elsewhere:
                    on_thread(old.close)
                else:
                    old.close()
                new.set_read_deadline(time.monotonic() + 5)  # registers it, in the same memory
                while not evicted.done:
                    netpoll.gosched()
                assert isinstance(evicted.join(), netpoll.ClosedError)
                assert new.read_bytes(100) == b"b"

    netpoll.run(main)


@in_run
def test_an_evicted_goroutine_takes_nobodys_place_in_the_line() -> None:
    for _ in range(20):
        with tcp.end() as (old, _), tcp.end() as (new, peer):
            evicted = [parked(netpoll.go(raised, partial(old.read_bytes, 1))) for _ in range(3)]
            old.close()
            readers = [netpoll.go(new.read_bytes, 1) for _ in range(3)]
            for goroutine in evicted:
                assert isinstance(goroutine.join(), netpoll.ClosedError)
            peer.sendall(b"abc")
            assert [reader.join(timeout=5) for reader in readers] == [b"a", b"b", b"c"]


@pytest.mark.parametrize("blocked", READS, ids=name_of)
@in_run
def test_one_who_was_cancelled_before_the_close_is_cancelled_and_leaves_the_new_owner_alone(
    blocked: Blocked,
) -> None:
    with blocked() as (old, operation), tcp.end() as (new, peer):
        goroutine = parked(netpoll.go(raised, operation))
        goroutine.cancel()
        old.close()
        new.set_read_deadline(time.monotonic() + 5)
        reader = netpoll.go(new.read_bytes, 1)
        error = goroutine.join()
        assert isinstance(error, (netpoll.Cancelled, netpoll.ClosedError))
        peer.sendall(b"x")
        assert reader.join(timeout=5) == b"x"


# ---- forgotten ones --------------------------------------------------------------------------


def make() -> StreamFD:
    return StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)


@in_run
def test_a_forgotten_descriptor_is_closed_with_a_warning() -> None:
    fd = make()
    number = fd.fileno()
    with pytest.warns(ResourceWarning, match=f"unclosed <StreamFD {number}>"):
        del fd
    assert not is_open(number)


@in_run
def test_a_closed_descriptor_is_forgotten_without_a_warning() -> None:
    fd = make()
    fd.close()
    del fd
    gc.collect()


@in_run
def test_a_forgotten_descriptor_never_switches() -> None:
    ran: list[int] = []
    fd = make()
    fd.set_deadline(time.monotonic() + 60)
    others = [netpoll.go(ran.append, n) for n in range(3)]
    with pytest.warns(ResourceWarning):
        del fd
    assert ran == []
    for other in others:
        other.join()


@in_run
def test_a_forgotten_descriptor_takes_its_timers_and_its_registration_along() -> None:
    for _ in range(10):
        near, far = tcp.connected()
        with far:
            fd = StreamFD.adopt(near.detach())
            fd.set_deadline(time.monotonic() + 0.005)
            with pytest.warns(ResourceWarning):
                del fd
        with tcp.end() as (new, peer):
            reader = parked(netpoll.go(new.read_bytes, 1))
            netpoll.sleep(0.006)
            peer.sendall(b"x")
            assert reader.join(timeout=5) == b"x"


@in_run
def test_a_descriptor_forgotten_on_another_thread_is_closed_there() -> None:
    held = [make()]
    held[0].set_deadline(time.monotonic() + 60)
    number = held[0].fileno()
    with pytest.warns(ResourceWarning):
        on_thread(held.clear)
    assert not is_open(number)
    netpoll.sleep(0.001)


@in_run
def test_a_forgotten_descriptor_is_closed_even_if_the_warning_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    monkeypatch.setattr("sys.unraisablehook", lambda report: seen.append(report.exc_type))
    fd = make()
    number = fd.fileno()
    del fd  # the suite turns warnings into errors
    assert seen == [ResourceWarning]
    assert not is_open(number)


def test_a_descriptor_forgotten_after_its_run_is_closed() -> None:
    def main() -> StreamFD:
        fd = make()
        fd.set_deadline(time.monotonic() + 60)
        return fd

    fd = netpoll.run(main)
    number = fd.fileno()
    with pytest.warns(ResourceWarning):
        del fd
    assert not is_open(number)


def test_an_fd_is_not_made_by_calling_it() -> None:
    with pytest.raises(TypeError, match="make a StreamFD by"):
        StreamFD()
    gc.collect()


def test_adopting_makes_non_blocking_and_a_socket_is_close_on_exec() -> None:
    near, far = socket.socketpair()
    assert near.getblocking()
    fd = StreamFD.adopt(near.fileno())
    assert not os.get_blocking(near.fileno())
    near.detach()
    fd.close()
    far.close()
    fd = make()
    assert not os.get_blocking(fd.fileno())
    assert not os.get_inheritable(fd.fileno())
    duplicate = fd.dup()
    assert not os.get_inheritable(duplicate)
    os.close(duplicate)
    fd.close()


def test_a_number_that_cannot_be_adopted_stays_the_callers() -> None:
    near, far = socket.socketpair()
    failures: list[dict[str, Answer]] = [
        {"set_nonblocking": one_by_one(-errno.EIO)},
        {"getsockopt": one_by_one(-errno.EIO)},
        {"getsockopt": one_by_one(None, -errno.EIO)},
    ]
    for failure in failures:
        with answering(**failure), pytest.raises(OSError, match="Input/output"):
            StreamFD.adopt(near.fileno())
        gc.collect()
        assert is_open(near.fileno())
        assert os.get_blocking(near.fileno())
    near.close()
    far.close()


@pytest.mark.parametrize("kind", [StreamFD, ListenFD])
def test_what_is_no_socket_stays_the_callers_as_it_was(kind: type[SocketFD]) -> None:
    ends = os.pipe()
    for number in ends:
        with pytest.raises(OSError) as caught:
            kind.adopt(number)
        assert caught.value.errno == errno.ENOTSOCK
        gc.collect()
        assert is_open(number)
        assert os.get_blocking(number)
        os.close(number)


@in_run
def test_a_socket_knows_its_family_and_its_type() -> None:
    for family, kind in (
        (socket.AF_INET, socket.SOCK_STREAM),
        (socket.AF_INET6, socket.SOCK_DGRAM),
        (socket.AF_UNIX, socket.SOCK_SEQPACKET),
    ):
        made = SocketFD.socket(family, kind)
        adopted = SocketFD.adopt(made.dup())
        for fd in (made, adopted):
            assert (fd.family, fd.kind) == (family, kind)
            fd.close()
    with tcp.listening() as (listener, address), socket.create_connection(address):
        accepted, _ = listener.accept()
        assert (accepted.family, accepted.kind) == (socket.AF_INET, socket.SOCK_STREAM)
        accepted.close()


@in_run
def test_a_close_that_lingers_stops_no_other_thread() -> None:
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        fd.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 2))
        closes = threading.Event()

        def receive() -> None:
            closes.wait()
            while peer.recv(1 << 20):
                pass

        receiver = Outcome(receive)
        receiver.start()
        closes.set()
        begin = time.monotonic()
        fd.close()  # until all has arrived, 2 s at most
        assert time.monotonic() - begin < 1
        receiver.result()
