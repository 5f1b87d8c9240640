"""aio.to_async: blocking-style code for coroutines."""

import asyncio
import contextvars
import gc
import inspect
import threading
import time
from collections.abc import Callable
from typing import assert_type

import pytest

import netpoll
from netpoll import Cancelled, aio, current, go, net, sleep
from netpoll._runtime.scope import shield, timeout
from netpoll.aio import inward
from tests.running import in_run, says


class Wrong(Exception):
    pass


def test_a_function_becomes_an_async_one() -> None:
    def work(one: int, *, two: str) -> str:
        """Do it."""
        sleep(0)
        return f"{one} {two}"

    changed = aio.to_async(work)
    assert inspect.iscoroutinefunction(changed)
    assert (changed.__name__, changed.__doc__) == ("work", "Do it.")
    assert asyncio.run(changed(1, two="x")) == "1 x"
    assert_type(asyncio.run(changed(1, two="x")), str)


def test_it_is_a_decorator() -> None:
    @aio.to_async
    def work() -> int:
        return 4

    assert asyncio.run(work()) == 4


def test_it_raises_what_the_function_raises() -> None:
    wrong = Wrong()

    @aio.to_async
    def fail() -> None:
        sleep(0)
        raise wrong

    with pytest.raises(Wrong) as caught:
        asyncio.run(fail())
    assert caught.value is wrong
    assert caught.traceback[-1].name == "fail"


def test_ten_thousand_run_at_once_on_one_thread() -> None:
    @aio.to_async
    def work(number: int) -> tuple[int, int]:
        sleep(0.01)
        return number, threading.get_ident()

    async def main() -> list[tuple[int, int]]:
        return await asyncio.gather(*[work(i) for i in range(10_000)])

    outcomes = asyncio.run(main())
    assert [number for number, _ in outcomes] == list(range(10_000))
    assert len({thread for _, thread in outcomes}) == 1
    assert outcomes[0][1] != threading.get_ident()


def test_the_event_loop_goes_on_meanwhile() -> None:
    ticks: list[int] = []

    async def tick() -> None:
        while True:
            ticks.append(1)
            await asyncio.sleep(0.0005)

    async def main() -> None:
        ticking = asyncio.create_task(tick())
        await aio.to_async(stay)()
        ticking.cancel()

    def stay() -> None:
        end = time.monotonic() + 10
        while len(ticks) < 4:
            assert time.monotonic() < end, "the loop stands still"
            sleep(0.001)

    asyncio.run(main())


def test_it_may_use_all_of_netpoll() -> None:
    @aio.to_async
    def echo(data: bytes) -> bytes:
        with net.listen("tcp", "127.0.0.1:0") as listener:

            def serve() -> None:
                with listener.accept() as conn:
                    conn.write(conn.read(100))

            serving = go(serve)
            with net.dial("tcp", str(listener.local_addr)) as conn:
                conn.write(data)
                answer = conn.read(100)
            serving.join()
            return answer

    async def main() -> list[bytes]:
        return await asyncio.gather(*[echo(b"%d" % i) for i in range(20)])

    assert asyncio.run(main()) == [b"%d" % i for i in range(20)]


def test_the_context_goes_along() -> None:
    var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)

    @aio.to_async
    def work() -> int:
        seen = var.get()
        sleep(0)
        var.set(-1)
        return seen

    async def task(number: int) -> None:
        var.set(number)
        assert await work() == number
        assert var.get() == number

    async def main() -> None:
        await asyncio.gather(*[task(i) for i in range(100)])

    asyncio.run(main())


@in_run
def test_there_and_back_again() -> None:
    def down(depth: int) -> int:
        if depth == 0:
            return 0
        return 1 + aio.run(aio.to_async(down)(depth - 1))

    assert down(5) == 5


# ---- cancellation


def test_a_cancelled_task_ends_the_goroutine_and_waits_for_it() -> None:
    seen: list[str] = []

    @aio.to_async
    def work() -> None:
        try:
            seen.append("begun")
            sleep(60)
        except Cancelled:
            seen.append("cancelled")
            raise
        finally:
            with shield():
                sleep(0.005)
            seen.append("cleaned up")

    async def main() -> None:
        task = asyncio.create_task(work())
        while not seen:  # noqa: ASYNC110 - it is another thread that begins
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # once more: nothing but patience
        with pytest.raises(asyncio.CancelledError):
            await task
        seen.append("gone on")

    asyncio.run(main())
    assert seen == ["begun", "cancelled", "cleaned up", "gone on"]


def test_a_timeout_of_asyncio_ends_it() -> None:
    async def main() -> None:
        async with asyncio.timeout(0.01):
            await aio.to_async(sleep)(60)

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_one_of_its_own_is_its_own() -> None:
    @aio.to_async
    def work() -> None:
        with timeout(0.005):
            sleep(60)

    with pytest.raises(netpoll.ScopeTimeout):
        asyncio.run(work())


def test_what_it_raises_when_it_is_cancelled_is_raised() -> None:
    @aio.to_async
    def work() -> None:
        begun.set()
        try:
            sleep(60)
        except Cancelled:
            raise Wrong from None

    async def main() -> None:
        task = asyncio.create_task(work())
        while not begun.is_set():  # noqa: ASYNC110 - it is another thread that begins
            await asyncio.sleep(0.001)
        task.cancel()
        await task

    begun = threading.Event()

    with pytest.raises(Wrong):
        asyncio.run(main())


