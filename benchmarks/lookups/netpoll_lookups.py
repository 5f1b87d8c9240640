"""netpoll: a goroutine for each name."""

import sys

from benchmarks.lookups import name_of, verify
from benchmarks.tasks.measured import measure
from netpoll import go, net, run

NAMES, WAY = int(sys.argv[1]), sys.argv[2]
RESOLVER = net.Resolver(prefer_dns=WAY == "dns")


def look_up(number: int, found: dict[int, set[str]]) -> None:
    """Look one name up."""
    found[number] = set(RESOLVER.lookup_host(name_of(number)))


def look_up_all(names: int) -> None:
    """Look them all up at once."""
    found: dict[int, set[str]] = {}
    goroutines = [go(look_up, number, found) for number in range(names)]
    for goroutine in goroutines:
        goroutine.join()
    verify(found, names)


run(measure, look_up_all, NAMES)
