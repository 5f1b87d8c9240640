"""What channels promise, in the plainest words: lists, and one operation at a time."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["send", "recv"]
Outcome: TypeAlias = tuple[int, int | None, bool] | str
"""As select returns it, or the name of an exception."""

CLOSED = "ChannelClosed"


@dataclass
class ModelChan:
    """A channel: what is buffered, and who waits."""

    capacity: int
    buffer: deque[int] = field(default_factory=deque)
    senders: list["Standing"] = field(default_factory=list)
    receivers: list["Standing"] = field(default_factory=list)
    closed: bool = False


@dataclass(frozen=True)
class Case:
    """One operation on one channel; no channel: never."""

    kind: Kind
    channel: int | None
    value: int = 0


@dataclass(eq=False)
class Standing:
    """A case in a line."""

    op: "Op"
    index: int
    case: Case


@dataclass(eq=False)
class Op:
    """What one goroutine does: one of these cases."""

    cases: list[Case]
    outcome: Outcome | None = None


class Model:
    """Channels, and the operations that wait at them."""

    def __init__(self, capacities: list[int]) -> None:
        self.channels = [ModelChan(capacity) for capacity in capacities]
        self.waiting: list[Op] = []

    def ready(self, op: Op) -> list[int]:
        """Return the cases that can go on now."""
        return [index for index, case in enumerate(op.cases) if self.can_go_on(case)]

    def can_go_on(self, case: Case) -> bool:
        if case.channel is None:
            return False
        channel = self.channels[case.channel]
        if channel.closed:
            return True
        if case.kind == "recv":
            return bool(channel.buffer or channel.senders)
        return bool(channel.receivers) or len(channel.buffer) < channel.capacity

    def carry_out(self, op: Op, index: int) -> None:
        """Do a case that can go on."""
        case = op.cases[index]
        assert case.channel is not None
        channel = self.channels[case.channel]
        if case.kind == "send":
            op.outcome = CLOSED if channel.closed else (index, None, True)
            if channel.receivers:
                self.serve(channel.receivers[0], case.value)
            elif not channel.closed:
                channel.buffer.append(case.value)
            return
        if not channel.buffer and not channel.senders:
            op.outcome = (index, None, False)
            return
        if channel.senders:
            channel.buffer.append(channel.senders[0].case.value)
            self.serve(channel.senders[0], None)
        op.outcome = (index, channel.buffer.popleft(), True)

    def serve(self, standing: Standing, value: int | None) -> None:
        """Give a case that waits its turn."""
        standing.op.outcome = (standing.index, value, True)
        self.leave(standing.op)

    def wait(self, op: Op) -> None:
        """Stand in all the lines."""
        self.waiting.append(op)
        for index, case in enumerate(op.cases):
            if case.channel is None:
                continue
            channel = self.channels[case.channel]
            line = channel.senders if case.kind == "send" else channel.receivers
            line.append(Standing(op, index, case))

    def leave(self, op: Op) -> None:
        """Take an operation out of all lines."""
        self.waiting.remove(op)
        for channel in self.channels:
            channel.senders = [s for s in channel.senders if s.op is not op]
            channel.receivers = [s for s in channel.receivers if s.op is not op]

    def close(self, number: int) -> bool:
        """Close; False if it was closed before."""
        channel = self.channels[number]
        if channel.closed:
            return False
        channel.closed = True
        for standing in self._in(channel):
            standing.op.outcome = (
                CLOSED if standing.case.kind == "send" else (standing.index, None, False)
            )
            self.leave(standing.op)
        return True

    @staticmethod
    def _in(channel: ModelChan) -> Iterator[Standing]:
        for kind in ("receivers", "senders"):
            while line := getattr(channel, kind):
                yield line[0]

    def give_up(self, op: Op, why: str) -> None:
        """End a wait from outside."""
        op.outcome = why
        self.leave(op)
