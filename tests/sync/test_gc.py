"""The collector at every allocation, finalizers that use locks, and what is freed when."""

import gc
import weakref
from collections.abc import Callable

import pytest

from netpoll import GoroutineCancelled, go, gosched
from netpoll.sync import Barrier, Cond, Event, Mutex, Once, Pool, RWMutex, Semaphore, WaitGroup
from tests.running import in_run, parked
from tests.sync.kinds import Wait, each_kind


class Locker:
    """Garbage in a cycle, whose finalizer uses a lock at whatever moment."""

    def __init__(self, mutex: Mutex, seen: list[int]) -> None:
        self.mutex, self.seen, self.cycle = mutex, seen, self

    def __del__(self) -> None:
        if self.mutex.try_lock():
            self.seen.append(1)
            self.mutex.unlock()


@each_kind
@in_run
def test_each_wait_works_with_the_collector_at_every_allocation(
    kind: Callable[[], Wait], at_every_allocation: None
) -> None:
    wait = kind()
    waiter, victim = parked(go(wait.take)), parked(go(wait.take))
    victim.cancel()
    with pytest.raises(GoroutineCancelled):
        victim.join(10)
    wait.give()
    waiter.join(10)
    wait.back()
    assert wait.free()


@in_run
def test_all_of_them_at_once_with_the_collector_at_every_allocation(
    at_every_allocation: None,
) -> None:
    mutex, rw, units, wg, event = Mutex(), RWMutex(), Semaphore(2), WaitGroup(), Event()
    cond, barrier, guard, pool = Cond(mutex), Barrier(3), Once(), Pool(list[int])
    seen: list[int] = []
    turns = 0

    def work() -> None:
        nonlocal turns
        event.wait()
        guard.do(gosched)
        for _ in range(5):
            Locker(mutex, seen)
            item = pool.get()
            with units, rw.reading():
                gosched()
            with rw.writing():
                pool.put(item)
            barrier.wait()
            with mutex:
                turns += 1
                cond.broadcast()

    for _ in range(3):
        wg.go(work)
    event.set()
    with mutex:
        assert cond.wait_for(lambda: turns == 15, 20)
    wg.wait()
    assert not mutex.locked
    assert seen


@in_run
def test_a_lock_keeps_nobody_alive() -> None:
    class Held:
        """What a goroutine holds while it has the lock."""

    mutex, held = Mutex(), Held()
    gone = weakref.ref(held)

    def work(held: Held) -> None:
        mutex.lock()
        gosched()

    goroutine = go(work, held)
    ended = weakref.ref(goroutine)
    goroutine.join()
    del held, goroutine
    assert gone() is None
    assert ended() is None
    assert mutex.locked


@in_run
def test_a_lock_that_nobody_refers_to_lives_as_long_as_somebody_waits() -> None:
    mutex = Mutex()
    mutex.lock()
    gone = weakref.ref(mutex)
    waiter = parked(go(mutex.lock))
    del mutex
    gc.collect()
    assert gone() is not None
    waiter.cancel()
    with pytest.raises(GoroutineCancelled):
        waiter.join()
    del waiter
    gc.collect()
    assert gone() is None


@in_run
def test_a_finalizer_may_unlock_what_its_own_unlock_frees() -> None:
    order: list[str] = []
    outer, inner = Mutex(), Mutex()
    inner.lock()

    class Last:
        def __del__(self) -> None:
            inner.unlock()
            order.append("finalizer")

    def work(last: Last) -> None:
        with outer:
            """The goroutine, and with it the object, goes away right after."""

    outer.lock()
    worker = parked(go(work, Last()))
    waiter = parked(go(inner.lock))
    outer.unlock()
    worker.join()
    waiter.join(10)
    assert order == ["finalizer"]
