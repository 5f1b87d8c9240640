"""The semaphore and the deadlines of a PollDesc, against the table in netpoll.pxd."""

import time

import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from netpoll._runtime.g import G
from netpoll._runtime.netpoll import PollProbe

READ, WRITE = 1, 2
NIL, READY, WAIT = 0, 1, 2
OK, CLOSING, TIMEOUT = 0, 1, 2
EXPIRED = -1
NEVER = 2**63 - 1
HOUR = 3_600_000_000_000

modes = st.sampled_from([READ, WRITE])
minutes = st.integers(1, 50).map(lambda n: n * 60_000_000_000)


class Direction:
    """What the model knows of one direction."""

    def __init__(self) -> None:
        self.word: int | G = NIL
        self.waiter: G | None = None  # inside a wait that was committed
        self.announced = False
        self.woken = False  # the waiter was put on a list
        self.deadline = 0


class DescAgainstModel(RuleBasedStateMachine):
    """Waits, notifications, deadlines, cancellations and a close, in any order the lock allows."""

    def __init__(self) -> None:
        super().__init__()
        self.desc = PollProbe()
        self.now = time.monotonic_ns() + HOUR  # ahead, so that no deadline is past by itself
        self.sides = {READ: Direction(), WRITE: Direction()}
        self.closed = False
        self.goroutines: list[G] = []

    def taken(self, side: Direction, leave: int) -> list[G]:
        """Wake in the model: return who runs, with the word left as it is to be."""
        g = side.word
        side.word = leave
        if isinstance(g, G) and not side.woken:
            side.woken = True
            return [g]
        return []

    @precondition(lambda self: any(self.free(mode) for mode in (READ, WRITE)))
    @rule(mode=modes)
    def begin_wait(self, mode: int) -> None:
        side = self.sides[mode]
        if not self.free(mode):
            return
        if side.word == READY:
            assert self.desc.begin_wait(mode) is True
            side.word = NIL
        else:
            assert self.desc.begin_wait(mode) is False
            side.word = WAIT
            side.announced = True

    @rule(mode=modes)
    def commit_wait(self, mode: int) -> None:
        side = self.sides[mode]
        if not side.announced:
            return
        side.announced = False
        g = G()
        self.goroutines.append(g)
        in_place = side.word == WAIT
        assert self.desc.commit_wait(mode, g) is in_place
        if in_place:
            side.word = side.waiter = g
            side.woken = False
        else:
            assert self.desc.end_wait(mode, g) is (side.word == READY)
            side.word = NIL

    @rule(mode=modes)
    def give_up_before_the_commit(self, mode: int) -> None:
        side = self.sides[mode]
        if not side.announced:
            return
        side.announced = False
        self.desc.abandon_wait(mode, None)
        if side.word == WAIT:
            side.word = NIL

    @rule(mode=modes)
    def woken_goroutine_ends_its_wait(self, mode: int) -> None:
        side = self.sides[mode]
        if side.waiter is None or not side.woken:
            return
        assert self.desc.end_wait(mode, side.waiter) is (side.word == READY)
        side.word, side.waiter = NIL, None

    @rule(mode=modes)
    def cancelled_goroutine_gives_up(self, mode: int) -> None:
        side = self.sides[mode]
        if side.waiter is None:
            return
        assert self.desc.wake(side.waiter) is not side.woken
        self.desc.abandon_wait(mode, side.waiter)
        if side.word is side.waiter:
            side.word = NIL  # but a notification that came since stays
        side.waiter = None

    @rule(mode=modes)
    def waiter_is_made_runnable_by_somebody_else(self, mode: int) -> None:
        side = self.sides[mode]
        if side.waiter is not None and not side.woken:
            assert self.desc.wake(side.waiter) is True
            side.woken = True

    @rule(mode=st.sampled_from([READ, WRITE, READ | WRITE]))
    def notify(self, mode: int) -> None:
        expected = [
            g for one in (READ, WRITE) if mode & one for g in self.taken(self.sides[one], READY)
        ]
        assert self.desc.notify(mode) == expected

    @rule(mode=modes)
    def unblock(self, mode: int) -> None:
        side = self.sides[mode]
        g = side.word if isinstance(side.word, G) else None
        assume(side.word != READY)
        assert self.desc.unblock(mode, False) is g
        if g is not None and not side.woken:
            assert self.desc.wake(g) is True
            side.woken = True
        side.word = NIL

    @rule()
    def close(self) -> None:
        expected = [g for side in self.sides.values() for g in self.unblocked(side)]
        assert self.desc.close() == expected
        self.closed = True

    @rule(mode=st.sampled_from([READ, WRITE, READ | WRITE]), ahead=minutes)
    def set_deadline(self, mode: int, ahead: int) -> None:
        assert self.desc.set_deadline(mode, self.now + ahead) == []
        for one in (READ, WRITE):
            if mode & one:
                self.sides[one].deadline = self.now + ahead

    @rule(mode=st.sampled_from([READ, WRITE, READ | WRITE]))
    def clear_deadline(self, mode: int) -> None:
        assert self.desc.set_deadline(mode, 0) == []
        for one in (READ, WRITE):
            if mode & one:
                self.sides[one].deadline = 0

    @rule(mode=st.sampled_from([READ, WRITE, READ | WRITE]), when=st.sampled_from([-5, EXPIRED, 1]))
    def set_deadline_in_the_past(self, mode: int, when: int) -> None:
        sides = [self.sides[one] for one in (READ, WRITE) if mode & one]
        expected = [g for side in sides for g in self.unblocked(side)]
        assert self.desc.set_deadline(mode, when) == expected
        for side in sides:
            side.deadline = EXPIRED

    @rule(passed=minutes)
    def time_passes(self, passed: int) -> None:
        self.now += passed
        due = [side for side in self.sides.values() if 0 < side.deadline <= self.now]
        if self.closed:
            due = []
        expected = [g for side in due for g in self.unblocked(side)]
        woken = self.desc.run_timers(self.now)
        assert sorted(map(id, woken)) == sorted(map(id, expected))
        for side in due:
            side.deadline = EXPIRED

    def unblocked(self, side: Direction) -> list[G]:
        return self.taken(side, READY if side.word == READY else NIL)

    def free(self, mode: int) -> bool:
        """Whether nobody is inside a wait: the lock of the direction lets in one at a time."""
        side = self.sides[mode]
        return side.waiter is None and not side.announced

    @invariant()
    def words_are_those_of_the_model(self) -> None:
        for mode, side in self.sides.items():
            word = self.desc.word(mode)
            assert word is side.word if isinstance(side.word, G) else word == side.word

    @invariant()
    def check_tells_of_closing_first_and_then_of_the_deadline(self) -> None:
        for mode, side in self.sides.items():
            expected = CLOSING if self.closed else TIMEOUT if side.deadline == EXPIRED else OK
            assert self.desc.check(mode) == expected


