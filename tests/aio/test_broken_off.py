"""A signal handler that raises at any step of a call: nothing is left running, the loop goes on."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

import netpoll.aio
from netpoll import aio
from tests.broken_off import steps_of
from tests.running import in_run

PACKAGE = netpoll.aio.__file__.rpartition("/")[0]


class Inside:
    """Counts who is in what was given to the loop."""

    def __init__(self) -> None:
        self.count = self.visits = 0

    def __enter__(self) -> None:
        self.count += 1
        self.visits += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1


def run(inside: Inside) -> None:
    async def work() -> int:
        with inside:
            await asyncio.sleep(1e-3)
            return 7

    coroutine = work()
    try:
        assert aio.run(coroutine) == 7
    finally:
        if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
            coroutine.close()  # it was broken off before it took it


def enter(inside: Inside) -> None:
    @asynccontextmanager
    async def manager() -> AsyncIterator[int]:
        with inside:
            await asyncio.sleep(1e-3)
            yield 7
            await asyncio.sleep(1e-3)

    with aio.enter(manager()) as value:
        assert value == 7


def iterate(inside: Inside) -> None:
    async def items() -> AsyncIterator[int]:
        with inside:
            for number in range(3):
                await asyncio.sleep(1e-3)
                yield number

    assert list(aio.iterate(items())) == [0, 1, 2]


async def nothing() -> str:
    return "it goes on"


# Where it comes before the errand has its coroutine, Python says so of that one: it has not begun.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("call", [run, enter, iterate])
@in_run
def test_whatever_step_it_is(call: Callable[[Inside], None]) -> None:
    inside = Inside()
    call(inside)
    steps = 0
    for _ in steps_of(lambda: call(inside), PACKAGE):
        steps += 1
        assert inside.count == 0, steps
        assert aio.run(nothing()) == "it goes on"
    assert inside.count == 0
    assert inside.visits > 10
    assert steps > 30
