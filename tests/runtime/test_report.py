"""What people are told: exceptions that nobody joins, goroutines that stay, deadlocks."""

import errno
import gc
import io
import os
import sys
from collections.abc import Callable

import pytest

import netpoll
from netpoll import Goroutine, OpError, current, go, gosched, lowlevel, net, run, sleep
from netpoll._runtime import report
from tests.conftest import Unhandled
from tests.running import in_run, on_thread, parked


class Wrong(Exception):
    pass


def fail() -> None:
    raise Wrong("it")


def ones(unhandled: Unhandled) -> list[str]:
    """Take out what the hook was called with; return the names of the exceptions."""
    names = [type(exception).__name__ for _, exception in unhandled]
    unhandled.clear()
    return names


@pytest.fixture
def own_hook(unhandled: Unhandled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back the hook that netpoll has by itself."""
    monkeypatch.setattr(netpoll, "excepthook", report.excepthook)


# ---- when the hook is called


@in_run
def test_a_failure_that_nobody_can_join_is_reported_at_once(unhandled: Unhandled) -> None:
    go(fail)
    gosched()
    assert ones(unhandled) == ["Wrong"]


@in_run
def test_a_failure_that_somebody_may_still_join_is_not_reported_yet(unhandled: Unhandled) -> None:
    held = go(fail)
    gosched()
    assert held.done
    assert ones(unhandled) == []
    with pytest.raises(Wrong):
        held.join()


@in_run
def test_a_failure_is_reported_when_the_goroutine_is_dropped(unhandled: Unhandled) -> None:
    held = go(fail)
    gosched()
    del held
    gc.collect()
    assert ones(unhandled) == ["Wrong"]


def test_a_failure_is_reported_at_the_end_of_the_run(unhandled: Unhandled) -> None:
    held: list[Goroutine] = []

    def main() -> None:
        held.append(go(fail))
        gosched()

    run(main)
    assert ones(unhandled) == ["Wrong"]
    with pytest.raises(Wrong):
        held.pop().join()
    assert ones(unhandled) == []  # and only once


def test_a_failure_is_reported_at_the_end_of_the_thread(unhandled: Unhandled) -> None:
    held: list[Goroutine] = []

    def main() -> None:
        held.append(go(fail))
        gosched()

    on_thread(main)
    assert ones(unhandled) == ["Wrong"]


@in_run
def test_a_failure_that_was_joined_is_never_reported(unhandled: Unhandled) -> None:
    held = go(fail)
    with pytest.raises(Wrong):
        held.join()
    del held
    gc.collect()
    assert ones(unhandled) == []


@in_run
def test_a_failure_that_somebody_waits_for_is_never_reported(unhandled: Unhandled) -> None:
    def work() -> None:
        lowlevel.park()
        fail()

    target = parked(go(work))
    parked(go(target.join))
    lowlevel.ready(target)
    del target
    gosched()
    gosched()
    assert ones(unhandled) == ["Wrong"]  # the joiner's own, not that of the one it joined


@in_run
def test_a_joiner_that_has_given_up_does_not_count(unhandled: Unhandled) -> None:
    def work() -> None:
        lowlevel.park()
        fail()

    goroutine = go(work)
    with pytest.raises(TimeoutError):
        goroutine.join(0.001)
    lowlevel.ready(goroutine)
    del goroutine
    gosched()
    assert ones(unhandled) == ["Wrong"]


@in_run
def test_each_of_many_failures_is_reported(unhandled: Unhandled) -> None:
    held = [go(fail) for _ in range(100)]
    for _ in range(100):
        go(fail)
    gosched()
    assert len(ones(unhandled)) == 100
    held.clear()
    gc.collect()
    assert len(ones(unhandled)) == 100


@in_run
def test_a_cancelled_goroutine_is_not_reported(unhandled: Unhandled) -> None:
    for held in (True, False):
        goroutines = [go(sleep, 60)]
        gosched()
        goroutines[0].cancel()
        if not held:
            goroutines.clear()
        gosched()
        goroutines.clear()
    assert ones(unhandled) == []


def test_goroutines_that_join_one_another_and_are_all_cancelled_are_not_reported(
    unhandled: Unhandled,
) -> None:
    def main() -> None:
        older = [parked(go(sleep, 60))]
        for _ in range(3):
            older.append(parked(go(older[-1].join)))
        younger: list[Goroutine] = []

        def join_the_younger() -> None:
            younger[0].join()

        first = go(join_the_younger)
        younger.append(go(sleep, 60))
        parked(first)

    run(main)
    assert ones(unhandled) == []


@in_run
def test_a_cancelled_goroutine_that_fails_otherwise_is_reported(unhandled: Unhandled) -> None:
    def work() -> None:
        try:
            sleep(60)
        finally:
            fail()

    for held in (True, False):
        goroutines = [parked(go(work))]
        goroutines[0].cancel()
        if not held:
            goroutines.clear()
        gosched()
        goroutines.clear()
    assert ones(unhandled) == ["Wrong", "Wrong"]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
@in_run
def test_what_would_end_a_program_is_reported_like_the_rest(
    unhandled: Unhandled, kind: type[BaseException]
) -> None:
    def work() -> None:
        raise kind

    go(work)
    gosched()
    assert ones(unhandled) == [kind.__name__]


@in_run
def test_the_hook_runs_in_the_goroutine_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[object, ...]] = []
    monkeypatch.setattr(netpoll, "excepthook", lambda g, e: seen.append((g, current(), e)))
    go(fail)
    gosched()
    ((goroutine, running, exception),) = seen
    assert goroutine is running
    assert isinstance(exception, Wrong)


@in_run
def test_a_hook_may_keep_the_goroutine(unhandled: Unhandled) -> None:
    go(fail).name = "the one"
    go(fail)
    gosched()
    first, second = (goroutine for goroutine, _ in unhandled)
    assert first.name == "the one"
    assert second.name == f"fail-{second.id}"
    unhandled.clear()
    for goroutine in (first, second):
        assert goroutine.done
        with pytest.raises(Wrong):
            goroutine.join()


@in_run
def test_a_hook_may_park(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def hook(goroutine: Goroutine, exception: BaseException) -> None:
        sleep(0.001)
        seen.append(repr(exception))

    monkeypatch.setattr(netpoll, "excepthook", hook)
    for _ in range(10):
        go(fail)
    while len(seen) < 10:
        gosched()


# ---- a hook that fails, or is none


@pytest.mark.usefixtures("unhandled")
@in_run
def test_a_hook_that_raises_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def hook(goroutine: Goroutine, exception: BaseException) -> None:
        raise OSError("the hook itself")

    monkeypatch.setattr(netpoll, "excepthook", hook)
    go(fail)
    assert go(lambda: 1).join() == 1
    err = capsys.readouterr().err
    assert "Wrong: it" in err
    assert "OSError: the hook itself" in err


@pytest.mark.usefixtures("unhandled")
@in_run
def test_without_a_hook_the_own_one_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(netpoll, "excepthook", None)
    go(fail)
    gosched()
    assert "Wrong: it" in capsys.readouterr().err


@pytest.mark.usefixtures("own_hook")
@in_run
def test_the_own_hook_says_what_failed_where_and_who_started_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    goroutine = go(fail)
    line = sys._getframe().f_lineno - 1
    name = goroutine.name
    del goroutine
    gosched()
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == f"Exception in goroutine {name} (started at {__file__}:{line}):"
    assert last.endswith("Wrong: it")


@pytest.mark.usefixtures("own_hook")
@in_run
def test_the_own_hook_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    go(fail)
    gosched()
    assert 'raise Wrong("it")' in capsys.readouterr().err


# ---- chains


def printed(exception: BaseException, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the own hook prints of an exception, from the second line on."""
    report.excepthook(current(), exception)
    return capsys.readouterr().err.partition("\n")[2]


def reset() -> OpError:
    """Return what a read raises whose peer has reset the connection."""
    with net.listen("tcp", "127.0.0.1:0") as listener:
        near, far = net.dial("tcp", str(listener.local_addr)), listener.accept()
    with near, far:
        far.set_linger(0)
        far.close()
        with pytest.raises(OpError) as caught:
            near.read()
    return caught.value


@in_run
def test_the_plain_error_below_an_op_error_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    error = reset()
    assert type(error.__cause__) is ConnectionResetError
    shown = printed(error, capsys)
    assert shown.count("Traceback") == 1
    assert "near.read()" in shown
    assert shown.endswith(f"netpoll.errors.OpError: {error}\n")
    assert str(error).endswith("connection reset by peer")


@in_run
def test_what_was_being_handled_when_an_operation_failed_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(OpError) as caught:
        try:
            fail()
        except Wrong:
            net.dial("tcp", "127.0.0.1:1")
    shown = printed(caught.value, capsys)
    assert "Wrong: it\n\nDuring handling of the above exception, another" in shown
    assert shown.count("Traceback") == 2


@in_run
def test_what_an_op_error_has_caused_is_shown_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    error = reset()
    for said in ("The above exception was the direct cause", "During handling of the above"):
        wrong = Wrong("again")
        wrong.__context__ = error
        if "cause" in said:
            wrong.__cause__ = error
        shown = printed(wrong, capsys)
        assert f"{error}\n\n{said}" in shown
        assert shown.count("Traceback") == 1


@in_run
def test_a_cause_from_outside_is_always_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    with pytest.raises(PermissionError) as caught:
        net.listen("tcp", "127.0.0.1:0", control=refuse)
    shown = printed(caught.value, capsys)
    assert "in refuse\n" in shown
    assert "The above exception was the direct cause" in shown


@pytest.mark.parametrize(
    "cause",
    [
        OSError("with no number"),
        OSError(errno.ECONNREFUSED, "another number"),
        OpError("read", "tcp", errno=errno.ECONNRESET),
        ValueError("of another kind"),
    ],
    ids=repr,
)
@in_run
def test_a_cause_that_says_something_else_is_shown(
    cause: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    error = OpError("relay", "tcp", errno=errno.ECONNRESET)
    error.__cause__ = cause
    assert f"{cause}\n\nThe above exception was the direct cause" in printed(error, capsys)


# ---- a standard error that is none


def closed_stream() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.usefixtures("own_hook")
@pytest.mark.parametrize("stream", [lambda: None, closed_stream, object])
@in_run
def test_a_standard_error_that_is_none_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, stream: Callable[[], object]
) -> None:
    monkeypatch.setattr(sys, "stderr", stream())
    go(fail)
    assert go(lambda: 1).join() == 1


# ---- dumps


@in_run
def test_a_dump_tells_of_each_goroutine_what_it_does_and_where_it_stands() -> None:
    goroutine = go(sleep, 60)
    goroutine.name = "dozer"
    fresh = go(fail)
    parked_at = report.dump([goroutine])
    assert parked_at == f"{report.describe(goroutine)}: new"
    fresh.cancel()

    def work() -> None:
        lowlevel.park()  # this very line

    waiting = parked(go(work))
    text = report.dump([waiting])
    assert text.startswith(f"{report.describe(waiting)}: waiting: park\n")
    assert "lowlevel.park()  # this very line" in text
    lowlevel.ready(waiting)


@in_run
def test_a_hook_that_counts_as_false_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    class Log(list[str]):
        def __call__(self, _goroutine: Goroutine, exception: BaseException) -> None:
            self.append(type(exception).__name__)

    log = Log()
    assert not log
    monkeypatch.setattr(netpoll, "excepthook", log)
    go(fail)
    gosched()
    assert log == ["Wrong"]
