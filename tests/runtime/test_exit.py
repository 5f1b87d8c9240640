"""The end of the interpreter: status 0 and not a word, whatever is parked."""

import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.program import finished

PRELUDE = """\
import atexit, os, sys, threading, time
import netpoll
from netpoll import blocking, current, go, gosched, lowlevel, net, run, sleep
"""

TIMES = 20
"""How often each program is run: what is wrong at the end is often so only now and then."""

ENDS_WELL = {
    "goroutines parked without run": """
        with net.listen("tcp", "127.0.0.1:0") as listener:
            conn = net.dial("tcp", str(listener.local_addr))
            accepted = listener.accept()
        for park in (lambda: sleep(60), lowlevel.park, conn.read, accepted.read, current().join):
            go(park)
        sleep(0.001)
        """,
    "goroutines parked in a run that raises SystemExit": """
        def main():
            for _ in range(10):
                go(sleep, 60)
            sleep(0.001)
            sys.exit()

        run(main)
        """,
    "daemon threads with goroutines": """
        def serve():
            listener = net.listen("tcp", "127.0.0.1:0")
            for _ in range(5):
                go(sleep, 60)
            parked.release()
            listener.accept()

        parked = threading.Semaphore(0)
        for _ in range(3):
            threading.Thread(target=serve, daemon=True).start()
        for _ in range(3):
            parked.acquire()
        """,
    "daemon threads that are busy": """
        def spin():
            for _ in range(3):
                go(yielding)
            yielding()

        def yielding():
            while True:
                gosched()

        for _ in range(2):
            threading.Thread(target=spin, daemon=True).start()
        time.sleep(0.01)
        """,
    "daemon threads and main all with goroutines": """
        def main():
            go(sleep, 60)
            parked.release()
            sleep(60)

        parked = threading.Semaphore(0)
        threading.Thread(target=run, args=(main,), daemon=True).start()
        threading.Thread(target=main, daemon=True).start()
        parked.acquire(), parked.acquire()
        go(sleep, 60)
        sleep(0.001)
        """,
    "a call on a thread that does not end": """
        go(blocking, time.sleep, 60)
        go(blocking, threading.Event().wait)
        sleep(0.001)
        """,
    "goroutines that are done or never began": """
        kept = [go(gosched) for _ in range(10)]
        for each in kept:
            each.join()
            go(print, "never")
        """,
}


def program(lines: str) -> str:
    return PRELUDE + textwrap.dedent(lines)


@pytest.mark.parametrize("lines", ENDS_WELL.values(), ids=ENDS_WELL)
def test_a_program_ends_well_every_time_with(lines: str) -> None:
    with ThreadPoolExecutor(3) as several:
        for outcome in several.map(ends, [lines] * TIMES):
            assert outcome == (0, "", "")


def ends(lines: str) -> tuple[int, str, str]:
    """Run such a program; return its status and what it said on both streams."""
    done = finished("-X", "faulthandler", "-c", program(lines))
    return done.returncode, done.stdout, done.stderr


# ---- what still happens


def test_finally_blocks_of_parked_goroutines_run() -> None:
    assert ends("""
        def work():
            try:
                sleep(60)
            finally:
                print("cleaned up")

        go(work)
        sleep(0.001)
        print("the end")
        """) == (0, "the end\ncleaned up\n", "")


def test_a_failure_that_nobody_joined_is_reported() -> None:
    status, _, err = ends("""
        def fail():
            raise OSError("wrong")

        kept = go(fail)
        gosched()
        """)
    assert status == 0
    assert err.startswith("Exception in goroutine fail-")
    assert err.count("OSError: wrong") == 1


def test_an_exit_function_may_use_goroutines_and_connections() -> None:
    lines = """
        def at_exit():
            with net.listen("tcp", "127.0.0.1:0") as listener:
                accepting = go(listener.accept)
                address = str(listener.local_addr)
                with net.dial("tcp", address) as conn, accepting.join() as accepted:
                    reading = go(accepted.read, 10)
                    sleep(0.001)
                    conn.write(b"at exit")
                    print(reading.join())

        atexit.register(at_exit)
        go(sleep, 60)
        sleep(0.001)
        """
    assert ends(lines) == (0, "b'at exit'\n", "")
    after_a_run = lines.rstrip().removesuffix("sleep(0.001)") + "run(sleep, 0.001)\n"
    assert ends(after_a_run) == (0, "b'at exit'\n", "")


