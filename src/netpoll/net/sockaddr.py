"""Socket addresses as the kernel has them: sockaddr_in, sockaddr_in6 and sockaddr_un.

The family is in native byte order, the port in that of the network.

Source: ip(7); ipv6(7); unix(7); go1.27 syscall/syscall_linux.go (*SockaddrUnix).sockaddr
"""

import os
from socket import AF_INET, AF_INET6, AF_UNIX, inet_pton
from struct import Struct

from netpoll.errors import AddrError
from netpoll.net import ip

_FAMILY = Struct("=H")
_INET = Struct("=H2s4s8x")  # family, port, address, sin_zero
_INET6 = Struct("=H2s4s16sI")  # family, port, flow information, address, scope id

_MAX_UNIX_NAME = 107  # of sun_path, besides the NUL: that before an abstract name or after a path


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
    family = _family(raw)
    if family == AF_INET and len(raw) >= _INET.size:
        _, port, packed = _INET.unpack_from(raw)
        scope = 0
    elif family == AF_INET6 and len(raw) >= _INET6.size:
        _, port, _, packed, scope = _INET6.unpack_from(raw)
    else:
        raise ValueError(f"no internet socket address: {raw.hex()}")
    return ip.from_bytes(packed), int.from_bytes(port, "big"), scope


def pack_unix(name: str) -> bytes:
    """Return the socket address of a path, of an abstract name ("@..."), or of no name ("").

    Raises AddrError: a path that has a NUL in it or cannot be a file name, a name of more than 107
    bytes.
    """
    try:
        encoded = os.fsencode(name)
    except UnicodeError as error:
        raise AddrError("invalid argument", name) from error
    if name.startswith("@"):
        path = b"\0" + encoded[1:]
    elif b"\0" in encoded:
        raise AddrError("invalid argument", name)
    else:
        path = encoded and encoded + b"\0"
    if len(path) > _MAX_UNIX_NAME + 1:
        raise AddrError("name too long", name)
    return _FAMILY.pack(AF_UNIX) + path


def unpack_unix(raw: bytes) -> str:
    """Return the name as pack_unix takes it; ValueError if it is no Unix socket address.

    No bytes at all are an address without a name: recvfrom(2) gives them for such a sender.
    """
    if raw and _family(raw) != AF_UNIX:
        raise ValueError(f"no Unix socket address: {raw.hex()}")
    path = raw[_FAMILY.size :]
    if path.startswith(b"\0"):
        return "@" + os.fsdecode(path[1:])  # to its end: there a NUL is a byte like any other
    name = os.fsdecode(path.partition(b"\0")[0])
    return f"./{name}" if name.startswith("@") else name  # a file, and no abstract name


def _family(raw: bytes) -> int | None:
    family: int | None = _FAMILY.unpack_from(raw)[0] if len(raw) >= _FAMILY.size else None
    return family
