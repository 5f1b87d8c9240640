"""aio.run: a coroutine on an event loop in another thread."""

import asyncio
import contextvars
import gc
import threading
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

import netpoll
from netpoll import Cancelled, GoroutineCancelled, ScopeTimeout, aio, blocking, go, sleep
from netpoll._runtime.scope import cancel_scope, shield, timeout
from tests.aio.coroutines import PRELUDE, cleaning_up, value
from tests.running import in_run, on_thread, parked, says


class Wrong(Exception):
    pass


@in_run
def test_it_returns_the_result() -> None:
    assert aio.run(value(4)) == 4
    assert [aio.run(value(i)) for i in range(50)] == list(range(50))


def test_without_run_and_on_any_thread() -> None:
    assert aio.run(value(1)) == 1
    assert on_thread(aio.run, value(2)) == 2


@in_run
def test_any_awaitable_will_do() -> None:
    class Thing:
        def __await__(self) -> Any:
            return value(3).__await__()

    assert aio.run(Thing()) == 3

    async def make() -> asyncio.Task[int]:
        return asyncio.create_task(value(5))

    assert aio.run(aio.run(make())) == 5


@in_run
def test_it_raises_what_the_coroutine_raises() -> None:
    wrong = Wrong()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise wrong

    with pytest.raises(Wrong) as caught:
        aio.run(fail())
    assert caught.value is wrong
    assert caught.traceback[-1].name == "fail"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, Cancelled])
@in_run
def test_it_raises_what_is_no_usual_exception_and_the_loop_goes_on(
    kind: type[BaseException],
) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise kind

    stays = parked(go(aio.run, asyncio.sleep(60)))
    for _ in range(3):
        with pytest.raises(kind):
            aio.run(fail())
        assert aio.run(value(2)) == 2
    assert not stays.done
    stays.cancel()


@in_run
def test_a_coroutine_that_cancels_itself_says_so() -> None:
    async def give_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        aio.run(give_up())


@in_run
def test_a_thousand_run_at_once_on_one_thread() -> None:
    async def work(number: int) -> tuple[int, int]:
        await asyncio.sleep(0.01)
        return number, threading.get_ident()

    outcomes = [each.join() for each in [go(aio.run, work(i)) for i in range(1000)]]
    assert [number for number, _ in outcomes] == list(range(1000))
    assert len({thread for _, thread in outcomes}) == 1
    assert outcomes[0][1] != threading.get_ident()


@in_run
def test_goroutines_go_on_meanwhile() -> None:
    waiting = parked(go(aio.run, asyncio.sleep(60)))
    assert waiting.state == "waiting: a coroutine"
    assert go(lambda: 3).join() == 3
    waiting.cancel()


@in_run
def test_what_is_made_in_one_call_is_there_in_the_next() -> None:
    async def make() -> asyncio.Queue[int]:
        return asyncio.Queue()

    queue = aio.run(make())
    waiting = parked(go(aio.run, queue.get()))
    aio.run(queue.put(6))
    assert waiting.join() == 6


@in_run
def test_the_context_is_carried_there_and_not_back() -> None:
    var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)

    async def work(number: int) -> int:
        seen = var.get()
        var.set(1000 + number)
        await asyncio.sleep(0.001)
        assert var.get() == 1000 + number
        return seen

    def call(number: int) -> None:
        var.set(number)
        assert aio.run(work(number)) == number
        assert var.get() == number

    for each in [go(call, i) for i in range(200)]:
        each.join()


# ---- cancellation


@in_run
def test_a_cancelled_goroutine_cancels_the_task_and_waits_for_its_end() -> None:
    seen: list[str] = []
    begun = threading.Event()

    def work() -> None:
        try:
            aio.run(cleaning_up(seen, begun))
        finally:
            seen.append("gone on")

    goroutine = parked(go(work))
    blocking(begun.wait)
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled):
        goroutine.join()
    assert seen == ["cancelled", "cleaned up", "gone on"]


def expire(scope: netpoll.CancelScope, begun: threading.Event) -> None:
    """Have the time of a scope be over as soon as something has begun."""

    def work() -> None:
        assert blocking(begun.wait, 10)
        scope.deadline = 0

    go(work)


