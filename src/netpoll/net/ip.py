"""IP addresses as text, in the one spelling that each has."""

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

ANY: dict[int, str] = {AF_INET: "0.0.0.0", AF_INET6: "::"}  # noqa: S104 - listening there is for the caller to decide
LOOPBACK: dict[int, str] = {AF_INET: "127.0.0.1", AF_INET6: "::1"}

_IPV4_SIZE = 4
_MAPPED = bytes(10) + b"\xff\xff"  # the prefix of an IPv4 address inside an IPv6 one


def canonical(text: str) -> str | None:
    """Return the canonical spelling of an IP address without zone, None if it is none.

    An IPv4-mapped IPv6 address is the IPv4 address that it stands for.
    """
    for family in (AF_INET, AF_INET6):
        try:
            return from_bytes(inet_pton(family, text))
        except (OSError, ValueError):  # ValueError: a NUL or a lone surrogate in the text
            continue
    return None


def from_bytes(packed: bytes) -> str:
    """Return the text of an address of 4 or 16 bytes in network order."""
    packed = packed.removeprefix(_MAPPED)
    return inet_ntop(AF_INET if len(packed) == _IPV4_SIZE else AF_INET6, packed)


def family(text: str) -> int:
    """Return AF_INET or AF_INET6 for an IP address in canonical spelling."""
    return AF_INET6 if ":" in text else AF_INET


def split_zone(text: str) -> tuple[str, str]:
    """Split "fe80::1%eth0" at its last percent sign; the zone is empty if there is none."""
    host, percent, zone = text.rpartition("%")
    return (host, zone) if percent and zone else (text, "")
