"""WaitGroup: until a number of tasks is done."""

import sys

import pytest

from netpoll import Goroutine, GoroutineCancelled, go, gosched, run, shield, sleep
from netpoll._runtime import lifecycle
from netpoll.sync import WaitGroup
from tests.conftest import Unhandled
from tests.running import in_run, parked


@in_run
def test_nobody_is_let_go_too_soon() -> None:
    # Go: TestWaitGroup.
    first, second, n = WaitGroup(), WaitGroup(), 16
    for _ in range(8):  # and used again
        exited: list[int] = []
        first.add(n)
        second.add(n)

        def work(i: int, exited: list[int] = exited) -> None:
            first.done()
            second.wait()
            exited.append(i)

        workers = [go(work, i) for i in range(n)]
        first.wait()
        for _ in range(n):
            assert not exited
            second.done()
        for worker in workers:
            worker.join(10)
        assert exited == list(range(n))


def test_a_negative_counter_is_an_error_and_changes_nothing() -> None:
    # Go: TestWaitGroupMisuse.
    wg = WaitGroup()
    wg.add()
    wg.done()
    with pytest.raises(RuntimeError, match="negative: <WaitGroup 0 to go>"):
        wg.done()
    wg.add(3)
    with pytest.raises(RuntimeError, match=r"add\(-4\) makes the counter .* negative"):
        wg.add(-4)
    assert wg.count == 3
    wg.add(-3)
    wg.add(0)
    assert repr(wg) == "<WaitGroup 0 to go>"


@in_run
def test_waiting_for_nothing_goes_on() -> None:
    WaitGroup().wait()
    WaitGroup().wait(0)


@in_run
def test_who_waited_goes_on_even_if_it_is_used_again_at_once() -> None:
    wg = WaitGroup()
    wg.add()
    waiter = parked(go(wg.wait))
    wg.done()
    wg.add()
    later = parked(go(wg.wait))
    waiter.join(10)
    assert not later.done
    wg.done()
    later.join(10)


@in_run
def test_a_limit_says_what_is_to_go() -> None:
    wg = WaitGroup()
    wg.add(2)
    with pytest.raises(TimeoutError, match=r"not done within 0.001 s: <WaitGroup 2 to go>"):
        wg.wait(0.001)


# ---- go


@in_run
def test_go_counts_a_goroutine_until_it_has_ended() -> None:
    wg = WaitGroup()
    workers = [wg.go(int, str(i), base=10) for i in range(100)]
    assert wg.count == 100
    wg.wait()
    assert all(worker.done for worker in workers)
    assert [worker.join() for worker in workers] == list(range(100))


@in_run
def test_a_task_may_start_others() -> None:
    wg, seen = WaitGroup(), []

    def work(depth: int) -> None:
        if depth:
            wg.go(work, depth - 1)
        gosched()
        seen.append(depth)

    wg.go(work, 10)
    wg.wait()
    assert len(seen) == 11


@in_run
def test_one_that_fails_is_done_and_told_as_any_other(unhandled: Unhandled) -> None:
    # Go: TestIssue76126; there the program ends with it.
    wg = WaitGroup()

    def fail() -> None:
        raise KeyError("why")

    wg.go(fail)
    wg.wait()
    ((goroutine, exception),) = unhandled
    assert goroutine.name.startswith("fail-")
    assert isinstance(exception, KeyError)
    unhandled.clear()
    with pytest.raises(KeyError):
        wg.go(fail).join()
    wg.wait()


@in_run
def test_one_that_is_cancelled_is_done_whether_it_has_begun_or_not() -> None:
    wg = WaitGroup()
    begun, new = parked(wg.go(sleep, 60)), wg.go(sleep, 60)
    for worker in (new, begun):
        worker.cancel()
    wg.wait(10)
    for worker in (new, begun):
        with pytest.raises(GoroutineCancelled):
            worker.join()


@in_run
def test_what_cannot_be_started_is_not_counted() -> None:
    wg = WaitGroup()
    with pytest.raises(TypeError, match="needs a callable, not int"):
        wg.go(1)  # type: ignore[arg-type]
    assert wg.count == 0


@in_run
def test_an_async_function_is_refused(unhandled: Unhandled) -> None:
    wg = WaitGroup()

    async def work() -> None:
        """Never begins."""

    with pytest.raises(TypeError, match="needs a plain function"):
        wg.go(work).join()  # type: ignore[unused-coroutine]  # it is never made
    wg.wait()


@in_run
def test_a_goroutine_has_the_name_of_its_function_and_where_it_was_started() -> None:
    wg = WaitGroup()

    class Job:
        def __call__(self) -> None:
            """Do nothing."""

    def named() -> None:
        """Do nothing."""

    goroutine: Goroutine[None] = wg.go(named)
    assert goroutine.name == f"named-{goroutine.id}"
    assert goroutine.origin is not None
    assert goroutine.origin[0] == __file__
    assert wg.go(Job()).name.startswith("Job-")
    wg.wait()


def test_a_task_that_is_done_already_by_hand_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: seen.append(str(told.exc_value)))

    def main() -> None:
        wg = WaitGroup()
        wg.go(wg.done).join()

    run(main)
    assert seen == ["add(-1) makes the counter of a WaitGroup negative: <WaitGroup 0 to go>"]


@in_run
def test_many_goroutines_through_one() -> None:
    wg, count = WaitGroup(), 0

    def work() -> None:
        nonlocal count
        count += 1

    for _ in range(20_000):
        wg.go(work)
    wg.wait()
    assert count == 20_000


def test_a_task_that_is_left_behind_by_a_run_is_done(
    monkeypatch: pytest.MonkeyPatch, left_behind: list[str]
) -> None:
    monkeypatch.setattr(lifecycle, "GRACE", 0.01)
    group = WaitGroup()

    def for_ever() -> None:
        with shield():
            sleep(3600)

    def main() -> None:
        group.go(for_ever)
        gosched()

    run(main)
    assert left_behind.pop().startswith("for_ever")
    assert group.count == 0
