"""Channels and select against a plain model: any history of any operations."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from netpoll import Cancelled, Goroutine, GoroutineCancelled, go, gosched
from netpoll.errors import ChannelClosed
from netpoll.sync.chan import Chan
from netpoll.sync.select import seed, select
from tests.conftest import end_scheduler
from tests.sync.chan_model import CLOSED, Case, Model, Op, Outcome

CHANNELS = 3

numbers = st.integers(0, CHANNELS - 1)
kinds = st.sampled_from(["send", "recv"])
# No two alike: which of them is first in the line is left to chance.
cases = st.lists(st.tuples(kinds, st.none() | numbers), max_size=5, unique=True)
ways = st.sampled_from(["plain", "select", "iterate"])


class Channels(RuleBasedStateMachine):
    """Each operation is a goroutine of its own, and all settle before the next one begins."""

    def __init__(self) -> None:
        super().__init__()
        self.channels: list[Chan[int]] = []
        self.model = Model([])
        self.value = 0
        self.running: dict[Op, Goroutine[Outcome]] = {}

    @initialize(capacities=st.tuples(*[st.integers(0, 6)] * CHANNELS), choices=st.integers(0, 99))
    def begin(self, capacities: tuple[int, ...], choices: int) -> None:
        seed(choices)
        self.model = Model(list(capacities))
        self.channels = [Chan[int](capacity) for capacity in capacities]

    def teardown(self) -> None:
        for goroutine in self.running.values():
            goroutine.cancel()
        self.settle()
        assert not end_scheduler()

    # -- the program

    def do(self, op: Op, way: str, timeout: float | None) -> Outcome:
        """Carry out an operation with the real channels."""
        try:
            if way == "select":
                return select(*map(self.real, op.cases), timeout=timeout)
            return self.do_one(op.cases[0], way, timeout)
        except ChannelClosed:
            # A plain receive says so by the exception, where a select has ok for it.
            closed = way != "select" and op.cases[0].kind == "recv"
            return (0, None, False) if closed else CLOSED
        except TimeoutError:
            return "TimeoutError"
        except Cancelled:
            return "Cancelled"

    def do_one(self, case: Case, way: str, timeout: float | None) -> Outcome:
        assert case.channel is not None
        channel = self.channels[case.channel]
        if case.kind == "send":
            channel.send(case.value, timeout)
            return (0, None, True)
        if way == "iterate" and timeout is None:
            value = next(channel, None)
            return (0, value, value is not None)
        return (0, channel.recv(timeout), True)

    def real(self, case: Case) -> Any:
        if case.channel is None:
            return None
        channel = self.channels[case.channel]
        return channel.recv if case.kind == "recv" else (channel.send, case.value)

    def settle(self) -> None:
        for _ in range(4):
            gosched()

    # -- what is done

    def new_case(self, kind: Any, channel: int | None) -> Case:
        self.value += 1
        return Case(kind, channel, self.value)

    def start(self, op: Op, way: str, timeout: float | None = None) -> None:
        ready = self.model.ready(op)
        goroutine = go(self.do, op, way, timeout)
        self.settle()
        if ready:
            outcome = goroutine.join(0)
            if outcome == CLOSED:
                chosen = next(i for i in ready if op.cases[i].kind == "send" and self.shut(op, i))
            else:
                assert isinstance(outcome, tuple)
                chosen = outcome[0]
            assert chosen in ready
            self.model.carry_out(op, chosen)
            assert op.outcome == outcome
        elif timeout is not None:
            assert goroutine.join(0) == "TimeoutError"
        else:
            self.model.wait(op)
            self.running[op] = goroutine

    def shut(self, op: Op, index: int) -> bool:
        channel = op.cases[index].channel
        return channel is not None and self.model.channels[channel].closed

    @rule(kind=kinds, channel=numbers, way=ways, limited=st.booleans())
    def one_operation(self, kind: str, channel: int, way: str, limited: bool) -> None:
        self.start(Op([self.new_case(kind, channel)]), way, 0 if limited else None)

    @rule(several=cases, limited=st.booleans())
    def one_of_several(self, several: list[tuple[str, int | None]], limited: bool) -> None:
        self.start(Op([self.new_case(*each) for each in several]), "select", 0 if limited else None)

    @rule(kind=kinds, channel=numbers)
    def a_try(self, kind: str, channel: int) -> None:
        op = Op([self.new_case(kind, channel)])
        outcome: Outcome | None
        try:
            if kind == "send":
                done = self.channels[channel].try_send(op.cases[0].value)
                outcome = (0, None, True) if done else None
            else:
                value, done = self.channels[channel].try_recv()
                outcome = (0, value, True) if done else None
        except ChannelClosed:
            outcome = CLOSED if kind == "send" else (0, None, False)
        if self.model.ready(op):
            self.model.carry_out(op, 0)
        assert outcome == op.outcome

    @rule(several=cases)
    def one_of_several_or_none(self, several: list[tuple[str, int | None]]) -> None:
        op = Op([self.new_case(*each) for each in several])
        ready = self.model.ready(op)
        try:
            outcome: Outcome = select(*map(self.real, op.cases), default=True)
        except ChannelClosed:
            assert any(op.cases[i].kind == "send" and self.shut(op, i) for i in ready)
            return
        if not ready:
            assert outcome == (-1, None, False)
            return
        assert isinstance(outcome, tuple)
        assert outcome[0] in ready
        self.model.carry_out(op, outcome[0])
        assert op.outcome == outcome

    @rule(channel=numbers)
    def close(self, channel: int) -> None:
        try:
            self.channels[channel].close()
            closed = True
        except ChannelClosed:
            closed = False
        assert closed == self.model.close(channel)

    @rule(data=st.data(), then=st.sampled_from(["nothing", "try", "close"]))
    def cancel_one(self, data: st.DataObject, then: str) -> None:
        waiting = list(self.running)
        if not waiting:
            return
        op = data.draw(st.sampled_from(waiting))
        self.running[op].cancel()
        # It stands in its lines until it runs: what comes to it before that is its own.
        if then == "try":
            self.a_try(*data.draw(st.tuples(kinds, numbers)))
        elif then == "close":
            self.close(data.draw(numbers))
        if op.outcome is None:
            self.model.give_up(op, "Cancelled")
        elif self.lost_to_nobody(op):
            op.outcome = "Cancelled"

    @staticmethod
    def lost_to_nobody(op: Op) -> bool:
        return op.outcome == CLOSED or (isinstance(op.outcome, tuple) and not op.outcome[2])

    # -- what is true afterwards

    @invariant()
    def all_is_as_in_the_model(self) -> None:
        self.settle()
        self.those_who_wait_are_those_of_the_model()
        self.the_channels_are_as_in_the_model()

    def those_who_wait_are_those_of_the_model(self) -> None:
        for op, goroutine in list(self.running.items()):
            assert goroutine.done == (op.outcome is not None)
            if goroutine.done:
                del self.running[op]
                try:
                    assert goroutine.join() == op.outcome
                except GoroutineCancelled:
                    assert op.outcome == "Cancelled"

    def the_channels_are_as_in_the_model(self) -> None:
        for real, model in zip(self.channels, self.model.channels, strict=True):
            assert real.closed == model.closed
            assert len(real) == len(model.buffer)
            assert real.waiting == (len(model.senders), len(model.receivers))


Channels.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestChannels = Channels.TestCase
