"""Greenlets that a program makes itself, inside goroutines."""

import pytest

greenlet = pytest.importorskip("greenlet")

from netpoll import GoroutineCancelled, current, go, gosched, lowlevel, run, sleep  # noqa: E402
from tests.running import in_run, on_thread, pair, parked  # noqa: E402


@in_run
def test_a_greenlet_inside_a_goroutine_may_park() -> None:
    def work() -> str:
        def inner() -> str:
            sleep(0.001)
            return "slept"

        return str(greenlet.greenlet(inner).switch())

    other = go(work)
    assert [go(work).join() for _ in range(3)] == ["slept"] * 3
    assert other.join() == "slept"


@in_run
def test_a_greenlet_inside_main_may_park() -> None:
    def inner() -> bytes:
        with pair() as (one, two):
            go(two.write, b"x")
            return one.read_bytes(1)

    assert greenlet.greenlet(inner).switch() == b"x"


@in_run
def test_a_greenlet_is_its_goroutine_s_own() -> None:
    def work() -> bool:
        return greenlet.greenlet(current).switch() is current()

    assert go(work).join() is True


@in_run
def test_a_goroutine_may_go_to_and_fro_between_greenlets_that_park() -> None:
    def numbers(start: int) -> None:
        parent = greenlet.getcurrent().parent
        for i in range(start, start + 5):
            sleep(0.0001)
            parent.switch(i)

    def work(start: int) -> list[int]:
        one, two = greenlet.greenlet(numbers), greenlet.greenlet(numbers)
        seen = [one.switch(start), two.switch(start + 100)]
        for _ in range(4):
            gosched()
            seen += [one.switch(), two.switch()]
        for each in (one, two):
            each.switch()
        return seen

    for start, worker in [(start, go(work, start)) for start in range(0, 50, 10)]:
        assert sorted(worker.join()) == [
            *range(start, start + 5),
            *range(start + 100, start + 105),
        ]


@in_run
def test_a_cancellation_reaches_a_greenlet_that_is_parked() -> None:
    seen: list[str] = []

    def inner() -> None:
        try:
            lowlevel.park()
        finally:
            seen.append("inner")

    def work() -> None:
        try:
            greenlet.greenlet(inner).switch()
        finally:
            seen.append("outer")

    goroutine = parked(go(work))
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled):
        goroutine.join()
    assert seen == ["inner", "outer"]


@in_run
def test_greenlets_within_greenlets_may_park() -> None:
    def nest(depth: int) -> int:
        sleep(0.0001)
        return greenlet.greenlet(nest).switch(depth - 1) + 1 if depth else 0

    workers = [go(nest, 10) for _ in range(5)]
    assert [worker.join() for worker in workers] == [10] * 5


@in_run
def test_the_exception_of_a_greenlet_comes_out_of_the_goroutine() -> None:
    def inner() -> None:
        sleep(0.0001)
        raise OSError("inner")

    with pytest.raises(OSError, match="inner"):
        go(lambda: greenlet.greenlet(inner).switch()).join()


@in_run
def test_a_greenlet_that_does_not_end_ends_with_its_goroutine() -> None:
    seen: list[str] = []

    def inner() -> None:
        try:
            sleep(0.0001)
            greenlet.getcurrent().parent.switch("half way")
        finally:
            seen.append("ended")

    def work() -> str:
        return str(greenlet.greenlet(inner).switch())

    assert go(work).join() == "half way"
    gosched()
    assert seen == ["ended"]


def test_a_greenlet_may_be_the_first_to_park_on_its_thread() -> None:
    def main() -> tuple[str, str]:
        def inner() -> str:
            sleep(0.001)
            return go(lambda: "inner").join()

        first = greenlet.greenlet(inner).switch()
        sleep(0.001)
        return first, go(lambda: "outer").join()

    assert on_thread(main) == ("inner", "outer")


def test_run_may_be_called_in_a_greenlet() -> None:
    def main() -> str:
        worker = parked(go(sleep, 60))
        sleep(0.001)
        worker.cancel()
        return "ran"

    for _ in range(3):
        assert greenlet.greenlet(run).switch(main) == "ran"
    assert run(main) == "ran"


@in_run
def test_a_greenlet_that_ends_where_nobody_waits_for_it_goes_back_to_who_runs() -> None:
    # Its parent is the greenlet of a goroutine that has ended, and serves nobody at the moment.
    made = go(lambda: greenlet.greenlet(lambda: "ended")).join()
    made.switch()
    assert go(lambda: 1).join() == 1


@in_run
def test_a_goroutine_is_not_woken_by_a_greenlet_that_ends_in_it() -> None:
    made: list[object] = []

    def work() -> str:
        made.append(greenlet.greenlet(lambda: None))
        lowlevel.park()
        return "made ready"

    goroutine = go(work)
    gosched()
    made[0].switch()  # type: ignore[attr-defined]
    gosched()
    assert not goroutine.done
    lowlevel.ready(goroutine)
    assert goroutine.join() == "made ready"
