"""Measuring a program's own work, and printing the figures as a line of JSON."""

import gc
import json
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

BATCH = 100
"""How many are started at a time where the kind says spawn."""
STEP = 1e-5
"""Seconds that each sleeps longer than the one before: of 100,000 the last sleeps a second."""

Work = Callable[[int], object]
AsyncWork = Callable[[int], Coroutine[object, object, object]]


def chosen() -> tuple[str, int]:
    """Return the kind and the number of operations from the command line."""
    return sys.argv[1], int(sys.argv[2])


def measure(work: Work, operations: int) -> None:
    """Do the work and print what it took."""
    work(operations // 10)
    begin = _begin()
    work(operations)
    _report(begin, operations)


async def measure_async(work: AsyncWork, operations: int) -> None:
    """Do the same for a coroutine function."""
    await work(operations // 10)
    begin = _begin()
    await work(operations)
    _report(begin, operations)


def _begin() -> tuple[int, int, int]:
    gc.collect()
    return peak_kib(), time.process_time_ns(), time.monotonic_ns()


def peak_kib() -> int:
    """Return the most memory that this program has had in use.

    Not from getrusage(2), whose figure takes in the process that started this one.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def _report(begin: tuple[int, int, int], operations: int) -> None:
    peak, cpu, wall = begin
    figures = {
        "operations": operations,
        "cpu_ns": time.process_time_ns() - cpu,
        "wall_ns": time.monotonic_ns() - wall,
        "peak_kib": peak_kib() - peak,
    }
    print(json.dumps(figures))
