"""Contexts between threads, cancelled at each step, and what is left of them."""

import gc
import itertools
import pickle
import threading
import weakref

import pytest

from netpoll import go, gosched, run, sleep
from netpoll.context import (
    CancelContext,
    Context,
    ContextCancelled,
    ContextDeadlineExceeded,
    after_func,
    background,
    cause,
    with_cancel,
    with_timeout,
    with_value,
)
from netpoll.sync.select import select
from tests.running import in_run, on_thread, parked

LONG = 3600.0


class Why(Exception):
    """A cause."""


def children_of(context: Context) -> int:
    return context.node.number_of_children()


# ---- nothing is left


@in_run
def test_one_that_is_done_or_stopped_leaves_its_parent() -> None:
    parent = with_cancel(background())
    one, two = with_cancel(parent), with_timeout(parent, LONG)
    three = with_timeout(parent, 0.001)
    assert children_of(parent) == 3
    one.cancel()
    assert children_of(parent) == 2
    two.cancel()
    assert three.wait()
    assert children_of(parent) == 0


@in_run
def test_one_that_nobody_holds_leaves_its_parent_without_a_cancel() -> None:
    parent = with_cancel(background())
    for _ in range(100):
        with_value(with_timeout(with_cancel(parent), LONG), "key", 1)
    assert children_of(parent) == 0
    before = children_of(background())
    with_cancel(background())
    assert children_of(background()) == before


@in_run
def test_one_that_nobody_holds_stays_while_a_function_is_to_be_called() -> None:
    seen: list[str] = []
    parent = with_cancel(background())
    stop = after_func(with_cancel(with_cancel(parent)), seen.append, "called")
    gc.collect()
    assert children_of(parent) == 1
    assert stop()
    assert children_of(parent) == 0
    after_func(with_cancel(with_cancel(parent)), seen.append, "called")
    parent.cancel()
    gosched()
    assert seen == ["called"]


@in_run
def test_contexts_are_freed_without_the_collector() -> None:
    gc.disable()
    try:
        refs = []
        for kind in range(5):
            context = with_timeout(background(), LONG)
            if kind == 1:
                context.cancel(Why("x"))
            elif kind == 2:
                with context:
                    sleep(0)
            elif kind == 3:
                context.wait(0)
            elif kind == 4:
                after_func(context, print)()
            refs.append(weakref.ref(context))
            del context
        assert [ref() for ref in refs] == [None] * 5
    finally:
        gc.enable()


@pytest.mark.parametrize("how", ["cancelled", "stopped"])
@in_run
def test_the_alarm_of_one_that_is_done_before_its_time_is_stopped(how: str) -> None:
    context = with_timeout(background(), LONG)
    if how == "cancelled":
        context.done()
        context.cancel()
    else:
        assert after_func(context, pytest.fail)()
    ref = weakref.ref(context.node)
    del context
    assert ref() is None


def test_errors_can_be_pickled() -> None:
    context = with_cancel(background())
    context.cancel()
    late = with_timeout(background(), 0)
    for error in (context.err, late.err):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        assert type(again) is type(error)
        assert str(again) == str(error)


# ---- threads and races


def test_made_on_one_thread_waited_for_on_another_cancelled_on_a_third() -> None:
    made: list[CancelContext] = [on_thread(with_cancel, background())]
    waiting = threading.Event()

    def wait() -> bool:
        go(waiting.set)
        return made[0].wait()

    def cancel() -> None:
        waiting.wait(20)
        made[0].cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    assert on_thread(run, wait)
    canceller.join()


def test_the_time_counts_after_the_thread_that_made_it_has_ended() -> None:
    def make() -> CancelContext:
        context = with_timeout(background(), 0.005)
        context.done()
        return context

    context = on_thread(run, make)
    assert on_thread(run, context.wait)
    again = on_thread(run, make)
    assert on_thread(run, lambda: select(again.done(), timeout=20)) == (0, None, False)
    assert isinstance(again.err, ContextDeadlineExceeded)


def test_a_block_on_another_thread_is_ended() -> None:
    context = with_cancel(background())
    inside = threading.Event()

    def work() -> str:
        try:
            with context:
                go(inside.set)
                sleep(LONG)
        except ContextCancelled:
            return "ended"
        return "whole"

    def cancel() -> None:
        inside.wait(20)
        context.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    assert on_thread(run, work) == "ended"
    canceller.join()


