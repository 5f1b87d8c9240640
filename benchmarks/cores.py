"""Which core serves, and which one drives."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


@dataclass(frozen=True, slots=True)
class Cores:
    """The number of the server's core and of the client's; the same if there is only one."""

    server: int
    client: int

    @property
    def apart(self) -> bool:
        """Return whether client and server run at the same time."""
        return self.server != self.client


def choose(allowed: Iterable[int] | None = None) -> Cores:
    """Return two cores of this process's that are no two threads of one core, if it has two.

    The server gets the last one: interrupts tend to the first.
    """
    cores = sorted(os.sched_getaffinity(0) if allowed is None else allowed)
    server = cores[-1]
    others = [core for core in cores if core != server] or [server]
    apart = [core for core in others if core not in _siblings(server)]
    return Cores(server, (apart or others)[0])


def _siblings(core: int) -> set[int]:
    try:
        text = Path(_SIBLINGS.format(core)).read_text(encoding="ascii")
    except OSError:
        return {core}
    return parse_list(text)


def parse_list(text: str) -> set[int]:
    """Return the numbers of a list as the kernel writes it: "0-2,7"."""
    numbers: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers
