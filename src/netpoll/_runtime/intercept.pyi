from collections.abc import Callable
from typing import TypeAlias

_Message: TypeAlias = bytes | tuple[bytes, bytes, int, bytes]
_Several: TypeAlias = list[_Message] | list[tuple[int, int]]
_Answer: TypeAlias = int | _Message | tuple[bytes, bytes] | _Several | None

NAMES: frozenset[str]

def intercept(name: str, function: Callable[..., _Answer] | None) -> None:
    """Put `function` in the place of the system call `name`; None gives it back to the kernel.

    For tests, and for the whole process: no other thread may be in a call meanwhile.
    KeyError if the table has no such call.
    """

def address(name: str) -> int:
    """Return where the function is that stands in the table for a call, for ctypes. KeyError."""
