"""Socket options by name: each is the kernel's of that name, and of the type that it has there."""

import errno
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from netpoll import ClosedError, OpError, net
from netpoll._poll.socket_fd import SocketFD
from netpoll.net.options import _TABLE, get_option, names, set_option
from tests.running import in_run

HEADERS = {
    "so": ("asm-generic/socket.h",),
    "tcp": ("linux/tcp.h",),
    "udp": ("linux/udp.h",),
    "ip": ("linux/in.h",),
    "ipv6": ("linux/in6.h",),
}
LEVELS = {
    "so": socket.SOL_SOCKET,
    "tcp": socket.IPPROTO_TCP,
    "udp": socket.IPPROTO_UDP,
    "ip": socket.IPPROTO_IP,
    "ipv6": socket.IPPROTO_IPV6,
}
SOCKETS = {
    "so": (socket.AF_INET, socket.SOCK_STREAM),
    "tcp": (socket.AF_INET, socket.SOCK_STREAM),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM),
    "ip": (socket.AF_INET, socket.SOCK_DGRAM),
    "ipv6": (socket.AF_INET6, socket.SOCK_DGRAM),
}
NOT_HERE = {
    errno.ENOPROTOOPT,  # an older kernel, or one that is only set
    errno.EOPNOTSUPP,
    errno.ENOTCONN,  # ip_mtu, until there is a peer
    errno.EINVAL,  # tcp_saved_syn, of a socket that was not accepted
}


@contextmanager
def made(family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> Iterator[SocketFD]:
    fd = SocketFD.socket(family, kind)
    try:
        yield fd
    finally:
        fd.close()


@contextmanager
def socket_for(name: str) -> Iterator[SocketFD]:
    family, kind = SOCKETS[name.partition("_")[0]]
    try:
        fd = SocketFD.socket(family, kind)
    except OSError as error:
        pytest.skip(f"this machine has no such socket: {error}")
    try:
        yield fd
    finally:
        fd.close()


def in_the_plain_way(fd: SocketFD, name: str) -> int:
    option = _TABLE[name]
    return fd.getsockopt(option.level, option.number)


# ---- the table


@pytest.mark.parametrize("prefix", HEADERS)
def test_the_numbers_are_those_of_the_kernels_headers(prefix: str) -> None:
    paths = [Path("/usr/include", header) for header in HEADERS[prefix]]
    if not all(path.exists() for path in paths):
        pytest.skip("the headers of the kernel are not installed")
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    told = {
        name.lower(): int(number)
        for name, number in re.findall(r"^\s*#\s*define\s+(\w+)\s+(\d+)\b", text, re.MULTILINE)
    }
    mine = {name: one.number for name, one in _TABLE.items() if name.startswith(f"{prefix}_")}
    in_both = mine.keys() & told.keys()  # older headers lack the newest
    assert len(in_both) > len(mine) * 0.6
    assert {name: mine[name] for name in in_both} == {name: told[name] for name in in_both}


def test_each_name_begins_with_its_level() -> None:
    assert all(option.level == LEVELS[name.partition("_")[0]] for name, option in _TABLE.items())
    assert names() == list(_TABLE)


def test_each_number_has_one_name() -> None:
    both = [(option.level, option.number) for option in _TABLE.values()]
    assert len(set(both)) == len(both)


@pytest.mark.parametrize("name", names())
def test_what_can_be_read_has_its_type_and_can_be_set_to_what_it_is(name: str) -> None:
    with socket_for(name) as fd:
        try:
            value = get_option(fd, name)
        except OSError as error:
            assert error.errno in NOT_HERE, error
            return
        said = _TABLE[name].kind.said
        if said.startswith("True"):
            assert value is bool(in_the_plain_way(fd, name))
        elif "32 bits" in said:
            assert value == in_the_plain_way(fd, name)
        elif "number from" in said:
            assert isinstance(value, int)
            assert value >= 0
        try:
            set_option(fd, name, value)
        except (OSError, ValueError):
            return  # it can only be read, or its value of this moment cannot be set
        if name not in {"so_sndbuf", "so_rcvbuf"}:  # doubled
            assert get_option(fd, name) == value


# ---- each kind of value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("so_keepalive", True),
        ("so_reuseaddr", True),
        ("so_priority", 6),
        ("so_rcvlowat", 5),
        ("so_linger", 7),
        ("so_linger", 0),
        ("tcp_nodelay", True),
        ("tcp_user_timeout", 12_345),
        ("tcp_notsent_lowat", 16_384),
        ("tcp_notsent_lowat", 2**32 - 1),
        ("so_max_pacing_rate", 2**32 - 1),
        ("so_max_pacing_rate", 2**33),
        ("tcp_congestion", "reno"),
        ("tcp_keepidle", 33),
        ("ip_tos", 0x10),
        ("ip_ttl", 9),
        ("ip_freebind", True),
    ],
)
def test_what_is_set_is_what_is_read(name: str, value: bool | int | str) -> None:
    with made() as fd:
        set_option(fd, name, value)
        read = get_option(fd, name)
        assert read == value
        assert type(read) is type(value)


