"""Internet socket addresses as the kernel has them: sockaddr_in and sockaddr_in6.

The family is in native byte order, the port in that of the network.

Source: ip(7); ipv6(7)
"""

from socket import AF_INET, AF_INET6, inet_pton
from struct import Struct

from netpoll.net import ip

_FAMILY = Struct("=H")
_INET = Struct("=H2s4s8x")  # family, port, address, sin_zero
_INET6 = Struct("=H2s4s16sI")  # family, port, flow information, address, scope id


def pack(address: str, port: int, scope: int) -> bytes:
    """Return the socket address of an IP address in canonical spelling."""
    family = ip.family(address)
    packed = inet_pton(family, address)
    number = port.to_bytes(2, "big")
    if family == AF_INET:
        return _INET.pack(family, number, packed)
    return _INET6.pack(family, number, bytes(4), packed, scope)


def unpack(raw: bytes) -> tuple[str, int, int]:
    """Return IP address, port and scope id; ValueError if it is no internet socket address."""
    family = _FAMILY.unpack_from(raw)[0] if len(raw) >= _FAMILY.size else None
    if family == AF_INET and len(raw) >= _INET.size:
        _, port, packed = _INET.unpack_from(raw)
        scope = 0
    elif family == AF_INET6 and len(raw) >= _INET6.size:
        _, port, _, packed, scope = _INET6.unpack_from(raw)
    else:
        raise ValueError(f"no internet socket address: {raw.hex()}")
    return ip.from_bytes(packed), int.from_bytes(port, "big"), scope
