"""Contexts that are done when a scope ends its block."""

import gc
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from netpoll import (
    Cancelled,
    CancelScope,
    GoroutineCancelled,
    ScopeTimeout,
    cancel_scope,
    deadline,
    go,
    run,
    shield,
    sleep,
    timeout,
)
from netpoll.context import (
    Context,
    ContextCancelled,
    ContextDeadlineExceeded,
    background,
    cause,
    with_cancel,
    with_scope,
    with_timeout,
    with_value,
)
from tests.running import in_run, on_thread, parked

LONG = 3600.0


def of(scope: CancelScope) -> Context:
    return with_scope(background(), scope)


@in_run
def test_it_is_done_when_the_scope_is_cancelled() -> None:
    with cancel_scope() as scope:
        context = of(scope)
        child = with_cancel(context)
        waiter = parked(go(child.wait))
        assert not context.wait(0)
        scope.cancel("enough")
        assert isinstance(context.err, ContextCancelled)
        assert isinstance(cause(child), Cancelled)
        assert "enough" in str(cause(child))
        with shield():
            assert waiter.join()
    assert isinstance(context.err, ContextCancelled)


@in_run
def test_it_is_done_when_the_time_of_the_scope_is_over() -> None:
    with pytest.raises(ScopeTimeout), timeout(0.002) as scope:
        context = of(scope)
        waiter = go(context.wait)
        sleep(LONG)
    assert waiter.join()
    assert isinstance(context.err, ContextDeadlineExceeded)
    why = cause(context)
    assert isinstance(why, ScopeTimeout)
    assert why.scope is scope


@in_run
def test_what_lies_farther_out_ends_it_too() -> None:
    with cancel_scope() as outer:
        with timeout(LONG) as inner:
            context = of(inner)
            with shield():
                outer.cancel("from outside")
                assert isinstance(context.err, ContextCancelled)
                assert "from outside" in str(cause(context))


@in_run
def test_a_cancelled_goroutine_ends_those_of_its_scopes() -> None:
    contexts: list[Context] = []

    def work() -> None:
        with cancel_scope() as scope:
            contexts.append(of(scope))
            sleep(LONG)

    worker = parked(go(work))
    worker.cancel()
    assert isinstance(contexts[0].err, ContextCancelled)
    with pytest.raises(GoroutineCancelled):
        worker.join()


@in_run
def test_a_shield_keeps_what_is_farther_out_from_it() -> None:
    with cancel_scope() as outer:
        with shield() as inner:
            context = of(inner)
            outer.cancel()
            assert context.err is None
    assert isinstance(context.err, ContextCancelled)


@in_run
def test_it_is_done_when_the_block_has_been_left() -> None:
    with cancel_scope() as scope:
        context = of(scope)
    assert isinstance(context.err, ContextCancelled)
    assert isinstance(of(scope).err, ContextCancelled)
    assert cause(context) is not None
    assert not isinstance(cause(context), Cancelled)


@in_run
def test_a_scope_that_is_cancelled_before_its_block() -> None:
    scope = cancel_scope()
    context = of(scope)
    scope.cancel()
    assert isinstance(context.err, ContextCancelled)
    other = cancel_scope()
    waiting = of(other)
    with cancel_scope() as outer:
        outer.cancel()
        with other:
            assert isinstance(waiting.err, ContextCancelled)


@in_run
def test_its_deadline_is_the_earliest_that_counts() -> None:
    now = time.monotonic()
    with deadline(now + 50), deadline(now + 100) as inner:
        context = with_scope(with_timeout(background(), LONG), inner)
        assert context.deadline is not None
        assert abs(context.deadline - now - 50) < 1e-6
        inner.deadline = now + 20
        assert abs(context.deadline - now - 20) < 1e-6
        with shield() as shielded:
            assert of(shielded).deadline is None


@in_run
def test_the_parent_counts_as_well() -> None:
    parent = with_cancel(with_value(background(), "key", 1))
    with cancel_scope() as scope:
        context = with_scope(parent, scope)
        assert context.value("key") == 1
        parent.cancel()
        error = context.err
        assert isinstance(error, ContextCancelled)
        assert error.context is parent
        assert with_scope(parent, scope).err is not None
    assert not scope.cancelled


@in_run
def test_nothing_is_left_of_one_that_nobody_holds() -> None:
    parent = with_cancel(background())
    with cancel_scope() as scope:
        kept = with_scope(parent, scope)
        for _ in range(10):
            with_scope(parent, scope)
        gc.collect()
        assert parent.node.number_of_children() == 1
    assert kept.err is not None
    assert parent.node.number_of_children() == 0


def test_a_block_on_another_thread_ends_with_the_scope() -> None:
    outcome: list[str] = []

    def elsewhere(context: Context, inside: threading.Event) -> None:
        try:
            with context:
                go(inside.set)
                sleep(LONG)
        except ContextDeadlineExceeded:
            outcome.append("ended")

    def main() -> None:
        inside = threading.Event()
        with pytest.raises(ScopeTimeout), timeout(LONG) as scope:
            thread = threading.Thread(target=run, args=(elsewhere, of(scope), inside))
            thread.start()
            inside.wait(20)
            scope.deadline = time.monotonic() + 0.002
            sleep(LONG)
        thread.join()

    on_thread(run, main)
    assert outcome == ["ended"]


@pytest.mark.parametrize("kind", ["scope", "context"])
@in_run
def test_both_are_one_mechanism(kind: str) -> None:
    """A context of a scope of a context ends as the outermost does."""
    first = with_timeout(background(), 0.002)
    block: AbstractContextManager[object] = first if kind == "context" else timeout(0.002)
    errors: tuple[type[BaseException], ...] = (ContextDeadlineExceeded, ScopeTimeout)
    with pytest.raises(errors), block:
        with cancel_scope() as scope:
            context = of(scope)
            waiters: list[Callable[[], bool]] = [context.wait, with_cancel(context).wait]
            goroutines = [go(wait) for wait in waiters]
            sleep(LONG)
    assert all(goroutine.join() for goroutine in goroutines)
