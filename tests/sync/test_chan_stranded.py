"""A goroutine that will never run again stands in no line: what comes goes to the living."""

import os
import signal
from collections.abc import Iterator
from itertools import count

import pytest

from netpoll import Goroutine, go, gosched, run, shield
from netpoll._runtime import lifecycle
from netpoll.sync.chan import Chan
from netpoll.sync.select import select
from tests.running import in_run, on_thread, parked, says
from tests.runtime.children import everything, in_child, no_warning

pytestmark = no_warning


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let goroutines that do not end be left behind soon."""
    monkeypatch.setattr(lifecycle, "GRACE", 0.01)


@pytest.mark.parametrize("how", ["recv", "select"])
def test_one_that_a_run_left_behind_receives_nothing(
    how: str, impatient: None, left_behind: list[str]
) -> None:
    channel, other = Chan[int](), Chan[int]()

    def stubborn() -> None:
        with shield():
            if how == "recv":
                channel.recv()
            else:
                select(other.recv, channel.recv, (other.send, 1))

    def main() -> None:
        parked(go(stubborn))

    on_thread(run, main)
    assert left_behind
    left_behind.clear()
    assert (channel.waiting, other.waiting) == ((0, 0), (0, 0))
    assert channel.try_send(1) is False


def test_one_that_a_thread_left_behind_sends_nothing(
    impatient: None, left_behind: list[str]
) -> None:
    channel = Chan[int](1)
    channel.send(0)

    def shielded() -> None:
        with shield():
            channel.send(1)

    on_thread(lambda: parked(go(shielded)).name)
    assert left_behind
    left_behind.clear()
    assert channel.waiting == (0, 0)
    assert [channel.try_recv(), channel.try_recv()] == [(0, True), (None, False)]


@in_run
def test_in_a_forked_child_the_others_stand_in_no_line() -> None:
    channel, other = Chan[int](), Chan[int]()
    receiver = parked(go(channel.recv))
    selecting = parked(go(select, other.recv, channel.recv))

    def child() -> object:
        waiting = channel.waiting, other.waiting
        fresh = parked(go(channel.recv))
        channel.send(5)
        return waiting, fresh.join(), everything()

    assert in_child(child) == "(((0, 0), (0, 0)), 5, 'all well')"
    assert (channel.waiting, other.waiting) == ((0, 2), (0, 1))
    channel.send(1)
    other.send(2)
    assert (receiver.join(), selecting.join()) == (1, (0, 2, True))


HANDLER = """
import os, signal, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from netpoll import DeadlockError, go, run
from netpoll.sync.chan import Chan
from netpoll.sync.select import select

channel = Chan(1)
other = Chan()

def handler(*_):
    global pid
    pid = os.fork()
    if pid:
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    channel.try_send(5)

def main():
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    got = WAIT
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    try:
        other.recv()    # nobody will ever come, and that is found out
    except DeadlockError:
        if pid == 0:
            os._exit(4 if got == 5 else 5)
        print(got, flush=True)

run(main)
"""


@pytest.mark.parametrize("wait", ["channel.recv()", "select(other.recv, channel.recv)[1]"])
def test_a_signal_handler_forks_while_one_waits_and_both_go_on(wait: str) -> None:
    assert says(HANDLER.replace("WAIT", wait)) == "4\n5\n"


# ---- Ctrl-C


@in_run
def test_ctrl_c_ends_a_wait_and_takes_nothing_with_it() -> None:
    channel = Chan[int]()

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    for wait in (channel.recv, lambda: select(channel.recv), lambda: channel.send(1)):
        go(interrupt)
        with pytest.raises(KeyboardInterrupt):
            wait()
        assert channel.waiting == (0, 0)
    go(channel.send, 2)
    assert channel.recv() == 2


@pytest.fixture
def alarm_is_ctrl_c() -> Iterator[None]:
    """Make a Ctrl-C of SIGALRM, which a timer sends."""
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def joined_under_fire(goroutine: Goroutine[int], heard: list[KeyboardInterrupt]) -> int:
    """Wait for a goroutine, and be interrupted all the time; return its result."""
    while True:
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-5 * (len(heard) % 7 + 1))
            result = goroutine.join()
            signal.setitimer(signal.ITIMER_REAL, 0)
            gosched()  # what was on its way comes here
        except KeyboardInterrupt as interrupt:
            heard.append(interrupt)
            continue
        return result


@in_run
def test_hundreds_of_ctrl_c_disturb_nobody_but_main(alarm_is_ctrl_c: None) -> None:
    channel, words, done = Chan[int](2), Chan[int](), Chan[None]()
    received: list[int] = []
    heard: list[KeyboardInterrupt] = []

    def send(interrupts: int) -> int:
        for value in count():
            if len(heard) >= interrupts:
                return value
            select((channel.send, value), (words.send, value))
        raise AssertionError("unreachable")

    def receive() -> None:
        while True:
            match select(channel, words, done):
                case 2, _, _:
                    return
                case _, value, True:
                    received.append(value)

    receivers = [go(receive) for _ in range(2)]
    senders = [go(send, interrupts) for interrupts in (200, 400)]
    sent = [joined_under_fire(sender, heard) for sender in senders]
    while len(channel):
        gosched()
    done.close()
    for receiver in receivers:
        receiver.join()
    assert sorted(received) == sorted([*range(sent[0]), *range(sent[1])])


def test_a_run_that_ends_lets_everybody_go() -> None:
    channel, other = Chan[int](), Chan[int]()
    seen: list[str] = []

    def work() -> None:
        try:
            select(channel.recv, (other.send, 1))
        finally:
            seen.append("ended")

    def main() -> None:
        for _ in range(3):
            parked(go(work))

    on_thread(run, main)
    assert seen == ["ended"] * 3
    assert channel.waiting == (0, 0)
