"""run: how it begins, how it ends, and what it makes of the goroutines that are left."""

import functools
import os
import resource
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

import netpoll
from netpoll import Cancelled, Goroutine, current, go, gosched, lowlevel, net, run, sleep
from netpoll._runtime import lifecycle, report
from netpoll._runtime.scheduler import attached_scheduler
from tests.conftest import Unhandled
from tests.running import Outcome, in_run, on_thread, open_descriptors, pair, parked


class Wrong(Exception):
    pass


# ---- the outcome of main


def test_run_returns_what_main_returns() -> None:
    assert run(lambda *args, **kwargs: (args, kwargs), 1, main=2) == ((1,), {"main": 2})


def test_run_refuses_an_async_function_before_it_is_called() -> None:
    async def main() -> None: ...

    async def yields() -> AsyncIterator[int]:
        yield 1

    for wrong in (main, yields, functools.partial(main)):
        with pytest.raises(TypeError, match="plain function, not one made by `async def`"):
            run(wrong)


def test_run_raises_what_main_raises() -> None:
    wrong = Wrong()

    def main() -> None:
        raise wrong

    with pytest.raises(Wrong) as caught:
        run(main)
    assert caught.value is wrong


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_run_lets_what_ends_a_program_pass(kind: type[BaseException]) -> None:
    def main() -> None:
        go(sleep, 60)
        gosched()
        raise kind

    with pytest.raises(kind):
        run(main)


def test_main_is_a_goroutine_called_main() -> None:
    main = run(current)
    assert main.name == "main"
    assert isinstance(main, Goroutine)


# ---- one at a time


def test_run_twice_in_a_row() -> None:
    for i in range(10):
        assert run(lambda: go(lambda: i).join()) == i  # noqa: B023 - called at once


def test_a_run_within_a_run_is_refused() -> None:
    def main() -> int:
        with pytest.raises(RuntimeError, match="already running"):
            run(lambda: None)
        return go(lambda: 1).join()

    assert run(main) == 1


@in_run
def test_a_run_in_a_goroutine_of_a_run_is_refused() -> None:
    with pytest.raises(RuntimeError, match="already running"):
        go(run, lambda: None).join()


def test_a_run_in_a_goroutine_is_refused() -> None:
    with pytest.raises(RuntimeError, match="other than main"):
        go(run, lambda: None).join()
    assert run(lambda: 1) == 1


def test_a_run_takes_over_goroutines_started_before() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            sleep(60)
        finally:
            seen.append("ended")

    early = go(work)
    run(lambda: parked(early))
    assert seen == ["ended"]


def test_runs_on_several_threads_at_once() -> None:
    together = threading.Barrier(5)

    def main(i: int) -> int:
        together.wait()
        with pair() as (one, two):
            echo = go(one.read_bytes, 10)
            sleep(0.001)
            two.write(b"%d" % i)
            return int(echo.join())

    threads = [Outcome(run, main, i) for i in range(5)]
    for thread in threads:
        thread.start()
    assert [thread.result() for thread in threads] == [0, 1, 2, 3, 4]


def test_a_run_on_another_thread_does_not_disturb_one_here() -> None:
    def main() -> int:
        thread = Outcome(run, lambda: go(lambda: 2).join())
        thread.start()
        while thread.is_alive():
            sleep(0.0001)
        assert thread.result() == 2
        return go(lambda: 1).join()

    assert run(main) == 1


# ---- the end


def test_run_ends_when_main_does_and_not_when_the_others_do() -> None:
    begin = time.monotonic()
    run(lambda: [go(sleep, 60) for _ in range(100)])
    assert time.monotonic() - begin < 2


def test_the_finally_blocks_of_the_others_run() -> None:
    seen: list[str] = []

    def work(name: str) -> None:
        try:
            sleep(60)
        finally:
            seen.append(name)

    def main() -> None:
        for name in "abc":
            parked(go(work, name))

    run(main)
    assert sorted(seen) == ["a", "b", "c"]


@pytest.mark.usefixtures("unhandled")
def test_the_others_are_cancelled_when_main_fails_as_well() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            sleep(60)
        finally:
            seen.append("ended")

    def main() -> None:
        parked(go(work))
        raise Wrong

    with pytest.raises(Wrong):
        run(main)
    assert seen == ["ended"]


def test_goroutines_that_never_began_never_do() -> None:
    seen: list[int] = []
    run(lambda: [go(seen.append, i) for i in range(10)])
    assert seen == []


def test_goroutines_have_some_time_to_end() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            sleep(60)
        except Cancelled:
            for _ in range(20):
                with suppress(Cancelled):
                    sleep(60)
            seen.append("ended")

    run(lambda: parked(go(work)))
    assert seen == ["ended"]


def test_a_goroutine_started_by_one_that_ends_is_cancelled_with_it() -> None:
    seen: list[str] = []

    def work(depth: int) -> None:
        try:
            sleep(60)
        finally:
            seen.append("ended")
            if depth:
                go(work, depth - 1)

    begin = time.monotonic()
    run(lambda: parked(go(work, 3)))
    assert time.monotonic() - begin < 2
    assert seen == ["ended"]


def test_a_result_may_be_asked_for_after_the_run() -> None:
    def main() -> list[Goroutine]:
        goroutines = [go(lambda: 1), go(sleep, 60)]
        goroutines[0].join()
        return goroutines

    good, cancelled = run(main)
    assert good.join() == 1
    with pytest.raises(netpoll.GoroutineCancelled):
        cancelled.join()


