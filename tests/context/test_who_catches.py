"""Blocks of all kinds, one in the other, of which several are to end at once: which one does.

The model: a park raises if any block from the innermost outwards is cancelled, as far as the first
shield; the outermost of those is where it stops. A cancelled goroutine is farther out than all.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from netpoll import (
    CancelScope,
    GoroutineCancelled,
    ScopeTimeout,
    cancel_scope,
    current,
    go,
    run,
    shield,
    sleep,
    timeout,
)
from netpoll.context import (
    CancelContext,
    ContextCancelled,
    ContextDeadlineExceeded,
    background,
    with_cancel,
    with_timeout,
)
from netpoll.sync.group import Group

LONG = 3600.0


class Level(NamedTuple):
    """One block: of what kind it is, and whether it is ended by a call, by time, or not."""

    kind: str
    ends: str  # "call", "time" or ""


KINDS = {
    "scope": ["", "call", "time"],
    "timeout": ["", "call", "time"],
    "group": ["", "call"],
    "context": ["", "call", "time"],
    "child": ["", "call", "time"],  # of the context of the nearest block farther out that has one
    "shield": [""],
}

levels = st.lists(
    st.sampled_from([Level(kind, end) for kind, ends in KINDS.items() for end in ends]),
    max_size=6,
)


class Model:
    """Which levels are cancelled, and which of them the park's Cancelled comes out of."""

    def __init__(self, program: list[Level], *, goroutine: bool) -> None:
        self.program = program
        self.goroutine = goroutine
        self.parents: dict[int, int] = {}
        last: int | None = None
        for at, level in enumerate(program):
            if level.kind == "child" and last is not None:
                self.parents[at] = last
            if level.kind in {"context", "child"}:
                last = at

    def cancelled(self, at: int) -> bool:
        if self.program[at].ends:
            return True
        return at in self.parents and self.cancelled(self.parents[at])

    def visible(self) -> list[int]:
        """Return the levels that a park at the bottom sees, the innermost first."""
        seen = []
        for at in reversed(range(len(self.program))):
            seen.append(at)
            if self.program[at].kind == "shield":
                break
        return seen

    def shielded(self) -> bool:
        return any(level.kind == "shield" for level in self.program)

    def stops_at(self) -> int | None:
        """Return the level where it stops, -1 for the goroutine's end, None: the park goes on."""
        if self.goroutine and not self.shielded():
            return -1
        ending = [at for at in self.visible() if self.cancelled(at)]
        return min(ending) if ending else None


def end_block(level: Level, block: object) -> None:
    """Have a block end, in the midst of it; time comes for all at once."""
    if level.ends == "call":
        assert isinstance(block, (CancelScope, Group, CancelContext))
        block.cancel()


def make(level: Level, parent: CancelContext | None, moment: float) -> object:
    left = moment - time.monotonic()
    timed = level.ends == "time"
    if level.kind == "scope":
        return cancel_scope(deadline=moment if timed else None)
    if level.kind == "timeout":
        return timeout(left if timed else LONG)
    if level.kind == "group":
        return Group()
    if level.kind == "shield":
        return shield()
    context = parent if level.kind == "child" and parent is not None else background()
    return with_timeout(context, left) if timed else with_cancel(context)


@contextmanager
def noted(at: int, log: list[tuple[int, str]]) -> Iterator[None]:
    """Note what comes out of a block."""
    try:
        yield
    except BaseException as error:
        log.append((at, type(error).__name__))
        raise
    log.append((at, ""))


def work(program: list[Level], *, goroutine: bool, log: list[tuple[int, str]]) -> None:
    moment = time.monotonic() + 0.004
    blocks: list[object] = []
    with ExitStack() as stack:
        parent: CancelContext | None = None
        for at, level in enumerate(program):
            block = make(level, parent, moment)
            parent = block if isinstance(block, CancelContext) else parent
            blocks.append(block)
            stack.enter_context(noted(at, log))
            stack.enter_context(block)  # type: ignore[arg-type]
        while time.monotonic() < moment:
            time.sleep(0.0005)
        for level, block in zip(program, blocks, strict=True):
            end_block(level, block)
        if goroutine:
            current().cancel()
        # All there is to come has come once the others have had their turn.
        sleep(0.002)
        log.append((len(program), "whole"))


OUTCOMES = {
    ("scope", "call"): "",
    ("scope", "time"): "",
    ("timeout", "call"): "",
    ("timeout", "time"): ScopeTimeout.__name__,
    ("group", "call"): "",
}


@settings(max_examples=150, deadline=None)
@given(levels, st.booleans())
def test_the_block_that_a_cancellation_ends_is_the_outermost_that_it_is_of(
    program: list[Level], goroutine: bool
) -> None:
    log: list[tuple[int, str]] = []
    model = Model(program, goroutine=goroutine)

    def main() -> None:
        worker = go(lambda: work(program, goroutine=goroutine, log=log))
        with suppress(GoroutineCancelled, ScopeTimeout, ContextCancelled, ContextDeadlineExceeded):
            worker.join()

    run(main)
    check(model, log)


def check(model: Model, log: list[tuple[int, str]]) -> None:
    at = model.stops_at()
    raised = [name for level, name in log if level > (at if at is not None else -1)]
    if at is None:
        assert ("whole") in raised
        return
    assert "whole" not in raised
    # Inside of the block that it ends, each block lets it pass.
    assert set(raised) <= {"Cancelled"}
    if at < 0:
        return
    level = model.program[at]
    (outcome,) = [name for level_at, name in log if level_at == at]
    if level.kind in {"context", "child"}:
        ended = [model.program[one].ends for one in ancestors(model, at)]
        assert outcome in {
            ContextCancelled.__name__ if "call" in ended else "",
            ContextDeadlineExceeded.__name__ if "time" in ended else "",
        } - {""}
    else:
        assert outcome == OUTCOMES[level.kind, level.ends]


def ancestors(model: Model, at: int) -> Iterator[int]:
    yield at
    while at in model.parents:
        at = model.parents[at]
        yield at
