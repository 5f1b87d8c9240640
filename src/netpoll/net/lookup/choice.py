"""In which order to try servers of equal rank: by chance, so that they share the load.

Source: RFC 2782; RFC 5321 section 5.1; go1.27 net/dnsclient.go
"""

from collections.abc import Callable, Iterable
from itertools import groupby
from random import randrange

from netpoll.net.lookup.records import MX, SRV

Chance = Callable[[int], int]
"""Returns a number from 0 to one less than its argument."""


def ordered_srv(records: Iterable[SRV], chance: Chance = randrange) -> list[SRV]:
    """Return records by priority, those of one priority by chance, the weightier ones sooner."""
    ranked = sorted(records, key=lambda record: (record.priority, record.weight))
    return [
        record
        for _, equals in groupby(ranked, key=lambda record: record.priority)
        for record in _by_weight(list(equals), chance)
    ]


def _by_weight(left: list[SRV], chance: Chance) -> list[SRV]:
    chosen = []
    while total := sum(record.weight for record in left):
        point = chance(total)
        for index, record in enumerate(left):
            point -= record.weight
            if point < 0:
                chosen.append(left.pop(index))
                break
    return chosen + left


def ordered_mx(records: Iterable[MX], chance: Chance = randrange) -> list[MX]:
    """Return records by preference, those of one preference in any order."""
    left = list(records)
    mixed = [left.pop(chance(len(left))) for _ in range(len(left))]
    return sorted(mixed, key=lambda record: record.preference)
