"""BlockingPool: how many threads it has, how it is closed, and what becomes of calls given up."""

import contextvars
import gc
import os
import signal
import threading
import time
from contextlib import suppress

import pytest

import netpoll
from netpoll import GoroutineCancelled, blocking, go, gosched
from netpoll._runtime import deadlock, threads
from netpoll._runtime.threads import BlockingPool
from tests.running import in_run, on_thread, pair, parked, says
from tests.runtime.pools import all_busy, eventually, pool_of

# ---- growing and shrinking


@in_run
def test_five_hundred_calls_run_at_once_and_their_threads_leave() -> None:
    with pool_of(500, idle_timeout=0.01) as pool:
        with all_busy(pool, 500):
            assert (pool.threads, pool.idle, pool.queued) == (500, 0, 0)
        eventually(lambda: pool.threads == 0)
        assert pool.call(int) == 0


@in_run
def test_a_pool_grows_no_farther_than_it_is_used() -> None:
    with pool_of(100) as pool:
        assert pool.threads == 0
        for size in (1, 7, 3):
            with all_busy(pool, size):
                pass
            eventually(lambda: pool.idle == pool.threads)
        assert pool.threads == 7


@in_run
def test_who_worked_last_works_next_so_that_the_others_can_leave() -> None:
    with pool_of(10, idle_timeout=600) as pool:
        with all_busy(pool, 10):
            pass
        at_work = set()
        for _ in range(30):
            eventually(lambda: pool.idle == 10)
            at_work.add(pool.call(threading.get_ident))
        assert len(at_work) == 1


@in_run
def test_more_calls_than_threads_wait_for_their_turn() -> None:
    with pool_of(2) as pool:
        seen: list[int] = []
        with all_busy(pool, 2):
            waiting = [parked(go(pool.call, seen.append, i)) for i in range(50)]
            assert (pool.threads, pool.queued) == (2, 50)
        for each in waiting:
            each.join()
        assert sorted(seen) == list(range(50))


@pytest.mark.parametrize("most", [0, -1])
def test_a_pool_needs_a_thread(most: int) -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        BlockingPool(most)


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_an_idle_timeout_is_a_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        BlockingPool(idle_timeout=seconds)


@pytest.mark.parametrize("seconds", [None, 1e300, float("inf")])
@in_run
def test_threads_may_stay_for_ever(seconds: float | None) -> None:
    with BlockingPool(idle_timeout=seconds) as pool:
        assert pool.call(int) == 0
        eventually(lambda: pool.idle == 1)
        assert pool.call(int) == 0
        assert pool.threads == 1
    eventually(lambda: pool.threads == 0)


def test_it_shows_what_it_is_busy_with() -> None:
    pool = BlockingPool(3)
    assert repr(pool) == "<BlockingPool 0 of 3 threads, 0 idle, 0 queued>"
    pool.close()
    assert repr(pool) == "<BlockingPool 0 of 3 threads, 0 idle, 0 queued closed>"


# ---- closing


@in_run
def test_a_closed_pool_takes_no_more_calls_and_serves_those_that_were_made() -> None:
    with pool_of(1) as pool:
        seen: list[int] = []
        with all_busy(pool, 1):
            waiting = [parked(go(pool.call, seen.append, i)) for i in range(3)]
            pool.close()
            pool.close()
            with pytest.raises(RuntimeError, match="takes no more calls"):
                pool.call(seen.append, 4)
            assert pool.queued == 3
        for each in waiting:
            each.join()
        assert seen == [0, 1, 2]


@in_run
def test_idle_threads_leave_at_once_when_the_pool_is_closed() -> None:
    pool = BlockingPool(20, idle_timeout=600)
    with all_busy(pool, 20):
        pass
    eventually(lambda: pool.idle == 20)
    pool.close()
    assert pool.idle == 0
    eventually(lambda: pool.threads == 0)


# ---- who else there is


