"""Which of several addresses is tried first."""

import errno
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll.net import ip
from netpoll.net.lookup import order
from netpoll.net.lookup.domain import Host
from netpoll.net.lookup.order import Attributes, compare, preferred
from tests.kernel import answering

V6, V6_TOO = "2001:db8:1::1", "2001:db8:1::2"


def ordered(*pairs: tuple[str, str | None]) -> list[str]:
    """Return destinations in order, each given with the address from which it is reached."""
    sources = {(address, ""): source for address, source in pairs}
    return [address for address, _ in preferred(sources, sources.__getitem__)]


@pytest.mark.parametrize(
    "pairs",
    [
        # Source: RFC 6724 section 10.2; go1.27 net/addrselect_test.go TestSortByRFC6724
        [(V6, V6_TOO), ("198.51.100.121", "169.254.13.78")],
        [("198.51.100.121", "198.51.100.117"), (V6, "fe80::1")],
        [(V6, V6_TOO), ("10.1.2.3", "10.1.2.4")],
        [("fe80::1", "fe80::2"), (V6, V6_TOO)],
        [("2001:db8:1::1", "2001:db8:1::2"), ("2001:db8:3ffe::1", "2001:db8:3f44::2")],
        [("2002:c633:6401::1", "2002:c633:6401::2"), (V6, "2002:c633:6401::2")],
        [(V6, V6_TOO), ("2002:c633:6401::1", "2002:c633:6401::2")],
        # One that cannot be reached comes last.
        [("198.51.100.121", "198.51.100.117"), (V6, None)],
        [(V6, V6_TOO), ("198.51.100.121", None)],
        # The label of unique local addresses is their own.
        [("198.51.100.121", "198.51.100.117"), (V6, "fd00::1")],
    ],
)
def test_the_better_of_two_comes_first_in_whatever_order_they_are(
    pairs: list[tuple[str, str | None]],
) -> None:
    expected = [address for address, _ in pairs]
    assert ordered(*pairs) == expected
    assert ordered(*reversed(pairs)) == expected


@pytest.mark.parametrize(
    "addresses",
    [
        # Source: go1.27 net/addrselect_test.go, issue 13283
        ["54.83.193.112", "184.72.238.214", "23.23.172.185", "75.101.148.21", "23.21.50.150"],
        ["10.9.9.9", "10.2.3.5"],
    ],
)
def test_ipv4_addresses_stay_in_the_order_that_the_server_gave(addresses: list[str]) -> None:
    for turned in (addresses, addresses[::-1]):
        assert ordered(*((address, "10.2.3.4") for address in turned)) == turned


def test_unreachable_addresses_stay_in_their_order() -> None:
    assert ordered(("192.0.2.1", None), (V6, None), ("192.0.2.2", None)) == [
        "192.0.2.1",
        V6,
        "192.0.2.2",
    ]


@pytest.mark.parametrize(
    ("address", "precedence", "label"),
    [
        ("127.0.0.1", 35, 4),
        ("2601:645:8002:a500:986f:1db8:c836:bd65", 40, 1),
        ("::1", 50, 0),
        ("2002::ab12", 30, 2),
        ("2001::1", 5, 5),
        ("2001:db8::1", 40, 1),
        ("::2", 1, 3),
        ("3ffe::1", 1, 12),
        ("fec0::1", 1, 11),
        ("fd12::1", 3, 13),
    ],
)
def test_the_policy_for_an_address(address: str, precedence: int, label: int) -> None:
    found = Attributes.of(address)
    assert (found.precedence, found.label) == (precedence, label)


def test_the_longest_prefix_of_the_policy_is_the_first_to_match() -> None:
    lengths = [length for _, length, _, _ in order.POLICY]
    assert lengths[-1] == 0
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        # Source: go1.27 net/addrselect_test.go TestRFC6724ClassifyScope
        ("127.0.0.1", 0x2),
        ("::1", 0x2),
        ("169.254.1.2", 0x2),
        ("169.253.1.2", 0xE),
        ("fe80::1", 0x2),
        ("febf::1", 0x2),
        ("fec0::1", 0x5),
        ("8.8.8.8", 0xE),
        ("ff02::", 0x2),
        ("ff05::", 0x5),
        ("ff04::", 0x4),
        ("ff0e::", 0xE),
        ("224.0.0.0", 0xE),
        ("fd00::1", 0xE),
    ],
)
def test_how_far_an_address_reaches(address: str, scope: int) -> None:
    assert Attributes.of(address).scope == scope


@pytest.mark.parametrize(
    ("a", "b", "bits"),
    [
        ("fe80::1", "fe80::2", 64),
        ("fe81::1", "fe80::2", 15),
        ("::1", "::1", 64),
        ("8000::", "::", 0),
        ("2001:db8:0:1::", "2001:db8:0:2::", 62),
    ],
)
def test_how_much_of_the_network_two_addresses_share(a: str, b: str, bits: int) -> None:
    assert order.common_prefix(Attributes.of(a), Attributes.of(b)) == bits


numbers = st.one_of(
    st.ip_addresses().map(lambda address: str(ip.canonical(str(address)))),
    st.sampled_from([V6, V6_TOO, "fe80::1", "::1", "10.0.0.1", "2002::1", "fd00::1", "127.0.0.1"]),
)


@given(numbers, numbers, st.none() | numbers, st.none() | numbers)
def test_of_two_one_is_better_or_neither(a: str, b: str, c: str | None, d: str | None) -> None:
    first = (Attributes.of(a), None if c is None else Attributes.of(c))
    second = (Attributes.of(b), None if d is None else Attributes.of(d))
    assert compare(first, second) == -compare(second, first)
    assert compare(first, first) == 0


# ---- from where


def test_the_kernel_says_from_where_a_host_is_reached() -> None:
    assert order.source_of(("127.0.0.1", "")) == "127.0.0.1"
    if socket.has_ipv6:
        assert order.source_of(("::1", "")) in {"::1", None}


@pytest.mark.parametrize("call", ["socket", "connect", "getsockname"])
def test_a_host_of_which_the_kernel_will_not_say_is_reached_from_nowhere(call: str) -> None:
    def refuses(*_: object) -> int:
        return -errno.ENETUNREACH

    with answering(**{call: refuses}):
        assert order.source_of(("127.0.0.1", "")) is None


def test_a_zone_that_is_not_of_this_machine_is_reached_from_nowhere() -> None:
    assert order.source_of(("fe80::1", "nosuchif")) is None


def test_one_address_needs_no_order() -> None:
    def must_not_be_asked(_: Host) -> None:
        raise AssertionError

    assert preferred([("192.0.2.1", "")], must_not_be_asked) == [("192.0.2.1", "")]
    assert preferred([], must_not_be_asked) == []
