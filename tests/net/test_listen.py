"""Listening: on which addresses, next to whom, and what is refused."""

import errno
import socket
from pathlib import Path

import pytest

from netpoll import AddrError, DNSError, OpError, UnknownNetworkError, net
from netpoll._poll.socket_fd import SocketFD
from netpoll.net import TCPAddr, backlog, ipstack
from netpoll.net.addr import decode
from netpoll.net.networks import TCPNetwork
from tests.kernel import answering, recorded
from tests.net.ends import needs_ipv6, refusing
from tests.running import in_run

EVERYWHERE = [
    ("tcp4", ""),
    ("tcp4", "0.0.0.0"),
    ("tcp", "0.0.0.0"),
    ("tcp", "127.0.0.1"),
    ("tcp4", "127.0.0.1"),
    ("tcp", ""),
    ("tcp", "localhost"),
]
WITH_IPV6 = [
    ("tcp", "::"),
    ("tcp", "::1"),
    ("tcp", "::ffff:0.0.0.0"),
    ("tcp", "::ffff:127.0.0.1"),
    ("tcp4", "::ffff:0.0.0.0"),
    ("tcp4", "::ffff:127.0.0.1"),
    ("tcp6", ""),
    ("tcp6", "::"),
    ("tcp6", "::1"),
]


@pytest.mark.parametrize(
    ("network", "host"), EVERYWHERE + [pytest.param(*row, marks=needs_ipv6) for row in WITH_IPV6]
)
@in_run
def test_an_address_can_be_had_once_and_again_after_close(network: TCPNetwork, host: str) -> None:
    # Source: go1.27 net/listen_test.go TestTCPListener
    with net.listen(network, net.join_host_port(host, 0)) as first:
        address = net.join_host_port(host, first.local_addr.port)
        with pytest.raises(OpError) as caught:
            net.listen(network, address)
        assert caught.value.errno == errno.EADDRINUSE
        assert str(caught.value) == f"listen {network} {first.local_addr}: address already in use"
        with net.dial(network, address) as near, first.accept() as far:
            assert far.remote_addr == near.local_addr
    with net.listen(network, address) as again:
        assert again.local_addr == first.local_addr


# What is in use on one family alone is free on the other.
SHARED = [
    (("tcp4", ""), ("tcp6", "")),
    (("tcp6", ""), ("tcp4", "")),
    (("tcp4", "0.0.0.0"), ("tcp6", "::")),
    (("tcp6", "::"), ("tcp4", "0.0.0.0")),
    (("tcp", "127.0.0.1"), ("tcp", "::1")),
    (("tcp", "::1"), ("tcp", "127.0.0.1")),
    (("tcp4", "127.0.0.1"), ("tcp6", "::1")),
    (("tcp6", "::1"), ("tcp4", "127.0.0.1")),
]
TAKEN = [
    (("tcp", ""), ("tcp", "")),
    (("tcp", ""), ("tcp", "0.0.0.0")),
    (("tcp", "0.0.0.0"), ("tcp", "")),
    (("tcp", ""), ("tcp", "::")),
    (("tcp", "::"), ("tcp", "")),
    (("tcp", "0.0.0.0"), ("tcp", "::")),
    (("tcp", "::"), ("tcp", "0.0.0.0")),
    (("tcp", "::ffff:0.0.0.0"), ("tcp", "::")),
    (("tcp", "::"), ("tcp", "::ffff:0.0.0.0")),
    (("tcp", ""), ("tcp4", "127.0.0.1")),
    (("tcp4", "127.0.0.1"), ("tcp", "")),
]


