"""Socket options, as the kernel tells them."""

import math
import socket
import struct
from socket import (
    IPPROTO_IPV6,
    IPPROTO_TCP,
    SO_KEEPALIVE,
    SO_LINGER,
    SO_RCVBUF,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SO_SNDBUF,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_NODELAY,
)
from typing import Any

import pytest

from netpoll import OpError, net
from netpoll.net import KeepAlive
from netpoll.net.networks import TCPNetwork
from tests.net.ends import connected, needs_ipv6
from tests.running import in_run

DEFAULT = (15, 15, 9)
OFF = None


def keep_alive(conn: net.TCPConn) -> tuple[int, int, int] | None:
    """Return idle, interval and count, None if probing is off."""
    if not conn._fd.getsockopt(SOL_SOCKET, SO_KEEPALIVE):
        return None
    idle, interval, count = (
        conn._fd.getsockopt(IPPROTO_TCP, name)
        for name in (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT)
    )
    return idle, interval, count


def no_delay(conn: net.TCPConn) -> bool:
    return bool(conn._fd.getsockopt(IPPROTO_TCP, TCP_NODELAY))


@pytest.mark.parametrize(
    ("network", "address"), [("tcp", "127.0.0.1:0"), pytest.param("tcp6", ":0", marks=needs_ipv6)]
)
@in_run
def test_both_ends_send_at_once_and_probe_a_silent_peer(network: TCPNetwork, address: str) -> None:
    # Source: go1.27 net/tcpsock_test.go TestDialTCPDefaultKeepAlive
    with connected(network, address) as ends:
        for end in ends:
            assert no_delay(end)
            assert keep_alive(end) == DEFAULT


CHOICES = [
    (KeepAlive(), DEFAULT),
    (True, DEFAULT),
    (False, OFF),
    (None, OFF),
    (KeepAlive(enabled=False, idle=5), OFF),
    (KeepAlive(idle=5, interval=3, count=4), (5, 3, 4)),
    (KeepAlive(idle=5), (5, 15, 9)),
    (KeepAlive(idle=1.1, interval=2.5, count=1), (2, 3, 1)),  # whole seconds, rounded up
]
each_choice = pytest.mark.parametrize(("choice", "seen"), CHOICES)


@each_choice
@in_run
def test_probing_is_chosen_by_who_dials(
    choice: KeepAlive | bool | None, seen: tuple[int, int, int] | None
) -> None:
    # Source: go1.27 net/tcpconn_keepalive_test.go TestTCPConnKeepAliveConfigDialer
    with connected(keep_alive=choice) as (near, far):
        assert keep_alive(near) == seen
        assert keep_alive(far) == DEFAULT


@each_choice
@in_run
def test_probing_is_chosen_by_who_listens(
    choice: KeepAlive | bool | None, seen: tuple[int, int, int] | None
) -> None:
    # Source: go1.27 net/tcpconn_keepalive_test.go TestTCPConnKeepAliveConfigListener
    config = net.ListenConfig(keep_alive=choice)
    with (
        config.listen("tcp", "127.0.0.1:0") as listener,
        net.dial("tcp", str(listener.local_addr)) as near,
        listener.accept() as far,
    ):
        assert keep_alive(far) == seen
        assert keep_alive(near) == DEFAULT
        assert no_delay(far)


@pytest.mark.parametrize(("choice", "seen"), [row for row in CHOICES if row[0] is not None])
@in_run
def test_probing_can_be_changed_later(
    choice: KeepAlive | bool, seen: tuple[int, int, int] | None
) -> None:
    # Source: go1.27 net/tcpconn_keepalive_test.go TestTCPConnKeepAliveConfig
    with connected() as (near, _):
        near.set_keep_alive(choice)
        assert keep_alive(near) == seen


@pytest.mark.parametrize("field", ["idle", "interval", "count"])
def test_times_that_are_none_are_refused(field: str) -> None:
    for value in (0, -1, math.nan, math.inf)[: 3 if field == "count" else 4]:
        wrong: dict[str, Any] = {field: value}
        with pytest.raises(ValueError, match="above 0"):
            KeepAlive(**wrong)


@in_run
def test_times_that_the_kernel_refuses_leave_no_connection() -> None:
    too_long = KeepAlive(idle=1e6)
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with pytest.raises(OpError, match=r"^dial tcp 127.0.0.1:\d+: invalid argument$"):
            net.dial("tcp", str(listener.local_addr), keep_alive=too_long)
        with connected() as (near, _):
            with pytest.raises(OpError, match=r"^set tcp .*->.*: invalid argument$"):
                near.set_keep_alive(too_long)
    with pytest.raises(OpError, match=r"^listen tcp 127.0.0.1:0: invalid argument$"):
        net.listen("tcp", "127.0.0.1:0", keep_alive=too_long)


