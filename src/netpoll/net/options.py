"""Socket options by their names, which are the kernel's in small letters: "tcp_user_timeout".

An option has a type: bool, int, str, bytes, or for so_linger a number of seconds or None. Units are
the kernel's. Left out are options that make no sense here, as the time limits of a socket that
never waits (so_rcvtimeo), and those whose value is a structure and that have a method of their own.
Source: socket(7); tcp(7); udp(7); ip(7); ipv6(7)
"""

import os
import socket
import sys
from collections.abc import Callable
from operator import index
from typing import NamedTuple

from netpoll._poll.socket_fd import SocketFD
from netpoll.net import sockopt

Value = bool | int | str | bytes | None

_LONGEST_NAME = 15  # of an interface or an algorithm; the kernel cuts off the rest in silence
_MOST_BYTES = 4096


def get_option(fd: SocketFD, name: str) -> Value:
    """Return an option's value. ValueError: there is no such name. The plain OSError of the call.

    Source: getsockopt(2)
    """
    option = _find(name)
    return option.kind.get(fd, option.level, option.number)


def set_option(fd: SocketFD, name: str, value: Value) -> None:
    """Set an option. The plain OSError of the call.

    ValueError: there is no such name, or the value cannot be one of this option. TypeError: it is
    of another type.
    Source: setsockopt(2)
    """
    option = _find(name)
    try:
        option.kind.set(fd, option.level, option.number, value)
    except TypeError:
        raise TypeError(f"{name} is {option.kind.said}, not {value!r}") from None
    except (OverflowError, ValueError):
        raise ValueError(f"{name} is {option.kind.said}: {value!r} is none") from None


def names() -> list[str]:
    """Return the names of all options."""
    return list(_TABLE)


# ---- kinds of values


class _Kind(NamedTuple):
    said: str
    get: Callable[[SocketFD, int, int], Value]
    set: Callable[[SocketFD, int, int, object], None]


def _get_bool(fd: SocketFD, level: int, number: int) -> bool:
    return bool(fd.getsockopt(level, number))


def _set_bool(fd: SocketFD, level: int, number: int, value: object) -> None:
    if not isinstance(value, int):
        raise TypeError
    if value not in {False, True}:
        raise ValueError
    fd.setsockopt(level, number, int(value))


def _get_int(fd: SocketFD, level: int, number: int) -> int:
    return fd.getsockopt(level, number)


def _set_int(fd: SocketFD, level: int, number: int, value: object) -> None:
    fd.setsockopt(level, number, index(value))  # type: ignore[arg-type]  # it raises what is wanted


def _get_unsigned(fd: SocketFD, level: int, number: int) -> int:
    return int.from_bytes(fd.getsockopt_bytes(level, number, 4), sys.byteorder)


def _set_unsigned(fd: SocketFD, level: int, number: int, value: object) -> None:
    four = index(value).to_bytes(4, sys.byteorder)  # type: ignore[arg-type]  # as above
    fd.setsockopt(level, number, four)


def _get_long(fd: SocketFD, level: int, number: int) -> int:
    return int.from_bytes(fd.getsockopt_bytes(level, number, 8), sys.byteorder)


def _set_long(fd: SocketFD, level: int, number: int, value: object) -> None:
    eight = index(value).to_bytes(8, sys.byteorder)  # type: ignore[arg-type]  # as above
    fd.setsockopt(level, number, eight)


def _get_text(fd: SocketFD, level: int, number: int) -> str:
    padded = fd.getsockopt_bytes(level, number, _LONGEST_NAME + 1)
    return os.fsdecode(padded.partition(b"\0")[0])


