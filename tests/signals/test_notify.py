"""notify, stop: signals come through channels, and no one of them gets lost on the way."""

import os
import signal
import threading
import time
from collections.abc import Callable
from signal import SIGUSR1
from types import FrameType

import pytest

from netpoll import blocking, go, run, signals, sleep
from netpoll.signals import table
from netpoll.sync.chan import Chan
from tests.running import begin, in_run, on_thread, parked, says
from tests.runtime.children import in_child, no_warning
from tests.signals.kill import kill

SOON = 1.0
"""Seconds within which a signal has to be there: 0.05 by design, the rest for a busy machine."""


def nothing(channel: Chan[int]) -> bool:
    return channel.try_recv() == (None, False)


# ---- from a signal to a channel (TestSignal)


@in_run
def test_a_signal_comes_through_the_channel() -> None:
    channel = Chan[int](1)
    with signals.notify(channel, signal.SIGHUP, signal.SIGUSR1):
        kill(signal.SIGHUP)
        received = channel.recv()
        assert received is signal.SIGHUP
        kill(signal.SIGUSR1)
        assert channel.recv() == signal.SIGUSR1
        assert nothing(channel)


@in_run
def test_the_block_yields_the_channel() -> None:
    with signals.notify(Chan[int](1), signal.SIGUSR1) as channel:
        kill()
        for number in channel:
            assert number == signal.SIGUSR1
            break


@in_run
def test_a_goroutine_that_is_parked_hears_of_it_although_all_are() -> None:
    channel = Chan[int](1)
    with signals.notify(channel, signal.SIGUSR1):
        receiver = parked(go(channel.recv))

        def send() -> float:
            time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGUSR1)
            return time.monotonic()

        thread = threading.Thread(target=lambda: sent.append(send()))
        sent: list[float] = []
        thread.start()
        assert receiver.join(SOON) == signal.SIGUSR1
        assert time.monotonic() - sent[0] < SOON
        thread.join()


@in_run
def test_an_unbuffered_channel_gets_it_if_somebody_waits_there() -> None:
    channel = Chan[int]()
    with signals.notify(channel, signal.SIGUSR1):
        kill()
        receiver = parked(go(channel.recv))
        kill()
        assert receiver.join(SOON) == signal.SIGUSR1


@in_run
def test_a_channel_without_room_misses_it_and_blocks_nobody() -> None:
    full, other = Chan[int](1), Chan[int](10)
    with signals.notify(full, signal.SIGUSR1), signals.notify(other, signal.SIGUSR1):
        for _ in range(5):
            kill()
        assert len(full) == 1
        assert len(other) == 5


@in_run
def test_several_channels_hear_of_one_signal_and_one_of_several() -> None:
    first, second = Chan[int](9), Chan[int](9)
    signals.notify(first, signal.SIGUSR1, signal.SIGUSR2)
    signals.notify(second, signal.SIGUSR2)
    signals.notify(second, signal.SIGUSR2)  # again: no effect
    kill(signal.SIGUSR1)
    kill(signal.SIGUSR2)
    assert [first.recv(), first.recv()] == [signal.SIGUSR1, signal.SIGUSR2]
    assert second.recv() == signal.SIGUSR2
    assert nothing(second)
    signals.stop(first)
    kill(signal.SIGUSR2)
    assert second.recv() == signal.SIGUSR2
    assert nothing(first)
    signals.stop(second)


@in_run
def test_without_a_name_all_that_can_be_caught_are_meant() -> None:
    with signals.notify(Chan[int](99)) as channel:
        faults = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
        caught = signal.valid_signals() - faults - {signal.SIGKILL, signal.SIGSTOP}
        for number in sorted(caught - {signal.SIGTTIN, signal.SIGTTOU, signal.SIGTSTP}):
            kill(number)
            assert channel.recv() == number
        assert nothing(channel)


@in_run
def test_real_time_signals_have_no_names() -> None:
    number = signal.SIGRTMIN + 3
    with signals.notify(Chan[int](1), number) as channel:
        kill(number)
        received = channel.recv()
        assert (received, type(received)) == (number, int)


# ---- the end of it (TestStop, TestReset, TestIgnore)


