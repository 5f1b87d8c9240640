"""Dialling: to where, from where, and what is told when it fails."""

import errno
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest

from netpoll import AddrError, DNSError, OpError, go, net
from netpoll._poll.socket_fd import SocketFD
from netpoll.net import TCPAddr
from netpoll.net.addr import decode, encode
from tests.kernel import answering
from tests.net.ends import connected, needs_ipv6, refusing
from tests.running import in_run


def resolver(*addresses: str) -> net.Resolver:
    """Return a resolver to which each name has these addresses."""

    def answer(*_: Any) -> list[Any]:
        return [
            (socket.AF_INET6, 1, 6, "", (address, 0, 0, 0))
            if ":" in address
            else (socket.AF_INET, 1, 6, "", (address, 0))
            for address in addresses
        ]

    return net.Resolver(answer)


def fail(*_: object) -> None:
    raise ZeroDivisionError


# ---- to where


@pytest.mark.parametrize(
    ("network", "host"),
    [
        (network, host)
        for network in ("tcp", "tcp4")
        for host in ("127.0.0.1", "", "0.0.0.0", "localhost", "[::]", "[::ffff:127.0.0.1]")
    ],
)
@in_run
def test_an_empty_host_or_a_wildcard_is_this_machine(network: str, host: str) -> None:
    # Source: go1.27 net/dial_test.go TestDialLocal, TestDialListenerAddr
    with net.listen("tcp4", "127.0.0.1:0") as listener:
        with (
            net.dial(network, f"{host}:{listener.local_addr.port}") as near,
            listener.accept() as far,
        ):
            assert near.remote_addr == listener.local_addr
            assert near.local_addr == far.remote_addr
            assert near.network == network
            near.write(b"x")
            assert far.read() == b"x"


@needs_ipv6
@pytest.mark.parametrize(
    ("network", "host"),
    [("tcp6", ""), ("tcp6", "[::]"), ("tcp6", "[::1]"), ("tcp", "[::1]"), ("tcp", "[::]")],
)
@in_run
def test_the_same_is_so_for_ipv6(network: str, host: str) -> None:
    with net.listen("tcp6", "[::1]:0") as listener:
        with (
            net.dial(network, f"{host}:{listener.local_addr.port}") as near,
            listener.accept() as far,
        ):
            assert near.remote_addr == listener.local_addr
            assert near.local_addr == far.remote_addr


@needs_ipv6
@in_run
def test_the_zone_of_a_link_local_address_is_kept() -> None:
    # Source: go1.27 net/tcpsock_test.go TestIPv6LinkLocalUnicastTCP
    lines = Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines()
    found = [line.split() for line in lines if line.startswith("fe80")]
    if not found:
        pytest.skip("this machine has no link-local address")
    ip, name = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(found[0][0])), found[0][-1]
    with net.listen("tcp", f"[{ip}%{name}]:0") as listener:
        with net.dial("tcp", str(listener.local_addr)) as near, listener.accept() as far:
            assert {near.remote_addr.zone, far.remote_addr.zone, listener.local_addr.zone} == {name}


@in_run
def test_the_addresses_of_a_name_are_tried_in_turn() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        port = listener.local_addr.port
        several = resolver("127.0.0.2", "127.0.0.3", "127.0.0.1", "127.0.0.4")
        with net.dial("tcp", f"several.example:{port}", resolver=several) as near:
            assert near.remote_addr == listener.local_addr


@in_run
def test_if_none_answers_the_error_is_that_of_the_first() -> None:
    port = refusing().rpartition(":")[2]
    several = resolver("127.0.0.3", "127.0.0.2", "127.0.0.3", "127.0.0.1")
    with pytest.raises(ConnectionRefusedError) as caught:
        net.dial("tcp", f"several.example:{port}", resolver=several, timeout=5)
    assert str(caught.value) == f"dial tcp 127.0.0.3:{port}: connection refused"