def test_cancelled_at_any_moment_each_ends_and_none_hangs() -> None:
    begun: list[int] = []
    ended: list[int] = []

    @aio.to_async
    def work(number: int) -> None:
        begun.append(number)
        try:
            for _ in range(number % 4):
                sleep(0)
            sleep(60)
        finally:
            ended.append(number)

    async def main() -> None:
        for start in range(0, 2000, 50):
            tasks = [asyncio.create_task(work(start + i)) for i in range(50)]
            for _ in range(start % 4):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.wait_for(
                asyncio.gather(*tasks, return_exceptions=True), timeout=20
            )
            assert all(isinstance(each, asyncio.CancelledError) for each in outcomes)

    asyncio.run(main())
    assert sorted(begun) == sorted(ended)


@aio.to_async
def hold_up(begun: threading.Event, stop: threading.Event) -> None:
    """Block the thread of all."""
    begun.set()
    assert stop.wait(10)


def test_one_that_is_cancelled_before_it_begins_never_does() -> None:
    seen: list[int] = []

    async def main() -> None:
        begun, stop = threading.Event(), threading.Event()
        holding = asyncio.create_task(hold_up(begun, stop))
        await asyncio.to_thread(begun.wait, 10)
        task = asyncio.create_task(aio.to_async(seen.append)(1))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        stop.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await holding

    asyncio.run(main())
    assert seen == []


# ---- the thread


def test_one_that_comes_too_late_to_begin_gets_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        begun, stop = threading.Event(), threading.Event()
        holding = asyncio.create_task(hold_up(begun, stop))
        await asyncio.to_thread(begun.wait, 10)
        host = inward._host()
        inward._closing()
        monkeypatch.setattr(inward, "_host", lambda: host)
        late = asyncio.create_task(aio.to_async(int)())
        await asyncio.sleep(0)
        stop.set()
        with pytest.raises(RuntimeError, match=r"thread of to_async\(\) has ended"):
            await asyncio.wait_for(late, 10)
        await holding

    asyncio.run(main())


def test_when_its_thread_ends_whoever_waits_gets_an_error() -> None:
    async def main() -> None:
        tasks = [asyncio.create_task(aio.to_async(sleep)(60)) for _ in range(5)]
        await asyncio.sleep(0.01)
        closing = threading.Thread(target=aio.close)
        closing.start()
        for task in tasks:
            with pytest.raises(RuntimeError, match=r"thread of to_async\(\) has ended"):
                await task
        closing.join()
        assert await aio.to_async(int)() == 0  # the next call begins another

    asyncio.run(main())


def test_whoever_comes_while_it_ends_gets_an_error_or_the_result() -> None:
    async def main() -> None:
        work = aio.to_async(divmod)
        ended = 0
        stop = threading.Event()

        def close_often() -> None:
            while not stop.is_set():
                aio.close()
                time.sleep(0.0005)

        closing = threading.Thread(target=close_often)
        closing.start()
        for _ in range(300):
            try:
                assert await asyncio.wait_for(work(7, 2), 20) == (3, 1)
            except RuntimeError:
                ended += 1
        stop.set()
        closing.join()
        assert ended < 300

    asyncio.run(main())


def test_an_event_loop_that_is_gone_is_no_matter(
    unhandled: list[tuple[netpoll.Goroutine, BaseException]],
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @aio.to_async
    def work() -> None:
        begun.set()
        while not go_on.is_set():
            sleep(0.001)

    loop = asyncio.new_event_loop()
    task = loop.create_task(work())
    loop.run_until_complete(asyncio.to_thread(begun.wait, 10))
    assert begun.is_set()
    task._log_destroy_pending = False  # type: ignore[attr-defined] # a warning otherwise
    loop.close()
    go_on.set()
    assert asyncio.run(aio.to_async(int)()) == 0
    assert not unhandled
    del task
    gc.collect()


def test_a_child_has_a_thread_of_its_own() -> None:
    said = says("""
        import asyncio, os, warnings
        from netpoll import aio, sleep

        warnings.simplefilter("ignore", DeprecationWarning)  # of fork where there are threads

        @aio.to_async
        def work(number):
            sleep(0.001)
            return number

        print(asyncio.run(work(1)), flush=True)
        pid = os.fork()
        if pid == 0:
            print(asyncio.run(work(2)), flush=True)
            os._exit(4)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        print(asyncio.run(work(3)))
    """)
    assert said == "1\n2\n4\n3\n"


def test_an_async_function_needs_no_such_thing() -> None:
    async def wrong() -> None:
        pass

    with pytest.raises(TypeError, match=r"to_async\(\) needs a plain function"):
        aio.to_async(wrong)
    with pytest.raises(TypeError, match=r"to_async\(\) needs a callable"):
        aio.to_async(1)  # type: ignore[arg-type]


def test_the_thread_is_no_deadlock_while_it_has_nothing_to_do() -> None:
    async def main() -> None:
        assert await aio.to_async(int)() == 0
        await asyncio.sleep(0.2)  # longer than until the first look
        assert await aio.to_async(lambda: current().done)() is False

    asyncio.run(main())
    assert len(inward._hosts) == 1


async def with_types(fn: Callable[[int], str]) -> None:
    """For the type checker alone."""
    assert_type(await aio.to_async(fn)(3), str)
