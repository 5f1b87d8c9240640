"""Nests of scopes that end at moments drawn at random: which one ends what is never in doubt.

The time is virtual, so a model can say of each park when it ends and why, whatever the order in
which the goroutines run: none of their moments falls together with one of another goroutine.
"""

import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pytest

from netpoll import (
    Cancelled,
    CancelScope,
    Goroutine,
    GoroutineCancelled,
    ScopeTimeout,
    cancel_scope,
    deadline,
    go,
    run,
    shield,
    sleep,
    timeout,
)
from netpoll.testing import shuffled, virtual_clock

NEVER = 1e9

Log: TypeAlias = list[tuple[int, str, float]]
"""For each block: its number, how it ended, and when."""


@dataclass
class Level:
    """A block: what it is, when it is cancelled, and how long it sleeps on either side."""

    kind: str
    seconds: float  # of its limit, from its beginning
    cancelled_at: float
    before: float
    after: float

    def make(self, now: float) -> CancelScope:
        made: dict[str, Callable[[], CancelScope]] = {
            "timeout": lambda: timeout(self.seconds),
            "deadline": lambda: deadline(now + self.seconds),
            "scope": lambda: cancel_scope(deadline=now + self.seconds),
            "bare": cancel_scope,
            "shield": shield,
            "shield with a limit": lambda: cancel_scope(shield=True, deadline=now + self.seconds),
        }
        return made[self.kind]()

    @property
    def limited(self) -> bool:
        return self.kind not in {"bare", "shield"}

    @property
    def tells(self) -> bool:
        return self.kind in {"timeout", "deadline"}

    @property
    def shields(self) -> bool:
        return self.kind.startswith("shield")


KINDS = ["timeout", "deadline", "scope", "bare", "shield", "shield with a limit"]


@dataclass
class Nest:
    """Blocks one in the other, from the outermost, of a goroutine that may be cancelled itself."""

    levels: list[Level]
    cancelled_at: float

    @classmethod
    def drawn(cls, chance: random.Random) -> "Nest":
        levels = [
            Level(
                chance.choice(KINDS),
                chance.uniform(0, 10),
                chance.uniform(0, 10) if chance.random() < 0.3 else NEVER,
                chance.uniform(0, 3),
                chance.uniform(0, 3),
            )
            for _ in range(chance.randrange(1, 5))
        ]
        return cls(levels, chance.uniform(0, 10) if chance.random() < 0.3 else NEVER)


# ---- what has to happen


class Model:
    """Goes through a nest by the rules that scope.pxd states."""

    def __init__(self, nest: Nest) -> None:
        self.nest = nest
        self.now = 0.0
        self.entered: list[tuple[Level, float]] = []  # with the moment at which its limit is over
        self.log: Log = []

    def ends_of(self, level: Level, limit: float) -> float:
        return min(limit, level.cancelled_at)

    def stops_at(self, depth: int) -> float:
        """Return from when on a park under the outermost `depth` blocks raises."""
        at = NEVER
        for level, limit in reversed(self.entered[:depth]):
            at = min(at, self.ends_of(level, limit))
            if level.shields:
                return at
        return min(at, self.nest.cancelled_at)

    def park(self, seconds: float) -> str:
        stop = max(self.now, self.stops_at(len(self.entered)))
        self.now = min(stop, self.now + seconds)
        return "cancelled" if self.now == stop else ""

    def block(self, at: int) -> str:
        """Go through a block and what is in it; return what comes out."""
        if at == len(self.nest.levels):
            return ""
        level = self.nest.levels[at]
        self.entered.append((level, self.now + level.seconds if level.limited else NEVER))
        outcome = self.park(level.before) or self.block(at + 1) or self.park(level.after)
        outcome = self.leave(level, outcome)
        self.log.append((at, outcome, self.now))
        return outcome

    def leave(self, level: Level, outcome: str) -> str:
        _, limit = self.entered.pop()
        if outcome != "cancelled" or self.ends_of(level, limit) > self.now:
            return outcome
        if not level.shields and self.stops_at(len(self.entered)) <= self.now:
            return outcome
        by_time = limit < level.cancelled_at
        return f"timeout of {len(self.entered)}" if by_time and level.tells else ""