def test_an_exit_function_that_runs_after_netpoll_s_own_may_use_goroutines_too() -> None:
    early = """
import atexit

def at_exit():
    go(sleep, 60)
    reading = go(lambda: "at exit")
    sleep(0.001)
    print(reading.join())

atexit.register(at_exit)
"""
    for last in ("go(sleep, 60)\nsleep(0.001)\n", ""):
        done = finished("-X", "faulthandler", "-c", early + PRELUDE + last)
        assert (done.returncode, done.stdout) == (0, "at exit\n")
        assert "netpoll" not in done.stderr


@pytest.mark.parametrize("used_before", [False, True])
def test_an_exit_function_may_block_if_python_gives_it_a_thread(used_before: bool) -> None:
    lines = f"""
        def at_exit():
            try:
                print(blocking(lambda: "done"))
            except RuntimeError as error:
                print(f"{{error}}; {{error.__cause__}}, {{error.__context__}}")

        atexit.register(at_exit)
        if {used_before}:
            print(blocking(lambda: "done"))
        """
    status, said, complaint = ends(lines)
    assert (status, complaint) == (0, "")
    if used_before:
        assert said == "done\ndone\n"  # by the same thread
    elif said != "done\n":  # as CPython 3.12 has it, and 3.13.0 has not
        assert sys.version_info >= (3, 12)
        told = "blocking() can start no thread: the interpreter is shutting down; None, None\n"
        assert said == told


def test_exit_in_main_sets_the_status() -> None:
    for call in ("sys.exit(3)", "run(sys.exit, 3)", "run(lambda: go(sys.exit, 3).join())"):
        assert ends(f"go(sleep, 60)\n{call}") == (3, "", "")


def test_exit_in_another_goroutine_is_a_failure_like_any_other() -> None:
    status, out, err = ends("""
        def main():
            go(sys.exit, 3)
            sleep(0.001)
            print("main goes on")

        run(main)
        """)
    assert (status, out) == (0, "main goes on\n")
    assert err.startswith("Exception in goroutine exit-")
    assert err.rstrip().endswith("SystemExit: 3")


def test_an_exit_without_ceremony_is_one() -> None:
    assert ends("go(os._exit, 3)\nsleep(60)") == (3, "", "")


def test_an_exception_of_main_ends_a_program_as_always() -> None:
    status, _, err = ends("""
        def main():
            go(sleep, 60)
            sleep(0.001)
            raise OSError("wrong")

        run(main)
        """)
    assert status == 1
    assert err.splitlines()[0] == "Traceback (most recent call last):"
    assert err.splitlines()[-1] == "OSError: wrong"


def test_goroutines_that_do_not_end_are_named_and_do_not_hold_up_the_end() -> None:
    status, _, err = ends("""
        from netpoll._runtime import lifecycle
        lifecycle.GRACE = 0.02

        def stubborn():
            while True:
                try:
                    sleep(60)
                except netpoll.Cancelled:
                    pass

        go(stubborn)
        sleep(0.001)
        """)
    assert status == 0
    assert "still running 0.02 s after they were cancelled:\nstubborn-" in err


def test_a_thread_that_still_has_goroutines_is_waited_for() -> None:
    assert ends("""
        def work():
            try:
                sleep(60)
            finally:
                print("cleaned up")

        def serve():
            go(work)
            sleep(0.01)
            print("thread ends")

        threading.Thread(target=serve).start()
        """) == (0, "thread ends\ncleaned up\n", "")


def test_objects_that_live_to_the_end_may_close_connections() -> None:
    assert ends("""
        class Closes:
            def __init__(self):
                self.listener = net.listen("tcp", "127.0.0.1:0")
                self.conn = net.dial("tcp", str(self.listener.local_addr))
                self.reader = go(self.conn.read)

            def __del__(self):
                self.conn.close()
                self.listener.close()
                print("closed")

        closes = Closes()
        sleep(0.001)
        """) == (0, "closed\n", "")


def test_objects_that_live_to_the_end_cannot_park_any_more() -> None:
    status, out, err = ends("""
        class Parks:
            def __init__(self, park):
                self.park = park

            def __del__(self):
                print("freed")
                self.park()

        by_itself = Parks(gosched)
        asleep = Parks(lambda: sleep(60))
        started = Parks(lambda: go(print, "never").join())
        """)
    assert (status, out) == (0, "freed\n" * 3)
    assert err.count("Exception ignored") == 3
