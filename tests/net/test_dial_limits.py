"""How long a dial may take, and how it is called off."""

import errno
import math
import random
import socket
import threading
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest

from netpoll import (
    DeadlineExceeded,
    DNSError,
    GoroutineCancelled,
    OpError,
    go,
    gosched,
    net,
    sleep,
)
from netpoll.net import TCPAddr
from tests.kernel import answering
from tests.net.ends import read_exactly, serving, silent, turns
from tests.net.sweep import swept
from tests.running import in_run, parked

SOON = 0.02


# ---- time limits


@pytest.mark.parametrize(
    ("timeout", "delta"),
    [
        (-5.0, None),
        (-1e-9, None),
        (0.0, None),
        (1e-9, None),
        (0.001, None),
        (SOON, None),
        (None, -5.0),
        (None, -3600.0),
        (None, 1e-9),
        (None, 0.001),
        (None, SOON),
        (-5.0, 3600.0),
        (3600.0, -5.0),
        (0.001, 3600.0),
        (3600.0, 0.001),
        (SOON, 3600.0),
        (3600.0, SOON),
    ],
)
@in_run
def test_a_dial_without_an_answer_ends_at_the_earlier_limit_and_not_before(
    timeout: float | None, delta: float | None
) -> None:
    # Source: go1.27 net/timeout_test.go TestDialTimeout
    with silent() as address:
        begin = monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            net.dial(
                "tcp", address, timeout=timeout, deadline=None if delta is None else begin + delta
            )
        took = monotonic() - begin
    assert min(limit for limit in (timeout, delta) if limit is not None) <= took < 1
    error = caught.value
    assert str(error) == f"dial tcp {address}: i/o timeout"
    assert isinstance(error, TimeoutError)
    assert error.timeout
    assert (error.op, error.network, error.source) == ("dial", "tcp", None)
    assert error.addr == TCPAddr.parse(address)


@pytest.mark.parametrize("limit", [1e10, 1e18, 1e300, math.inf])
@in_run
def test_a_limit_beyond_all_clocks_is_none(limit: float) -> None:
    # Source: go1.27 net/timeout_test.go TestDialTimeoutMaxDuration
    with net.listen("tcp", "127.0.0.1:0") as listener:
        net.dial("tcp", str(listener.local_addr), timeout=limit).close()
        net.dial("tcp", str(listener.local_addr), deadline=limit).close()
        net.Dialer(timeout=limit, deadline=limit).dial("tcp", str(listener.local_addr)).close()


@in_run
def test_a_limit_that_is_no_number_is_refused() -> None:
    for timeout, deadline in ((math.nan, None), (None, math.nan), (1, math.nan)):
        with pytest.raises(ValueError, match="NaN"):
            net.dial("tcp", "127.0.0.1:1", timeout=timeout, deadline=deadline)


@pytest.mark.parametrize("value", ["5", b"5", 5j, 10**400], ids=["str", "bytes", "complex", "huge"])
@in_run
def test_a_limit_of_another_type_is_refused_with_what_is_wanted(value: Any) -> None:
    for what in ("timeout", "deadline"):
        wrong: dict[str, Any] = {what: value}
        with pytest.raises((TypeError, ValueError), match=f"^a {what} (is a number|of more) "):
            net.dial("tcp", "127.0.0.1:1", **wrong)


@in_run
def test_the_limit_of_the_dial_is_none_of_the_connection() -> None:
    # Source: go1.27 net/dial_test.go TestCancelAfterDial
    with serving() as listener:
        conns = [net.dial("tcp", str(listener.local_addr), timeout=0.1) for _ in range(10)]
        sleep(0.1)
        for conn in conns:
            with conn:
                assert conn.gettimeout() is None
                conn.write(b"echo")
                assert read_exactly(conn, 4) == b"echo"


@in_run
def test_the_limit_holds_for_the_name_too() -> None:
    end = threading.Event()

    def answers_late(*_: Any) -> list[Any]:
        end.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "Too late")

    begin = monotonic()
    try:
        with pytest.raises(DeadlineExceeded) as caught:
            net.dial("tcp", "slow.example:80", timeout=SOON, resolver=net.Resolver(answers_late))
    finally:
        end.set()
    assert SOON <= monotonic() - begin < 1
    # Source: go1.27 net/lookup.go (*Resolver).lookupIPAddr, net/dial.go (*sysDialer)
    assert str(caught.value) == "dial tcp: lookup slow.example: i/o timeout"
    assert (caught.value.timeout, caught.value.op) == (True, "dial")