@needs_ipv6
@pytest.mark.parametrize(("first", "second"), SHARED)
@in_run
def test_a_port_can_be_had_once_on_each_family(
    first: tuple[TCPNetwork, str], second: tuple[TCPNetwork, str]
) -> None:
    # Source: go1.27 net/listen_test.go TestDualStackTCPListener
    for attempt in range(5):  # a stranger may have the port on the other family
        with net.listen(first[0], net.join_host_port(first[1], 0)) as one:
            try:
                two = net.listen(second[0], net.join_host_port(second[1], one.local_addr.port))
            except OpError as error:
                if error.errno != errno.EADDRINUSE or attempt == 4:
                    raise
                continue
            with two:
                for listener, host in ((one, first[1]), (two, second[1])):
                    address = net.join_host_port(host, one.local_addr.port)
                    network = first[0] if listener is one else second[0]
                    with net.dial(network, address) as near, listener.accept() as far:
                        assert far.remote_addr == near.local_addr
            return


@needs_ipv6
@pytest.mark.parametrize(("first", "second"), TAKEN)
@in_run
def test_a_port_of_both_families_is_taken_on_each(
    first: tuple[TCPNetwork, str], second: tuple[TCPNetwork, str]
) -> None:
    # Source: go1.27 net/listen_test.go TestDualStackTCPListener
    with net.listen(first[0], net.join_host_port(first[1], 0)) as one:
        with pytest.raises(OpError, match=r"address already in use$") as caught:
            net.listen(second[0], net.join_host_port(second[1], one.local_addr.port))
        assert caught.value.errno == errno.EADDRINUSE


@needs_ipv6
@pytest.mark.parametrize("host", ["", "::"])
@in_run
def test_peers_of_both_families_come_to_one_listener_and_are_shown_as_what_they_are(
    host: str,
) -> None:
    # Source: go1.27 net/listen_test.go TestDualStackTCPListener
    with net.listen("tcp", net.join_host_port(host, 0)) as listener:
        port = listener.local_addr.port
        assert listener.local_addr == TCPAddr("::", port)
        for dialled in ("127.0.0.1", "::1"):
            with (
                net.dial("tcp", net.join_host_port(dialled, port)) as near,
                listener.accept() as far,
            ):
                assert far.local_addr == near.remote_addr == TCPAddr(dialled, port)
                assert far.remote_addr == near.local_addr
                assert near.local_addr.ip == dialled


@pytest.mark.parametrize(
    ("network", "host"),
    [("tcp4", "127.0.0.1"), pytest.param("tcp6", "::1", marks=needs_ipv6)],
)
@in_run
def test_a_wildcard_of_one_family_refuses_the_other(network: TCPNetwork, host: str) -> None:
    # Source: go1.27 net/ipsock_test.go TestListenIPv6WildcardAddr
    other = {"tcp4": "::1", "tcp6": "127.0.0.1"}[network]
    with net.listen(network, ":0") as listener:
        port = listener.local_addr.port
        with net.dial("tcp", net.join_host_port(host, port)), listener.accept():
            pass
        with pytest.raises(OpError):
            net.dial("tcp", net.join_host_port(other, port))


@in_run
def test_without_ipv6_a_wildcard_is_that_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netpoll.net.ipstack.maps_ipv4", lambda: False)
    for address in (":0", "[::]:0"):
        with net.listen("tcp", address) as listener:
            assert listener.local_addr == TCPAddr("0.0.0.0", listener.local_addr.port)


@in_run
def test_port_0_is_a_free_one_and_the_address_is_what_dial_takes() -> None:
    with net.listen("tcp", "127.0.0.1:0") as one, net.listen("tcp4", "127.0.0.1:") as two:
        assert 0 != one.local_addr.port != two.local_addr.port != 0
        assert (one.network, two.network) == ("tcp", "tcp4")
        with net.dial(two.network, str(two.local_addr)), two.accept():
            pass


# ---- next to one another


@in_run
def test_listeners_that_share_a_port_share_the_peers() -> None:
    with (
        net.listen("tcp", "127.0.0.1:0", reuse_port=True) as one,
        net.listen("tcp", str(one.local_addr), reuse_port=True) as two,
    ):
        assert one.local_addr == two.local_addr
        accepted = {one: 0, two: 0}
        for listener in accepted:
            listener.settimeout(0)
        for _ in range(64):
            with net.dial("tcp", str(one.local_addr)):
                for listener in accepted:
                    try:
                        listener.accept().close()
                    except TimeoutError:
                        continue
                    accepted[listener] += 1
        assert sum(accepted.values()) == 64
        assert min(accepted.values()) > 0
        with pytest.raises(OpError, match="address already in use"):
            net.listen("tcp", str(one.local_addr))


