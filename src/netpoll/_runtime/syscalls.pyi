from collections.abc import Callable
from typing import TypeAlias

_Answer: TypeAlias = int | bytes | list[tuple[int, int]] | None

NAMES: frozenset[str]

def intercept(name: str, function: Callable[..., _Answer] | None) -> None: ...