@pytest.mark.parametrize("_turn", range(30))
def test_simultaneous_cancels_from_eight_threads(_turn: int) -> None:
    parent = with_cancel(background())
    children = [with_cancel(parent) for _ in range(16)]
    contexts = [parent, *children]
    start = threading.Barrier(8)
    seen: list[object] = []

    def work(number: int) -> None:
        mine = contexts[number::8]
        start.wait(20)
        more = [with_cancel(parent) for _ in range(4)]
        for context in mine:
            context.cancel(Why(str(number)))
        parent.cancel(Why("parent"))
        for context in (*mine, *more):
            assert context.wait(20)
        seen.append(number)

    threads = [threading.Thread(target=run, args=(work, n)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert children_of(parent) == 0


@in_run
def test_who_hears_of_the_parent_may_cancel_the_child() -> None:
    """Source: go1.27 context/context_test.go TestInterlockedCancels."""
    parent = with_cancel(background())
    child = with_cancel(parent)

    def cancel_child() -> None:
        parent.wait()
        child.cancel(Why("child"))

    for wait in (cancel_child, child.wait):
        parked(go(wait))
    parent.cancel(Why("parent"))
    assert child.wait(5)
    gosched()
    assert str(cause(child)) == "parent"


def test_who_sees_that_it_is_done_sees_why() -> None:
    """Source: go1.27 context/context_test.go TestContextErrDoneRace, TestCauseRace."""

    def main() -> None:
        for _ in range(200):
            context = with_cancel(background())
            canceller = threading.Thread(target=context.cancel, args=(Why("why"),))
            canceller.start()
            while context.err is None:
                """Look without a wait, so that it comes in the midst."""
            assert str(cause(context)) == "why"
            assert select(context.done(), default=True) == (0, None, False)
            canceller.join()

    on_thread(run, main)


@pytest.mark.parametrize("by_time", [False, True])
@in_run
def test_layers(by_time: bool) -> None:
    """Each of many, made in all ways, is done, with the values that it has, once the first is."""
    first = with_cancel(background())
    timed: Context = with_timeout(first, 0.25) if by_time else first
    layers: list[Context] = [timed]
    for n in range(200):
        parent = layers[(n * 7) % len(layers)]
        make = (
            with_cancel(parent),
            with_timeout(parent, LONG),
            with_value(parent, n % 5, n),
        )[n % 3]
        layers.append(make)
    values = [[context.value(key) for key in range(5)] for context in layers]
    assert all(context.err is None for context in layers)
    waiters = [go(context.wait) for context in layers]
    if not by_time:
        gosched()
        first.cancel()
    assert all(waiter.join() for waiter in waiters)
    kind = ContextDeadlineExceeded if by_time else ContextCancelled
    for context in layers:
        error = context.err
        assert isinstance(error, kind)
        assert error.context is timed
    assert [[context.value(key) for key in range(5)] for context in layers] == values
    assert children_of(timed) == 0


@in_run
def test_a_cancel_at_each_step_of_a_block() -> None:
    def work(context: Context, outcome: list[str]) -> None:
        try:
            with context:
                for _ in range(5):
                    sleep(0)
                context.wait(0)
                sleep(0)
        except ContextCancelled:
            outcome.append("ended")
        else:
            outcome.append("whole")

    seen = []
    for n in range(14):
        context = with_cancel(background())
        outcome: list[str] = []
        worker = go(work, context, outcome)
        for _ in range(n):
            gosched()
        context.cancel()
        worker.join()
        assert context.entered_by() == 0
        seen += outcome
    assert [key for key, _ in itertools.groupby(seen)] == ["ended", "whole"]


@in_run
def test_collection_at_every_allocation() -> None:
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        parent = with_cancel(background())
        contexts = [with_timeout(with_value(parent, n, n), LONG) for n in range(20)]
        seen: list[int] = []
        for n, context in enumerate(contexts):
            after_func(context, seen.append, n)
        waiter = parked(go(contexts[3].wait))
        parent.cancel()
        assert waiter.join()
        gosched()
        assert sorted(seen) == list(range(20))
    finally:
        gc.set_threshold(*threshold)
