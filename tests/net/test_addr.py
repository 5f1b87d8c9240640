"""Addresses with ports: their spelling, their text, their raw form."""

import dataclasses
import ipaddress
import pickle
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll.errors import AddrError, UnknownNetworkError
from netpoll.net import Addr, InternetAddr, TCPAddr, UDPAddr
from netpoll.net.addr import PipeAddr, decode, encode

ports = st.integers(0, 65535)
ips = st.ip_addresses().map(str)
addrs = st.builds(TCPAddr, ips, ports)

KINDS: list[tuple[str, type[InternetAddr]]] = [("tcp", TCPAddr), ("udp", UDPAddr)]


@pytest.mark.parametrize(
    ("addr", "text"),
    [
        (TCPAddr("127.0.0.1", 80), "127.0.0.1:80"),
        (TCPAddr("::1", 80), "[::1]:80"),
        (TCPAddr("fe80::1", 80, "eth0"), "[fe80::1%eth0]:80"),
        (TCPAddr("::", 0), "[::]:0"),
        (TCPAddr("::ffff:10.0.0.1", 80), "10.0.0.1:80"),
    ],
)
def test_the_text_is_what_dial_takes(addr: TCPAddr, text: str) -> None:
    assert str(addr) == text
    assert f"{addr}|{addr:>30}" == f"{text}|{text:>30}"
    assert TCPAddr.parse(text) == addr


