"""The options of a dial that are the kernel's: Fast Open, Multipath TCP, late local ports."""

import errno
import socket
from typing import Any

import pytest

from netpoll import OpError, net
from netpoll.net import sockopt
from tests.kernel import answering, one_by_one, recorded
from tests.net.ends import connected, needs_ipv6, read_exactly, serving, silent
from tests.running import in_run

MPTCP = 262
FASTOPEN_CONNECT = 30
SO_PROTOCOL = 38


def has_mptcp() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP).close()
    except OSError:
        return False
    return True


def protocol_of(conn: net.Conn) -> int:
    return conn.getsockopt(socket.SOL_SOCKET, SO_PROTOCOL)


# ---- Multipath TCP


@pytest.mark.skipif(not has_mptcp(), reason="this kernel has no Multipath TCP")
@pytest.mark.parametrize("far", [False, True])
@in_run
def test_mptcp_is_spoken_if_both_can_and_tcp_otherwise(far: bool) -> None:
    with net.listen("tcp", "127.0.0.1:0", mptcp=far) as listener:
        with (
            net.dial("tcp", str(listener.local_addr), mptcp=True) as near,
            listener.accept() as peer,
        ):
            assert protocol_of(near) == MPTCP
            assert (protocol_of(peer) == MPTCP) is far
            near.write(b"there")
            assert read_exactly(peer, 5) == b"there"
            peer.write(b"and back")
            assert read_exactly(near, 8) == b"and back"
            for conn in (near, peer):
                assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert conn.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15


@pytest.mark.parametrize("code", [errno.EPROTONOSUPPORT, errno.ENOPROTOOPT, errno.EACCES])
@in_run
def test_where_there_is_no_mptcp_tcp_does(code: int) -> None:
    # Source: go1.27 net/mptcpsock_linux.go (*sysDialer).dialMPTCP, (*sysListener).listenMPTCP
    with answering(socket=one_by_one(-code)):
        listener = net.listen("tcp", "127.0.0.1:0", mptcp=True)
    with listener:
        with answering(socket=one_by_one(-code)):
            near = net.dial("tcp", str(listener.local_addr), mptcp=True)
        with near, listener.accept() as far:
            assert protocol_of(near) == protocol_of(far) == socket.IPPROTO_TCP


@in_run
def test_an_option_that_mptcp_lacks_makes_it_tcp() -> None:
    with serving() as listener:
        with answering(setsockopt=one_by_one(-errno.EOPNOTSUPP)):
            with net.dial("tcp", str(listener.local_addr), mptcp=True) as near:
                assert protocol_of(near) == socket.IPPROTO_TCP
                assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@in_run
def test_a_shortage_of_sockets_says_nothing_of_mptcp() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        address = str(listener.local_addr)
        for call, args in ((net.dial, (address,)), (net.listen, ("127.0.0.1:0",))):
            with (
                answering(socket=one_by_one(-errno.EMFILE)),
                pytest.raises(OpError, match="too many open files"),
            ):
                call("tcp", *args, mptcp=True)


@in_run
def test_without_the_option_it_is_tcp() -> None:
    with connected() as (near, far):
        assert protocol_of(near) == protocol_of(far) == socket.IPPROTO_TCP


# ---- TCP Fast Open


@in_run
def test_fast_open_is_asked_for_before_connect() -> None:
    with serving() as listener:
        with recorded("setsockopt", "connect") as calls:
            with net.dial("tcp", str(listener.local_addr), fast_open=True) as conn:
                conn.write(b"echo")
                assert read_exactly(conn, 4) == b"echo"
        names = [name for name, details in calls.made if details[1:3] == (6, FASTOPEN_CONNECT)]
        assert names == ["setsockopt"]
        assert calls.made[-1][0] == "connect"
        with recorded("setsockopt") as calls:
            net.dial("tcp", str(listener.local_addr)).close()
        assert not [call for call in calls.of("setsockopt") if call[2] == FASTOPEN_CONNECT]


@in_run
def test_with_fast_open_one_address_is_tried_after_the_other() -> None:
    def answer(*_: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (ip, 0)) for ip in ("127.0.0.1", "127.0.0.2")]

    tried: list[str] = []
    with silent() as address:
        port = address.rpartition(":")[2]
        with pytest.raises(TimeoutError):
            net.dial(
                "tcp",
                f"two.example:{port}",
                resolver=net.Resolver(answer),
                fast_open=True,
                fallback_delay=0,
                timeout=0.02,
                control=lambda *call: tried.append(call[1]),
            )
    assert tried == [address]


# ---- the local port


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
@in_run
def test_a_local_port_that_the_kernel_chooses_is_chosen_by_connect(host: str) -> None:
    with net.listen("tcp", net.join_host_port(host, 0)) as listener:
        address = str(listener.local_addr)
        with recorded("setsockopt", "bind", "connect") as calls:
            with net.dial("tcp", address, local_addr=net.join_host_port(host, 0)) as near:
                assert near.local_addr.port
                late = near.getsockopt(socket.IPPROTO_IP, sockopt.IP_BIND_ADDRESS_NO_PORT)
                assert late == 1
            names = [name for name, _ in calls.made]
        assert names[-3:] == ["setsockopt", "bind", "connect"]


@in_run
def test_a_local_port_that_is_asked_for_is_bound_at_once() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with connected() as (near, _):
            taken = near.local_addr
            with pytest.raises(OpError, match=r"address already in use$"):
                net.dial("tcp", str(listener.local_addr), local_addr=taken)


@in_run
def test_a_kernel_that_cannot_choose_so_late_chooses_early() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:

        def refuse(_fd: int, level: int, name: int, *_: object) -> int | None:
            late = (level, name) == (socket.IPPROTO_IP, sockopt.IP_BIND_ADDRESS_NO_PORT)
            return -errno.ENOPROTOOPT if late else None

        with answering(setsockopt=refuse):
            with net.dial("tcp", str(listener.local_addr), local_addr="127.0.0.1:0") as near:
                assert near.local_addr.port
