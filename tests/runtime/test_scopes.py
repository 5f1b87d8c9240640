"""Scopes: a block can be cancelled from outside, or has to end in time, and the program goes on."""

import gc
import threading
import time
import weakref
from collections.abc import Callable

import pytest

from netpoll import (
    Cancelled,
    CancelScope,
    GoroutineCancelled,
    ScopeTimeout,
    cancel_scope,
    current,
    deadline,
    go,
    gosched,
    lowlevel,
    run,
    shield,
    sleep,
    timeout,
)
from netpoll._runtime.scheduler import ensure_scheduler
from tests.running import begin, in_run, on_thread, pair, parked

LONG = 3600.0


@in_run
def test_a_cancelled_block_ends_and_the_program_goes_on() -> None:
    with cancel_scope() as scope:
        go(scope.cancel)
        sleep(LONG)
        pytest.fail("the park did not end")
    assert scope.cancelled
    assert scope.caught
    assert not scope.expired
    sleep(0)


@in_run
def test_each_park_of_a_cancelled_block_raises() -> None:
    raised = 0
    with cancel_scope() as scope:
        scope.cancel()
        for _ in range(3):
            with pytest.raises(Cancelled):
                sleep(LONG)
            raised += 1
        with pytest.raises(Cancelled):
            gosched()
    assert raised == 3
    assert not scope.caught  # nothing came out of the block


@in_run
def test_a_block_that_does_not_park_is_not_cut_short() -> None:
    with timeout(0) as scope:
        value = 1 + 1
    assert value == 2
    assert scope.expired
    assert not scope.caught


@in_run
def test_a_timeout_raises_and_says_whose_it_was() -> None:
    start = time.monotonic()
    with timeout(LONG) as outer:
        with (
            pytest.raises(ScopeTimeout, match="its time is over") as caught,
            timeout(0.01) as inner,
        ):
            sleep(LONG)
        assert caught.value.scope is inner
        assert isinstance(caught.value, TimeoutError)
        assert isinstance(caught.value.__cause__, Cancelled)
    assert time.monotonic() - start >= 0.01
    assert inner.caught
    assert not outer.cancelled


@in_run
def test_when_the_outer_time_is_over_the_inner_block_ends_too() -> None:
    seen = []
    with pytest.raises(ScopeTimeout) as caught, timeout(0.01) as outer:
        try:
            with timeout(LONG):
                sleep(LONG)
        except BaseException as exception:
            seen.append(exception)
            raise
    assert caught.value.scope is outer
    assert [type(exception) for exception in seen] == [Cancelled]


@pytest.mark.parametrize("inner_first", [True, False])
@in_run
def test_of_two_that_are_cancelled_the_outer_one_ends(inner_first: bool) -> None:
    reached = []
    with cancel_scope() as outer:
        with cancel_scope() as inner:
            for scope in (inner, outer) if inner_first else (outer, inner):
                scope.cancel()
            sleep(LONG)
        reached.append("between")
    assert reached == []
    assert (outer.caught, inner.caught) == (True, False)


@in_run
def test_a_cancellation_of_the_goroutine_passes_through_its_scopes() -> None:
    def work() -> None:
        with timeout(LONG), cancel_scope() as scope:
            scope.cancel()
            current().cancel()
            sleep(LONG)
        pytest.fail("it came out of the scope")

    with pytest.raises(GoroutineCancelled):
        go(work).join()


@in_run
def test_a_shield_holds_off_what_lies_outside() -> None:
    steps = []

    def work() -> None:
        try:
            sleep(LONG)
        finally:
            with shield():
                sleep(0.001)
                steps.append("cleaned up")
            with pytest.raises(Cancelled):
                sleep(0)
            steps.append("raised again")

    worker = begin(work)
    worker.cancel()
    with pytest.raises(GoroutineCancelled):
        worker.join()
    assert steps == ["cleaned up", "raised again"]


@in_run
def test_a_shielded_park_is_not_woken_by_a_cancellation() -> None:
    def work() -> str:
        with shield():
            sleep(0.02)
        return "whole"

    worker = parked(go(work))
    worker.cancel()
    assert worker.join() == "whole"


@in_run
def test_limits_within_a_shield_hold() -> None:
    def work() -> None:
        current().cancel()
        with shield(), pytest.raises(ScopeTimeout), timeout(0.001):
            sleep(LONG)
        raise ValueError("reached")

    with pytest.raises(ValueError, match="reached"):
        go(work).join()


