"""What contexts promise, in a thousand orders of the goroutines each."""

import random
from collections.abc import Callable

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
    with_deadline,
    with_value,
    without_cancel,
)
from netpoll.sync.select import select
from netpoll.testing import shuffled, virtual_clock

SEEDS = range(1, 1001)


class Why(Exception):
    """A cause."""


def children_of(context: Context) -> int:
    return context.node.number_of_children()


def let_run(until: Callable[[], bool]) -> None:
    """Let the others run until it is so, and once more."""
    for _ in range(1000):
        if until():
            break
        gosched()
    gosched()
    assert until()


def all_hear_of_one_end(chance: random.Random) -> None:
    """Who waits in whatever way hears of it once, whoever cancels, and sees the same cause."""
    parent = with_cancel(background())
    child = with_cancel(with_value(parent, "key", 1))
    heard: list[object] = []

    def in_a_block() -> None:
        with pytest.raises(ContextCancelled), child:
            sleep(3600)
        heard.append(cause(child))
        sleep(0)  # it is over with the block

    def by_its_channel() -> None:
        select(child.done())
        heard.append(cause(child))

    def by_waiting() -> None:
        assert child.wait()
        heard.append(cause(child))

    after_func(child, lambda: heard.append(cause(child)))
    waiters = [go(wait) for wait in (in_a_block, by_its_channel, by_waiting, by_waiting)]
    ends = [parent, *chance.choices([parent, child], k=3)]
    cancellers = [go(end.cancel, Why()) for end in ends]
    for goroutine in (*waiters, *cancellers):
        goroutine.join()
    let_run(lambda: len(heard) == 5)
    assert set(heard) == {cause(child)}
    assert cause(child) is not None
    assert parent.err is not None
    assert children_of(parent) == 0


def a_function_is_called_or_stopped(chance: random.Random) -> None:
    """A stop that was in time means that it is not called, and one that was not that it is."""
    parent = with_cancel(background())
    context = with_cancel(parent)
    called: list[int] = []
    stopped: list[int] = []
    stops = [after_func(context, called.append, number) for number in range(4)]

    def stop(number: int) -> None:
        if stops[number]():
            stopped.append(number)

    stopping = [go(stop, number) for number in (0, 1, 1, 2)]
    cancelling = [go(chance.choice([parent, context]).cancel) for _ in range(2)]
    for goroutine in (*stopping, *cancelling):
        goroutine.join()
    let_run(lambda: len(called) + len(stopped) == 4)
    assert sorted(called + stopped) == [0, 1, 2, 3]
    assert 3 in called
    assert not any(stop() for stop in stops)


def a_tree_ends_below_what_is_cancelled(chance: random.Random) -> None:
    """All below one that is cancelled are done with its cause, and nothing beside it."""
    root = with_cancel(background())
    tree, above = [root], {0: -1}
    for number in range(1, 10):
        above[number] = chance.randrange(number)
        tree.append(with_cancel(tree[above[number]]))
    apart = with_cancel(without_cancel(tree[-1]))
    late: list[CancelContext] = []

    def grow(number: int) -> None:
        for _ in range(3):
            late.append(with_cancel(tree[number]))
            assert cause(late[-1]) is cause(tree[number])
            gosched()

    victims = [chance.randrange(1, 10) for _ in range(2)]
    working = [go(tree[victim].cancel, Why(victim)) for victim in victims]
    working += [go(grow, victim) for victim in victims]
    waiting = {number: go(tree[number].wait) for number in range(10)}
    for goroutine in working:
        goroutine.join()
    for number in range(10):
        over = {number}
        while above[min(over)] >= 0:
            over.add(above[min(over)])
        if over.isdisjoint(victims):
            assert tree[number].err is None
        else:
            assert waiting[number].join()
            why = cause(tree[number])
            assert isinstance(why, Why)
            assert why.args[0] in over.intersection(victims)
    assert all(context.err is not None for context in late)
    assert apart.err is None
    root.cancel()
    assert all(waiter.join() for waiter in waiting.values())
    assert children_of(root) == 0


def whose_time_it_was(chance: random.Random) -> None:
    """The earlier of two limits ends a block, unless it is cancelled before, and says so."""
    with virtual_clock() as clock:
        now = clock.time()
        limits = [now + chance.randrange(1, 6) for _ in range(2)]
        outer = with_deadline(background(), limits[0], cause=Why("outer"))
        inner = with_deadline(outer, limits[1], cause=Why("inner"))
        by_hand = now + chance.randrange(1, 6) + 0.5  # never at the same moment

        def cancel() -> None:
            sleep(by_hand - now)
            inner.cancel(Why("by hand"))

        cancelling = go(cancel)
        with pytest.raises((ContextCancelled, ContextDeadlineExceeded)), inner:
            sleep(3600)
        assert clock.time() == pytest.approx(min(*limits, by_hand))
        first = "outer" if limits[0] <= limits[1] else "inner"
        if by_hand < min(limits):
            first = "by hand"
        assert str(cause(inner)) == first
        assert isinstance(inner.err, ContextCancelled) == (first == "by hand")
        cancelling.join()
        assert str(cause(inner)) == first


@pytest.mark.parametrize(
    "program",
    [
        all_hear_of_one_end,
        a_function_is_called_or_stopped,
        a_tree_ends_below_what_is_cancelled,
        whose_time_it_was,
    ],
)
def test_it_holds_in_a_thousand_orders(program: Callable[[random.Random], None]) -> None:
    for seed in SEEDS:
        try:
            with shuffled(seed):
                run(program, random.Random(seed))
        except BaseException as failure:
            failure.add_note(f"seed {seed}")
            raise
