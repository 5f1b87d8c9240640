"""fork: the child has the goroutine that forked, and the parent does not notice."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from netpoll import blocking, current, go, gosched, lowlevel, net, run, sleep
from netpoll._runtime.scheduler import ensure_scheduler
from tests.running import in_run, open_descriptors, pair, parked, says, script

pytestmark = pytest.mark.filterwarnings(
    # From 3.12 on fork says so where there is a second thread; ours are none the child needs.
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)


class Child:
    """A forked process that runs a function, and never anything of pytest."""

    def __init__(self, fn: Callable[[], object]) -> None:
        self._read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(30)  # it ends, whatever is wrong
            status = 99
            try:
                os.close(self._read)
                os.write(write, repr(fn()).encode())
                status = 0
            except BaseException as exception:  # noqa: BLE001 - it goes to the parent
                os.write(write, repr(exception).encode())
            finally:
                os._exit(status)
        os.close(write)

    def says(self) -> str:
        """Wait for the end of the child and return what its function returned, or raised."""
        with os.fdopen(self._read, "rb") as stream:
            said = blocking(stream.read)
        blocking(os.waitpid, self.pid, 0)
        return said.decode()


def in_child(fn: Callable[[], object]) -> str:
    return Child(fn).says()


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


def everything() -> str:
    """Use each part of the runtime."""
    sleep(0.001)
    assert go(lambda: 1).join() == 1
    assert blocking(lambda: 2) == 2
    with net.listen("tcp", "127.0.0.1:0") as listener:
        accepting = go(listener.accept)
        with net.dial("tcp", str(listener.local_addr)) as conn, accepting.join() as accepted:
            reading = parked(go(accepted.read, 10))
            conn.write(b"x")
            assert reading.join() == b"x"
    return "all well"


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


@in_run
def test_the_child_s_poller_is_its_own() -> None:
    sleep(0.0001)
    polled = {fd: of for fd, of in open_descriptors().items() if "event" in of}
    assert len(polled) == 2

    def child() -> bool:
        sleep(0.0001)
        inside = {fd for fd, of in open_descriptors().items() if "event" in of}
        return len(inside) == 2

    assert in_child(child) == "True"
    assert {fd: of for fd, of in open_descriptors().items() if "event" in of} == polled


# ---- the parent goes on


@contextmanager
def echo_service(connections: int) -> Iterator[list[net.Conn]]:
    """Serve echo to that many connections, each with a goroutine parked in read."""

    def echo(conn: net.Conn) -> None:
        with conn:
            while data := conn.read():
                conn.write(data)

    with net.listen("tcp", "127.0.0.1:0") as listener:
        conns: list[net.Conn] = []
        serving = []
        for _ in range(connections):
            conns.append(net.dial("tcp", str(listener.local_addr)))
            serving.append(parked(go(echo, listener.accept())))
        try:
            yield conns
        finally:
            for conn in conns:
                conn.close()
            for each in serving:
                each.join()


def assert_echoes(conns: list[net.Conn]) -> None:
    for conn in conns:
        conn.write(b"hello")
        assert conn.read(5) == b"hello"


@in_run
def test_the_parent_goes_on_serving() -> None:
    with echo_service(20) as conns:
        assert_echoes(conns)
        for fork in (in_child, lambda fn: go(in_child, fn).join()):
            assert fork(everything) == "'all well'"
            assert_echoes(conns)


@in_run
def test_a_child_that_closes_the_parent_s_connections_does_not_disturb_it() -> None:
    with echo_service(5) as conns:

        def child() -> None:
            for conn in conns:
                conn.close()

        assert in_child(child) == "None"
        assert_echoes(conns)


@in_run
def test_a_child_may_use_a_connection_of_the_parent() -> None:
    with pair() as (one, two):
        reader = parked(go(one.read_bytes, 10))

        def child() -> bytes:
            two.write(b"from the child")
            return b"written"

        assert in_child(child) == "b'written'"
        assert reader.join() == b"from the "[:10] + b"c"
        assert in_child(lambda: two.write(b"x")) == "1"
        # Parked there, on a descriptor that the parent's poller knows as well.
        assert one.read_bytes(100) == b"hildx"

        def read_in_child() -> bytes:
            go(two.write, b"y")
            return one.read_bytes(10)

        assert in_child(read_in_child) == "b'y'"
        reader = parked(go(one.read_bytes, 10))
        two.write(b"z")
        assert reader.join() == b"z"


@in_run
def test_a_child_that_lives_on_does_not_take_the_parent_s_events() -> None:
    with pair() as (one, two), pair() as (stay, leave):

        def child() -> bytes:
            parked(go(sleep, 60))
            return stay.read_bytes(1)

        living = Child(child)
        for _ in range(50):
            reader = parked(go(one.read_bytes, 1))
            two.write(b"x")
            assert reader.join() == b"x"
        leave.write(b"!")
        assert living.says() == "b'!'"


@in_run
def test_the_parent_still_hears_other_threads() -> None:
    sleep(0.0001)
    for _ in range(3):
        in_child(everything)
        waiter = parked(go(lowlevel.park))
        blocking(lowlevel.ready, waiter)
        waiter.join()


@in_run
def test_the_parent_still_hears_signals() -> None:
    main = current()
    before = signal.signal(signal.SIGUSR1, lambda *_: lowlevel.ready(main))
    try:
        sleep(0.0001)
        in_child(everything)
        go(in_child, everything).join()

        def interrupt() -> None:
            while not main.state.startswith("waiting"):
                pass
            # To this thread: only the wake-up descriptor breaks the poll of the other then.
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

        caller = threading.Thread(target=interrupt)
        caller.start()
        assert lowlevel.park(5) is True
        caller.join()
    finally:
        signal.signal(signal.SIGUSR1, before)


@in_run
def test_calls_on_threads_survive_a_fork_on_both_sides() -> None:
    reading, writing = os.pipe()
    waiting = parked(go(blocking, os.read, reading, 1))
    assert in_child(lambda: [blocking(lambda: 2) for _ in range(3)]) == "[2, 2, 2]"
    os.write(writing, b"x")
    assert waiting.join() == b"x"
    os.close(reading)
    os.close(writing)


@in_run
def test_deadlines_hold_on_both_sides() -> None:
    with pair() as (one, _):
        one.settimeout(0.005)
        assert "DeadlineExceeded" in in_child(lambda: one.read_bytes(1))
        with pytest.raises(TimeoutError):
            one.read_bytes(1)


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
        print("status", of_child(fork_in_goroutine(fail, exception)))

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
        assert time.monotonic() - begin < 0.5

run(main)
"""
    assert says(ENDS + lines) == "7\n7\n"


# ---- threads


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


def run_square(number: int) -> int:
    return run(square, number)


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