@in_run
def test_a_network_of_one_family_takes_no_address_of_the_other() -> None:
    # Source: go1.27 net/error_test.go TestDialAddrError
    for network, address in (("tcp4", "::1"), ("tcp6", "127.0.0.1")):
        for host, asked in ((address, net.Resolver()), ("any.example", resolver(address))):
            with pytest.raises(AddrError, match=r"no suitable address found$"):
                net.dial(network, net.join_host_port(host, 80), resolver=asked)


# ---- what is told


def check_refused(error: OpError, network: str, address: str) -> None:
    assert str(error) == f"dial {network} {address}: connection refused"
    assert isinstance(error, ConnectionRefusedError)
    assert (error.op, error.network, error.source) == ("dial", network, None)
    assert error.addr == TCPAddr.parse(address)
    assert error.errno == errno.ECONNREFUSED
    assert not error.timeout
    assert type(error.__cause__) is ConnectionRefusedError
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert isinstance(copy, OpError)
    assert isinstance(copy, ConnectionRefusedError)
    assert (str(copy), copy.addr, copy.errno) == (str(error), error.addr, error.errno)


@pytest.mark.parametrize("network", ["tcp", "tcp4", pytest.param("tcp6", marks=needs_ipv6)])
@in_run
def test_a_port_that_nobody_listens_on_is_refused_at_once(network: str) -> None:
    # Source: go1.27 net/dial_test.go TestDialClosedPortFailFast, net/error_test.go TestDialError
    host = "[::1]:0" if network == "tcp6" else "127.0.0.1:0"
    with net.listen(network, host) as listener:
        near = net.dial(network, str(listener.local_addr))  # keeps the port from others
    with near, pytest.raises(OpError) as caught:
        net.dial(network, str(listener.local_addr), timeout=5)
    check_refused(caught.value, network, str(listener.local_addr))


@in_run
def test_an_address_that_cannot_be_reached_is_told_in_the_systems_words() -> None:
    with (
        answering(connect=lambda *_: -errno.ENETUNREACH),
        pytest.raises(OpError, match=r"^dial tcp 192.0.2.1:80: network is unreachable$") as caught,
    ):
        net.dial("tcp", "192.0.2.1:80")
    assert caught.value.errno == errno.ENETUNREACH


@pytest.mark.parametrize(
    "call", ["socket", "setsockopt", "connect", "getsockname", "epoll_ctl", "getpeername"]
)
@in_run
def test_whichever_call_fails_the_error_is_told_and_nothing_is_left_open(call: str) -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with (
            answering(**{call: lambda *_: -errno.ENOBUFS}),
            pytest.raises(OpError, match=r"^dial tcp 127.0.0.1:\d+: (no buffer|i/o timeout)"),
        ):
            # A connection that has no peer yet is waited for (getpeername); hence the timeout.
            net.dial("tcp", str(listener.local_addr), timeout=0.02)


# ---- from where


LOCAL = [
    ("tcp4", "127.0.0.1", None),
    ("tcp4", "127.0.0.1", "0.0.0.0:0"),
    ("tcp4", "127.0.0.1", "127.0.0.1:0"),
    ("tcp4", "127.0.0.1", "127.0.0.2:0"),
    ("tcp", "127.0.0.1", None),
    ("tcp", "127.0.0.1", "0.0.0.0:0"),
    ("tcp", "127.0.0.1", "[::]:0"),
    ("tcp", "127.0.0.1", "127.0.0.1:0"),
    ("tcp", "127.0.0.1", "[::ffff:127.0.0.1]:0"),
    ("tcp6", "::1", None),
    ("tcp6", "::1", "[::]:0"),
    ("tcp6", "::1", "[::1]:0"),
    ("tcp", "::1", "0.0.0.0:0"),
    ("tcp", "::1", "[::]:0"),
    ("tcp", "::1", "[::1]:0"),
]
MISFITS = [
    ("tcp4", "127.0.0.1", "[::]:0"),
    ("tcp4", "127.0.0.1", "[::1]:0"),
    ("tcp6", "::1", "127.0.0.1:0"),
    ("tcp", "127.0.0.1", "[::1]:0"),
    ("tcp", "::1", "127.0.0.1:0"),
]


