"""Groups of members that do what is drawn, in a thousand orders: each failure comes out once."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from netpoll import (
    Cancelled,
    Goroutine,
    GoroutineCancelled,
    ScopeTimeout,
    current,
    go,
    gosched,
    shield,
    timeout,
)
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.sync.group import Group
from tests.running import in_run
from tests.sync.failing import Boom

SEEDS = range(1, 1001)


class Account:
    """A group, what its block and its members have done, and what has to come of it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.limit = chance.choice([None, None, 1, 2, 3])
        self.group = Group(self.limit)
        self.members: list[Goroutine[int]] = []
        self.running = 0
        self.begun: list[int] = []
        self.whole: list[int] = []
        self.raised: list[Boom] = []
        self.victims: list[Goroutine[int]] = []

    def fail(self) -> None:
        failure = Boom(len(self.raised))
        self.raised.append(failure)
        raise failure

    def start(self) -> None:
        member = self.group.go(self.member, len(self.members))
        self.members.append(member)

    def member(self, number: int) -> int:
        self.begun.append(number)
        self.running += 1
        assert self.limit is None or self.running <= self.limit
        try:
            self.turns(3)
            self.act()
            self.turns(2)
        except Cancelled:
            if self.chance.random() < 0.2:
                self.fail()  # in its cleaning up
            raise
        finally:
            self.running -= 1
        self.whole.append(number)
        return number

    def turns(self, most: int) -> None:
        for _ in range(self.chance.randrange(most)):
            gosched()

    def act(self) -> None:
        """Do something that concerns others, or oneself, or nothing."""
        actions: list[Callable[[], object]] = [
            self.fail,
            self.group.cancel,
            self.victim,
            self.time_out,
            self.clean_up,
        ]
        if self.limit is None:
            actions += [self.start, self.start]
        if self.chance.random() < 0.3:
            self.chance.choice(actions)()

    def victim(self) -> None:
        """Be cancelled alone, which is no failure."""
        goroutine = current()
        assert isinstance(goroutine, Goroutine)
        self.victims.append(goroutine)
        goroutine.cancel()
        gosched()
        pytest.fail("a park of a cancelled goroutine does not raise")

    def time_out(self) -> None:
        with pytest.raises(ScopeTimeout), timeout(0):
            try:
                gosched()
            except Cancelled:
                gosched()  # raises again, by the time or by the group
        gosched()

    def clean_up(self) -> None:
        with shield():
            gosched()

    def block(self) -> None:
        with self.group:
            for _ in range(self.chance.randrange(5)):
                self.start()
                self.turns(2)
            self.act()
            self.turns(4)


def come_out(failure: BaseException) -> list[BaseException]:
    """Return what is in a failure, the oldest first."""
    return list(failure.exceptions) if isinstance(failure, BaseExceptionGroup) else [failure]


def settle(account: Account, host: Goroutine[None]) -> str:
    """Wait for the end of the block, and hold what came out against what went in."""
    out: list[BaseException] = []
    outcome = "whole"
    try:
        host.join()
    except GoroutineCancelled:
        outcome = "cancelled"
    except BaseException as failure:  # noqa: BLE001 - all that comes out is compared
        outcome, out = "failed", come_out(failure)
    else:
        outcome = "stopped" if account.group.cancelled else "whole"
    assert out == account.raised
    assert account.running == account.group.count == 0
    assert len(set(account.begun)) == len(account.begun)
    for number, member in enumerate(account.members):
        assert member.done
        if number in account.whole:
            assert member.join() == number
    if outcome == "whole":
        cut = {member for n, member in enumerate(account.members) if n not in account.whole}
        assert cut == set(account.victims)
    return outcome


def cancel_after(turns: int, host: Goroutine[None]) -> None:
    for _ in range(turns):
        gosched()
    host.cancel()


@in_run
def test_in_a_thousand_orders_each_failure_comes_out_once() -> None:
    scheduler = ensure_scheduler()
    outcomes = Counter[str]()
    for seed in SEEDS:
        scheduler.set_shuffle(seed)
        chance = random.Random(seed)
        account = Account(chance)
        host = go(account.block)
        if chance.random() < 0.3:
            go(cancel_after, chance.randrange(8), host)
        try:
            outcomes[settle(account, host)] += 1
        except BaseException as failure:
            failure.add_note(f"seed {seed}")
            raise
    scheduler.set_shuffle(0)
    gosched()
    assert scheduler.goroutines() == [current()]
    assert set(outcomes) == {"whole", "stopped", "failed", "cancelled"}
    assert min(outcomes.values()) > 50