def test_a_time_to_linger_may_be_none() -> None:
    with made() as fd:
        assert get_option(fd, "so_linger") is None
        set_option(fd, "so_linger", 5)
        set_option(fd, "so_linger", None)
        assert get_option(fd, "so_linger") is None


def test_an_option_is_switched_off_again() -> None:
    with made() as fd:
        for off in (False, 0):
            set_option(fd, "so_keepalive", True)
            set_option(fd, "so_keepalive", off)
            assert get_option(fd, "so_keepalive") is False


def test_a_number_of_64_bits_is_read_whole() -> None:
    with made() as fd, made() as other:
        cookies = [get_option(one, "so_cookie") for one in (fd, other)]
        expected = [
            int.from_bytes(one.getsockopt_bytes(socket.SOL_SOCKET, 57, 8), "little")
            for one in (fd, other)
        ]
        assert cookies == expected
        assert cookies[0] != cookies[1]


def test_a_structure_is_read_as_bytes() -> None:
    with made() as fd:
        info = get_option(fd, "tcp_info")
        assert isinstance(info, bytes)
        assert len(info) > 100
    with made(kind=socket.SOCK_DGRAM) as fd:
        set_option(fd, "ip_options", b"\x94\x04\0\0")  # router alert
        assert get_option(fd, "ip_options") == b"\x94\x04\0\0"


