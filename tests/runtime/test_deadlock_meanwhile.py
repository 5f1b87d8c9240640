"""What happens while a deadlock is looked for, or told: whoever is woken by it is in none.

The look and the report are Python code: other threads run in them, finalizers of garbage that is
found just then, and signal handlers. In programs of their own, which put something into them.
"""

from tests.runtime.test_deadlock_threads import program

AWAKE = """
import netpoll, signal
from netpoll._runtime import report
made = report.deadlock
def goes_on():
    for _ in range(2):
        netpoll.sleep(0.01)     # would raise what was told too late
    print("goes on")
"""


def test_who_is_given_what_it_waits_for_by_a_finalizer_in_its_own_report() -> None:
    assert (
        program(
            AWAKE
            + """
def send_and_tell(goroutines):
    here.try_send("value")
    return made(goroutines)
report.deadlock = send_and_tell
def main():
    print(here.recv())
    goes_on()
run(main)
"""
        )
        == "value\ngoes on\n"
    )


def test_who_is_given_it_by_one_in_the_report_of_another_thread() -> None:
    assert (
        program(
            AWAKE
            + """
import sys
sys.setswitchinterval(0.1)      # main's thread comes to nothing until all are told
def tell_and_send(goroutines):
    text = made(goroutines)
    here.try_send("value")
    return text
report.deadlock = tell_and_send
def other():
    another_sleeps()
    try:
        there.recv()
    except DeadlockError:
        print("told")
thread = threading.Thread(target=run, args=(other,))
def main():
    thread.start()
    assert here.recv() == "value"
    goes_on()
    thread.join()
run(main)
"""
        )
        == "told\ngoes on\n"
    )


def test_a_ctrl_c_in_the_report_is_not_lost() -> None:
    assert (
        program(
            AWAKE
            + """
def interrupt_and_tell(goroutines):
    signal.raise_signal(signal.SIGINT)
    return made(goroutines)
report.deadlock = interrupt_and_tell
def main():
    try:
        here.recv()
    except KeyboardInterrupt:
        print("interrupted")
run(main)
"""
        )
        == "interrupted\n"
    )


def test_a_look_that_fails_after_it_has_found_one_leaves_nobody_asleep() -> None:
    assert (
        program(
            AWAKE
            + """
claim = deadlock.claim
def fail(*args):
    if claim(*args):
        deadlock.claim = claim
        raise MemoryError
    return False
deadlock.claim = fail
def other():
    try:
        there.recv()
    except DeadlockError:
        told.append("deadlock")
told = []
thread = threading.Thread(target=run, args=(other,))
def main():
    netpoll.sleep(0.01)
    thread.start()
    another_sleeps()    # for ever: it has found one that is not stuck
    for _ in range(2):
        try:
            here.recv()
        except (MemoryError, DeadlockError) as error:
            told.append(type(error).__name__)
run(main)
thread.join()
print(sorted(told))
"""
        )
        == "['DeadlockError', 'MemoryError', 'deadlock']\n"
    )


def test_a_thread_whose_look_runs_a_finalizer_is_not_stuck() -> None:
    assert (
        program(
            AWAKE
            + """
look = deadlock._patience
def look_slowly(before):
    if threading.current_thread() is thread and slow:
        slow.clear()
        looks.set()
        another_sleeps()    # it writes a file, say
        here.try_send("value")
    return look(before)
slow, looks = [True], threading.Event()
deadlock._patience = look_slowly
def other():
    print(there.recv())
thread = threading.Thread(target=run, args=(other,))
def main():
    thread.start()
    looks.wait()
    there.send(here.recv())
run(main)
thread.join()
"""
        )
        == "value\n"
    )


def test_one_that_a_finalizer_cancels_where_nothing_is_shared() -> None:
    assert (
        program(
            AWAKE
            + """
installed = report.handlers_installed
def cancel_and_look():
    while left:
        left.pop().cancel()
    return installed()
report.handlers_installed = cancel_and_look
def one():
    try:
        pair[1].join()
    except netpoll.Cancelled:
        print("cancelled")
left = []
pair = []
def main():
    pair.extend([go(one), go(lambda: pair[0].join())])
    left.append(pair[0])
    pair[1].join()
    print("joined")
run(main)
"""
        )
        == "cancelled\njoined\n"
    )
