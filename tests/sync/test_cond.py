"""Cond: waiting for a change, with the mutex that protects it."""

from collections.abc import Callable
from typing import Any

import pytest

from netpoll import (
    Cancelled,
    Goroutine,
    GoroutineCancelled,
    current,
    go,
    gosched,
    sleep,
)
from netpoll.sync import Cond, Mutex
from tests.running import in_run, parked, says


@pytest.fixture
def cond() -> Cond:
    return Cond(Mutex())


def waiting(cond: Cond, *args: Any) -> "Goroutine[bool]":
    """Return a goroutine that waits with the mutex locked, and unlocks it afterwards."""

    def work() -> bool:
        with cond.mutex:
            woken = cond.wait(*args)
            assert holds(cond.mutex)
            return woken

    return parked(go(work))


def holds(mutex: Mutex) -> bool:
    return f"locked by {current().name}" in repr(mutex)


# ---- signal and broadcast


@in_run
def test_a_signal_wakes_one_and_only_one(cond: Cond) -> None:
    # Go: TestCondSignal.
    waiters = [waiting(cond) for _ in range(3)]
    for n in range(1, 4):
        cond.signal()
        gosched()
        gosched()
        assert [w.done for w in waiters].count(True) == n
    cond.signal()  # nobody waits
    assert [w.join() for w in waiters] == [True] * 3


@in_run
def test_signals_wake_in_the_order_in_which_they_came(cond: Cond) -> None:
    # Go: TestCondSignalGenerations.
    before = waiting(cond)
    for _ in range(100):
        later = waiting(cond)
        with cond.mutex:
            cond.signal()
        assert before.join(10) is True
        assert not later.done
        before = later
    cond.signal()
    before.join(10)


@in_run
def test_a_broadcast_wakes_everybody_once_and_in_order(cond: Cond) -> None:
    # Go: TestCondBroadcast.
    rounds, n = 5, 20
    awake: list[int] = []
    end = False

    def work(i: int) -> None:
        with cond.mutex:
            while not end:
                cond.wait()
                awake.append(i)

    workers = [parked(go(work, i)) for i in range(n)]
    for turn in range(rounds):
        assert not awake
        with cond.mutex:
            end = turn == rounds - 1
            cond.broadcast()
        while len(awake) < n:
            gosched()
        assert awake == list(range(n))
        awake.clear()
        if not end:
            for worker in workers:
                parked(worker)
    for worker in workers:
        worker.join(10)
    cond.broadcast()


@in_run
def test_no_signal_is_stolen_by_who_comes_after_it(cond: Cond) -> None:
    # Go: TestCondSignalStealing.
    for _ in range(100):
        first = waiting(cond)
        go(cond.broadcast)
        second = waiting(cond)
        assert first.join(10) is True
        if not second.done:
            cond.broadcast()
        second.join(10)


@in_run
def test_a_signal_that_comes_before_the_wait_is_lost(cond: Cond) -> None:
    cond.signal()
    cond.broadcast()
    with cond.mutex:
        assert cond.wait(0.001) is False


@in_run
def test_three_pass_it_on(cond: Cond) -> None:
    # Go: TestRace.
    x = 0

    def first() -> None:
        nonlocal x
        with cond.mutex:
            x = 1
            cond.wait()
            assert x == 2
            x = 3
            cond.signal()

    def second() -> None:
        nonlocal x
        while True:
            with cond.mutex:
                if x == 1:
                    x = 2
                    cond.signal()
                    return
            gosched()

    def third() -> None:
        while True:
            with cond.mutex:
                if x == 2:
                    cond.wait()
                    assert x == 3
                    return
                if x == 3:
                    return
            gosched()

    for worker in [go(first), go(second), go(third)]:
        worker.join(10)


# ---- the mutex


@in_run
def test_the_mutex_is_free_during_the_wait_and_locked_after_it(cond: Cond) -> None:
    waiter = waiting(cond)
    assert not cond.mutex.locked
    cond.mutex.lock()
    cond.signal()
    gosched()
    assert waiter.state == f"waiting: to lock again {cond.mutex!r}"
    assert repr(cond) == "<Cond, with <Mutex locked by main, 1 waiting>>"
    cond.mutex.unlock()
    waiter.join(10)


