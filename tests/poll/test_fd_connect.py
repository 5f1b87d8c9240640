"""Connecting: success, the ways to fail, and wake-ups that mean nothing."""

import errno
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import answering, on, one_by_one, recorded
from tests.poll.operations import raised
from tests.running import in_run, parked

ANYTHING = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


def make() -> StreamFD:
    return StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)


def closed_port() -> bytes:
    """Return an address at which nobody listens."""
    with socket.create_server((tcp.HOST, 0)) as listener:
        return tcp.raw(listener.getsockname())


@in_run
def test_a_connection_is_made() -> None:
    with tcp.listening() as (listener, address):
        fd = make()
        fd.connect(tcp.raw(address))
        accepted, peer = listener.accept()
        assert peer == fd.getsockname()
        assert fd.getpeername() == tcp.raw(address)
        fd.write(b"x")
        assert accepted.read_bytes(10) == b"x"
        fd.close()
        accepted.close()


@in_run
def test_many_connect_at_once() -> None:
    with tcp.listening(backlog=200) as (listener, address):
        fds = [make() for _ in range(100)]
        connecting = [netpoll.go(fd.connect, tcp.raw(address)) for fd in fds]
        accepted = [listener.accept()[0] for _ in fds]
        for one in connecting:
            one.join(timeout=5)
        for fd in fds + accepted:
            fd.close()


@in_run
def test_a_refused_connection_is_an_error() -> None:
    fd = make()
    with pytest.raises(ConnectionRefusedError):
        fd.connect(closed_port())
    fd.close()


@pytest.mark.parametrize(
    "code", [errno.ECONNREFUSED, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EPERM]
)
@in_run
def test_an_error_of_the_call_itself_is_raised(code: int) -> None:
    fd = make()
    with answering(connect=one_by_one(-code)):
        error = raised(lambda: fd.connect(closed_port()))
    assert isinstance(error, OSError)
    assert error.errno == code
    assert type(error) is type(OSError(code, ""))
    fd.close()


@pytest.mark.parametrize(
    "code", [errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.ECONNRESET]
)
@in_run
def test_an_error_that_comes_later_is_raised(code: int) -> None:
    with tcp.listening() as (_, address):
        fd = make()
        with answering(getsockopt=on(fd.fileno(), lambda *_: code.to_bytes(4, "little"))):
            error = raised(lambda: fd.connect(tcp.raw(address)))
        assert isinstance(error, OSError)
        assert error.errno == code
        assert type(error) is type(OSError(code, ""))
        fd.close()


@in_run
def test_an_address_that_is_none_is_refused() -> None:
    fd = make()
    for wrong in (b"", b"\0", tcp.raw(("127.0.0.1", 1))[:7]):
        with pytest.raises(OSError, match="Invalid argument"):
            fd.connect(wrong)
    wrong_types: list[Any] = [None, "127.0.0.1:80", bytearray(16), ("127.0.0.1", 80)]
    for wrong_type in wrong_types:
        with pytest.raises(TypeError):
            fd.connect(wrong_type)
    fd.close()


@in_run
def test_a_second_connect_is_told_that_it_is_connected_by_having_a_peer() -> None:
    with tcp.listening() as (_, address):
        fd = make()
        fd.connect(tcp.raw(address))
        fd.connect(tcp.raw(address))
        assert fd.getpeername() == tcp.raw(address)
        fd.close()


# ---- wake-ups that mean nothing --------------------------------------------------------------


@in_run
def test_a_wake_up_without_a_connection_is_waited_out() -> None:
    keys: list[int] = []

    def registers(_: int, operation: int, fd: int, _events: int, key: int) -> None:
        if (operation, fd) == (1, number):
            keys.append(key)

    with tcp.connecting() as (fd, address):
        number = fd.fileno()
        with answering(epoll_ctl=registers):
            connecting = parked(netpoll.go(raised, lambda: fd.connect(address)))
            netpoll.sleep(0)
        with recorded("getpeername") as calls:
            for _ in range(3):
                with answering(epoll_wait=one_by_one([(ANYTHING, keys[0])])):
                    netpoll.sleep(0.0001)
                assert parked(connecting).state == "waiting: write"
        assert len(calls.made) == 3
        fd.close()
        assert isinstance(connecting.join(), netpoll.ClosedError)


@in_run
def test_an_interrupted_connect_goes_on_in_the_background() -> None:
    """connect(2): after EINTR the attempt continues; a second call would say EALREADY."""
    with tcp.listening() as (listener, address):
        for code in (errno.EINTR, errno.EALREADY):
            fd = make()
            there = socket.socket(fileno=os.dup(fd.fileno()))

            def begins(
                _: int, _address: bytes, there: socket.socket = there, code: int = code
            ) -> int:
                there.connect_ex(address)
                return -code

            with answering(connect=on(fd.fileno(), begins)):
                fd.connect(tcp.raw(address))
            there.close()
            accepted, peer = listener.accept()
            assert peer == fd.getsockname()
            accepted.close()
            fd.close()


