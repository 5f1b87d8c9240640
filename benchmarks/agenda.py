"""What is still to be measured, and which of it fits the state that the machine is in.

=================  ====================================================
the cores are      measured is
=================  ====================================================
far apart          what wants them so; else what does not mind
near each other    what wants them so; else what does not mind
=================  ====================================================

What does not mind uses one core alone, so it fills the time in which nothing else can be measured.
Where the cores stay where they are, everything comes in the order of the rounds.
"""

from collections import deque
from collections.abc import Iterable

from benchmarks.plan import Item
from benchmarks.steadiness import Place


class Agenda:
    """The items that are left, each kind in its order.

    near: what is compared with the cores far apart wants them near each other this time.
    """

    def __init__(self, items: Iterable[Item], *, near: bool = False) -> None:
        """Sort the items by what they want."""
        self._near = near
        self._left: dict[Place | None, deque[tuple[int, Item]]] = {
            place: deque() for place in (*Place, None)
        }
        for turn, item in enumerate(items):
            self._left[self.wanted(item)].append((turn, item))

    def __len__(self) -> int:
        """Return how many items are left."""
        return sum(map(len, self._left.values()))

    def wanted(self, item: Item) -> Place | None:
        """Return where the cores have to be for an item; None if it does not matter."""
        place = item.scenario.cores
        return Place.NEAR if place and self._near else place

    def take(self, place: Place, *, stays: bool = False) -> Item | None:
        """Remove and return what comes next with the cores there; None if nothing fits.

        stays: they are never anywhere else.
        """
        fitting = [left for kind in (place, None) if (left := self._left[kind])]
        if not fitting:
            return None
        chosen = min(fitting, key=lambda left: left[0][0]) if stays else fitting[0]
        return chosen.popleft()[1]

    def take_any(self) -> Item:
        """Remove and return what comes next of the kind of which most is left."""
        return max(self._left.values(), key=len).popleft()[1]

    def put_back(self, item: Item) -> None:
        """Have an item come next once more."""
        self._left[self.wanted(item)].appendleft((-1, item))

    def drop(self, place: Place) -> list[Item]:
        """Remove and return what wants the cores there."""
        dropped = [item for _, item in self._left[place]]
        self._left[place].clear()
        return dropped
