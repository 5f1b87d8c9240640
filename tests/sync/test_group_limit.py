"""Groups with places for so many members, and those that are cancelled from outside."""

from collections.abc import Callable

import pytest

from netpoll import (
    Cancelled,
    GoroutineCancelled,
    ScopeTimeout,
    cancel_scope,
    go,
    gosched,
    shield,
    sleep,
    timeout,
)
from netpoll.sync.group import Group
from netpoll.testing import each_seed
from tests.running import begin, in_run, parked
from tests.sync.failing import LONG, Boom, fail, fail_later, fail_when_cancelled

# ---- being cancelled


def enter_and_wait(ended: list[str], where: str) -> None:
    def work() -> None:
        try:
            sleep(LONG)
        finally:
            with shield():
                sleep(0.002)
            ended.append("member")

    with Group() as group:
        group.go(work)
        gosched()
        if where == "block":
            sleep(LONG)


@pytest.mark.parametrize("where", ["block", "wait"])
@in_run
def test_a_cancelled_host_cancels_and_waits(where: str) -> None:
    ended: list[str] = []
    host = parked(begin(enter_and_wait, ended, where))
    host.cancel()
    with pytest.raises(GoroutineCancelled):
        host.join()
    assert ended == ["member"]


@pytest.mark.parametrize("where", ["block", "wait"])
@in_run
def test_a_timeout_around_a_group_ends_it_and_is_the_timeouts(where: str) -> None:
    ended: list[str] = []
    with pytest.raises(ScopeTimeout) as caught, timeout(0.002) as scope:
        enter_and_wait(ended, where)
    assert caught.value.scope is scope
    assert ended == ["member"]


@in_run
def test_a_timeout_inside_the_block_is_the_blocks_own_affair() -> None:
    with Group() as group:
        member = group.go(sleep, 0.004)
        with pytest.raises(ScopeTimeout), timeout(0.001):
            sleep(LONG)
    assert not member.cancelled


@in_run
def test_a_failure_in_the_cleaning_up_comes_out_of_a_timeout() -> None:
    with pytest.raises(Boom, match="cleaning"), timeout(0.001) as scope:
        with Group() as group:
            group.go(fail_when_cancelled, "cleaning")
    assert scope.expired


@in_run
def test_a_group_cancelled_from_farther_out_too_ends_there() -> None:
    reached = []
    with cancel_scope() as outer:
        with Group() as group:
            group.cancel()
            outer.cancel()
            sleep(LONG)
        reached.append("between")
    assert reached == []
    assert outer.caught


@in_run
def test_a_member_that_ignores_its_cancellation_delays_the_end() -> None:
    steps = []

    def stubborn() -> None:
        for _ in range(5):
            try:
                sleep(LONG)
            except Cancelled:
                steps.append("again")

    with Group() as group:
        group.go(stubborn)
        gosched()
        group.cancel()
    assert steps == ["again"] * 5


@in_run
def test_nested_groups_end_from_the_inside_out() -> None:
    order = []

    def inner(name: str) -> None:
        try:
            with Group() as group:
                for _ in range(3):
                    group.go(sleep, LONG)
        finally:
            order.append((name, group.count))

    with pytest.raises(Boom), Group() as outer:
        outer.go(inner, "a")
        outer.go(inner, "b")
        gosched()
        gosched()
        outer.go(fail)
    assert sorted(order) == [("a", 0), ("b", 0)]


@in_run
def test_scopes_left_open_in_the_block_are_an_error_and_do_no_harm() -> None:
    with pytest.raises(RuntimeError, match="before the scopes that were entered in it"):
        with Group() as group:
            member = group.go(sleep, LONG)
            inner = cancel_scope()
            inner.__enter__()
    assert member.done
    inner.__exit__(None, None, None)
    sleep(0)


# ---- the limit


@in_run
def test_no_more_than_the_limit_at_once_and_in_order() -> None:
    running: list[int] = []
    order: list[int] = []
    most = 0

    def work(n: int) -> None:
        nonlocal most
        running.append(n)
        order.append(n)
        most = max(most, len(running))
        sleep(0.0005)
        running.remove(n)

    with Group(3) as group:
        assert group.limit == 3
        for n in range(20):
            group.go(work, n)
    assert most == 3
    assert order == list(range(20))


