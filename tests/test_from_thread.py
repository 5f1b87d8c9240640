"""from_thread: into a scheduler from other threads. test_futures.py has the way back."""

import contextvars
import gc
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

import netpoll
from netpoll import (
    Cancelled,
    GoroutineCancelled,
    ScopeTimeout,
    blocking,
    current,
    from_thread,
    go,
    gosched,
    lowlevel,
    run,
    sleep,
)
from netpoll._runtime.scope import cancel_scope, timeout
from tests.running import Outcome, in_run, on_thread, parked, says


class Wrong(Exception):
    pass


def thread_of_goroutine() -> int:
    sleep(0)
    return threading.get_ident()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it does not come about"
        sleep(0.0005)


# ---- run


@in_run
def test_a_function_of_blocking_runs_others_in_the_scheduler_that_called() -> None:
    here = threading.get_ident()
    assert blocking(from_thread.run, thread_of_goroutine) == here
    assert blocking(lambda: from_thread.run(divmod, 7, 2)) == (3, 1)
    assert blocking(lambda: from_thread.run(dict, fn=1, self=2)) == {"fn": 1, "self": 2}


def test_of_several_schedulers_it_is_the_one_that_called() -> None:
    def elsewhere() -> tuple[int, int]:
        return run(lambda: blocking(from_thread.run, thread_of_goroutine)), threading.get_ident()

    def main() -> None:
        where, there = on_thread(elsewhere)
        assert where == there

    run(main)


@in_run
def test_a_thread_of_ones_own_leads_to_the_main_thread() -> None:
    here = threading.get_ident()
    thread = Outcome(from_thread.run, thread_of_goroutine)
    thread.start()
    until(lambda: not thread.is_alive())
    assert thread.result() == here


@in_run
def test_it_raises_what_the_function_raises() -> None:
    wrong = Wrong()

    def fail() -> None:
        sleep(0)
        raise wrong

    with pytest.raises(Wrong) as caught:
        blocking(from_thread.run, fail)
    assert caught.value is wrong
    assert caught.traceback[-1].name == "fail"


@in_run
def test_what_runs_there_may_wait_and_call_back() -> None:
    def down(depth: int) -> int:
        if depth == 0:
            sleep(0.001)
            return 0
        return 1 + blocking(from_thread.run, down, depth - 1)

    assert down(5) == 5


@in_run
def test_the_context_goes_along() -> None:
    var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)

    def there() -> int:
        seen = var.get()
        var.set(100)
        return seen

    def work() -> tuple[int, int]:
        var.set(var.get() + 1)
        return from_thread.run(there), var.get()

    var.set(1)
    assert blocking(work) == (2, 2)
    assert var.get() == 1


@in_run
def test_eight_threads_call_at_once() -> None:
    way = from_thread.entrance()
    here = threading.get_ident()
    count = 0

    def work() -> int:
        nonlocal count
        count += 1
        sleep(0)
        return threading.get_ident()

    def caller() -> int:
        return sum(way.run(work) == here for _ in range(250))

    callers = [go(blocking, caller) for _ in range(8)]
    assert [each.join() for each in callers] == [250] * 8
    assert count == 2000


@in_run
def test_threads_that_are_no_ones_call_at_once() -> None:
    way = from_thread.entrance()
    threads = [Outcome(lambda: [way.run(divmod, i, 7) for i in range(100)]) for _ in range(8)]
    for each in threads:
        each.start()
    until(lambda: not any(each.is_alive() for each in threads))
    assert all(each.result() == [divmod(i, 7) for i in range(100)] for each in threads)


@in_run
def test_from_the_thread_itself_it_is_an_ordinary_goroutine() -> None:
    way = from_thread.entrance()
    assert way.run(threading.get_ident) == threading.get_ident()
    assert from_thread.run(lambda: go(lambda: 3).join()) == 3


@in_run
def test_another_schedulers_goroutine_parks_meanwhile() -> None:
    way = from_thread.entrance()
    counted: list[int] = []

    def count() -> None:
        while True:
            counted.append(1)
            sleep(0.0002)

    def stay() -> None:
        until(lambda: len(counted) > 3)

    def elsewhere() -> None:
        go(count)
        way.run(stay)

    blocking(run, elsewhere)


@in_run
def test_a_thread_without_a_scheduler_needs_nothing() -> None:
    way = from_thread.entrance()
    thread = Outcome(lambda: [way.run(int, i) for i in range(10)])
    thread.start()
    until(lambda: not thread.is_alive())
    assert thread.result() == list(range(10))


# ---- go


