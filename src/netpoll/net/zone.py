"""The zone of an IPv6 address: the interface by name in text, by number in a socket address."""

from socket import if_indextoname, if_nametoindex

from netpoll.errors import AddrError

_MAX_SCOPE = 0xFFFF_FFFF


def to_scope(zone: str) -> int:
    """Return the scope id of a zone, 0 for no zone; AddrError if there is no such interface."""
    if not zone:
        return 0
    try:
        return if_nametoindex(zone)
    except (OSError, ValueError):  # ValueError: a NUL or a lone surrogate in the name
        pass
    # Eleven digits and more are past the range, and thousands of them too many for int().
    if zone.isascii() and zone.isdigit() and len(zone) <= 10 and int(zone) <= _MAX_SCOPE:  # noqa: PLR2004
        return int(zone)
    raise AddrError("no such interface", zone)


def from_scope(scope: int) -> str:
    """Return the zone of a scope id: the interface's name, or the number if it has gone."""
    if not scope:
        return ""
    try:
        return if_indextoname(scope)
    except OSError:
        return str(scope)
