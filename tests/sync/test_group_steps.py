"""A group that is cancelled, or fails, at each of its steps, and in a thousand orders."""

import random
import time
from collections.abc import Callable

import pytest

from netpoll import (
    CancelScope,
    GoroutineCancelled,
    cancel_scope,
    current,
    go,
    gosched,
    run,
    sleep,
)
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.sync.event import Event
from netpoll.sync.group import Group
from tests.running import in_run, parked
from tests.sync.failing import LONG, Boom, fail


def work(ended: list[str], name: str) -> None:
    try:
        sleep(0)
        sleep(0.0003)
    finally:
        ended.append(name)


def program(ended: list[str]) -> str:
    """Park in each way that a group has; return what nothing but a cancellation prevents."""
    with Group(2) as outer:
        outer.go(work, ended, "a")
        outer.go(work, ended, "b")
        outer.go(work, ended, "c")  # parks for a place
        with Group() as inner:
            inner.go(work, ended, "d")
            sleep(0)
            inner.go(work, ended, "e").join()
    return "whole"


def host(scope: CancelScope, ended: list[str], results: list[str]) -> None:
    with scope:
        results.append(program(ended))


def after_turns(n: int, *actions: Callable[[], object]) -> None:
    """Carry out the actions when everybody has had n turns."""
    for _ in range(n):
        gosched()
    for action in actions:
        action()


@pytest.mark.parametrize("what", ["host", "scope", "deadline"])
@in_run
def test_cancelled_at_each_step_nothing_is_left(what: str) -> None:
    outcomes = set()
    for n in range(60):
        ended: list[str] = []
        results: list[str] = []
        scope = cancel_scope()
        goroutine = go(host, scope, ended, results)
        after_turns(n)
        if what == "host":
            goroutine.cancel()
        elif what == "scope":
            scope.cancel()
        elif not goroutine.done:
            scope.deadline = time.monotonic() - 1
        try:
            goroutine.join()
        except GoroutineCancelled:
            outcomes.add("cancelled")
        outcomes.add("whole" if results else "cut")
        before = len(ended)
        after_turns(2)
        assert len(ended) == before, "a member outlived its group"
        if results:
            assert sorted(ended) == ["a", "b", "c", "d", "e"]
    assert "cut" in outcomes


@in_run
def test_a_member_cancelled_at_each_step_harms_nobody_else() -> None:
    for n in range(30):
        ended: list[str] = []
        with Group(2) as group:
            victim = group.go(work, ended, "victim")
            go(after_turns, n, victim.cancel)
            for name in "abc":
                group.go(work, ended, name)
        assert set("abc") <= set(ended)
        assert not group.cancelled


def failing_host(scope: CancelScope, gate: Event, outcome: list[str], n: int) -> None:
    def member() -> None:
        gate.wait()
        after_turns(n)
        fail()

    group = Group()
    try:
        with scope:
            with group:
                group.go(sleep, LONG)
                group.go(member)
                sleep(LONG)
            outcome.append("reached")
        outcome.append("cut")
    except Boom:
        outcome.append("failed")
    assert group.count == 0


@pytest.mark.parametrize("scope_first", [False, True])
@in_run
def test_a_failure_and_a_cancellation_race(scope_first: bool) -> None:
    seen = set()
    for n in range(4):
        for m in range(6):
            outcome: list[str] = []
            scope, gate = cancel_scope(), Event()
            goroutine = parked(go(failing_host, scope, gate, outcome, n))
            after_turns(2)
            if scope_first:
                scope.cancel()
            gate.set()
            after_turns(m, scope.cancel)
            goroutine.join()
            # A failure is never lost; what was cancelled is never taken for a success.
            assert outcome in (["cut"], ["failed"])
            seen.update(outcome)
    assert seen == {"cut", "failed"}


def random_tree(chance: random.Random, group: Group, depth: int, counts: list[int]) -> None:
    """Park, start, fail and cancel at random; count who begins and who ends."""
    counts[0] += 1
    try:
        for _ in range(chance.randrange(3)):
            gosched()
        if depth:
            for _ in range(chance.randrange(3)):
                group.go(random_tree, chance, group, depth - 1, counts)
            if chance.random() < 0.3:
                with Group(chance.choice([None, 1, 2])) as inner:
                    # Not of `inner`: who waits for a place and holds one waits for himself.
                    inner.go(random_tree, chance, group, depth - 1, counts)
                    inner.go(random_tree, chance, group, 0, counts)
        event = chance.random()
        if event < 0.05:
            fail()
        if event < 0.1:
            group.cancel()
        if event < 0.15:
            current().cancel()
        gosched()
    finally:
        counts[1] += 1


def tree(seed: int) -> None:
    ensure_scheduler().set_shuffle(seed)
    chance = random.Random(seed)
    counts = [0, 0]
    outcome = ""
    try:
        with Group() as group:
            for _ in range(3):
                group.go(random_tree, chance, group, 3, counts)
            gosched()
        outcome = "whole"
    except (Boom, ExceptionGroup):
        outcome = "failed"
    finally:
        ensure_scheduler().set_shuffle(0)
    assert outcome
    assert counts[0] == counts[1] > 0
    assert group.count == 0


@pytest.mark.parametrize("batch", range(4))
def test_in_a_thousand_orders_everybody_ends_with_his_group(batch: int) -> None:
    for seed in range(1 + 250 * batch, 251 + 250 * batch):
        run(tree, seed)


@in_run
def test_current_is_the_member() -> None:
    with Group() as group:
        member = group.go(lambda: current() is member)
    assert member.join()