@in_run
def test_those_who_wait_for_the_mutex_get_it_when_the_wait_begins(cond: Cond) -> None:
    order: list[str] = []

    def work() -> None:
        with cond.mutex:
            order.append("worker")
            cond.signal()

    with cond.mutex:
        worker = parked(go(work))
        cond.wait()
        order.append("main")
    worker.join()
    assert order == ["worker", "main"]


def misuses() -> list[Callable[[Cond], object]]:
    return [lambda cond: cond.wait(), lambda cond: cond.wait_for(lambda: True)]


@pytest.mark.parametrize("misuse", misuses())
@in_run
def test_waiting_without_the_mutex_is_an_error(
    cond: Cond, misuse: Callable[[Cond], object]
) -> None:
    with pytest.raises(RuntimeError, match="the caller does not hold the mutex"):
        misuse(cond)
    go(cond.mutex.lock).join()  # another one has it
    with pytest.raises(RuntimeError, match="the caller does not hold the mutex"):
        misuse(cond)
    assert cond.mutex.locked  # still
    assert "waiting" not in repr(cond)


def test_a_cond_needs_a_mutex() -> None:
    for wrong in (None, object()):
        with pytest.raises(TypeError):
            Cond(wrong)  # type: ignore[arg-type]


def test_a_thread_that_locked_it_before_it_had_goroutines_holds_it(cond: Cond) -> None:
    cond.mutex.lock()  # this thread has no scheduler yet
    go(cond.signal)
    assert cond.wait() is True
    cond.mutex.unlock()


# ---- cancelled, out of time


@pytest.mark.parametrize("held", [False, True])
@in_run
def test_a_cancelled_waiter_has_the_mutex_again_before_it_hears_of_it(
    cond: Cond, held: bool
) -> None:
    heard: list[bool] = []

    def work() -> None:
        with cond.mutex:
            try:
                cond.wait()
            except Cancelled:
                heard.append(holds(cond.mutex))
                raise

    waiter = parked(go(work))
    if held:
        cond.mutex.lock()
    waiter.cancel()
    for _ in range(5):
        gosched()
    if held:
        assert not heard
        assert waiter.state.startswith("waiting: to lock again")
        cond.mutex.unlock()
    with pytest.raises(GoroutineCancelled):
        waiter.join(10)
    assert heard == [True]
    assert not cond.mutex.locked


@in_run
def test_who_is_cancelled_again_and_again_while_it_locks_again_still_locks_first(
    cond: Cond,
) -> None:
    waiter = waiting(cond)
    with cond.mutex:
        cond.signal()
        gosched()
        waiter.cancel()
        for _ in range(5):
            gosched()
        assert waiter.state.startswith("waiting: to lock again")
    # The signal counts: the wait has come to its end, and only the next park would raise.
    assert waiter.join(10) is True


@in_run
def test_time_that_is_up_is_false_and_the_mutex_is_locked(cond: Cond) -> None:
    with cond.mutex:
        assert cond.wait(0.001) is False
        assert holds(cond.mutex)
    waiter = waiting(cond, 0.001)
    with cond.mutex:
        sleep(0.005)
        assert waiter.state.startswith("waiting: to lock again")  # for which there is no limit
    assert waiter.join(10) is False


@in_run
def test_a_signal_to_who_is_cancelled_at_the_same_moment_is_not_lost(cond: Cond) -> None:
    for signal_first in (True, False):
        first, second = waiting(cond), waiting(cond)
        steps = [cond.signal, first.cancel]
        for step in steps if signal_first else steps[::-1]:
            step()
        assert first.join(10) is True  # the signal found it in line
        assert not second.done
        cond.signal()
        assert second.join(10) is True


@in_run
def test_a_waiter_that_was_cancelled_takes_no_signal(cond: Cond) -> None:
    first, second = waiting(cond), waiting(cond)
    first.cancel()
    gosched()
    cond.signal()
    assert second.join(10) is True
    with pytest.raises(GoroutineCancelled):
        first.join(10)


# ---- wait_for


@in_run
def test_wait_for_returns_what_the_predicate_returned(cond: Cond) -> None:
    box: list[str] = []

    def put() -> None:
        with cond.mutex:
            cond.broadcast()  # to no purpose
        with cond.mutex:
            box.append("it")
            cond.signal()

    go(put)
    with cond.mutex:
        assert cond.wait_for(lambda: holds(cond.mutex) and box) == ["it"]
        assert cond.wait_for(lambda: "at once") == "at once"


