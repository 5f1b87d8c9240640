"""All of them between eight threads, with goroutines on each."""

import threading
from collections import deque
from collections.abc import Callable

import pytest

from netpoll import Goroutine, go, gosched, run
from netpoll.sync import (
    Barrier,
    Cond,
    Event,
    Mutex,
    Once,
    RWMutex,
    Semaphore,
    WaitGroup,
)
from tests.running import Outcome

THREADS = 8


def on_threads(main: Callable[[int], object], *, plain: bool = False) -> list[object]:
    """Run main(i) on eight threads that begin together, as goroutines or without any."""
    start = threading.Barrier(THREADS)

    def body(i: int) -> object:
        start.wait()
        return main(i) if plain else run(main, i)

    threads = [Outcome(body, i) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    return [thread.result() for thread in threads]


def together(n: int, fn: Callable[..., object], *args: object) -> None:
    """Call fn in n goroutines and wait for them."""
    workers: list[Goroutine[object]] = [go(fn, *args) for _ in range(n)]
    for worker in workers:
        worker.join()


@pytest.mark.parametrize("plain", [False, True])
def test_a_mutex_is_had_by_one_at_a_time(plain: bool) -> None:
    mutex, counter = Mutex(), [0]

    def work() -> None:
        for _ in range(100):
            with mutex:
                before = counter[0]
                gosched()
                counter[0] = before + 1

    def main(_: int) -> None:
        if plain:
            work()
        else:
            together(4, work)

    on_threads(main, plain=plain)
    assert counter[0] == THREADS * 100 * (1 if plain else 4)
    assert repr(mutex) == "<Mutex unlocked>"


def test_an_rwmutex_never_lets_a_writer_in_with_anybody() -> None:
    rw, inside = RWMutex(), deque[str]()

    def read() -> None:
        for _ in range(30):
            with rw.reading():
                inside.append("r")
                gosched()
                assert "w" not in inside
                inside.remove("r")

    def write() -> None:
        for _ in range(30):
            with rw.writing():
                assert not inside
                inside.append("w")
                gosched()
                assert list(inside) == ["w"]
                inside.clear()

    def main(i: int) -> None:
        together(2, read)
        together(2, write if i % 2 else read)

    on_threads(main)
    assert repr(rw) == "<RWMutex unlocked>"


def test_a_semaphore_is_never_overdrawn() -> None:
    units, guard, taken = Semaphore(3), Mutex(), [0]

    def work(k: int) -> None:
        for _ in range(40):
            with units.holding(k):
                with guard:
                    taken[0] += k
                    assert taken[0] <= 3
                gosched()
                with guard:
                    taken[0] -= k

    on_threads(lambda i: together(3, work, 1 + i % 3))
    assert repr(units) == "<Semaphore 3 of 3 free>"


def test_nothing_put_under_a_cond_is_lost_or_had_twice() -> None:
    cond, queue, got = Cond(Mutex()), deque[int](), deque[int]()
    n = 100

    def produce(i: int) -> None:
        for j in range(n):
            with cond.mutex:
                queue.append(i * n + j)
                cond.signal()

    def consume() -> None:
        for _ in range(n):
            with cond.mutex:
                cond.wait_for(lambda: queue)
                got.append(queue.popleft())

    def main(i: int) -> None:
        together(1, produce if i % 2 else lambda _: consume(), i // 2)

    on_threads(main)
    assert sorted(got) == list(range(THREADS // 2 * n))


def test_a_broadcast_reaches_those_who_wait_on_all_threads() -> None:
    cond, waiting, turn = Cond(Mutex()), [0], [0]

    def main(i: int) -> None:
        for round_ in range(20):
            with cond.mutex:
                waiting[0] += 1
                if waiting[0] == THREADS:
                    waiting[0] = 0
                    turn[0] += 1
                    cond.broadcast()
                while turn[0] == round_:
                    cond.wait()

    on_threads(main)
    assert turn == [20]


def test_an_event_wakes_those_who_wait_on_all_threads() -> None:
    events = [Event() for _ in range(20)]
    done = WaitGroup()

    def main(i: int) -> None:
        for number, event in enumerate(events):
            if number % THREADS == i:
                go(event.set)
            together(3, event.wait)
        done.add()
        done.done()

    on_threads(main)
    assert all(event.is_set() for event in events)


def test_a_waitgroup_counts_the_tasks_of_all_threads() -> None:
    wg, finished = WaitGroup(), deque[int]()
    wg.add(THREADS * 50)

    def task() -> None:
        gosched()
        finished.append(1)
        wg.done()

    def main(_: int) -> int:
        for _ in range(50):
            go(task)
        wg.wait()
        return len(finished)

    assert on_threads(main) == [THREADS * 50] * THREADS


def test_a_barrier_keeps_all_threads_in_step() -> None:
    barrier, rounds = Barrier(THREADS), [0] * THREADS

    def main(i: int) -> None:
        for turn in range(50):
            rounds[i] = turn
            assert max(rounds) - min(rounds) <= 1
            barrier.wait()

    on_threads(main)
    assert rounds == [49] * THREADS


def test_once_calls_it_on_one_thread() -> None:
    for _ in range(20):
        guard, calls, value = Once(), deque[int](), [0]

        def initialize(calls: deque[int] = calls, value: list[int] = value) -> None:
            calls.append(1)
            gosched()
            value[0] = 7

        def main(
            _: int,
            guard: Once = guard,
            initialize: Callable[[], None] = initialize,
            value: list[int] = value,
        ) -> int:
            guard.do(initialize)
            return value[0]

        assert on_threads(main) == [7] * THREADS
        assert len(calls) == 1
