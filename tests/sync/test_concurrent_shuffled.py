"""race, map_concurrent and as_completed in a thousand orders, and cancelled at each step."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from netpoll import (
    Cancelled,
    Goroutine,
    GoroutineCancelled,
    current,
    go,
    gosched,
    shield,
)
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.sync.completed import as_completed
from netpoll.sync.concurrent import map_concurrent, race
from tests.running import in_run
from tests.sync.failing import Boom

SEEDS = range(1, 1001)


def turns(number: int) -> None:
    for _ in range(number):
        gosched()


def cancel_after(number: int, goroutine: Goroutine[object]) -> None:
    turns(number)
    goroutine.cancel()


class Runners:
    """Functions that take something, work for a while, and return it, fail, or are cancelled."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.taken: set[int] = set()
        self.began = self.ended = 0
        self.returned: list[int] = []
        self.failed: list[Boom] = []
        self.cancelled_alone = 0

    def runner(self, number: int) -> Callable[[], int]:
        steps = self.chance.randrange(6)
        end = self.chance.choices(["return", "fail", "cancel"], [3, 6, 2])[0]
        return lambda: self.work(number, steps, end)

    def work(self, number: int, steps: int, end: str) -> int:
        self.began += 1
        self.taken.add(number)
        try:
            turns(steps)
            self.act(end)
        except BaseException:
            self.taken.remove(number)
            raise
        finally:
            self.ended += 1
        self.returned.append(number)
        return number

    def act(self, end: str) -> None:
        if end == "fail":
            failure = Boom(len(self.failed))
            self.failed.append(failure)
            raise failure
        if end == "cancel":
            self.cancelled_alone += 1
            current().cancel()
            gosched()


def the_race(runners: Runners) -> str:
    """Hold the outcome of a race against what its runners did."""
    count = runners.chance.randrange(1, 6)
    try:
        won = race(*[runners.runner(number) for number in range(count)])
    except ExceptionGroup as failures:
        out = list(failures.exceptions)
        assert not runners.returned
        assert out[: len(runners.failed)] == runners.failed
        rest = out[len(runners.failed) :]
        assert len(rest) == runners.cancelled_alone
        assert all(isinstance(each, GoroutineCancelled) for each in rest)
        assert len(out) == count
        return "all have failed"
    finally:
        assert runners.began == runners.ended
        assert runners.taken == set(runners.returned)  # the others have given back what they took
    assert runners.returned[0] == won
    return "won"


def the_map(runners: Runners) -> str:
    count = runners.chance.randrange(6)
    limit = runners.chance.choice([None, 1, 2])
    fns = [runners.runner(number) for number in range(count)]
    try:
        results = map_concurrent(lambda fn: fn(), fns, limit=limit)
    except GoroutineCancelled:
        assert not runners.failed
        assert runners.cancelled_alone
        return "one was cancelled"
    except (Boom, ExceptionGroup) as failure:
        out = failure.exceptions if isinstance(failure, ExceptionGroup) else [failure]
        assert list(out) == runners.failed
        return "failed"
    finally:
        assert runners.began == runners.ended
    assert results == list(range(count)) == sorted(runners.returned)
    return "all"


def the_completed(runners: Runners) -> str:
    """Each comes once: those that have ended, and then the others in the order of their ends."""
    count = runners.chance.randrange(1, 6)
    ended: list[Goroutine[int]] = []

    def note(fn: Callable[[], int]) -> int:
        try:
            return fn()
        finally:
            ended.append(current())

    goroutines = [go(note, runners.runner(number)) for number in range(count)]
    turns(runners.chance.randrange(4))
    left_after = runners.chance.choice([count, count, runners.chance.randrange(count)])
    seen: list[Goroutine[int]] = []
    order = [goroutine for goroutine in goroutines if goroutine.done]
    before = len(order)
    for goroutine in as_completed(goroutines):
        seen.append(goroutine)
        if len(seen) == left_after:
            break
    order += ended[before:]
    assert seen == order[: len(seen)]
    for goroutine in goroutines:
        with suppress(Boom, GoroutineCancelled):
            goroutine.join()
    assert set(ended) == set(goroutines) == set(as_completed(goroutines))
    return "all" if len(seen) == count else "left"


