"""Domain names: which are none, and how they are spelt."""

import pytest

from netpoll.errors import DNSError
from netpoll.net.lookup import domain

LONG = ".".join(["a" * 63] * 5) + ".example"


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
    assert domain.encoded(name) == encoded
    assert domain.queried(name) == encoded.decode()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "foo\0bar",
        "\0",
        "a" * 64,
        ".".join(["a" * 63] * 4),
        "a" * 100_000,
        "\u00fc" * 100_000,
        "\u00fc" * 60 + "." + "\u00f6" * 60 + ("." + "\u00e4" * 40) * 3,
        "a..b",
        "..",
        ".a",
        "\udc80",
        "127.1",
        "2130706433",
        "256.0.0.1",
    ],
)
def test_what_is_no_name_is_not_found(name: str) -> None:
    for ask in (domain.encoded, domain.queried):
        with pytest.raises(DNSError, match=r": no such host$") as caught:
            ask(name)
        assert caught.value.is_not_found
        assert caught.value.name == name


def test_the_root_is_a_name_for_dns_and_none_for_the_system() -> None:
    assert domain.queried(".") == "."
    with pytest.raises(DNSError):
        domain.encoded(".")


@pytest.mark.parametrize("name", ["a b", "<html>.example", "-a.example", "a-.example", "a\\.b"])
def test_dns_is_asked_for_no_name_that_the_system_may_yet_know(name: str) -> None:
    assert domain.encoded(name) == name.encode()
    with pytest.raises(DNSError, match=r": no such host$"):
        domain.queried(name)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        # Source: go1.27 net/dnsname_test.go dnsNameTests
        ("_xmpp-server._tcp.google.com", True),
        ("foo.com", True),
        ("1foo.com", True),
        ("26.0.0.73.com", True),
        ("10-0-0-1", True),
        ("fo-o.com", True),
        ("fo1o.com", True),
        ("foo1.com", True),
        ("a.b..com", False),
        ("a.b-.com", False),
        ("a.b.com-", False),
        ("a.b..", False),
        ("b.com.", True),
        ("a" * 63 + ".com", True),
        ("a" * 64 + ".com", False),
        (LONG[-253:], True),
        (LONG[-253:] + ".", True),
        (LONG[-254:], False),
        (".", True),
        ("", False),
        ("-a", False),
        ("1.2.3.4", False),
        ("a b", False),
        ("a\n", False),
        ("\u00fc.example", False),
        ("\u0661.example", False),
    ],
)
def test_a_domain_name_has_labels_of_letters_digits_hyphens_and_underscores(
    name: str, is_one: bool
) -> None:
    assert domain.is_domain_name(name) is is_one


@pytest.mark.parametrize(
    ("name", "private"),
    [
        # Source: go1.27 net/dnsclient_unix_test.go TestAvoidDNSName
        ("foo.com", False),
        ("foo.com.", False),
        ("foo.onion.", True),
        ("foo.onion", True),
        ("foo.ONION", True),
        ("foo.ONION.", True),
        ("foo.local.", False),
        ("foo.LOCAL", False),
        ("onion", False),
        ("onion.", False),
        ("foo.onion.example", False),
    ],
)
def test_names_of_the_tor_network_are_private(name: str, private: bool) -> None:
    assert domain.is_private(name) is private


@pytest.mark.parametrize(
    ("address", "name"),
    [
        # Source: go1.27 net/lookup_test.go TestReverseAddress
        ("1.2.3.4", "4.3.2.1.in-addr.arpa."),
        ("245.110.36.114", "114.36.110.245.in-addr.arpa."),
        ("::ffff:12.34.56.78", "78.56.34.12.in-addr.arpa."),
        ("::1", "1" + ".0" * 31 + ".ip6.arpa."),
        (
            "1::",
            "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.ip6.arpa.",
        ),
        (
            "1234:567::89a:bcde",
            "e.d.c.b.a.9.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.6.5.0.4.3.2.1.ip6.arpa.",
        ),
    ],
)
def test_the_name_of_an_address_is_its_digits_backwards(address: str, name: str) -> None:
    assert domain.reverse_name(address) == name


@pytest.mark.parametrize("address", ["1.2.3", "1.2.3.4.5", "1234:567:bcbca::89a:bcde", "", "a"])
def test_what_is_no_address_has_no_such_name(address: str) -> None:
    with pytest.raises(DNSError, match=r"unrecognized address$") as caught:
        domain.reverse_name(address)
    assert not caught.value.is_not_found


@pytest.mark.parametrize(
    ("name", "absolute"), [("a.b", "a.b."), ("a.b.", "a.b."), ("localhost", "localhost"), ("", "")]
)
def test_a_name_with_a_dot_gets_one_at_the_end(name: str, absolute: str) -> None:
    assert domain.absolute(name) == absolute
