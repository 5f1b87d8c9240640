"""blocking: functions that block run on threads, and the goroutines go on."""

import contextvars
import gc
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

import netpoll
from netpoll import Cancelled, GoroutineCancelled, blocking, go, gosched, sleep
from netpoll._runtime import lifecycle, threads
from netpoll._runtime.threads import BlockingPool
from tests.running import in_run, on_thread, pair, parked


class Wrong(Exception):
    pass


@pytest.fixture
def small_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockingPool]:
    """Put a pool of two threads, which leave soon, in the place of the real one."""
    pool = BlockingPool(2, idle_timeout=0.01)
    monkeypatch.setattr(threads, "_pool", pool)
    yield pool
    wait_until_empty(pool)


def wait_until_empty(pool: BlockingPool) -> None:
    end = time.monotonic() + 5
    while pool.threads:
        assert time.monotonic() < end, "the threads of the pool do not leave"
        time.sleep(0.001)


@in_run
def test_it_returns_what_the_function_returns() -> None:
    assert blocking(lambda *args, **kwargs: (args, kwargs), 1, fn=2) == ((1,), {"fn": 2})


@in_run
def test_it_raises_what_the_function_raises() -> None:
    wrong = Wrong()

    def fail() -> None:
        raise wrong

    with pytest.raises(Wrong) as caught:
        blocking(fail)
    assert caught.value is wrong
    assert caught.traceback[-1].name == "fail"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
@in_run
def test_it_raises_what_is_no_usual_exception(kind: type[BaseException]) -> None:
    def fail() -> None:
        raise kind

    with pytest.raises(kind):
        blocking(fail)
    assert blocking(int) == 0


@in_run
def test_the_function_runs_on_another_thread() -> None:
    assert blocking(threading.get_ident) != threading.get_ident()
    assert blocking(lambda: threading.current_thread().daemon)


@in_run
def test_the_others_go_on_meanwhile() -> None:
    stop = threading.Event()
    caller = parked(go(blocking, stop.wait))
    assert caller.state == "waiting: a call on a thread"
    with pair() as (one, two):
        reader = parked(go(one.read_bytes, 1))
        two.write(b"x")
        assert reader.join() == b"x"
    assert not caller.done
    stop.set()
    assert caller.join() is True


@in_run
def test_twenty_calls_run_at_once() -> None:
    barrier = threading.Barrier(20)
    for each in [go(blocking, barrier.wait, 20) for _ in range(20)]:
        each.join()


def test_it_works_without_run_and_on_any_thread() -> None:
    assert blocking(lambda: 1) == 1
    assert on_thread(blocking, lambda: 2) == 2


@in_run
def test_a_function_on_a_thread_may_use_goroutines_of_its_own(small_pool: BlockingPool) -> None:
    def work() -> int:
        return go(blocking, lambda: go(lambda: 3).join()).join()

    assert blocking(work) == 3


@in_run
def test_a_hundred_goroutines_call_a_hundred_times() -> None:
    def work(i: int) -> int:
        return sum(blocking(lambda: i) for _ in range(10))

    assert sum(each.join() for each in [go(work, i) for i in range(50)]) == 12250


@in_run
def test_the_context_is_carried_there() -> None:
    var: contextvars.ContextVar[int] = contextvars.ContextVar("var")
    var.set(1)
    assert blocking(var.get) == 1


# ---- cancellation


@in_run
def test_a_cancelled_wait_ends_at_once_and_the_thread_goes_on_alone() -> None:
    begun, stop, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        stop.wait()
        ended.set()

    caller = parked(go(blocking, work))
    begun.wait()
    caller.cancel()
    with pytest.raises(GoroutineCancelled):
        caller.join()
    stop.set()
    assert ended.wait(5)


@in_run
def test_what_an_abandoned_function_raises_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    begun, stop = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        stop.wait()
        raise Wrong

    caller = parked(go(blocking, work))
    begun.wait()
    caller.cancel()
    with pytest.raises(GoroutineCancelled):
        caller.join()
    stop.set()
    assert blocking(int) == 0
    assert capfd.readouterr().err == ""


