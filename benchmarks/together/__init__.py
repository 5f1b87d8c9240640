"""What it costs that goroutines work together, and what it costs their peers.

Each program takes a kind and a number of operations, does a tenth of them as a warm-up and then all
to be measured, and prints a line of JSON; see ../tasks/measured.py. An operation is

hand-over       a value through a channel without a buffer, from one to another
buffered        a value sent into a buffer and received out of it, by one alone
select of 2     a value received from whichever of two channels has one, sent by another one
select of 10    the same with ten
lock            a lock taken and given back by two calls, while nobody else wants it
with lock       the same by a statement, `with` or `defer`
contended lock  a lock taken, the others let run, and given back, while a hundred want it
wait group      one that is started, runs and ends, while somebody waits for all of them
timers          a timer that is set and waited for; all are set before the first is due
fan-in          a value received from one of a thousand who send into one channel without a buffer
blocking        a function called on another thread, and its result waited for

Who has no channel without a buffer has one with room for a single value.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.bench import Programs
from benchmarks.contenders import Contender, in_go

KINDS = (
    "hand-over",
    "buffered",
    "select of 2",
    "select of 10",
    "lock",
    "with lock",
    "contended lock",
    "wait group",
    "timers",
    "fan-in",
    "blocking",
)
PRODUCERS = 1000
"""How many send where the kind says fan-in."""
RIVALS = 100
"""How many want the lock that is contended."""
SOONEST, STEP = 0.2, 1e-6
"""Seconds until the first of the timers is due, and from each to the next one."""

_SELECTS = frozenset({"select of 2", "select of 10"})
UNKNOWN: Mapping[str, frozenset[str]] = {
    "go": frozenset({"blocking"}),
    "gevent": _SELECTS,
    "trio": _SELECTS | {"timers"},
    "threads": _SELECTS | {"wait group", "timers"},
}
"""The kinds that some of them have nothing for, by name.

In Go every function may block. A timer of trio is a task that sleeps, and one of threading is a
thread, of which nobody starts a hundred thousand.
"""


def _python(name: str, _programs: Programs) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.together.{name}_together"]


def _contender(name: str, label: str, package: str = "") -> Contender:
    command: Callable[[Programs], list[str]] = partial(_python, name)
    return Contender(name, label, command, package, package)


CONTENDERS = (
    _contender("netpoll", "netpoll", "netpoll"),
    in_go("go", "go_together"),
    _contender("asyncio", "asyncio"),
    _contender("gevent", "gevent", "gevent"),
    _contender("trio", "trio", "trio"),
    _contender("threads", "threads"),
)
