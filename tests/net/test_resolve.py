"""Names on the way to an address: looked up on threads, and never in the scheduler's way."""

import errno
import pickle
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, assert_type

import pytest

from netpoll import (
    AddrError,
    DeadlineExceeded,
    DNSError,
    GoroutineCancelled,
    OpError,
    UnknownNetworkError,
    go,
    net,
)
from netpoll.net import Resolver, TCPAddr, UDPAddr
from tests.net.ends import connected
from tests.running import in_run, parked

SOON = 0.02


def answering(*addresses: str) -> Resolver:
    def answer(*_: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (address, 0)) for address in addresses]

    return Resolver(answer)


def raising(error: Exception) -> Resolver:
    def answer(*_: Any) -> list[Any]:
        raise error

    return Resolver(answer)


@contextmanager
def hanging() -> Iterator[Resolver]:
    """Return a resolver that does not answer until the context ends."""
    end = threading.Event()

    def answer(*_: Any) -> list[Any]:
        end.wait(20)
        return []

    try:
        yield Resolver(answer)
    finally:
        end.set()


# ---- what is looked up


def must_not_be_asked(*_: Any) -> list[Any]:
    raise AssertionError("a literal address was looked up")


@pytest.mark.parametrize(
    ("network", "address", "found"),
    [
        ("tcp", "127.0.0.1:80", [("127.0.0.1", 80)]),
        ("tcp", "[::1]:80", [("::1", 80)]),
        ("tcp", "[::ffff:127.0.0.1]:80", [("127.0.0.1", 80)]),
        ("tcp", "127.0.0.1:", [("127.0.0.1", 0)]),
        ("tcp", "127.0.0.1:080", [("127.0.0.1", 80)]),
        ("tcp", ":80", [("0.0.0.0", 80), ("::", 80)]),
        ("tcp4", ":80", [("0.0.0.0", 80)]),
        ("tcp6", ":80", [("::", 80)]),
        ("tcp", "[::]:80", [("::", 80), ("0.0.0.0", 80)]),
        ("tcp4", "[::]:80", [("0.0.0.0", 80)]),
        ("tcp6", "[::]:80", [("::", 80)]),
        ("tcp", "0.0.0.0:80", [("0.0.0.0", 80)]),
    ],
)
@in_run
def test_an_address_without_names_is_never_looked_up(
    network: str, address: str, found: list[tuple[str, int]]
) -> None:
    # Source: go1.27 net/ipsock_test.go TestAddrList, net/tcpsock_test.go TestResolveTCPAddr
    addresses = Resolver(must_not_be_asked).lookup(network, address)
    assert addresses == [TCPAddr(*one) for one in found]


@in_run
def test_a_name_is_looked_up_for_the_family_and_kind_of_the_network() -> None:
    asked = []

    def answer(*question: Any) -> list[Any]:
        asked.append(question)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]

    for network in ("tcp", "tcp4"):
        Resolver(answer).lookup(network, "b\u00fccher.example:80")
    assert asked == [
        (b"xn--bcher-kva.example", None, family, socket.SOCK_STREAM)
        for family in (socket.AF_UNSPEC, socket.AF_INET)
    ]


@in_run
def test_addresses_are_of_the_network_that_was_asked_for() -> None:
    asked = []

    def answer(*question: Any) -> list[Any]:
        asked.append(question[2:])
        return [(socket.AF_INET, 2, 17, "", ("127.0.0.1", 0))]

    found = Resolver(answer).lookup("udp4", "a.example:53")
    assert assert_type(found, list[UDPAddr]) == [UDPAddr("127.0.0.1", 53)]
    assert asked == [(socket.AF_INET, socket.SOCK_DGRAM)]
    wildcard = Resolver(must_not_be_asked).lookup("udp", ":53")
    assert wildcard == [UDPAddr("0.0.0.0", 53), UDPAddr("::", 53)]


@pytest.mark.parametrize("network", ["unix", "unixgram", "unixpacket", "tcp9"])
@in_run
def test_a_network_without_ports_has_nothing_to_look_up(network: str) -> None:
    # Source: go1.27 net/ipsock.go (*Resolver).internetAddrList
    with pytest.raises(UnknownNetworkError, match=f"^unknown network {network}$"):
        Resolver(must_not_be_asked).lookup(network, "a.example:53")


@in_run
def test_addresses_are_kept_in_their_order_each_once() -> None:
    several = answering("127.0.0.2", "127.0.0.1", "127.0.0.2")
    found = several.lookup("tcp", "several.example:80")
    assert found == [TCPAddr("127.0.0.2", 80), TCPAddr("127.0.0.1", 80)]