@in_run
def test_after_stop_nothing_comes_and_the_handler_from_before_is_back() -> None:
    seen: list[int] = []

    def own(number: int, _frame: FrameType | None) -> None:
        seen.append(number)

    before = signal.signal(signal.SIGUSR1, own)
    try:
        channel = Chan[int](9)
        signals.notify(channel, signal.SIGUSR1)
        kill()
        assert (len(channel), seen) == (1, [])
        signals.stop(channel)
        assert signal.getsignal(signal.SIGUSR1) is own
        kill()
        assert (len(channel), seen) == (1, [signal.SIGUSR1])
        signals.stop(channel)  # again: no effect
    finally:
        signal.signal(signal.SIGUSR1, before)


@in_run
def test_a_block_ends_what_it_has_begun_and_no_more() -> None:
    channel = Chan[int](9)
    with signals.notify(channel, signal.SIGUSR1):
        with signals.notify(channel, signal.SIGUSR1, signal.SIGUSR2):
            kill(signal.SIGUSR2)
        assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL
        kill(signal.SIGUSR1)
        assert len(channel) == 2


@in_run
def test_a_signal_sent_before_stop_still_comes() -> None:
    channel = Chan[int](9)
    signals.notify(channel, signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    signals.stop(channel)
    assert channel.recv() == signal.SIGUSR1


@in_run
def test_reset_restores_some_or_all() -> None:
    channel = Chan[int](9)
    signals.notify(channel, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
    signals.reset(signal.SIGWINCH)
    kill(signal.SIGWINCH)  # does nothing by default
    kill(signal.SIGUSR1)
    assert channel.recv() == signal.SIGUSR1
    signals.reset()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL
    assert nothing(channel)


@in_run
def test_reset_leaves_handlers_alone_that_are_not_of_this_module() -> None:
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    own = signal.getsignal(signal.SIGUSR2)
    try:
        signals.reset(signal.SIGUSR2)
        signals.reset()
        assert signal.getsignal(signal.SIGUSR2) is own
    finally:
        signal.signal(signal.SIGUSR2, before)


@in_run
def test_an_ignored_signal_does_nothing_until_somebody_wants_it() -> None:
    channel = Chan[int](9)
    signals.notify(channel, signal.SIGUSR1)
    assert not signals.ignored(signal.SIGUSR1)
    signals.ignore(signal.SIGUSR1)
    assert signals.ignored(signal.SIGUSR1)
    kill()
    assert nothing(channel)
    with signals.notify(channel, signal.SIGUSR1):
        assert not signals.ignored(signal.SIGUSR1)
        kill()
        assert channel.recv() == signal.SIGUSR1
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    signals.ignore(signal.SIGUSR1)
    signals.reset(signal.SIGUSR1)
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    with pytest.raises(TypeError, match="at least one"):
        signals.ignore()


@in_run
def test_a_handler_that_somebody_else_has_set_meanwhile_is_left_alone() -> None:
    seen: list[int] = []
    channel = Chan[int](9)
    with signals.notify(channel, signal.SIGUSR1):
        own = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
        kill()
        assert (seen, len(channel)) == ([signal.SIGUSR1], 0)
        with signals.notify(channel, signal.SIGUSR1):
            pass
        other = Chan[int](9)
        with signals.notify(other, signal.SIGUSR1):
            kill()
            assert len(other) == 1
        kill()
        assert seen == [signal.SIGUSR1] * 2
    kill()
    assert seen == [signal.SIGUSR1] * 3
    assert own == table.deliver
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)


@in_run
def test_also_by_stop_and_reset() -> None:
    for restore in (signals.stop, lambda _: signals.reset(), lambda _: signals.reset(SIGUSR1)):
        channel = Chan[int](1)
        signals.notify(channel, SIGUSR1)
        signal.signal(SIGUSR1, signal.SIG_IGN)
        restore(channel)
        assert signal.getsignal(SIGUSR1) == signal.SIG_IGN
        signal.signal(SIGUSR1, signal.SIG_DFL)


@in_run
def test_a_closed_channel_is_told_no_more() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    own = signal.getsignal(signal.SIGUSR1)
    try:
        closed, open_ = Chan[int](9), Chan[int](9)
        with signals.notify(closed, signal.SIGUSR1):
            with signals.notify(open_, signal.SIGUSR1):
                closed.close()
                kill()
                assert (len(open_), seen) == (1, [])
            assert signal.getsignal(signal.SIGUSR1) is own
            kill()
            assert seen == [signal.SIGUSR1]
        with signals.notify(closed, signal.SIGUSR1):
            kill()  # goes where it would have gone
            assert seen == [signal.SIGUSR1] * 2
    finally:
        signal.signal(signal.SIGUSR1, before)


# ---- SIGINT, which the runtime handles itself


@pytest.mark.parametrize("within", [False, True])
def test_ctrl_c_goes_to_the_channel_and_afterwards_to_main_again(within: bool) -> None:
    def interrupted() -> None:
        with pytest.raises(KeyboardInterrupt):
            kill(signal.SIGINT)

    def main() -> None:
        with signals.notify(channel, signal.SIGINT):
            receive()
        interrupted()

    def receive() -> None:
        kill(signal.SIGINT)
        assert channel.recv() == signal.SIGINT

    channel = Chan[int](1)
    if within:
        run(main)
        return
    signals.notify(channel, signal.SIGINT)
    run(receive)
    signals.stop(channel)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_was_told_of_ctrl_c_may_outlive_the_run() -> None:
    channel = Chan[int](1)
    run(lambda: signals.notify(channel, signal.SIGINT))
    signals.stop(channel)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_reaches_main_after_a_stop_within_a_run_that_began_with_it() -> None:
    channel = Chan[int](1)
    signals.notify(channel, signal.SIGINT)

    def other() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        sleep(3600)

    def main() -> None:
        signals.stop(channel)
        go(other)
        with pytest.raises(KeyboardInterrupt):
            sleep(3600)

    run(main)


# ---- what is wrong


@in_run
def test_what_cannot_be_caught_is_told() -> None:
    channel = Chan[int](1)
    for number, text in (
        (signal.SIGKILL, "SIGKILL can be neither caught nor ignored"),
        (signal.SIGSTOP, "SIGSTOP can be neither"),
        (0, "no signal 0"),
        (12345, "no signal 12345"),
    ):
        for call in (lambda n: signals.notify(channel, n), signals.ignore, signals.reset):
            with pytest.raises(ValueError, match=text):
                call(number)


# ---- deadlocks


def test_while_somebody_is_told_of_a_signal_one_may_come() -> None:
    def main() -> int:
        with signals.notify(Chan[int](1), signal.SIGUSR1) as channel:
            timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1))
            timer.start()
            received = channel.recv()
        blocking(timer.join)
        return received

    assert run(main) == signal.SIGUSR1


