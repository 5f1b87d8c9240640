"""Descriptors closed behind our back: their numbers are strangers' now, and are left alone."""

import errno
import gc
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import netpoll
from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.stream_fd import StreamFD
from netpoll.lowlevel import PollDesc
from tests import tcp
from tests.kernel import answering, on, one_by_one, recorded
from tests.poll.operations import ALL, Blocked, name_of, raised
from tests.running import Outcome, in_run, parked


def identity(number: int) -> tuple[int, int]:
    status = os.fstat(number)
    return status.st_dev, status.st_ino


@contextmanager
def stranger(number: int) -> Iterator[tuple[StreamFD, socket.socket]]:
    """Close a number behind its owner's back and give it to another StreamFD, until the end."""
    near, far = tcp.connected()
    os.dup2(near.fileno(), number)
    near.close()
    fd = StreamFD.adopt(number)
    try:
        yield fd, far
    finally:
        fd.close()
        far.close()


def works(fd: StreamFD, peer: socket.socket) -> None:
    """Check that a descriptor sends, receives and is woken."""
    reader = parked(netpoll.go(fd.read_bytes, 10))
    peer.sendall(b"x")
    assert reader.join(timeout=5) == b"x"
    fd.write(b"y")
    assert peer.recv(10) == b"y"


def registered(fd: StreamFD) -> None:
    """Have a descriptor registered."""
    fd.set_deadline(time.monotonic() + 60)
    fd.set_deadline(None)


# ---- numbers used again by us, whether or not anybody ever waited ----------------------------


def reopened(number: int) -> StreamFD:
    """Close a number behind its owner's back; the next socket of our own gets it."""
    os.close(number)
    again = StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)
    assert again.fileno() == number, "the kernel gives out the lowest number"
    return again


def lowest() -> StreamFD:
    """Return a new socket with the lowest number that is free."""
    return StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)


@pytest.mark.parametrize("end", ["close", "forget"])
@in_run
def test_who_never_waited_does_not_close_the_next_owner_of_its_number(end: str) -> None:
    netpoll.sleep(0.0001)  # the poller has its descriptors
    owners = [lowest()]
    new = reopened(owners[0].fileno())
    if end == "close":
        owners[0].close()
    else:
        with pytest.warns(ResourceWarning, match="unclosed"):
            owners.clear()
    assert identity(new.fileno())
    new.close()
    with pytest.raises(netpoll.ClosedError):
        new.fileno()


@in_run
def test_who_lost_its_number_says_so_and_touches_nothing_of_the_next_owner() -> None:
    with tcp.end() as (old, _):
        number = old.fileno()
        with stranger(number) as (new, peer):
            for operation in (lambda: old.read_bytes(1), lambda: old.write(b"x")):
                error = raised(operation)
                assert isinstance(error, OSError)
                assert error.errno == errno.EBADF
            works(new, peer)
            old.close()
            works(new, peer)


def test_a_number_used_again_after_its_run_has_ended_stays_open() -> None:
    old = netpoll.run(lowest)
    netpoll.run(reopened_and_outlived, old)


def reopened_and_outlived(old: StreamFD) -> None:
    new = reopened(old.fileno())
    old.close()
    assert identity(new.fileno())
    new.close()


@in_run
def test_a_number_used_again_by_another_thread_wakes_who_waits_for_it() -> None:
    with tcp.end() as (old, _):
        reader = parked(netpoll.go(raised, partial(old.read_bytes, 1)))

        def elsewhere() -> StreamFD:
            near, far = tcp.connected()
            os.dup2(near.fileno(), old.fileno())
            near.close()
            far.close()
            return StreamFD.adopt(old.fileno())

        new = netpoll.blocking(elsewhere)
        error = reader.join(timeout=5)
        assert isinstance(error, OSError)
        assert error.errno == errno.EBADF
        old.close()
        assert identity(new.fileno())
        new.close()


# ---- closed behind our back ------------------------------------------------------------------