TestDescAgainstModel = DescAgainstModel.TestCase
TestDescAgainstModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def far() -> int:
    return time.monotonic_ns() + HOUR


def waiting(desc: PollProbe, mode: int) -> G:
    """Return a goroutine that stands in its place."""
    g = G()
    assert desc.begin_wait(mode) is False
    assert desc.commit_wait(mode, g) is True
    return g


@pytest.mark.parametrize("mode", [READ, WRITE])
def test_a_notification_before_the_wait_is_kept_for_it(mode: int) -> None:
    desc = PollProbe()
    assert desc.notify(mode) == []
    assert desc.notify(mode) == []
    assert desc.begin_wait(mode) is True
    assert desc.word(mode) == NIL


@pytest.mark.parametrize("mode", [READ, WRITE])
def test_a_notification_between_announcement_and_commit_is_not_lost(mode: int) -> None:
    desc, g = PollProbe(), G()
    assert desc.begin_wait(mode) is False
    assert desc.notify(mode) == []
    assert desc.commit_wait(mode, g) is False
    assert desc.end_wait(mode, g) is True


@pytest.mark.parametrize("mode", [READ, WRITE])
def test_a_deadline_between_announcement_and_commit_is_not_lost(mode: int) -> None:
    desc, g = PollProbe(), G()
    desc.set_deadline(mode, far())
    assert desc.begin_wait(mode) is False
    assert desc.run_timers(far()) == []
    assert desc.commit_wait(mode, g) is False
    assert desc.end_wait(mode, g) is False
    assert desc.check(mode) == TIMEOUT


def test_each_direction_wakes_its_own_goroutine() -> None:
    desc = PollProbe()
    reader, writer = waiting(desc, READ), waiting(desc, WRITE)
    assert desc.notify(WRITE) == [writer]
    assert desc.word(READ) is reader
    assert desc.notify(READ) == [reader]


def test_a_deadline_of_one_direction_leaves_the_other_alone() -> None:
    desc = PollProbe()
    reader, writer = waiting(desc, READ), waiting(desc, WRITE)
    assert desc.set_deadline(WRITE, 1) == [writer]
    assert desc.word(READ) is reader
    assert (desc.check(READ), desc.check(WRITE)) == (OK, TIMEOUT)