OUTCOMES: dict[Callable[[Runners], str], set[str]] = {
    the_race: {"won", "all have failed"},
    the_map: {"all", "one was cancelled", "failed"},
    the_completed: {"all", "left"},
}


@pytest.mark.parametrize("program", OUTCOMES, ids=lambda program: program.__name__)
@in_run
def test_in_a_thousand_orders_it_keeps_what_it_promises(program: Callable[[Runners], str]) -> None:
    scheduler = ensure_scheduler()
    outcomes = Counter[str]()
    for seed in SEEDS:
        scheduler.set_shuffle(seed)
        try:
            outcomes[program(Runners(random.Random(seed)))] += 1
        except BaseException as failure:
            failure.add_note(f"seed {seed}")
            raise
    scheduler.set_shuffle(0)
    assert set(outcomes) == OUTCOMES[program]
    assert min(outcomes.values()) > 50
    assert scheduler.goroutines() == [current()]


# ---- cancelled at each step


class Steps:
    """What begins and ends in a program that is cancelled from outside."""

    def __init__(self) -> None:
        self.began = self.ended = 0
        self.result: object = None

    def work(self, number: int) -> int:
        self.began += 1
        try:
            turns(number + 1)
        finally:
            self.ended += 1
        return number

    def slow(self) -> int:
        return self.work(4)

    def quick(self) -> int:
        return self.work(1)

    def items(self) -> Iterator[int]:
        for number in range(4):
            gosched()
            yield number


def race_of_three(steps: Steps) -> None:
    steps.result = race(steps.slow, steps.quick, steps.slow)


def map_of_four(steps: Steps) -> None:
    steps.result = map_concurrent(steps.work, range(4))


def map_of_items_that_park(steps: Steps) -> None:
    steps.result = map_concurrent(steps.work, steps.items(), limit=2)


def three_completed(steps: Steps) -> None:
    goroutines = [go(steps.work, number) for number in range(3)]
    seen = []
    try:
        for goroutine in as_completed(goroutines):
            seen.append(goroutine)
            steps.result = [each.join() for each in seen]
    finally:
        for goroutine in goroutines:
            goroutine.cancel()


RESULTS: dict[Callable[[Steps], None], object] = {
    race_of_three: 1,
    map_of_four: [0, 1, 2, 3],
    map_of_items_that_park: [0, 1, 2, 3],
    three_completed: [0, 1, 2],
}


@pytest.mark.parametrize("program", RESULTS, ids=lambda program: program.__name__)
@pytest.mark.parametrize("victim", ["host", "runner"])
@in_run
def test_cancelled_at_each_step_it_leaves_nobody_behind(
    program: Callable[[Steps], None], victim: str
) -> None:
    scheduler = ensure_scheduler()
    cut = 0
    for number in range(25):
        steps = Steps()
        host = go(program, steps)
        if victim == "host":
            cancel_after(number, host)
        else:
            turns(number % 5)
            others = [g for g in scheduler.goroutines() if g not in (host, current())]
            if others:
                others[number // 5 % len(others)].cancel()
        with suppress(GoroutineCancelled):
            host.join()
        turns(2)
        assert steps.began == steps.ended
        assert scheduler.goroutines() == [current()]
        if steps.result != RESULTS[program]:
            cut += 1
    assert 0 < cut < 25


@in_run
def test_a_race_whose_result_is_there_before_it_is_cancelled_has_it() -> None:
    seen: list[object] = []

    def clean_up() -> str:
        try:
            gosched()
            gosched()
        except Cancelled:
            go(host.cancel)  # between the victory and the end of the race
            with shield():
                gosched()
            raise
        return "slow"

    def program() -> None:
        seen.append(race(clean_up, lambda: "quick"))
        with pytest.raises(Cancelled):
            gosched()

    host = go(program)
    host.join()
    assert seen == ["quick"]
