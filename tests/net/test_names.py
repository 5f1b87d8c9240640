"""Host names: which are none, and what the resolver's errors mean."""

import socket

import pytest

from netpoll.errors import DNSError
from netpoll.net import names


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("example.org", b"example.org"),
        ("example.org.", b"example.org."),
        ("_x.example", b"_x.example"),
        ("b\u00fccher.example", b"xn--bcher-kva.example"),
        ("a" * 63, b"a" * 63),
        (".".join(["a" * 49] * 5), b".".join([b"a" * 49] * 5)),
    ],
)
def test_a_name_is_encoded_for_the_resolver(name: str, encoded: bytes) -> None:
    assert names.encoded(name) == encoded


@pytest.mark.parametrize(
    "name",
    [
        "foo\0bar",
        "\0",
        "a" * 64,
        ".".join(["a" * 63] * 4),
        "a" * 100_000,
        "\u00fc" * 100_000,
        "\u00fc" * 60 + "." + "\u00f6" * 60 + ("." + "\u00e4" * 40) * 3,
        "a..b",
        ".",
        "..",
        ".a",
        "\udc80",
        "127.1",
        "2130706433",
        "256.0.0.1",
    ],
)
def test_what_is_no_name_is_not_found(name: str) -> None:
    with pytest.raises(DNSError, match=r": no such host$") as caught:
        names.encoded(name)
    assert caught.value.is_not_found
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("code", "text", "not_found", "timeout"),
    [
        (socket.EAI_NONAME, "no such host", True, False),
        (socket.EAI_AGAIN, "name server asleep", False, True),
        (socket.EAI_FAIL, "name server asleep", False, False),
    ],
)
def test_the_resolvers_error_says_what_is_wrong(
    code: int, text: str, not_found: bool, timeout: bool
) -> None:
    error = names.dns_error("a.example", socket.gaierror(code, "Name server asleep"))
    assert str(error) == f"lookup a.example: {text}"
    assert (error.is_not_found, error.is_timeout) == (not_found, timeout)