# ---- what makes no sense


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tcp_user_timout", ": is it tcp_user_timeout?"),
        ("SO_KEEPALIVE", ": is it so_keepalive?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_an_unknown_name_is_an_error_that_knows_a_better_one(name: str, hint: str) -> None:
    with made() as fd:
        said = rf"^unknown socket option {name}{re.escape(hint)}$"
        with pytest.raises(ValueError, match=said):
            get_option(fd, name)
        with pytest.raises(ValueError, match=said):
            set_option(fd, name, 1)


@pytest.mark.parametrize("name", [5, b"so_keepalive", None])
def test_a_name_is_text(name: Any) -> None:
    with made() as fd:
        with pytest.raises(TypeError, match="is a str, not"):
            get_option(fd, name)


WRONG = [
    ("so_keepalive", "yes", TypeError, "so_keepalive is True or False, not 'yes'"),
    ("so_keepalive", None, TypeError, "True or False"),
    ("so_keepalive", 2, ValueError, "so_keepalive is True or False: 2 is none"),
    ("so_priority", "6", TypeError, "so_priority is a whole number of 32 bits, not '6'"),
    ("so_priority", 6.0, TypeError, "whole number"),
    ("so_priority", 2**31, ValueError, "whole number"),
    ("tcp_notsent_lowat", -1, ValueError, "from 0 to 2"),
    ("tcp_notsent_lowat", 2**32, ValueError, "from 0 to 2"),
    ("tcp_notsent_lowat", b"1", TypeError, "from 0 to 2"),
    ("tcp_congestion", b"reno", TypeError, "tcp_congestion is a name of at most 15 bytes, not"),
    ("tcp_congestion", "reno\0", ValueError, "a name of at most 15 bytes"),
    ("so_bindtodevice", "lo" + "x" * 14, ValueError, "a name of at most 15 bytes"),
    ("ip_options", "x", TypeError, "ip_options is bytes, not 'x'"),
    ("ip_options", 5, TypeError, "ip_options is bytes, not 5"),
    ("so_linger", -1, ValueError, "so_linger is a number of seconds or None: -1 is none"),
    ("so_linger", "1", TypeError, "a number of seconds or None"),
]


@pytest.mark.parametrize(("name", "value", "kind", "said"), WRONG)
def test_a_value_that_cannot_be_is_refused_before_the_kernel_sees_it(
    name: str, value: Any, kind: type[Exception], said: str
) -> None:
    with made() as fd:
        before = get_option(fd, name)
        with pytest.raises(kind, match=re.escape(said)):
            set_option(fd, name, value)
        assert get_option(fd, name) == before


def test_what_the_kernel_refuses_is_its_error() -> None:
    with made(kind=socket.SOCK_DGRAM) as fd:
        attempts: list[Callable[[], object]] = [
            lambda: get_option(fd, "tcp_nodelay"),
            lambda: set_option(fd, "tcp_nodelay", True),
            lambda: set_option(fd, "so_type", 1),
        ]
        for attempt in attempts:
            with pytest.raises(OSError, match=r"not (available|supported)") as caught:
                attempt()
            assert caught.value.errno in {errno.ENOPROTOOPT, errno.EOPNOTSUPP}
    with made() as fd:
        with pytest.raises(OSError, match="No such file"):
            set_option(fd, "tcp_congestion", "nosuch")


def test_a_closed_descriptor_has_no_options() -> None:
    with made() as fd:
        fd.close()
        with pytest.raises(ClosedError):
            get_option(fd, "so_keepalive")
        with pytest.raises(ClosedError):
            set_option(fd, "so_keepalive", True)


# ---- of connections and listeners


@in_run
def test_connections_and_listeners_have_options() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        listener.set_option("tcp_user_timeout", 5000)
        assert listener.get_option("tcp_user_timeout") == 5000
        with net.dial("tcp", str(listener.local_addr)) as near, listener.accept() as far:
            assert far.get_option("tcp_user_timeout") == 5000
            near.set_option("so_priority", 4)
            assert near.get_option("so_priority") == 4
            assert near.get_option("tcp_nodelay") is True


@in_run
def test_what_the_kernel_refuses_says_where() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        near = net.dial("tcp", str(listener.local_addr))
        ends: list[tuple[net.TCPConn | net.TCPListener, str]] = [
            (near, r"tcp 127\.0\.0\.1:\d+->127\.0\.0\.1:\d+"),
            (listener, r"tcp 127\.0\.0\.1:\d+"),
        ]
        for end, where in ends:
            with pytest.raises(OpError, match=rf"^set {where}: no such file") as caught:
                end.set_option("tcp_congestion", "nosuch")
            assert caught.value.op == "set"
            with pytest.raises(
                OpError, match=rf"^get {where}: (protocol not available|operation not supported)$"
            ):
                end.get_option("udp_cork")
            with pytest.raises(ValueError, match="unknown socket option"):
                end.get_option("nosuch")
            with pytest.raises(TypeError, match="True or False"):
                end.set_option("so_keepalive", "on")
            end.close()
            with pytest.raises(ClosedError, match=rf"^get {where}: use of closed"):
                end.get_option("so_keepalive")
            with pytest.raises(ClosedError, match=rf"^set {where}: use of closed"):
                end.set_option("so_keepalive", True)