@pytest.mark.parametrize(
    ("network", "host", "local"),
    [pytest.param(*row, marks=needs_ipv6) if ":" in row[1] else row for row in LOCAL],
)
@in_run
def test_the_local_address_can_be_chosen(network: str, host: str, local: str | None) -> None:
    # Source: go1.27 net/dial_test.go TestDialerLocalAddr
    with net.listen("tcp", net.join_host_port(host, 0)) as listener:
        choices: list[TCPAddr | str | None] = [local]
        if local is not None:
            choices.append(TCPAddr.parse(local))
        for choice in choices:
            with (
                net.dial(network, str(listener.local_addr), local_addr=choice) as near,
                listener.accept() as far,
            ):
                assert far.remote_addr == near.local_addr
                wanted = None if local is None else TCPAddr.parse(local)
                if wanted is not None and not wanted.is_wildcard:
                    assert near.local_addr.ip == wanted.ip


@pytest.mark.parametrize(("network", "host", "local"), MISFITS)
@in_run
def test_a_local_address_of_the_other_family_is_refused(
    network: str, host: str, local: str
) -> None:
    # Source: go1.27 net/dial_test.go TestDialerLocalAddr
    with pytest.raises(AddrError) as caught:
        net.dial(network, net.join_host_port(host, 80), local_addr=local)
    assert str(caught.value) == f"dial {network}: address {local}: no suitable address found"


@pytest.mark.parametrize("wildcard", ["127.0.0.1", "0.0.0.0", "[::]"])
@in_run
def test_the_local_port_can_be_chosen(wildcard: str) -> None:
    port = int(refusing().rpartition(":")[2])
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with net.dial("tcp", str(listener.local_addr), local_addr=f"{wildcard}:{port}") as near:
            assert near.local_addr == TCPAddr("127.0.0.1", port)


@in_run
def test_a_local_address_that_cannot_be_had_is_told() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        address = str(listener.local_addr)
        with pytest.raises(OpError) as caught:
            net.dial("tcp", address, local_addr="192.0.2.1:0")
        error = caught.value
        assert str(error) == f"dial tcp 192.0.2.1:0->{address}: cannot assign requested address"
        assert (error.source, error.addr) == (TCPAddr("192.0.2.1", 0), listener.local_addr)
        with connected() as (near, _), pytest.raises(OpError, match="address already in use"):
            net.dial("tcp", address, local_addr=near.local_addr)
    with pytest.raises(AddrError, match=r"^dial tcp: address localhost: invalid IP address$"):
        net.dial("tcp", address, local_addr="localhost:0")


@in_run
def test_an_addr_will_do_where_text_does() -> None:
    with net.listen("tcp", TCPAddr("127.0.0.1", 0)) as listener:
        with net.dial("tcp", listener.local_addr) as near, listener.accept() as far:
            assert far.local_addr == near.remote_addr == listener.local_addr
        with pytest.raises(OpError, match=f"^listen tcp {listener.local_addr}: address already"):
            net.listen("tcp", listener.local_addr)
    with pytest.raises(ConnectionRefusedError, match=f"^dial tcp {listener.local_addr}: "):
        net.Dialer().dial("tcp", listener.local_addr)


# ---- control


@pytest.mark.parametrize(
    ("network", "host", "seen"),
    [
        ("tcp", "127.0.0.1", "tcp4"),
        ("tcp4", "127.0.0.1", "tcp4"),
        pytest.param("tcp", "::1", "tcp6", marks=needs_ipv6),
        pytest.param("tcp6", "::1", "tcp6", marks=needs_ipv6),
    ],
)
@in_run
def test_control_sees_the_socket_before_it_is_connected(network: str, host: str, seen: str) -> None:
    # Source: go1.27 net/dial_test.go TestDialerControl
    calls = []

    def control(network: str, address: str, fd: net.RawSocket) -> None:
        assert isinstance(fd, SocketFD)
        with pytest.raises(OSError, match="not connected"):
            fd.getpeername()
        assert decode("tcp", fd.getsockname()).port == 0
        fd.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        calls.append((network, address))

    with net.listen(network, net.join_host_port(host, 0)) as listener:
        dialer = net.Dialer(control=control)
        with dialer.dial(network, str(listener.local_addr)) as near, listener.accept():
            assert calls == [(seen, str(listener.local_addr))]
            assert not near._fd.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@in_run