def test_an_address_is_a_value() -> None:
    addr = TCPAddr("2001:db8::1", 80)
    assert addr == TCPAddr("2001:DB8:0::0001", 80)
    assert addr != TCPAddr("2001:db8::1", 81)
    assert len({addr, TCPAddr("2001:DB8::1", 80)}) == 1
    assert pickle.loads(pickle.dumps(addr)) == addr  # noqa: S301
    assert not hasattr(addr, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        addr.port = 81  # type: ignore[misc]


def test_an_address_knows_its_network_and_family() -> None:
    assert TCPAddr("127.0.0.1", 80).network == "tcp"
    assert TCPAddr("127.0.0.1", 80).family == socket.AF_INET
    assert TCPAddr("::1", 80).family == socket.AF_INET6
    assert isinstance(TCPAddr("::1", 80), Addr)


@pytest.mark.parametrize(("ip", "wildcard"), [("0.0.0.0", True), ("::", True), ("::1", False)])
def test_a_wildcard_is_known(ip: str, wildcard: bool) -> None:
    assert TCPAddr(ip, 80).is_wildcard is wildcard


@pytest.mark.parametrize(
    ("ip", "port", "zone", "err"),
    [
        ("localhost", 80, "", "invalid IP address"),
        ("", 80, "", "invalid IP address"),
        ("127.1", 80, "", "invalid IP address"),
        ("127.0.0.01", 80, "", "invalid IP address"),
        ("127.0.0.1\0", 80, "", "invalid IP address"),
        ("\udc80", 80, "", "invalid IP address"),
        ("fe80::1%eth0", 80, "", "invalid IP address"),
        ("127.0.0.1", 65536, "", "invalid port"),
        ("127.0.0.1", -1, "", "invalid port"),
        ("127.0.0.1", 80, "eth0", "zone on an IPv4 address"),
        ("::ffff:127.0.0.1", 80, "eth0", "zone on an IPv4 address"),
    ],
)
def test_what_is_no_address_is_refused(ip: str, port: int, zone: str, err: str) -> None:
    with pytest.raises(AddrError) as caught:
        TCPAddr(ip, port, zone)
    assert caught.value.err == err


@pytest.mark.parametrize(
    "text", ["localhost:80", "127.0.0.1:http", "127.0.0.1", "[::1%]:80", ":80"]
)
def test_parse_looks_up_no_names(text: str) -> None:
    with pytest.raises(AddrError):
        TCPAddr.parse(text)


@given(addrs)
def test_text_goes_round(addr: TCPAddr) -> None:
    assert TCPAddr.parse(str(addr)) == addr


@given(addrs)
def test_raw_form_goes_round(addr: TCPAddr) -> None:
    assert decode("tcp", encode(addr)) == addr


@given(ips, ports)
def test_every_spelling_is_one_address(ip: str, port: int) -> None:
    spelling = ipaddress.ip_address(ip).exploded.upper()
    assert TCPAddr(spelling, port) == TCPAddr(ip, port)


@given(st.ip_addresses(v=4).map(str), ports)
def test_an_ipv4_peer_of_an_ipv6_socket_is_shown_as_ipv4(ip: str, port: int) -> None:
    mapped = bytes(10) + b"\xff\xff" + socket.inet_aton(ip)
    raw = (
        struct.pack("=H", socket.AF_INET6) + port.to_bytes(2, "big") + bytes(4) + mapped + bytes(4)
    )
    assert decode("tcp", raw) == TCPAddr(ip, port)


def test_raw_form_is_the_kernels() -> None:
    assert encode(TCPAddr("127.0.0.1", 80)) == (
        struct.pack("=H", socket.AF_INET) + b"\x00\x50\x7f\x00\x00\x01" + bytes(8)
    )
    assert encode(TCPAddr("::1", 0x1234, "7")) == (
        struct.pack("=H", socket.AF_INET6)
        + b"\x12\x34"
        + bytes(4)
        + bytes(15)
        + b"\x01"
        + struct.pack("=I", 7)
    )


def test_flow_information_is_not_part_of_an_address() -> None:
    raw = bytearray(encode(TCPAddr("::1", 80)))
    raw[4:8] = b"\x00\x00\x00\x07"
    assert decode("tcp", bytes(raw)) == TCPAddr("::1", 80)


def test_a_zone_is_an_interface_by_name_or_number() -> None:
    index, name = socket.if_nameindex()[0]
    by_name = TCPAddr("fe80::1", 80, name)
    assert encode(by_name) == encode(TCPAddr("fe80::1", 80, str(index)))
    assert decode("tcp", encode(by_name)) == by_name


def test_a_zone_whose_interface_has_gone_is_its_number() -> None:
    addr = TCPAddr("fe80::1", 80, "4294967295")
    assert decode("tcp", encode(addr)) == addr


@pytest.mark.parametrize("zone", ["nosuchinterface", "4294967296", "-1", "e\0h", "9" * 5000])
def test_a_zone_that_is_no_interface_is_refused(zone: str) -> None:
    with pytest.raises(AddrError, match="no such interface"):
        encode(TCPAddr("fe80::1", 80, zone))


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x02", b"\x02\x00\x00\x50", struct.pack("=H", socket.AF_UNIX) + b"/tmp/x" + bytes(30)],
)
def test_a_raw_form_that_is_no_internet_address_is_refused(raw: bytes) -> None:
    with pytest.raises(AddrError, match="no internet socket address"):
        decode("tcp", raw)


@pytest.mark.parametrize(
    ("network", "kind"),
    [(f"{name}{family}", kind) for name, kind in KINDS for family in ("", "4", "6")],
)
def test_each_network_has_addresses_of_its_kind(network: str, kind: type[InternetAddr]) -> None:
    assert type(decode(network, encode(kind("127.0.0.1", 80)))) is kind


def test_addresses_of_two_networks_are_two() -> None:
    assert UDPAddr("127.0.0.1", 80).network == "udp"
    assert UDPAddr("127.0.0.1", 80) == UDPAddr.parse("127.0.0.1:80")
    assert len({UDPAddr("::1", 80), TCPAddr("::1", 80)}) == 2


def test_all_ends_of_pipes_have_one_address() -> None:
    assert decode("pipe", b"") == PipeAddr()
    assert (str(PipeAddr()), PipeAddr().network) == ("pipe", "pipe")
    assert not hasattr(PipeAddr(), "__dict__")


def test_an_address_that_the_kernel_does_not_know_has_no_raw_form() -> None:
    with pytest.raises(TypeError, match="PipeAddr"):
        encode(PipeAddr())


def test_an_address_of_an_unknown_network_is_refused() -> None:
    with pytest.raises(UnknownNetworkError):
        decode("tcp9", encode(TCPAddr("127.0.0.1", 80)))
