"""Groups: goroutines that end together, and what comes out of their block."""

import gc
import threading
import time
import traceback
import weakref
from collections.abc import Callable

import pytest

from netpoll import (
    Cancelled,
    Goroutine,
    GoroutineCancelled,
    ScopeTimeout,
    cancel_scope,
    current,
    go,
    gosched,
    run,
    shield,
    sleep,
    timeout,
)
from netpoll.sync.event import Event
from netpoll.sync.group import Group
from tests.running import begin, in_run, on_thread, parked, says

LONG = 3600.0


class Boom(Exception):
    """What goes wrong in these tests."""


def fail(text: str = "boom") -> None:
    raise Boom(text)


def fail_when_cancelled(text: str) -> None:
    try:
        sleep(LONG)
    finally:
        raise Boom(text)


# ---- the wait --------------------------------------------------------------------------------


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


# ---- failures --------------------------------------------------------------------------------


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
        group.go(lambda: (sleep(0.002), fail()))
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


# ---- cancel ----------------------------------------------------------------------------------


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


# ---- being cancelled -------------------------------------------------------------------------


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


# ---- the limit -------------------------------------------------------------------------------


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
        group.go(lambda: (sleep(0.001), fail()))
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


# ---- threads, forks and the end --------------------------------------------------------------


def test_members_of_another_thread() -> None:
    seen: list[tuple[str, int]] = []

    def main() -> None:
        with Group() as group:
            added = Event()

            def elsewhere() -> None:
                group.go(lambda: (sleep(0.002), seen.append(("member", threading.get_ident()))))
                added.set()
                sleep(0.01)

            thread = threading.Thread(target=run, args=(elsewhere,))
            thread.start()
            added.wait()
        seen.append(("host", threading.get_ident()))
        thread.join()

    on_thread(run, main)
    assert [name for name, _ in seen] == ["member", "host"]
    assert seen[0][1] != seen[1][1]


def test_eight_threads_start_fail_and_cancel() -> None:
    def main(number: int) -> int:
        counted = 0
        for turn in range(60):
            ended: list[int] = []
            try:
                with Group(5 if turn % 3 == 0 else None) as group:
                    for n in range(20):
                        group.go(lambda n=n: (sleep(0), ended.append(n)))
                    if turn % 4 == number % 4:
                        group.go(fail)
                    if turn % 5 == 0:
                        group.cancel()
            except Boom:
                counted += 1
            assert group.count == 0
        return counted

    outcomes: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: outcomes.append(run(main, n))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    assert all(outcomes)


def test_one_group_shared_by_eight_threads() -> None:
    counts: list[int] = []

    def main() -> None:
        with Group() as group:
            done = [Event() for _ in range(8)]

            def elsewhere(event: Event) -> None:
                for n in range(200):
                    group.go(lambda n=n: (sleep(0), counts.append(n)))
                event.set()
                while len(counts) < 1600:
                    sleep(0.001)

            threads = [threading.Thread(target=run, args=(elsewhere, event)) for event in done]
            for thread in threads:
                thread.start()
            for event in done:
                event.wait()
        assert len(counts) == 1600
        for thread in threads:
            thread.join()

    on_thread(run, main)


def test_ctrl_c_while_a_group_waits() -> None:
    assert says(
        """
        import os, signal
        from netpoll import run, sleep, go
        from netpoll.sync.group import Group

        def work():
            try:
                sleep(3600)
            finally:
                print("ended")

        def interrupt():
            sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        def main():
            go(interrupt)
            try:
                with Group() as group:
                    group.go(work)
            except KeyboardInterrupt:
                print("interrupted", group.count)

        run(main)
        """
    ) == "ended\ninterrupted 0\n"


def test_a_second_ctrl_c_does_not_wait() -> None:
    assert says(
        """
        import os, signal
        from netpoll import run, sleep, go, shield
        from netpoll.sync.group import Group

        def stubborn():
            with shield():
                sleep(0.5)

        def interrupt():
            for _ in range(2):
                sleep(0.01)
                os.kill(os.getpid(), signal.SIGINT)

        def main():
            go(interrupt)
            try:
                with Group() as group:
                    group.go(stubborn)
            except KeyboardInterrupt:
                print("interrupted", group)

        run(main)
        """
    ) == "interrupted <Group over cancelled, members: 0>\n"


def test_a_deadlock_of_members_ends_them_and_is_reported() -> None:
    assert says(
        """
        from netpoll import run, DeadlockError
        from netpoll.sync.event import Event
        from netpoll.sync.group import Group

        def work():
            try:
                Event().wait()
            finally:
                print("ended")

        def main():
            try:
                with Group() as group:
                    group.go(work)
            except DeadlockError as error:
                print("waiting: for <Group waiting, members: 1>" in str(error), group.count)

        run(main)
        """
    ) == "ended\nTrue 0\n"


