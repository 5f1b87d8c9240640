"""lowlevel.park and ready: a binary semaphore for each goroutine."""

import threading
import time
from collections.abc import Callable

import pytest

from netpoll import Goroutine, GoroutineCancelled, blocking, current, go, gosched, lowlevel, sleep
from netpoll._runtime.permits import await_call, call_done
from netpoll._runtime.scheduler import attached_scheduler
from netpoll.lowlevel import park, ready
from tests.running import Outcome, in_run, on_thread, pair, parked


@in_run
def test_park_waits_for_ready() -> None:
    goroutine = parked(go(park))
    gosched()
    assert not goroutine.done
    ready(goroutine)
    assert goroutine.join() is True


@in_run
def test_a_ready_that_came_first_is_kept() -> None:
    ready(current())
    assert park() is True


@in_run
def test_many_readies_are_one() -> None:
    for _ in range(5):
        ready(current())
    assert park() is True
    assert park(0.001) is False


@in_run
def test_a_goroutine_may_be_made_ready_before_it_begins() -> None:
    goroutine = go(park)
    ready(goroutine)
    assert goroutine.join() is True


@in_run
def test_a_permit_is_consumed_without_parking() -> None:
    seen: list[str] = []
    go(seen.append, "another")
    ready(current())
    park()
    assert seen == []


@in_run
def test_park_gives_up_after_its_timeout() -> None:
    begin = time.monotonic()
    assert park(0.005) is False
    assert time.monotonic() - begin >= 0.005


@pytest.mark.parametrize("timeout", [0, -1, -1e300, 5e-324])
@in_run
def test_park_with_no_time_left_looks_once(timeout: float) -> None:
    assert park(timeout) is False
    ready(current())
    assert park(timeout) is True


@in_run
def test_park_with_endless_time_waits() -> None:
    for timeout in (1e300, float("inf")):
        goroutine = parked(go(park, timeout))
        ready(goroutine)
        assert goroutine.join() is True


@in_run
def test_a_timeout_of_park_does_not_fire_later() -> None:
    goroutine = parked(go(park, 0.02))
    ready(goroutine)
    assert goroutine.join() is True
    ready(current())
    assert park(0.02) is True
    assert park(0.03) is False


@in_run
def test_ready_at_the_very_moment_of_the_timeout_is_not_lost() -> None:
    for i in range(50):
        got: list[bool] = []

        def work(got: list[bool] = got) -> None:
            got.append(park(0.0002))
            if not got[-1]:
                got.append(park(5))

        goroutine = parked(go(work))
        end = time.monotonic() + 0.00018 + 0.000001 * i
        while time.monotonic() < end:
            pass
        ready(goroutine)
        goroutine.join()
        assert got in ([True], [False, True])


@in_run
def test_what_waits_for_something_else_is_not_woken() -> None:
    with pair() as (one, two):
        waits: list[Callable[[], object]] = [
            lambda: sleep(0.05),
            lambda: go(sleep, 0.05).join(),
            lambda: one.read_bytes(1),
        ]
        for wait in waits:
            goroutine = parked(go(wait))
            before = goroutine.state
            ready(goroutine)
            gosched()
            assert goroutine.state == before
            if before == "waiting: read":
                two.write(b"x")
            goroutine.join()


def sleeping() -> None:
    sleep(0.001)


def calling() -> None:
    blocking(time.sleep, 0.001)


def joining() -> None:
    go(sleep, 0.001).join()


def reading() -> None:
    with pair() as (one, two):
        reader = parked(go(one.read_bytes, 1))
        two.write(b"x")
        reader.join()


@pytest.mark.parametrize("wait", [sleeping, calling, joining, reading, gosched])
@in_run
def test_a_permit_outlives_other_waits(wait: Callable[[], object]) -> None:
    def work() -> bool:
        wait()
        return park(0)

    goroutine = parked(go(work)) if wait is not gosched else go(work)
    ready(goroutine)
    assert goroutine.join() is True


@pytest.mark.parametrize("wait", [sleeping, calling, joining, reading, gosched])
@in_run
def test_other_waits_leave_no_permit(wait: Callable[[], object]) -> None:
    for _ in range(5):
        wait()
        assert park(0) is False


@in_run
def test_a_call_on_a_thread_that_is_over_at_once_leaves_no_permit() -> None:
    for _ in range(50):
        blocking(int)
        assert park(0) is False


