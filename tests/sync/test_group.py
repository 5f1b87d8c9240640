"""Groups: goroutines that end together, and what comes out of their block."""

import threading
import traceback

import pytest

from netpoll import (
    Cancelled,
    GoroutineCancelled,
    go,
    gosched,
    run,
    shield,
    sleep,
)
from netpoll.sync.group import Group
from tests.running import in_run, on_thread, parked
from tests.sync.failing import LONG, Boom, fail, fail_later, fail_when_cancelled

# ---- the wait


@in_run
def test_the_end_of_the_block_waits_for_all() -> None:
    ended = []

    def work(n: int) -> None:
        for _ in range(n):
            gosched()
        ended.append(n)

    with Group() as group:
        for n in (3, 1, 2):
            group.go(work, n)
        assert group.count == 3
    assert ended == [1, 2, 3]
    assert group.count == 0


@in_run
def test_a_group_without_members_ends_at_once() -> None:
    with Group():
        pass


@in_run
def test_the_result_is_the_goroutines() -> None:
    with Group() as group:
        inside = group.go(int, "7", base=8)
        assert inside.join() == 7
        after = group.go(str, 8)
    assert after.join() == "8"


@in_run
def test_members_start_members() -> None:
    ended = []

    def grow(group: Group, depth: int) -> None:
        if depth:
            group.go(grow, group, depth - 1)
            group.go(grow, group, depth - 1)
        gosched()
        ended.append(depth)

    with Group() as group:
        group.go(grow, group, 4)
    assert len(ended) == 31


@in_run
def test_a_member_says_where_it_was_started_and_what_it_is() -> None:
    with Group() as group:
        member = group.go(sleep, 0)
    origin = member.origin
    assert origin is not None
    assert origin[0] == __file__
    assert member.name.startswith("sleep-")


@in_run
def test_a_group_is_for_one_block() -> None:
    group = Group()
    with pytest.raises(RuntimeError, match="in its block"):
        group.go(fail)
    with pytest.raises(RuntimeError, match="not entered"):
        group.__exit__(None, None, None)
    with group, pytest.raises(RuntimeError, match="only once"):
        group.__enter__()
    with pytest.raises(RuntimeError, match="has ended"):
        group.go(fail)
    with pytest.raises(RuntimeError, match="only once"):
        group.__enter__()
    with pytest.raises(RuntimeError, match="has been left"):
        group.__exit__(None, None, None)


@in_run
def test_only_who_has_entered_a_group_leaves_it() -> None:
    with Group() as group:
        with pytest.raises(RuntimeError, match="by the goroutine that has entered it"):
            go(group.__exit__, None, None, None).join()
        group.go(sleep, 0)


@in_run
def test_what_cannot_be_called_is_refused_and_takes_no_place() -> None:
    with Group(1) as group:
        with pytest.raises(TypeError, match="callable"):
            group.go(7)  # type: ignore[arg-type]
        group.go(sleep, 0)
        group.go(sleep, 0)


@in_run
def test_an_async_function_is_a_failure() -> None:
    async def nothing() -> None:
        pass

    with pytest.raises(TypeError, match="async def"), Group() as group:
        group.go(nothing)


# ---- failures


@in_run
def test_one_failure_comes_out_as_itself() -> None:
    with pytest.raises(Boom) as caught, Group() as group:
        group.go(fail)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert "fail" in names
    assert caught.value.__context__ is None


@in_run
def test_the_first_failure_cancels_the_others_and_the_block() -> None:
    ends = []

    def work() -> None:
        try:
            sleep(LONG)
        except Cancelled:
            ends.append("member")
            raise

    def main() -> None:
        with Group() as group:
            group.go(work)
            gosched()
            group.go(fail)
            try:
                sleep(LONG)
            except Cancelled as exception:
                assert "a goroutine of its group has failed" in str(exception)
                ends.append("block")
                raise

    with pytest.raises(Boom) as caught:
        main()
    assert sorted(ends) == ["block", "member"]
    assert caught.value.__context__ is None


@in_run
def test_several_failures_come_out_together_in_their_order() -> None:
    with pytest.raises(ExceptionGroup) as caught, Group() as group:
        group.go(fail_when_cancelled, "second")
        gosched()
        group.go(fail, "first")
        group.go(fail, "never begun")
    assert [str(one) for one in caught.value.exceptions] == ["first", "second"]
    assert all(one.__traceback__ is not None for one in caught.value.exceptions)


