"""Contexts: done by a call, by time, or with their parents; and what goes with them."""

import gc
import itertools
import pickle
import threading
import time
import weakref
from collections.abc import Callable

import pytest

from netpoll import Cancelled, ScopeTimeout, current, go, gosched, run, shield, sleep, timeout
from netpoll.context import (
    CancelContext,
    Context,
    ContextCancelled,
    ContextDeadlineExceeded,
    after_func,
    background,
    cause,
    with_cancel,
    with_deadline,
    with_timeout,
    with_value,
    without_cancel,
)
from netpoll.sync.select import select
from tests.conftest import Unhandled
from tests.running import in_run, on_thread, parked

LONG = 3600.0


class Why(Exception):
    """A cause."""


def children_of(context: Context) -> int:
    return context.node.number_of_children()


# ---- done ------------------------------------------------------------------------------------


@in_run
def test_the_background_is_never_done() -> None:
    context = background()
    assert context is background()
    assert context.err is None
    assert cause(context) is None
    assert context.deadline is None
    assert not context.wait(0.001)
    assert select(context.done(), default=True)[0] == -1
    with context:
        sleep(0)


def test_a_context_is_made_by_a_function() -> None:
    for kind in (Context, CancelContext):
        with pytest.raises(TypeError, match="made by"):
            kind()


@pytest.mark.parametrize(
    "make",
    [
        with_cancel,
        without_cancel,
        cause,
        lambda parent: with_timeout(parent, 1),
        lambda parent: with_deadline(parent, 1),
        lambda parent: with_value(parent, "key", 1),
        lambda parent: after_func(parent, print),
    ],
)
@pytest.mark.parametrize("parent", [None, 7])
def test_what_is_made_from_no_context_is_refused(
    make: Callable[[object], object], parent: object
) -> None:
    with pytest.raises(TypeError):
        make(parent)


@pytest.mark.parametrize("make", [with_timeout, with_deadline])
def test_a_nan_is_no_limit(make: Callable[[Context, float], Context]) -> None:
    with pytest.raises(ValueError, match="NaN"):
        make(background(), float("nan"))


@in_run
def test_cancel_makes_it_done_at_once_and_once() -> None:
    context = with_cancel(background())
    assert context.err is None
    context.cancel(Why("first"))
    context.cancel(Why("second"))
    error = context.err
    assert isinstance(error, ContextCancelled)
    assert error.context is context
    assert str(cause(context)) == "first"
    assert str(error.__cause__) == "first"
    assert context.wait()
    assert select(context.done())[2] is False


@in_run
def test_a_parent_that_is_done_makes_all_made_from_it_done() -> None:
    parent = with_cancel(background())
    before = [with_cancel(parent), with_timeout(parent, LONG), with_value(parent, "key", 1)]
    grandchild = with_cancel(before[2])
    other = with_cancel(background())
    parent.cancel(Why("parent"))
    after = [with_cancel(parent), with_timeout(parent, LONG), with_value(parent, "key", 1)]
    for context in (*before, grandchild, *after):
        error = context.err
        assert isinstance(error, ContextCancelled)
        assert error.context is parent
        assert str(cause(context)) == "parent"
    assert other.err is None


@in_run
def test_a_child_that_is_done_leaves_its_parent_alone() -> None:
    parent = with_cancel(background())
    child = with_cancel(parent)
    child.cancel()
    assert child.err is not None
    assert parent.err is None


@in_run
def test_a_chain_of_ten_thousand_ends_at_once() -> None:
    first: CancelContext = with_cancel(background())
    chain: list[Context] = [first]
    for n in range(10_000):
        chain.append(with_cancel(chain[-1]) if n % 2 else with_value(chain[-1], n, n))
    first.cancel()
    assert all(context.err is not None for context in chain)
    while chain:
        chain.pop()


# ---- time ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["timeout", "deadline"])
@in_run
def test_time_makes_it_done_and_never_early(kind: str) -> None:
    start = time.monotonic()
    context = (
        with_timeout(background(), 0.01)
        if kind == "timeout"
        else with_deadline(background(), start + 0.01)
    )
    assert context.deadline is not None
    assert context.deadline >= start + 0.01
    assert context.err is None
    assert context.wait()
    assert time.monotonic() >= start + 0.01
    error = context.err
    assert isinstance(error, ContextDeadlineExceeded)
    assert isinstance(error, TimeoutError)
    assert error.context is context


