"""Accepting: what is passed over, what is waited out, and what ends it."""

import errno
import os
import resource
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise

import pytest

import netpoll
from netpoll._poll.listen_fd import ListenFD
from tests import tcp
from tests.kernel import answering, on, one_by_one, recorded
from tests.poll.operations import raised
from tests.program import reset
from tests.running import in_run, parked

EXHAUSTED = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]
GONE = [
    errno.EINTR,
    errno.ECONNABORTED,
    errno.EPROTO,
    errno.ENETDOWN,
    errno.ENOPROTOOPT,
    errno.EHOSTDOWN,
    errno.ENONET,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
]


def accept_and_close(listener: ListenFD) -> bytes:
    fd, peer = listener.accept()
    fd.close()
    return bytes(peer)


def accept_into(seen: list[bytes], listener: ListenFD) -> None:
    seen.append(accept_and_close(listener))


def refused(listener: ListenFD, code: int) -> dict[str, Callable[..., object]]:
    """Return the answers of a kernel that has no room for a connection, ever."""
    return {"accept4": on(listener.fileno(), lambda _: -code)}


@in_run
def test_a_connection_comes_with_the_address_of_its_peer() -> None:
    with tcp.listening() as (listener, address), socket.create_connection(address) as peer:
        fd, sockaddr = listener.accept()
        assert sockaddr == tcp.raw(peer.getsockname())
        assert fd.getpeername() == sockaddr
        assert fd.getsockname() == tcp.raw(address)
        assert not os.get_blocking(fd.fileno())
        assert not os.get_inheritable(fd.fileno())
        peer.sendall(b"x")
        assert fd.read_bytes(10) == b"x"
        fd.close()


@in_run
def test_connections_are_accepted_in_the_order_in_which_they_came() -> None:
    with tcp.listening() as (listener, address), ExitStack() as open_ones:
        waiting = [parked(netpoll.go(accept_and_close, listener)) for _ in range(5)]
        peers = [open_ones.enter_context(socket.create_connection(address)) for _ in range(5)]
        assert [one.join(timeout=5) for one in waiting] == [
            tcp.raw(peer.getsockname()) for peer in peers
        ]


@pytest.mark.parametrize("code", GONE)
@in_run
def test_a_connection_that_is_gone_already_is_passed_over(code: int) -> None:
    with tcp.listening() as (listener, address):
        waiting = parked(netpoll.go(accept_and_close, listener))
        with answering(accept4=on(listener.fileno(), one_by_one(*[-code] * 10))):
            with socket.create_connection(address) as peer:
                assert waiting.join(timeout=5) == tcp.raw(peer.getsockname())


@in_run
def test_a_connection_reset_before_it_was_accepted_ends_nothing() -> None:
    with tcp.listening() as (listener, address):
        reset(socket.create_connection(address))
        with socket.create_connection(address) as peer:
            seen = [accept_and_close(listener) for _ in range(2)]
            assert seen[1] == tcp.raw(peer.getsockname())


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP, errno.EPERM])
@in_run
def test_an_error_of_the_listener_itself_is_raised(code: int) -> None:
    with tcp.listening() as (listener, address):
        with answering(accept4=on(listener.fileno(), one_by_one(-code))):
            error = raised(listener.accept)
        assert isinstance(error, OSError)
        assert error.errno == code
        with socket.create_connection(address):
            accept_and_close(listener)


@in_run
def test_a_socket_that_does_not_listen_cannot_accept() -> None:
    fd = ListenFD.socket(socket.AF_INET, socket.SOCK_STREAM)
    with pytest.raises(OSError, match="Invalid argument"):
        fd.accept()
    fd.close()


# ---- no descriptors left ---------------------------------------------------------------------

PAUSES = [*(0.005 * 2**n for n in range(8)), 1.0]
"""How long it waits after the first refusal, the second and so on."""