@in_run
def test_of_others_than_exceptions_it_is_a_base_exception_group() -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(BaseExceptionGroup) as caught, Group() as group:
        group.go(fail_when_cancelled, "second")
        gosched()
        group.go(leave)
    assert not isinstance(caught.value, ExceptionGroup)
    with pytest.raises(SystemExit), Group() as group:
        group.go(leave)


@in_run
def test_what_the_block_raises_cancels_the_members_and_comes_out() -> None:
    with pytest.raises(Boom, match="mine") as caught:
        with Group() as group:
            member = group.go(sleep, LONG)
            gosched()
            raise Boom("mine")
    assert member.cancelled
    assert member.done
    assert caught.value.__context__ is None


@in_run
def test_the_block_and_a_member_fail() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        with Group() as group:
            group.go(fail_when_cancelled, "member")
            gosched()
            raise Boom("block")
    assert [str(one) for one in caught.value.exceptions] == ["block", "member"]


@in_run
def test_a_failure_that_was_joined_counts_once() -> None:
    with pytest.raises(Boom, match="boom"):
        with Group() as group:
            group.go(fail).join()
    with Group() as outer:
        with pytest.raises(Boom, match="boom"), Group() as group:
            failing = group.go(fail)
            group.go(failing.join)
            with pytest.raises(Boom):
                failing.join()
        outer.go(sleep, 0)


@in_run
def test_a_member_that_somebody_cancels_is_no_failure() -> None:
    with Group() as group:
        member = parked(group.go(sleep, LONG))
        other = group.go(sleep, 0.002)
        member.cancel()
        with pytest.raises(GoroutineCancelled):
            member.join()
    assert not group.cancelled
    other.join()


@in_run
def test_who_joins_a_member_that_somebody_cancels_does_fail() -> None:
    with pytest.raises(GoroutineCancelled), Group() as group:
        member = parked(group.go(sleep, LONG))
        group.go(member.join)
        gosched()
        member.cancel()


@in_run
def test_a_block_that_joins_what_its_group_has_cancelled_has_not_failed() -> None:
    with Group() as group:
        member = parked(group.go(sleep, LONG))
        group.cancel()
        with shield():
            while not member.done:
                gosched()
        member.join()
    assert group.cancelled


@in_run
def test_a_failure_while_the_block_waits_cancels_the_others() -> None:
    with pytest.raises(Boom), Group() as group:
        member = group.go(sleep, LONG)
        group.go(fail_later, 0.002)
    assert member.cancelled


@in_run
def test_excepthook_does_not_hear_of_what_the_group_reports() -> None:
    def work() -> None:
        with Group() as group:
            group.go(fail, "one")
            group.go(fail, "two")
            group.go(fail_when_cancelled, "three")

    with pytest.raises(Boom):
        work()  # the fixture of all tests looks


# ---- cancel


@in_run
def test_cancel_ends_the_block_and_the_members_and_is_no_failure() -> None:
    with Group() as group:
        member = group.go(sleep, LONG)
        begun = parked(group.go(sleep, LONG))
        group.cancel("enough")
        with pytest.raises(Cancelled, match="enough"):
            sleep(0)
        sleep(LONG)
    assert group.cancelled
    assert member.cancelled
    assert begun.state == "cancelled"
    sleep(0)


@in_run
def test_who_is_started_in_a_cancelled_group_never_begins() -> None:
    with Group() as group:
        group.cancel()
        member = group.go(fail)
    assert member.done
    with pytest.raises(GoroutineCancelled):
        member.join()


@in_run
def test_a_group_cancelled_before_its_block_is_so_from_its_beginning() -> None:
    group = Group()
    group.cancel()
    with group:
        member = group.go(fail)
        sleep(LONG)
    assert member.cancelled


@in_run
def test_cancel_after_the_end_does_nothing() -> None:
    with Group() as group:
        pass
    group.cancel()
    assert not group.cancelled


@in_run
def test_a_member_may_cancel_its_group() -> None:
    with Group() as group:
        group.go(group.cancel)
        group.go(sleep, LONG)
        sleep(LONG)


def test_a_group_is_cancelled_from_another_thread() -> None:
    groups: list[Group] = []
    ready = threading.Event()

    def work() -> bool:
        with Group() as group:
            group.go(sleep, LONG)
            groups.append(group)
            ready.set()
            sleep(LONG)
        return group.cancelled

    def cancel() -> None:
        ready.wait(20)
        groups[0].cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    assert on_thread(run, work)
    canceller.join()
