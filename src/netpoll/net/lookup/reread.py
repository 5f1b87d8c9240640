"""What a file of the system says, read again when the file has changed.

Nothing is locked: what was read is one tuple, and a thread replaces it as a whole. Two that find
the file changed both read it, and either result will do. So a forked child finds no lock held.
"""

import os
from collections.abc import Callable
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

RECHECK = 5.0
"""Seconds for which a file is taken to be as it was."""

_Stamp = tuple[int, ...] | None


class _Reading(NamedTuple, Generic[T]):
    value: T
    stamp: _Stamp
    until: float


class Reread(Generic[T]):
    """The content of a file, as parse has it.

    parse: gets the bytes of the file, none if there is no such file or we may not read it.
    keeps: for how many seconds not to look whether the file of such a content has changed.
    """

    def __init__(
        self,
        path: str,
        parse: Callable[[bytes], T],
        keeps: Callable[[T], float] = lambda _: RECHECK,
    ) -> None:
        self._path = path
        self._parse = parse
        self._keeps = keeps
        self._reading: _Reading[T] | None = None

    def get(self) -> T:
        """Return the content, which others have too: not to be changed. Any thread."""
        reading = self._reading
        now = monotonic()
        if reading is not None and now < reading.until:
            return reading.value
        if reading is not None and reading.stamp == self._stamp():
            value, stamp = reading.value, reading.stamp
        else:
            value, stamp = self._read(reading)
        self._reading = _Reading(value, stamp, now + self._keeps(value))
        return value

    def _stamp(self) -> _Stamp:
        try:
            return _stamp_of(os.stat(self._path))  # noqa: PTH116 - pathlib takes 2 ms to import
        except OSError:
            return None

    def _read(self, last: _Reading[T] | None) -> tuple[T, _Stamp]:
        try:
            with open(self._path, "rb") as file:  # noqa: PTH123 - pathlib takes 2 ms to import
                stamp = _stamp_of(os.fstat(file.fileno()))
                return self._parse(file.read()), stamp
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return self._parse(b""), None
        except OSError:  # there is no descriptor to be had: what it said before is the better guess
            return (self._parse(b""), None) if last is None else (last.value, last.stamp)


def _stamp_of(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev
