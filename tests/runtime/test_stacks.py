"""Stacks: goroutines find room, however many and wherever they begin, and give it back."""

import gc
import sys
import threading

import pytest

from netpoll import Goroutine, go, gosched, lowlevel, run, sleep
from tests.running import in_run, on_thread, says
from tests.runtime.test_os_threads import resident


def test_a_long_chain_of_goroutines_each_started_by_the_one_before() -> None:
    # On a thread with a small stack: where each lay below the one before, that would overflow.
    lines = """
        import threading
        from netpoll import go, gosched, run

        def chain(length):
            return go(chain, length - 1).join() + 1 if length else 0

        def main():
            assert go(chain, 20000).join() == 20000
            print("done")

        threading.stack_size(512 * 1024)
        thread = threading.Thread(target=run, args=(main,))
        thread.start()
        thread.join()
        """
    assert says(lines) == "done\n"


def test_goroutines_that_park_at_all_depths_of_the_stack() -> None:
    def descend(depth: int) -> int:
        if depth == 0:
            sleep(0.0001)
            return 0
        if depth % 7 == 0:
            gosched()
        # list.__init__ calls back from C: a frame of C for each of Python.
        return max(map(descend, [depth - 1])) + 1

    def main() -> None:
        workers = [go(descend, depth) for depth in range(0, 100, 3)]
        assert [worker.join() for worker in workers] == list(range(0, 100, 3))

    for _ in range(3):
        run(main)


@in_run
def test_each_goroutine_has_the_whole_depth_of_recursion() -> None:
    def descend(depth: int) -> int:
        if depth % 100 == 0:
            gosched()
        return descend(depth - 1) + 1 if depth else 0

    depth = sys.getrecursionlimit() // 2
    workers = [go(descend, depth) for _ in range(10)]
    assert [worker.join() for worker in workers] == [depth] * 10


@in_run
def test_too_deep_a_recursion_is_an_error_of_that_goroutine_alone() -> None:
    def descend() -> None:
        descend()

    for _ in range(3):
        with pytest.raises(RecursionError):
            go(descend).join()
        assert go(lambda: 1).join() == 1


def test_who_parks_at_the_end_of_its_stack_disturbs_nobody_else() -> None:
    """Looking for work happens on the stack of whoever parks, however little is left of it."""

    def descend(left: int, seconds: float) -> None:
        if left:
            descend(left - 1, seconds)
        else:
            sleep(seconds)

    def fits(depth: int, seconds: float) -> bool:
        try:
            descend(depth, seconds)
        except RecursionError:
            return False
        return True

    def main(depth: int, seconds: float) -> bool:
        return go(fits, depth, seconds).join()

    limit = sys.getrecursionlimit()
    deepest = max(depth for depth in range(limit - 150, limit) if run(main, depth, 0))
    for depth in range(deepest - 10, deepest + 10):
        # What the scheduler needs for a first wait is made at that depth, each time.
        run(main, depth, 0.0001)


@in_run
def test_frames_of_python_survive_many_switches_at_changing_depth() -> None:
    def walk(i: int) -> int:
        def step(depth: int) -> int:
            a, b, c = i, depth, i * depth
            if depth:
                gosched()
                below = step(depth - 1)
                gosched()
                assert (a, b, c) == (i, depth, i * depth)
                return below + a
            return 0

        return sum(step(depth) for depth in (3, 30, 1, 60, 5))

    workers = [go(walk, i) for i in range(50)]
    assert [worker.join() for worker in workers] == [99 * i for i in range(50)]


# ---- given back


@in_run
def test_a_hundred_thousand_goroutines_one_after_the_other_leave_nothing() -> None:
    def batch() -> None:
        for _ in range(20):
            for each in [go(int) for _ in range(500)]:
                each.join()

    batch()
    gc.collect()
    before = resident()
    for _ in range(10):
        batch()
    gc.collect()
    assert resident() - before < 2 << 20


def test_the_memory_of_many_goroutines_at_once_is_used_again() -> None:
    def crowd() -> None:
        waiting = [go(lowlevel.park) for _ in range(10_000)]
        gosched()
        for each in waiting:
            lowlevel.ready(each)
        for each in waiting:
            each.join()

    def main() -> None:
        crowd()
        gc.collect()
        before = resident()
        for _ in range(3):
            crowd()
        gc.collect()
        assert resident() - before < 3 << 20

    run(main)
    on_thread(run, main)


@in_run
def test_parked_goroutines_need_little_memory() -> None:
    count = 5000
    gc.collect()
    before = resident()
    waiting = [go(lowlevel.park) for _ in range(count)]
    gosched()
    each = (resident() - before) / count
    for goroutine in waiting:
        goroutine.cancel()
    gosched()
    assert each < 8192


@in_run
def test_more_goroutines_than_are_kept_idle_end_at_once() -> None:
    ended = 0

    def work() -> None:
        nonlocal ended
        lowlevel.park()
        ended += 1

    for _ in range(2):
        waiting = [go(work) for _ in range(3000)]
        gosched()
        for each in waiting:
            lowlevel.ready(each)
        gosched()
        while not all(each.done for each in waiting):
            gosched()
    assert ended == 6000


@in_run
def test_objects_on_the_stack_of_a_cancelled_goroutine_are_freed() -> None:
    freed = threading.Semaphore(0)

    class Thing:
        def __del__(self) -> None:
            freed.release()

    def work() -> None:
        thing = Thing()
        lowlevel.park()
        del thing

    waiting: list[Goroutine] = [go(work) for _ in range(10)]
    gosched()
    for each in waiting:
        each.cancel()
    gosched()
    waiting.clear()  # and with them the tracebacks of their ends
    del each
    assert all(freed.acquire(blocking=False) for _ in range(10))