@in_run
def test_the_port_of_connections_that_are_still_there_can_be_listened_on_again() -> None:
    with net.listen("tcp", "127.0.0.1:0") as first:
        near = net.dial("tcp", str(first.local_addr))
        far = first.accept()
    far.close()  # the side that closes first keeps the port in TIME_WAIT
    assert near.read() == b""
    near.close()
    with net.listen("tcp", str(first.local_addr)) as again:
        assert again.local_addr == first.local_addr


# ---- the queue


@in_run
def test_the_queue_is_as_long_as_the_system_allows() -> None:
    # Source: go1.27 net/sock_linux_test.go TestMaxAckBacklog
    limit = int(Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii"))
    with recorded("listen") as calls:
        net.listen("tcp", "127.0.0.1:0").close()
    assert [length for _, length in calls.of("listen")] == [min(limit, 65535)]


@pytest.mark.parametrize(
    ("limit", "longest"),
    [("4096\n", 4096), ("65535", 65535), ("70000\n", 65535), ("1\n", 1)]
    + [(odd, socket.SOMAXCONN) for odd in ("", "0\n", "many\n", "\xff")],
)
@in_run
def test_a_limit_that_cannot_be_is_not_believed(
    limit: str, longest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "somaxconn"
    file.write_text(limit, encoding="latin-1")
    for path in (file, tmp_path / "none") if longest == socket.SOMAXCONN else (file,):
        monkeypatch.setattr(backlog, "_SOMAXCONN", path)
        with recorded("listen") as calls:
            net.listen("tcp", "127.0.0.1:0").close()
        assert [length for _, length in calls.of("listen")] == [longest]


@in_run
def test_the_length_of_the_queue_can_be_chosen() -> None:
    with recorded("listen") as calls, net.listen("tcp", "127.0.0.1:0", backlog=0) as listener:
        with net.dial("tcp", str(listener.local_addr)), pytest.raises(TimeoutError):
            net.dial("tcp", str(listener.local_addr), timeout=0.01)
    assert [backlog for _, backlog in calls.of("listen")] == [0]


# ---- what is refused

REFUSED = [
    ("tcp9", "127.0.0.1:0", UnknownNetworkError, "unknown network tcp9"),
    ("", "127.0.0.1:0", UnknownNetworkError, "unknown network "),
    ("TCP", "127.0.0.1:0", UnknownNetworkError, "unknown network TCP"),
    ("tcp", "", AddrError, "missing port in address"),
    ("tcp", "127.0.0.1", AddrError, "address 127.0.0.1: missing port in address"),
    ("tcp", "::1:80:", AddrError, "address ::1:80:: too many colons in address"),
    ("tcp", "[::1]", AddrError, "address [::1]: missing port in address"),
    ("tcp", "127.0.0.1:99999", AddrError, "address 127.0.0.1:99999: invalid port"),
    ("tcp", "127.0.0.1:-1", AddrError, "address 127.0.0.1:-1: invalid port"),
    ("tcp", "127.0.0.1:+80", AddrError, "address 127.0.0.1:+80: invalid port"),
    ("tcp", "127.0.0.1:nosuch", AddrError, "address 127.0.0.1:nosuch: unknown port"),
    ("tcp4", "[::1]:0", AddrError, "address [::1]:0: no suitable address found"),
    ("tcp6", "127.0.0.1:0", AddrError, "address 127.0.0.1:0: no suitable address found"),
    ("tcp", "[fe80::1%nope]:80", AddrError, "address [fe80::1%nope]:80: no such interface"),
    ("tcp", "127.0.0.1%lo:80", AddrError, "address [127.0.0.1%lo]:80: zone on an IPv4 address"),
    ("tcp", "256.0.0.1:80", DNSError, "lookup 256.0.0.1: no such host"),
    ("tcp", "a\0b:80", DNSError, "lookup a\0b: no such host"),
]
each_refused = pytest.mark.parametrize(("network", "address", "kind", "text"), REFUSED)


@each_refused
@in_run
def test_an_address_that_is_none_is_refused_by_name(
    network: str, address: str, kind: type[OSError], text: str
) -> None:
    # Source: go1.27 net/error_test.go TestListenError, TestProtocolListenError
    for refuse in (net.listen, net.dial):
        with pytest.raises(kind) as caught:
            refuse(network, address)
        assert str(caught.value) == f"{refuse.__name__} {network}: {text}"
        assert isinstance(caught.value, OSError)


@in_run
def test_a_port_in_use_is_an_error_with_all_that_is_known() -> None:
    # Source: go1.27 net/error_test.go TestListenError
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OpError) as caught:
            net.listen("tcp", address)
    error = caught.value
    assert str(error) == f"listen tcp {address}: address already in use"
    assert (error.op, error.network, error.source) == ("listen", "tcp", None)
    assert error.addr == TCPAddr.parse(address)
    assert error.errno == errno.EADDRINUSE
    assert not error.timeout
    assert isinstance(error.__cause__, OSError)
    assert error.__cause__.errno == errno.EADDRINUSE


@in_run
def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OpError, match=r"^listen tcp 192.0.2.1:0: cannot assign requested address$"):
        net.listen("tcp", "192.0.2.1:0")


