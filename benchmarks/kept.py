"""Servers that stay while samples of them are compared closely."""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, ExitStack
from typing import Any


class Kept:
    """What was started for the samples of one group; it ends when another group begins."""

    def __init__(self) -> None:
        """Keep nothing."""
        self._group: Hashable = None
        self._started: dict[Hashable, Any] = {}
        self._ends = ExitStack()

    @property
    def keeps(self) -> bool:
        """Tell whether what is started now stays."""
        return self._group is not None

    def begin(self, group: Hashable) -> None:
        """Begin the next sample: of the same group as the last, of another one, or of none."""
        if group == self._group:
            return
        self._group = group
        self._started.clear()
        self._ends.close()

    def close(self) -> None:
        """End all that is kept."""
        self.begin(None)

    def get(self, key: Hashable, start: Callable[[], AbstractContextManager[Any]]) -> Any:
        """Return what was started under this key, or start it."""
        if key not in self._started:
            self._started[key] = self._ends.enter_context(start())
        return self._started[key]