@pytest.mark.parametrize("known", [False, True], ids=["never-waited", "registered"])
@in_run
def test_a_number_that_is_gone_is_an_error_of_each_operation(known: bool) -> None:
    netpoll.sleep(0.0001)  # the poller has its descriptors
    with tcp.end() as (fd, _):
        if known:
            registered(fd)
        os.close(fd.fileno())
        operations: list[Callable[[], object]] = [
            lambda: fd.read_bytes(1),
            lambda: fd.write(b"x"),
            lambda: fd.writev([b"x"]),
            lambda: fd.shutdown(1),
            fd.getsockname,
            fd.dup,
        ]
        for operation in operations:
            error = raised(operation)
            assert isinstance(error, OSError), error
            assert error.errno == errno.EBADF
            assert not isinstance(error, netpoll.ClosedError)


@pytest.mark.parametrize("blocked", ALL, ids=name_of)
@in_run
def test_closing_frees_who_waits_for_a_number_that_is_gone(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        waiting = [parked(netpoll.go(raised, operation)) for _ in range(3)]
        os.close(fd.fileno())
        fd.close()
        for one in waiting:
            assert isinstance(one.join(timeout=5), netpoll.ClosedError)


@pytest.mark.parametrize("blocked", ALL, ids=name_of)
@in_run
def test_the_next_owner_of_the_number_frees_who_waits(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        waiting = [parked(netpoll.go(raised, operation)) for _ in range(3)]
        with stranger(fd.fileno()) as (other, peer):
            registered(other)
            for one in waiting:
                error = one.join(timeout=5)
                assert isinstance(error, OSError)
                assert error.errno == errno.EBADF
            works(other, peer)
            fd.close()
            works(other, peer)


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("first", ["old-closed-first", "new-registered-first"])
@in_run
def test_closing_the_old_owner_leaves_the_new_one_its_number_and_its_registration(
    waits: bool, first: str
) -> None:
    with tcp.end() as (fd, _):
        registered(fd)
        number = fd.fileno()
        waiting = parked(netpoll.go(raised, lambda: fd.read_bytes(1))) if waits else None
        with stranger(number) as (other, peer):
            before = identity(number)
            if first == "new-registered-first":
                works(other, peer)
            with recorded("close") as calls:
                fd.close()
            assert calls.made == []
            assert identity(number) == before
            works(other, peer)
            if waiting is not None:
                assert isinstance(waiting.join(timeout=5), OSError)


@pytest.mark.parametrize("reused", [False, True])
@in_run
def test_forgetting_the_old_owner_leaves_a_stranger_alone(reused: bool) -> None:
    near, far = tcp.connected()
    with far, Path(os.devnull).open("rb") as null:
        number = near.fileno()
        fd = StreamFD.adopt(near.detach())
        registered(fd)
        os.close(number)
        if reused:
            os.dup2(null.fileno(), number)
        with pytest.warns(ResourceWarning), recorded("close") as calls:
            del fd
        assert calls.made == []
        if reused:
            assert identity(number) == identity(null.fileno())
            os.close(number)


@in_run
def test_a_stranger_that_is_no_fd_keeps_its_number() -> None:
    with tcp.end() as (fd, _), Path(os.devnull).open("rb") as null:
        number = fd.fileno()
        reader = parked(netpoll.go(raised, lambda: fd.read_bytes(1)))
        os.dup2(null.fileno(), number)
        fd.close()
        assert isinstance(reader.join(timeout=5), netpoll.ClosedError)
        assert identity(number) == identity(null.fileno())
        os.close(number)


@in_run
def test_a_descriptor_registered_by_somebody_else_for_readiness_changes_hands_cleanly() -> None:
    near, far = socket.socketpair()
    with far:
        number = near.fileno()
        desc = PollDesc(number)
        waiting = parked(netpoll.go(raised, desc.wait_readable))
        near.close()
        with stranger(number) as (other, peer):
            works(other, peer)
            assert isinstance(waiting.join(timeout=5), OSError)
            desc.close()
            works(other, peer)


@in_run
def test_closing_a_number_in_the_moment_of_parking_hangs_nobody_for_good() -> None:
    """The number goes between the system call that found nothing and the wait for it."""
    for known in (False, True):
        with tcp.end() as (fd, _):
            number = fd.fileno()
            if known:
                registered(fd)

            def goes(number: int, _: int) -> int:
                os.close(number)
                return -errno.EAGAIN

            with answering(recv=on(number, goes)):
                reader = netpoll.go(raised, partial(fd.read_bytes, 1))
                netpoll.sleep(0.001)
            if known:  # nothing tells, until it is closed
                fd.close()
                assert isinstance(reader.join(timeout=5), netpoll.ClosedError)
            else:
                error = reader.join(timeout=5)
                assert isinstance(error, OSError)
                assert error.errno == errno.EBADF


@pytest.mark.parametrize("taken_by", ["epoll", "eventfd"])
@in_run
def test_a_number_that_is_the_pollers_own_now_is_an_error_and_wakes_nobody_wrongly(
    taken_by: str,
) -> None:
    """The first wait of a thread makes a poller, whose descriptors take the lowest free numbers."""
    lower = os.dup(0)
    with tcp.end() as (lost, _), tcp.end() as (fd, peer):
        os.close(lost.fileno())
        if taken_by == "eventfd":
            os.close(lower)
        with answering(recv=on(lost.fileno(), lambda *_: -errno.EAGAIN)):
            error = raised(lambda: lost.read_bytes(1))
        assert isinstance(error, OSError)
        assert error.errno == errno.EBADF
        works(fd, peer)
        if taken_by == "epoll":
            os.close(lower)


# ---- canaries --------------------------------------------------------------------------------


class Canaries:
    """Descriptors in the numbers that are free: who closes one that is not his is found out."""

    def __init__(self) -> None:
        self.owned: dict[int, tuple[int, int]] = {}

    def fill(self) -> None:
        """Take every free number below the highest in use, and a few above."""
        while True:
            number = os.open(os.devnull, os.O_RDONLY)
            self.owned[number] = identity(number)
            if len(self.owned) >= 20:
                return

    def check(self) -> None:
        gc.collect()
        for number, before in self.owned.items():
            assert identity(number) == before

    def close(self) -> None:
        for number in self.owned:
            os.close(number)


@contextmanager
def canaries() -> Iterator[Canaries]:
    """Watch that only what is open is closed, and that nobody closes a canary."""
    birds = Canaries()

    def closes(number: int) -> None:
        assert number not in birds.owned
        os.fstat(number)  # EBADF: it is no descriptor
        closed.append(number)

    closed: list[int] = []
    seen: list[Any] = []
    with pytest.MonkeyPatch.context() as patch, answering(close=closes):
        patch.setattr("sys.unraisablehook", seen.append)
        try:
            yield birds
        finally:
            birds.check()
            birds.close()
    assert not seen, seen[0].exc_value


def failing_socket() -> None:
    with pytest.raises(OSError):
        StreamFD.socket(-1, 1)
    with answering(socket=one_by_one(-errno.EMFILE)), pytest.raises(OSError):
        StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)


def failing_adopt() -> None:
    near, far = socket.socketpair()
    with near, far, answering(set_nonblocking=one_by_one(-errno.EBADF)):
        with pytest.raises(OSError):
            StreamFD.adopt(near.fileno())


def failing_connect(code: int, *, later: bool) -> None:
    with tcp.listening() as (_, address):
        fd = StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)
        if later:
            answers: dict[str, Any] = {"getsockopt": lambda *_: code.to_bytes(4, "little")}
        else:
            answers = {"connect": one_by_one(-code)}
        with answering(**answers), pytest.raises(OSError):
            fd.connect(tcp.raw(address))
        fd.close()


