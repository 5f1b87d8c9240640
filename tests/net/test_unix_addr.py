"""UnixAddr: its name, its text, its raw form."""

import dataclasses
import os
import pickle
import socket
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll._poll.socket_fd import SocketFD
from netpoll.errors import AddrError, UnknownNetworkError
from netpoll.net import Addr, UnixAddr
from netpoll.net.addr import decode, encode

FAMILY = struct.pack("=H", socket.AF_UNIX)

names = st.binary(max_size=107).map(os.fsdecode)


@pytest.mark.parametrize(
    ("name", "text", "raw"),
    [
        ("/run/x", "/run/x", b"/run/x\0"),
        ("relative", "relative", b"relative\0"),
        ("caf\u00e9", "caf\u00e9", b"caf\xc3\xa9\0"),
        ("\udcff", "\udcff", b"\xff\0"),
        ("@abstract", "@abstract", b"\0abstract"),
        ("@", "@", b"\0"),
        ("@a\0b", "@a\0b", b"\0a\0b"),
        ("", "@", b""),
    ],
)
def test_a_name_has_a_text_and_a_raw_form(name: str, text: str, raw: bytes) -> None:
    addr = UnixAddr(name)
    assert str(addr) == text
    assert encode(addr) == FAMILY + raw
    assert decode("unix", FAMILY + raw) == addr


def test_an_address_is_a_value_with_its_network() -> None:
    addr = UnixAddr("/run/x")
    assert addr == UnixAddr("/run/x", "unix")
    assert addr != UnixAddr("/run/x", "unixgram")
    assert len({addr, UnixAddr("/run/x")}) == 1
    assert pickle.loads(pickle.dumps(addr)) == addr  # noqa: S301
    assert isinstance(addr, Addr)
    assert not hasattr(addr, "__dict__")
    assert f"{addr:>8}" == "  /run/x"
    with pytest.raises(dataclasses.FrozenInstanceError):
        addr.name = "/run/y"  # type: ignore[misc]


@pytest.mark.parametrize("network", ["unix", "unixgram", "unixpacket"])
def test_each_unix_network_has_addresses_of_its_own(network: str) -> None:
    addr = decode(network, FAMILY + b"/run/x\0")
    assert addr == UnixAddr("/run/x", network)
    assert addr.network == network


@pytest.mark.parametrize("network", ["tcp", "udp", "unix4", ""])
def test_another_network_is_refused(network: str) -> None:
    with pytest.raises(UnknownNetworkError):
        UnixAddr("/run/x", network)


@pytest.mark.parametrize("name", [b"/run/x", None, 5, Path("/run/x")])
def test_a_name_that_is_no_text_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="is a str"):
        UnixAddr(name)


def test_an_abstract_name_may_be_spelled_as_the_kernel_does() -> None:
    # Source: go1.27 syscall/syscall_linux.go (*SockaddrUnix).sockaddr
    assert UnixAddr("\0abstract") == UnixAddr("@abstract")


@pytest.mark.parametrize("name", ["x" * 107, "@" + "x" * 107, "\u00e9" * 53])
def test_a_name_of_107_bytes_is_taken(name: str) -> None:
    raw = encode(UnixAddr(name))
    assert len(raw) <= 2 + 108
    assert decode("unix", raw) == UnixAddr(name)


@pytest.mark.parametrize("name", ["x" * 108, "@" + "x" * 108, "\u00e9" * 54, "x" * 100_000])
def test_a_longer_name_is_refused(name: str) -> None:
    with pytest.raises(AddrError) as caught:
        encode(UnixAddr(name))
    assert (caught.value.err, caught.value.addr) == ("name too long", name)


@pytest.mark.parametrize("name", ["/run/a\0b", "/run/x\0", "x" * 200 + "\0", "\ud800", "@\ud800"])
def test_what_cannot_be_a_file_name_is_refused(name: str) -> None:
    with pytest.raises(AddrError) as caught:
        encode(UnixAddr(name))
    assert (caught.value.err, caught.value.addr) == ("invalid argument", name)


@pytest.mark.parametrize("raw", [b"", FAMILY])
def test_a_socket_that_was_not_bound_has_no_name(raw: bytes) -> None:
    assert decode("unixgram", raw) == UnixAddr("", "unixgram")


def test_a_path_goes_up_to_the_first_nul_or_the_end() -> None:
    assert decode("unix", FAMILY + b"/run/x\0/rest") == UnixAddr("/run/x")
    assert decode("unix", FAMILY + b"x" * 108) == UnixAddr("x" * 108)


def test_a_file_whose_name_looks_abstract_is_not_taken_for_that() -> None:
    assert decode("unix", FAMILY + b"@x\0") == UnixAddr("./@x")


@pytest.mark.parametrize("raw", [b"\x01", struct.pack("=H", socket.AF_INET) + bytes(14)])
def test_a_raw_form_that_is_no_unix_address_is_refused(raw: bytes) -> None:
    with pytest.raises(AddrError, match="no Unix socket address"):
        decode("unix", raw)


@given(names)
def test_raw_form_goes_round(name: str) -> None:
    addr = UnixAddr(name)
    try:
        raw = encode(addr)
    except AddrError as error:
        assert error.err == "name too long" or "\0" in name
        return
    assert len(raw) <= 2 + 108
    assert decode("unix", raw) == addr


@given(st.binary(max_size=108))
def test_whatever_the_kernel_may_give_is_an_address(path: bytes) -> None:
    assert isinstance(decode("unix", FAMILY + path), UnixAddr)


@pytest.mark.parametrize("length", [0, 107])
def test_the_kernel_takes_and_gives_the_raw_form(length: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        fd = SocketFD.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            assert decode("unix", fd.getsockname()) == UnixAddr("")
            addr = UnixAddr(f"{directory}/x".ljust(length, "x"))
            fd.bind(encode(addr))
            assert decode("unix", fd.getsockname()) == addr
            assert Path(addr.name).is_socket()
        finally:
            fd.close()


@pytest.mark.parametrize("rest", ["", "\0b", "x" * 80])
def test_the_kernel_takes_and_gives_abstract_names(rest: str) -> None:
    addr = UnixAddr(f"@netpoll-{os.getpid()}{rest}")
    fd = SocketFD.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        fd.bind(encode(addr))
        assert decode("unix", fd.getsockname()) == addr
    finally:
        fd.close()
