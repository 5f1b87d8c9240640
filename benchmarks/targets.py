"""What netpoll has to reach, and what it aims at."""

from dataclasses import dataclass

from benchmarks.results import Results
from benchmarks.scenario import Cell

OURS = "netpoll"


@dataclass(frozen=True, slots=True)
class Target:
    """One figure of netpoll's, or its ratio to another contender's.

    over: the other contender; nothing for the figure itself. at_least: more is better.
    """

    text: str
    cell: Cell
    figure: str
    must: float
    aim: float | None = None
    over: str = ""
    at_least: bool = False
    unit: str = "x"

    def reached(self, results: Results) -> float | None:
        """Return the value that was measured; None if it was not."""
        if self.over:
            spread = results.ratio(self.cell, OURS, self.over, self.figure)
        else:
            spread = results.figure(self.cell, OURS, self.figure)
        return None if spread is None else spread.median

    def satisfies(self, value: float, bound: float) -> bool:
        """Tell whether a value is as good as the bound."""
        return value >= bound if self.at_least else value <= bound


def _echo(size: int, conns: int) -> Cell:
    return Cell("echo", (("size", size), ("conns", conns)))


def _of_tasks(kind: str) -> Cell:
    return Cell("tasks", (("kind", kind),))


def _cpu(text: str, cell: Cell, over: str, must: float, aim: float | None = None) -> Target:
    return Target(f"{text}: CPU per request / {over}", cell, "cpu", must, aim, over)


_SMALL, _MANY, _LARGE = _echo(64, 50), _echo(64, 1000), _echo(16384, 50)
_IDLE = Cell("idle", (("conns", 10000),))

TARGETS = (
    _cpu("echo 64 B, 50 connections", _SMALL, "limit", 1.20, 1.10),
    _cpu("echo 64 B, 50 connections", _SMALL, "go", 1.0),
    _cpu("echo 64 B, 50 connections", _SMALL, "uvloop-protocol", 1.0),
    _cpu("echo 64 B, 1,000 connections", _MANY, "limit", 1.50, 1.25),
    _cpu("echo 64 B, 1,000 connections", _MANY, "go", 1.0),
    _cpu("echo 16 KiB, 50 connections", _LARGE, "limit", 1.35, 1.15),
    _cpu("echo 16 KiB, 50 connections", _LARGE, "go", 1.0),
    Target(
        "echo 64 B, 50 connections: requests per second / gevent",
        _SMALL,
        "rate",
        2.0,
        2.5,
        "gevent",
        at_least=True,
    ),
    Target("memory per idle connection, 10,000 of them", _IDLE, "memory", 7, 4, unit="KiB"),
    Target("wake-ups of an idle server per second", _IDLE, "wakeups", 0, unit=""),
    Target("a switch / a bare greenlet's", _of_tasks("switch"), "cpu", 1.3, None, "greenlet"),
    Target("a switch", _of_tasks("switch"), "cpu", 1000, 100, unit="ns"),
    Target("start and end of a goroutine", _of_tasks("spawn"), "cpu", 300, 150, unit="ns"),
)