# ---- what does


class Walker:
    """Goes through a nest for real."""

    def __init__(self, nest: Nest, began: float) -> None:
        self.nest = nest
        self.began = began
        self.scopes: list[CancelScope] = []
        self.log: Log = []

    def block(self, at: int) -> None:
        if at == len(self.nest.levels):
            return
        level = self.nest.levels[at]
        outcome = ""
        try:
            scope = level.make(time.monotonic())
            self.scopes.append(scope)
            go(self.cancel_later, scope, level.cancelled_at)
            with scope:
                sleep(level.before)
                self.block(at + 1)
                sleep(level.after)
        except Cancelled:
            outcome = "cancelled"
            raise
        except ScopeTimeout as error:
            assert isinstance(error.scope, CancelScope)
            outcome = f"timeout of {self.scopes.index(error.scope)}"
            raise
        finally:
            self.log.append((at, outcome, time.monotonic() - self.began))

    def cancel_later(self, what: CancelScope | Goroutine[None], at: float) -> None:
        if at < NEVER:
            sleep(max(0.0, self.began + at - time.monotonic()))
            what.cancel()

    def walk(self) -> None:
        try:
            self.block(0)
        except ScopeTimeout:
            """It is in the log."""


def walk(nests: list[Nest]) -> set[str]:
    """Have goroutines go through nests of their own; return how their blocks ended."""
    began = time.monotonic()
    walkers = [Walker(nest, began) for nest in nests]
    goroutines = [go(walker.walk) for walker in walkers]
    for walker, goroutine in zip(walkers, goroutines, strict=True):
        go(walker.cancel_later, goroutine, walker.nest.cancelled_at)
    outcomes = set()
    for walker, goroutine in zip(walkers, goroutines, strict=True):
        model = Model(walker.nest)
        came_out = model.block(0)
        if came_out == "cancelled":
            with pytest.raises(GoroutineCancelled):
                goroutine.join()
        else:
            goroutine.join()
        assert [entry[:2] for entry in walker.log] == [entry[:2] for entry in model.log]
        for (_, _, real), (_, outcome, expected) in zip(walker.log, model.log, strict=True):
            assert real == pytest.approx(expected, abs=1e-6)
            outcomes.add(outcome)
    return outcomes


def walk_drawn(seed: int) -> set[str]:
    chance = random.Random(seed)
    return walk([Nest.drawn(chance) for _ in range(2)])


def test_in_a_thousand_orders_each_block_ends_when_and_as_it_has_to() -> None:
    outcomes = set()
    for seed in range(1000):
        with virtual_clock(io_wait=0), shuffled(seed):
            try:
                outcomes |= run(walk_drawn, seed)
            except BaseException as failure:
                failure.add_note(f"seed {seed}")
                raise
    assert outcomes == {"", "cancelled", *(f"timeout of {at}" for at in range(4))}


SHAPES = list(itertools.product(["timeout", "bare", "shield"], repeat=3))


@pytest.mark.parametrize("victim", range(4))  # a block, or the goroutine itself
def test_cancelled_at_each_park_a_nest_ends_where_it_has_to(victim: int) -> None:
    """Each park lasts a second, and so the n-th of them is cancelled at n + 1/2."""
    outcomes = set()
    for shape in SHAPES:
        for n in range(6):
            at = n + 0.5
            levels = [
                Level(kind, 5.25 - 2 * level, at if victim == level else NEVER, 1, 1)
                for level, kind in enumerate(shape)
            ]
            with virtual_clock(io_wait=0):
                outcomes |= run(walk, [Nest(levels, at if victim == 3 else NEVER)])
    assert outcomes >= {"", *(f"timeout of {level}" for level in range(3))}