@in_run
def test_a_function_that_has_not_begun_when_its_caller_is_cancelled_never_does(
    small_pool: BlockingPool,
) -> None:
    seen: list[int] = []
    stop = threading.Event()
    busy = [parked(go(blocking, stop.wait)) for _ in range(2)]
    waiting = [parked(go(blocking, seen.append, i)) for i in range(3)]
    waiting[1].cancel()
    with pytest.raises(GoroutineCancelled):
        waiting[1].join()
    stop.set()
    for each in (*busy, waiting[0], waiting[2]):
        each.join()
    assert seen == [0, 2]


@in_run
def test_a_result_that_is_there_is_not_lost_to_a_cancellation() -> None:
    for _ in range(20):
        caller = go(blocking, lambda: 7)
        gosched()  # it begins, and may have its result already
        time.sleep(0.0005)
        caller.cancel()
        try:
            assert caller.join() == 7
        except GoroutineCancelled:
            continue


# ---- goroutines of the function


@in_run
def test_what_a_function_starts_and_leaves_is_cancelled_before_the_next_call(
    small_pool: BlockingPool,
) -> None:
    began, ended = threading.Event(), threading.Event()

    def linger() -> None:
        began.set()
        try:
            sleep(600)
        finally:
            ended.set()

    def leave() -> None:
        go(linger)
        gosched()

    small_pool.limit(1, 0.01)
    blocking(leave)
    assert began.is_set()
    assert blocking(ended.is_set)
    assert blocking(lambda: go(lambda: 4).join()) == 4  # the thread has a new scheduler


@in_run
def test_the_caller_does_not_wait_for_what_a_function_leaves(
    small_pool: BlockingPool,
) -> None:
    ending, stop = threading.Event(), threading.Event()

    def linger() -> None:
        try:
            sleep(600)
        finally:
            ending.set()
            stop.wait(5)

    def leave() -> str:
        go(linger).name = "lingers"
        gosched()
        return "done"

    began = time.monotonic()
    assert blocking(leave) == "done"
    assert time.monotonic() - began < 4
    assert ending.wait(5)
    assert blocking(int) == 0  # on the other thread, this one being busy
    stop.set()


@in_run
def test_what_a_function_leaves_and_will_not_end_is_reported(
    small_pool: BlockingPool, left_behind: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "GRACE", 0.01)

    def linger() -> None:
        while True:
            with suppress(Cancelled):
                sleep(600)

    def leave() -> None:
        go(linger).name = "lingers"
        gosched()

    small_pool.limit(1, 0.01)
    blocking(leave)
    assert blocking(int) == 0
    assert left_behind == ["lingers"]
    left_behind.clear()


@in_run
def test_a_failure_that_a_function_leaves_unjoined_is_reported(
    small_pool: BlockingPool, unhandled: list[tuple[netpoll.Goroutine, BaseException]]
) -> None:
    kept = []

    def fail() -> None:
        raise Wrong

    def leave() -> None:
        kept.append(go(fail))
        gosched()

    small_pool.limit(1, 0.01)
    blocking(leave)
    assert blocking(int) == 0
    assert [(goroutine, type(error)) for goroutine, error in unhandled] == [(kept[0], Wrong)]
    unhandled.clear()


@in_run
def test_an_async_function_is_refused_before_it_is_called() -> None:
    async def wrong() -> None:
        pass

    async def wrong_too() -> AsyncIterator[int]:
        yield 1

    for fn in (wrong, wrong_too):
        with pytest.raises(TypeError, match=r"blocking\(\) needs a plain function, .*async def"):
            blocking(fn)
    with pytest.raises(TypeError, match=r"^blocking\(\) needs a callable, not int$"):
        blocking(1)  # type: ignore[arg-type]


# ---- the pool


@in_run
def test_a_pool_of_ones_own_has_threads_of_its_own(small_pool: BlockingPool) -> None:
    own = BlockingPool(1, idle_timeout=0.01)
    stop = threading.Event()
    busy = [parked(go(blocking, stop.wait)) for _ in range(3)]
    assert own.call(divmod, 7, 2) == (3, 1)
    assert own.call(dict, fn=1, self=2) == {"fn": 1, "self": 2}
    with pytest.raises(ZeroDivisionError):
        own.call(divmod, 7, 0)
    stop.set()
    for one in busy:
        one.join()
    wait_until_empty(own)