@in_run
def test_an_answer_at_the_very_limit_is_one_or_the_other() -> None:
    def answers_about_now(*_: Any) -> list[Any]:
        threading.Event().wait(random.uniform(0.001, 0.003))
        raise socket.gaierror(socket.EAI_NONAME, "No such name")

    resolver = net.Resolver(answers_about_now)
    outcomes = set()

    def dial() -> None:
        with pytest.raises((DNSError, DeadlineExceeded)) as caught:
            net.dial("tcp", "near.example:80", timeout=0.002, resolver=resolver)
        outcomes.add(type(caught.value))

    for goroutine in [go(dial) for _ in range(100)]:
        goroutine.join()
    assert outcomes <= {DNSError, DeadlineExceeded}


@in_run
def test_the_kernels_own_limit_is_a_timeout_but_no_deadline() -> None:
    with (
        answering(connect=lambda *_: -errno.ETIMEDOUT),
        pytest.raises(OpError, match=r"^dial tcp 127.0.0.1:1: connection timed out$") as caught,
    ):
        net.dial("tcp", "127.0.0.1:1")
    assert not isinstance(caught.value, DeadlineExceeded)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.timeout


# ---- called off


@in_run
def test_a_dial_can_be_cancelled_at_each_of_its_parks() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:

        def dial() -> net.TCPConn:
            return net.dial("tcp", str(listener.local_addr), timeout=5)

        assert swept(dial, turns) == {"cancelled", "connected"}


@in_run
def test_a_dial_that_is_not_answered_can_be_cancelled_at_each_of_its_parks() -> None:
    with silent() as address:

        def dial() -> net.TCPConn:
            return net.dial("tcp", address)

        assert swept(dial, turns) == {"cancelled"}


@in_run
def test_a_dial_by_name_can_be_cancelled_at_any_time() -> None:
    def answer(*_: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]

    resolver = net.Resolver(answer)
    with net.listen("tcp", "127.0.0.1:0") as listener:
        address = f"any.example:{listener.local_addr.port}"
        net.dial("tcp", address, resolver=resolver).close()
        for limit in (None, 5):

            def dial(limit: float | None = limit) -> net.TCPConn:
                return net.dial("tcp", address, timeout=limit, resolver=resolver)

            assert "cancelled" in swept(dial, lambda number: sleep(number * 3e-6))
        net.dial("tcp", address, resolver=resolver).close()


@in_run
def test_cancellation_is_no_error_of_the_network() -> None:
    # Source: go1.27 net/error_test.go TestContextError
    with silent() as address:
        dialling = parked(go(net.dial, "tcp", address, timeout=5))
        dialling.cancel()
        with pytest.raises(GoroutineCancelled) as caught:
            dialling.join()
        assert not isinstance(caught.value, OSError)


@in_run
def test_who_is_cancelled_after_the_dial_hands_on_a_connection_that_works() -> None:
    # Source: go1.27 net/dial_test.go TestCancelAfterDial
    with serving() as listener:

        def dial_and_stay() -> None:
            dialled.append(net.dial("tcp", str(listener.local_addr), timeout=5))
            sleep(3600)

        for _ in range(10):
            dialled: list[net.TCPConn] = []
            dialling = go(dial_and_stay)
            while not dialled:
                gosched()
            dialling.cancel()
            with pytest.raises(GoroutineCancelled):
                dialling.join()
            with dialled[0] as conn:
                conn.write(b"echo")
                assert read_exactly(conn, 4) == b"echo"


# ---- set up

SET_UPS = 10_000
DIALLERS = 50


@pytest.mark.parametrize("cancelling", [False, True])
@in_run
def test_a_connection_that_is_returned_is_connected(cancelling: bool) -> None:
    # Source: go1.27 net/tcpsock_unix_test.go TestTCPSpuriousConnSetupCompletion(WithCancel)
    tried = 0

    def take_a_byte(conn: net.TCPConn) -> None:
        with conn, suppress(OSError):
            conn.read(1)

    def dial() -> None:
        nonlocal tried
        while tried < SET_UPS:
            tried += 1
            try:
                conn = net.dial("tcp", address, timeout=0.05)
            except TimeoutError:
                continue
            with conn:
                try:
                    conn.write(b"x")
                except OpError as error:
                    assert error.errno in {errno.EPIPE, errno.ECONNRESET}, error

    def dial_and_be_cancelled() -> None:
        with suppress(GoroutineCancelled):
            dialler = go(dial)
            turns(random.randrange(200))
            dialler.cancel()
            dialler.join()

    def dial_again_and_again() -> None:
        while tried < SET_UPS:
            dial_and_be_cancelled()

    with serving(take_a_byte) as listener:
        address = str(listener.local_addr)
        diallers = [
            go(dial_again_and_again if cancelling and number % 2 else dial)
            for number in range(DIALLERS)
        ]
        for dialler in diallers:
            dialler.join()
    assert tried >= SET_UPS
