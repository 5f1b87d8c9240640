"""Equal look-ups that are under way at the same time are one."""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from time import monotonic

import pytest

from netpoll import (
    DeadlineExceeded,
    DNSError,
    Goroutine,
    GoroutineCancelled,
    current,
    go,
    gosched,
    run,
)
from netpoll._runtime.permits import park, ready
from netpoll.net.lookup import flight
from netpoll.net.lookup.flight import share
from tests.running import in_run, on_thread, parked, says

SOON = 0.02


class Work:
    """A look-up that takes until it is told what to find, and counts how often it is called."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = 0
        self.found: object = None
        self._at: list[Goroutine[object]] = []

    def __call__(self) -> object:
        self.calls += 1
        me = current()
        self._at.append(me)
        try:
            park()
        except BaseException:
            self.cancelled += 1
            raise
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def end(self, found: object) -> None:
        self.found = found
        ready(self._at.pop())


def joined(work: Callable[[], object], until: float | None = None, key: str = "key") -> object:
    return share(key, "a.example", until, work)


def asking_for(work: Callable[[], object], key: str = "key") -> Goroutine[object]:
    """Return a goroutine that waits for the work, which has begun."""
    asking = parked(go(joined, work, None, key))
    parked(flight._flights.by_key[key].work)
    return asking


@in_run
def test_equal_lookups_are_one() -> None:
    work = Work()
    asking = [asking_for(work) for _ in range(10)]
    other = asking_for(work, "other")
    assert work.calls == 2
    work.end("found")
    work.end("found")
    assert {one.join(5) for one in (*asking, other)} == {"found"}
    assert flight._flights.by_key == {}


@in_run
def test_a_lookup_after_the_end_of_another_is_a_new_one() -> None:
    work = Work()
    for number in range(3):
        asking = asking_for(work)
        work.end(number)
        assert asking.join(5) == number
    assert work.calls == 3


@in_run
def test_whoever_asks_again_before_all_have_heard_the_answer_gets_a_new_one() -> None:
    work = Work()

    def twice() -> tuple[object, object]:
        return joined(work), joined(work)

    eager = [parked(go(twice)) for _ in range(3)]
    parked(flight._flights.by_key["key"].work)
    work.end("first")
    while work.calls == 1:
        gosched()
    late = asking_for(work)
    assert work.calls == 2
    work.end("second")
    assert [one.join(5) for one in eager] == [("first", "second")] * 3
    assert late.join(5) == "second"
    assert work.calls == 2


@in_run
def test_work_that_was_called_off_by_others_takes_nobody_more() -> None:
    work = Work()
    first = asking_for(work)
    flight._flights.by_key["key"].work.cancel()
    assert joined(lambda: "found") == "found"
    with pytest.raises(GoroutineCancelled):
        first.join(5)


@in_run
def test_with_no_time_left_nothing_is_begun() -> None:
    work = Work()
    with pytest.raises(DeadlineExceeded):
        joined(work, monotonic())
    gosched()
    assert work.calls == 0


@in_run
def test_each_waits_for_as_long_as_he_likes() -> None:
    work = Work()
    patient = asking_for(work)
    begin = monotonic()
    with pytest.raises(DeadlineExceeded, match=r"^lookup a\.example: i/o timeout$"):
        joined(work, begin + SOON)
    assert monotonic() - begin >= SOON
    with pytest.raises(DeadlineExceeded):
        joined(work, begin)
    assert work.calls == 1
    work.end("found")
    assert patient.join(5) == "found"
    assert work.cancelled == 0


@in_run
def test_when_all_have_gone_the_work_is_cancelled_and_the_next_begins_anew() -> None:
    work = Work()
    asking = [asking_for(work) for _ in range(3)]
    for one in asking:
        assert work.cancelled == 0
        one.cancel()
        with pytest.raises(GoroutineCancelled):
            one.join(5)
    again = asking_for(work)
    assert (work.calls, work.cancelled) == (2, 1)
    work.end("found")
    assert again.join(5) == "found"


@pytest.mark.parametrize("turns", range(8))
@in_run
def test_cancelling_at_any_moment_leaves_nothing_behind(turns: int) -> None:
    work = Work()
    asking = go(joined, work)
    for _ in range(turns):
        gosched()
    asking.cancel()
    with pytest.raises(GoroutineCancelled):
        asking.join(5)
    assert flight._flights.by_key == {}
    for _ in range(3):
        gosched()
    assert work.calls == work.cancelled


@in_run
def test_an_error_is_everyones_and_each_has_a_copy() -> None:
    work = Work()
    asking = [asking_for(work) for _ in range(3)]
    error = DNSError("server misbehaving", "a.example", server="s", is_temporary=True)
    error.__cause__ = ValueError("why")
    work.end(error)
    errors = []
    for one in asking:
        with pytest.raises(DNSError) as caught:
            one.join(5)
        errors.append(caught.value)
    assert len({id(one) for one in (*errors, error)}) == 4
    for copied in errors:
        assert vars(copied) == vars(error)
        assert copied.__cause__ is error.__cause__
        assert str(copied) == str(error)


class Odd(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(one + two)


@in_run
def test_an_error_that_cannot_be_copied_is_raised_as_it_is() -> None:
    work = Work()
    asking = asking_for(work)
    work.end(Odd(1, 2))
    with pytest.raises(Odd) as caught:
        asking.join(5)
    assert caught.value is work.found


@in_run
def test_an_error_shows_where_it_was_raised() -> None:
    def divides() -> float:
        return 1 / int("0")

    with pytest.raises(ZeroDivisionError) as caught:
        joined(divides)
    assert caught.traceback[-1].name == "divides"


@in_run
def test_an_error_that_nobody_waits_for_any_more_is_nobodys() -> None:
    def fails_late() -> None:
        try:
            park()
        finally:
            raise ValueError("in the end")  # instead of Cancelled

    asking = asking_for(fails_late)
    asking.cancel()
    with pytest.raises(GoroutineCancelled):
        asking.join(5)
    gosched()  # the excepthook is looked at by each test


def test_each_thread_has_lookups_of_its_own() -> None:
    calls = []

    def ask() -> object:
        def work() -> int:
            calls.append(threading.get_ident())
            barrier.wait(10)
            return threading.get_ident()

        return run(joined, work)

    barrier = threading.Barrier(2)

    def both() -> None:
        other = threading.Thread(target=lambda: seen.append(ask()))
        seen: list[object] = []
        other.start()
        assert ask() == threading.get_ident()
        other.join(10)
        assert seen == [other.ident]

    on_thread(both)
    assert len(set(calls)) == 2


def test_a_child_does_not_wait_for_its_parents_lookups() -> None:
    program = """
        import os, time, warnings
        from netpoll import go, gosched, run, sleep
        from netpoll.net.lookup.flight import share

        warnings.simplefilter("ignore", DeprecationWarning)  # of fork, where there are threads

        def ask(work):
            return share("key", "a.example", time.monotonic() + 10, work)

        def main():
            asking = go(ask, lambda: sleep(0.1) or "parent's")
            sleep(0.01)
            child = os.fork()
            print(ask(lambda: "child's") if child == 0 else asking.join(), flush=True)
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)

        run(main)
    """
    assert sorted(says(program).split("\n")) == ["", "child's", "parent's"]


variable: ContextVar[str] = ContextVar("variable", default="")


@in_run
def test_the_work_sees_the_context_of_who_began_it() -> None:
    # Source: go1.27 net/lookup_test.go TestLookupIPAddrPreservesContextValues
    variable.set("mine")
    assert joined(variable.get) == "mine"
