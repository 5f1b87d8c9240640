"""OS threads: each has a scheduler of its own, and takes everything with it when it ends."""

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from netpoll import (
    ClosedError,
    Goroutine,
    blocking,
    current,
    go,
    gosched,
    lowlevel,
    net,
    run,
    sleep,
)
from netpoll._runtime.intercept import intercept
from netpoll._runtime.scheduler import attached_scheduler, ensure_scheduler
from tests.running import Outcome, in_run, on_thread, open_descriptors, pair, parked


def resident() -> int:
    """Return the memory of this process that is resident, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# ---- one each


@in_run
def test_each_thread_has_a_scheduler_of_its_own() -> None:
    own = ensure_scheduler()
    theirs = on_thread(ensure_scheduler)
    assert theirs is not own
    assert attached_scheduler() is own


@in_run
def test_a_goroutine_runs_on_the_thread_that_started_it() -> None:
    def idents() -> set[int]:
        goroutines = [go(threading.get_ident) for _ in range(5)]
        return {goroutine.join() for goroutine in goroutines} | {threading.get_ident()}

    assert idents() == {threading.get_ident()}
    assert len(on_thread(idents)) == 1
    assert on_thread(idents).isdisjoint(idents())


def yield_until(stop: threading.Event) -> None:
    while not stop.is_set():
        gosched()


@in_run
def test_goroutines_of_one_thread_do_not_hold_up_another() -> None:
    stop = threading.Event()
    busy = Outcome(run, yield_until, stop)
    busy.start()
    assert [go(lambda: 1).join() for _ in range(5)] == [1] * 5
    sleep(0.001)
    stop.set()
    busy.result()


def test_ids_are_distinct_on_all_threads() -> None:
    ids: list[int] = []
    threads = [Outcome(lambda: ids.extend(go(int).id for _ in range(100))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.result()
    assert len(set(ids)) == 500


# ---- their end


def test_finally_blocks_of_a_thread_that_dies_run_on_it() -> None:
    seen: list[int] = []

    def work() -> None:
        try:
            sleep(60)
        finally:
            seen.append(threading.get_ident())

    def thread() -> int:
        for _ in range(3):
            parked(go(work))
        return threading.get_ident()

    assert seen == [on_thread(thread)] * 3 or len(set(seen)) == 1


def test_a_thread_that_dies_of_an_exception_takes_its_goroutines_with_it() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            lowlevel.park()
        finally:
            seen.append("ended")

    def thread() -> None:
        parked(go(work))
        raise OSError("the thread's own")

    with pytest.raises(OSError, match="the thread's own"):
        on_thread(thread)
    assert seen == ["ended"]


def test_a_joiner_of_a_goroutine_whose_thread_dies_is_told() -> None:
    joiners: list[Outcome[object]] = []

    def thread() -> None:
        goroutine = parked(go(sleep, 60))
        joiners.append(Outcome(goroutine.join))
        joiners[0].start()

    on_thread(thread)
    with pytest.raises(Exception, match="was cancelled"):
        joiners[0].result()


def die_with_parked_goroutines() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener, pair() as (one, _):
        until_closed = [listener.accept, lambda: one.read_bytes(1)]
        for park in (lowlevel.park, *until_closed, current().join, lambda: sleep(60)):
            parked(go(closed_ends, park))
        go(print, "never")


def closed_ends(park: Callable[[], object]) -> None:
    with suppress(ClosedError):
        park()


def test_three_hundred_threads_that_die_with_parked_goroutines_leave_nothing() -> None:
    for _ in range(50):
        on_thread(die_with_parked_goroutines)
    gc.collect()
    before, descriptors = resident(), open_descriptors()
    for _ in range(300):
        on_thread(die_with_parked_goroutines)
    gc.collect()
    assert open_descriptors() == descriptors
    assert resident() - before < 1 << 20


def test_the_scheduler_of_a_thread_that_is_gone_is_freed() -> None:
    schedulers: list[weakref.ref[object]] = []

    def thread() -> None:
        schedulers.append(weakref.ref(ensure_scheduler()))
        go(int).join()

    def thread_with_run() -> None:
        run(thread)

    for start in (thread, thread_with_run):
        on_thread(start)
    gc.collect()
    assert [ref() for ref in schedulers] == [None, None]


def test_the_main_goroutines_of_threads_that_are_gone_may_be_collected() -> None:
    class Knot:
        def __init__(self) -> None:
            self.me = self
            self.main = current()

    def tie() -> None:
        Knot()

    for _ in range(5):
        for _ in range(5):
            on_thread(tie)
        gc.collect()


def test_a_goroutine_outlives_its_thread_as_an_object() -> None:
    def thread() -> list[Goroutine]:
        return [go(lambda: 1), parked(go(lowlevel.park))]

    done, cancelled = on_thread(thread)
    assert done.join() == 1
    assert (done.done, cancelled.done) == (True, True)
    cancelled.cancel()
    lowlevel.ready(cancelled)
    with pytest.raises(Exception, match="was cancelled"):
        cancelled.join()


def test_the_main_goroutine_outlives_its_thread_as_well() -> None:
    # greenlet drops a reference to a dead thread's main greenlet that it holds for a forgotten one.
    kept = [on_thread(current) for _ in range(20)]
    assert [goroutine.stack for goroutine in kept] == [None] * 20
    del kept
    gc.collect()


# ---- with one another


def test_goroutines_of_many_threads_wake_one_another_all_the_time() -> None:
    parts = 4
    turns = 100
    goroutines: dict[int, Goroutine] = {}
    all_there = threading.Barrier(parts)

    def thread(i: int) -> int:
        goroutines[i] = go(take_turns, i)
        all_there.wait()
        if i == 0:
            lowlevel.ready(goroutines[0])
        return int(goroutines[i].join())

    def take_turns(i: int) -> int:
        for _ in range(turns):
            assert lowlevel.park(20)
            lowlevel.ready(goroutines[(i + 1) % parts])
        return i

    threads = [Outcome(thread, i) for i in range(parts)]
    for each in threads:
        each.start()
    assert [each.result() for each in threads] == list(range(parts))


def test_another_thread_cancels_and_joins_again_and_again() -> None:
    def main() -> None:
        for _ in range(50):
            goroutine = parked(go(sleep, 60))
            blocking(goroutine.cancel)
            with pytest.raises(Exception, match="was cancelled"):
                goroutine.join()

    on_thread(run, main)


@pytest.fixture
def wake_ups() -> Iterator[list[int]]:
    """Return the descriptors that were written to in order to wake a thread."""
    written: list[int] = []
    intercept("write", lambda fd, _: written.append(fd))
    yield written
    intercept("write", None)


def test_a_thread_that_readies_many_goroutines_of_another_wakes_it_once(
    wake_ups: list[int],
) -> None:
    def main() -> None:
        waiting = [parked(go(lowlevel.park)) for _ in range(500)]

        def unpark_all() -> None:
            time.sleep(0.002)  # for the poll to block; right either way
            for each in waiting:
                lowlevel.ready(each)

        thread = Outcome(unpark_all)
        thread.start()
        for each in waiting:
            each.join()
        thread.result()

    run(main)
    assert len(wake_ups) <= 5  # one, and one more whenever the other thread had its turn between
