"""What /etc/resolv.conf says, and which names are asked for."""

import math
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll.net.lookup import config
from netpoll.net.lookup.config import DEFAULT_SERVERS, Config, parse

LONG = ".".join(["a" * 63] * 4)


@pytest.fixture(autouse=True)
def own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "host.domain.local")


OWN = ("domain.local.",)

FULL = """\
# a comment
; another

domain local
nameserver 192.0.2.1
nameserver 2001:db8::1
nameserver fe80::1%lo
options ndots:5 timeout:10 attempts:3 rotate
options attempts 3
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", Config(search=OWN)),
        (
            FULL,
            Config(
                ("192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%lo]:53"),
                ("local.",),
                ndots=5,
                timeout=10.0,
                attempts=3,
                rotate=True,
            ),
        ),
        ("search test invalid\ndomain local", Config(search=("local.",))),
        ("domain local\nsearch test invalid.", Config(search=("test.", "invalid."))),
        ("domain local\nsearch .", Config(search=OWN)),
        ("search", Config(search=OWN)),
        ("search foo..bar a \0.com .b a..", Config(search=("a.",))),
        (f"search {'a' * 64}.com {'a' * 63}.com", Config(search=(f"{'a' * 63}.com.",))),
        (f"search {LONG} {LONG[:251]}", Config(search=(f"{LONG[:251]}.",))),
        (r"search a\.b a\300 $ a", Config(search=("a.",))),
        ("search \udcff.com b\u00fcro.example", Config(search=("xn--bro-hoa.example.",))),
        ("search 10 1.168.192.in-addr.arpa", Config(search=("10.", "1.168.192.in-addr.arpa."))),
        ("domain foo..bar", Config(search=OWN)),
        ("domain", Config(search=OWN)),
        ("options ndots:invalid", Config(search=OWN, ndots=0)),
        ("options ndots:16", Config(search=OWN, ndots=15)),
        ("options ndots:-1", Config(search=OWN, ndots=0)),
        ("options ndots:2x", Config(search=OWN, ndots=2)),
        ("options ndots", Config(search=OWN)),
        ("options timeout:0 attempts:0", Config(search=OWN, timeout=1.0, attempts=1)),
        (
            f"options attempts:{'9' * 10_000}",
            Config(search=OWN, attempts=0xFFFFFF),
        ),
        ("options single-request", Config(search=OWN, single_request=True)),
        ("options single-request-reopen", Config(search=OWN, single_request=True)),
        ("options use-vc", Config(search=OWN, use_tcp=True)),
        ("options usevc", Config(search=OWN, use_tcp=True)),
        ("options tcp", Config(search=OWN, use_tcp=True)),
        ("options trust-ad edns0 no-reload", Config(search=OWN, trust_ad=True, no_reload=True)),
        (
            "".join(f"nameserver 192.0.2.{number}\n" for number in range(1, 5)),
            Config(("192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"), OWN),
        ),
        ("nameserver ns.example\nnameserver\nnameserver 127.1\nlookup file", Config(search=OWN)),
        ("nameserver 192.0.2.1%lo\nnameserver 192.0.2.1 x", Config(("192.0.2.1:53",), OWN)),
        (" nameserver\t192.0.2.1 \r\n", Config(("192.0.2.1:53",), OWN)),
    ],
)
def test_what_resolv_conf_says(text: str, said: Config) -> None:
    # Source: go1.27 net/dnsconfig_unix_test.go TestDNSReadConfig
    assert parse(text.encode("utf-8", "surrogateescape")) == said


@pytest.mark.parametrize(
    ("name", "search"),
    [
        # Source: go1.27 net/dnsconfig_unix_test.go TestDNSDefaultSearch
        ("host.long.domain.local", ("long.domain.local.",)),
        ("host.local", ("local.",)),
        ("host", ()),
        ("foo.", ()),
        ("host.foo..bar", ()),
    ],
)
def test_the_machines_own_domain_is_searched_if_no_other(
    name: str, search: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert parse(b"").search == search


def test_a_machine_without_a_name_searches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> str:
        raise OSError

    monkeypatch.setattr(socket, "gethostname", fails)
    assert parse(b"").search == ()


@given(st.binary())
def test_whatever_it_says_there_is_a_configuration(content: bytes) -> None:
    said = parse(content)
    assert said.servers
    assert said.attempts >= 1
    assert said.timeout >= 1


@given(st.lists(st.sampled_from(["options", "ndots:", "nameserver", "search", "9" * 5000, "\n"])))
def test_whatever_words_it_has_there_is_a_configuration(words: list[str]) -> None:
    assert parse(" ".join(words).encode()).servers


@pytest.mark.parametrize(
    ("said", "name", "names"),
    [
        (Config(), "www", ["www."]),
        (Config(), "www.", ["www."]),
        (Config(search=("a.", "b.")), "www", ["www.a.", "www.b.", "www."]),
        (Config(search=("a.", "b.")), "www.x", ["www.x.", "www.x.a.", "www.x.b."]),
        (Config(search=("a.",), ndots=2), "www.x", ["www.x.a.", "www.x."]),
        (Config(search=("a.",)), "www.x.", ["www.x."]),
        (Config(search=("a.",), ndots=0), "www", ["www.", "www.a."]),
        # Source: go1.27 net/dnsclient_unix_test.go TestNameListAvoidDNS
        (Config(search=("go.dev.", "onion."), ndots=0), "www", ["www.", "www.go.dev."]),
        (Config(search=("go.dev.", "onion."), ndots=0), "www.onion", ["www.onion.go.dev."]),
        (Config(), "www.onion", []),
        (Config(), "www.onion.", []),
        # Source: go1.27 net/dnsconfig_unix_test.go TestDNSNameLength
        (Config(search=("ab.", "b.")), LONG[:251], [LONG[:251] + ".", LONG[:251] + ".b."]),
        (Config(search=("abcd.", "b.")), LONG[:250], [LONG[:250] + ".", LONG[:250] + ".b."]),
        (Config(search=("b.",)), LONG[:253], [LONG[:253] + "."]),
    ],
)
def test_a_name_is_asked_for_under_each_domain_searched(
    said: Config, name: str, names: list[str]
) -> None:
    assert said.candidates(name) == names


def test_servers_take_turns_only_if_told_to() -> None:
    servers = ("a", "b", "c")
    fixed, rotating = Config(), Config(rotate=True)
    assert [fixed.in_turn(servers)[0] for _ in range(4)] == ["a"] * 4
    assert [rotating.in_turn(servers) for _ in range(4)] == [
        ("a", "b", "c"),
        ("b", "c", "a"),
        ("c", "a", "b"),
        ("a", "b", "c"),
    ]


def test_how_long_a_configuration_is_taken_to_be_as_it_was() -> None:
    keeps = config.system._keeps
    assert keeps(parse(b"nameserver 192.0.2.1")) == 5
    assert keeps(parse(b"nameserver 192.0.2.1\noptions no-reload")) == math.inf
    # Source: go1.27 net/dnsclient_unix_test.go TestEmptyResolvConfReplacedWithConfHaingNameservers
    assert keeps(parse(b"")) == 0
    assert parse(b"").servers is DEFAULT_SERVERS