def test_nothing_of_the_run_stays_open() -> None:
    before = open_descriptors()

    def main() -> None:
        with net.listen("tcp", "127.0.0.1:0") as listener:
            conn = net.dial("tcp", str(listener.local_addr))
            with conn, listener.accept() as accepted:
                sleep(0.0001)
                conn.write(b"x")
                accepted.read()
        assert open_descriptors() != before

    for _ in range(3):
        run(main)
        assert open_descriptors() == before
        assert attached_scheduler() is None


def test_a_connection_outlives_the_run_that_made_it() -> None:
    with pair() as (one, two):

        def wait() -> bytes:
            reader = parked(go(one.read_bytes, 10))
            two.write(b"x")
            return reader.join()

        for _ in range(3):
            assert run(wait) == b"x"
            assert wait() == b"x"


def test_deadlines_outlive_the_run_in_which_they_were_set() -> None:
    with pair() as (one, _):
        run(one.set_read_deadline, time.monotonic() + 0.02)
        with pytest.raises(netpoll.DeadlineExceeded):
            run(one.read_bytes, 10)


# ---- those that do not end


@pytest.fixture
def grace(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(lifecycle, "GRACE", 0.02)
    return 0.02


def stubborn(stop: threading.Event) -> None:
    while not stop.is_set():
        with suppress(Cancelled):
            sleep(60)


def test_goroutines_that_do_not_end_are_named_and_left_behind(
    grace: float, left_behind: list[str]
) -> None:
    stop = threading.Event()

    def main() -> list[Goroutine]:
        goroutines = [parked(go(stubborn, stop)), parked(go(sleep, 60))]
        goroutines[0].name = "mule"
        return goroutines

    begin = time.monotonic()
    mule, other = run(main)
    assert grace <= time.monotonic() - begin < 2
    assert left_behind == ["mule"]
    assert mule.done
    assert other.done
    left_behind.clear()


@pytest.mark.usefixtures("grace")
def test_a_thread_goes_on_after_a_goroutine_was_left_behind(left_behind: list[str]) -> None:
    stop = threading.Event()
    for _ in range(5):
        run(lambda: parked(go(stubborn, stop)))
        assert run(lambda: go(lambda: 1).join()) == 1
    assert len(left_behind) == 5
    left_behind.clear()


@pytest.mark.usefixtures("grace")
def test_the_report_says_who_was_left_behind_and_where_it_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(lifecycle, "GRACE", 0.02)
    run(lambda: parked(go(stubborn, threading.Event())))
    text = capsys.readouterr().err
    assert text.startswith("netpoll: still running 0.02 s after they were cancelled:\nstubborn-")
    assert "sleep(60)" in text


@pytest.mark.usefixtures("grace")
def test_the_outcome_of_main_is_not_lost_when_goroutines_stay(left_behind: list[str]) -> None:
    def main(outcome: object) -> object:
        parked(go(stubborn, threading.Event()))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    assert run(main, 5) == 5
    with pytest.raises(Wrong):
        run(main, Wrong())
    left_behind.clear()


@pytest.mark.usefixtures("grace")
def test_what_was_left_behind_counts_as_cancelled(left_behind: list[str]) -> None:
    goroutine = run(lambda: parked(go(stubborn, threading.Event())))
    assert goroutine.done
    goroutine.cancel()
    lowlevel.ready(goroutine)
    with pytest.raises(netpoll.GoroutineCancelled):
        goroutine.join()
    left_behind.clear()


@pytest.mark.usefixtures("grace")
def test_another_thread_that_joins_what_is_left_behind_is_told(left_behind: list[str]) -> None:
    joiners: list[Outcome[object]] = []

    def main() -> None:
        mule = parked(go(stubborn, threading.Event()))
        joiners.extend(Outcome(mule.join) for _ in range(3))
        for joiner in joiners:
            joiner.start()

    run(main)
    for joiner in joiners:
        with pytest.raises(netpoll.GoroutineCancelled):
            joiner.result()
    left_behind.clear()


# ---- failures of others


def fail() -> None:
    raise Wrong


def test_a_failure_while_the_run_ends_is_reported(unhandled: Unhandled) -> None:
    def work() -> None:
        try:
            sleep(60)
        finally:
            fail()

    run(lambda: parked(go(work)))
    assert [type(e) for _, e in unhandled] == [Wrong]
    unhandled.clear()


def test_a_failure_of_another_does_not_end_the_run(unhandled: Unhandled) -> None:
    def main() -> int:
        go(fail)
        gosched()
        return go(lambda: 1).join()

    assert run(main) == 1
    assert [type(e) for _, e in unhandled] == [Wrong]
    unhandled.clear()


def test_the_report_of_a_run_without_standard_error_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    monkeypatch.undo()
    report.left_behind([], 1.0, stream=None)


# ---- where there is no room


@pytest.fixture
def no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("no_more_descriptors")
def test_where_no_poller_can_be_made_main_is_told_and_goroutines_still_run() -> None:
    def main() -> int:
        for _ in range(3):
            with pytest.raises(OSError, match="Too many open files"):
                sleep(0.001)
            assert go(lambda: 1).join() == 1
        return 1

    assert run(main) == 1
    assert on_thread(run, main) == 1
