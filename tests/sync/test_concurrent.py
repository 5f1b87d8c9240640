"""race, map_concurrent and as_completed."""

import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from netpoll import (
    Cancelled,
    Goroutine,
    GoroutineCancelled,
    ScopeTimeout,
    current,
    go,
    gosched,
    run,
    sleep,
    timeout,
)
from netpoll.sync.chan import Chan
from netpoll.sync.completed import as_completed
from netpoll.sync.concurrent import map_concurrent, race
from netpoll.sync.event import Event
from tests.conftest import Unhandled
from tests.running import in_run, on_thread, parked
from tests.sync.failing import LONG, Boom, fail

# ---- race ------------------------------------------------------------------------------------


@in_run
def test_the_first_result_wins_and_the_others_are_over() -> None:
    ends: list[str] = []

    def slow() -> str:
        try:
            sleep(LONG)
        except Cancelled:
            ends.append("slow")
            raise
        return "slow"

    def quick() -> str:
        sleep(0.001)
        return "quick"

    assert race(slow, quick, slow) == "quick"
    assert ends == ["slow", "slow"]


@in_run
def test_a_failure_does_not_end_the_race() -> None:
    def later() -> str:
        sleep(0.001)
        return "later"

    assert race(fail, later, fail) == "later"


@in_run
def test_when_all_fail_their_failures_come_out() -> None:
    def late() -> None:
        sleep(0.001)
        fail("late")

    with pytest.raises(ExceptionGroup) as caught:
        race(late, lambda: fail("early"))
    assert [str(one) for one in caught.value.exceptions] == ["early", "late"]
    with pytest.raises(ExceptionGroup):
        race(fail)


@in_run
def test_who_is_cancelled_alone_has_failed() -> None:
    def end() -> None:
        current().cancel()
        sleep(LONG)

    def late() -> None:
        sleep(0.001)
        fail("late")

    with pytest.raises(ExceptionGroup, match="all in the race have failed") as caught:
        race(end, late, end)
    kinds = [type(one) for one in caught.value.exceptions]
    assert kinds == [Boom, GoroutineCancelled, GoroutineCancelled]
    with pytest.raises(ExceptionGroup):
        race(end)
    assert race(end, lambda: 1) == 1


@in_run
def test_what_is_no_exception_ends_the_race() -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        race(lambda: sleep(LONG), leave)


@in_run
def test_of_two_winners_the_first_counts_and_who_fails_too_late_does_not() -> None:
    def stubborn(outcome: str) -> str:
        try:
            sleep(LONG)
        except Cancelled:
            if outcome == "fail":
                fail()
        return outcome

    assert race(lambda: stubborn("fail"), lambda: stubborn("won"), lambda: "first") == "first"


@in_run
def test_a_race_without_runners_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        race()


@in_run
def test_a_cancelled_race_leaves_nobody_behind() -> None:
    ended: list[str] = []

    def work() -> None:
        try:
            sleep(LONG)
        finally:
            ended.append("x")

    with pytest.raises(ScopeTimeout), timeout(0.002):
        race(work, work)
    assert ended == ["x", "x"]


# ---- map_concurrent --------------------------------------------------------------------------


@in_run
def test_results_come_in_the_order_of_the_items() -> None:
    def work(n: int) -> int:
        for _ in range(10 - n):
            gosched()
        return n * n

    assert map_concurrent(work, range(10)) == [n * n for n in range(10)]
    assert map_concurrent(work, []) == []


@in_run
def test_no_more_than_the_limit_run_and_items_are_taken_as_there_is_room() -> None:
    running = 0
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for n in range(20):
            taken += 1
            yield n

    def work(n: int) -> int:
        nonlocal running
        running += 1
        assert running <= 3
        assert taken <= n + 5
        sleep(0.0002)
        running -= 1
        return n

    assert map_concurrent(work, items(), limit=3) == list(range(20))


@in_run
def test_the_first_failure_cancels_the_rest_and_takes_no_more_items() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(1000):
            taken.append(n)
            yield n

    def work(n: int) -> None:
        if n == 3:
            fail(n)
        sleep(LONG)

    with pytest.raises(Boom, match="3"):
        map_concurrent(work, items(), limit=5)
    assert len(taken) <= 6


@in_run
def test_items_that_fail_or_park_cancel_the_rest_too() -> None:
    ended: list[str] = []

    def work(_: int) -> None:
        try:
            sleep(LONG)
        finally:
            ended.append("x")

    def items() -> Iterator[int]:
        yield 1
        gosched()
        raise Boom("items")

    with pytest.raises(Boom, match="items"):
        map_concurrent(work, items())
    assert ended == ["x"]
    channel: Chan[int] = Chan(1)
    channel.send(1)
    with pytest.raises(Boom):
        map_concurrent(fail, channel)


@in_run
def test_an_item_whose_goroutine_is_cancelled_has_no_result() -> None:
    def work(n: int) -> int:
        if n == 1:
            current().cancel()
            sleep(0)
        return n

    with pytest.raises(GoroutineCancelled):
        map_concurrent(work, range(3))


