"""Once and `once`: one call, whoever comes."""

import gc
import traceback
import weakref
from collections.abc import Callable
from functools import partial

import pytest

from netpoll import Cancelled, GoroutineCancelled, current, go, gosched, sleep
from netpoll.sync import Event, Once, once
from tests.running import in_run, parked


@in_run
def test_ten_goroutines_call_it_once() -> None:
    # Go: TestOnce.
    guard, count = Once(), 0

    def work() -> None:
        nonlocal count
        gosched()
        count += 1

    def run() -> None:
        guard.do(work)
        assert count == 1

    for worker in [go(run) for _ in range(10)]:
        worker.join(10)
    assert guard.done


@in_run
def test_another_function_is_not_called_either() -> None:
    guard, seen = Once(), []
    guard.do(lambda: seen.append(1))
    guard.do(lambda: seen.append(2))
    assert seen == [1]


@in_run
def test_it_says_how_far_it_is() -> None:
    guard = Once()
    assert repr(guard) == "<Once not done>"
    guard.do(lambda: pytest.fail(repr(guard)) if repr(guard) != "<Once running>" else None)
    assert repr(guard) == "<Once done>"


@in_run
def test_what_it_raises_is_raised_each_time_and_it_is_called_once() -> None:
    # Go: TestOncePanic, TestOnceFuncPanic.
    guard, begin, calls = Once(), Event(), 0

    def fail() -> None:
        nonlocal calls
        calls += 1
        begin.wait()
        raise KeyError("why")

    waiting = [parked(go(guard.do, fail)) for _ in range(3)]
    begin.set()
    errors = []
    again = partial(guard.do, fail)
    attempts: list[Callable[[], None]] = [*(w.join for w in waiting), again, again]
    for attempt in attempts:
        with pytest.raises(KeyError) as caught:
            attempt()
        errors.append(caught.value)
    assert calls == 1
    assert all(error is errors[0] for error in errors)
    assert guard.done


@in_run
def test_the_traceback_goes_to_where_it_failed_and_does_not_grow() -> None:
    guard = Once()

    def cause() -> None:
        raise KeyError

    lengths = []
    for _ in range(5):
        with pytest.raises(KeyError) as caught:
            guard.do(cause)
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert frames[-1].name == "cause"
        lengths.append(len(frames))
    assert len(set(lengths)) == 1


@pytest.mark.parametrize("times", [1, 3])
@in_run
def test_a_call_that_is_broken_off_is_made_anew_by_the_next(times: int) -> None:
    guard, calls = Once(), 0

    def work() -> None:
        nonlocal calls
        calls += 1
        if calls <= times:
            sleep(60)

    workers = [parked(go(guard.do, work)) for _ in range(times + 1)]
    for victim in workers[:-1]:
        victim.cancel()
        with pytest.raises(GoroutineCancelled):
            victim.join(10)
    workers[-1].join(10)
    assert calls == times + 1
    assert guard.done


@in_run
def test_an_interrupted_call_is_made_anew() -> None:
    guard, seen = Once(), []

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guard.do(interrupted)
    assert not guard.done
    guard.do(lambda: seen.append(1))
    assert seen == [1]


@in_run
def test_who_is_cancelled_while_another_calls_it_goes() -> None:
    guard = Once()
    calling = parked(go(guard.do, lambda: sleep(0.002)))
    waiting = parked(go(guard.do, lambda: pytest.fail("twice")))
    waiting.cancel()
    with pytest.raises(GoroutineCancelled):
        waiting.join(10)
    calling.join(10)


@in_run
def test_who_comes_when_it_is_done_does_not_park() -> None:
    guard = Once()
    guard.do(lambda: None)

    def work() -> None:
        current().cancel()
        guard.do(lambda: pytest.fail("twice"))
        with pytest.raises(Cancelled):
            gosched()

    go(work).join(10)


# ---- the decorator


@in_run
def test_a_function_made_with_once_returns_the_same_value_ever_after() -> None:
    # Go: TestOnceFunc, TestOnceValue, TestOnceValues.
    calls = []

    @once
    def settings() -> dict[str, int]:
        """Read them."""
        calls.append(1)
        gosched()
        return {"a": 1}

    values = [w.join(10) for w in [go(settings) for _ in range(5)]]
    assert calls == [1]
    assert all(value is values[0] for value in values)
    assert settings() is values[0]
    assert settings.__name__ == "settings"
    assert settings.__doc__ == "Read them."


@in_run
def test_none_is_a_value_like_others() -> None:
    calls = []
    function = once(lambda: calls.append(1))
    assert [function(), function()] == [None, None]
    assert calls == [1]


@in_run
def test_a_function_that_fails_fails_the_same_way_ever_after() -> None:
    calls = []

    @once
    def fail() -> int:
        calls.append(1)
        raise KeyError

    for _ in range(3):
        with pytest.raises(KeyError):
            fail()
    assert calls == [1]


@in_run
def test_it_lets_go_of_the_function_when_that_has_been_called() -> None:
    # Go: TestOnceXGC.
    class Held:
        """Something that only the function refers to."""

    held = Held()
    gone = weakref.ref(held)
    function = once(partial(id, held))
    del held
    gc.collect()
    assert gone() is not None
    assert function() > 0
    gc.collect()
    assert gone() is None
    assert function() > 0


def test_an_async_function_is_refused() -> None:
    async def work() -> None:
        """Never begins."""

    with pytest.raises(TypeError, match="needs a plain function"):
        once(work)
    with pytest.raises(TypeError, match="needs a callable"):
        once(1)  # type: ignore[arg-type]
