"""A goroutine cancelled at its first, second, ... n-th park, in whatever it waits for.

Each program says where its victim may park. The cancellation is on its way just then, and in the
orders in which the goroutines run it comes before, during and after what is waited for.
"""

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import pytest

from netpoll import (
    Chan,
    ChannelClosed,
    Goroutine,
    GoroutineCancelled,
    Group,
    as_completed,
    blocking,
    current,
    go,
    gosched,
    map_concurrent,
    race,
    run,
    select,
    sync,
)
from netpoll.context import CancelContext, ContextCancelled, background, with_cancel
from netpoll.sync.after import after, tick
from netpoll.testing import shuffled

SEEDS = range(1, 101)
BRIEF = 0.00001


class Victim:
    """The goroutine that is cancelled at one of its parks, and those beside it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.parks = 0
        self.others: list[Goroutine[object]] = []

    def park(self) -> None:
        """Have it cancelled if the park that comes is the one."""
        self.parks += 1
        if self.parks == self.number:
            go(current().cancel)

    def beside(self, fn: Callable[..., object], *args: object) -> None:
        """Start another one, which has to come to its end whatever happens."""
        self.others.append(go(fn, *args))


Work: TypeAlias = Callable[[], object]
Program: TypeAlias = Callable[[Victim], tuple[Work, Work]]
"""Returns what the victim does, and what holds the end against what it should be."""


def unharmed() -> None:
    """Stand for a park at which nobody is cancelled, and for a check of nothing."""


# ---- locks


def three_take_turns(victim: Victim, take: Work, give: Work) -> Work:
    inside = 0

    def work(park: Work = unharmed) -> None:
        nonlocal inside
        for _ in range(3):
            park()
            take()
            try:
                inside += 1
                assert inside == 1
                park()
                gosched()
                assert inside == 1
            finally:
                inside -= 1
                give()

    victim.beside(work)
    victim.beside(work)
    return lambda: work(victim.park)


def a_mutex(victim: Victim) -> tuple[Work, Work]:
    mutex = sync.Mutex()

    def check() -> None:
        assert not mutex.locked

    return three_take_turns(victim, mutex.lock, mutex.unlock), check


def the_writing_side(victim: Victim) -> tuple[Work, Work]:
    rw = sync.RWMutex()

    def check() -> None:
        assert repr(rw) == "<RWMutex unlocked>"

    return three_take_turns(victim, rw.lock, rw.unlock), check


def the_reading_side(victim: Victim) -> tuple[Work, Work]:
    rw = sync.RWMutex()

    def write() -> None:
        for _ in range(4):
            with rw.writing():
                assert not rw.readers
                gosched()

    def work() -> None:
        for _ in range(4):
            victim.park()
            with rw.reading():
                assert not rw.locked
                victim.park()
                gosched()

    def check() -> None:
        assert repr(rw) == "<RWMutex unlocked>"

    victim.beside(write)
    return work, check


def a_semaphore(victim: Victim) -> tuple[Work, Work]:
    units = sync.Semaphore(3)

    def check() -> None:
        assert units.free == 3

    return three_take_turns(victim, lambda: units.acquire(2), lambda: units.release(2)), check


def a_cond(victim: Victim) -> tuple[Work, Work]:
    cond, ready, got = sync.Cond(sync.Mutex()), 0, list[Goroutine]()

    def consume(times: int, park: Work = unharmed) -> None:
        nonlocal ready
        for _ in range(times):
            park()
            with cond.mutex:
                while not ready:
                    park()
                    cond.wait()
                    assert cond.mutex.locked
                ready -= 1
                got.append(current())

    def produce() -> None:
        nonlocal ready
        for _ in range(6):
            with cond.mutex:
                ready += 1
                cond.signal()
            gosched()

    def check() -> None:
        assert len(got) + ready == 6
        assert not cond.mutex.locked

    victim.beside(consume, 3)
    victim.beside(produce)
    return lambda: consume(3, victim.park), check


# ---- one waits for another


def an_event_and_a_waitgroup(victim: Victim) -> tuple[Work, Work]:
    event, wg = sync.Event(), sync.WaitGroup()

    def work() -> None:
        victim.park()
        assert event.wait()
        victim.park()
        wg.wait()

    def check() -> None:
        assert (event.is_set(), wg.count) == (True, 0)
        assert "waiting" not in repr(event) + repr(wg)

    wg.go(gosched)
    wg.go(event.wait)
    victim.beside(wg.wait)
    victim.beside(event.set)
    return work, check


def a_barrier(victim: Victim) -> tuple[Work, Work]:
    barrier = sync.Barrier(3)
    rounds = [0, 0, 0]

    def work(which: int, park: Work = unharmed) -> None:
        with suppress(threading.BrokenBarrierError):
            for _ in range(3):
                park()
                barrier.wait()
                rounds[which] += 1

    def check() -> None:
        assert len(set(rounds)) == 1
        assert barrier.n_waiting == 0

    victim.beside(work, 0)
    victim.beside(work, 1)
    return lambda: work(2, victim.park), check


def a_once(victim: Victim) -> tuple[Work, Work]:
    guard, calls = sync.Once(), list[str]()

    def call(park: Work = unharmed) -> None:
        calls.append("begun")
        park()
        gosched()
        calls.append("ended")

    def work() -> None:
        victim.park()
        guard.do(lambda: call(victim.park))

    def check() -> None:
        assert guard.done
        assert calls.count("ended") == 1
        assert calls.count("begun") <= 2  # the victim's may have been broken off

    victim.beside(guard.do, call)
    return work, check


def a_context(victim: Victim) -> tuple[Work, Work]:
    parent = with_cancel(background())
    contexts = [with_cancel(parent) for _ in range(3)]

    def cancel(context: CancelContext) -> None:
        gosched()
        context.cancel()

    def work() -> None:
        victim.park()
        assert contexts[0].wait()
        victim.park()
        select(contexts[1].done())
        with suppress(ContextCancelled), contexts[2]:
            for _ in range(3):
                victim.park()
                gosched()

    def check() -> None:
        assert parent.node.number_of_children() == 0
        assert contexts[2].entered_by() == 0

    for context in contexts:
        victim.beside(cancel, context)
    return work, check


# ---- channels


def a_channel(victim: Victim, capacity: int) -> tuple[Work, Work]:
    channel, idle = Chan[int](capacity), Chan[int]()
    sent, received = list[int](), list[int]()

    def feed() -> None:
        with suppress(ChannelClosed):
            for number in itertools.count(100):
                channel.send(number)
                sent.append(number)

    def work() -> None:
        for number in range(4):
            victim.park()
            if number % 2:
                select(idle, (channel.send, number))
            else:
                channel.send(number)
            sent.append(number)
            victim.park()
            received.append(select(idle, channel)[1] if number % 2 else channel.recv())

    def check() -> None:
        channel.close()
        for other in (feeding, draining):
            other.join(10)
        assert channel.waiting == idle.waiting == (0, 0)
        assert sorted(received) == sorted(sent)

    feeding, draining = go(feed), go(lambda: received.extend(channel))
    return work, check


def a_channel_without_a_buffer(victim: Victim) -> tuple[Work, Work]:
    return a_channel(victim, 0)


def a_channel_with_a_buffer(victim: Victim) -> tuple[Work, Work]:
    return a_channel(victim, 2)


def timers(victim: Victim) -> tuple[Work, Work]:
    once, often = after(BRIEF), tick(BRIEF)

    def work() -> None:
        victim.park()
        once.recv()
        victim.park()
        select(often, Chan[int]())
        victim.park()
        next(iter(often))

    def check() -> None:
        once.stop()
        often.stop()
        assert once.waiting == often.waiting == (0, 0)

    return work, check


# ---- goroutines


def those_that_are_waited_for(victim: Victim) -> tuple[Work, Work]:
    taken: list[Goroutine] = []

    def hold() -> int:
        taken.append(current())
        try:
            gosched()
            gosched()
        finally:
            taken.remove(current())
        return 1

    def work() -> None:
        victim.park()
        with Group(2) as group:
            for _ in range(3):
                victim.park()
                group.go(hold)
            victim.park()
        victim.park()
        assert race(hold, hold) == 1
        victim.park()
        assert map_concurrent(lambda _: hold(), range(3), limit=2) == [1, 1, 1]

    def check() -> None:
        assert not taken

    return work, check


def those_that_are_joined(victim: Victim) -> tuple[Work, Work]:
    others = [go(gosched) for _ in range(4)]

    def work() -> None:
        for other in others[:2]:
            victim.park()
            other.join()
        completed = as_completed(others)
        for _ in others:
            victim.park()
            next(completed).join()

    victim.others += others
    return work, unharmed


def calls_on_threads(victim: Victim) -> tuple[Work, Work]:
    made: list[int] = []

    def work() -> None:
        for number in range(3):
            victim.park()
            assert blocking(lambda: 1) == 1
            made.append(number)

    def check() -> None:
        assert made == list(range(len(made)))
        assert blocking(lambda: 2) == 2

    return work, check


PROGRAMS: list[Program] = [
    a_mutex,
    the_writing_side,
    the_reading_side,
    a_semaphore,
    a_cond,
    an_event_and_a_waitgroup,
    a_barrier,
    a_once,
    a_context,
    a_channel_without_a_buffer,
    a_channel_with_a_buffer,
    timers,
    those_that_are_waited_for,
    those_that_are_joined,
    calls_on_threads,
]


def cancelled_at(program: Program, number: int) -> bool:
    """Run it with a cancellation at that park; return whether there was one."""
    victim = Victim(number)
    work, check = program(victim)

    def whole() -> None:
        work()
        if victim.parks >= number:
            for _ in range(1000):
                gosched()  # the cancellation came too late, or is on its way still

    goroutine = go(whole)
    with suppress(GoroutineCancelled):
        goroutine.join(10)
        assert victim.parks < number, "it was not cancelled"
    for other in victim.others:
        other.join(10)
    check()
    return victim.parks >= number


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_whichever_park_it_is_nothing_is_lost_and_nobody_waits_for_ever(program: Program) -> None:
    for number in itertools.count(1):
        reached = 0
        for seed in SEEDS:
            try:
                with shuffled(seed):
                    reached += run(cancelled_at, program, number)
            except BaseException as failure:
                failure.add_note(f"at park {number}, seed {seed}")
                raise
        if not reached:
            break
    assert number > 2
