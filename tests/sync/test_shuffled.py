"""Programs in which the goroutines that can run do so in any order: a thousand orders each."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from netpoll import Cancelled, GoroutineCancelled, go, gosched, run
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.sync import Barrier, Cond, Event, Mutex, Once, RWMutex, Semaphore, WaitGroup

SEEDS = range(1, 1001)


def one_at_a_time() -> None:
    mutex, inside, order = Mutex(), 0, list[int]()

    def work(i: int) -> None:
        nonlocal inside
        for _ in range(3):
            with mutex:
                inside += 1
                assert inside == 1
                gosched()
                inside -= 1
            order.append(i)

    for worker in [go(work, i) for i in range(3)]:
        worker.join()
    assert sorted(order) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert not mutex.locked


def a_victim_among_three() -> None:
    mutex, inside = Mutex(), 0

    def work() -> None:
        nonlocal inside
        for _ in range(2):
            with mutex:
                inside += 1
                try:
                    assert inside == 1
                    gosched()
                finally:
                    inside -= 1

    workers = [go(work) for _ in range(3)]
    go(workers[1].cancel)
    workers[0].join()
    workers[2].join()
    with suppress(GoroutineCancelled):
        workers[1].join()
    assert not mutex.locked


def readers_or_a_writer() -> None:
    rw, readers, writers = RWMutex(), 0, 0

    def read() -> None:
        nonlocal readers
        for _ in range(2):
            with rw.reading():
                readers += 1
                gosched()
                assert not writers
                readers -= 1

    def write() -> None:
        nonlocal writers
        for _ in range(2):
            with rw.writing():
                writers += 1
                gosched()
                assert (readers, writers) == (0, 1)
                writers -= 1

    for worker in [go(kind) for kind in (read, write, read, write, read)]:
        worker.join()
    assert repr(rw) == "<RWMutex unlocked>"


def units_by_weight() -> None:
    units, taken = Semaphore(3), 0

    def work(k: int) -> None:
        nonlocal taken
        for _ in range(2):
            with units.holding(k):
                taken += k
                assert taken <= 3
                gosched()
                taken -= k

    for worker in [go(work, k) for k in (1, 2, 3, 1)]:
        worker.join()
    assert units.free == 3


def a_queue_under_a_cond() -> None:
    cond, queue, got = Cond(Mutex()), list[int](), list[int]()

    def consume() -> None:
        for _ in range(3):
            with cond.mutex:
                while not queue:
                    cond.wait()
                got.append(queue.pop(0))

    def produce(i: int) -> None:
        for j in range(3):
            with cond.mutex:
                queue.append(3 * i + j)
                cond.signal()
            gosched()

    for worker in [go(consume), go(consume), go(produce, 0), go(produce, 1)]:
        worker.join()
    assert sorted(got) == list(range(6))


def a_cancelled_waiter_among_others_under_a_cond() -> None:
    cond, ready, woken = Cond(Mutex()), 0, list[int]()

    def work(i: int) -> None:
        nonlocal ready
        with cond.mutex:
            ready += 1
            try:
                cond.wait()
            except Cancelled:
                assert cond.mutex.locked
                raise
            woken.append(i)

    workers = [go(work, i) for i in range(3)]
    while ready < 3:
        gosched()
    with cond.mutex:
        """All wait: each unlocked it in that."""
    go(workers[0].cancel)
    for _ in range(2):
        go(cond.signal)
    for _ in range(1000):
        if len(woken) == 2 and workers[0].done:
            break
        gosched()
    assert len(woken) == 2  # neither signal went to one that was cancelled
    cond.broadcast()
    for worker in workers:
        with suppress(GoroutineCancelled):
            worker.join()
    assert not cond.mutex.locked


def all_in_step() -> None:
    barrier, rounds = Barrier(3), [0] * 3

    def work(i: int) -> None:
        for turn in range(3):
            rounds[i] = turn
            assert max(rounds) - min(rounds) <= 1
            barrier.wait()

    for worker in [go(work, i) for i in range(3)]:
        worker.join()


def until_all_is_done() -> None:
    wg, event, guard, done = WaitGroup(), Event(), Once(), list[int]()
    calls = list[int]()

    def call() -> None:
        calls.append(1)
        gosched()

    def work(i: int) -> None:
        event.wait()
        guard.do(call)
        assert calls == [1]
        done.append(i)

    for i in range(4):
        wg.go(work, i)
    go(event.set)
    wg.wait()
    assert sorted(done) == [0, 1, 2, 3]


PROGRAMS = [
    one_at_a_time,
    a_victim_among_three,
    readers_or_a_writer,
    units_by_weight,
    a_queue_under_a_cond,
    a_cancelled_waiter_among_others_under_a_cond,
    all_in_step,
    until_all_is_done,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_is_right_in_a_thousand_orders(program: Callable[[], None]) -> None:
    def main() -> None:
        scheduler = ensure_scheduler()
        for seed in SEEDS:
            scheduler.set_shuffle(seed)
            try:
                program()
            except BaseException as failure:
                failure.add_note(f"seed {seed}")
                raise
        scheduler.set_shuffle(0)

    run(main)
