"""fork: the child has the goroutine that forked, and ends with it."""

import os

from netpoll import current, go, gosched, run, sleep
from netpoll._runtime.scheduler import ensure_scheduler
from tests.running import in_run, open_descriptors, parked, says, script
from tests.runtime.children import Child, everything, in_child, no_warning

pytestmark = no_warning


def names() -> list[str]:
    return [goroutine.name for goroutine in ensure_scheduler().goroutines()]


# ---- what the child has


@in_run
def test_the_child_of_main_has_main_alone() -> None:
    others = [parked(go(sleep, 60)) for _ in range(3)]
    fresh = go(print, "never")
    assert in_child(names) == "['main']"
    assert not any(other.done for other in others)
    fresh.cancel()


@in_run
def test_the_child_of_a_goroutine_has_that_one_alone() -> None:
    parked(go(sleep, 60))

    def work() -> str:
        current().name = "the one that forked"
        return in_child(names)

    assert go(work).join() == "['the one that forked']"


@in_run
def test_what_the_child_does_not_have_counts_as_cancelled_there() -> None:
    other = parked(go(sleep, 60))
    assert in_child(other.join).startswith("GoroutineCancelled")
    assert other.state == "waiting: sleep"


@in_run
def test_the_child_of_main_can_do_everything() -> None:
    assert in_child(everything) == "'all well'"


@in_run
def test_the_child_of_a_goroutine_can_do_everything() -> None:
    parked(go(sleep, 60))
    assert go(in_child, everything).join() == "'all well'"


@in_run
def test_the_child_can_do_everything_after_the_parent_did() -> None:
    assert everything() == "all well"
    assert in_child(everything) == "'all well'"
    assert everything() == "all well"


@in_run
def test_the_child_of_a_child_can_do_everything() -> None:
    assert in_child(lambda: in_child(lambda: in_child(everything))) == repr(repr("'all well'"))


def test_without_a_scheduler_there_is_nothing_to_do() -> None:
    child = Child(everything)
    assert run(child.says) == "'all well'"


@in_run
def test_timers_of_the_others_do_not_fire_in_the_child() -> None:
    seen: list[int] = []

    def nap() -> None:
        sleep(0.001)
        seen.append(1)

    naps = [parked(go(nap)) for _ in range(5)]

    def child() -> list[int]:
        sleep(0.003)
        return seen

    assert in_child(child) == "[]"
    for each in naps:
        each.join()
    assert len(seen) == 5


@in_run
def test_no_finally_block_of_the_others_runs_in_the_child() -> None:
    reading, writing = os.pipe()

    def work() -> None:
        try:
            sleep(60)
        finally:
            os.write(writing, b"ended ")

    other = parked(go(work))
    in_child(everything)
    in_child(lambda: go(everything).join())
    other.cancel()
    gosched()
    assert os.read(reading, 100) == b"ended "
    os.close(reading)
    os.close(writing)


def of_pollers() -> dict[int, str]:
    return {fd: of for fd, of in open_descriptors().items() if "event" in of}


def polled() -> dict[int, str]:
    """Return the poller's descriptors, once a sleep has lasted long enough to take some."""
    for _ in range(1000):
        sleep(0.0001)
        if found := of_pollers():
            return found
    raise AssertionError("nobody polls")


@in_run
def test_the_child_s_poller_is_its_own() -> None:
    before = polled()
    assert len(before) == 2
    assert in_child(lambda: (len(of_pollers()), len(polled()))) == "(0, 2)"
    assert of_pollers() == before


# ---- the end of the child


ENDS = """\
import os, sys, atexit, time
import netpoll
from netpoll import go, run, sleep

def of_child(pid):
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)

def fork_in_goroutine(fn, *args):
    # What the goroutine returns is the child's process number, in the parent.
    def work():
        pid = os.fork()
        if pid == 0:
            sleep(0.001)
            return fn(*args)
        return pid
    return go(work).join()
"""


def test_a_child_of_a_goroutine_ends_with_its_function() -> None:
    lines = """
def main():
    pid = fork_in_goroutine(print, "the child")
    print("main goes on in the parent alone, status", of_child(pid))
    return "result"

print(run(main))
"""
    said = says(ENDS + lines)
    assert said == "the child\nmain goes on in the parent alone, status 0\nresult\n"


def test_a_child_of_a_goroutine_that_fails_says_so() -> None:
    lines = """
def fail(exception):
    raise exception

def main():
    for exception in (OSError("wrong"), SystemExit(), SystemExit(3), SystemExit(0)):
        print("status", of_child(fork_in_goroutine(fail, exception)), flush=True)

run(main)
"""
    done = script(ENDS + lines)
    assert done.stdout.splitlines() == ["status 1", "status 0", "status 3", "status 0"]
    assert done.returncode == 0
    assert "OSError: wrong" in done.stderr
    assert done.stderr.count("Exception in goroutine") == 1


def test_a_child_of_main_ends_its_run_and_the_program() -> None:
    lines = """
atexit.register(print, "exit functions, in both", flush=True)

def cleaned_up():
    try:
        sleep(60)
    finally:
        print("cleaned up, in the parent alone", flush=True)

def main():
    go(cleaned_up)
    sleep(0.001)
    pid = os.fork()
    if pid == 0:
        go(sleep, 60)
        sleep(0.001)
        return "child"
    assert of_child(pid) == 0
    return "parent"

print(run(main), flush=True)
"""
    assert says(ENDS + lines).splitlines() == [
        "child",
        "exit functions, in both",
        "cleaned up, in the parent alone",
        "parent",
        "exit functions, in both",
    ]


def test_a_child_without_run_ends_like_any_other() -> None:
    lines = """
def cleaned_up():
    try:
        sleep(60)
    finally:
        print("cleaned up", os.getpid() == parent, flush=True)

parent = os.getpid()
go(cleaned_up)
sleep(0.001)
pid = os.fork()
if pid == 0:
    go(sleep, 60)
    sleep(0.001)
    sys.exit(5)
assert of_child(pid) == 5
"""
    assert says(ENDS + lines) == "cleaned up True\n"


def test_ctrl_c_comes_in_the_child_as_well() -> None:
    lines = """
import signal

def wait():
    try:
        os.write(writing, b"x")
        sleep(60)
    except KeyboardInterrupt:
        os._exit(7)

reading, writing = os.pipe()

def main():
    sleep(0.001)
    pid = os.fork()
    if pid == 0:
        wait()
    for pid in (pid, fork_in_goroutine(wait)):
        os.read(reading, 1)
        time.sleep(0.02)
        os.kill(pid, signal.SIGINT)
        begin = time.monotonic()
        print(of_child(pid))
        assert time.monotonic() - begin < 5

run(main)
"""
    assert says(ENDS + lines) == "7\n7\n"
