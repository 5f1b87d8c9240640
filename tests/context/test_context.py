"""Contexts: done by a call, by time, or with their parents; and what goes with them."""

import time
from collections.abc import Callable

import pytest

from netpoll import sleep
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
from tests.program import finished
from tests.running import in_run

LONG = 3600.0


class Why(Exception):
    """A cause."""


def children_of(context: Context) -> int:
    return context.node.number_of_children()


# ---- done


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


UNMADE = """
from netpoll.context import Context, after_func

class Mine(Context):
    def __init__(self):
        pass

for use in (Mine().__enter__, lambda: after_func(Mine(), print)):
    try:
        use()
    except AttributeError:
        print("refused")
"""


def test_a_context_that_no_function_has_made_is_refused() -> None:
    program = finished("-c", UNMADE)
    assert (program.returncode, program.stdout, program.stderr) == (0, "refused\n" * 2, "")


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
    assert not context.wait(0)
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


# ---- time


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


# ---- values


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