def test_and_if_nobody_is_any_more_none_will() -> None:
    said = says(
        """
        import signal
        from netpoll import DeadlockError, run, signals
        from netpoll.sync.chan import Chan

        def main():
            channel = Chan(1)
            with signals.notify(channel, signal.SIGUSR1):
                pass
            try:
                channel.recv()
            except DeadlockError:
                print("deadlock")

        run(main)
        """
    )
    assert said == "deadlock\n"


# ---- threads


@in_run
def test_another_thread_is_told_that_only_main_installs() -> None:
    def use() -> None:
        with pytest.raises(RuntimeError, match="only the main thread can change how SIGUSR1"):
            signals.notify(Chan[int](1), signal.SIGUSR1)
        with pytest.raises(RuntimeError, match="SIGUSR2"):
            signals.ignore(signal.SIGUSR2)

    blocking(use)


@in_run
def test_another_thread_may_listen_to_what_somebody_listens_to() -> None:
    first = Chan[int](9)
    signals.notify(first, signal.SIGUSR1)

    def listen() -> int:
        with signals.notify(Chan[int](1), signal.SIGUSR1) as channel:
            os.kill(os.getpid(), signal.SIGUSR1)
            return channel.recv()

    assert blocking(listen) == signal.SIGUSR1
    assert first.recv() == signal.SIGUSR1
    signals.stop(first)


def without_receivers(calls: Callable[[Chan[int]], object]) -> list[int]:
    """Let the last receiver leave on another thread, then send one; return what the handler got."""
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    own = signal.getsignal(signal.SIGUSR1)
    try:
        channel = Chan[int](9)
        signals.notify(channel, signal.SIGUSR1)
        on_thread(signals.stop, channel)
        calls(channel)
        kill()
        assert nothing(channel) or seen == []
        signals.stop(channel)
        assert signal.getsignal(signal.SIGUSR1) is own
        return seen
    finally:
        signal.signal(signal.SIGUSR1, before)


