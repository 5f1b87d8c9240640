"""Splitting and joining "host:port"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll.errors import AddrError
from netpoll.net import join_host_port, split_host_port
from netpoll.net.hostport import port_number

# Source: go1.27 net/ip_test.go TestSplitHostPort
SPLIT = [
    ("localhost:http", "localhost", "http"),
    ("localhost%lo0:80", "localhost%lo0", "80"),
    ("[localhost%lo0]:80", "localhost%lo0", "80"),
    ("127.0.0.1:80", "127.0.0.1", "80"),
    ("[::1]:http", "::1", "http"),
    ("[::1%lo0]:80", "::1%lo0", "80"),
    (":80", "", "80"),
    (":", "", ""),
    ("[]:80", "", "80"),
    ("example.org:", "example.org", ""),
    ("[::1]:", "::1", ""),
    ("example.org:https%foo", "example.org", "https%foo"),
]

MALFORMED = [
    ("", "missing port in address"),
    ("example.org", "missing port in address"),
    ("127.0.0.1", "missing port in address"),
    ("[::1]", "missing port in address"),
    ("[fe80::1%lo0]", "missing port in address"),
    ("[foo:bar]", "missing port in address"),
    ("[foo:bar]baz", "missing port in address"),
    ("[foo]bar:baz", "missing port in address"),
    ("::1", "too many colons in address"),
    ("fe80::1%lo0:80", "too many colons in address"),
    ("[foo]:[bar]:baz", "too many colons in address"),
    ("[::1:80", "missing ']' in address"),
    ("[foo]:[bar]baz", "unexpected '[' in address"),
    ("[[::1]:80", "unexpected '[' in address"),
    ("foo[bar]:baz", "unexpected '[' in address"),
    ("foo]bar:baz", "unexpected ']' in address"),
    ("foo:b]ar", "unexpected ']' in address"),
]


@pytest.mark.parametrize(("address", "host", "port"), SPLIT)
def test_an_address_is_split(address: str, host: str, port: str) -> None:
    assert split_host_port(address) == (host, port)


@pytest.mark.parametrize(("address", "err"), MALFORMED)
def test_a_malformed_address_is_refused(address: str, err: str) -> None:
    with pytest.raises(AddrError) as caught:
        split_host_port(address)
    assert (caught.value.err, caught.value.addr) == (err, address)


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("localhost", "http", "localhost:http"),
        ("127.0.0.1", 80, "127.0.0.1:80"),
        ("::1", 80, "[::1]:80"),
        ("localhost%lo0", "80", "[localhost%lo0]:80"),
        ("", 80, ":80"),
        ("", "", ":"),
    ],
)
def test_host_and_port_are_joined(host: str, port: str | int, address: str) -> None:
    assert join_host_port(host, port) == address


@given(
    st.text(st.characters(exclude_characters="[]")),
    st.text(st.characters(exclude_characters="[]:")),
)
def test_what_is_joined_splits_again(host: str, port: str) -> None:
    assert split_host_port(join_host_port(host, port)) == (host, port)


@given(st.text(st.sampled_from("a1:[]%."), max_size=12))
def test_what_splits_is_made_of_its_parts(address: str) -> None:
    try:
        host, port = split_host_port(address)
    except AddrError:
        return
    assert address in {f"{host}:{port}", f"[{host}]:{port}"}


@pytest.mark.parametrize(
    ("port", "number"),
    [("", 0), ("0", 0), ("80", 80), ("00080", 80), ("65535", 65535), ("http", None), ("+80", None)],
)
def test_a_port_is_a_number_or_a_name(port: str, number: int | None) -> None:
    assert port_number(port, f":{port}") == number


@pytest.mark.parametrize("port", ["65536", "99999", "100000", "9" * 10_000])
def test_a_port_out_of_range_is_refused(port: str) -> None:
    with pytest.raises(AddrError, match=r"invalid port$"):
        port_number(port, f":{port}")


def test_digits_of_other_scripts_are_no_number() -> None:
    assert port_number("\u0668\u0660", ":80") is None


@pytest.mark.parametrize("address", [8888, None, ("127.0.0.1", 80), b"127.0.0.1:80"])
def test_what_is_no_text_is_no_address(address: object) -> None:
    with pytest.raises(TypeError, match="an address is a str"):
        split_host_port(address)  # type: ignore[arg-type]