@in_run
def test_who_waits_for_a_place_comes_first_come_first_served() -> None:
    order: list[int] = []
    with Group(1) as group:
        blocker = group.go(sleep, LONG)
        for n in range(5):
            begin(group.go, order.append, n)
        blocker.cancel()
        gosched()
        while len(order) < 5:
            gosched()
    assert order == [0, 1, 2, 3, 4]


@in_run
def test_a_failure_ends_the_wait_for_a_place() -> None:
    with pytest.raises(Boom), Group(1) as group:
        group.go(fail_later, 0.001)
        group.go(sleep, LONG)
        pytest.fail("the block was not cancelled")


@in_run
def test_who_gives_up_the_wait_for_a_place_loses_none() -> None:
    with Group(1) as group:
        first = parked(group.go(sleep, LONG))
        waiters = [begin(group.go, sleep, 0) for _ in range(3)]
        waiters[1].cancel()
        first.cancel()
        waiters[0].join()
        waiters[2].join()
        group.go(sleep, 0)


@in_run
def test_a_place_granted_to_one_who_is_cancelled_at_that_moment_is_not_lost() -> None:
    for first in range(2):
        with Group(1) as group:
            holder = parked(group.go(sleep, LONG))
            waiter = begin(group.go, sleep, 0)
            steps: list[Callable[[], None]] = [holder.cancel, waiter.cancel]
            steps[first]()
            if first == 0:
                while not holder.done:
                    gosched()
            steps[1 - first]()
            group.go(sleep, 0)
        assert group.count == 0


@in_run
def test_a_try_starts_a_member_only_if_there_is_a_place() -> None:
    """Source: golang.org/x/sync errgroup TestTryGo."""
    with Group(2) as group:
        members = [group.try_go(sleep, LONG) for _ in range(3)]
        first, second, third = members
        assert first is not None
        assert second is not None
        assert third is None
        assert group.count == 2
        first.cancel()
        with pytest.raises(GoroutineCancelled):
            first.join()
        again = group.try_go(int, "7")
        assert again is not None
        assert again.join() == 7
        second.cancel()
    with Group() as group:
        assert all(group.try_go(sleep, 0) for _ in range(1000))
    with pytest.raises(RuntimeError, match="has ended"):
        group.try_go(sleep, 0)


def test_a_try_takes_no_place_that_another_waits_for() -> None:
    granted = 0

    def main() -> None:
        nonlocal granted
        with Group(1) as group:
            first = parked(group.go(sleep, LONG))
            waiter = parked(go(group.go, sleep, 0))
            first.cancel()
            while not waiter.done:
                granted += group.count == 0  # the place is the waiter's, who has not run yet
                assert group.try_go(sleep, 0) is None or waiter.done
                gosched()
            while group.count:
                gosched()
            assert group.try_go(sleep, 0) is not None

    each_seed(main, 100)
    assert granted > 10


@in_run
def test_a_try_is_a_go_otherwise() -> None:
    with pytest.raises(Boom), Group(1) as group:
        assert group.try_go(fail) is not None
        with pytest.raises(Cancelled):
            sleep(LONG)
        late = group.try_go(fail)
        assert late is not None
        assert late.cancelled
        with pytest.raises(TypeError, match="callable"):
            group.try_go(7)  # type: ignore[arg-type]


@in_run
def test_who_tries_again_and_again_lets_the_others_have_turns() -> None:
    with Group(1) as group:
        group.go(gosched)
        tries = 0
        while group.try_go(sleep, 0) is None:
            tries += 1
        assert 0 < tries <= 1000


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="one member at least"):
        Group(limit)


@in_run
def test_a_stranger_who_waits_for_a_place_when_the_group_ends_is_refused() -> None:
    with Group(1) as group:
        group.go(sleep, 0.001)
        stranger = begin(group.go, sleep, 0)
    try:
        stranger.join()
    except RuntimeError as error:
        assert "has ended" in str(error)