@in_run
def test_a_timeout_cancels_the_task_as_well() -> None:
    seen: list[str] = []
    begun = threading.Event()
    with pytest.raises(ScopeTimeout) as caught, timeout(60) as scope:
        expire(scope, begun)
        aio.run(cleaning_up(seen, begun))
    assert caught.value.scope is scope
    assert seen == ["cancelled", "cleaned up"]


@in_run
def test_it_has_a_timeout_of_its_own() -> None:
    seen: list[str] = []
    for milliseconds in range(1, 100):
        with pytest.raises(ScopeTimeout):
            aio.run(cleaning_up(seen), timeout=milliseconds / 1000)
        if seen:  # it had begun
            break
    assert seen == ["cancelled", "cleaned up"]
    assert aio.run(value(1), timeout=10) == 1


@in_run
def test_whose_time_is_over_is_never_in_doubt() -> None:
    async def own() -> None:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)

    with timeout(10) as scope:
        with pytest.raises(TimeoutError) as caught:
            aio.run(own())
    assert not isinstance(caught.value, ScopeTimeout)
    assert not scope.expired


@in_run
def test_each_further_call_of_a_cancelled_goroutine_raises_and_begins_nothing() -> None:
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)

    with cancel_scope() as scope:
        scope.cancel()
        for _ in range(3):
            with pytest.raises(Cancelled):
                aio.run(work())
        with shield():
            aio.run(work())
        aio.run(work())
    assert scope.caught
    assert begun == [1]


@in_run
def test_a_result_that_comes_all_the_same_is_not_lost() -> None:
    begun = threading.Event()

    async def stubborn() -> str:
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return "all the same"

    with cancel_scope() as scope:
        expire(scope, begun)
        assert aio.run(stubborn()) == "all the same"
        with pytest.raises(Cancelled):
            sleep(1)
    assert scope.expired


@in_run
def test_what_it_raises_instead_is_raised() -> None:
    begun = threading.Event()

    async def fail() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise Wrong from None

    with cancel_scope() as scope, pytest.raises(Wrong):
        expire(scope, begun)
        aio.run(fail())


@in_run
def test_it_is_cancelled_at_each_moment_and_nothing_is_lost() -> None:
    opened: list[int] = []
    closed: list[int] = []

    async def hold(number: int) -> int:
        opened.append(number)
        try:
            for _ in range(number % 5):
                await asyncio.sleep(0)
        finally:
            closed.append(number)
        return number

    def work(number: int) -> int:
        return aio.run(hold(number))

    ended = 0
    for start in range(0, 2000, 20):
        some = [go(work, start + i) for i in range(20)]
        for _ in range(start % 3):
            netpoll.gosched()
        for each in some:
            each.cancel()
        for i, each in enumerate(some):
            with suppress(GoroutineCancelled):
                assert each.join() == start + i
                ended += 1
    assert sorted(opened) == sorted(closed)
    assert ended <= len(opened)


@in_run
def test_two_thousand_cancelled_calls_then_a_good_one() -> None:
    async def wait() -> None:
        await asyncio.sleep(60)

    for _ in range(4):
        calls = [go(lambda: aio.run(wait())) for _ in range(500)]
        parked(calls[-1])
        for each in calls:
            each.cancel()
        for each in calls:
            with pytest.raises(GoroutineCancelled):
                each.join()
    assert aio.run(value(1)) == 1
    assert aio.run(running_tasks()) == 1


async def running_tasks() -> int:
    return len(asyncio.all_tasks())


# ---- where it may not be called


@in_run
def test_a_loop_does_not_wait_for_itself() -> None:
    async def wrong() -> None:
        aio.run(value(1))

    async def closing() -> None:
        aio.close()

    for coroutine, instead in ((wrong, "use await"), (closing, "await asyncio")):
        with pytest.raises(RuntimeError, match=f"would stand still: {instead}"):
            aio.run(coroutine())
        with pytest.raises(RuntimeError, match=f"would stand still: {instead}"):
            asyncio.run(coroutine())
    assert aio.run(value(2)) == 2


@in_run
def test_what_is_no_awaitable_is_refused() -> None:
    with pytest.raises(TypeError, match="await"):
        aio.run(3)  # type: ignore[arg-type]


