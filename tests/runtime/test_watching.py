"""The watch for goroutines that hold their thread."""

import time

import pytest

from netpoll import go, gosched, run, sleep, watch
from tests.running import in_run, on_thread, parked, says

SHORT = 0.02
"""Seconds between two looks."""
CALM = 0.2
"""The same where nothing must be told, though a busy machine may halt a thread for a moment."""
SOON = 20.0


def hold(said: list[str], number: int = 1) -> None:
    """Hold the thread until that much is told."""
    until = time.monotonic() + SOON
    while len(said) < number and time.monotonic() < until:
        time.sleep(1e-3)


@in_run
def test_who_holds_the_thread_is_told_once_with_the_stack() -> None:
    said: list[str] = []

    def careless() -> None:
        hold(said)
        time.sleep(5 * SHORT)  # the same hold

    with watch(SHORT, said.append):
        others = [parked(go(sleep, 60)) for _ in range(3)]
        go(careless).join()
        for other in others:
            other.cancel()
    (text,) = said
    head, *stack = text.splitlines()
    assert head.startswith("netpoll: careless-")
    assert f" (started at {__file__}:" in head
    assert head.endswith("has held its thread for 0.02 s, and 4 other goroutines wait")
    assert any("in careless" in line for line in stack)
    assert any("in hold" in line for line in stack)


@in_run
def test_each_hold_is_told() -> None:
    said: list[str] = []
    with watch(SHORT, said.append):
        parked(go(sleep, 60))
        for number in (1, 2, 3):
            hold(said, number)
            gosched()
    assert len(said) == 3
    assert all("main has held its thread" in text for text in said)
    assert all("and 1 other goroutine waits" in text for text in said)


@in_run
def test_nothing_is_told_of_who_parks_yields_or_is_alone() -> None:
    said: list[str] = []
    with watch(CALM, said.append):
        time.sleep(3 * CALM)  # alone
        other = parked(go(sleep, 60))
        sleep(3 * CALM)  # parks
        until = time.monotonic() + 3 * CALM
        while time.monotonic() < until:
            gosched()
        other.cancel()
    assert said == []


@in_run
def test_after_its_end_nothing_is_told() -> None:
    said: list[str] = []
    watching = watch(SHORT, said.append)
    watching.stop()
    watching.stop()
    sleep(2 * SHORT)
    parked(go(sleep, 60))
    time.sleep(10 * SHORT)
    assert said == []


@in_run
def test_it_watches_every_thread() -> None:
    said: list[str] = []

    def other() -> None:
        waiting = go(sleep, 60)
        gosched()
        hold(said)
        waiting.cancel()

    with watch(SHORT, said.append):
        on_thread(run, other)
    assert [text.split()[1] for text in said] == ["main"]
    assert any("in other" in line for line in said[0].splitlines())


def test_what_tells_may_raise() -> None:
    said: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        raise ValueError("cannot tell")

    @in_run
    def program() -> None:
        with watch(SHORT, tell):
            parked(go(sleep, 60))
            hold(said, 1)
            gosched()
            hold(said, 2)

    program()
    assert len(said) == 2


def test_a_deadlock_is_found_as_if_there_were_no_watch() -> None:
    said = says(
        """
        import netpoll
        from netpoll.sync import Event

        def main():
            with netpoll.watch(0.02):
                netpoll.sleep(0.05)
                try:
                    Event().wait()
                except netpoll.DeadlockError:
                    print("found")

        netpoll.run(main)
        """
    )
    assert said == "found\n"


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        watch(seconds)


def test_what_cannot_tell_is_refused() -> None:
    with pytest.raises(TypeError, match="callable"):
        watch(1, None)  # type: ignore[arg-type]


def test_as_a_rule_it_prints_on_standard_error() -> None:
    said = says(
        """
        import sys, time, io, netpoll
        from netpoll import go, run, sleep

        def main():
            netpoll.watch(0.02)
            go(sleep, 60)
            sys.stderr, kept = io.StringIO(), sys.stderr
            until = time.monotonic() + 20
            while not sys.stderr.getvalue().endswith("\\n") and time.monotonic() < until:
                time.sleep(0.001)
            said, sys.stderr = sys.stderr.getvalue(), kept
            print(said.splitlines()[0])

        run(main)
        """
    )
    assert said == "netpoll: main has held its thread for 0.02 s, and 1 other goroutine waits\n"
