"""A deadlock of several threads is found by the last of them; none while a thread may still act.

In programs of their own: here the main thread has pytest's signal handlers, any of which might act.
"""

from tests.running import says

PREAMBLE = """\
import threading, time
from netpoll import Chan, DeadlockError, blocking, go, run, sync
from netpoll._runtime import deadlock
here, there = Chan(name="here"), Chan(name="there")
def another_sleeps():
    while not any(scheduler.blocked for _, scheduler in deadlock.schedulers()):
        time.sleep(0.001)
"""


def program(lines: str) -> str:
    """Return what a program prints, line by line; its lines are not indented."""
    return says(PREAMBLE + lines)


def test_two_threads_that_wait_for_one_another_are_both_told() -> None:
    assert (
        program("""
def wait(chan):
    try:
        chan.recv()
    except DeadlockError as error:
        told.append("<Chan here:" in str(error) and "<Chan there:" in str(error))
told = []
thread = threading.Thread(target=run, args=(wait, there))
thread.start()
run(wait, here)
thread.join()
print(told)
""")
        == "[True, True]\n"
    )


def test_they_are_told_where_each_of_them_stands() -> None:
    assert (
        program("""
def wait_here():
    here.recv()
def wait_there():
    there.recv()
def main(wait):
    try:
        wait()
    except DeadlockError as error:
        told.append("in wait_here" in str(error) and "in wait_there" in str(error))
told = []
thread = threading.Thread(target=run, args=(main, wait_there))
thread.start()
run(main, wait_here)
thread.join()
print(told)
""")
        == "[True, True]\n"
    )


def test_a_plain_thread_may_still_send() -> None:
    assert (
        program("""
def send():
    time.sleep(0.3)  # several looks long
    here.send("at last")
threading.Thread(target=send).start()
print(run(here.recv))
""")
        == "at last\n"
    )


def test_when_the_plain_thread_has_ended_there_is_no_hope_left() -> None:
    assert (
        program("""
threading.Thread(target=time.sleep, args=(0.1,)).start()
begin = time.monotonic()
try:
    run(here.recv)
except DeadlockError:
    print(time.monotonic() - begin >= 0.1)
""")
        == "True\n"
    )


def test_when_a_thread_s_goroutines_have_ended_there_is_none_either() -> None:
    assert (
        program("""
def compute():
    until = time.monotonic() + 0.1
    while time.monotonic() < until:
        pass
threading.Thread(target=run, args=(compute,)).start()
try:
    run(here.recv)
except DeadlockError:
    print("told")
""")
        == "told\n"
    )


def test_a_goroutine_of_another_thread_may_still_unlock() -> None:
    assert (
        program("""
mutex, locked = sync.Mutex(), sync.Event()
def hold():
    with mutex:
        locked.set()
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            pass
def main():
    locked.wait()
    with mutex:
        print("mine")
threading.Thread(target=run, args=(hold,)).start()
run(main)
""")
        == "mine\n"
    )


def test_a_thread_of_the_pool_that_has_no_work_is_no_hope() -> None:
    assert (
        program("""
def main():
    blocking(int)
    begin = time.monotonic()
    try:
        here.recv()
    except DeadlockError:
        print(time.monotonic() - begin < 5)  # the thread lingers for ten seconds
run(main)
""")
        == "True\n"
    )


def test_a_forked_child_has_only_itself() -> None:
    assert (
        program("""
import os, warnings
warnings.simplefilter("ignore")  # a fork with threads: this child is all right
def main():
    threading.Thread(target=time.sleep, args=(1,), daemon=True).start()
    child = os.fork()
    if not child:
        try:
            here.recv()
        except DeadlockError:
            os._exit(42)
        os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
run(main)
""")
        == "42\n"
    )


def test_it_is_told_for_how_long_and_for_what() -> None:
    assert (
        program("""
def wait():
    here.recv()
def main():
    waiter = go(wait)
    waiter.name = "the waiter"
    blocking(time.sleep, 0.3)
    try:
        there.recv()
    except DeadlockError as error:
        (line,) = (line for line in str(error).splitlines() if line.startswith("the waiter"))
        print("started at" in line, "<Chan here:" in line, "for 0." in line)
run(main)
""")
        == "True True True\n"
    )


def test_a_thread_of_the_pool_that_has_parked_once_is_none_either() -> None:
    assert (
        program("""
import netpoll
def main():
    blocking(netpoll.sleep, 0.01)
    try:
        here.recv()
    except DeadlockError:
        print("told")
run(main)
""")
        == "told\n"
    )


AT_ANY_BYTECODE = """
import sys
sys.setswitchinterval(1e-5)
"""
"""Threads take turns all the time, in the midst of a look at the others too."""