@in_run
def test_small_writes_can_be_gathered_by_the_kernel() -> None:
    with connected() as (near, far):
        near.set_no_delay(False)
        assert (no_delay(near), no_delay(far)) == (False, True)
        near.set_no_delay(True)
        assert no_delay(near)


@in_run
def test_what_close_does_with_data_left_can_be_chosen() -> None:
    with connected() as (near, _):
        for seconds, seen in ((0, (1, 0)), (5, (1, 5)), (None, (0, 0))):
            near.set_linger(seconds)
            value = near._fd.getsockopt_bytes(SOL_SOCKET, SO_LINGER, 8)
            assert struct.unpack("=ii", value)[: 2 if seconds is not None else 1] == (
                seen if seconds is not None else seen[:1]
            )


@pytest.mark.parametrize("seconds", [-1, -(10**30), 2**31, 10**30])
@in_run
def test_a_time_that_the_kernel_cannot_count_is_refused(seconds: int) -> None:
    with connected() as (near, _):
        with pytest.raises(ValueError, match="time is None or a number of seconds from 0 to"):
            near.set_linger(seconds)
        assert not struct.unpack("=ii", near._fd.getsockopt_bytes(SOL_SOCKET, SO_LINGER, 8))[0]


@pytest.mark.parametrize("seconds", [0.5, -1.5, math.nan, math.inf, "5", b"5"])
@in_run
def test_a_time_to_linger_that_is_no_whole_number_is_refused(seconds: Any) -> None:
    with connected() as (near, _):
        with pytest.raises(TypeError, match="time is None or a whole number of seconds, not"):
            near.set_linger(seconds)


@pytest.mark.parametrize(
    ("size", "kind", "said"),
    [
        (-1, ValueError, "from 0 to"),
        (2**31, ValueError, "from 0 to"),
        (0.5, TypeError, "whole number of bytes"),
        ("8192", TypeError, "whole number of bytes"),
    ],
)
@in_run
def test_a_size_that_is_none_is_refused(size: Any, kind: type[Exception], said: str) -> None:
    with connected() as (near, _):
        for setter in (near.set_read_buffer, near.set_write_buffer):
            with pytest.raises(kind, match=said):
                setter(size)


@pytest.mark.parametrize("choice", [30, 0, "on"])
@in_run
def test_a_number_is_no_way_to_choose_probing(choice: Any) -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener, connected() as (near, _):
        for setter in (
            near.set_keep_alive,
            lambda choice: net.dial("tcp", str(listener.local_addr), keep_alive=choice),
            lambda choice: net.listen("tcp", "127.0.0.1:0", keep_alive=choice),
        ):
            with pytest.raises(TypeError, match="keep_alive is a KeepAlive, True, False or None"):
                setter(choice)


@in_run
def test_the_sizes_of_the_buffers_can_be_asked_for() -> None:
    with connected() as (near, _):
        near.set_read_buffer(8192)
        near.set_write_buffer(16384)
        assert near._fd.getsockopt(SOL_SOCKET, SO_RCVBUF) == 2 * 8192  # socket(7)
        assert near._fd.getsockopt(SOL_SOCKET, SO_SNDBUF) == 2 * 16384


@in_run
def test_a_listener_takes_a_port_in_time_wait_but_shares_it_only_if_told() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        assert listener._fd.getsockopt(SOL_SOCKET, SO_REUSEADDR)
        assert not listener._fd.getsockopt(SOL_SOCKET, SO_REUSEPORT)
    with net.listen("tcp", "127.0.0.1:0", reuse_port=True) as listener:
        assert listener._fd.getsockopt(SOL_SOCKET, SO_REUSEPORT)


@needs_ipv6
@in_run
def test_an_ipv6_socket_is_told_whether_to_serve_ipv4_whatever_the_machines_default() -> None:
    rows = [("tcp", ":0", 0), ("tcp", "[::]:0", 0), ("tcp6", ":0", 1), ("tcp", "[::1]:0", 0)]
    for network, address, only in rows:
        with net.listen(network, address) as listener:
            if address == "[::1]:0":
                continue  # no IPv4 peer can reach it either way
            assert listener._fd.getsockopt(IPPROTO_IPV6, socket.IPV6_V6ONLY) == only


@in_run
def test_no_descriptor_is_inherited_by_a_program_that_is_started() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with net.dial("tcp", str(listener.local_addr)) as near, listener.accept() as far:
            for end in (listener, near, far):
                with socket.socket(fileno=end.fileno()) as seen:
                    assert not seen.get_inheritable()
                    seen.detach()


@in_run
def test_small_writes_may_be_gathered_by_whoever_wants_that() -> None:
    with (
        net.listen("tcp", "127.0.0.1:0", no_delay=False) as listener,
        net.dial("tcp", str(listener.local_addr), no_delay=False) as near,
        listener.accept() as far,
    ):
        assert not no_delay(near)
        assert not no_delay(far)