@in_run
def test_a_scope_that_shields_and_is_cancelled_ends_there() -> None:
    def work() -> str:
        current().cancel()
        with cancel_scope(shield=True, deadline=time.monotonic() + 0.001) as scope:
            sleep(LONG)
        assert scope.caught
        return "went on"

    assert go(work).join() == "went on"


@in_run
def test_the_deadline_can_be_moved_both_ways() -> None:
    with timeout(LONG) as scope:
        first = scope.deadline
        assert first is not None
        assert first > time.monotonic() + LONG - 10
        scope.deadline = time.monotonic() + LONG * 2
        scope.deadline = None
        assert scope.deadline is None
        with pytest.raises(ScopeTimeout):
            with timeout(LONG) as inner:
                inner.deadline = time.monotonic() + 0.001
                sleep(LONG)
        scope.deadline = time.monotonic() - 1
        with pytest.raises(Cancelled):
            sleep(LONG)
    assert scope.expired


@in_run
def test_a_deadline_postponed_does_not_fire_at_its_old_time() -> None:
    with timeout(0.005) as scope:
        scope.deadline = time.monotonic() + LONG
        sleep(0.02)
    assert not scope.cancelled


@in_run
def test_a_moment_on_the_clock_is_a_limit_too() -> None:
    with pytest.raises(ScopeTimeout), deadline(time.monotonic() - 1):
        sleep(0)
    with deadline(None), timeout(None) as scope:
        sleep(0)
    assert scope.deadline is None


@in_run
def test_a_deadline_of_a_plain_scope_ends_it_quietly() -> None:
    with cancel_scope(deadline=time.monotonic() + 0.001) as scope:
        sleep(LONG)
    assert scope.expired
    assert scope.caught


@in_run
def test_a_timeout_that_is_cancelled_by_hand_ends_quietly() -> None:
    with timeout(LONG) as scope:
        scope.cancel("enough")
        sleep(LONG)
    assert scope.caught
    assert not scope.expired


@in_run
def test_a_cancelled_scope_is_so_from_its_beginning() -> None:
    scope = cancel_scope()
    scope.cancel()
    with scope:
        sleep(LONG)
    assert scope.caught


@in_run
def test_the_exception_says_why() -> None:
    with cancel_scope() as outer:
        with pytest.raises(Cancelled, match="scope was cancelled: shutting down"):
            with cancel_scope() as inner:
                inner.cancel("not this")
                outer.cancel("shutting down")
                sleep(LONG)
    with pytest.raises(ScopeTimeout, match=r"main: its time is over \(0.001 s\)"), timeout(0.001):
        sleep(LONG)


@in_run
def test_what_else_the_block_raises_comes_out() -> None:
    with pytest.raises(ValueError, match="mine"):
        with cancel_scope() as scope:
            scope.cancel()
            raise ValueError("mine")
    assert not scope.caught


@in_run
def test_a_scope_cancels_reads() -> None:
    with pair() as (end, peer):
        with pytest.raises(ScopeTimeout), timeout(0.005):
            end.read_bytes(1)
        peer.write(b"x")
        assert end.read_bytes(1) == b"x"


@in_run
def test_a_scope_is_for_one_goroutine_and_one_time() -> None:
    scope = cancel_scope()
    with pytest.raises(RuntimeError, match="not entered, or has been left"):
        scope.__exit__(None, None, None)
    with scope, pytest.raises(RuntimeError, match="only once"):
        scope.__enter__()
    with pytest.raises(RuntimeError, match="not entered, or has been left"):
        scope.__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="only once"):
        scope.__enter__()
    other = cancel_scope()
    other.__enter__()
    with pytest.raises(RuntimeError, match="by the goroutine that has entered it"):
        go(other.__exit__, None, None, None).join()
    other.cancel()
    with pytest.raises(Cancelled) as caught:
        sleep(LONG)
    assert other.__exit__(Cancelled, caught.value, None)  # it is still the one that has entered it
    sleep(0)


