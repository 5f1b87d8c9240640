"""Calls on threads that nobody waits for any more, and what comes of them too late."""

import contextvars
import socket
import threading
import time
from contextlib import suppress

import pytest

import netpoll
from netpoll import Cancelled, GoroutineCancelled, ScopeTimeout, blocking, go, gosched, sleep
from netpoll._runtime.scope import cancel_scope, shield, timeout
from netpoll.from_thread import disposing
from tests.running import in_run, parked
from tests.runtime.pools import Wrong, all_busy, eventually, pool_of

# ---- giving up


@in_run
def test_ten_thousand_cancelled_calls_then_a_good_one() -> None:
    with pool_of(2) as pool:
        begun: list[int] = []
        with all_busy(pool, 2):
            calls = [go(pool.call, begun.append, 1) for _ in range(10_000)]
            parked(calls[-1])
            assert pool.queued == 10_000
            for each in calls:
                each.cancel()
            for each in calls:
                with pytest.raises(GoroutineCancelled):
                    each.join()
            assert pool.queued == 0  # none is kept until a thread is free
        assert pool.call(lambda: "good") == "good"
        assert begun == []


@in_run
def test_ten_thousand_abandoned_calls_then_a_good_one() -> None:
    with pool_of(50) as pool:
        for _ in range(200):
            calls = [go(pool.call, int) for _ in range(50)]
            gosched()
            for each in calls:
                each.cancel()
            for each in calls:
                with suppress(GoroutineCancelled):
                    assert each.join() == 0
        assert pool.call(lambda: "good") == "good"
        assert pool.threads <= 50


@in_run
def test_nothing_begins_for_one_that_is_cancelled() -> None:
    seen: list[int] = []

    def work() -> None:
        with suppress(Cancelled):
            sleep(60)
        for _ in range(3):
            with pytest.raises(Cancelled):
                blocking(seen.append, 1)
        with shield():
            blocking(seen.append, 2)

    goroutine = parked(go(work))
    goroutine.cancel()
    goroutine.join()
    assert seen == [2]


@in_run
def test_a_timeout_ends_the_wait() -> None:
    stop = threading.Event()
    began = time.monotonic()
    with pytest.raises(ScopeTimeout), timeout(0.01):
        blocking(stop.wait, 10)
    assert time.monotonic() - began < 5
    stop.set()


@in_run
def test_a_scope_cancelled_from_another_thread_ends_the_wait() -> None:
    stop = threading.Event()
    with cancel_scope() as scope:

        def work() -> None:
            scope.cancel()
            stop.wait(10)

        blocking(work)
    assert scope.caught
    stop.set()


@in_run
def test_a_shield_has_the_call_come_to_its_end() -> None:
    begun, stop = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        stop.wait(10)
        return 7

    def shielded() -> None:
        with shield():
            returned.append(blocking(work))

    returned: list[int] = []
    goroutine = parked(go(shielded))
    blocking(begun.wait)
    goroutine.cancel()
    stop.set()
    goroutine.join()
    assert returned == [7]


# ---- what comes too late


@in_run
def test_what_comes_too_late_goes_to_the_hook_on_that_thread() -> None:
    begun, stop, closed = threading.Event(), threading.Event(), threading.Event()
    var = contextvars.ContextVar("var", default=0)
    var.set(3)
    seen: list[object] = []

    def connect() -> tuple[socket.socket, int]:
        begun.set()
        stop.wait(10)
        return socket.socket(), threading.get_ident()

    def close(result: tuple[socket.socket, int]) -> None:
        result[0].close()
        seen.append(result[1] == threading.get_ident())
        seen.append(var.get())
        closed.set()

    caller = parked(go(blocking, disposing(connect, close)))
    blocking(begun.wait)
    caller.cancel()
    with pytest.raises(GoroutineCancelled):
        caller.join()
    assert not closed.is_set()
    stop.set()
    assert closed.wait(10)
    assert seen == [True, 3]


@in_run
def test_the_hook_has_no_part_in_a_call_that_is_waited_for() -> None:
    seen: list[int] = []
    whole = disposing(int, seen.append)
    assert blocking(whole, "7") == 7
    with pytest.raises(ValueError, match="invalid literal"):
        blocking(whole, "x")
    with pool_of(1) as pool:
        assert pool.call(whole, "8") == 8
        with all_busy(pool, 1):
            never = parked(go(pool.call, whole, "9"))
            never.cancel()
            with pytest.raises(GoroutineCancelled):
                never.join()
    assert seen == []


@in_run
def test_every_result_is_returned_or_given_to_the_hook_and_never_both() -> None:
    made: list[int] = []
    returned: list[int] = []
    abandoned: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    with pool_of(4) as pool:

        def work(number: int) -> None:
            returned.append(pool.call(disposing(make, abandoned.append), number))

        for start in range(0, 4000, 20):
            some = [go(work, start + i) for i in range(20)]
            gosched()
            for i, each in enumerate(some):
                if i % 2:
                    sleep(0)
                each.cancel()
            for each in some:
                with suppress(GoroutineCancelled):
                    each.join()
        eventually(lambda: pool.idle == pool.threads)
    assert sorted(returned + abandoned) == sorted(made)
    assert returned
    assert len(made) <= 4000


@in_run
def test_a_hook_that_raises_is_reported(
    unhandled: list[tuple[netpoll.Goroutine, BaseException]],
) -> None:
    begun, stop = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        stop.wait(10)
        return 1

    def hook(_: int) -> None:
        raise Wrong

    with pool_of(1) as pool:
        caller = parked(go(pool.call, disposing(work, hook)))
        blocking(begun.wait)
        caller.cancel()
        with pytest.raises(GoroutineCancelled):
            caller.join()
        stop.set()
        assert pool.call(int) == 0
        ((goroutine, error),) = unhandled
        assert goroutine is caller
        assert isinstance(error, Wrong)
        unhandled.clear()


def test_a_function_with_a_disposal_is_that_function_still() -> None:
    whole = disposing(divmod, print)
    assert whole(7, 2) == (3, 1)
    assert repr(whole) == "<Disposing <built-in function divmod>>"

    async def wrong() -> None:
        pass

    with pytest.raises(TypeError, match="plain function"):
        disposing(wrong, print)
    with pytest.raises(TypeError, match="needs a callable"):
        disposing(int, None)  # type: ignore[arg-type]