@pytest.mark.parametrize(
    ("name", "port"), [("http", 80), ("HTTP", 80), ("https", 443), ("domain", 53)]
)
@in_run
def test_a_service_may_stand_for_its_port(name: str, port: int) -> None:
    try:
        socket.getservbyname(name.lower())
    except OSError:
        pytest.skip("this machine has no list of services")
    assert Resolver().lookup("tcp", f"127.0.0.1:{name}") == [TCPAddr("127.0.0.1", port)]


@pytest.mark.parametrize(
    ("service", "reason"),
    [("nosuchservice", "unknown"), ("http\0", "invalid"), ("h ttp", "invalid")]
    + [(odd, "invalid") for odd in ("+80", " 80", "80 ", "-80", "0x50", "80abc", "\u0664")],
)
@in_run
def test_a_service_that_is_none_is_refused(service: str, reason: str) -> None:
    with pytest.raises(AddrError) as caught:
        Resolver().lookup("tcp", f"127.0.0.1:{service}")
    if service in {"0x50", "80abc"}:
        reason = "unknown"  # names may begin with a digit
    assert str(caught.value) == f"address 127.0.0.1:{service}: {reason} port"


# ---- what goes wrong


@in_run
def test_a_name_that_does_not_exist_is_told() -> None:
    none = raising(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    with pytest.raises(DNSError) as caught:
        net.dial("tcp", "nosuch.example:80", resolver=none)
    assert str(caught.value) == "dial tcp: lookup nosuch.example: no such host"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301
    assert caught.value.is_not_found
    assert not caught.value.is_timeout
    assert isinstance(caught.value.__cause__, socket.gaierror)
    with pytest.raises(UnknownNetworkError):
        none.lookup("tcp9", "nosuch.example:80")


@pytest.mark.parametrize("limit", [None, 5])
@in_run
def test_a_name_server_that_does_not_answer_is_told(limit: float | None) -> None:
    later = raising(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    with pytest.raises(DNSError, match=r"^dial tcp: lookup any.example: temp") as caught:
        net.dial("tcp", "any.example:80", resolver=later, timeout=limit)
    assert caught.value.is_timeout


@pytest.mark.parametrize("limit", [None, 5])
@in_run
def test_another_error_of_the_system_is_that_of_the_dial(limit: float | None) -> None:
    short = raising(OSError(errno.EMFILE, "Too many open files"))
    with pytest.raises(OpError, match=r"^dial tcp any.example:80: too many open files$") as caught:
        net.dial("tcp", "any.example:80", resolver=short, timeout=limit)
    assert caught.value.errno == errno.EMFILE


@pytest.mark.parametrize("limit", [None, 5])
@in_run
def test_an_error_in_a_resolver_of_ones_own_comes_through(limit: float | None) -> None:
    with pytest.raises(ZeroDivisionError):
        net.dial("tcp", "any.example:80", resolver=raising(ZeroDivisionError()), timeout=limit)


# ---- meanwhile


@in_run
def test_a_lookup_that_hangs_holds_up_nobody_else() -> None:
    with hanging() as resolver, connected() as (near, far):
        lookups = [
            parked(go(resolver.lookup, "tcp", f"name{number}.example:80")) for number in range(10)
        ]
        for _ in range(1000):
            near.write(b"x")
            assert far.read() == b"x"
        assert not any(lookup.done for lookup in lookups)
        for lookup in lookups:
            lookup.cancel()
            with pytest.raises(GoroutineCancelled):
                lookup.join(5)


@in_run
def test_a_lookup_that_hangs_can_be_limited() -> None:
    with hanging() as resolver:
        begin = monotonic()
        with pytest.raises(DeadlineExceeded, match=r"^lookup slow\.example: i/o timeout$"):
            resolver.lookup("tcp", "slow.example:80", deadline=begin + SOON)
        assert SOON <= monotonic() - begin < 1
        with pytest.raises(DeadlineExceeded, match=r"^lookup slow\.example: i/o timeout$"):
            resolver.lookup("tcp", "slow.example:80", deadline=begin)
        with pytest.raises(DeadlineExceeded, match=r"^lookup tcp/slow: i/o timeout$"):
            resolver.lookup("tcp", "127.0.0.1:slow", deadline=begin)


@in_run
def test_lookups_go_on_after_many_were_cancelled() -> None:
    # Source: go1.27 net/lookup_test.go TestLookupHostCancel
    with hanging() as resolver:
        cancelled = [go(resolver.lookup, "tcp", "slow.example:80") for _ in range(100)]
        for lookup in cancelled:
            parked(lookup)
            lookup.cancel()
            with pytest.raises(GoroutineCancelled):
                lookup.join(5)
        assert answering("127.0.0.1").lookup("tcp", "any.example:80", deadline=monotonic() + 10)
