"""Which of several addresses to try first.

What decides is, above all, from which address of this machine each would be reached: the kernel
says so when a datagram socket is connected there, which sends nothing. Rules 3, 4 and 7 are about
what the kernel does not say.

Source: RFC 6724 sections 2, 3 and 6; go1.27 net/addrselect.go
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cmp_to_key
from socket import AF_INET, AF_INET6, SOCK_DGRAM, inet_pton

from netpoll._poll.socket_fd import SocketFD
from netpoll.net import ip, sockaddr, zone
from netpoll.net.lookup.config import PORT
from netpoll.net.lookup.domain import Host

_MAPPED = 0xFFFF << 32  # ::ffff:0:0
_BITS = 128
_NETWORK = 64  # bits of an IPv6 address that are not the interface's own

LINK_LOCAL, SITE_LOCAL, GLOBAL = 0x2, 0x5, 0xE

# Prefix, its length, precedence and label; the longest prefix that matches counts. Section 2.1.
POLICY = (
    ("::1", 128, 50, 0),
    ("::ffff:0:0", 96, 35, 4),
    ("::", 96, 1, 3),
    ("2001::", 32, 5, 5),  # Teredo
    ("2002::", 16, 30, 2),  # 6to4
    ("3ffe::", 16, 1, 12),
    ("fec0::", 10, 1, 11),
    ("fc00::", 7, 3, 13),
    ("::", 0, 40, 1),
)

# The same in numbers: how many bits do not count, and the others.
_PREFIXES = tuple(
    (
        _BITS - length,
        int.from_bytes(inet_pton(AF_INET6, prefix), "big") >> (_BITS - length),
        precedence,
        label,
    )
    for prefix, length, precedence, label in POLICY
)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the rules look at in an address."""

    number: int
    family: int
    scope: int
    precedence: int
    label: int

    @classmethod
    def of(cls, address: str) -> "Attributes":
        """Return those of an IP address in canonical spelling."""
        family = ip.family(address)
        packed = inet_pton(family, address)
        number = int.from_bytes(packed, "big") | (_MAPPED if family == AF_INET else 0)
        precedence, label = policy(number)
        return cls(number, family, _scope(packed), precedence, label)


def policy(number: int) -> tuple[int, int]:
    """Return precedence and label of an address; an IPv4 one is as mapped into IPv6."""
    for shift, prefix, precedence, label in _PREFIXES:
        if number >> shift == prefix:
            return precedence, label
    raise AssertionError("the last prefix matches each address")


def _scope(packed: bytes) -> int:
    """Return how far an address reaches; those of IPv4 by section 3.2."""
    if len(packed) == len(inet_pton(AF_INET, ip.ANY[AF_INET])):
        return LINK_LOCAL if packed[0] == 127 or packed[:2] == b"\xa9\xfe" else GLOBAL  # noqa: PLR2004 - 127/8, 169.254/16
    first = int.from_bytes(packed[:2], "big")
    if first >> 8 == 0xFF:  # noqa: PLR2004 - ff00::/8, multicast
        return first & 0xF
    if first >> 6 == 0xFE80 >> 6 or packed == inet_pton(AF_INET6, ip.LOOPBACK[AF_INET6]):
        return LINK_LOCAL
    return SITE_LOCAL if first >> 6 == 0xFEC0 >> 6 else GLOBAL


def common_prefix(a: Attributes, b: Attributes) -> int:
    """Return how many bits of the network two IPv6 addresses have in common."""
    return min(_NETWORK, _BITS - (a.number ^ b.number).bit_length())


Pair = tuple[Attributes, Attributes | None]
"""A destination, and from where it would be reached, None if from nowhere."""


def compare(a: Pair, b: Pair) -> int:
    """Return less than 0 if a is to be tried before b, more if after it, 0 if nothing tells."""
    (to_a, from_a), (to_b, from_b) = a, b
    if from_a is None or from_b is None:
        return (from_a is None) - (from_b is None)  # rule 1: one that can be reached
    for of_a, of_b in (
        (to_a.scope == from_a.scope, to_b.scope == from_b.scope),  # rule 2: a matching scope
        (to_a.label == from_a.label, to_b.label == from_b.label),  # rule 5: a matching label
        (to_a.precedence, to_b.precedence),  # rule 6: the higher precedence
        (to_b.scope, to_a.scope),  # rule 8: the smaller scope
    ):
        if of_a != of_b:
            return -1 if of_a > of_b else 1
    # Rule 9: the longer common prefix. Not of IPv4 addresses, where it would undo the rotation by
    # which servers spread the load: all of them, mapped into IPv6, have the same first 64 bits.
    return _shared(b) - _shared(a)


def _shared(pair: Pair) -> int:
    to, source = pair
    return 0 if source is None or source.family != to.family else common_prefix(to, source)


def source_of(host: Host) -> str | None:
    """Return the address of this machine from which a host is reached, None if from none."""
    address, scope_name = host
    scope = zone.to_scope(scope_name)
    if scope is None:
        return None
    try:
        fd = SocketFD.socket(ip.family(address), SOCK_DGRAM)
    except OSError:
        return None
    try:
        fd.connect(sockaddr.pack(address, PORT, scope))
        return sockaddr.unpack(fd.getsockname())[0]
    except OSError:
        return None
    finally:
        fd.close()


def preferred(
    hosts: Iterable[Host], source: Callable[[Host], str | None] = source_of
) -> list[Host]:
    """Return the hosts in the order in which to try them; does not park."""
    found = list(hosts)
    if len(found) < 2:  # noqa: PLR2004 - nothing to order
        return found
    pairs = {host: _pair(host, source(host)) for host in found}

    def compared(a: Host, b: Host) -> int:
        return compare(pairs[a], pairs[b])

    return sorted(found, key=cmp_to_key(compared))


def _pair(host: Host, source: str | None) -> Pair:
    return Attributes.of(host[0]), None if source is None else Attributes.of(source)
