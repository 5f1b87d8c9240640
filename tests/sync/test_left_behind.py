"""Goroutines that will never run again: they leave the line, and what they were handed goes on."""

from collections.abc import Callable

import pytest

from netpoll import go, gosched, run, shield
from netpoll._runtime import lifecycle, report
from netpoll.sync import Mutex, RWMutex, Semaphore
from tests.running import parked
from tests.runtime.children import in_child, no_warning
from tests.sync.kinds import Wait, each_kind, nobody_waits

Kind = Callable[[], Wait]


def for_ever(take: Callable[[], object]) -> None:
    """Wait, and hear of no cancellation."""
    with shield():
        take()


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "GRACE", 0.01)


@each_kind
def test_who_is_left_behind_by_a_run_leaves_the_line(
    kind: Kind, no_grace: None, left_behind: list[str]
) -> None:
    wait = run(lambda: (made := kind(), parked(go(for_ever, made.take)))[0])
    assert left_behind.pop().startswith("for_ever")
    assert nobody_waits(wait.what)
    wait.give()
    assert wait.free()


@each_kind
def test_what_was_given_to_one_who_is_left_behind_goes_back(
    kind: Kind, no_grace: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = kind()
    # The last moment at which something can be given to who will never run again:
    monkeypatch.setattr(report, "left_behind", lambda *_: wait.give())
    run(lambda: parked(go(for_ever, wait.take)))
    assert nobody_waits(wait.what)
    assert wait.free()


def test_small_ones_go_in_when_the_large_one_before_them_is_left_behind(
    no_grace: None, left_behind: list[str]
) -> None:
    units = Semaphore(2)

    def main() -> None:
        units.acquire()
        parked(go(for_ever, lambda: units.acquire(2)))
        go(for_ever, units.acquire)
        gosched()

    run(main)
    assert len(left_behind) == 2
    left_behind.clear()
    # Both are left behind, one after the other: the second was granted its unit, and gave it back.
    assert repr(units) == "<Semaphore 1 of 2 free>"


@no_warning
@each_kind
def test_a_child_does_not_wait_for_the_goroutines_of_its_parent(kind: Kind) -> None:
    def main() -> str:
        wait = kind()
        waiter = parked(go(wait.take))

        def child() -> bool:
            assert nobody_waits(wait.what)
            wait.give()
            return bool(wait.free())

        said = in_child(child)
        waiter.cancel()
        return said

    assert run(main) == "True"


@no_warning
def test_the_goroutine_that_forked_has_its_locks_in_the_child() -> None:
    def main() -> str:
        mutex, rw = Mutex(), RWMutex()

        def child() -> str:
            mutex.unlock()
            rw.unlock()
            with mutex, rw.reading():
                return f"{mutex} {rw}"

        with mutex, rw.writing():
            return in_child(child)

    assert run(main) == repr("<Mutex locked by main> <RWMutex 1 reading>")