@in_run
def test_go_does_not_wait() -> None:
    begun = threading.Event()
    stop: list[int] = []

    def work() -> str:
        begun.set()
        while not stop:
            sleep(0.001)
        return "done"

    goroutine = blocking(from_thread.go, work)
    assert begun.wait(0) or blocking(begun.wait, 10)
    assert not goroutine.done
    stop.append(1)
    assert goroutine.join() == "done"


@in_run
def test_a_goroutine_started_from_there_can_be_joined_and_cancelled_from_there() -> None:
    def work() -> str:
        goroutine = from_thread.go(sleep, 60)
        goroutine.cancel()
        with pytest.raises(GoroutineCancelled):
            goroutine.join()
        return from_thread.go(lambda: "joined").join()

    assert blocking(work) == "joined"


@in_run
def test_a_failure_that_nobody_joins_is_reported(
    unhandled: list[tuple[netpoll.Goroutine, BaseException]],
) -> None:
    def fail() -> None:
        raise Wrong

    blocking(lambda: (from_thread.go(fail), None)[1])
    until(lambda: bool(unhandled))
    assert isinstance(unhandled.pop()[1], Wrong)


@in_run
def test_it_says_where_it_was_started() -> None:
    goroutine = blocking(lambda: from_thread.go(int))
    assert goroutine.origin is not None
    goroutine.join()


@in_run
def test_a_scheduler_that_waits_for_nothing_else_hears_of_it() -> None:
    way = from_thread.entrance()
    main = current()

    def caller() -> None:
        while not main.state.startswith("waiting"):
            time.sleep(0.0001)
        time.sleep(0.002)
        way.go(lowlevel.ready, main)

    thread = Outcome(caller)
    thread.start()
    assert lowlevel.park(10)
    thread.result()


# ---- no way in


def test_a_process_whose_main_thread_has_no_scheduler_has_no_way_in() -> None:
    with pytest.raises(RuntimeError, match="main thread has no scheduler"):
        on_thread(from_thread.run, int)
    with pytest.raises(RuntimeError, match="main thread has no scheduler"):
        on_thread(from_thread.go, int)


def test_a_scheduler_that_has_ended_lets_nobody_in() -> None:
    way = run(from_thread.entrance)
    assert way.closed
    for call in (way.run, way.go):
        with pytest.raises(RuntimeError, match="has ended"):
            call(int)
        with pytest.raises(RuntimeError, match="has ended"):
            on_thread(call, int)
    assert run(lambda: way.closed)
    assert repr(way) == "<Entrance closed>"


def test_one_of_a_thread_that_is_gone_lets_nobody_in() -> None:
    way = on_thread(from_thread.entrance)
    with pytest.raises(RuntimeError, match="has ended"):
        way.run(int)


def test_a_call_whose_scheduler_has_ended_gets_an_error_when_it_comes_back() -> None:
    begun, go_on = threading.Event(), threading.Event()
    outcomes: list[object] = []

    def late() -> None:
        begun.set()
        go_on.wait(10)
        try:
            outcomes.append(from_thread.run(int))
        except RuntimeError as error:
            outcomes.append(str(error))

    def main() -> None:
        parked(go(blocking, late))
        blocking(begun.wait, 10)

    run(main)
    go_on.set()
    end = time.monotonic() + 5
    while not outcomes:
        assert time.monotonic() < end
        time.sleep(0.001)
    assert outcomes == ["the scheduler of that thread has ended"]


def test_whoever_waits_when_the_scheduler_ends_gets_an_error() -> None:
    inside = threading.Semaphore(0)

    def stay() -> None:
        inside.release()
        sleep(60)

    def main() -> list[Outcome[None]]:
        way = from_thread.entrance()
        waiting = [Outcome(way.run, stay) for _ in range(8)]
        for each in waiting:
            each.start()
        for _ in waiting:
            blocking(inside.acquire)
        return waiting

    for each in run(main):
        with pytest.raises(GoroutineCancelled):
            each.result()


def test_nobody_hangs_who_comes_while_the_scheduler_ends() -> None:
    def caller(way: from_thread.Entrance) -> str:
        while True:
            try:
                assert way.run(divmod, 7, 2) == (3, 1)
            except GoroutineCancelled:
                continue
            except RuntimeError as error:
                return str(error)

    for turn in range(60):

        def main(turn: int = turn) -> list[Outcome[str]]:
            way = from_thread.entrance()
            callers = [Outcome(caller, way) for _ in range(4)]
            for each in callers:
                each.start()
            sleep(0.0005 + 0.00002 * turn)
            return callers

        for each in run(main):
            assert each.result() == "the scheduler of that thread has ended"