def test_control_sees_the_socket_of_each_address_tried() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        port = listener.local_addr.port
        calls = []
        with net.dial(
            "tcp",
            f"several.example:{port}",
            resolver=resolver("127.0.0.2", "127.0.0.1"),
            control=lambda *call: calls.append(call[:2]),
        ):
            assert calls == [("tcp4", f"127.0.0.2:{port}"), ("tcp4", f"127.0.0.1:{port}")]


@in_run
def test_what_control_raises_ends_the_dial() -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Not this one")

    with pytest.raises(PermissionError) as caught:
        net.dial("tcp", "127.0.0.1:1", control=refuse)
    assert str(caught.value) == "dial tcp 127.0.0.1:1: not this one"
    assert isinstance(caught.value, OpError)
    with pytest.raises(ZeroDivisionError):
        net.dial("tcp", "127.0.0.1:1", control=fail)


# ---- what the kernel does when it chooses the local port


def bound_to(port: int, calls: list[str]) -> net.Control:
    """Return a control that plays a kernel which chooses this port."""

    def control(_network: str, address: str, fd: net.RawSocket) -> None:
        assert isinstance(fd, SocketFD)
        calls.append(address)
        fd.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        fd.bind(encode(TCPAddr("127.0.0.1", port)))

    return control


@in_run
def test_a_socket_that_meets_itself_is_given_up_and_another_one_tried() -> None:
    # Source: go1.27 net/tcpsock_posix.go selfConnect
    address = refusing()
    port = int(address.rpartition(":")[2])
    calls: list[str] = []
    with net.dial("tcp", address, control=bound_to(port, calls)) as conn:
        # Three times is no accident: who binds to the port wants that.
        assert conn.local_addr == conn.remote_addr
        conn.write(b"to myself")
        assert conn.read() == b"to myself"
    assert calls == [address] * 3


@in_run
def test_who_asks_for_the_port_itself_means_it() -> None:
    # The peer of a socket may be that socket (RFC 793, simultaneous open).
    address = refusing()
    calls: list[str] = []
    with net.dial(
        "tcp", address, local_addr=address, control=lambda *call: calls.append(call[1])
    ) as conn:
        assert conn.local_addr == conn.remote_addr
    assert calls == [address]


@pytest.mark.parametrize(("local", "tries"), [(None, 3), ("127.0.0.1:0", 3), ("127.0.0.1:9", 1)])
@in_run
def test_a_local_port_that_will_not_do_is_chosen_anew(local: str | None, tries: int) -> None:
    # Source: go1.27 net/error_posix_test.go TestSpuriousENOTAVAIL
    calls: list[str] = []

    def refuse(_network: str, address: str, _fd: net.RawSocket) -> None:
        calls.append(address)
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    with pytest.raises(OpError) as caught:
        net.dial("tcp", "127.0.0.1:1", local_addr=local, control=refuse)
    assert caught.value.errno == errno.EADDRNOTAVAIL
    assert len(calls) == tries


# ---- names


@pytest.mark.parametrize("name", ["localhost", "LocalHost"])
@in_run
def test_a_name_that_the_system_knows_can_be_dialled_and_listened_on(name: str) -> None:
    try:
        listener = net.listen("tcp", f"{name}:0")
    except DNSError:
        pytest.skip("this machine does not know the name")
    with listener:
        assert listener.local_addr.ip == "127.0.0.1"
        dialled = go(net.dial, "tcp", f"{name}:{listener.local_addr.port}")
        with listener.accept() as far, dialled.join() as near:
            near.write(b"x")
            assert far.read() == b"x"