# ---- as_completed ----------------------------------------------------------------------------


@in_run
def test_they_come_in_the_order_of_their_ends() -> None:
    gates = [Event() for _ in range(4)]
    goroutines = [go(gate.wait) for gate in gates]
    done = go(int)
    done.join()
    order = [2, 0, 3, 1]
    seen: list[Goroutine[object]] = []
    everybody: list[Goroutine[object]] = [*goroutines, done, done]
    for ended in as_completed(everybody):
        seen.append(ended)
        if order:
            gates[order.pop(0)].set()
    assert seen == [done, *(goroutines[n] for n in (2, 0, 3, 1))]


@in_run
def test_of_none_there_is_nothing_to_wait_for() -> None:
    assert list(as_completed([])) == []


@in_run
def test_they_all_end_while_nobody_looks() -> None:
    goroutines = [go(gosched) for _ in range(5)]
    iterator = as_completed(goroutines)
    while not all(goroutine.done for goroutine in goroutines):
        gosched()
    assert list(iterator) == goroutines


@in_run
def test_a_failure_is_still_to_be_asked_for(unhandled: Unhandled) -> None:
    (ended,) = as_completed([go(fail)])
    with pytest.raises(Boom):
        ended.join()

    def forget() -> None:
        (_,) = as_completed([go(fail, "nobody asks")])

    forget()
    gc.collect()
    (call,) = unhandled
    assert str(call[1]) == "nobody asks"
    unhandled.clear()


@in_run
def test_the_time_is_for_all_together() -> None:
    start = time.monotonic()
    forever = go(sleep, LONG)
    goroutines = [go(sleep, 0.005), go(sleep, 0.01), forever]
    seen: list[Goroutine[None]] = []
    with pytest.raises(TimeoutError, match="still running: 1"):
        seen.extend(as_completed(goroutines, timeout=0.03))
    assert time.monotonic() - start >= 0.03
    assert seen == goroutines[:2]
    forever.cancel()


@in_run
def test_a_timeout_of_nothing_still_gives_those_that_have_ended() -> None:
    done, running = go(int), go(sleep, LONG)
    done.join()
    seen: list[Goroutine[object]] = []
    both: list[Goroutine[object]] = [running, done]
    with pytest.raises(TimeoutError):
        seen.extend(as_completed(both, 0))
    assert seen == [done]
    running.cancel()


@in_run
def test_who_is_cancelled_ends_too_and_so_does_who_never_begins() -> None:
    never, begun = go(sleep, LONG), parked(go(sleep, LONG))
    never_too = go(sleep, LONG)
    never_too.cancel()
    iterator = as_completed([never, begun, never_too])
    assert next(iterator) is never_too
    never.cancel()
    begun.cancel()
    assert set(iterator) == {never, begun}


@in_run
def test_nothing_is_left_of_a_wait_that_is_dropped() -> None:
    goroutine = go(sleep, LONG)
    iterator = as_completed([goroutine])
    with pytest.raises(ScopeTimeout), timeout(0.001):
        next(iterator)
    ref = weakref.ref(iterator)
    del iterator
    gc.collect()
    assert ref() is None
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled):
        goroutine.join()


@pytest.mark.parametrize("wrong", [[None], [7]])
def test_only_goroutines_can_be_waited_for(wrong: list[object]) -> None:
    with pytest.raises(TypeError):
        as_completed(wrong)  # type: ignore[arg-type]


def test_goroutines_of_eight_threads() -> None:
    def main() -> None:
        started: list[Goroutine[object]] = []
        gate = threading.Event()

        def elsewhere(number: int) -> None:
            mine = [go(sleep, 0.0005 * (n % 3)) for n in range(50)]
            started.extend(mine)
            gate.wait(20)
            for goroutine in mine:
                goroutine.join()

        threads = [threading.Thread(target=run, args=(elsewhere, n)) for n in range(8)]
        for thread in threads:
            thread.start()
        while len(started) < 400:
            time.sleep(0.001)
        iterator = as_completed(started)
        gate.set()
        assert set(iterator) == set(started)
        for thread in threads:
            thread.join()

    on_thread(run, main)


def test_a_goroutine_that_its_run_leaves_behind_has_ended(left_behind: list[str]) -> None:
    def main() -> None:
        goroutines: list[Goroutine[object]] = []
        added = threading.Event()

        def elsewhere() -> None:
            goroutines.append(go(sleep, LONG))
            added.set()

        thread = threading.Thread(target=run, args=(elsewhere,))
        thread.start()
        added.wait(20)
        assert list(as_completed(goroutines)) == goroutines
        thread.join()

    on_thread(run, main)


@in_run
def test_a_race_of_async_functions_is_refused() -> None:
    async def coroutine() -> None:
        pass

    with pytest.raises(TypeError, match=r"race\(\) needs a plain function"):
        _ = race(coroutine)
