"""Cancellation: what becomes of the one who is cancelled, and who hears of it."""

from contextlib import suppress

import pytest

from netpoll import (
    Cancelled,
    GoroutineCancelled,
    current,
    go,
    gosched,
    run,
    sleep,
)
from tests.running import begin, in_run, on_thread, parked


@in_run
def test_a_goroutine_cancelled_before_it_begins_never_does() -> None:
    seen: list[int] = []
    goroutine = go(seen.append, 1)
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled) as caught:
        goroutine.join()
    assert isinstance(caught.value.__cause__, Cancelled)
    assert seen == []
    assert goroutine.done


@in_run
def test_join_of_a_cancelled_goroutine_says_which_one() -> None:
    goroutine = go(sleep, 60)
    goroutine.name = "dozer"
    gosched()
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled, match=r"^dozer was cancelled$") as caught:
        goroutine.join()
    assert isinstance(caught.value.__cause__, Cancelled)


@in_run
def test_a_cancelled_goroutine_may_still_return_something() -> None:
    def work() -> str:
        with suppress(Cancelled):
            sleep(60)
        return "result"

    goroutine = begin(work)
    goroutine.cancel()
    assert goroutine.join() == "result"
    assert goroutine.cancelled


@in_run
def test_a_cancelled_goroutine_may_raise_something_else() -> None:
    def work() -> None:
        try:
            sleep(60)
        except Cancelled:
            raise OSError("on the way out") from None

    goroutine = begin(work)
    goroutine.cancel()
    with pytest.raises(OSError, match="on the way out"):
        goroutine.join()


@in_run
def test_cancelled_raised_by_one_that_is_not_cancelled_is_an_exception_like_others() -> None:
    def work() -> None:
        raise Cancelled("of my own")

    with pytest.raises(Cancelled, match="of my own"):
        go(work).join()


@in_run
def test_a_joiner_is_not_cancelled_with_the_one_it_joins() -> None:
    target = go(sleep, 60)
    joiner = parked(go(target.join))
    target.cancel()
    with pytest.raises(GoroutineCancelled):
        joiner.join()
    assert not joiner.cancelled


@in_run
def test_cancelling_what_is_done_does_nothing() -> None:
    goroutine = go(lambda: 1)
    goroutine.join()
    goroutine.cancel()
    assert goroutine.join() == 1
    assert not goroutine.cancelled


@in_run
def test_cancelling_twice_is_cancelling() -> None:
    goroutine = parked(go(sleep, 60))
    goroutine.cancel()
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled):
        goroutine.join()


@in_run
def test_who_cancels_goes_on_first() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            sleep(60)
        finally:
            seen.append("ended")

    goroutine = parked(go(work))
    goroutine.cancel()
    seen.append("cancelled")
    gosched()
    assert seen == ["cancelled", "ended"]


@in_run
def test_a_goroutine_that_never_parks_is_not_disturbed() -> None:
    def work() -> int:
        current().cancel()
        return sum(range(1000))

    assert go(work).join() == 499500


def test_main_may_be_cancelled_too() -> None:
    def main() -> None:
        go(current().cancel)
        sleep(60)

    with pytest.raises(Cancelled, match="main was cancelled"):
        run(main)


def test_a_cancelled_main_still_waits_for_the_others() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            sleep(60)
        finally:
            seen.append("cleaned up")

    def main() -> None:
        parked(go(work))
        current().cancel()
        sleep(60)

    with pytest.raises(Cancelled):
        run(main)
    assert seen == ["cleaned up"]


def test_a_thread_cancels_a_goroutine_of_another_thread_before_it_begins() -> None:
    goroutine = go(sleep, 60)
    on_thread(goroutine.cancel)
    with pytest.raises(GoroutineCancelled):
        goroutine.join(10)
