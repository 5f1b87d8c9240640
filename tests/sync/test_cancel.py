"""Cancellation, timeouts and grants, each before, after and at the same moment as the other."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from netpoll import (
    Cancelled,
    Goroutine,
    GoroutineCancelled,
    ScopeTimeout,
    current,
    go,
    gosched,
    shield,
    sleep,
    timeout,
)
from netpoll.sync import Barrier, Event, Mutex, RWMutex, Semaphore, WaitGroup
from tests.running import Outcome, in_run, parked
from tests.sync.kinds import Wait, each_kind, nobody_waits

Kind = Callable[[], Wait]

SOON = 0.002

EACH_TIMEOUT: list[Callable[[object], object]] = [
    lambda t: Mutex().lock(t),  # type: ignore[arg-type]
    lambda t: RWMutex().lock(t),  # type: ignore[arg-type]
    lambda t: RWMutex().rlock(t),  # type: ignore[arg-type]
    lambda t: RWMutex().reading(t).__enter__(),  # type: ignore[arg-type]
    lambda t: RWMutex().writing(t).__enter__(),  # type: ignore[arg-type]
    lambda t: Semaphore(1).acquire(1, t),  # type: ignore[arg-type]
    lambda t: Semaphore(1).holding(1, t).__enter__(),  # type: ignore[arg-type]
    lambda t: Event().wait(t),  # type: ignore[arg-type]
    lambda t: WaitGroup().wait(t),  # type: ignore[arg-type]
    lambda t: Barrier(1).wait(t),  # type: ignore[arg-type]
    lambda t: Barrier(1, None, t),  # type: ignore[arg-type]
]


# ---- one or the other


@each_kind
@in_run
def test_a_cancelled_waiter_has_nothing_and_loses_nothing(kind: Kind) -> None:
    wait = kind()
    waiter = parked(go(wait.take))
    waiter.cancel()
    with pytest.raises(GoroutineCancelled):
        waiter.join(10)
    assert nobody_waits(wait.what)
    wait.give()
    assert wait.free()


@each_kind
@in_run
def test_a_waiter_whose_time_is_up_has_nothing(kind: Kind) -> None:
    wait = kind()
    began = time.monotonic()
    with suppress(TimeoutError):
        assert wait.take(SOON) is False
    assert time.monotonic() - began >= SOON
    assert nobody_waits(wait.what)
    wait.give()
    assert wait.free()


@each_kind
@pytest.mark.parametrize("seconds", [0, -1])
@in_run
def test_a_time_that_is_up_from_the_beginning_ends_a_wait_at_once(
    kind: Kind, seconds: float
) -> None:
    wait = kind()
    with suppress(TimeoutError):
        assert wait.take(seconds) is False
    assert nobody_waits(wait.what)


@pytest.mark.parametrize("take", EACH_TIMEOUT)
@in_run
def test_a_timeout_that_is_no_number_is_refused_even_where_nothing_has_to_wait(
    take: Callable[[object], object],
) -> None:
    with pytest.raises(ValueError, match="a timeout is a number of seconds"):
        take(float("nan"))
    with pytest.raises(TypeError):
        take("soon")


@each_kind
@in_run
def test_who_is_cancelled_already_does_not_wait(kind: Kind) -> None:
    wait = kind()

    def work() -> None:
        current().cancel()
        wait.take()

    with pytest.raises(GoroutineCancelled):
        go(work).join(10)
    assert nobody_waits(wait.what)
    wait.give()
    assert wait.free()


@each_kind
@in_run
def test_a_scope_that_ends_a_wait_leaves_nothing_behind(kind: Kind) -> None:
    wait = kind()
    with pytest.raises(ScopeTimeout):
        with timeout(SOON):
            wait.take()
    assert nobody_waits(wait.what)
    wait.give()
    assert wait.free()


@each_kind
@in_run
def test_who_is_shielded_waits_on_until_it_is_given(kind: Kind) -> None:
    wait, got = kind(), list[object]()

    def work() -> None:
        with shield():
            got.append(wait.take())

    waiter = parked(go(work))
    waiter.cancel()
    gosched()
    assert waiter.state.startswith("waiting")
    wait.give()
    waiter.join(10)
    assert got in ([True], [None])
    wait.back()
    assert wait.free()


@in_run
def test_who_is_cancelled_takes_what_is_free() -> None:
    mutex, rw, units, event = Mutex(), RWMutex(), Semaphore(2), Event()
    event.set()
    seen = []

    def work() -> None:
        current().cancel()
        with mutex, rw.writing(), units.holding(2):
            assert event.wait()
            WaitGroup().wait()
            seen.append("all of it")

    go(work).join(10)
    assert seen == ["all of it"]
    assert (mutex.locked, rw.locked, units.free) == (False, False, 2)


# ---- both at the same moment


@each_kind
@in_run
def test_who_is_granted_and_then_cancelled_has_it(kind: Kind) -> None:
    wait = kind()
    seen: list[str] = []

    def work() -> None:
        assert wait.take() is not False
        seen.append("has it")
        with pytest.raises(Cancelled):
            sleep(10)
        seen.append("cancelled")
        wait.back()

    waiter = parked(go(work))
    wait.give()
    waiter.cancel()
    waiter.join(10)
    assert seen == ["has it", "cancelled"]
    assert nobody_waits(wait.what)
    assert wait.free()


@each_kind
@in_run
def test_what_is_given_after_a_cancellation_and_before_that_is_heard_is_had(kind: Kind) -> None:
    # It is runnable by the cancellation, and in line still: who gives finds it there.
    wait = kind()
    seen: list[str] = []

    def work() -> None:
        assert wait.take() is not False
        seen.append("has it")
        wait.back()

    waiter = parked(go(work))
    waiter.cancel()
    wait.give()
    waiter.join(10)
    assert seen == ["has it"]
    assert wait.free()


@each_kind
@in_run
def test_what_is_given_before_a_timeout_that_is_due_already_is_had(kind: Kind) -> None:
    wait = kind()
    waiter = parked(go(wait.take, SOON))
    until = time.monotonic() + SOON
    while time.monotonic() <= until:
        """The timer is due, and nobody has looked at it."""
    wait.give()
    assert waiter.join(10) is not False
    wait.back()
    assert wait.free()


@each_kind
@in_run
def test_what_is_given_after_a_timeout_and_before_that_is_heard_is_had(kind: Kind) -> None:
    wait = kind()
    waiter = parked(go(wait.take, SOON))
    until = time.monotonic() + SOON
    giver = go(wait.give)
    while time.monotonic() <= until:
        """The timer is due; it fires at the next switch, which is to the giver."""
    giver.join()
    assert waiter.join(10) is not False
    wait.back()
    assert wait.free()


# ---- at each step of a program


def program(take: Callable[[], object], back: Callable[[], object], within: list[int]) -> None:
    """Take it three times and do something in between, which nobody else may do meanwhile."""
    for _ in range(3):
        take()
        try:
            within[0] += 1
            assert within[0] == 1
            gosched()
            assert within[0] == 1
        finally:
            within[0] -= 1
            back()
        gosched()


def one_at_a_time() -> list[tuple[Callable[[], object], Callable[[], object]]]:
    mutex, rw, units, one = Mutex(), RWMutex(), Semaphore(3), Semaphore(1)
    return [
        (mutex.lock, mutex.unlock),
        (rw.lock, rw.unlock),
        (lambda: units.acquire(3), lambda: units.release(3)),
        (one.acquire, one.release),
    ]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("victim", range(3))
@in_run
def test_cancelling_one_of_three_at_any_step_leaves_the_lock_in_order(
    which: int, victim: int
) -> None:
    for step in range(40):
        take, back = one_at_a_time()[which]
        within = [0]
        workers = [go(program, take, back, within) for _ in range(3)]
        for _ in range(step):
            gosched()
        workers[victim].cancel()
        for worker in workers:
            with suppress(GoroutineCancelled):
                worker.join(10)
        assert within == [0]
        take()  # nobody has it any more
        back()


@pytest.mark.parametrize("which", range(4))
@in_run
def test_cancelling_from_another_thread_leaves_the_lock_in_order(which: int) -> None:
    for _ in range(50):
        take, back = one_at_a_time()[which]
        within = [0]
        workers = [go(program, take, back, within) for _ in range(4)]

        def cancel_some(victims: list[Goroutine[None]]) -> None:
            for victim in victims:
                victim.cancel()

        canceller = Outcome(cancel_some, workers[1:3])
        canceller.start()
        for worker in workers:
            with suppress(GoroutineCancelled):
                worker.join(10)
        canceller.result()
        assert within == [0]
        take()
        back()


@in_run
def test_a_reader_of_many_cancelled_at_any_step_leaves_the_lock_in_order() -> None:
    def read(rw: RWMutex) -> None:
        for _ in range(2):
            with rw.reading():
                assert not rw.locked
                gosched()

    def write(rw: RWMutex) -> None:
        for _ in range(2):
            with rw.writing():
                assert rw.locked
                assert not rw.readers
                gosched()

    for victim in range(5):
        for step in range(30):
            rw = RWMutex()
            workers = [go(kind, rw) for kind in (read, write, read, write, read)]
            for _ in range(step):
                gosched()
            workers[victim].cancel()
            for worker in workers:
                with suppress(GoroutineCancelled):
                    worker.join(10)
            assert repr(rw) == "<RWMutex unlocked>"


@each_kind
@in_run
def test_a_cancellation_from_another_thread_races_the_grant(kind: Kind) -> None:
    for _ in range(50):
        wait = kind()
        waiter = parked(go(wait.take))
        canceller = Outcome(waiter.cancel)
        canceller.start()
        wait.give()
        try:
            waiter.join(10)
        except GoroutineCancelled:
            pass
        else:
            wait.back()
        canceller.result()
        assert nobody_waits(wait.what)
        assert wait.free()