def test_close_and_an_expired_deadline_wake_without_leaving_ready_behind() -> None:
    for wake in (PollProbe.close, lambda desc: desc.set_deadline(READ | WRITE, EXPIRED)):
        desc = PollProbe()
        goroutines = [waiting(desc, READ), waiting(desc, WRITE)]
        assert wake(desc) == goroutines
        assert (desc.word(READ), desc.word(WRITE)) == (NIL, NIL)


def test_who_woke_for_another_reason_is_not_woken_twice() -> None:
    desc = PollProbe()
    g = waiting(desc, READ)
    assert desc.wake(g)
    assert desc.notify(READ) == []
    assert desc.word(READ) == READY
    desc.abandon_wait(READ, g)
    assert desc.word(READ) == READY  # for the next who waits


def test_moving_a_deadline_later_is_no_heap_operation() -> None:
    desc = PollProbe()
    when = far()
    desc.set_deadline(READ, when)
    _, key, place = desc.timer(READ)
    for later in range(1, 1000):
        desc.set_deadline(READ, when + later)
        assert desc.timer(READ) == (when + later, key, place)


def test_clearing_a_deadline_and_setting_it_again_is_no_heap_operation() -> None:
    desc = PollProbe()
    when = far()
    desc.set_deadline(READ, when)
    _, key, place = desc.timer(READ)
    desc.set_deadline(READ, 0)
    assert desc.timer(READ)[1:] == (key, place)
    desc.set_deadline(READ, when + 5)
    assert desc.timer(READ) == (when + 5, key, place)


def test_a_deadline_moved_later_does_not_fire_early() -> None:
    desc = PollProbe()
    when = far()
    g = waiting(desc, READ)
    desc.set_deadline(READ, when)
    desc.set_deadline(READ, when + 10)
    assert desc.run_timers(when) == []
    assert desc.run_timers(when + 9) == []
    assert desc.check(READ) == OK
    assert desc.run_timers(when + 10) == [g]
    assert desc.check(READ) == TIMEOUT


def test_a_deadline_moved_earlier_fires_then_and_only_once() -> None:
    desc = PollProbe()
    when = far()
    desc.set_deadline(READ, when)
    desc.set_deadline(READ, when - 10)
    g = waiting(desc, READ)
    assert desc.run_timers(when - 11) == []
    assert desc.run_timers(when - 10) == [g]
    desc.set_deadline(READ, when + 100)
    assert desc.end_wait(READ, g) is False
    later = waiting(desc, READ)
    assert desc.run_timers(when + 99) == []
    assert desc.run_timers(when + 100) == [later]


def test_a_deadline_that_was_cleared_does_not_fire() -> None:
    desc = PollProbe()
    when = far()
    g = waiting(desc, READ)
    desc.set_deadline(READ, when)
    desc.set_deadline(READ, 0)
    assert desc.run_timers(when) == []
    assert desc.word(READ) is g


def test_a_deadline_for_ever_away_needs_no_timer() -> None:
    desc = PollProbe()
    assert desc.set_deadline(READ, NEVER) == []
    assert desc.timer(READ)[2] == -1
    assert desc.check(READ) == OK


def test_a_timer_of_an_earlier_owner_does_not_fire() -> None:
    desc = PollProbe()
    when = far()
    desc.set_deadline(READ | WRITE, when)
    desc.change_owner()
    reader, writer = waiting(desc, READ), waiting(desc, WRITE)
    assert desc.run_timers(when + 1) == []
    assert (desc.word(READ), desc.word(WRITE)) == (reader, writer)
    assert desc.check(READ) == OK


def test_a_closed_descriptor_has_no_timers_that_fire() -> None:
    desc = PollProbe()
    when = far()
    desc.set_deadline(READ, when)
    desc.close()
    assert desc.timer(READ)[0] == 0
    assert desc.run_timers(when) == []


def test_a_closed_descriptor_refuses_even_where_a_deadline_has_passed_too() -> None:
    desc = PollProbe()
    desc.set_deadline(READ, EXPIRED)
    desc.close()
    assert desc.check(READ) == CLOSING


def test_a_deadline_that_has_passed_counts_before_its_timer_has_run() -> None:
    desc = PollProbe()
    when = time.monotonic_ns() + 20_000_000
    desc.set_deadline(READ, when)
    assert desc.check(READ) == OK
    while time.monotonic_ns() < when:
        pass
    assert desc.check(READ) == TIMEOUT
    assert desc.check(WRITE) == OK
    desc.set_deadline(READ, far())
    assert desc.check(READ) == OK