# ---- bad luck


@in_run
def test_waiting_for_a_coroutine_is_no_deadlock() -> None:
    aio.run(asyncio.sleep(0.03))


@in_run
def test_the_collector_at_every_allocation_is_no_matter() -> None:
    aio.run(value(0))
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        assert [each.join() for each in [go(aio.run, value(i)) for i in range(20)]] == [*range(20)]
    finally:
        gc.set_threshold(*before)


@in_run
def test_a_call_keeps_nothing_alive_when_it_is_over() -> None:
    class Thing:
        pass

    async def give(thing: Thing) -> Thing:
        return thing

    async def fail(thing: Thing) -> None:
        raise Wrong(thing)

    def work() -> None:
        thing = Thing()
        assert aio.run(give(thing)) is thing
        with pytest.raises(Wrong):
            aio.run(fail(thing))

    work()
    aio.run(value(1))
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is Thing]


def test_a_child_has_a_loop_of_its_own() -> None:
    said = says(
        PRELUDE
        + """
def main():
    own = aio.Loop()
    for loop in (aio, own):
        assert loop.run(value(1)) == 1
    waiting = parked(go(aio.run, asyncio.sleep(0.3, "parent")))
    pid = os.fork()
    if pid == 0:
        print([loop.run(value(2), timeout=10) for loop in (aio, own)], flush=True)
        gc.collect()
        own.close()
        aio.close()
        os._exit(4)
    print(os.waitstatus_to_exitcode(blocking(os.waitpid, pid, 0)[1]))
    print(waiting.join(), aio.run(value(3)))
    own.close()

run(main)
"""
    )
    assert said == "[2, 2]\n4\nparent 3\n"


ENDS_WELL = {
    "a call under way": "go(aio.run, asyncio.sleep(60)); sleep(0.01)",
    "a call under way in a run": "run(lambda: (go(aio.run, asyncio.sleep(60)), sleep(0.01)))",
    "a loop that was used": "aio.run(value(1))",
    "a task that was left": """
async def leave():
    global kept
    kept = asyncio.create_task(asyncio.sleep(60))
aio.run(leave())
""",
    "a loop of its own": """
loop = aio.Loop()
loop.run(value(1))
go(loop.run, asyncio.sleep(60))
sleep(0.01)
""",
    "a call from a daemon thread": """
threading.Thread(target=lambda: aio.run(asyncio.sleep(60)), daemon=True).start()
sleep(0.01)
""",
    "a function as a goroutine": """
aio.to_async(sleep)
go(aio.run, aio.to_async(sleep)(60)); sleep(0.01)
""",
}


@pytest.mark.parametrize("lines", ENDS_WELL.values(), ids=ENDS_WELL)
def test_a_program_ends_well_with(lines: str) -> None:
    assert says(PRELUDE + lines + "\nprint('end')") == "end\n"


def test_ctrl_c_cancels_the_task_and_waits_for_its_end() -> None:
    said = says(
        PRELUDE
        + """
async def work():
    try:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.01)
        print("cleaned up", flush=True)

try:
    run(lambda: aio.run(work()))
except KeyboardInterrupt:
    print("interrupted")
"""
    )
    assert said == "cleaned up\ninterrupted\n"


def test_a_second_ctrl_c_does_not_wait_for_the_end() -> None:
    said = says(
        PRELUDE
        + """
async def work():
    signal.raise_signal(signal.SIGINT)
    while True:
        try:
            await asyncio.sleep(60 if tried.is_set() else 0.5)
        except asyncio.CancelledError:
            if tried.is_set():
                raise
            tried.set()
            signal.raise_signal(signal.SIGINT)

tried = threading.Event()
began = time.monotonic()
try:
    run(lambda: aio.run(work()))
except KeyboardInterrupt:
    print("interrupted", tried.is_set(), time.monotonic() - began < 10)
"""
    )
    assert said == "interrupted True True\n"


def test_it_is_public() -> None:
    assert netpoll.aio is aio


def types(coroutine: Coroutine[Any, Any, int], awaitable: Awaitable[str]) -> tuple[int, str]:
    """For the type checker alone."""
    return aio.run(coroutine), aio.run(awaitable)
