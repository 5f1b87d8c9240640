"""Groups, selects, scopes, contexts and races with the collector at every allocation.

Each step leaves garbage in a cycle, whose finalizer meddles with just what is in use.
"""

import gc
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from netpoll import (
    CancelScope,
    Goroutine,
    ScopeTimeout,
    cancel_scope,
    current,
    go,
    gosched,
    shield,
    timeout,
)
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.context import CancelContext, Context, after_func, background, with_cancel, with_value
from netpoll.sync.chan import Chan
from netpoll.sync.completed import as_completed
from netpoll.sync.concurrent import map_concurrent, race
from netpoll.sync.group import Group
from netpoll.sync.select import select
from tests.running import in_run
from tests.sync.failing import Boom

TIMES = 30


class Meddler:
    """Garbage in a cycle, whose finalizer does something at whatever moment."""

    def __init__(self, act: Callable[[], object], seen: Counter[str]) -> None:
        self.act, self.seen, self.cycle = act, seen, self

    def __del__(self) -> None:
        self.act()
        self.seen["meddled"] += 1


def nothing() -> None:
    """Have been collected: that alone may do harm."""


def a_group(seen: Counter[str], number: int) -> None:
    group = Group(number % 3 or None)

    def join_in() -> None:
        with suppress(RuntimeError):  # if it is over
            group.try_go(int)

    def work(n: int) -> int:
        Meddler(join_in, seen)
        gosched()
        if n == 3 and number % 2:
            Meddler(group.cancel, seen)
            raise Boom
        return n

    with suppress(Boom), group:
        members = [group.go(work, n) for n in range(4)]
    assert group.count == 0
    if not group.cancelled:
        assert [member.join() for member in members] == [0, 1, 2, 3]
        seen["whole"] += 1


def a_select(seen: Counter[str], number: int) -> None:
    one, two, done = Chan[int](number % 3), Chan[int](1), Chan[int]()
    sent: list[int] = []
    received: list[int] = []

    def put() -> None:
        if two.try_send(-len(sent)):
            sent.append(-len(sent))

    def take() -> None:
        value, ok = one.try_recv()
        if ok and value is not None:
            received.append(value)

    def send(start: int) -> None:
        for value in range(start, start + 5):
            Meddler(take, seen)
            select((one.send, value), (two.send, value), None)
            sent.append(value)

    def receive() -> None:
        while True:
            Meddler(put, seen)
            match select(one, two, done):
                case 2, _, _:
                    return
                case _, value, _:
                    received.append(value)

    senders = [go(send, 10), go(send, 20)]
    receivers = [go(receive), go(receive)]
    for sender in senders:
        sender.join()
    while len(one) or len(two):
        gosched()
    done.close()
    for receiver in receivers:
        receiver.join()
    gosched()
    received += [value for channel in (one, two) for value, _ in [channel.try_recv()] if value]
    assert [channel.waiting for channel in (one, two, done)] == [(0, 0)] * 3
    assert {n for n in sent if n > 0} == {n for n in received if n > 0}
    assert max(Counter(n for n in received if n > 0).values()) == 1
    seen["whole"] += 1


def some_scopes(seen: Counter[str], number: int) -> None:
    scopes: list[CancelScope] = []

    def meddle() -> None:
        if number % 2:
            scopes[0].cancel("by a finalizer")

    def work() -> str:
        with cancel_scope() as outer:
            scopes.append(outer)
            with timeout(3600) as inner:
                inner.deadline = None
                Meddler(meddle, seen)
                with shield():
                    gosched()
                with pytest.raises(ScopeTimeout), timeout(0):
                    gosched()
                    gosched()
                while number % 2:
                    gc.collect()  # where nothing is allocated the collector does not run by itself
                    gosched()
            return "through"
        return "cut"

    outcome = go(work).join()
    assert outcome == ("cut" if number % 2 else "through")
    assert scopes[0].caught == bool(number % 2)
    seen["whole"] += 1


def some_contexts(seen: Counter[str], number: int) -> None:
    root = with_cancel(background())
    children: list[CancelContext] = [with_cancel(with_value(root, n, n)) for n in range(5)]
    called: list[int] = []
    for n, child in enumerate(children):
        after_func(child, called.append, n)

    def work(context: Context) -> None:
        Meddler(children[number % 5].cancel, seen)
        Meddler(lambda: with_cancel(root), seen)
        context.wait()

    waiters = [go(work, child) for child in children]
    gosched()
    root.cancel()
    for waiter in waiters:
        waiter.join()
    gosched()
    assert sorted(called) == [0, 1, 2, 3, 4]
    assert root.node.number_of_children() == 0
    seen["whole"] += 1


def a_race(seen: Counter[str], number: int) -> None:
    begun: list[Goroutine[int]] = []

    def slow() -> int:
        begun.append(current())
        Meddler(begun[-1].cancel, seen)
        while True:
            gosched()

    def quick() -> int:
        for _ in range(number % 4):
            Meddler(nothing, seen)
            gosched()
        return number

    assert race(slow, quick, slow) == number
    assert all(goroutine.done for goroutine in begun)
    seen["whole"] += 1


def a_map_and_its_ends(seen: Counter[str], number: int) -> None:
    def work(n: int) -> int:
        iterator = as_completed([go(int)])
        Meddler(iterator.close, seen)  # type: ignore[attr-defined]
        gosched()
        return n

    assert map_concurrent(work, range(4), limit=number % 3 or None) == [0, 1, 2, 3]
    goroutines = [go(work, n) for n in range(3)]
    assert {each.join() for each in as_completed(goroutines)} == {0, 1, 2}
    seen["whole"] += 1


ROWS = [a_group, a_select, some_scopes, some_contexts, a_race, a_map_and_its_ends]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
@in_run
def test_it_works_with_the_collector_at_every_allocation(
    row: Callable[[Counter[str], int], None], at_every_allocation: None
) -> None:
    seen = Counter[str]()
    for number in range(TIMES):
        row(seen, number)
    gc.collect()
    assert seen["whole"] >= TIMES // 3
    assert seen["meddled"] >= TIMES
    gosched()
    assert ensure_scheduler().goroutines() == [current()]