def test_two_that_send_and_receive_are_never_in_a_deadlock_however_they_take_turns() -> None:
    assert (
        program(
            AT_ANY_BYTECODE
            + """
def send(chan, values):
    for value in range(values):
        chan.send(value)
def receive(chan, values):
    thread.start()
    return [chan.recv() for _ in range(values)]
for _ in range(20):
    chan = Chan(1)
    thread = threading.Thread(target=run, args=(send, chan, 1000))
    assert run(receive, chan, 1000) == list(range(1000))
    thread.join()
"""
        )
        == ""
    )


def test_neither_are_three_that_pass_something_round() -> None:
    assert (
        program(
            AT_ANY_BYTECODE
            + """
ring = [Chan() for _ in range(3)]
def pass_on(i):
    for _ in range(1000):
        ring[(i + 1) % 3].send(ring[i].recv() + 1)
def begin():
    for thread in threads:
        thread.start()
    for _ in range(1000):
        ring[1].send(0)
        assert ring[0].recv() == 2
threads = [threading.Thread(target=run, args=(pass_on, i)) for i in (1, 2)]
run(begin)
for thread in threads:
    thread.join()
"""
        )
        == ""
    )


def test_nor_is_one_whose_virtual_clock_stands() -> None:
    assert (
        program(
            AT_ANY_BYTECODE
            + """
from netpoll.testing import virtual_clock
def send(chan):
    for value in range(1000):
        chan.send(value)
def receive(chan):
    with virtual_clock(autojump=False):
        thread.start()
        for value in range(1000):
            assert chan.recv() == value
for _ in range(10):
    chan = Chan(1)
    thread = threading.Thread(target=run, args=(send, chan))
    run(receive, chan)
    thread.join()
"""
        )
        == ""
    )


def test_of_those_who_find_it_at_the_same_time_one_tells_each_of_them_once() -> None:
    assert (
        program(
            AT_ANY_BYTECODE
            + """
def wait(chan):
    barrier.wait()
    try:
        chan.recv()
    except DeadlockError as error:
        told.append(str(error).count("<Chan"))
for count in (2, 3, 4):
    for _ in range(60):
        told, barrier = [], threading.Barrier(count)
        threads = [threading.Thread(target=run, args=(wait, Chan())) for _ in range(1, count)]
        for thread in threads:
            thread.start()
        run(wait, Chan())
        for thread in threads:
            thread.join()
        assert told == [count] * count, told
"""
        )
        == ""
    )


def test_where_the_report_fails_the_others_find_it_anew() -> None:
    assert (
        program("""
from netpoll._runtime import report
made = report.deadlock
def fail(goroutines):
    report.deadlock = made
    raise ValueError("no report")
report.deadlock = fail
def wait(chan):
    while True:
        try:
            chan.recv()
        except ValueError as error:
            told.append(str(error))
        except DeadlockError:
            told.append("deadlock")
            return
told = []
thread = threading.Thread(target=run, args=(wait, there))
thread.start()
run(wait, here)
thread.join()
print(sorted(told))
""")
        == "['deadlock', 'deadlock', 'no report']\n"
    )


def test_who_looks_again_while_it_is_told_is_told_as_well() -> None:
    assert (
        program("""
from netpoll._runtime import report
made = report.deadlock
def slow(goroutines):
    for _, scheduler in deadlock.schedulers():
        scheduler.look_again()      # as where a thread ends meanwhile
    time.sleep(0.1)
    return made(goroutines)
report.deadlock = slow
def wait(chan):
    try:
        chan.recv()
    except DeadlockError:
        told.append(True)
told = []
thread = threading.Thread(target=run, args=(wait, there))
thread.start()
run(wait, here)
thread.join()
print(told)
""")
        == "[True, True]\n"
    )


def test_one_whom_a_ctrl_c_woke_meanwhile_is_not_told_as_well() -> None:
    assert (
        program("""
import signal
from netpoll._runtime import report
made = report.deadlock
def slow(goroutines):
    signal.raise_signal(signal.SIGINT)
    while not interrupted:
        time.sleep(0.001)
    return made(goroutines)
report.deadlock = slow
interrupted = []
def other():
    another_sleeps()    # so that it is this one that finds the deadlock
    try:
        there.recv()
    except DeadlockError:
        print("told")
thread = threading.Thread(target=run, args=(other,))
def main():
    thread.start()
    try:
        here.recv()
    except KeyboardInterrupt:
        interrupted.append(True)
    thread.join()       # plainly: nobody else is there
    for _ in range(3):
        try:
            go(int).join()
        except DeadlockError:
            print("told what is over")
    print("went on")
run(main)
""")
        == "told\nwent on\n"
    )


def test_what_a_finalizer_made_runnable_during_a_look_runs() -> None:
    assert (
        program("""
import netpoll
look = deadlock.look
def look_and_free(*args):
    here.try_send("from a finalizer")     # as one of garbage found just then would
    return look(*args)
deadlock.look = look_and_free
def wait():
    print(here.recv())
thread = threading.Thread(target=run, args=(wait,))
def main():
    thread.start()
    while thread.is_alive():
        netpoll.sleep(0.01)     # never stuck, so that the other thread may wait for ever
run(main)
""")
        == "from a finalizer\n"
    )