def _set_text(fd: SocketFD, level: int, number: int, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError
    encoded = os.fsencode(value)
    if len(encoded) > _LONGEST_NAME or b"\0" in encoded:
        raise ValueError
    fd.setsockopt(level, number, encoded)


def _get_bytes(fd: SocketFD, level: int, number: int) -> bytes:
    return fd.getsockopt_bytes(level, number, _MOST_BYTES)


def _set_bytes(fd: SocketFD, level: int, number: int, value: object) -> None:
    if not isinstance(value, bytes):
        raise TypeError
    fd.setsockopt(level, number, value)


def _get_linger(fd: SocketFD, level: int, number: int) -> int | None:
    both = fd.getsockopt_bytes(level, number, 8)  # struct linger: l_onoff, l_linger
    return int.from_bytes(both[4:], sys.byteorder) if any(both[:4]) else None


def _set_linger(fd: SocketFD, _level: int, _number: int, value: object) -> None:
    sockopt.set_linger(fd, value)  # type: ignore[arg-type]  # it raises what is wanted


_BOOL = _Kind("True or False", _get_bool, _set_bool)
_INT = _Kind("a whole number of 32 bits", _get_int, _set_int)
_UNSIGNED = _Kind("a number from 0 to 2**32 - 1", _get_unsigned, _set_unsigned)
_LONG = _Kind("a number from 0 to 2**64 - 1", _get_long, _set_long)
_TEXT = _Kind(f"a name of at most {_LONGEST_NAME} bytes", _get_text, _set_text)
_BYTES = _Kind("bytes", _get_bytes, _set_bytes)
_LINGER = _Kind("a number of seconds or None", _get_linger, _set_linger)


# ---- which there are


class _Option(NamedTuple):
    level: int
    number: int
    kind: _Kind


# Level -> kind -> the names after the level's own. The numbers are those of most machines, for the
# names that the socket module of this Python has not.
_SO: dict[_Kind, dict[str, int]] = {
    _BOOL: {
        "debug": 1,
        "reuseaddr": 2,
        "dontroute": 5,
        "broadcast": 6,
        "keepalive": 9,
        "oobinline": 10,
        "no_check": 11,
        "reuseport": 15,
        "passcred": 16,
        "timestamp": 29,
        "acceptconn": 30,
        "passsec": 34,
        "timestampns": 35,
        "rxq_ovfl": 40,
        "nofcs": 43,
        "lock_filter": 44,
        "select_err_queue": 45,
        "zerocopy": 60,
        "prefer_busy_poll": 69,
        "rcvmark": 75,
        "passpidfd": 76,
    },
    _INT: {
        "type": 3,
        "error": 4,
        "sndbuf": 7,
        "rcvbuf": 8,
        "priority": 12,
        "rcvlowat": 18,
        "sndlowat": 19,
        "sndbufforce": 32,
        "rcvbufforce": 33,
        "timestamping": 37,
        "protocol": 38,
        "domain": 39,
        "peek_off": 42,
        "busy_poll": 46,
        "incoming_cpu": 49,
        "bindtoifindex": 62,
        "busy_poll_budget": 70,
        "buf_lock": 72,
        "reserve_mem": 73,
        "txrehash": 74,
    },
    _UNSIGNED: {"mark": 36, "incoming_napi_id": 56},
    _LONG: {"max_pacing_rate": 47, "cookie": 57, "netns_cookie": 71},
    _TEXT: {"bindtodevice": 25},
    _LINGER: {"linger": 13},
}
_TCP: dict[_Kind, dict[str, int]] = {
    _BOOL: {
        "nodelay": 1,
        "cork": 3,
        "quickack": 12,
        "thin_linear_timeouts": 16,
        "fastopen_connect": 30,
        "fastopen_no_cookie": 34,
        "inq": 36,
        "is_mptcp": 43,
    },
    _INT: {
        "maxseg": 2,
        "keepidle": 4,
        "keepintvl": 5,
        "keepcnt": 6,
        "syncnt": 7,
        "linger2": 8,
        "defer_accept": 9,
        "window_clamp": 10,
        "user_timeout": 18,
        "fastopen": 23,
        "save_syn": 27,
        "tx_delay": 37,
        "rto_max_ms": 44,
        "rto_min_us": 45,
        "delack_max_us": 46,
    },
    _UNSIGNED: {"timestamp": 24, "notsent_lowat": 25},
    _TEXT: {"congestion": 13, "ulp": 31},
    _BYTES: {"info": 11, "cc_info": 26, "saved_syn": 28, "fastopen_key": 33},
}
_UDP: dict[_Kind, dict[str, int]] = {
    _BOOL: {"cork": 1, "no_check6_tx": 101, "no_check6_rx": 102, "gro": 104},
    _INT: {"segment": 103},
}
_IP: dict[_Kind, dict[str, int]] = {
    _BOOL: {
        "hdrincl": 3,
        "recvopts": 6,
        "retopts": 7,
        "pktinfo": 8,
        "recverr": 11,
        "recvttl": 12,
        "recvtos": 13,
        "freebind": 15,
        "transparent": 19,
        "recvorigdstaddr": 20,
        "nodefrag": 22,
        "bind_address_no_port": 24,
        "recvfragsize": 25,
        "multicast_loop": 34,
        "multicast_all": 49,
    },
    _INT: {
        "tos": 1,
        "ttl": 2,
        "mtu_discover": 10,
        "mtu": 14,
        "minttl": 21,
        "multicast_ttl": 33,
        "protocol": 52,
    },
    _UNSIGNED: {"local_port_range": 51},
    _BYTES: {"options": 4},
}
_IPV6: dict[_Kind, dict[str, int]] = {
    _BOOL: {
        "multicast_loop": 19,
        "recverr": 25,
        "v6only": 26,
        "multicast_all": 29,
        "flowinfo_send": 33,
        "recvpktinfo": 49,
        "recvhoplimit": 51,
        "recvpathmtu": 60,
        "dontfrag": 62,
        "recvtclass": 66,
        "autoflowlabel": 70,
        "recvorigdstaddr": 74,
        "transparent": 75,
        "recvfragsize": 77,
        "freebind": 78,
    },
    _INT: {
        "unicast_hops": 16,
        "multicast_if": 17,
        "multicast_hops": 18,
        "mtu_discover": 23,
        "mtu": 24,
        "tclass": 67,
        "addr_preferences": 72,
        "minhopcount": 73,
    },
}
_TABLE: dict[str, _Option] = {
    f"{prefix}_{rest}": _Option(level, getattr(socket, f"{prefix}_{rest}".upper(), number), kind)
    for prefix, level, kinds in (
        ("so", socket.SOL_SOCKET, _SO),
        ("tcp", socket.IPPROTO_TCP, _TCP),
        ("udp", socket.IPPROTO_UDP, _UDP),
        ("ip", socket.IPPROTO_IP, _IP),
        ("ipv6", socket.IPPROTO_IPV6, _IPV6),
    )
    for kind, numbers in kinds.items()
    for rest, number in numbers.items()
}


def _find(name: str) -> _Option:
    try:
        return _TABLE[name]
    except KeyError:
        if not isinstance(name, str):
            raise TypeError(f"the name of a socket option is a str, not {name!r}") from None
        from difflib import get_close_matches  # noqa: PLC0415 - seldom wanted

        close = get_close_matches(name.lower(), _TABLE, n=1)
        hint = f": is it {close[0]}?" if close else ""
        raise ValueError(f"unknown socket option {name}{hint}") from None
