"""Goroutines that will never run again: they leave the line, and what they were handed goes on."""

from collections.abc import Callable

import pytest

from netpoll import go, gosched, run, shield
from netpoll._runtime import lifecycle, report
from netpoll.sync import Mutex, RWMutex, Semaphore
from tests.running import Outcome, parked
from tests.runtime.children import in_child, no_warning
from tests.sync.kinds import LOCKS, Wait, each_kind, nobody_waits, signal

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


@pytest.mark.parametrize("kind", [*LOCKS, signal], ids=lambda kind: kind.__name__)
def test_what_was_given_to_one_who_is_left_behind_goes_to_the_next_in_line(
    kind: Kind, no_grace: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = kind()
    next_one = Outcome(run, wait.take)  # on a thread of its own, which goes on

    def main() -> None:
        parked(go(for_ever, wait.take))
        next_one.start()
        while "2 waiting" not in repr(wait.what):
            gosched()

    monkeypatch.setattr(report, "left_behind", lambda *_: wait.give())
    run(main)
    assert next_one.result() is not False
    wait.back()
    assert wait.free()


def test_a_small_one_goes_in_when_the_large_one_before_it_is_left_behind(
    no_grace: None, left_behind: list[str]
) -> None:
    units = Semaphore(2)
    small = Outcome(run, units.acquire)  # on a thread of its own, which goes on

    def main() -> None:
        units.acquire()
        parked(go(for_ever, lambda: units.acquire(2)))
        small.start()
        while "2 waiting" not in repr(units):
            gosched()

    run(main)
    assert left_behind.pop().startswith("for_ever")
    small.result()
    assert repr(units) == "<Semaphore 0 of 2 free>"


def test_a_reader_goes_in_when_the_writer_before_it_is_left_behind(
    no_grace: None, left_behind: list[str]
) -> None:
    rw = RWMutex()
    reader = Outcome(run, rw.rlock)

    def main() -> None:
        rw.rlock()
        parked(go(for_ever, rw.lock))
        reader.start()
        while "1 waiting to read" not in repr(rw):
            gosched()

    run(main)
    assert left_behind.pop().startswith("for_ever")
    reader.result()
    assert repr(rw) == "<RWMutex 2 reading>"


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
@each_kind
def test_a_child_does_not_wait_for_the_other_threads_of_its_parent(kind: Kind) -> None:
    wait = kind()
    other = Outcome(run, wait.take)

    def child() -> bool:
        assert nobody_waits(wait.what)
        wait.give()
        return bool(wait.free())

    def main() -> str:
        other.start()
        while nobody_waits(wait.what):
            gosched()
        said = in_child(child)
        wait.give()
        return said

    assert run(main) == "True"
    assert other.result() is not False


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
