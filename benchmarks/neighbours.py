"""How much of the machine others used while we measured."""

import os
import time

from benchmarks.procfs import machine_busy_ticks


class Neighbours:
    """Counts from when it was made."""

    def __init__(self) -> None:
        """Begin to count."""
        self._began = time.monotonic()
        self._busy = machine_busy_ticks()
        self._own = _own_seconds()

    def share(self) -> float:
        """Return which share of the processors' time went to others, the host among them."""
        elapsed = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        busy = (machine_busy_ticks() - self._busy) / os.sysconf("SC_CLK_TCK")
        others = busy - (_own_seconds() - self._own)
        return min(1.0, max(0.0, others / elapsed))


def _own_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    return sum(os.times()[:4])
