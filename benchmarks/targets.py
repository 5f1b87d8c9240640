"""What netpoll has to reach, and what it aims at."""

from dataclasses import dataclass

from benchmarks.results import Results
from benchmarks.scenario import Cell
from benchmarks.spread import Spread

OURS = "netpoll"


_SWITCHES = (
    "each echo parks once, and so switches to another goroutine once. A switch of greenlet saves"
    " what the one has on the C stack and brings back what the other had, some 2 KiB each, and"
    " keeps its own books: two fifths of all instructions of an echo. The rest is the interpreter's"
    " loop, the buffers' objects, and netpoll itself"
)
_GO = (
    "Go's goroutines keep their stacks where they are. Those of greenlet are copied, and so is each"
    " message into a new object; with many connections, or large messages, that is memory which no"
    " cache near the processor has any more"
)


_HAND_OVER = (
    "it takes no more instructions than a goroutine's gosched() does, so it is a switch and nothing"
    " that would count beside it. Most of a switch is greenlet's, which alone takes longer"
    " than all of it in Go, whose switch copies no stack"
)
_LOCK = (
    "nanoseconds move with the machine. Most of these are the two calls from Python, whatever the"
    " methods do; threading.Lock takes twice as long, see below"
)


@dataclass(frozen=True, slots=True)
class Target:
    """One figure of netpoll's, or its ratio to another contender's.

    must: None if there is an aim alone.
    over: the other contender; nothing for the figure itself. at_least: more is better.
    held: what holds it, where it is not as good as the aim.
    """

    text: str
    cell: Cell
    figure: str
    must: float | None
    aim: float | None = None
    over: str = ""
    at_least: bool = False
    unit: str = "x"
    held: str = ""

    @property
    def bound(self) -> float:
        """Return what it is judged by first."""
        bound = self.aim if self.must is None else self.must
        if bound is None:
            raise ValueError(f"{self.text}: neither a must nor an aim")
        return bound

    def reached(self, results: Results, who: str = OURS) -> Spread | None:
        """Return what was measured; None if it was not."""
        if self.over:
            return results.ratio(self.cell, who, self.over, self.figure)
        return results.figure(self.cell, who, self.figure)

    def satisfies(self, value: float, bound: float) -> bool:
        """Tell whether a value is as good as the bound."""
        return value >= bound if self.at_least else value <= bound

    def is_good(self, value: float) -> bool:
        """Tell whether a value is as good as the aim, or as the must if there is no aim."""
        return self.satisfies(value, self.bound if self.aim is None else self.aim)


def _echo(size: int, conns: int, scenario: str = "echo") -> Cell:
    return Cell(scenario, (("size", size), ("conns", conns)))


def _of_tasks(kind: str) -> Cell:
    return Cell("tasks", (("kind", kind),))


def _of_together(kind: str) -> Cell:
    return Cell("together", (("kind", kind),))


def _hand_over(over: str, must: float, aim: float | None = None, held: str = "") -> Target:
    text, cell = f"hand-over through a channel: CPU / {over}", _of_together("hand-over")
    return Target(text, cell, "cpu", must, aim, over, held=held)


def _cpu(text: str, cell: Cell, over: str, must: float, aim: float | None = None) -> Target:
    held = {"limit": _SWITCHES, "go": _GO}.get(over, "")
    return Target(f"{text}: CPU per request / {over}", cell, "cpu", must, aim, over, held=held)


def _against_gevent(text: str, cell: Cell) -> Target:
    return Target(
        f"{text}: requests per second / gevent",
        cell,
        "rate",
        2.0,
        2.5,
        "gevent",
        at_least=True,
        held="the kernel's part of a request is the same for everybody; the column of the limit"
        " says how far ahead of gevent a server would be that did nothing else at all",
    )


_SMALL, _MANY, _LARGE = _echo(64, 50), _echo(64, 1000), _echo(16384, 50)
_NEAR = _echo(64, 50, "near")
_IDLE = Cell("idle", (("conns", 10000),))

IN_SHORT = (
    ("64 B, 50 connections", _SMALL, "cpu"),
    ("64 B, 1,000 connections", _MANY, "cpu"),
    ("64 B, 5,000 connections", _echo(64, 5000), "cpu"),
    ("16 KiB, 50 connections", _LARGE, "cpu"),
    ("memory of an idle connection", _IDLE, "memory"),
)
"""What most people want to know: text, cell and figure of a column."""

TARGETS = (
    _cpu("echo 64 B, 50 connections", _SMALL, "limit", 1.20, 1.10),
    _cpu("echo 64 B, 50 connections", _SMALL, "go", 1.0),
    _cpu("echo 64 B, 50 connections", _SMALL, "uvloop-protocol", 1.0),
    _cpu("the same, cores next to each other", _NEAR, "limit", 1.20, 1.10),
    _cpu("the same, cores next to each other", _NEAR, "go", 1.0),
    _cpu("the same, cores next to each other", _NEAR, "uvloop-protocol", 1.0),
    _cpu("echo 64 B, 1,000 connections", _MANY, "limit", 1.50, 1.25),
    _cpu("echo 64 B, 1,000 connections", _MANY, "go", 1.0),
    _cpu("echo 16 KiB, 50 connections", _LARGE, "limit", 1.35, 1.15),
    _cpu("echo 16 KiB, 50 connections", _LARGE, "go", 1.0),
    _against_gevent("echo 64 B, 50 connections", _SMALL),
    _against_gevent("the same, cores next to each other", _NEAR),
    Target(
        "memory per idle connection, 10,000 of them",
        _IDLE,
        "memory",
        7,
        4,
        unit="KiB",
        held="the C stack that greenlet saves takes more than 2 KiB of it and the Python frames 1;"
        " the rest are the objects of the greenlet, the goroutine and the connection",
    ),
    Target("wake-ups of an idle server per second", _IDLE, "wakeups", 0, unit=""),
    Target("a switch / a bare greenlet's", _of_tasks("switch"), "cpu", 1.3, None, "greenlet"),
    Target(
        "a switch",
        _of_tasks("switch"),
        "cpu",
        None,
        100,
        unit="ns",
        held="a bare greenlet's switch takes longer than that, see below",
    ),
    Target(
        "start and end of a goroutine",
        _of_tasks("spawn"),
        "cpu",
        300,
        150,
        unit="ns",
        held="the greenlet of one that has ended serves the next, so no stack is made or switched."
        " What is left is the call of go() from Python, the goroutine's object and its place in the"
        " list of all, and the call of the function with its own frame",
    ),
    _hand_over("go", 1.5, 1.0, _HAND_OVER),
    _hand_over("asyncio", 0.2),
    _hand_over("gevent", 0.2),
    Target(
        "lock() and unlock(), nobody else wants it",
        _of_together("lock"),
        "cpu",
        60,
        unit="ns",
        held=_LOCK,
    ),
)


def compared(cell: Cell) -> set[str]:
    """Return whom a goal compares in a cell, netpoll included; memory is the same each time."""
    goals = [target for target in TARGETS if target.cell == cell != _IDLE]
    return {target.over for target in goals if target.over} | {OURS for _ in goals}
