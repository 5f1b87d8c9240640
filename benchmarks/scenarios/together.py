"""Goroutines that work together: channels, select, locks, timers and threads."""

from benchmarks.bench import Bench
from benchmarks.contenders import Contender
from benchmarks.scenario import Cell, Figure, Sample, Scenario
from benchmarks.scenarios import tasks
from benchmarks.together import CONTENDERS, KINDS, PRODUCERS, RIVALS, UNKNOWN

OPERATIONS = {
    "hand-over": (500_000, 20_000),
    "buffered": (1_000_000, 100_000),
    "select of 2": (300_000, 20_000),
    "select of 10": (200_000, 20_000),
    "lock": (2_000_000, 100_000),
    "with lock": (1_000_000, 100_000),
    "contended lock": (300_000, 10_000),
    "wait group": (1_000_000, 100_000),
    "timers": (100_000, 100_000),
    "fan-in": (300_000, 20_000),
    "blocking": (10_000, 10_000),
}
"""How many netpoll and Go do, and how many the others do, which take a multiple of the time."""
_EXPLAINED = {
    "hand-over": "a value through a channel without a buffer, from one to another, which loops over"
    " the channel (asyncio, threads: over the calls of get, and the queue has room for one)",
    "buffered": "a value sent into a buffer, and received out of it by the same one",
    "select of 2, of 10": "a value from whichever of so many channels has one (asyncio: waiting for"
    " the first of so many tasks)",
    "lock": "a lock taken and given back by two calls, while nobody else wants it",
    "with lock": "the same by a with statement (Go: defer)",
    "contended lock": f"the same for {RIVALS}, each of whom lets the others run while it has it",
    "wait group": "one that is started, ends, and is waited for together with the others, a million"
    " at once for netpoll and Go, 100,000 for those who take longer",
    "timers": "set, 100,000 at once, and waited for (gevent: each starts a greenlet)",
    "fan-in": f"a value from one of {PRODUCERS:,} who send into the same channel without a buffer",
    "blocking": "a function that does nothing, called on another thread, and its result waited for",
}
"""What an operation is, for the page."""
QUICK = ("hand-over", "buffered", "select of 2", "lock", "blocking")
_FAST = ("netpoll", "go")


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Run one kind of work in a process of its own."""
    kind = cell.text("kind")
    return tasks.run(bench, contender, kind, operations(kind, contender))


def operations(kind: str, contender: Contender) -> int:
    """Return how many of them a contender does."""
    fast, slow = OPERATIONS[kind]
    return fast if contender.name in _FAST else slow


def applies(cell: Cell, contender: Contender) -> bool:
    """Tell whether a contender has what this kind of work is about."""
    return cell.text("kind") not in UNKNOWN.get(contender.name, ())


def _about() -> str:
    kinds = "; ".join(f"*{kind}*: {text}" for kind, text in _EXPLAINED.items())
    return f"Processor time of one operation, with the loop around it. {kinds}."


TOGETHER = Scenario(
    name="together",
    title="Goroutines that work together",
    about=_about(),
    axes={"kind": KINDS},
    quick={"kind": QUICK},
    contenders=CONTENDERS,
    reference="netpoll",
    figures=(
        Figure("cpu", "CPU ns", 0),
        Figure("wall", "elapsed ns", 0),
        Figure("peak", "most memory, B", 0),
    ),
    measure=measure,
    applies=applies,
    cores=None,
)