@in_run
def test_wait_for_gives_up_in_time_however_often_it_is_woken(cond: Cond) -> None:
    def disturb() -> None:
        while True:
            cond.signal()
            sleep(0.0005)

    disturber = go(disturb)
    with cond.mutex:
        assert cond.wait_for(list, 0.005) == []
        assert cond.wait_for(lambda: 0, timeout=0) == 0
    disturber.cancel()


@in_run
def test_an_exception_of_the_predicate_leaves_the_mutex_locked(cond: Cond) -> None:
    def fail() -> bool:
        raise KeyError

    with cond.mutex:
        with pytest.raises(KeyError):
            cond.wait_for(fail)
        assert holds(cond.mutex)


# ---- what else can come


LOCKED_FOR_EVER = """
import os, signal, threading
from netpoll import DeadlockError, current, go, run, sleep
from netpoll.sync import Cond, Mutex

cond, never = Cond(Mutex()), Mutex()
never.lock()

def other():
    with cond.mutex:
        cond.signal()
        try:
            {first}
            never.lock()
        finally:
            print("other has it still:", current().name in repr(cond.mutex))

def main():
    try:
        {locking}
    finally:
        print("main does not have it:", "main" not in repr(cond.mutex))

def wait():
    go(other)
    cond.wait()     # has its signal, and cannot lock again

try:
    run(main)
except {error} as error:
    print({error}.__name__, str(error).count("to lock again <Mutex locked by other-"))
print(cond.mutex)
"""


@pytest.mark.parametrize(
    "locking",
    [
        "with cond.mutex: wait()",
        "cond.mutex.lock()\n        try: wait()\n        finally: cond.mutex.unlock()",
    ],
    ids=["with", "unlock"],
)
def test_a_deadlock_is_told_and_no_unlock_goes_wrong(locking: str) -> None:
    said = says(LOCKED_FOR_EVER.format(first="pass", locking=locking, error="DeadlockError"))
    assert said == (
        "main does not have it: True\nother has it still: True\nDeadlockError 1\n<Mutex unlocked>\n"
    )


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_gets_out_of_a_wait_that_cannot_lock_again(times: int) -> None:
    press = f"for _ in range({times}): os.kill(os.getpid(), signal.SIGINT); sleep(0.001)"
    said = says(
        LOCKED_FOR_EVER.format(
            first=press, locking="with cond.mutex: wait()", error="KeyboardInterrupt"
        )
    )
    assert said == (
        "main does not have it: True\nother has it still: True\n"
        "KeyboardInterrupt 0\n<Mutex unlocked>\n"
    )


def test_ctrl_c_comes_when_the_mutex_is_locked_again() -> None:
    assert (
        says(
            """
            import os, signal
            from netpoll import go, gosched, run, sleep
            from netpoll.sync import Cond, Mutex

            cond = Cond(Mutex())

            def other():
                with cond.mutex:
                    cond.signal()
                    sleep(0.01)
                    os.kill(os.getpid(), signal.SIGINT)
                    sleep(0.02)
                    print("other unlocks", flush=True)

            def main():
                with cond.mutex:
                    go(other)
                    try:
                        cond.wait()
                        sleep(10)
                    except KeyboardInterrupt:
                        print("main", cond.mutex, flush=True)

            run(main)
            """
        )
        == "other unlocks\nmain <Mutex locked by main>\n"
    )


def test_who_has_left_without_the_lock_and_takes_it_later_unlocks_it() -> None:
    assert (
        says(
            """
            from netpoll import DeadlockError, go, gosched, run
            from netpoll.sync import Cond, Event, Mutex

            cond = Cond(Mutex())

            def hold():
                with cond.mutex:
                    Event().wait()  # for ever

            def main():
                cond.mutex.lock()
                holder = go(hold)
                try:
                    cond.wait()
                except DeadlockError:
                    pass  # without the lock, and without an unlock
                holder.cancel()
                gosched()
                gosched()
                cond.mutex.lock()
                cond.mutex.unlock()
                print(cond.mutex)

            run(main)
            """
        )
        == "<Mutex unlocked>\n"
    )
