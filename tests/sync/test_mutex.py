"""Mutex: one at a time, in the order in which they came."""

import copy
import weakref

import pytest

from netpoll import go, gosched, run, sleep, sync
from netpoll._runtime.scheduler import attached_scheduler
from netpoll.sync import Mutex
from tests.running import Outcome, in_run, on_thread, parked


def test_nobody_has_a_new_mutex() -> None:
    mutex = Mutex()
    assert not mutex.locked
    assert repr(mutex) == "<Mutex unlocked>"


@in_run
def test_try_lock_takes_it_only_if_nobody_has_it() -> None:
    mutex = Mutex()
    mutex.lock()
    assert mutex.locked
    assert mutex.try_lock() is False
    mutex.unlock()
    assert mutex.try_lock() is True
    assert mutex.try_lock() is False
    mutex.unlock()
    assert not mutex.locked


@in_run
def test_with_locks_it_and_unlocks_it_whatever_happens() -> None:
    mutex = Mutex()
    with pytest.raises(KeyError):
        with mutex:
            assert mutex.locked
            raise KeyError
    assert not mutex.locked


def test_unlocking_what_is_not_locked_is_an_error() -> None:
    mutex = Mutex()
    with pytest.raises(RuntimeError, match="unlock of a Mutex that is not locked"):
        mutex.unlock()
    mutex.lock()
    mutex.unlock()
    with pytest.raises(RuntimeError, match="unlock of a Mutex that is not locked"):
        mutex.unlock()
    assert mutex.try_lock()


@in_run
def test_ten_goroutines_hammer_it_and_never_two_have_it() -> None:
    mutex = Mutex()
    within = 0

    def hammer() -> None:
        nonlocal within
        for i in range(1000):
            if i % 3 == 0:
                if not mutex.try_lock():
                    continue
            else:
                mutex.lock()
            within += 1
            assert within == 1
            if i % 7 == 0:
                gosched()
            within -= 1
            mutex.unlock()

    for worker in [go(hammer) for _ in range(10)]:
        worker.join()
    assert not mutex.locked


@in_run
def test_those_in_line_get_it_in_the_order_in_which_they_came() -> None:
    mutex = Mutex()
    order = []

    def work(i: int) -> None:
        with mutex:
            order.append(i)

    mutex.lock()
    workers = [parked(go(work, i)) for i in range(10)]
    mutex.unlock()
    for worker in workers:
        worker.join()
    assert order == list(range(10))


@in_run
def test_it_is_handed_over_and_cannot_be_taken_in_between() -> None:
    # Go: TestSemaHandoff.
    mutex = Mutex()
    seen = []

    def work() -> None:
        with mutex:
            seen.append("the waiter")

    mutex.lock()
    waiter = parked(go(work))
    mutex.unlock()
    assert mutex.locked  # by the waiter, which has not run yet
    assert mutex.try_lock() is False
    assert "locked by work-" in repr(mutex)
    mutex.lock()
    seen.append("main")
    mutex.unlock()
    waiter.join()
    assert seen == ["the waiter", "main"]


@in_run
def test_who_is_handed_it_runs_next() -> None:
    mutex = Mutex()
    order = []

    def work() -> None:
        with mutex:
            order.append("waiter")

    mutex.lock()
    waiter = parked(go(work))
    others = [go(order.append, name) for name in "abc"]
    mutex.unlock()
    for other in [waiter, *others]:
        other.join()
    assert order[0] == "waiter"


@in_run
def test_who_locks_it_again_and_again_starves_nobody() -> None:
    # Go: TestMutexFairness.
    mutex = Mutex()
    stop = False

    def hog() -> None:
        while not stop:
            with mutex:
                sleep(0.0001)

    hogging = go(hog)
    for _ in range(10):
        sleep(0.0001)
        with mutex:
            """Got it, after one turn of the other at most."""
    stop = True
    hogging.join()


@in_run
def test_a_loop_that_never_has_to_wait_lets_the_others_run() -> None:
    mutex = Mutex()
    ran = go(lambda: True)
    for _ in range(1000):
        with mutex:
            pass
    assert ran.done
    spinning = go(mutex.lock)
    with mutex:
        while spinning.state == "new":  # nobody else runs unless a failed try counts too
            assert not mutex.try_lock()
    spinning.join()


@in_run
def test_nobody_has_it_while_the_others_are_let_run() -> None:
    # The yield of a slice that is used up comes before the lock is taken.
    mutex = Mutex()
    seen = []

    def look() -> None:
        for _ in range(50):
            seen.append(mutex.locked)
            gosched()

    looking = go(look)
    while not looking.done:
        with mutex:
            pass
    assert seen == [False] * 50


@in_run
def test_another_goroutine_may_unlock_it() -> None:
    mutex = Mutex()
    mutex.lock()
    go(mutex.unlock).join()
    assert not mutex.locked


@in_run
def test_a_limit_says_who_has_it() -> None:
    mutex = Mutex()

    def hold() -> None:
        with mutex:
            sleep(60)

    holder = parked(go(hold))
    holder.name = "the writer"
    with pytest.raises(TimeoutError) as caught:
        mutex.lock(0.001)
    assert str(caught.value) == "no lock within 0.001 s: <Mutex locked by the writer>"
    holder.cancel()


@in_run
def test_it_says_who_has_it_and_how_many_wait() -> None:
    mutex = Mutex()

    def hold() -> None:
        mutex.lock()

    holder = go(hold)
    holder.join()
    assert repr(mutex) == f"<Mutex locked by goroutine {holder.id}, which has ended>"
    mutex.unlock()
    with mutex:
        waiter = parked(go(mutex.lock))
        assert repr(mutex) == "<Mutex locked by main, 1 waiting>"
    assert repr(mutex) == f"<Mutex locked by lock-{waiter.id}>"


def test_a_thread_without_goroutines_locks_it_and_stays_without() -> None:
    mutex = Mutex()

    def work() -> str:
        with mutex:
            said = repr(mutex)
        assert mutex.try_lock()
        mutex.unlock()
        assert attached_scheduler() is None
        return said

    assert on_thread(work) == "<Mutex locked by thread test-work>"


def test_it_goes_from_thread_to_thread() -> None:
    mutex = Mutex()

    def main() -> str:
        mutex.lock()
        other = Outcome(run, mutex.lock)
        other.start()
        while "1 waiting" not in repr(mutex):
            gosched()
        mutex.unlock()
        other.result()
        said = repr(mutex)
        mutex.unlock()
        return said

    assert "locked by goroutine" in run(main)  # the other thread's main, which has ended


def test_it_cannot_be_copied() -> None:
    # Go: TestCondCopy, for all of them.
    for made in (
        sync.Mutex(),
        sync.RWMutex(),
        sync.Semaphore(1),
        sync.Event(),
        sync.WaitGroup(),
        sync.Cond(sync.Mutex()),
        sync.Barrier(1),
    ):
        with pytest.raises(TypeError):
            copy.copy(made)


def test_it_can_be_referred_to_weakly() -> None:
    mutex = Mutex()
    reference = weakref.ref(mutex)
    assert reference() is mutex
    del mutex
    assert reference() is None
