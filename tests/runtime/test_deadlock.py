"""Deadlock: main is told when nothing can ever run again, and only then."""

import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

import pytest

from netpoll import DeadlockError, Goroutine, blocking, current, go, lowlevel, run, sleep
from tests.running import in_run, on_thread, pair, parked, says

# Not on the main thread: there, a signal handler of pytest's could always make something happen.


def join_one_that_joins_main() -> None:
    go(current().join).join()


def join_a_ring() -> None:
    ring: list[Goroutine] = []

    def join_next(i: int) -> None:
        ring[(i + 1) % len(ring)].join()

    ring.extend(go(join_next, i) for i in range(3))
    ring[0].join()


def on_thread_in_run(main: Callable[[], object]) -> object:
    return on_thread(run, main)


each_way = pytest.mark.parametrize("start", [on_thread, on_thread_in_run])


@each_way
@pytest.mark.parametrize("main", [join_one_that_joins_main, join_a_ring])
def test_main_is_told(
    start: Callable[[Callable[[], object]], object], main: Callable[[], None]
) -> None:
    with pytest.raises(DeadlockError, match="all goroutines are asleep"):
        start(main)


def test_the_error_says_who_waits_where() -> None:
    def waits_for(goroutine: Goroutine) -> None:
        goroutine.join()  # this very line

    def main() -> None:
        other = go(waits_for, current())
        other.name = "the other"
        other.join()

    with pytest.raises(DeadlockError) as caught:
        on_thread(main)
    text = str(caught.value)
    assert "main: waiting: join" in text
    assert f"the other (started at {__file__}:" in text
    assert "goroutine.join()  # this very line" in text


def test_main_may_go_on_after_it() -> None:
    def main() -> str:
        for _ in range(3):
            other = go(current().join)
            with pytest.raises(DeadlockError):
                other.join()
            other.cancel()
        return go(lambda: "on it goes").join()

    assert on_thread_in_run(main) == "on it goes"


def test_the_others_still_end_with_the_run() -> None:
    seen: list[str] = []

    def work(main: Goroutine) -> None:
        try:
            main.join()
        finally:
            seen.append("ended")

    def main() -> None:
        go(work, current()).join()

    with pytest.raises(DeadlockError):
        on_thread_in_run(main)
    assert seen == ["ended"]


def test_it_is_found_when_the_last_timer_has_fired() -> None:
    def main() -> None:
        go(sleep, 0.002)
        other = go(current().join)
        sleep(0.001)
        other.join()

    with pytest.raises(DeadlockError):
        on_thread(main)


def test_it_is_found_when_the_last_conversation_is_over() -> None:
    def main() -> None:
        with pair() as (one, two):
            reader = parked(go(one.read_bytes, 1))
            other = go(current().join)
            go(two.write, b"x")
            assert reader.join() == b"x"
            other.join()

    with pytest.raises(DeadlockError):
        on_thread(main)


def test_it_is_found_when_a_timeout_was_withdrawn() -> None:
    def main() -> None:
        go(int).join(60)
        with pair() as (one, two):
            one.settimeout(60)
            two.write(b"x")
            one.read_bytes(1)
            go(current().join).join()

    with pytest.raises(DeadlockError):
        on_thread(main)


def test_on_the_main_thread_it_is_found_as_well() -> None:
    lines = """
        import netpoll
        from netpoll import current, go, run

        for start in (run, lambda main: main()):
            try:
                start(lambda: go(current().join).join())
            except netpoll.DeadlockError:
                print("told")
        """
    assert says(lines) == "told\ntold\n"


# ---- where something may still come


def test_a_timer_may_still_come() -> None:
    def main() -> None:
        main = current()
        joiner = parked(go(main.join))

        def wake() -> None:
            sleep(0.002)
            joiner.cancel()

        go(wake)
        with pytest.raises(Exception, match="was cancelled"):
            joiner.join()

    on_thread(main)


def test_the_network_may_still_come() -> None:
    ours, theirs = socket.socketpair()

    def main() -> bytes:
        with pair() as (one, two):

            def pass_on() -> None:
                with lowlevel.PollDesc(ours.fileno()) as pd:
                    pd.wait_readable()
                    two.write(ours.recv(1))

            go(pass_on)
            threading.Timer(0.005, theirs.send, [b"x"]).start()
            return one.read_bytes(1)

    with ours, theirs:
        assert on_thread(main) == b"x"


def test_a_call_on_a_thread_may_still_come_back() -> None:
    stop = threading.Event()

    def main() -> bool:
        threading.Timer(0.005, stop.set).start()
        return go(blocking, stop.wait).join()

    assert on_thread(main) is True


def test_another_thread_may_still_unpark() -> None:
    def main() -> bool:
        threading.Timer(0.005, lowlevel.ready, [current()]).start()
        return lowlevel.park()

    assert on_thread(main) is True


def test_another_thread_s_goroutine_may_still_end() -> None:
    def main() -> object:
        goroutine = parked(go(lowlevel.park))

        def join_it() -> object:
            threading.Timer(0.005, lowlevel.ready, [goroutine]).start()
            return goroutine.join()

        return go(lambda: blocking(on_thread, join_it)).join()

    assert on_thread(main) is True


@in_run
def test_a_signal_handler_may_still_do_something() -> None:
    other = go(current().join)

    def handler(number: int, frame: FrameType | None) -> None:
        other.cancel()

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        timer = threading.Timer(0.005, os.kill, [os.getpid(), signal.SIGUSR1])
        timer.start()
        with pytest.raises(Exception, match="was cancelled"):
            other.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