def ended_connect(how: str) -> None:
    with tcp.connecting() as (fd, address):
        connecting = netpoll.go(raised, lambda: fd.connect(address))
        netpoll.sleep(0.0001)
        if how == "cancel":
            connecting.cancel()
        elif how == "deadline":
            fd.set_deadline(1)
        else:
            fd.close()
        connecting.join(timeout=5)
        fd.close()


def failing_accept(code: int) -> None:
    with tcp.listening() as (listener, _):
        answers = one_by_one(-code, -errno.EINVAL)
        with answering(accept4=on(listener.fileno(), answers)), pytest.raises(OSError):
            listener.accept()


def ended_accept(how: str) -> None:
    with tcp.listening() as (listener, address):
        accepting = netpoll.go(raised_or_closed, listener)
        netpoll.sleep(0.0001)
        with socket.create_connection(address):
            if how == "cancel":
                accepting.cancel()
            elif how == "deadline":
                listener.set_deadline(1)
            else:
                listener.close()
            with suppress(netpoll.GoroutineCancelled):
                accepting.join(timeout=5)


def raised_or_closed(listener: ListenFD) -> BaseException | None:
    """Accept, and close what was accepted."""
    try:
        fd, _ = listener.accept()
    except BaseException as exception:  # noqa: BLE001 - whichever it is
        return exception
    fd.close()
    return None


