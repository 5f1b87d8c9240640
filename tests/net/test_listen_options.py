"""The options of listeners and of sockets for datagrams."""

import errno
import socket
from typing import Any

import pytest

from netpoll import OpError, go, net
from netpoll.net.networks import TCPNetwork
from tests.kernel import answering, recorded
from tests.net.ends import needs_ipv6, read_exactly
from tests.running import in_run

SO_REUSEADDR = socket.SO_REUSEADDR
FASTOPEN = 23

Listen = Any


def option(conn: Any, level: int, name: int) -> int:
    """Return an option of a listener or of a connection."""
    with socket.socket(fileno=conn.dup()) as copy:
        return copy.getsockopt(level, name)


# ---- IPv6 alone or not


@needs_ipv6
@pytest.mark.parametrize("network", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("suffix", "address", "only", "expected"),
    [
        ("", "", None, 0),
        ("", "[::]", None, 0),
        ("", "", True, 1),
        ("", "", False, 0),
        ("", "[::]", True, 1),
        ("6", "", None, 1),
        ("6", "[::]", None, 1),
        ("6", "", True, 1),
        ("6", "", False, 0),
        ("", "[::1]", True, 1),
    ],
)
@in_run
def test_ipv6_alone_or_not_can_be_chosen(
    network: str, suffix: str, address: str, only: bool | None, expected: int
) -> None:
    listen: Listen = net.listen if network == "tcp" else net.listen_packet
    with listen(network + suffix, f"{address}:0", only_ipv6=only) as conn:
        assert conn.local_addr.family == socket.AF_INET6
        assert option(conn, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == expected


@needs_ipv6
@in_run
def test_a_listener_for_ipv6_alone_leaves_the_port_of_ipv4_to_others() -> None:
    with net.listen("tcp", ":0", only_ipv6=True) as six:
        with net.listen("tcp4", f"127.0.0.1:{six.local_addr.port}") as four:
            with net.dial("tcp", str(four.local_addr)) as near, four.accept() as far:
                assert far.remote_addr == near.local_addr


@in_run
def test_on_ipv4_it_means_nothing() -> None:
    rows: list[tuple[TCPNetwork, str]] = [
        ("tcp4", ":0"),
        ("tcp", "127.0.0.1:0"),
        ("tcp", "0.0.0.0:0"),
    ]
    for only in (True, False):
        for network, address in rows:
            with net.listen(network, address, only_ipv6=only) as listener:
                assert listener.local_addr.family == socket.AF_INET


# ---- sharing an address


@in_run
def test_a_listener_may_take_what_connections_still_hold_and_datagrams_may_not() -> None:
    # Source: go1.27 net/sockopt_linux.go setDefaultListenerSockopts
    for options, expected in (({}, 1), ({"reuse_addr": True}, 1), ({"reuse_addr": False}, 0)):
        wanted: dict[str, Any] = options
        with net.listen("tcp", "127.0.0.1:0", **wanted) as listener:
            assert option(listener, socket.SOL_SOCKET, SO_REUSEADDR) == expected
        with net.ListenConfig(**wanted).listen("tcp", "127.0.0.1:0") as listener:
            assert option(listener, socket.SOL_SOCKET, SO_REUSEADDR) == expected
    for options, expected in (({}, 0), ({"reuse_addr": True}, 1), ({"reuse_addr": False}, 0)):
        wanted = dict[str, Any](options)
        with net.listen_packet("udp", "127.0.0.1:0", **wanted) as conn:
            assert option(conn, socket.SOL_SOCKET, SO_REUSEADDR) == expected
        with net.ListenConfig(**wanted).listen_packet("udp", "127.0.0.1:0") as conn:
            assert option(conn, socket.SOL_SOCKET, SO_REUSEADDR) == expected


@in_run
def test_without_it_a_port_whose_connections_linger_is_in_use() -> None:
    # Source: go1.27 net/tcpsock_test.go TestTCPListenAfterClose
    with net.listen("tcp", "127.0.0.1:0") as listener:
        address = str(listener.local_addr)
        near, far = net.dial("tcp", address), listener.accept()
        far.close()  # this end goes to TIME_WAIT
        assert near.read() == b""
        near.close()
    with pytest.raises(OpError, match="address already in use"):
        net.listen("tcp", address, reuse_addr=False)
    net.listen("tcp", address).close()


@pytest.mark.parametrize(("listen", "network"), [(net.listen, "tcp"), (net.listen_packet, "udp")])
@in_run
def test_a_port_can_be_shared(listen: Listen, network: str) -> None:
    with listen(network, "127.0.0.1:0", reuse_port=True) as one:
        with listen(network, one.local_addr, reuse_port=True) as two:
            assert one.local_addr == two.local_addr
        with pytest.raises(OpError, match="address already in use"):
            listen(network, one.local_addr)


@in_run
def test_each_peer_comes_to_one_of_those_who_share_a_port() -> None:
    """No peer is lost, and none is accepted twice."""
    with net.listen("tcp", "127.0.0.1:0", reuse_port=True) as one:
        address = str(one.local_addr)
        with net.listen("tcp", address, reuse_port=True) as two:
            accepted: list[int] = []

            def serve(listener: net.TCPListener) -> None:
                for conn in listener:
                    with conn:
                        accepted.append(conn.remote_addr.port)
                        conn.write(b"x")

            servers = [go(serve, listener) for listener in (one, two, one, two)]
            ports = []
            for _ in range(100):
                with net.dial("tcp", address) as conn:
                    assert read_exactly(conn, 1) == b"x"
                    ports.append(conn.local_addr.port)
    for server in servers:
        server.join()
    assert sorted(accepted) == sorted(ports)


# ---- what else


@pytest.mark.parametrize("network", ["tcp", "unix"])
@in_run
def test_a_backlog_is_a_number_that_the_kernel_can_hold(network: str) -> None:
    address = "" if network == "unix" else "127.0.0.1:0"
    for wrong, error in ((-1, ValueError), (2**40, ValueError), (1.5, TypeError)):
        value: Any = wrong
        with pytest.raises(error, match="backlog"):
            net.listen(network, address, backlog=value)
    net.listen(network, address, backlog=2**31 - 1).close()


@in_run
def test_fast_open_says_for_how_many() -> None:
    with recorded("setsockopt") as calls:
        with net.listen("tcp", "127.0.0.1:0", fast_open=5) as listener:
            assert option(listener, socket.IPPROTO_TCP, FASTOPEN) == 5
        net.listen("tcp", "127.0.0.1:0").close()
    assert [call[1:3] for call in calls.of("setsockopt")].count((6, FASTOPEN)) == 1
    for wrong, error in ((-1, ValueError), (1 << 31, ValueError), (1.5, TypeError)):
        value: Any = wrong
        with pytest.raises(error, match="fast_open"):
            net.listen("tcp", "127.0.0.1:0", fast_open=value)


@pytest.mark.parametrize(
    ("config_method", "network"), [("listen", "tcp"), ("listen_packet", "udp")]
)
@in_run
def test_a_name_is_looked_up_by_the_resolver_given(config_method: str, network: str) -> None:
    asked: list[Any] = []

    def answer(name: Any, *_: Any) -> list[Any]:
        asked.append(name)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.3", 0))]

    known = net.Resolver(answer)
    function = getattr(net, config_method)
    method = getattr(net.ListenConfig(resolver=known), config_method)
    with function(network, "here.example:0", resolver=known) as conn:
        assert conn.local_addr.ip == "127.0.0.3"
    with method(network, "here.example:0") as conn:
        assert conn.local_addr.ip == "127.0.0.3"
    assert asked == [b"here.example"] * 2


@pytest.mark.parametrize("call", ["socket", "setsockopt", "bind", "getsockname"])
@in_run
def test_whichever_call_fails_the_error_is_told_and_nothing_is_left_open(call: str) -> None:
    with (
        answering(**{call: lambda *_: -errno.ENOBUFS}),
        pytest.raises(OpError, match=r"^listen udp 127.0.0.1:0: no buffer space available$"),
    ):
        net.listen_packet("udp", "127.0.0.1:0")


@in_run
def test_an_address_of_another_machine_cannot_be_had() -> None:
    for listen, network in ((net.listen, "tcp"), (net.listen_packet, "udp")):
        with pytest.raises(OpError, match="cannot assign requested address") as caught:
            listen(network, "192.0.2.1:0")
        assert str(caught.value).startswith(f"listen {network} 192.0.2.1:0: ")
