"""The timer heap, held against a plain list that is sorted."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from netpoll._runtime.timers import TimerProbe

ARITY = 4
TIMERS = 8

names = st.integers(0, TIMERS - 1)
# Few different times, so that some are equal, and the ends of the range.
times = st.one_of(st.integers(1, 30), st.sampled_from([1, 2**62, 2**63 - 1]))


class TimerHeap(RuleBasedStateMachine):
    """What is armed and when, in a dictionary; what fires, in the order of the sorted times."""

    @initialize()
    def begin(self) -> None:
        self.heap = TimerProbe(TIMERS)
        self.armed: dict[int, int] = {}
        self.out: set[int] = set(range(TIMERS))  # surely not in the heap

    @rule(name=names, when=times)
    def arm(self, name: int, when: int) -> None:
        self.heap.arm(name, when)
        self.armed[name] = when
        self.out.discard(name)

    @rule(name=names)
    def disarm(self, name: int) -> None:
        self.heap.disarm(name)
        self.armed.pop(name, None)

    @rule(name=names)
    def remove(self, name: int) -> None:
        self.heap.remove(name)
        self.armed.pop(name, None)
        self.out.add(name)

    @rule()
    def ask_for_the_next(self) -> None:
        assert self.heap.next_when() == min(self.armed.values(), default=None)

    @rule(now=st.integers(0, 40))
    def let_time_pass(self, now: int) -> None:
        due = sorted(when for when in self.armed.values() if when <= now)
        fired = self.heap.run_due(now)
        assert [self.armed.pop(name) for name in fired] == due
        assert self.heap.run_due(now) == []

    @rule()
    def let_everything_fire(self) -> None:
        due = sorted(self.armed.values())
        assert [self.armed.pop(name) for name in self.heap.run_due(2**63 - 1)] == due
        assert self.heap.places == []

    @invariant()
    def no_parent_is_later_than_its_child(self) -> None:
        keys = [key for _, key, _ in self.heap.places]
        assert all(keys[(i - 1) // ARITY] <= keys[i] for i in range(1, len(keys)))

    @invariant()
    def each_timer_knows_its_place(self) -> None:
        found = {name: i for i, (name, _, _) in enumerate(self.heap.places)}
        assert len(found) == len(self.heap.places)
        assert all(self.heap.place(name) == found.get(name, -1) for name in range(TIMERS))

    @invariant()
    def what_is_armed_lies_in_the_heap_no_later_than_it_is_due(self) -> None:
        places = {name: (key, when) for name, key, when in self.heap.places}
        assert {name: when for name, (_, when) in places.items() if when} == self.armed
        assert all(key <= when for key, when in places.values() if when)

    @invariant()
    def what_was_removed_is_not_in_the_heap(self) -> None:
        assert self.out.isdisjoint(name for name, _, _ in self.heap.places)


TimerHeap.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestTimerHeap = TimerHeap.TestCase


@pytest.mark.parametrize("seed", range(10))
def test_long_histories_of_many_timers_fire_in_order(seed: int) -> None:
    randomness = random.Random(seed)
    count = 150
    heap, armed = TimerProbe(count), dict[int, int]()
    now = 0
    for _ in range(3000):
        name = randomness.randrange(count)
        chance = randomness.random()
        if chance < 0.6:
            armed[name] = now + randomness.randrange(1, 500)
            heap.arm(name, armed[name])
        elif chance < 0.75:
            heap.disarm(name)
            armed.pop(name, None)
        elif chance < 0.9:
            heap.remove(name)
            armed.pop(name, None)
        else:
            now += randomness.randrange(60)
            due = sorted(when for when in armed.values() if when <= now)
            assert [armed.pop(fired) for fired in heap.run_due(now)] == due
            if chance < 0.95:
                assert heap.next_when() == min(armed.values(), default=None)


def test_a_heap_grows_with_its_timers() -> None:
    heap = TimerProbe(5000)
    for name in range(5000):
        heap.arm(name, 1 + (name * 7919) % 5003)
    fired = heap.run_due(5003)
    assert fired == sorted(range(5000), key=lambda name: 1 + (name * 7919) % 5003)


def test_a_later_time_moves_nothing() -> None:
    heap = TimerProbe(10)
    for name in range(10):
        heap.arm(name, 10)
    before = [name for name, _, _ in heap.places]
    for when in range(11, 1000):
        heap.arm(3, when)
    assert [name for name, _, _ in heap.places] == before


def test_timers_of_one_moment_all_fire() -> None:
    heap = TimerProbe(1000)
    for name in range(1000):
        heap.arm(name, 5)
    assert sorted(heap.run_due(5)) == list(range(1000))


def test_timers_that_were_disarmed_wake_nobody() -> None:
    heap = TimerProbe(100)
    for name in range(100):
        heap.arm(name, name + 1)
        heap.disarm(name)
    assert heap.next_when() is None
    assert heap.places == []
