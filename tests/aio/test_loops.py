"""The loops that coroutines run on: one that all share, and those of one's own."""

import asyncio
import threading
from importlib.util import find_spec

import pytest

from netpoll import aio, blocking, go, sleep
from netpoll.aio import turning
from tests.aio.coroutines import PRELUDE, cleaning_up, value
from tests.running import in_run, says


@in_run
def test_a_loop_of_ones_own_ends_with_its_block() -> None:
    seen: list[str] = []
    with aio.Loop() as loop:
        assert loop.run(value(3)) == 3
        own = loop.run(thread_of())
        assert own != aio.run(thread_of())
        begun = threading.Event()
        waiting = go(loop.run, cleaning_up(seen, begun))
        blocking(begun.wait, 10)  # one that is cancelled before its first step has nothing to clean
    with pytest.raises(RuntimeError, match="the event loop is closed"):
        waiting.join()
    assert seen == ["cancelled", "cleaned up"]
    with pytest.raises(RuntimeError, match="the event loop is closed"):
        loop.run(value(1))
    loop.close()


async def thread_of() -> int:
    return threading.get_ident()


def test_a_loop_that_was_never_used_has_no_thread() -> None:
    before = set(threading.enumerate())
    with aio.Loop():
        assert set(threading.enumerate()) == before


@in_run
def test_a_loop_of_another_kind() -> None:
    made: list[asyncio.AbstractEventLoop] = []

    def factory() -> asyncio.AbstractEventLoop:
        made.append(asyncio.SelectorEventLoop())
        return made[-1]

    async def running() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    with aio.Loop(loop_factory=factory) as loop:
        assert loop.run(running()) is made[0]
    assert made[0].is_closed()


@pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed")
def test_uvloop_is_a_loop_too() -> None:
    said = says(
        PRELUDE
        + """
import uvloop

def main():
    with aio.Loop(loop_factory=uvloop.new_event_loop) as loop:
        print(loop.run(value(3)))
        try:
            loop.run(asyncio.sleep(60), timeout=0.005)
        except TimeoutError:
            print("timeout")
    try:
        loop.run(value(1))
    except RuntimeError as error:
        print(error)

run(main)
"""
    )
    assert said == "3\ntimeout\nthe event loop is closed\n"


@in_run
def test_after_a_close_the_next_call_begins_another_loop() -> None:
    first = aio.run(thread_of())
    aio.close()
    aio.close()
    assert not [each for each in threading.enumerate() if each.name == turning.NAME]
    assert aio.run(thread_of()) != 0
    assert first


@in_run
def test_a_call_that_comes_while_the_loop_closes_gets_an_error_and_never_hangs() -> None:
    for turn in range(60):
        loop = aio.Loop()

        def caller(loop: aio.Loop = loop) -> str:
            while True:
                try:
                    assert loop.run(value(1)) == 1
                except RuntimeError as error:
                    return str(error)

        callers = [go(blocking, caller) for _ in range(3)] + [go(caller)]
        sleep(0.0005 + 0.00003 * turn)
        loop.close()
        assert {each.join() for each in callers} == {"the event loop is closed"}


@in_run
def test_many_threads_use_one_loop_at_once() -> None:
    def caller(number: int) -> list[int]:
        return [aio.run(value(number)) for _ in range(100)]

    callers = [go(blocking, caller, i) for i in range(8)]
    assert [each.join() for each in callers] == [[i] * 100 for i in range(8)]
