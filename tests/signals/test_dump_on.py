"""A signal that prints what all goroutines do."""

import os
import signal
import subprocess
import time

import pytest

from netpoll import signals
from tests.program import PATIENCE, started
from tests.running import on_thread, script

PRELUDE = """
import os, signal, sys, time
from netpoll import DeadlockError, go, run, signals, sleep
from netpoll.sync.chan import Chan

signals.dump_on(signal.SIGQUIT)
"""


def told(source: str) -> "subprocess.CompletedProcess[str]":
    """Run a program until it says that it is ready, ask for a dump, then have it end."""
    with started("-W", "error", "-c", PRELUDE + source) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGQUIT)
        out, err = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess([], process.returncode, out, err)


def test_a_process_in_which_all_are_parked_tells_and_goes_on() -> None:
    done = told("""
def asks():
    sleep(0.2)
    print("ready", flush=True)
    sleep(0.4)          # the signal comes here
    print("goes on")

def main():
    go(sleep, 60)
    go(asks).join()

run(main)
""")
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert done.stderr.startswith("thread MainThread, goroutines: 3\nmain: waiting: join of asks-")
    assert "): waiting: sleep" in done.stderr


def test_so_does_one_in_which_a_goroutine_computes_and_never_parks() -> None:
    done = told("""
heard = []

def computes():
    print("ready", flush=True)
    until = time.monotonic() + 10
    while time.monotonic() < until and not sys.stderr.written:
        pass            # no park anywhere
    print("goes on")

class Stream:
    written = False
    def write(self, text):
        self.written = True
        return sys.__stderr__.write(text)
    def flush(self):
        sys.__stderr__.flush()

def main():
    sys.stderr = Stream()
    go(computes).join()

run(main)
""")
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert "): running\n" in done.stderr
    assert "in computes\n" in done.stderr
    assert "main: waiting: join of computes-" in done.stderr


def test_it_is_no_hope_for_a_deadlock() -> None:
    done = script(
        PRELUDE
        + """
def main():
    try:
        Chan().recv()
    except DeadlockError:
        print("told")

run(main)
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "told\n", "")


def test_a_standard_error_in_the_midst_of_a_write_or_closed_raises_nothing() -> None:
    done = script(
        PRELUDE
        + """
class Busy:
    def write(self, text):
        raise RuntimeError("reentrant call inside")
    def flush(self): pass

sys.stderr = Busy()
signal.raise_signal(signal.SIGQUIT)
sys.stderr = open(os.devnull, "w")
sys.stderr.close()
signal.raise_signal(signal.SIGQUIT)
sys.stderr = None
signal.raise_signal(signal.SIGQUIT)
print("goes on")
"""
    )
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert done.stderr.count("thread MainThread, no goroutines") == 1


def test_reset_undoes_it(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGUSR2)
    signals.dump_on(signal.SIGUSR2)
    os.kill(os.getpid(), signal.SIGUSR2)
    until = time.monotonic() + PATIENCE
    while "thread MainThread" not in capsys.readouterr().err:
        assert time.monotonic() < until
    signals.reset(signal.SIGUSR2)
    assert signal.getsignal(signal.SIGUSR2) == before


def test_misuse_is_told() -> None:
    with pytest.raises(TypeError, match="at least one"):
        signals.dump_on()
    with pytest.raises(ValueError, match="can be neither caught"):
        signals.dump_on(signal.SIGKILL)
    with pytest.raises(RuntimeError, match="only the main thread"):
        on_thread(signals.dump_on, signal.SIGQUIT)