@in_run
def test_each_call_has_a_context_of_its_own() -> None:
    var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=-1)

    def call(number: int) -> tuple[int, int]:
        seen = var.get()
        var.set(1000 + number)
        time.sleep(0.0001)
        return seen, var.get()

    def work(number: int) -> None:
        var.set(number)
        for _ in range(3):
            assert blocking(call, number) == (number, 1000 + number)
            assert var.get() == number

    for each in [go(work, i) for i in range(300)]:
        each.join()
    assert blocking(var.get) == -1


# From 3.14 on a thread runs in a context as well, and complains when it ends in another one.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@in_run
def test_a_call_may_change_the_context_that_it_runs_in() -> None:
    var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)
    other = contextvars.copy_context()
    other.run(var.set, 5)

    def work() -> int:
        greenlet = pytest.importorskip("greenlet")
        greenlet.getcurrent().gr_context = other
        return var.get()

    with pool_of(1) as pool:
        assert pool.call(work) == 5
        assert pool.call(var.get) == 0


def test_calls_come_from_many_threads_at_once() -> None:
    with pool_of(8) as pool:

        def caller(number: int) -> int:
            return netpoll.run(
                lambda: sum(
                    each.join() for each in [go(pool.call, int, number) for _ in range(100)]
                )
            )

        outcomes: list[int] = []
        callers = [
            threading.Thread(target=lambda i=i: outcomes.append(caller(i))) for i in range(8)
        ]
        for each in callers:
            each.start()
        for each in callers:
            each.join()
        assert sorted(outcomes) == [100 * i for i in range(8)]


def test_idle_threads_do_not_keep_a_deadlock_from_being_seen() -> None:
    with pool_of(3) as pool:
        number = on_thread(pool.call, threading.get_ident)
        eventually(lambda: number in deadlock.without_work)
        assert on_thread(pool.call, lambda: number in deadlock.without_work) is False
        assert on_thread(pool.call, threading.get_ident) == number
        eventually(lambda: number in deadlock.without_work)
    assert number not in deadlock.without_work


# ---- bad luck


@in_run
def test_others_do_not_wait_for_a_thread_that_could_not_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing, go_on = threading.Event(), threading.Event()

    def no_thread(self: threading.Thread) -> None:
        failing.set()
        assert go_on.wait(10)
        raise RuntimeError("can't start new thread")

    with pool_of(1) as pool:
        with monkeypatch.context() as patch:
            start = threading.Thread.start

            def no_pool_thread(self: threading.Thread) -> None:
                (no_thread if self.name == "netpoll-blocking" else start)(self)

            outcomes: list[object] = []

            def call() -> None:
                try:
                    outcomes.append(pool.call(int))
                except RuntimeError as error:
                    outcomes.append(str(error))

            patch.setattr(threading.Thread, "start", no_pool_thread)
            first = threading.Thread(target=call)
            first.start()
            assert failing.wait(10)
            second = threading.Thread(target=call)
            second.start()
            eventually(lambda: pool.queued == 2)
            go_on.set()
            first.join(10)
            second.join(10)
        assert outcomes == ["can't start new thread"] * 2
        assert (pool.threads, pool.queued) == (0, 0)
        assert pool.call(int) == 0


@in_run
def test_others_do_not_wait_for_a_start_that_was_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing, go_on = threading.Event(), threading.Event()

    with pool_of(1) as pool:
        start = threading.Thread.start

        def interrupted_once(self: threading.Thread) -> None:
            if self.name != "netpoll-blocking" or failing.is_set():
                start(self)
                return
            failing.set()
            assert go_on.wait(10)
            raise KeyboardInterrupt

        monkeypatch.setattr(threading.Thread, "start", interrupted_once)
        outcomes: list[object] = []

        def call() -> None:
            try:
                outcomes.append(pool.call(int))
            except KeyboardInterrupt as error:
                outcomes.append(repr(error))

        first = threading.Thread(target=call)
        first.start()
        assert failing.wait(10)
        second = threading.Thread(target=call)
        second.start()
        eventually(lambda: pool.queued == 2)
        go_on.set()
        first.join(10)
        second.join(10)
        assert sorted(map(str, outcomes)) == ["0", "KeyboardInterrupt()"]
        assert (pool.threads, pool.queued) == (1, 0)


