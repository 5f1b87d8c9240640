"""What comes up while the end of a goroutine is told: main hears of it, and the others go on."""

import ctypes
import operator
import signal
import time
from collections.abc import Iterator

import pytest

import netpoll
from netpoll import Goroutine, GoroutineCancelled, current, go, gosched, sleep
from netpoll._runtime import report
from tests.conftest import Unhandled
from tests.running import in_run, parked


class Boom(Exception):
    pass


class Failure(Exception):
    pass


def fail() -> None:
    raise Failure


@pytest.fixture
def raising_handler() -> Iterator[None]:
    """Have SIGUSR1 raise Boom wherever it is handled."""

    def handler(*_: object) -> None:
        raise Boom

    before = signal.signal(signal.SIGUSR1, handler)
    yield
    signal.signal(signal.SIGUSR1, before)


def signalled_and_failing() -> ctypes.PyDLL:
    """Return a function all in C: it makes SIGUSR1 pending, then raises TypeError."""
    api = ctypes.PyDLL(None)
    api.PyErr_SetInterruptEx.restype = operator.itemgetter(0)  # type: ignore[assignment]
    return api


def assert_goes_on() -> None:
    assert go(lambda: 42).join(5) == 42
    sleep(0.001)
    assert current().state == "running"


@pytest.mark.usefixtures("raising_handler")
@pytest.mark.parametrize("held", [False, True])
@in_run
def test_a_signal_at_the_moment_a_goroutine_fails_is_heard_by_main(
    held: bool, unhandled: Unhandled
) -> None:
    function = signalled_and_failing().PyErr_SetInterruptEx
    bystander = parked(go(sleep, 0.001))
    for _ in range(3):
        goroutines = [go(function, int(signal.SIGUSR1))]
        if not held:
            goroutines.clear()
        with pytest.raises(Boom):
            sleep(5)
        assert_goes_on()
        for goroutine in goroutines:
            with pytest.raises(TypeError):
                goroutine.join(5)
    bystander.join(5)
    unhandled.clear()


@pytest.mark.parametrize("kind", [Boom, KeyboardInterrupt, SystemExit])
@in_run
def test_what_the_report_of_a_failure_raises_is_heard_by_main(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unhandled(_goroutine: Goroutine, _exception: BaseException) -> None:
        raise kind

    monkeypatch.setattr(report, "unhandled", unhandled)
    bystander = parked(go(sleep, 0.001))
    for _ in range(3):
        go(fail)
        with pytest.raises(kind):
            sleep(5)
        assert_goes_on()
    bystander.join(5)


@in_run
def test_what_a_goroutine_raises_that_was_cancelled_at_birth_is_told_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unhandled(_goroutine: Goroutine, _exception: BaseException) -> None:
        raise Boom

    monkeypatch.setattr(report, "unhandled", unhandled)
    cancelled = go(fail)
    cancelled.cancel()
    go(fail)
    with pytest.raises(Boom):
        sleep(5)
    with pytest.raises(GoroutineCancelled):
        cancelled.join(5)
    assert_goes_on()


class Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise Boom


class Function(metaclass=Nameless):
    def __call__(self) -> int:
        return 5


@in_run
def test_a_function_whose_name_cannot_be_had_stops_nobody() -> None:
    bystander = go(sleep, 0.001)
    goroutine = go(Function())
    # Its name is asked for at its end: who joins has the result, main what came up.
    seen = []
    end = time.monotonic() + 5
    while not (bystander.done and goroutine.done) and time.monotonic() < end:
        try:
            gosched()
            sleep(0.0005)
        except Boom:
            seen.append("main")
    assert goroutine.join(5) == 5
    bystander.join(5)
    assert seen == ["main"]
    assert_goes_on()


@in_run
def test_an_excepthook_that_has_no_truth_value_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Hook(list[BaseException]):
        def __bool__(self) -> bool:
            raise Boom

        def __call__(self, _goroutine: Goroutine, exception: BaseException) -> None:
            self.append(exception)

    hook = Hook()
    monkeypatch.setattr(netpoll, "excepthook", hook)
    go(fail)
    gosched()
    assert [type(exception) for exception in hook] == [Failure]
    assert_goes_on()
