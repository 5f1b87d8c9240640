"""Who hears that a context is done: who waits, who is in a block of it, what is called then."""

import gc
import threading
import time
import weakref

import pytest

from netpoll import Cancelled, ScopeTimeout, current, go, gosched, run, shield, sleep, timeout
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.context import (
    Context,
    ContextCancelled,
    ContextDeadlineExceeded,
    after_func,
    background,
    with_cancel,
    with_timeout,
)
from netpoll.sync.select import select
from tests.conftest import Unhandled
from tests.running import in_run, on_thread, parked

LONG = 3600.0


class Why(Exception):
    """A cause."""


def children_of(context: Context) -> int:
    return context.node.number_of_children()


# ---- waiting


def test_it_keeps_nothing_of_threads_that_have_ended() -> None:
    ctx = with_timeout(background(), LONG)
    schedulers: list[weakref.ref[object]] = []

    def ask() -> None:
        schedulers.append(weakref.ref(ensure_scheduler()))
        assert not len(ctx.done())

    for _ in range(10):
        on_thread(run, ask)
    gc.collect()
    assert sum(scheduler() is not None for scheduler in schedulers) <= 1  # that of the last


@in_run
def test_all_who_wait_hear_of_it() -> None:
    parent = with_cancel(background())
    child = with_cancel(parent)
    waiters = [parked(go(context.wait)) for context in (parent, child, child)]
    assert "waiting: for <context live>" in waiters[0].state
    parent.cancel()
    assert all(waiter.join() for waiter in waiters)


@in_run
def test_a_wait_of_limited_time() -> None:
    context = with_timeout(background(), LONG)
    start = time.monotonic()
    assert not context.wait(0.005)
    assert time.monotonic() - start >= 0.005
    assert not context.wait(0)
    context.cancel()
    assert context.wait(0)
    assert with_timeout(background(), 0.001).wait(LONG)


@in_run
def test_a_wait_is_cancelled_like_each_park() -> None:
    context = with_cancel(background())
    with pytest.raises(ScopeTimeout), timeout(0.001):
        context.wait()
    context.cancel()
    assert context.wait()


@in_run
def test_the_channel_is_closed_when_it_is_done_by_call_or_by_time() -> None:
    context = with_cancel(background())
    channel = context.done()
    assert channel is context.done()
    go(context.cancel)
    assert select(channel) == (0, None, False)
    timed = with_timeout(with_timeout(background(), 0.005), LONG)
    assert select(timed.done(), timeout=LONG)[2] is False
    assert timed.err is not None
    assert select(with_timeout(background(), 0).done()) == (0, None, False)


# ---- as a block


@in_run
def test_a_block_ends_when_the_context_is_cancelled() -> None:
    context = with_cancel(background())
    with pytest.raises(ContextCancelled) as caught:
        with context:
            go(context.cancel, Why("stop"))
            sleep(LONG)
    assert caught.value.context is context
    assert isinstance(caught.value.__cause__, Why)
    sleep(0)


@in_run
def test_a_block_ends_when_the_time_is_over() -> None:
    start = time.monotonic()
    with pytest.raises(ContextDeadlineExceeded) as caught:
        with with_timeout(background(), 0.005) as context:
            sleep(LONG)
    assert time.monotonic() - start >= 0.005
    assert caught.value.context is context
    assert isinstance(caught.value.__cause__, Cancelled)


@in_run
def test_each_park_in_the_block_raises() -> None:
    context = with_cancel(background())
    raised = 0
    with pytest.raises(ContextCancelled), context:
        context.cancel()
        for _ in range(3):
            with pytest.raises(Cancelled):
                sleep(LONG)
            raised += 1
        with shield():
            sleep(0)
        sleep(LONG)
    assert raised == 3


@in_run
def test_a_block_of_one_that_is_done_ends_at_its_first_park() -> None:
    context = with_cancel(background())
    context.cancel()
    with pytest.raises(ContextCancelled), context:
        reached = True
        sleep(0)
    assert reached
    with context:
        pass
    with with_timeout(background(), 0):
        pass


@in_run
def test_what_else_the_block_raises_comes_out() -> None:
    context = with_cancel(background())
    with pytest.raises(Why, match="mine"), context:
        context.cancel()
        raise Why("mine")


@in_run
def test_several_are_in_blocks_of_one_context() -> None:
    context = with_cancel(background())
    outcomes: list[str] = []

    def work(n: int) -> None:
        try:
            with context:
                if n % 2:
                    with context:
                        sleep(LONG)
                sleep(LONG)
        except ContextCancelled:
            outcomes.append("ended")

    workers = [parked(go(work, n)) for n in range(6)]
    context.cancel()
    for worker in workers:
        worker.join()
    assert outcomes == ["ended"] * 6
    assert context.entered_by() == 0


@in_run
def test_a_block_is_left_by_who_has_entered_it() -> None:
    context = with_cancel(background())
    with context, pytest.raises(RuntimeError, match="by the goroutine that has entered it"):
        go(context.__exit__, None, None, None).join()
    with pytest.raises(RuntimeError, match="by the goroutine that has entered it"):
        context.__exit__(None, None, None)


# ---- after_func


@in_run
def test_a_function_is_called_when_it_is_done() -> None:
    seen: list[object] = []
    parent = with_cancel(background())
    context = with_cancel(parent)
    stop = after_func(context, lambda name: seen.append((name, current() is not main)), "called")
    main = current()
    gosched()
    assert seen == []
    parent.cancel()
    gosched()
    assert seen == [("called", True)]
    assert not stop()
    after_func(context, seen.append, "at once")
    gosched()
    assert seen[1:] == ["at once"]


@in_run
def test_a_function_that_is_stopped_is_not_called() -> None:
    context = with_cancel(background())
    stop = after_func(context, pytest.fail, "called")
    assert children_of(context) == 1
    assert stop()
    assert children_of(context) == 0
    assert not stop()
    context.cancel()
    gosched()


@in_run
def test_a_function_is_called_when_the_time_is_over() -> None:
    seen: list[str] = []
    after_func(with_timeout(background(), 0.002), seen.append, "called")
    gc.collect()
    end = time.monotonic() + 5
    while not seen and time.monotonic() < end:
        sleep(0.001)
    assert seen == ["called"]


@in_run
def test_what_the_function_raises_goes_to_the_hook(unhandled: Unhandled) -> None:
    def fail() -> None:
        raise Why("late")

    context = with_cancel(background())
    after_func(context, fail)
    context.cancel()
    gosched()
    (call,) = unhandled
    assert str(call[1]) == "late"
    unhandled.clear()


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="callable"):
        after_func(background(), 7)  # type: ignore[arg-type]


def test_a_function_is_called_on_the_thread_that_asked_for_it() -> None:
    context = with_cancel(background())
    seen: list[int] = []
    asked = threading.Event()

    def elsewhere() -> int:
        after_func(context, lambda: seen.append(threading.get_ident()))
        asked.set()
        while not seen:
            sleep(0.001)
        return threading.get_ident()

    def cancel() -> None:
        asked.wait(20)
        context.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    assert on_thread(run, elsewhere) == seen[0]
    canceller.join()


def test_a_function_of_a_thread_that_has_ended_is_not_called() -> None:
    context = with_cancel(background())

    def ask() -> None:
        after_func(context, pytest.fail, "called")

    on_thread(run, ask)
    context.cancel()