@in_run
def test_the_first_signal_after_a_stop_on_another_thread_goes_where_it_went_before() -> None:
    assert without_receivers(lambda _: None) == [signal.SIGUSR1]


@in_run
def test_unless_somebody_wants_it_again() -> None:
    assert without_receivers(lambda channel: signals.notify(channel, signal.SIGUSR1)) == []
    assert (
        without_receivers(lambda channel: on_thread(signals.notify, channel, signal.SIGUSR1)) == []
    )


@in_run
def test_nothing_is_received_after_a_stop_on_any_thread() -> None:
    """A thread subscribes and leaves again and again while signals come without a pause."""
    kept = Chan[int](1)
    signals.notify(kept, signal.SIGUSR1)
    over = False

    def come_and_go() -> int:
        received = 0
        while not over:
            channel = Chan[int](1)
            signals.notify(channel, signal.SIGUSR1)
            time.sleep(0)
            signals.stop(channel)
            received += len(channel)
            before = len(channel)
            time.sleep(0.0001)
            assert len(channel) == before
        return received

    threads = [go(blocking, come_and_go) for _ in range(3)]
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        kill()
        sleep(0.0001)
    over = True
    assert sum(thread.join() for thread in threads) > 0
    signals.stop(kept)


@no_warning
@in_run
def test_a_forked_child_hears_of_its_own_signals() -> None:
    """Forked while other threads come and go."""
    kept = Chan[int](9)
    signals.notify(kept, signal.SIGUSR1)
    over = False

    def come_and_go() -> None:
        while not over:
            signals.notify(Chan[int](1), signal.SIGUSR1).stop()

    threads = [go(blocking, come_and_go) for _ in range(2)]
    sleep(0.001)

    def listen() -> str:
        with signals.notify(Chan[int](1), signal.SIGUSR1) as channel:
            os.kill(os.getpid(), signal.SIGUSR1)
            return signal.Signals(channel.recv()).name

    for _ in range(20):
        assert in_child(listen) == "'SIGUSR1'"
    over = True
    for thread in threads:
        thread.join()
    assert nothing(kept)
    signals.stop(kept)


@in_run
def test_a_stop_on_another_thread_waits_for_a_signal_that_is_being_delivered() -> None:
    entered, stopped = threading.Event(), threading.Event()
    too_late: list[bool] = []

    class Slow:
        def try_send(self, _value: int) -> None:
            entered.set()
            stopped.wait(0.2)

    class Late:
        def try_send(self, _value: int) -> None:
            too_late.append(stopped.is_set())

    late = Late()

    def stop() -> None:
        entered.wait()
        signals.stop(late)
        stopped.set()

    with signals.notify(Slow(), signal.SIGUSR1), signals.notify(late, signal.SIGUSR1):
        thread = threading.Thread(target=stop)
        thread.start()
        kill()
        thread.join()
    assert too_late == [False]


# ---- many


@in_run
def test_a_second_of_signals_to_oneself_leaves_all_in_order() -> None:
    received = sent = turns = 0
    over = False

    def receive(channel: Chan[int]) -> None:
        nonlocal received
        for _ in channel:
            received += 1

    def send() -> None:
        nonlocal sent
        while not over:
            os.kill(os.getpid(), signal.SIGUSR1)
            sent += 1
            sleep(0)

    def count() -> None:
        nonlocal turns
        while not over:
            sleep(0.001)
            turns += 1

    with signals.notify(Chan[int](1), signal.SIGUSR1) as channel:
        receiver = go(receive, channel)
        others = [go(send), go(send), go(count)]
        sleep(1)
        over = True
        for goroutine in others:
            goroutine.join()
    channel.close()
    receiver.join()
    assert sent > 1000
    assert received > sent / 10  # two pending ones are one
    assert turns > 100


@in_run
def test_a_handler_gives_nobody_a_turn() -> None:
    """Else whatever the interrupted goroutine holds would be met by the others."""
    held = threading.Lock()
    others_turns = 0

    def other() -> None:
        nonlocal others_turns
        while True:
            sleep(0)
            others_turns += 1

    goroutine = begin(other)
    with signals.notify(Chan[int](100_000), signal.SIGUSR1) as channel:
        with held:
            before = others_turns
            for _ in range(1000):
                os.kill(os.getpid(), signal.SIGUSR1)
            assert others_turns == before
        assert len(channel) > 500
    goroutine.cancel()
