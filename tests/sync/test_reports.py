"""What a deadlock report says of those who wait, and of whom they wait for."""

import pytest

from netpoll import go, run
from netpoll.sync import Mutex
from tests.running import Outcome, in_run, parked, says


def reported(setting: str, worker: str, main: str) -> str:
    """Return what the report of the deadlock of these two says that they wait for."""
    source = f"""
from netpoll import DeadlockError, go, gosched, run
from netpoll.sync import *

{setting}

def work():
    {worker}

def main():
    started = go(work)
    started.name = "worker"
    gosched()
    {main}

try:
    run(main)
except DeadlockError as error:
    for line in str(error).splitlines():
        name, waiting, what = line.partition(": waiting: ")
        if waiting:
            print(name.partition(" ")[0], what)
"""
    return says(source)


def test_two_that_lock_in_the_wrong_order() -> None:
    said = reported(
        "a, b = Mutex(), Mutex()", "a.lock(); gosched(); b.lock()", "b.lock(); a.lock()"
    )
    assert said == (
        "main to lock <Mutex locked by worker, 1 waiting>\n"
        "worker to lock <Mutex locked by main, 1 waiting>\n"
    )


def test_one_that_locks_what_it_has() -> None:
    said = reported("a = Mutex()", "a.lock(); a.lock()", "started.join()")
    assert said.endswith(
        "worker to lock, though it has it itself, <Mutex locked by worker, 1 waiting>\n"
    )
    said = reported("rw = RWMutex()", "rw.lock(); rw.rlock()", "rw.lock()")
    assert said == (
        "main to write under <RWMutex locked by worker, 1 waiting to read, 1 waiting to write>\n"
        "worker to read under, though it writes itself under, "
        "<RWMutex locked by worker, 1 waiting to read, 1 waiting to write>\n"
    )
    said = reported("rw = RWMutex()", "rw.lock(); rw.lock()", "started.join()")
    assert "worker to write under, though it does so already, <RWMutex locked by worker" in said


def test_one_that_reads_twice_with_a_writer_in_between() -> None:
    said = reported("rw = RWMutex()", "gosched(); rw.lock()", "rw.rlock(); gosched(); rw.rlock()")
    assert said == (
        "main to read under <RWMutex 1 reading, 1 waiting to read, 1 waiting to write>\n"
        "worker to write under <RWMutex 1 reading, 1 waiting to read, 1 waiting to write>\n"
    )


@pytest.mark.parametrize(
    ("setting", "wait", "expected"),
    [
        ("s = Semaphore(2); s.acquire()", "s.acquire(2)", "to acquire from <Semaphore 1 of 2 free"),
        ("e = Event()", "e.wait()", "for <Event clear"),
        ("wg = WaitGroup(); wg.add(2)", "wg.wait()", "for <WaitGroup 2 to go"),
    ],
)
def test_what_two_wait_for(setting: str, wait: str, expected: str) -> None:
    said = reported(setting, wait, wait)
    assert said == f"main {expected}, 2 waiting>\nworker {expected}, 2 waiting>\n"


def test_those_at_a_barrier_and_a_cond() -> None:
    said = reported(
        "from threading import BrokenBarrierError; b = Barrier(3)",
        "try: b.wait()\n    except BrokenBarrierError: pass",
        "b.wait()",
    )
    assert said == "main for <Barrier 2 of 3 there>\nworker for <Barrier 2 of 3 there>\n"
    wait = "with c.mutex: c.wait()"
    said = reported("c = Cond(Mutex())", wait, wait)
    what = "for a signal of <Cond, 2 waiting, with <Mutex unlocked>>"
    assert said == f"main {what}\nworker {what}\n"


def test_it_names_a_holder_on_another_thread() -> None:
    mutex = Mutex()

    def hold() -> None:
        mutex.lock()
        parked(go(mutex.lock)).join()

    def main() -> str:
        other = Outcome(run, hold)
        other.start()
        while "1 waiting" not in repr(mutex):
            """The other thread is about to."""
        said = repr(mutex)
        mutex.unlock()
        other.result()
        return said

    assert run(main) == "<Mutex locked by main, 1 waiting>"


@in_run
def test_a_holder_has_the_name_that_it_is_given_later() -> None:
    mutex = Mutex()
    mutex.lock()
    waiter = parked(go(mutex.lock))
    waiter.name = "the next"
    mutex.unlock()
    assert repr(mutex) == "<Mutex locked by the next>"
