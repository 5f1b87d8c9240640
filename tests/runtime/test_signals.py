"""Signals: Python's handlers run soon, whatever is parked, and nobody else's wake-up is stolen."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from netpoll import Goroutine, current, go, gosched, lowlevel, run, sleep
from netpoll._runtime.scheduler import attached_scheduler
from tests.running import Outcome, in_run, on_thread, pair, parked

SOON = 1.0
"""Seconds within which a handler has to run: 0.05 by design, the rest for a busy machine."""

Handler = Callable[[int, FrameType | None], object]
Install = Callable[[Handler], object]


@pytest.fixture
def handle() -> Iterator[Install]:
    """Return what installs a handler of SIGUSR1."""
    before = signal.getsignal(signal.SIGUSR1)
    yield lambda handler: signal.signal(signal.SIGUSR1, handler)
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def wakeup() -> Iterator[socket.socket]:
    """Return the reading end of a wake-up descriptor that the program has set."""
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)
        writing.setblocking(False)
        signal.set_wakeup_fd(writing.fileno())
        yield reading
        assert signal.set_wakeup_fd(-1) == writing.fileno()


def when_parked(goroutine: Goroutine, then: Callable[[], object]) -> Outcome[float]:
    """Call `then` on another thread when a goroutine waits; the result is the moment of that."""

    def wait() -> float:
        while not goroutine.state.startswith("waiting"):
            time.sleep(0.0001)
        time.sleep(0.002)  # into the poll, if it can be; right either way
        now = time.monotonic()
        then()
        return now

    thread = Outcome(wait)
    thread.start()
    return thread


def send() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


def send_to_this_thread() -> None:
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)


# ---- while everything is parked


def parking() -> None:
    lowlevel.park(10)


def sleeping() -> None:
    sleep(10)


def reading() -> None:
    with pair() as (one, _):
        one.settimeout(10)
        one.read_bytes(1)


def joining() -> None:
    with pair() as (one, _):
        reader = go(one.read_bytes, 1)
        try:
            reader.join()
        finally:
            reader.cancel()
            gosched()


class Heard(Exception):
    pass


@pytest.mark.parametrize("park", [parking, sleeping, reading, joining])
@in_run
def test_a_handler_runs_soon_and_what_it_raises_lands_in_main(
    handle: Install, park: Callable[[], None]
) -> None:
    def handler(number: int, frame: FrameType | None) -> None:
        raise Heard

    handle(handler)
    for _ in range(3):
        sender = when_parked(current(), send)
        with pytest.raises(Heard):
            park()
        assert time.monotonic() - sender.result() < SOON


@in_run
def test_a_handler_runs_soon_after_a_busy_time(handle: Install) -> None:
    heard: list[float] = []
    handle(lambda *_: heard.append(time.monotonic()))
    for pause in (0, 0.001, 0.009, 0.011, 0.02):
        sleep(0.0001)
        sender = when_parked(current(), send)
        sleep(0.03 + pause)
        sent = sender.result()
        assert heard.pop() - sent < SOON


@in_run
def test_a_handler_that_raises_nothing_ends_no_park(handle: Install) -> None:
    heard: list[int] = []
    handle(lambda number, _: heard.append(number))
    sender = when_parked(current(), send)
    begin = time.monotonic()
    sleep(0.03)
    assert time.monotonic() - begin >= 0.03
    sender.result()
    assert heard == [signal.SIGUSR1]


@in_run
def test_a_handler_runs_whichever_thread_the_kernel_chose(handle: Install) -> None:
    assert_heard_from_another_thread(handle)


def assert_heard_from_another_thread(handle: Install) -> None:
    """Have a signal interrupt another thread: then only the wake-up descriptor breaks the poll."""
    main = current()
    handle(lambda *_: lowlevel.ready(main))
    sender = when_parked(main, send_to_this_thread)
    assert lowlevel.park(10) is True
    assert time.monotonic() - sender.result() < SOON


@in_run
def test_a_handler_may_start_a_goroutine(handle: Install) -> None:
    main = current()
    started: list[Goroutine] = []
    handle(lambda *_: started.append(go(lowlevel.ready, main)))
    sender = when_parked(main, send)
    assert lowlevel.park(10) is True
    sender.result()
    started[0].join()


@in_run
def test_a_handler_may_wake_main(handle: Install) -> None:
    main = current()
    handle(lambda *_: lowlevel.ready(main))
    sender = when_parked(main, send)
    assert lowlevel.park(10) is True
    sender.result()


@in_run
def test_a_handler_may_cancel(handle: Install) -> None:
    sleeper = go(sleep, 60)
    handle(lambda *_: sleeper.cancel())
    sender = when_parked(current(), send)
    with pytest.raises(Exception, match="was cancelled"):
        sleeper.join(10)
    sender.result()


@in_run
def test_a_handler_cannot_park_while_everything_is_parked(handle: Install) -> None:
    handle(lambda *_: sleep(0.001))
    sender = when_parked(current(), send)
    with pytest.raises(RuntimeError, match="cannot park inside the scheduler"):
        sleep(10)
    sender.result()
    assert go(lambda: 1).join() == 1


@in_run
def test_what_a_handler_raises_while_another_computes_ends_that_one(handle: Install) -> None:
    def handler(number: int, frame: FrameType | None) -> None:
        raise Heard

    def compute() -> None:
        signal.raise_signal(signal.SIGUSR1)

    handle(handler)
    with pytest.raises(Heard):
        go(compute).join()


@in_run
def test_the_end_of_a_process_is_heard(handle: Install) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGCHLD, lambda number, _: heard.append(number))
    try:
        with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
            for _ in range(1000):
                if heard:
                    break
                sleep(0.02)
            process.wait()
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert heard == [signal.SIGCHLD]


# ---- many of them


@pytest.fixture
def alarms() -> Iterator[list[int]]:
    """Send SIGUSR2 up to a thousand times a second, whether or not the process works."""
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, _: heard.append(number))
    stop = threading.Event()

    def send_many() -> None:
        while not stop.wait(0.001):
            os.kill(os.getpid(), signal.SIGUSR2)

    sender = Outcome(send_many)
    sender.start()
    yield heard
    stop.set()
    sender.result()
    signal.signal(signal.SIGUSR2, before)


@in_run
def test_sleeps_are_neither_early_nor_late_under_a_storm_of_signals(alarms: list[int]) -> None:
    for _ in range(20):
        begin = time.monotonic()
        sleep(0.005)
        assert 0.005 <= time.monotonic() - begin < 0.005 + SOON
    assert alarms


@in_run
def test_no_byte_is_lost_under_a_storm_of_signals(alarms: list[int]) -> None:
    with pair() as (one, two):
        size = 0

        def send_all() -> None:
            nonlocal size
            while size < 4 << 20 or len(alarms) < 10:
                size += one.write(bytes(4096))
            one.close()

        sender = go(send_all)
        got = 0
        while data := two.read_bytes(10_000):
            got += len(data)
        sender.join()
        assert got == size


# ---- other owners of the wake-up descriptor


@pytest.mark.parametrize("park", [True, False])
def test_the_program_s_own_wake_up_descriptor_gets_its_bytes(
    handle: Install, wakeup: socket.socket, park: bool
) -> None:
    handle(lambda *_: None)

    def main() -> None:
        sleep(0.001)
        signal.raise_signal(signal.SIGUSR1)
        if park:
            sleep(0.001)
            assert wakeup.recv(10) == bytes([signal.SIGUSR1])
            send()
            sleep(0.001)

    run(main)
    assert wakeup.recv(10) == bytes([signal.SIGUSR1])


@in_run
def test_a_wake_up_descriptor_set_later_gets_its_bytes_too(handle: Install) -> None:
    handle(lambda *_: None)
    sleep(0.001)
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)
        writing.setblocking(False)
        ours = signal.set_wakeup_fd(writing.fileno())
        assert ours >= 0
        sleep(0.03)
        signal.raise_signal(signal.SIGUSR1)
        sleep(0.001)
        assert reading.recv(10) == bytes([signal.SIGUSR1])


def test_the_wake_up_descriptor_is_given_back(wakeup: socket.socket) -> None:
    run(sleep, 0.001)
    current_one = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(current_one)
    assert os.fstat(current_one).st_ino != os.fstat(wakeup.fileno()).st_ino
    assert attached_scheduler() is None


def test_without_another_owner_there_is_no_wake_up_descriptor_afterwards() -> None:
    run(sleep, 0.001)
    assert signal.set_wakeup_fd(-1) == -1


def test_a_wake_up_descriptor_that_was_taken_away_is_not_set_again() -> None:
    reading, writing = socket.socketpair()

    def main() -> None:
        with reading, writing:
            writing.setblocking(False)
            signal.set_wakeup_fd(writing.fileno())
            sleep(0.001)
            assert signal.set_wakeup_fd(-1) >= 0

    run(main)
    assert signal.set_wakeup_fd(-1) == -1


def test_a_thread_that_is_not_the_main_one_leaves_the_wake_up_descriptor_alone() -> None:
    on_thread(run, sleep, 0.001)
    assert signal.set_wakeup_fd(-1) == -1


@in_run
def test_signals_are_heard_after_an_asyncio_program_ran_inside(handle: Install) -> None:
    heard: list[str] = []

    async def program() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR2, lambda: heard.append("asyncio"))
        signal.raise_signal(signal.SIGUSR2)
        await asyncio.sleep(0.001)
        loop.remove_signal_handler(signal.SIGUSR2)

    sleep(0.001)
    go(asyncio.run, program()).join()
    assert heard == ["asyncio"]
    assert_heard_from_another_thread(handle)


@pytest.mark.parametrize("pause", [0, 0.005, 0.02])  # the descriptor is set anew after 0.01
@in_run
def test_signals_are_heard_after_the_wake_up_descriptor_was_taken_away(
    handle: Install, pause: float
) -> None:
    sleep(0.001)
    time.sleep(pause)
    assert signal.set_wakeup_fd(-1) >= 0
    assert_heard_from_another_thread(handle)


@in_run
def test_goroutines_that_only_yield_do_not_keep_a_handler_waiting(handle: Install) -> None:
    heard: list[float] = []
    handle(lambda *_: heard.append(time.monotonic()))
    spinner = parked(go(lowlevel.park))
    begin = time.monotonic()
    send()
    while not heard:
        gosched()
    assert heard[0] - begin < SOON
    lowlevel.ready(spinner)