def failing_registration(code: int) -> None:
    with tcp.end() as (fd, _):
        with answering(epoll_ctl=lambda *_: -code), pytest.raises(OSError):
            fd.read_bytes(1)


def lost_number(*, known: bool) -> None:
    with tcp.end() as (fd, _):
        if known:
            registered(fd)
            os.close(fd.fileno())
        else:
            fd.close()
        fd.close()


def forgotten() -> None:
    fd = StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)
    with pytest.warns(ResourceWarning):
        del fd


MISHAPS: dict[str, Callable[[], None]] = {
    "socket": failing_socket,
    "adopt": failing_adopt,
    "connect-at-once": lambda: failing_connect(errno.ECONNREFUSED, later=False),
    "connect-interrupted": lambda: failing_connect(errno.EADDRNOTAVAIL, later=False),
    "connect-later": lambda: failing_connect(errno.ECONNREFUSED, later=True),
    "connect-cancelled": lambda: ended_connect("cancel"),
    "connect-expired": lambda: ended_connect("deadline"),
    "connect-closed": lambda: ended_connect("close"),
    "accept": lambda: failing_accept(errno.ECONNABORTED),
    "accept-without-room": lambda: failing_accept(errno.EMFILE),
    "accept-cancelled": lambda: ended_accept("cancel"),
    "accept-expired": lambda: ended_accept("deadline"),
    "accept-closed": lambda: ended_accept("close"),
    "registration": lambda: failing_registration(errno.ENOMEM),
    "lost": lambda: lost_number(known=True),
    "closed-twice": lambda: lost_number(known=False),
    "forgotten": forgotten,
}


@pytest.mark.parametrize("mishap", MISHAPS)
def test_no_mishap_closes_a_descriptor_of_somebody_else(mishap: str) -> None:
    def main(birds: Canaries) -> None:
        netpoll.sleep(0.0001)  # the poller has its descriptors
        MISHAPS[mishap]()
        birds.fill()  # into the numbers that are free now
        MISHAPS[mishap]()
        MISHAPS[mishap]()

    with canaries() as birds:
        netpoll.run(main, birds)


@pytest.mark.parametrize("room", range(5))
def test_no_lack_of_descriptors_closes_one_of_somebody_else(room: int) -> None:
    """With so many numbers free: socket, accept, epoll and eventfd fail one after the other."""

    def main() -> None:
        with suppress(OSError), tcp.listening() as (listener, address):
            fd = StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                fd.settimeout(0.01)
                fd.connect(tcp.raw(address))
                listener.settimeout(0.01)
                accepted, _ = listener.accept()
                accepted.close()
            finally:
                fd.close()

    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with canaries() as birds, ExitStack() as given_back:
        birds.fill()
        lowest_free = os.dup(0)
        os.close(lowest_free)
        given_back.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (limit, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + room, hard))
        with suppress(OSError):  # the poller's own lack is told to main
            netpoll.run(main)


def test_threads_that_open_and_close_at_random_never_close_each_others() -> None:
    """One thread's numbers are the other's as soon as they are free."""
    end = time.monotonic() + 0.5
    wrong: list[object] = []

    def churns() -> int:
        count = 0
        while time.monotonic() < end:
            with tcp.ends() as (a, b):
                reader = netpoll.go(raised, partial(a.read_bytes, 1))
                netpoll.gosched()
                a.close()
                reader.join()
                b.close()
            with Path(os.devnull).open("rb") as null:
                before = identity(null.fileno())
                netpoll.sleep(1e-5)
                if identity(null.fileno()) != before:
                    wrong.append(null)
            count += 1
        return count

    threads = [Outcome(netpoll.run, churns) for _ in range(2)]
    for thread in threads:
        thread.start()
    counts = [thread.result() for thread in threads]
    assert wrong == []
    assert all(count > 5 for count in counts)
