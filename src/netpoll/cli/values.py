"""Values on the command line; each function raises what argparse turns into a usage error."""

import math
from argparse import ArgumentTypeError

# The client reads after it has written a whole message, which must fit into the sockets' buffers.
MAX_SIZE = 65536


def count(text: str) -> int:
    """Return a number of things, at least one."""
    number = _whole_number(text)
    if number < 1:
        raise ArgumentTypeError("must be at least 1")
    return number


def size(text: str) -> int:
    """Return the size of a message in bytes."""
    number = _whole_number(text)
    if not 1 <= number <= MAX_SIZE:
        raise ArgumentTypeError(f"must be between 1 and {MAX_SIZE}")
    return number


def duration(text: str) -> float:
    """Return a time in seconds."""
    try:
        seconds = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number") from None
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ArgumentTypeError("must be more than 0, and finite")
    return seconds


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a whole number") from None
