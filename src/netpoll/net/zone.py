"""The zone of an IPv6 address: the interface by name in text, by number in a socket address."""

from socket import if_indextoname, if_nametoindex

_MAX_SCOPE = 0xFFFF_FFFF
_MAX_DIGITS = len(str(_MAX_SCOPE))


def to_scope(zone: str) -> int | None:
    """Return the scope id of a zone, 0 for no zone, None if this machine has no such interface."""
    if not zone:
        return 0
    try:
        return if_nametoindex(zone)
    except (OSError, ValueError):  # ValueError: a NUL or a lone surrogate in the name
        return _number(zone)


def _number(zone: str) -> int | None:
    # The length first: int() refuses thousands of digits with an error of its own.
    if not (zone.isascii() and zone.isdigit() and len(zone) <= _MAX_DIGITS):
        return None
    return int(zone) if int(zone) <= _MAX_SCOPE else None


def from_scope(scope: int) -> str:
    """Return the zone of a scope id: the interface's name, or the number if it has gone."""
    if not scope:
        return ""
    try:
        return if_indextoname(scope)
    except OSError:
        return str(scope)