def test_in_a_forked_child_the_members_are_those_of_the_parent() -> None:
    assert says(
        """
        import os
        from netpoll import run, sleep
        from netpoll.sync.group import Group

        def main():
            with Group() as group:
                group.go(sleep, 3600)
                sleep(0)
                child = os.fork()
                if not child:
                    group.cancel()
            if not child:
                os._exit(7)

        def parent():
            try:
                from netpoll import timeout
                with timeout(0.2):
                    main()
            except TimeoutError:
                print(os.waitstatus_to_exitcode(os.wait()[1]))

        run(parent)
        """
    ) == "7\n"


# ---- leaks -----------------------------------------------------------------------------------


@in_run
def test_nothing_is_left_of_a_group() -> None:
    class Argument:
        pass

    refs: list[weakref.ref[object]] = []

    def once() -> None:
        argument = Argument()
        with pytest.raises(ExceptionGroup), Group() as group:
            group.go(fail_when_cancelled, "x")
            group.go(lambda _: None, argument)
            gosched()
            group.go(fail)
        refs.extend([weakref.ref(argument), weakref.ref(group)])

    for _ in range(10):
        once()
    gosched()
    gc.collect()
    assert [ref() for ref in refs] == [None] * 20


@in_run
def test_members_that_have_ended_are_not_kept() -> None:
    with Group() as group:
        refs: list[weakref.ref[Goroutine[None]]] = []
        for _ in range(100):
            refs.append(weakref.ref(group.go(sleep, 0)))
            gosched()
            gosched()
        assert group.count == 0
        assert [ref() for ref in refs] == [None] * 100


@in_run
def test_collection_at_every_allocation() -> None:
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for limit in (None, 1, 2):
            with pytest.raises((Boom, ExceptionGroup)), Group(limit) as group:
                group.go(sleep, 0)
                group.go(sleep, 0)
                group.go(fail)
                sleep(LONG)
            assert group.count == 0
    finally:
        gc.set_threshold(*threshold)


# ---- cancelled at each park ------------------------------------------------------------------


def program(ended: list[str]) -> str:
    """Park in each way that a group has; return what nothing but a cancellation prevents."""

    def work(name: str) -> None:
        try:
            sleep(0)
            sleep(0.0003)
        finally:
            ended.append(name)

    with Group(2) as outer:
        outer.go(work, "a")
        outer.go(work, "b")
        outer.go(work, "c")  # parks for a place
        with Group() as inner:
            inner.go(work, "d")
            sleep(0)
            inner.go(work, "e").join()
    return "whole"


def cancel_at(n: int, cancel: Callable[[], None]) -> None:
    """Call cancel when the program has had n turns."""
    for _ in range(n):
        gosched()
    cancel()


@pytest.mark.parametrize("what", ["host", "scope", "deadline"])
@in_run
def test_cancelled_at_each_step_nothing_is_left(what: str) -> None:
    outcomes = set()
    for n in range(60):
        ended: list[str] = []
        host_done: list[object] = []
        scope = cancel_scope()

        def host() -> None:
            with scope:
                host_done.append(program(ended))

        goroutine = go(host)
        if what == "host":
            cancel_at(n, goroutine.cancel)
        elif what == "scope":
            cancel_at(n, scope.cancel)
        else:

            def expire() -> None:
                if not goroutine.done:
                    scope.deadline = time.monotonic() - 1

            cancel_at(n, expire)
        try:
            goroutine.join()
        except GoroutineCancelled:
            outcomes.add("cancelled")
        outcomes.add("whole" if host_done else "cut")
        before = len(ended)
        gosched()
        gosched()
        assert len(ended) == before, "a member outlived its group"
        if host_done:
            assert sorted(ended) == ["a", "b", "c", "d", "e"]
    assert "cut" in outcomes


@in_run
def test_a_member_cancelled_at_each_step_harms_nobody_else() -> None:
    for n in range(30):
        ended: list[str] = []

        def work(name: str) -> None:
            sleep(0)
            sleep(0.0002)
            ended.append(name)

        with Group(2) as group:
            victim = group.go(work, "victim")
            go(cancel_at, n, victim.cancel)
            for name in "abc":
                group.go(work, name)
        assert set("abc") <= set(ended)
        assert not group.cancelled


@in_run
def test_a_failure_and_a_cancellation_at_the_same_step() -> None:
    for n in range(12):
        for order in (0, 1):
            outcome: list[object] = []
            host_scope = cancel_scope()

            def host() -> None:
                try:
                    with host_scope:
                        with Group() as group:
                            group.go(lambda: (sleep(LONG)))
                            gate.wait()
                            sleep(LONG)
                    outcome.append("cut")
                except Boom:
                    outcome.append("failed")
                assert group.count == 0

            gate = Event()
            goroutine = parked(go(host))

            def both() -> None:
                actions: list[Callable[[], object]] = [host_scope.cancel, gate.set]
                for action in actions if order else reversed(actions):
                    action()

            cancel_at(n % 4, both)
            goroutine.join()
            assert outcome == ["cut"]


@in_run
def test_current_is_the_member() -> None:
    with Group() as group:
        member = group.go(lambda: current() is member)
    assert member.join()