@in_run
def test_a_descriptor_registered_before_it_connects_is_no_obstacle() -> None:
    """An unconnected socket reports a hang-up as soon as it is registered."""
    with tcp.listening() as (listener, address):
        fd = make()
        fd.set_deadline(time.monotonic() + 60)
        netpoll.sleep(0.0001)
        fd.connect(tcp.raw(address))
        accepted, _ = listener.accept()
        reader = parked(netpoll.go(fd.read_bytes, 10))
        accepted.write(b"x")
        assert reader.join(timeout=5) == b"x"
        accepted.close()
        fd.close()


# ---- limits ----------------------------------------------------------------------------------


LIMITS: dict[str, Any] = {
    "argument": lambda fd, address: fd.connect(address, 0.01),
    "deadline": lambda fd, address: (
        fd.set_write_deadline(time.monotonic() + 0.01),
        fd.connect(address),
    ),
    "timeout": lambda fd, address: (fd.settimeout(0.01), fd.connect(address)),
    "the-deadline-is-earlier": lambda fd, address: (
        fd.set_deadline(time.monotonic() + 0.01),
        fd.connect(address, 5),
    ),
    "the-argument-is-earlier": lambda fd, address: (
        fd.set_deadline(time.monotonic() + 5),
        fd.connect(address, 0.01),
    ),
}


@pytest.mark.parametrize("limit", LIMITS)
@in_run
def test_a_connection_that_takes_too_long_is_given_up(limit: str) -> None:
    with tcp.connecting() as (fd, address):
        begin = time.monotonic()
        with pytest.raises(netpoll.DeadlineExceeded) as caught:
            LIMITS[limit](fd, address)
        assert 0.01 <= time.monotonic() - begin < 3
        assert caught.value.timeout


@pytest.mark.parametrize("timeout", [0, -1, 1e-9, -1e300])
@in_run
def test_a_limit_that_has_passed_gives_up_at_once(timeout: float) -> None:
    with tcp.connecting() as (fd, address):
        with recorded("epoll_wait") as calls, pytest.raises(netpoll.DeadlineExceeded):
            fd.connect(address, timeout)
        assert not any(delay for _, delay in calls.of("epoll_wait"))


@in_run
def test_a_limit_that_is_no_number_is_refused() -> None:
    with tcp.connecting() as (fd, address):
        with pytest.raises(ValueError, match="number"):
            fd.connect(address, float("nan"))


@in_run
def test_a_past_deadline_makes_no_system_call() -> None:
    with tcp.listening() as (_, address):
        fd = make()
        fd.set_write_deadline(1)
        with recorded("connect") as calls, pytest.raises(netpoll.DeadlineExceeded):
            fd.connect(tcp.raw(address))
        assert calls.made == []
        fd.close()


@pytest.mark.parametrize("steps", range(4))
@in_run
def test_a_cancelled_connect_leaves_a_descriptor_that_can_be_closed(steps: int) -> None:
    with tcp.connecting() as (fd, address):
        connecting = netpoll.go(raised, lambda: fd.connect(address))
        for _ in range(steps):
            netpoll.sleep(0)
        connecting.cancel()
        if steps:
            assert isinstance(connecting.join(timeout=5), netpoll.Cancelled)
        else:
            with pytest.raises(netpoll.GoroutineCancelled):
                connecting.join(timeout=5)
        number = fd.fileno()
        fd.close()
        with pytest.raises(OSError):
            os.fstat(number)


SET_UPS = 10_000
BLOCK = 500
"""Connections that one listener is to hold: nobody accepts them."""


def limit_of(n: int) -> float | None:
    """Return the limit of the n-th: what is lost has one, others may be within it or not."""
    return n % 30 * 1e-6 if n % 3 or lost(n) else None


def lost(n: int) -> bool:
    """Whether the n-th never begins, although the kernel says so."""
    return n % 7 == 0


def playing(n: int, address: tuple[str, int]) -> Callable[[int, bytes], int | None]:
    """Return the kernel's answer to the n-th connect: its own, or another to what has begun."""

    def answer(fd: int, _: bytes) -> int | None:
        if lost(n):  # and an event comes all the same: of room, and of a hang-up
            return -errno.EINPROGRESS
        code = (errno.EINPROGRESS, errno.EINTR, errno.EALREADY, 0)[n % 4]
        if not code:
            return None
        with socket.socket(fileno=os.dup(fd)) as there:
            assert there.connect_ex(address) in {0, errno.EINPROGRESS}
        return -code

    return answer


@in_run
def test_whatever_the_limit_what_says_it_is_connected_has_a_peer() -> None:
    """Source: go1.27 net TestTCPSpuriousConnSetupCompletion."""
    connected = 0
    for first in range(0, SET_UPS, BLOCK):
        with tcp.listening(backlog=BLOCK) as (_, address):
            for n in range(first, first + BLOCK):
                fd = make()
                try:
                    with answering(connect=playing(n, address)):
                        fd.connect(tcp.raw(address), limit_of(n))
                except netpoll.DeadlineExceeded:
                    pass
                else:
                    assert not lost(n)
                    fd.getpeername()
                    fd.write(b"x")
                    connected += 1
                fd.close()
    assert connected > SET_UPS // 10  # where the machine is busy, most are late
