"""Mutex, RWMutex and Semaphore against the plain models of what they are to do."""

import re

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.sync.actors import Actors
from tests.sync.models import PAIRS, Model


def somebody_waits(machine: "LockAgainstModel") -> bool:
    return bool(machine.model.waiting)


def somebody_has_it(machine: "LockAgainstModel") -> bool:
    return bool(machine.model.holding)


class LockAgainstModel(RuleBasedStateMachine):
    """Goroutines come, wait, give back and give up; who has the lock is who the model says."""

    name: str

    @initialize()
    def begin(self) -> None:
        model, real = PAIRS[self.name]
        self.model: Model = model()
        self.actors = Actors(real())

    def one(self, data: st.DataObject, those: list[tuple[int, int]]) -> int:
        return data.draw(st.sampled_from([who for who, _ in those]))

    def kind(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.model.kinds))

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        kind = self.kind(data)
        self.model.ask(self.actors.ask(kind), kind)

    @rule(data=st.data())
    def ask_with_no_time_to_wait(self, data: st.DataObject) -> None:
        kind = self.kind(data)
        who = self.actors.ask(kind, 0)
        self.actors.settle()
        self.model.ask(who, kind)
        self.model.leave(who)

    @rule(data=st.data())
    def try_to(self, data: st.DataObject) -> None:
        kind = self.kind(data)
        self.model.ask_briefly(self.actors.try_to(kind), kind)

    @precondition(somebody_has_it)
    @rule(data=st.data())
    def give(self, data: st.DataObject) -> None:
        who = self.one(data, self.model.holding)
        self.actors.give(who)
        self.model.give(who)

    @precondition(somebody_waits)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        who = self.one(data, self.model.waiting)
        self.actors.cancel(who)
        self.model.leave(who)

    @precondition(somebody_waits)
    @rule(data=st.data())
    def cancel_two(self, data: st.DataObject) -> None:
        first, second = (self.one(data, self.model.waiting) for _ in range(2))
        for who in (first, second):
            self.actors.cancel(who)
        for who in (first, second):
            self.model.leave(who)

    @precondition(lambda self: somebody_waits(self) and somebody_has_it(self))
    @rule(data=st.data(), given_first=st.booleans())
    def give_and_cancel(self, data: st.DataObject, given_first: bool) -> None:
        """At the same moment: who is granted it has it, whichever came first."""
        giver, victim = self.one(data, self.model.holding), self.one(data, self.model.waiting)
        kind = self.model.give(giver)
        self.model.leave(victim)
        if not given_first:
            self.actors.cancel(victim)
        self.actors.give_at_once(giver, kind)
        if given_first:
            self.actors.cancel(victim)

    @invariant()
    def those_have_it_who_should(self) -> None:
        assert self.actors.settle() == {who for who, _ in self.model.holding}
        waiting = re.findall(r"(\d+) waiting", repr(self.actors.real))
        assert sum(map(int, waiting)) == len(self.model.waiting)

    def teardown(self) -> None:
        self.actors.end()


class MutexAgainstModel(LockAgainstModel):
    name = "mutex"


class RWMutexAgainstModel(LockAgainstModel):
    name = "rwmutex"


class SemaphoreAgainstModel(LockAgainstModel):
    name = "semaphore"


TestMutexAgainstModel = MutexAgainstModel.TestCase
TestRWMutexAgainstModel = RWMutexAgainstModel.TestCase
TestSemaphoreAgainstModel = SemaphoreAgainstModel.TestCase
SETTINGS = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMutexAgainstModel.settings = SETTINGS
TestRWMutexAgainstModel.settings = SETTINGS
TestSemaphoreAgainstModel.settings = SETTINGS
