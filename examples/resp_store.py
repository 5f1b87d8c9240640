"""What resp_server.py keeps: strings and lists by key, some of which expire.

Nothing here waits or knows of connections.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

MAX_INTEGER = (1 << 63) - 1
MIN_INTEGER = -MAX_INTEGER - 1

WRONG_TYPE = b"WRONGTYPE Operation against a key holding the wrong kind of value"
NOT_AN_INTEGER = b"ERR value is not an integer or out of range"

Value = bytes | deque[bytes]


class CommandError(Exception):
    """A command that cannot be done; its only argument is what the client is told."""


class Store:
    """All keys. Times are in milliseconds, deadlines since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin empty; the clock tells seconds since the epoch."""
        self.clock = clock
        self.values: dict[bytes, Value] = {}
        self.deadlines: OrderedDict[bytes, int] = OrderedDict()

    def now(self) -> int:
        """Return the time."""
        return int(self.clock() * 1000)

    def find(self, key: bytes) -> Value | None:
        """Return the value, None if there is none or if it has expired."""
        if key in self.deadlines and self.deadlines[key] < self.now():
            self.delete(key)
        return self.values.get(key)

    def string(self, key: bytes) -> bytes | None:
        """Return the string, None if there is none."""
        value = self.find(key)
        if isinstance(value, deque):
            raise CommandError(WRONG_TYPE)
        return value

    def list(self, key: bytes) -> deque[bytes]:
        """Return the list, a new one if there is none, which is for the caller to keep or not."""
        value = self.find(key)
        if isinstance(value, bytes):
            raise CommandError(WRONG_TYPE)
        return deque() if value is None else value

    def set(self, key: bytes, value: bytes, deadline: int | None = None) -> None:
        """Keep a string until the deadline; what the key was before is gone."""
        self.values[key] = value
        if deadline is not None:
            self.deadlines[key] = deadline
        elif key in self.deadlines:
            del self.deadlines[key]

    def add(self, key: bytes, amount: int) -> int:
        """Add to the integer that a string spells, 0 if there is none, and return the sum."""
        value = self.string(key)
        total = amount + (0 if value is None else integer(value))
        if not MIN_INTEGER <= total <= MAX_INTEGER:
            raise CommandError(b"ERR increment or decrement would overflow")
        self.values[key] = b"%d" % total
        return total

    def expire(self, key: bytes, deadline: int) -> bool:
        """Give a key a deadline; return whether it is there."""
        if self.find(key) is None:
            return False
        if deadline > self.now():
            self.deadlines[key] = deadline
        else:
            self.delete(key)
        return True

    def persist(self, key: bytes) -> bool:
        """Keep a key for ever; return whether it had a deadline."""
        return self.find(key) is not None and self.deadlines.pop(key, None) is not None

    def time_left(self, key: bytes) -> int:
        """Return how long a key has left; -1: for ever, -2: there is none."""
        if self.find(key) is None:
            return -2
        deadline = self.deadlines.get(key)
        return -1 if deadline is None else max(0, deadline - self.now())

    def delete(self, key: bytes) -> bool:
        """Forget a key; return whether it was there."""
        self.deadlines.pop(key, None)
        return self.values.pop(key, None) is not None

    def clear(self) -> None:
        """Forget all keys."""
        self.values.clear()
        self.deadlines.clear()

    def sweep(self, most: int) -> int:
        """Delete those of the next `most` keys that have expired; return how many they were.

        All keys with a deadline have their turn. What nobody asks for would stay for ever else.
        """
        now, expired = self.now(), 0
        for _ in range(min(most, len(self.deadlines))):
            key = next(iter(self.deadlines))
            if self.deadlines[key] < now:
                expired += self.delete(key)
            else:
                self.deadlines.move_to_end(key)
        return expired


def integer(word: bytes, problem: bytes = NOT_AN_INTEGER) -> int:
    """Return the 64-bit number that a word spells: no blanks, no plus sign, no leading zeros."""
    try:
        value = int(word)
    except ValueError:
        raise CommandError(problem) from None
    if b"%d" % value != word or not MIN_INTEGER <= value <= MAX_INTEGER:
        raise CommandError(problem)
    return value