def test_a_thread_that_was_written_off_and_begins_all_the_same_serves_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[threading.Thread] = []
    start = threading.Thread.start

    def late(self: threading.Thread) -> None:
        begun.append(self)
        raise KeyboardInterrupt

    with pool_of(1) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", late)
            with pytest.raises(KeyboardInterrupt):
                pool.call(int)
        assert (pool.threads, pool.queued) == (0, 0)
        start(begun[0])
        begun[0].join(10)
        assert pool.threads == 0
        assert pool.call(int) == 0
        assert pool.threads == 1


def test_ctrl_c_at_any_moment_costs_no_thread_and_no_call() -> None:
    armed, stop = threading.Event(), threading.Event()

    def interrupt(*_: object) -> None:
        if armed.is_set():
            armed.clear()
            raise KeyboardInterrupt

    def send() -> None:
        while not stop.is_set():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.0001)

    def main(pool: BlockingPool) -> tuple[int, int]:
        done = interrupted = 0
        while done < 500 or interrupted < 500:
            try:
                armed.set()
                done += pool.call(lambda: 1)
                armed.clear()
            except KeyboardInterrupt:
                interrupted += 1
        return done, interrupted

    before = signal.signal(signal.SIGINT, interrupt)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        with pool_of(3) as pool:
            done, interrupted = netpoll.run(main, pool)
            stop.set()
            eventually(lambda: pool.idle == pool.threads)
            assert pool.queued == 0
            assert 1 <= pool.threads <= 3
    finally:
        stop.set()
        sender.join()
        signal.signal(signal.SIGINT, before)
    assert min(done, interrupted) >= 500


@in_run
def test_the_collector_at_every_allocation_is_no_matter() -> None:
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        with pool_of(2) as pool:
            for i in range(20):
                calls = [go(pool.call, int, i) for _ in range(4)]
                gosched()
                calls[0].cancel()
                with suppress(GoroutineCancelled):
                    calls[0].join()
                assert [each.join() for each in calls[1:]] == [i] * 3
    finally:
        gc.set_threshold(*before)


def test_pools_of_a_child_are_new() -> None:
    said = says("""
        import os, threading, warnings
        from netpoll import blocking, go, run, sleep
        from netpoll._runtime.threads import BlockingPool
        from tests.running import parked

        warnings.simplefilter("ignore", DeprecationWarning)  # of fork where there are threads
        stop = threading.Event()

        def main():
            pool = BlockingPool(1)
            busy = parked(go(pool.call, stop.wait))
            waiting = [parked(go(pool.call, int)) for _ in range(3)]
            assert (pool.threads, pool.queued) == (1, 3)
            pid = os.fork()
            if pid == 0:
                assert (pool.threads, pool.idle, pool.queued) == (0, 0, 0)
                assert pool.call(lambda: 5) == blocking(lambda: 5) == 5
                os._exit(4)
            print(os.waitstatus_to_exitcode(blocking(os.waitpid, pid, 0)[1]))
            stop.set()
            print(busy.join(), [each.join() for each in waiting])

        run(main)
    """)
    assert said == "4\nTrue [0, 0, 0]\n"


def test_the_shared_pool_is_one_of_these() -> None:
    assert isinstance(threads._pool, BlockingPool)
    assert threads._pool.max_threads == 256
    assert not threads._pool.closed


@in_run
def test_goroutines_go_on_while_five_hundred_threads_wait() -> None:
    with pool_of(500) as pool, all_busy(pool, 500), pair() as (one, two):
        for _ in range(100):
            reader = parked(go(one.read_bytes, 1))
            two.write(b"x")
            assert reader.join() == b"x"