@pytest.mark.parametrize("code", EXHAUSTED)
@in_run
def test_it_is_tried_again_after_a_pause_that_doubles(code: int) -> None:
    moments = []

    def refuses(_: int) -> int | None:
        moments.append(time.monotonic())
        return -code if len(moments) < 5 else None

    with tcp.listening() as (listener, address), socket.create_connection(address) as peer:
        with answering(accept4=on(listener.fileno(), refuses)):
            assert accept_and_close(listener) == tcp.raw(peer.getsockname())
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    for pause, least in zip(pauses, PAUSES[:4], strict=True):
        assert pause >= least


@in_run
def test_the_pause_grows_to_a_second_and_no_further() -> None:
    """The clock is the kernel's: each wait for events tells how long it is meant to last."""
    pauses: list[float] = []

    def refuses(_: int) -> int:
        pauses.append(0.0)
        return -errno.EMFILE

    def waits(_: int, delay_ns: int) -> int | None:
        if not pauses or delay_ns <= 0:
            return None
        pauses[-1] = max(pauses[-1], delay_ns / 1e9)
        if delay_ns < 650_000_000:
            return None
        listener.close()
        return -errno.EINTR

    with tcp.listening() as (listener, _):
        with answering(accept4=on(listener.fileno(), refuses), epoll_wait=waits):
            with pytest.raises(netpoll.ClosedError):
                listener.accept()
    for pause, meant in zip(pauses, PAUSES, strict=True):
        assert meant - 0.02 <= pause <= meant  # a signal gate may cut the first wait short


@in_run
def test_new_connections_do_not_hasten_it() -> None:
    tries = 0

    def refuses(_: int) -> int:
        nonlocal tries
        tries += 1
        return -errno.EMFILE

    with tcp.listening() as (listener, address), ExitStack() as open_ones:
        with answering(accept4=on(listener.fileno(), refuses)):
            waiting = netpoll.go(raised, listener.accept)
            begin = time.monotonic()
            while time.monotonic() < begin + 0.03:
                open_ones.enter_context(socket.create_connection(address))
                netpoll.sleep(0.001)
            assert sum(PAUSES[: tries - 1]) <= time.monotonic() - begin
            listener.close()
            assert isinstance(waiting.join(), netpoll.ClosedError)


@in_run
def test_after_a_success_the_pause_begins_anew() -> None:
    with tcp.listening() as (listener, address), ExitStack() as open_ones:
        for _ in range(2):
            open_ones.enter_context(socket.create_connection(address))
            no_room = on(listener.fileno(), one_by_one(-errno.EMFILE, -errno.EMFILE))
            with answering(accept4=no_room), recorded("epoll_wait") as calls:
                begin = time.monotonic()
                accept_and_close(listener)
                assert time.monotonic() - begin >= 0.015
            assert max(delay for _, delay in calls.of("epoll_wait")) <= 10_000_000


@pytest.mark.parametrize("code", EXHAUSTED)
@pytest.mark.parametrize("step", range(4))
@in_run
def test_closing_interrupts_the_pause(code: int, step: int) -> None:
    with tcp.listening() as (listener, _), answering(**refused(listener, code)):
        waiting = [netpoll.go(raised, listener.accept) for _ in range(2)]
        netpoll.sleep([0, 0.001, 0.006, 0.03][step])
        with recorded("epoll_wait") as calls:
            listener.close()
            for one in waiting:
                assert isinstance(one.join(), netpoll.ClosedError)
        assert not any(delay for _, delay in calls.of("epoll_wait"))


@pytest.mark.parametrize("step", range(3))
@in_run
def test_cancelling_interrupts_the_pause_and_the_next_goes_on(step: int) -> None:
    with tcp.listening() as (listener, address), answering(**refused(listener, errno.EMFILE)):
        first = netpoll.go(raised, listener.accept)
        second = netpoll.go(accept_and_close, listener)
        netpoll.sleep([0, 0.001, 0.03][step])
        with recorded("epoll_wait") as calls:
            first.cancel()
            assert isinstance(first.join(), netpoll.Cancelled)
        assert not any(delay for _, delay in calls.of("epoll_wait"))
        with answering(accept4=on(listener.fileno(), lambda _: None)):
            with socket.create_connection(address) as peer:
                assert second.join(timeout=5) == tcp.raw(peer.getsockname())