@pytest.mark.parametrize("call", ["socket", "setsockopt", "bind", "listen", "getsockname"])
@in_run
def test_whichever_call_fails_the_error_is_told_and_nothing_is_left_open(call: str) -> None:
    with (
        answering(**{call: lambda *_: -errno.ENOBUFS}),
        pytest.raises(OpError, match=r"^listen tcp 127.0.0.1:0: no buffer space available$"),
    ):
        net.listen("tcp", "127.0.0.1:0")


@in_run
def test_without_a_descriptor_to_try_ipv6_with_that_is_the_error() -> None:
    ipstack.maps_ipv4.cache_clear()
    with answering(socket=lambda *_: -errno.EMFILE), pytest.raises(OpError) as caught:
        net.listen("tcp", ":0")
    assert str(caught.value) == "listen tcp :0: too many open files"
    net.listen("tcp", ":0").close()


# ---- control


@pytest.mark.parametrize(
    ("network", "seen"),
    [("tcp", "tcp4"), ("tcp4", "tcp4"), pytest.param("tcp6", "tcp6", marks=needs_ipv6)],
)
@in_run
def test_control_sees_the_socket_before_it_is_bound(network: str, seen: str) -> None:
    # Source: go1.27 net/listen_test.go TestListenConfigControl
    calls = []
    host = "::1" if network == "tcp6" else "127.0.0.1"

    def control(network: str, address: str, fd: net.RawSocket) -> None:
        assert isinstance(fd, SocketFD)
        assert decode("tcp", fd.getsockname()).port == 0
        fd.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        calls.append((network, address))

    with net.listen(network, net.join_host_port(host, 0), control=control) as listener:
        assert calls == [(seen, net.join_host_port(host, 0))]
        assert listener._fd.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * 8192
        with net.dial(network, str(listener.local_addr)) as near, listener.accept() as far:
            assert far.local_addr == near.remote_addr


@in_run
def test_what_control_raises_ends_the_listen() -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Not this one")

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(PermissionError) as caught:
        net.listen("tcp", "127.0.0.1:0", control=refuse)
    assert str(caught.value) == "listen tcp 127.0.0.1:0: not this one"
    with pytest.raises(ZeroDivisionError):
        net.listen("tcp", "127.0.0.1:0", control=fail)


@in_run
def test_a_listener_that_was_refused_leaves_the_port_free() -> None:
    address = refusing()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        net.listen("tcp", address, control=fail)
    net.listen("tcp", address).close()