@in_run
def test_a_moment_that_is_past_makes_it_done_at_once() -> None:
    for context in (
        with_timeout(background(), 0),
        with_timeout(background(), -5),
        with_deadline(background(), time.monotonic() - 1),
        with_timeout(background(), float("-inf")),
    ):
        assert isinstance(context.err, ContextDeadlineExceeded)
    assert with_timeout(background(), float("inf")).err is None


@in_run
def test_the_earlier_deadline_counts() -> None:
    soon = with_timeout(background(), 0.005)
    assert with_timeout(soon, LONG).deadline == soon.deadline
    assert with_cancel(soon).deadline == soon.deadline
    late = with_timeout(background(), LONG)
    sooner = with_timeout(late, 0.005)
    assert sooner.deadline is not None
    assert late.deadline is not None
    assert sooner.deadline < late.deadline
    child = with_timeout(soon, LONG)
    assert child.wait()
    error = child.err
    assert isinstance(error, ContextDeadlineExceeded)
    assert error.context is soon
    assert soon.err is not None
    assert sooner.wait()
    assert late.err is None


@in_run
def test_the_clock_counts_although_nobody_has_looked() -> None:
    context = with_timeout(background(), 0.002)
    child = with_cancel(context)
    time.sleep(0.003)
    child.cancel(Why("too late"))
    assert isinstance(child.err, ContextDeadlineExceeded)
    assert cause(child) is not None
    assert not isinstance(cause(child), Why)


@in_run
def test_one_cancelled_before_its_time_stays_so() -> None:
    context = with_timeout(background(), 0.002)
    context.cancel()
    sleep(0.004)
    assert isinstance(context.err, ContextCancelled)


@in_run
def test_the_cause_of_a_timeout_is_that_of_the_one_whose_time_it_was() -> None:
    outer = with_timeout(background(), 0.002, cause=Why("outer"))
    inner = with_timeout(outer, LONG, cause=Why("inner"))
    assert inner.wait()
    assert str(cause(inner)) == "outer"
    assert str(cause(outer)) == "outer"
    first = with_deadline(background(), time.monotonic() + 0.001, cause=Why("unused"))
    first.cancel(Why("by hand"))
    assert str(cause(first)) == "by hand"
    plain = with_timeout(background(), 0)
    assert isinstance(cause(plain), ContextDeadlineExceeded)


def test_a_cause_is_an_exception() -> None:
    with pytest.raises(TypeError, match="is an exception"):
        with_cancel(background()).cancel("because")  # type: ignore[arg-type]


# ---- waiting ---------------------------------------------------------------------------------


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


# ---- as a block ------------------------------------------------------------------------------


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


# ---- values ----------------------------------------------------------------------------------


def test_values_are_those_of_the_nearest() -> None:
    class Key:
        pass

    key = Key()
    outer = with_value(background(), "a", 1)
    middle = with_cancel(with_value(outer, key, 2))
    inner = with_value(with_timeout(middle, LONG), "a", 3)
    assert (outer.value("a"), middle.value("a"), inner.value("a")) == (1, 1, 3)
    assert (outer.value(key), inner.value(key)) == (None, 2)
    assert inner.value("nothing", "default") == "default"
    assert "with 'a'" in repr(inner)


def test_the_key_of_a_value_is_not_none() -> None:
    with pytest.raises(TypeError, match="cannot be None"):
        with_value(background(), None, 1)


@in_run
def test_without_cancel_keeps_the_values_alone() -> None:
    parent = with_cancel(with_value(with_timeout(background(), 0.001), "key", 1))
    free = without_cancel(parent)
    parent.cancel()
    sleep(0.002)
    assert free.err is None
    assert free.deadline is None
    assert free.value("key") == 1
    assert cause(free) is None
    child = with_cancel(free)
    child.cancel()
    assert free.err is None
    assert children_of(free) == 0


# ---- after_func ------------------------------------------------------------------------------


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
    on_thread(run, after_func, context, pytest.fail, "called")
    context.cancel()


# ---- nothing is left -------------------------------------------------------------------------


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


def test_errors_can_be_pickled() -> None:
    context = with_cancel(background())
    context.cancel()
    late = with_timeout(background(), 0)
    for error in (context.err, late.err):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        assert type(again) is type(error)
        assert str(again) == str(error)


# ---- threads and races -----------------------------------------------------------------------


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


def test_simultaneous_cancels_from_eight_threads() -> None:
    for _ in range(30):
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


@pytest.mark.parametrize("by_time", [False, True])
@in_run
def test_layers(by_time: bool) -> None:
    """Each of many, made in all ways, is done, with the values that it has, once the first is."""
    first = with_cancel(background())
    timed: Context = with_timeout(first, 0.01) if by_time else first
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