def test_nobody_hangs_who_comes_while_a_thread_with_a_scheduler_ends() -> None:
    def caller(way: from_thread.Entrance) -> str:
        while True:
            try:
                assert way.run(divmod, 7, 2) == (3, 1)
            except GoroutineCancelled:
                continue
            except RuntimeError as error:
                return str(error)

    for _ in range(60):

        def thread() -> list[Outcome[str]]:
            way = from_thread.entrance()
            callers = [Outcome(caller, way) for _ in range(4)]
            for each in callers:
                each.start()
            sleep(0.0005)
            return callers

        for each in on_thread(thread):
            assert each.result() == "the scheduler of that thread has ended"


def test_a_child_has_no_way_into_the_threads_of_its_parent() -> None:
    said = says("""
        import os, threading, warnings
        from netpoll import from_thread, go, run, sleep

        warnings.simplefilter("ignore", DeprecationWarning)  # of fork where there are threads
        ways, stop = [], threading.Event()

        def other():
            ways.append(from_thread.entrance())
            ready.set()
            while not stop.is_set():
                sleep(0.001)

        ready = threading.Event()
        thread = threading.Thread(target=other)
        thread.start()
        ready.wait()
        here = from_thread.entrance()
        pid = os.fork()
        if pid == 0:
            try:
                ways[0].run(int)
            except RuntimeError as error:
                print(error, flush=True)
            print(here.run(int), flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        print(ways[0].run(lambda: "parent"))
        stop.set()
        thread.join()
    """)
    assert said == "the scheduler of that thread has ended\n0\nparent\n"


# ---- cancellation


@in_run
def test_a_caller_that_is_cancelled_ends_the_goroutine_and_waits_for_it() -> None:
    way = from_thread.entrance()
    seen: list[str] = []

    begun = threading.Event()

    def stay() -> None:
        begun.set()
        try:
            sleep(60)
        finally:
            sleep_shielded(0.01)
            seen.append("cleaned up")

    def elsewhere() -> None:
        with pytest.raises(ScopeTimeout), timeout(60) as scope:
            expire(scope, begun)
            way.run(stay)
        seen.append("gone on")

    blocking(run, elsewhere)
    assert seen == ["cleaned up", "gone on"]


def expire(scope: netpoll.CancelScope, begun: threading.Event) -> None:
    """Have the time of a scope be over as soon as something has begun."""

    def work() -> None:
        assert blocking(begun.wait, 10)
        scope.deadline = 0

    go(work)


def sleep_shielded(seconds: float) -> None:
    from netpoll._runtime.scope import shield  # noqa: PLC0415

    with shield():
        sleep(seconds)


@in_run
def test_a_result_that_is_there_all_the_same_is_returned() -> None:
    way = from_thread.entrance()

    begun = threading.Event()

    def stay() -> str:
        begun.set()
        with suppress(Cancelled):
            sleep(60)
        return "all the same"

    def elsewhere() -> None:
        with cancel_scope() as scope:
            expire(scope, begun)
            assert way.run(stay) == "all the same"
            with pytest.raises(Cancelled):
                sleep(1)

    blocking(run, elsewhere)


@in_run
def test_what_it_raises_when_it_is_cancelled_is_raised() -> None:
    way = from_thread.entrance()

    begun = threading.Event()

    def stay() -> None:
        begun.set()
        try:
            sleep(60)
        except Cancelled:
            raise Wrong from None

    def elsewhere() -> None:
        with cancel_scope() as scope, pytest.raises(Wrong):
            expire(scope, begun)
            way.run(stay)

    blocking(run, elsewhere)


@in_run
def test_a_function_can_ask_whether_it_is_still_waited_for() -> None:
    asked: list[bool] = []
    begun, gone_on = threading.Event(), threading.Event()

    def work() -> None:
        asked.append(from_thread.abandoned())
        begun.set()
        assert gone_on.wait(10)
        asked.append(from_thread.abandoned())

    caller = parked(go(blocking, work))
    blocking(begun.wait)
    assert from_thread.abandoned() is False
    caller.cancel()
    with pytest.raises(GoroutineCancelled):
        caller.join()
    gone_on.set()
    until(lambda: len(asked) == 2)
    assert asked == [False, True]
    assert blocking(from_thread.abandoned) is False


@in_run
def test_the_collector_at_every_allocation_is_no_matter() -> None:
    way = from_thread.entrance()
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        calls = [go(blocking, lambda i=i: way.run(int, i)) for i in range(30)]
        assert [each.join() for each in calls] == list(range(30))
    finally:
        gc.set_threshold(*before)


@in_run
def test_async_functions_are_refused() -> None:
    async def wrong() -> None:
        pass

    for call in (from_thread.run, from_thread.go):
        with pytest.raises(TypeError, match="plain function"):
            call(wrong)
        with pytest.raises(TypeError, match="needs a callable"):
            call(1)  # type: ignore[arg-type]


def test_it_is_public() -> None:
    assert netpoll.from_thread is from_thread
    assert gosched is netpoll.gosched
