"""Operations that are given up when a context is done."""

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest

from netpoll import DeadlineExceeded, DNSError, OpError, go, gosched, net, sleep
from netpoll.context import (
    CancelContext,
    Context,
    ContextCancelled,
    ContextDeadlineExceeded,
    background,
    with_cancel,
    with_timeout,
)
from tests.net.ends import EVERY_MOMENT, read_exactly, serving, silent
from tests.running import in_run, open_descriptors, parked

SOON = 0.01


class Why(Exception):
    """A cause."""


@contextmanager
def silent_names() -> Iterator[net.Resolver]:
    """Return a resolver that does not answer."""
    end = threading.Event()

    def answers_late(*_: Any) -> list[Any]:
        end.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "Too late")

    try:
        yield net.Resolver(answers_late)
    finally:
        end.set()


def causes(error: BaseException) -> list[type[BaseException]]:
    """Return the kinds of an exception and of what it was caused by."""
    found: list[type[BaseException]] = []
    at: BaseException | None = error
    while at is not None:
        found.append(type(at))
        at = at.__cause__
    return found


# ---- dial


@in_run
def test_a_dial_ends_when_its_context_is_cancelled() -> None:
    # Source: go1.27 net/error_test.go TestContextError
    context = with_cancel(background())
    with silent() as address:
        dialling = parked(go(net.dial, "tcp", address, context=context))
        context.cancel(Why("not wanted any more"))
        with pytest.raises(OpError) as caught:
            dialling.join()
    error = caught.value
    assert str(error) == f"dial tcp {address}: operation was canceled"
    assert (error.errno, error.timeout) == (errno.ECANCELED, False)
    assert not isinstance(error, TimeoutError)
    assert causes(error)[1:] == [ContextCancelled, Why]


@in_run
def test_a_dial_ends_when_the_time_of_its_context_is_over() -> None:
    context = with_timeout(background(), SOON)
    begin = monotonic()
    with silent() as address, pytest.raises(DeadlineExceeded) as caught:
        net.dial("tcp", address, context=context)
    assert SOON <= monotonic() - begin < 1
    assert str(caught.value).endswith("i/o timeout")
    assert caught.value.timeout
    cause = caught.value.__cause__
    assert isinstance(cause, ContextDeadlineExceeded)
    assert cause.context is context


@in_run
def test_the_dials_own_limit_is_none_of_the_context() -> None:
    context = with_timeout(background(), 3600)
    with silent() as address, pytest.raises(DeadlineExceeded) as caught:
        net.dial("tcp", address, timeout=SOON, context=context)
    assert ContextDeadlineExceeded not in causes(caught.value)
    assert context.err is None


@pytest.mark.parametrize("network", ["tcp", "udp", "unix"])
@in_run
def test_nothing_is_dialled_for_a_context_that_is_done(network: str) -> None:
    context = with_cancel(background())
    context.cancel()
    before = open_descriptors().keys()
    with pytest.raises(OpError, match="operation was canceled"):
        net.dial(network, "@nobody" if network == "unix" else "127.0.0.1:9", context=context)
    assert open_descriptors().keys() == before


@in_run
def test_a_dial_by_name_ends_with_its_context_too() -> None:
    context = with_cancel(background())
    with silent_names() as resolver:
        dialling = parked(
            go(net.dial, "tcp", "slow.example:80", resolver=resolver, context=context)
        )
        context.cancel()
        with pytest.raises(OpError, match="operation was canceled") as caught:
            dialling.join()
    assert causes(caught.value)[1] is ContextCancelled


@in_run
def test_a_context_that_ends_after_the_dial_is_no_concern_of_the_connection() -> None:
    # Source: go1.27 net/dial_test.go TestCancelAfterDial
    with serving() as listener:
        for make in (with_cancel, lambda parent: with_timeout(parent, SOON)):
            context = make(background())
            with net.dial("tcp", str(listener.local_addr), context=context) as conn:
                context.cancel()
                sleep(SOON)
                assert conn.gettimeout() is None
                conn.write(b"echo")
                assert read_exactly(conn, 4) == b"echo"
                assert context.entered_by() == 0


