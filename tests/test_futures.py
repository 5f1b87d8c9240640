"""from_thread.result: waiting for what threads still owe."""

import gc
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress

import pytest

from netpoll import GoroutineCancelled, from_thread, go
from tests.running import in_run, parked


class Wrong(Exception):
    pass


@in_run
def test_the_result_of_a_future_is_waited_for_and_others_go_on() -> None:
    future: Future[int] = Future()
    waiting = [parked(go(from_thread.result, future)) for _ in range(3)]
    assert waiting[0].state == "waiting: a future"
    future.set_result(5)
    assert [each.join() for each in waiting] == [5] * 3
    assert from_thread.result(future) == 5


@in_run
def test_the_exception_of_a_future_is_raised() -> None:
    future: Future[int] = Future()
    waiting = parked(go(from_thread.result, future))
    wrong = Wrong()
    future.set_exception(wrong)
    with pytest.raises(Wrong) as caught:
        waiting.join()
    assert caught.value is wrong


@in_run
def test_a_future_that_others_cancel_says_so() -> None:
    future: Future[int] = Future()
    waiting = parked(go(from_thread.result, future))
    assert future.cancel()
    with pytest.raises(CancelledError):
        waiting.join()


@in_run
def test_the_futures_of_an_executor_are_waited_for() -> None:
    with ThreadPoolExecutor(4) as executor:
        futures = [executor.submit(divmod, i, 3) for i in range(200)]
        waiting = [go(from_thread.result, future) for future in futures]
        assert [each.join() for each in waiting] == [divmod(i, 3) for i in range(200)]


@in_run
def test_a_timeout_leaves_the_future_alone() -> None:
    future: Future[int] = Future()
    with pytest.raises(TimeoutError, match=r"after 0\.001 s"):
        from_thread.result(future, 0.001)
    assert not future.cancelled()
    future.set_result(1)
    assert from_thread.result(future, 0) == 1


@in_run
def test_a_cancelled_wait_cancels_what_has_not_begun_and_nothing_else() -> None:
    waits: Future[int] = Future()
    runs: Future[int] = Future()
    assert runs.set_running_or_notify_cancel()
    for future in (waits, runs):
        waiting = parked(go(from_thread.result, future))
        waiting.cancel()
        with pytest.raises(GoroutineCancelled):
            waiting.join()
    assert waits.cancelled()
    assert runs.running()
    runs.set_result(1)
    assert from_thread.result(runs) == 1


@in_run
def test_ten_thousand_waits_that_were_given_up_leave_nothing_behind() -> None:
    future: Future[int] = Future()
    assert future.set_running_or_notify_cancel()
    for _ in range(10_000):
        with suppress(TimeoutError):
            from_thread.result(future, 0)
    assert len(vars(future)["_done_callbacks"]) == 1
    before = len(from_thread._latches)
    future.set_result(1)
    assert from_thread.result(future) == 1
    del future
    gc.collect()
    assert len(from_thread._latches) == before - 1


@in_run
def test_a_future_that_is_done_at_the_same_moment_is_never_missed() -> None:
    with ThreadPoolExecutor(2) as executor:
        for i in range(2000):
            assert from_thread.result(executor.submit(int, i), 10) == i


def test_futures_of_asyncio_are_refused() -> None:
    import asyncio  # noqa: PLC0415

    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(TypeError, match=r"awaited"):
            from_thread.result(loop.create_future())  # type: ignore[arg-type]
    finally:
        loop.close()


@in_run
def test_a_wait_for_a_future_is_no_deadlock() -> None:
    future: Future[int] = Future()
    timer = threading.Timer(0.02, future.set_result, (3,))
    timer.start()
    assert from_thread.result(future) == 3
    timer.join()