@pytest.mark.parametrize("limit", ["deadline", "deadline-set-meanwhile", "timeout", "past"])
@in_run
def test_a_limit_ends_the_pause(limit: str) -> None:
    refusals = 0
    waits: list[tuple[int, float]] = []  # how many refusals came before, and how long it lasts

    def refuses(_: int) -> int:
        nonlocal refusals
        refusals += 1
        return -errno.EMFILE

    def waits_for(_: int, delay_ns: int) -> None:
        waits.append((refusals, delay_ns / 1e9))

    with (
        tcp.listening() as (listener, _),
        answering(accept4=on(listener.fileno(), refuses), epoll_wait=waits_for),
    ):
        begin = time.monotonic()
        if limit == "deadline":
            listener.set_deadline(begin + 0.08)
        elif limit == "timeout":
            listener.settimeout(0.08)
        waiting = netpoll.go(raised, listener.accept)
        if limit == "deadline-set-meanwhile":
            parked(waiting)
            listener.set_read_deadline(begin + 0.08)
        elif limit == "past":
            netpoll.sleep(0.08)
            waits.clear()
            listener.set_read_deadline(1)
        assert isinstance(waiting.join(timeout=5), netpoll.DeadlineExceeded)
        assert time.monotonic() - begin >= 0.08
        if limit == "past":
            assert not any(delay for _, delay in waits)
        for tries, delay in waits:  # a pause of 80 ms begins at 75 ms: it is not waited for
            assert 0 <= delay <= max(0.08 - sum(PAUSES[: tries - 1]), 0) + 0.001


@pytest.mark.parametrize("code", EXHAUSTED)
@in_run
def test_it_recovers_by_itself_when_there_is_room_again(code: int) -> None:
    with tcp.listening() as (listener, address):
        with answering(**refused(listener, code)):
            waiting = [netpoll.go(accept_and_close, listener) for _ in range(3)]
            peers = [socket.create_connection(address) for _ in range(3)]
            netpoll.sleep(0.004)
        assert {one.join(timeout=5) for one in waiting} == {
            tcp.raw(peer.getsockname()) for peer in peers
        }
        for peer in peers:
            peer.close()


@in_run
def test_a_real_lack_of_descriptors_is_waited_out() -> None:
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with tcp.listening() as (listener, address), ExitStack() as open_ones:
        peers = [open_ones.enter_context(socket.create_connection(address)) for _ in range(3)]
        netpoll.sleep(0.001)  # the poller has its descriptors
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            with recorded("accept4") as calls:
                begin = time.monotonic()
                waiting = netpoll.go(accept_and_close, listener)
                netpoll.sleep(0.03)
                assert not waiting.done
                assert sum(PAUSES[: len(calls.made) - 1]) <= time.monotonic() - begin
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        assert waiting.join(timeout=5) == tcp.raw(peers[0].getsockname())


# ---- limits ----------------------------------------------------------------------------------


@in_run
def test_a_past_deadline_fails_even_with_a_connection_in_the_queue() -> None:
    with tcp.listening() as (listener, address), socket.create_connection(address) as peer:
        for past in (time.monotonic(), 0, -1, -1e300):
            listener.set_deadline(past)
            with pytest.raises(netpoll.DeadlineExceeded):
                listener.accept()
        listener.set_deadline(None)
        assert accept_and_close(listener) == tcp.raw(peer.getsockname())


@in_run
def test_a_cancelled_accept_loses_no_connection() -> None:
    for steps in range(6):
        with tcp.listening() as (listener, address):
            seen: list[bytes] = []
            waiting = netpoll.go(accept_into, seen, listener)
            for _ in range(steps // 2):
                netpoll.sleep(0)
            with socket.create_connection(address) as peer:
                for _ in range(steps % 3):
                    netpoll.sleep(0)
                waiting.cancel()
                while not waiting.done:
                    netpoll.gosched()
                if not seen:
                    with pytest.raises(netpoll.GoroutineCancelled):
                        waiting.join()
                    seen.append(accept_and_close(listener))
                assert seen == [tcp.raw(peer.getsockname())]