@in_run
def test_scopes_left_in_the_wrong_order_are_an_error_and_do_no_harm() -> None:
    outer, inner = cancel_scope(), timeout(LONG)
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(RuntimeError, match="before those that were entered in it"):
        outer.__exit__(None, None, None)
    outer.cancel()
    sleep(0)
    inner.cancel()
    with pytest.raises(Cancelled) as caught:
        sleep(0)
    assert inner.__exit__(Cancelled, caught.value, None)
    sleep(0)


@in_run
def test_a_scope_left_open_at_the_end_is_forgotten() -> None:
    scope = timeout(0.005)

    def work() -> None:
        scope.__enter__()

    go(work).join()
    sleep(0.02)
    assert not scope.cancelled


def test_a_scope_left_open_by_main_does_not_disturb_the_end() -> None:
    kept: list[CancelScope] = []

    def clean_up(seen: list[str]) -> None:
        try:
            sleep(LONG)
        finally:
            seen.append("ended")

    def main(seen: list[str]) -> None:
        go(clean_up, seen)
        gosched()
        kept.append(cancel_scope())
        kept[0].__enter__()
        kept[0].cancel()

    seen: list[str] = []
    run(main, seen)
    assert seen == ["ended"]


def test_a_scope_can_be_cancelled_from_another_thread() -> None:
    def work(scopes: list[CancelScope], entered: threading.Event) -> bool:
        with cancel_scope() as scope:
            scopes.append(scope)
            entered.set()
            sleep(LONG)
        return scope.caught

    scopes: list[CancelScope] = []
    entered = threading.Event()

    def cancel() -> None:
        entered.wait(20)
        scopes[0].cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    assert on_thread(run, lambda: work(scopes, entered))
    canceller.join()


def test_a_deadline_can_be_set_from_another_thread() -> None:
    scopes: list[CancelScope] = []
    entered = threading.Event()

    def work() -> bool:
        with cancel_scope() as scope:
            scopes.append(scope)
            entered.set()
            sleep(LONG)
        return scope.expired

    def bring_forward() -> None:
        entered.wait(20)
        time.sleep(0.01)  # so that the other is in its poll: that is what has to be broken
        scopes[0].deadline = time.monotonic() + 0.001

    setter = threading.Thread(target=bring_forward)
    setter.start()
    assert on_thread(run, work)
    setter.join()


@pytest.mark.parametrize(
    "make", [lambda: timeout(float("nan")), lambda: deadline(float("nan")), CancelScope]
)
def test_what_is_no_limit_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        make()


@in_run
def test_scopes_leave_nothing_behind() -> None:
    refs = []
    for _ in range(100):
        with timeout(LONG) as scope:
            pass
        refs.append(weakref.ref(scope))
        del scope
    gc.collect()
    assert not any(ref() for ref in refs)


@pytest.mark.parametrize("cancelled_first", [True, False])
@in_run
def test_a_wake_up_and_a_cancellation_at_the_same_moment_lose_neither(
    cancelled_first: bool,
) -> None:
    with pair() as (end, peer):
        got: list[bytes] = []
        scope = cancel_scope()

        def read() -> None:
            with scope:
                got.append(end.read_bytes(10))

        reader = parked(go(read))
        actions: list[Callable[[], object]] = [scope.cancel, lambda: peer.write(b"data")]
        for action in actions if cancelled_first else reversed(actions):
            action()
        reader.join()
        assert got in ([], [b"data"])
        if not got:
            assert end.read_bytes(10) == b"data"


@pytest.mark.parametrize("has_timer", [False, True])
def test_a_deadline_set_while_its_thread_is_about_to_sleep_is_kept(has_timer: bool) -> None:
    """Between working out for how long, and sleeping, other threads and signal handlers run."""

    def main() -> bool:
        scheduler = ensure_scheduler()
        scope = cancel_scope()
        moved: list[bool] = []

        def move(_delay: int | None) -> bool:  # called in just that window
            if not moved:
                moved.append(True)
                setter = threading.Thread(
                    target=setattr, args=(scope, "deadline", time.monotonic() + 0.001)
                )
                setter.start()
                setter.join()
            return False

        other = go(sleep, 5) if has_timer else None
        with scope:
            scheduler.set_on_idle(move)
            try:
                lowlevel.park()
            finally:
                scheduler.set_on_idle(None)
        if other is not None:
            other.cancel()
        return scope.expired

    begin = time.monotonic()
    assert on_thread(run, main)
    assert time.monotonic() - begin < 4
