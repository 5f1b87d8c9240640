"""A signal handler that raises, wherever that lands while a run begins or ends, breaks nothing."""

import signal
import sys

import pytest

from tests.program import finished

SWEEP = """\
import faulthandler, gc, os, signal, sys
faulthandler.enable()
import netpoll
from netpoll import current, go, gosched, net, run, sleep
from netpoll._runtime.scheduler import Scheduler, attached_scheduler

class Alarm(BaseException):
    pass

def handler(number, frame):
    global left
    if left:
        left -= 1
        raise kind

def interrupted(fn, delay):
    "Call fn; have the alarms come `delay` seconds from now, and soon after that."
    global left
    left = times
    signal.setitimer(signal.ITIMER_REAL, delay, 0.00003 if times > 1 else 0)
    fn()
    come()

def come():
    while left:
        pass

def catching(levels, fn, *args):
    "Call fn, and catch what the handler raises; also what it raises when that is caught."
    if not levels:
        fn(*args)
        return
    try:
        catching(levels - 1, fn, *args)
    except kind:
        come()

def clean():
    assert attached_scheduler() is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert run(int) == 0
    assert run(lambda: go(lambda: 42).join()) == 42
    assert os.listdir("/proc/self/fd") == descriptors

def others():
    for _ in range(3):
        go(sleep, 60)
    gosched()

def listening():
    with net.listen("tcp", "127.0.0.1:0") as listener:
        go(listener.accept)
        gosched()

def failing():
    failed.append(go(int, "x"))
    gosched()

kind = {"alarm": Alarm, "ctrl-c": KeyboardInterrupt}[sys.argv[1]]
times, left = int(sys.argv[2]), 0
failed = []
signal.signal(signal.SIGALRM, handler)
netpoll.excepthook = lambda goroutine, exception: None
told = []
sys.unraisablehook = lambda unraisable: told.append(unraisable.exc_type)
run(int)
descriptors = os.listdir("/proc/self/fd")
for main in (int, others, listening, failing):
    for step in range(350):
        catching(times + 1, interrupted, lambda: run(main), (1 + 0.3 * step) / 1e6)
        signal.setitimer(signal.ITIMER_REAL, 0)
        clean()
        failed.clear()
gc.collect()
assert not [each for each in gc.get_objects() if isinstance(each, Scheduler)]
assert set(told) <= {kind}, told  # what comes up in excepthook is printed
print("done")
"""


@pytest.mark.parametrize("times", [1, 3], ids=["once", "three times"])
@pytest.mark.parametrize("kind", ["alarm", "ctrl-c"])
def test_the_thread_is_clean_after_whatever_it_has_hit(kind: str, times: int) -> None:
    done = finished("-c", SWEEP, kind, str(times))
    # From 3.14 on CPython ends a process in this way that has ever printed a KeyboardInterrupt.
    also = -signal.SIGINT if kind == "ctrl-c" and sys.version_info >= (3, 14) else 0
    assert done.returncode in {0, also}, done.stderr
    assert done.stdout == "done\n", done.stderr
