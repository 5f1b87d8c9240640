"""No signal gets lost because another one's handler raised while it was handed on."""

import ctypes
import functools
import operator
import signal
from collections.abc import Callable, Iterator
from signal import SIGUSR1, SIGUSR2, raise_signal

import pytest

import netpoll.signals
from netpoll import signals
from netpoll.context import cause
from netpoll.signals.handler import set_handler
from netpoll.sync.chan import Chan
from tests.broken_off import Alarm, raises_at, steps_of
from tests.running import in_run

PACKAGE = netpoll.signals.__file__.rpartition("/")[0]


def send() -> None:
    raise_signal(SIGUSR1)


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Have a handler of the program's own for SIGUSR1; return what it has heard."""
    numbers: list[int] = []
    before = signal.signal(SIGUSR1, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(SIGUSR1, before)


@in_run
def test_a_channel_is_told_once() -> None:
    with signals.notify(Chan[int](1), SIGUSR1) as channel:
        for step in steps_of(send, PACKAGE):
            assert channel.try_recv() == (SIGUSR1, True), step
        assert channel.try_recv() == (SIGUSR1, True)
        assert channel.try_recv() == (None, False)


@in_run
def test_a_context_ends() -> None:
    steps = 0

    def broken_off(step: int) -> bool:
        with signals.notify_context(None, SIGUSR1) as context:
            goes_on = raises_at(step, send, PACKAGE)
            assert isinstance(cause(context), signals.SignalReceived), step
            return goes_on

    broken_off(0)  # 3.12 shows the instructions of a function from its second call on
    while broken_off(steps + 1):
        steps += 1
    assert steps > 5


@in_run
def test_where_nobody_hears_any_more_it_goes_to_the_handler_from_before(heard: list[int]) -> None:
    steps = 0

    def broken_off(step: int) -> bool:
        channel = Chan[int](1)
        signals.notify(channel, SIGUSR1)
        channel.close()
        goes_on = raises_at(step, send, PACKAGE)
        assert heard == [SIGUSR1], step
        heard.clear()
        send()
        assert heard == [SIGUSR1], step
        heard.clear()
        return goes_on

    broken_off(0)  # 3.12 shows the instructions of a function from its second call on
    while broken_off(steps + 1):
        steps += 1
    assert steps > 5


def break_off(*_: object) -> None:
    raise Alarm


@pytest.fixture
def pending() -> Iterator[Callable[[], None]]:
    """Have two signals come at once; SIGUSR2 raises Alarm while SIGUSR1 is being handled."""
    both = SIGUSR1, SIGUSR2

    def come() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, both)
        for number in both:
            raise_signal(number)
        with pytest.raises(Alarm):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, both)

    before = signal.signal(SIGUSR2, break_off)
    yield come
    signal.signal(SIGUSR2, before)


@in_run
def test_two_that_come_at_once_are_both_heard(pending: Callable[[], None]) -> None:
    with signals.notify(Chan[int](1), SIGUSR1) as channel:
        for _ in range(10):
            pending()
            assert channel.try_recv() == (SIGUSR1, True)
            assert channel.try_recv() == (None, False)


@in_run
def test_also_where_nobody_hears_of_one_any_more(
    heard: list[int], pending: Callable[[], None]
) -> None:
    for _ in range(10):
        channel = Chan[int](1)
        signals.notify(channel, SIGUSR1)
        channel.close()
        pending()
        assert heard == [SIGUSR1]
        heard.clear()


@pytest.mark.parametrize("raised", [Alarm, KeyboardInterrupt, TimeoutError, ValueError])
def test_a_handler_is_set_whatever_comes_up_meanwhile(raised: type[BaseException]) -> None:
    def fail(*_: object) -> None:
        raise raised

    before = signal.signal(SIGUSR2, fail)
    try:
        trip = functools.partial(ctypes.PyDLL(None).PyErr_SetInterruptEx, int(SIGUSR2))
        ignore = functools.partial(set_handler, SIGUSR1, signal.SIG_IGN)
        with pytest.raises(raised):
            list(map(operator.call, (trip, ignore)))  # all in C: the other one is pending now
        assert signal.getsignal(SIGUSR1) == signal.SIG_IGN
    finally:
        signal.signal(SIGUSR2, before)
        signal.signal(SIGUSR1, signal.SIG_DFL)


def test_no_signal_stays_blocked_whatever_breaks_off_a_notify() -> None:
    def listen() -> None:
        signals.notify(Chan[int](1), SIGUSR1)

    for step in steps_of(listen, PACKAGE):
        signals.reset()
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()), step
        assert signal.getsignal(SIGUSR1) == signal.SIG_DFL, step
    signals.reset()
    assert step > 10