@in_run
def test_a_dial_can_be_ended_at_each_of_its_parks() -> None:
    def one(address: str, number: int) -> str:
        context = with_cancel(background())
        dialling = go(net.dial, "tcp", address, context=context)
        for _ in range(number):
            gosched()
        context.cancel()
        try:
            dialling.join(5).close()
        except OpError:
            return "cancelled"
        return "connected"

    with net.listen("tcp", "127.0.0.1:0") as listener:
        sleep(1e-3)
        before = open_descriptors().keys()
        outcomes = set()
        for number in EVERY_MOMENT:
            outcomes.add(one(str(listener.local_addr), number))
            assert open_descriptors().keys() == before
    assert outcomes == {"cancelled", "connected"}


# ---- listen


@pytest.mark.parametrize("listen", [net.listen, net.listen_packet])
@in_run
def test_the_look_up_of_a_listen_ends_with_its_context(listen: Callable[..., Any]) -> None:
    network = "tcp" if listen is net.listen else "udp"
    context = with_timeout(background(), SOON)
    with silent_names() as resolver, pytest.raises(DeadlineExceeded) as caught:
        listen(network, "slow.example:0", resolver=resolver, context=context)
    assert causes(caught.value)[1] is ContextDeadlineExceeded
    with listen(network, "127.0.0.1:0", context=with_cancel(background())):
        pass


# ---- look-ups


def lookups(resolver: net.Resolver) -> list[Callable[[Context], object]]:
    return [
        lambda context: resolver.lookup_host("slow.example", context=context),
        lambda context: resolver.lookup_ip("slow.example", context=context),
        lambda context: resolver.lookup_port("tcp", "slow", context=context),
        lambda context: resolver.lookup_cname("slow.example", context=context),
    ]


@in_run
def test_a_look_up_ends_when_its_context_is_cancelled() -> None:
    # Source: go1.27 net/lookup_test.go TestLookupContextCancel
    with silent_names() as resolver:
        for lookup in lookups(resolver):
            context = with_cancel(background())
            looking = parked(go(lookup, context))
            context.cancel()
            with pytest.raises(DNSError, match="operation was canceled") as caught:
                looking.join()
            assert not caught.value.timeout
            assert not caught.value.is_temporary
            assert caught.value.name
            assert causes(caught.value)[1] is ContextCancelled


@in_run
def test_a_look_up_ends_when_the_time_is_over() -> None:
    with silent_names() as resolver:
        for lookup in lookups(resolver):
            with pytest.raises(DNSError, match="i/o timeout") as caught:
                lookup(with_timeout(background(), 0.002))
            assert caught.value.is_timeout
            assert caught.value.is_temporary
            assert causes(caught.value)[1] is ContextDeadlineExceeded


@in_run
def test_one_who_gives_a_shared_look_up_up_leaves_it_to_the_others() -> None:
    end = threading.Event()

    def answer(*_: Any) -> list[Any]:
        end.wait(10)
        return [(socket.AF_INET, 1, 6, "", ("192.0.2.7", 0))]

    resolver = net.Resolver(answer)
    contexts: list[CancelContext] = [with_cancel(background()) for _ in range(2)]
    looking = [
        parked(go(resolver.lookup_host, "shared.example", context=context)) for context in contexts
    ]
    contexts[0].cancel()
    with pytest.raises(DNSError, match="operation was canceled"):
        looking[0].join()
    end.set()
    assert looking[1].join() == ["192.0.2.7"]


@in_run
def test_literals_need_no_context() -> None:
    context = with_cancel(background())
    context.cancel()
    assert net.lookup_host("192.0.2.7", context=context) == ["192.0.2.7"]
    assert net.lookup_port("tcp", "80", context=context) == 80