@in_run
def test_a_call_of_a_pool_can_be_cancelled_while_it_waits_for_its_turn() -> None:
    own = BlockingPool(1, idle_timeout=0.01)
    seen: list[int] = []
    stop = threading.Event()
    busy = parked(go(own.call, stop.wait))
    waiting = parked(go(own.call, seen.append, 1))
    waiting.cancel()
    with pytest.raises(GoroutineCancelled):
        waiting.join()
    stop.set()
    busy.join()
    own.call(seen.append, 2)
    assert seen == [2]
    wait_until_empty(own)


@in_run
def test_a_pool_that_nobody_has_any_more_is_forgotten() -> None:
    before = len(threads._pools)
    own = BlockingPool(idle_timeout=0)
    assert own.call(int) == 0
    wait_until_empty(own)
    assert len(threads._pools) == before + 1
    end = time.monotonic() + 5
    del own
    while len(threads._pools) > before:
        assert time.monotonic() < end, "its thread keeps it"
        gc.collect()
        time.sleep(0.001)


@in_run
def test_a_pool_has_no_more_threads_than_it_may(small_pool: BlockingPool) -> None:
    most = 0
    at_work = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal most, at_work
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.001)
        with lock:
            at_work -= 1

    for each in [go(blocking, work) for _ in range(20)]:
        each.join()
    assert most == 2


@in_run
def test_calls_are_served_in_their_order(small_pool: BlockingPool) -> None:
    seen: list[int] = []
    stops = [threading.Event() for _ in range(2)]
    busy = [parked(go(blocking, stop.wait)) for stop in stops]
    waiting = [parked(go(blocking, seen.append, i)) for i in range(20)]
    stops[0].set()  # one thread serves them all: of two, one may overtake the other
    for each in waiting:
        each.join()
    assert seen == list(range(20))
    stops[1].set()
    for one in busy:
        one.join()


@in_run
def test_an_idle_thread_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = BlockingPool(idle_timeout=10)
    monkeypatch.setattr(threads, "_pool", pool)
    for _ in range(20):
        blocking(int)
        while not pool.idle:
            time.sleep(0.0001)
        assert pool.threads == 1


@in_run
def test_a_pool_shrinks_when_there_is_nothing_to_do(small_pool: BlockingPool) -> None:
    for _ in range(3):
        blocking(int)
        end = time.monotonic() + 5
        while small_pool.threads:
            assert time.monotonic() < end
            sleep(0.001)


@in_run
def test_a_call_at_the_moment_at_which_a_thread_leaves_is_served(small_pool: BlockingPool) -> None:
    for i in range(20):
        blocking(int)
        sleep(0.0095 + 0.00005 * i)
        assert go(blocking, lambda: 1).join(5) == 1


@in_run
def test_without_a_thread_to_be_had_the_call_fails(
    small_pool: BlockingPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="start new thread"):
            blocking(int)
    assert blocking(int) == 0


@in_run
def test_where_there_are_some_threads_already_no_more_are_needed(
    small_pool: BlockingPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    stop = threading.Event()
    busy = parked(go(blocking, stop.wait))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        waiting = parked(go(blocking, int))
        gosched()
        stop.set()
        assert waiting.join() == 0
    busy.join()


@in_run
def test_a_call_keeps_nothing_alive_when_it_is_over() -> None:
    class Thing:
        pass

    thing = Thing()
    before = sys.getrefcount(thing)
    assert blocking(lambda _: None, thing) is None
    with pytest.raises(TypeError):
        blocking(len, thing)  # type: ignore[arg-type]
    sleep(0.001)
    blocking(int)  # the thread that had it has something else now
    assert sys.getrefcount(thing) <= before + 1


def test_it_is_public() -> None:
    assert netpoll.blocking is blocking


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, Wrong])
@in_run
def test_what_a_signal_handler_raises_at_the_start_of_a_thread_costs_no_place(
    started: bool, kind: type[BaseException], small_pool: BlockingPool
) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if started:
            start(thread)
        raise kind

    for _ in range(5):
        with pytest.MonkeyPatch.context() as patch, suppress(kind):
            patch.setattr(threading.Thread, "start", interrupted)
            blocking(lambda: 1)
        assert 0 <= small_pool.threads <= 2
    assert blocking(lambda: 2) == 2
    both = threading.Barrier(2)
    waiters = [go(blocking, both.wait, 5) for _ in range(2)]
    assert sorted(waiter.join() for waiter in waiters) == [0, 1]
