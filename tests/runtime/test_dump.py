"""What all goroutines of a process do, told while they do it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import netpoll
from netpoll import DeadlockError, Goroutine, current, go, run, sleep
from netpoll.sync import Event, Mutex
from tests.program import PATIENCE
from tests.running import Outcome, begin, in_run, on_thread, parked


def paragraph(text: str, start: str) -> str:
    """Return what a dump says of the goroutine, or thread, that a line begins with."""
    lines = text.splitlines()
    (first,) = (index for index, line in enumerate(lines) if line.startswith(start))
    found = [lines[first]]
    for line in lines[first + 1 :]:
        if not line.startswith("  "):
            break
        found.append(line)
    return "\n".join(found)


@contextmanager
def thread_that(text: str, outcome: Outcome[None], done: threading.Event) -> Iterator[str]:
    """Start a thread, wait until a dump has this text, yield that; let the thread end."""
    outcome.start()
    try:
        until = time.monotonic() + PATIENCE
        while text not in (said := netpoll.dump()):
            assert time.monotonic() < until, said
            time.sleep(0.001)
        yield said
    finally:
        done.set()
        outcome.result()


@in_run
def test_a_dump_tells_of_who_runs_and_who_waits() -> None:
    def work() -> None:
        sleep(60)  # here it waits

    worker = parked(go(work))
    said = netpoll.dump()  # here main runs
    assert said.startswith("thread MainThread, goroutines: 2\nmain: running\n")
    assert paragraph(said, "main: running").endswith("said = netpoll.dump()  # here main runs")
    waits = paragraph(said, worker.name)
    assert "): waiting: sleep\n" in waits
    assert waits.endswith("sleep(60)  # here it waits")


@in_run
def test_it_says_whose_end_a_goroutine_waits_for() -> None:
    one = begin(sleep, 60)
    two = parked(go(one.join))
    assert two.state == f"waiting: join of {one.name}"
    one.name = "the first"
    assert f"{two.name} (started at " in netpoll.dump()
    assert "): waiting: join of the first" in netpoll.dump()
    three = parked(go(two.join, 30))
    assert three.state == f"waiting: join of {two.name}"
    for each in (three, two, one):
        each.cancel()


@in_run
def test_who_has_joined_waits_for_something_else_then() -> None:
    def work() -> None:
        go(int).join()
        sleep(60)

    assert parked(go(work)).state.startswith("waiting: join of int-")
    worker = go(work)
    while worker.state != "waiting: sleep":
        netpoll.gosched()


def test_a_deadlock_says_whose_end_each_waits_for() -> None:
    def main() -> None:
        go(current().join).join()

    try:
        on_thread(run, main)
    except DeadlockError as error:
        assert "main: waiting: join of join-" in str(error)
        assert "): waiting: join of main" in str(error)
    else:
        raise AssertionError("there is no deadlock")


def test_goroutines_of_another_thread_that_sleeps_are_told_of() -> None:
    done = Event()
    ended = threading.Event()

    def waits() -> None:
        done.wait()  # the thread is in its poll, on this stack

    def main() -> None:
        go(sleep, 60)
        waits()

    class Both(threading.Event):
        def set(self) -> None:
            done.set()
            ended.set()

    outcome = Outcome(run, main)
    with thread_that("# the thread is in its poll", outcome, Both()) as said:
        assert "thread test-run, goroutines: 2\n" in said
        assert "main: waiting: " in said
        assert "waiting: sleep" in said
    assert ended.is_set()


def test_a_goroutine_that_holds_up_another_thread_is_told_of_where_it_stands() -> None:
    done = threading.Event()

    def holds() -> None:
        done.wait(PATIENCE)  # of threading: no goroutine runs meanwhile

    def main() -> None:
        waiting = go(sleep, 60)
        go(holds).join()
        waiting.cancel()

    with thread_that("# of threading: no goroutine", Outcome(run, main), done) as said:
        held = next(line for line in said.splitlines() if line.startswith("holds-"))
        assert held.endswith("): running")
        assert "done.wait(PATIENCE)" in paragraph(said, "holds-")


def test_a_thread_without_goroutines_is_told_of_too() -> None:
    done = threading.Event()

    def plain() -> None:
        done.wait(PATIENCE)  # no goroutine at all

    with thread_that("# no goroutine at all", Outcome(plain), done) as said:
        assert "thread test-plain, no goroutines\n" in said


@in_run
def test_threads_of_the_runtime_that_are_idle_are_left_out() -> None:
    assert "in work\n" in netpoll.blocking(work)
    until = time.monotonic() + PATIENCE
    while "\nthread netpoll-blocking" in netpoll.dump():
        assert time.monotonic() < until
        time.sleep(0.001)


def work() -> str:
    return netpoll.dump()


def test_what_is_above_a_run_is_left_out() -> None:
    def main() -> str:
        return netpoll.dump()

    said = paragraph(run(main), "main: running")
    first, place, line = said.splitlines()
    assert first == "main: running"
    assert place.endswith("in main")
    assert line.strip() == "return netpoll.dump()"


@in_run
def test_any_goroutine_may_ask_while_a_lock_is_held() -> None:
    mutex = Mutex()
    mutex.lock()
    waiting: Goroutine[None] = parked(go(mutex.lock))
    said = go(netpoll.dump).join()
    assert f"{waiting.name} (started" in said
    assert "held by main" in said or "locked" in said
    mutex.unlock()
    waiting.join()
