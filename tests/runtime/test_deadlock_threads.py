"""A deadlock of several threads is found by the last of them; none while a thread may still act.

In programs of their own: here the main thread has pytest's signal handlers, any of which might act.
"""

from tests.running import says

PREAMBLE = """\
import threading, time
from netpoll import Chan, DeadlockError, blocking, go, run, sync
here, there = Chan(name="here"), Chan(name="there")
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
