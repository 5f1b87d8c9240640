"""aio.enter and aio.iterate: what takes more than one answer of the event loop."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

import pytest

from netpoll import Cancelled, GoroutineCancelled, ScopeTimeout, aio, blocking, go, sleep
from netpoll._runtime.scope import cancel_scope, timeout
from tests.running import in_run, parked


class Wrong(Exception):
    pass


def fail() -> None:
    raise Wrong


class Manager:
    """Notes what happens to it, and in which task."""

    def __init__(self, *, swallow: bool = False) -> None:
        self.seen: list[object] = []
        self.swallow = swallow
        self.task: asyncio.Task[object] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.current_task()
        await asyncio.sleep(0)
        self.seen.append("in")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        assert asyncio.current_task() is self.task
        await asyncio.sleep(0.001)
        self.seen.append(kind)
        return self.swallow


# ---- enter


@in_run
def test_it_is_entered_and_left_in_one_task() -> None:
    manager = Manager()
    with aio.enter(manager) as inside:
        assert inside is manager
        assert manager.seen == ["in"]
    assert manager.seen == ["in", None]


@in_run
def test_an_exception_of_the_block_goes_through_it() -> None:
    manager = Manager()
    wrong = Wrong()
    with pytest.raises(Wrong) as caught, aio.enter(manager):
        raise wrong
    assert caught.value is wrong
    assert manager.seen == ["in", Wrong]


@in_run
def test_it_may_swallow_an_exception() -> None:
    manager = Manager(swallow=True)
    with aio.enter(manager):
        fail()
    assert manager.seen == ["in", Wrong]


@in_run
def test_it_may_raise_another_one() -> None:
    @asynccontextmanager
    async def changing() -> AsyncIterator[None]:
        try:
            yield
        except Wrong as wrong:
            raise LookupError from wrong

    with pytest.raises(LookupError), aio.enter(changing()):
        raise Wrong


@in_run
def test_one_that_cannot_be_entered_says_why() -> None:
    @asynccontextmanager
    async def never() -> AsyncIterator[None]:
        await asyncio.sleep(0)
        fail()
        yield

    with pytest.raises(Wrong), aio.enter(never()):
        pytest.fail("it was entered")


@in_run
def test_a_cancellation_of_the_block_is_one_of_asyncio_inside() -> None:
    manager = Manager()
    begun = threading.Event()

    def work() -> None:
        with aio.enter(manager):
            begun.set()
            sleep(60)

    goroutine = go(work)
    blocking(begun.wait)
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled):
        goroutine.join()
    assert manager.seen == ["in", asyncio.CancelledError]


@in_run
def test_a_timeout_of_the_block_is_its_own() -> None:
    manager = Manager()
    with pytest.raises(ScopeTimeout), timeout(60) as scope, aio.enter(manager):
        scope.deadline = 0
        sleep(60)
    assert manager.seen == ["in", asyncio.CancelledError]


@in_run
def test_a_task_group_is_open_as_long_as_the_block() -> None:
    seen: list[str] = []

    async def child() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def start(group: asyncio.TaskGroup) -> None:
        group.create_task(child())
        await asyncio.sleep(0)

    with pytest.raises(ScopeTimeout), timeout(60) as scope, aio.enter(asyncio.TaskGroup()) as group:
        aio.run(start(group))
        scope.deadline = 0
        sleep(60)
    assert seen == ["cancelled"]


@in_run
def test_entering_can_be_cancelled() -> None:
    @asynccontextmanager
    async def slow() -> AsyncIterator[None]:
        try:
            begun.set()
            await asyncio.sleep(60)
            yield
        finally:
            seen.append("left")

    def expire() -> None:
        assert blocking(begun.wait, 10)
        scope.deadline = 0

    begun = threading.Event()
    seen: list[str] = []
    with pytest.raises(ScopeTimeout), timeout(60) as scope:
        go(expire)
        with aio.enter(slow()):
            pytest.fail("it was entered")
    assert seen == ["left"]


@in_run
def test_several_are_entered_one_in_the_other() -> None:
    managers = [Manager() for _ in range(5)]
    with aio.enter(managers[0]), aio.enter(managers[1]), aio.enter(managers[2]):
        with aio.enter(managers[3]), aio.enter(managers[4]):
            pass
    assert [each.seen for each in managers] == [["in", None]] * 5


# ---- iterate


async def count(to: int, seen: list[str] | None = None) -> AsyncIterator[int]:
    try:
        for i in range(to):
            await asyncio.sleep(0)
            yield i
    finally:
        await asyncio.sleep(0)
        if seen is not None:
            seen.append("closed")


@in_run
def test_the_items_come_one_by_one() -> None:
    seen: list[str] = []
    assert list(aio.iterate(count(50, seen))) == list(range(50))
    assert seen == ["closed"]
    assert list(aio.iterate(count(0))) == []


@in_run
def test_nothing_is_asked_for_before_it_is_wanted() -> None:
    asked: list[int] = []

    async def items() -> AsyncIterator[int]:
        for i in range(10):
            asked.append(i)
            yield i

    iterator = aio.iterate(items())
    assert asked == []
    assert next(iterator) == 0
    sleep(0.005)
    assert asked == [0]
    assert next(iterator) == 1
    iterator.close()  # type: ignore[attr-defined]
    assert asked == [0, 1]


@in_run
def test_who_stops_early_has_it_closed() -> None:
    seen: list[str] = []
    for item in aio.iterate(count(50, seen)):
        if item == 3:
            break
    assert seen == ["closed"]


@in_run
def test_what_it_raises_comes_after_the_items_before() -> None:
    async def items() -> AsyncIterator[int]:
        yield 1
        raise Wrong

    got = []
    with pytest.raises(Wrong):
        for item in aio.iterate(items()):
            got.append(item)  # noqa: PERF402 - it is not to be lost
    assert got == [1]


@in_run
def test_an_iteration_can_be_cancelled() -> None:
    seen: list[str] = []

    async def items() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            seen.append("closed")

    got = []
    with cancel_scope() as scope:
        for item in aio.iterate(items()):
            got.append(item)
            go(scope.cancel)
    assert scope.caught
    assert (got, seen) == ([1], ["closed"])


@in_run
def test_it_is_one_task_from_beginning_to_end() -> None:
    var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)

    async def items() -> AsyncIterator[int]:
        async with asyncio.timeout(60):
            for i in range(3):
                var.set(i)
                yield i
                assert var.get() == i

    assert list(aio.iterate(items())) == [0, 1, 2]
    assert var.get() == 0


@in_run
def test_what_is_no_generator_is_iterated_too() -> None:
    class Items:
        def __init__(self) -> None:
            self.left = 3

        def __aiter__(self) -> "Items":
            return self

        async def __anext__(self) -> int:
            self.left -= 1
            if self.left < 0:
                raise StopAsyncIteration
            return self.left

    assert list(aio.iterate(Items())) == [2, 1, 0]


@in_run
def test_a_hundred_iterate_at_once() -> None:
    def work(to: int) -> int:
        return sum(aio.iterate(count(to)))

    outcomes = [each.join() for each in [go(work, i) for i in range(100)]]
    assert outcomes == [sum(range(i)) for i in range(100)]


@in_run
def test_the_next_item_of_a_loop_that_is_closed_is_an_error() -> None:
    loop = aio.Loop()
    items = loop.iterate(count(5))
    assert next(items) == 0
    loop.close()
    with pytest.raises(RuntimeError, match="the event loop is closed"):
        next(items)
    assert list(items) == []


@in_run
def test_a_loop_that_is_closed_ends_both() -> None:
    seen: list[str] = []
    loop = aio.Loop()
    manager = Manager()

    def stay() -> None:
        with loop.enter(manager):
            sleep(60)

    def iterate() -> None:
        for _ in loop.iterate(count(5, seen)):
            sleep(60)

    both = [parked(go(stay)), parked(go(iterate))]
    sleep(0.02)
    loop.close()
    assert manager.seen == ["in", asyncio.CancelledError]
    assert seen == ["closed"]
    for each in both:
        each.cancel()
        with suppress(RuntimeError, GoroutineCancelled):
            each.join()
        assert each.done


@in_run
def test_a_cancelled_goroutine_enters_nothing() -> None:
    manager = Manager()
    with cancel_scope() as scope:
        scope.cancel()
        with pytest.raises(Cancelled), aio.enter(manager):
            pytest.fail("it was entered")
        with pytest.raises(Cancelled):
            list(aio.iterate(count(3)))
    assert manager.seen == []
