"""Who is measured."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks.bench import Programs


@dataclass(frozen=True, slots=True)
class Contender:
    """A server, a runtime or an import.

    command: returns what to run; None if what it takes was not built. The scenario's arguments come
    behind it, and behind those come the last ones.
    requires: the module without which it is skipped. distribution: the package that it is in.
    """

    name: str
    label: str
    command: Callable[[Programs], list[str] | None]
    requires: str = ""
    distribution: str = ""
    last: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    def missing(self, programs: Programs) -> str:
        """Return why it cannot be measured here; nothing if it can."""
        if self.requires and find_spec(self.requires) is None:
            return f"{self.requires} is not installed"
        if self.command(programs) is None:
            return "it was not built"
        return ""
