"""Deadlines and timeouts: moments of time.monotonic(), and numbers of seconds."""

import time
from math import inf, isnan

_YEAR = 3.2e7


def moment(what: str, since: float, seconds: float | None) -> float:
    """Return the moment so many seconds later, infinity for None.

    Raises TypeError or ValueError, which say what a "timeout" or "deadline" is.
    """
    if seconds is None:
        return inf
    try:
        at = since + seconds
        known = not isnan(at)
    except (TypeError, OverflowError):
        raise no_limit(what, seconds) from None
    if not known:
        raise ValueError(f"a {what} cannot be NaN")
    if what == "deadline" and at > _YEAR:
        _check_clock(at)
    return at


def _check_clock(at: float) -> None:
    """Raise ValueError for what can only be meant as a moment of the calendar."""
    if at - time.monotonic() > _YEAR > abs(at - time.time()):
        raise ValueError("a deadline is a moment of time.monotonic(), not of time.time()")


def no_limit(what: str, value: object) -> Exception:
    """Return what to raise for a "timeout" or "deadline" that is no number, or too large an int."""
    if isinstance(value, int):
        return ValueError(f"a {what} of more seconds than a float can hold; None is for ever")
    clock = " on time.monotonic()" if what == "deadline" else ""
    return TypeError(f"a {what} is a number of seconds{clock} or None, not {value!r}")
