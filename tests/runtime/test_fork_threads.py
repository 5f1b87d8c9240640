"""fork where other threads have goroutines, and multiprocessing."""

import multiprocessing
import os
import subprocess
import sys
import warnings

import pytest

from netpoll import blocking, go, sleep
from tests.running import in_run, parked, says
from tests.runtime.children import no_warning

pytestmark = no_warning


THREADS = """\
import os, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of fork where there are threads
import netpoll
from netpoll import go, run, sleep, net
from netpoll._runtime.scheduler import attached_scheduler

def of_child(pid):
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)

def cleaned_up():
    try:
        sleep(60)
    finally:
        print("cleaned up in", "parent" if os.getpid() == parent else "child", flush=True)

parent = os.getpid()
"""


@pytest.mark.parametrize("main_has_a_scheduler", [True, False])
def test_a_fork_while_another_thread_has_goroutines(main_has_a_scheduler: bool) -> None:
    lines = f"""
def other():
    go(cleaned_up)
    sleep(0.001)
    parked.set()
    while not stop.is_set():
        sleep(0.001)

parked, stop = threading.Event(), threading.Event()
thread = threading.Thread(target=other)
thread.start()
parked.wait()
if {main_has_a_scheduler}:
    sleep(0.001)
pid = os.fork()
if pid == 0:
    sleep(0.001)
    assert go(lambda: 1).join() == 1
    assert run(lambda: go(lambda: 2).join()) == 2
    sys.exit(4)
print(of_child(pid), flush=True)
stop.set()
thread.join()
"""
    assert says(THREADS + lines) == "4\ncleaned up in parent\n"


def test_a_fork_in_a_thread_that_has_goroutines() -> None:
    lines = """
def other():
    go(cleaned_up)
    sleep(0.001)
    pid = os.fork()
    if pid == 0:
        sleep(0.001)
        assert go(lambda: 1).join() == 1
        sys.stdout.flush()
        os._exit(4)
    print(of_child(pid), flush=True)

go(cleaned_up)
sleep(0.001)
thread = threading.Thread(target=other)
thread.start()
thread.join()
sleep(0.001)
"""
    assert says(THREADS + lines) == "4\n" + "cleaned up in parent\n" * 2


def test_a_child_has_nothing_open_of_the_schedulers_of_other_threads() -> None:
    lines = """
def other():
    go(cleaned_up)
    sleep(0.001)
    parked.set()
    while not stop.is_set():
        sleep(0.001)

def opened():
    return {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")[:-1]}

before = opened()
parked, stop = threading.Event(), threading.Event()
thread = threading.Thread(target=other)
thread.start()
parked.wait()
pid = os.fork()
if pid == 0:
    print(opened() == before, flush=True)
    os._exit(0)
print(of_child(pid), flush=True)
stop.set()
thread.join()
"""
    assert says(THREADS + lines) == "True\n0\ncleaned up in parent\n"


def test_a_child_of_another_thread_does_not_write_to_the_wake_up_descriptor_of_the_parent() -> None:
    lines = """
import signal

def fork():
    pid = os.fork()
    if pid == 0:
        signal.raise_signal(signal.SIGUSR1)
        sleep(0.03)
        signal.raise_signal(signal.SIGUSR1)
        sleep(0.03)
        os._exit(0 if seen == [os.getpid()] * 2 else 1)
    print(of_child(pid))

def of(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return None

def main():
    sleep(0.001)
    thread = threading.Thread(target=fork)
    thread.start()
    wakeup = signal.set_wakeup_fd(-1)
    reading, = (fd for fd in range(wakeup) if of(fd) == of(wakeup))
    thread.join()
    try:
        print(os.read(reading, 10))
    except BlockingIOError:
        print("nothing came")

seen = []
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(os.getpid()))
run(main)
"""
    assert says(THREADS + lines) == "0\nnothing came\n"


# ---- multiprocessing


def square(number: int) -> int:
    sleep(0.001)
    return go(lambda: number * number).join()


@in_run
def test_a_process_of_multiprocessing_in_a_run() -> None:
    context = multiprocessing.get_context("fork")
    process = context.Process(target=square, args=(3,))
    process.start()
    blocking(process.join)
    assert process.exitcode == 0
    process.close()


@in_run
def test_a_process_of_multiprocessing_in_a_goroutine() -> None:
    context = multiprocessing.get_context("fork")

    def work() -> int | None:
        process = context.Process(target=square, args=(3,))
        process.start()
        blocking(process.join)
        try:
            return process.exitcode
        finally:
            process.close()

    assert go(work).join() == 0


def test_a_pool_of_multiprocessing_whose_work_is_a_run() -> None:
    lines = """
import multiprocessing

def square(number):
    sleep(0.001)
    return go(lambda: number * number).join()

def work(number):
    return run(square, number)

sleep(0.001)
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(work, range(5)))
    pool.close()
    pool.join()
"""
    assert says(THREADS + lines) == "[0, 1, 4, 9, 16]\n"


@in_run
def test_subprocesses_start_and_end_in_a_run() -> None:
    def work() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            with subprocess.Popen(
                [sys.executable, "-S", "-c", ""],
                preexec_fn=os.getpid,  # noqa: PLW1509 - that is what makes it fork
            ) as process:
                return blocking(process.wait)

    parked(go(sleep, 60))
    assert work() == 0
    assert go(work).join() == 0