@in_run
def test_a_wait_for_a_call_gives_up_after_its_timeout() -> None:
    for timeout in (0, -1, 0.002):
        begin = time.monotonic()
        assert await_call(timeout) is False
        assert time.monotonic() >= begin + timeout
    with pytest.raises(ValueError, match="number of seconds"):
        await_call(float("nan"))


@in_run
def test_a_call_that_is_done_ends_the_wait_for_it_and_none_for_ready() -> None:
    for timeout in (5, None):
        waiter = parked(go(await_call, timeout))
        ready(waiter)
        gosched()
        assert not waiter.done
        call_done(waiter)
        assert waiter.join(timeout=5) is True
        call_done(current())
        assert park(0) is False
        assert await_call(timeout) is True


@in_run
def test_a_timeout_of_a_wait_for_a_call_does_not_fire_later() -> None:
    call_done(current())
    assert await_call(0.005) is True
    assert park(0.01) is False
    assert await_call(0.001) is False


@in_run
def test_who_waits_for_a_call_can_be_cancelled() -> None:
    waiter = parked(go(await_call, 5))
    waiter.cancel()
    with pytest.raises(GoroutineCancelled):
        waiter.join()


@in_run
def test_ready_of_what_is_done_does_nothing() -> None:
    goroutine = go(int)
    goroutine.join()
    ready(goroutine)
    assert goroutine.done


@in_run
def test_ready_wants_a_goroutine() -> None:
    for other in (None, 3, object()):
        with pytest.raises(TypeError):
            ready(other)  # type: ignore[arg-type]


@in_run
def test_park_wants_a_number_of_seconds() -> None:
    with pytest.raises(TypeError):
        park("1")  # type: ignore[arg-type]
    assert go(int).join() == 0


@in_run
def test_goroutines_hand_a_turn_round_in_a_ring() -> None:
    turns: list[int] = []
    ring: list[Goroutine] = []

    def take_turns(i: int) -> None:
        for _ in range(3):
            park()
            turns.append(i)
            ready(ring[(i + 1) % len(ring)])

    ring.extend(go(take_turns, i) for i in range(10))
    ready(ring[0])
    for each in ring:
        each.join()
    assert turns == list(range(10)) * 3


# ---- from other threads


@in_run
def test_another_thread_may_ready() -> None:
    for _ in range(20):
        goroutine = parked(go(park))
        thread = Outcome(ready, goroutine)
        thread.start()
        assert goroutine.join() is True
        thread.result()


@in_run
def test_a_thread_without_a_scheduler_gets_none_by_readying() -> None:
    goroutine = parked(go(park))

    def thread() -> object:
        ready(goroutine)
        return attached_scheduler()

    assert on_thread(thread) is None
    assert goroutine.join() is True


def test_two_threads_never_miss_the_other_s_ready() -> None:
    turns = 500
    mains: list[Goroutine] = []
    both = threading.Barrier(2)

    def bounce(me: int) -> int:
        mains.append(current())
        both.wait()
        other = mains[mains.index(current()) - 1]
        for _ in range(turns):
            ready(other)
            assert park(10) is True
        ready(other)
        return me

    threads = [Outcome(bounce, i) for i in range(2)]
    for thread in threads:
        thread.start()
    assert [thread.result() for thread in threads] == [0, 1]


def test_readies_of_many_threads_reach_many_goroutines() -> None:
    rounds = 10
    goroutines: list[Goroutine] = []
    begun = threading.Event()

    def count() -> int:
        return sum(park(10) for _ in range(rounds))

    def main() -> list[int]:
        goroutines.extend(go(count) for _ in range(10))
        begun.set()
        return [goroutine.join() for goroutine in goroutines]

    def unpark_all(step: int) -> None:
        begun.wait()
        while not all(goroutine.done for goroutine in goroutines):
            for goroutine in goroutines[::step]:
                ready(goroutine)

    thread = Outcome(main)
    thread.start()
    unparking = [Outcome(unpark_all, step) for step in (1, -1)]
    for each in unparking:
        each.start()
    assert thread.result() == [rounds] * 10
    for each in unparking:
        each.result()


def test_the_public_names_are_these() -> None:
    public = {name for name in vars(lowlevel) if name[0].isalpha()}  # pytest adds @names of its own
    assert public == {"PollDesc", "park", "ready"}
