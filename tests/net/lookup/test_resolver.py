"""Looking up names, by the system or by DNS."""

import pickle
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from time import monotonic
from typing import Any

import pytest

from netpoll import (
    AddrError,
    DeadlineExceeded,
    DNSError,
    GoroutineCancelled,
    UnknownNetworkError,
    go,
    gosched,
    net,
)
from netpoll.net import Resolver, TCPAddr, resolver
from netpoll.net.lookup import config, hosts
from netpoll.net.lookup.config import Config
from netpoll.net.lookup.records import MX, NS, SRV
from tests.net.dns_server import Scripted, address, answer, known, mx, served, srv, target, txt
from tests.running import in_run, parked, says

SOON = 0.02
V4, V6 = "192.0.2.1", "2001:db8::1"
Lookup = Callable[[Resolver], object]

KNOWN = known(
    ("a.example.", "A", address("a.example.", V4)),
    ("a.example.", "AAAA", address("a.example.", V6)),
    ("a.example.", "MX", mx("a.example.", 1, "m.example.")),
    ("a.example.", "NS", target("a.example.", "NS", "n.example.")),
    ("a.example.", "TXT", txt("a.example.", b"text")),
    ("_x._tcp.a.example.", "SRV", srv("_x._tcp.a.example.", 1, 2, 3, "t.example.")),
    ("1.2.0.192.in-addr.arpa.", "PTR", target("1.2.0.192.in-addr.arpa.", "PTR", "a.example.")),
)

LOOKUPS: list[tuple[Lookup, object]] = [
    (lambda it: sorted(it.lookup_host("a.example")), [V4, V6]),
    (
        lambda it: sorted(it.lookup_ip("a.example"), key=str),
        [IPv4Address(V4), IPv6Address(V6)],
    ),
    (lambda it: it.lookup_ip("a.example", "ip4"), [IPv4Address(V4)]),
    (lambda it: it.lookup_ip("a.example", "ip6"), [IPv6Address(V6)]),
    (lambda it: it.lookup_addr(V4), ["a.example."]),
    (lambda it: it.lookup_cname("a.example"), "a.example."),
    (
        lambda it: it.lookup_srv("x", "tcp", "a.example"),
        ("_x._tcp.a.example.", [SRV("t.example.", 3, 1, 2)]),
    ),
    (
        lambda it: it.lookup_srv("", "", "_x._tcp.a.example"),
        ("_x._tcp.a.example.", [SRV("t.example.", 3, 1, 2)]),
    ),
    (lambda it: it.lookup_mx("a.example"), [MX("m.example.", 1)]),
    (lambda it: it.lookup_ns("a.example"), [NS("n.example.")]),
    (lambda it: it.lookup_txt("a.example"), ["text"]),
    (
        lambda it: sorted(it.lookup("tcp", "a.example:80"), key=str),
        [TCPAddr(V4, 80), TCPAddr(V6, 80)],
    ),
    (lambda it: it.lookup("tcp4", "a.example:80"), [TCPAddr(V4, 80)]),
    (lambda it: it.lookup("tcp6", "a.example:80"), [TCPAddr(V6, 80)]),
]


class Fixed:
    def __init__(self, value: Any) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value


@pytest.fixture(autouse=True)
def _files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say nothing in the hosts file, and that there is one server in resolv.conf."""
    monkeypatch.setattr(config, "system", Fixed(Config(("192.0.2.53:53",))))
    monkeypatch.setattr(hosts, "system", Fixed(hosts.Hosts()))


def must_not_be_asked(*_: Any, **__: Any) -> Any:
    raise AssertionError("what needs no look-up was looked up")


def by_system(*addresses: str, canonical: str = "") -> Resolver:
    def answer(*_: Any) -> list[Any]:
        return [
            (socket.AF_INET6, 1, 6, canonical, (one, 0, 0, 0))
            if ":" in one
            else (socket.AF_INET, 1, 6, canonical, (one, 0))
            for one in addresses
        ]

    return Resolver(answer)


def by_dns(**options: Any) -> tuple[Resolver, Scripted]:
    servers = Scripted(KNOWN)
    return Resolver(must_not_be_asked, prefer_dns=True, dial=servers.dial, **options), servers


@pytest.fixture
def hanging() -> Iterator[Callable[..., Any]]:
    """Return what does not answer until the test ends."""
    end = threading.Event()

    def answer(*_: Any) -> Any:
        end.wait(20)
        return []

    yield answer
    end.set()


# ---- by DNS


@pytest.mark.parametrize(("lookup", "found"), LOOKUPS)
@in_run
def test_a_resolver_of_our_own_asks_dns(lookup: Lookup, found: object) -> None:
    resolver, servers = by_dns()
    assert lookup(resolver) == found
    assert servers.open == 0
    assert servers.dialled > 0


@in_run
def test_a_resolver_of_our_own_is_what_a_dial_asks() -> None:
    servers = Scripted(known(("a.example.", "A", address("a.example.", "127.0.0.1"))))
    with net.listen("tcp", "127.0.0.1:0") as listener:
        own = Resolver(prefer_dns=True, dial=servers.dial)
        port = listener.local_addr.port
        with net.dial("tcp", f"a.example:{port}", resolver=own, timeout=5) as conn:
            assert conn.remote_addr == listener.local_addr


@in_run
def test_records_that_the_system_does_not_know_are_asked_of_dns_by_each_resolver() -> None:
    servers = Scripted(KNOWN)
    plain = Resolver(must_not_be_asked, dial=servers.dial)
    assert plain.lookup_mx("a.example") == [MX("m.example.", 1)]
    assert plain.lookup_txt("a.example") == ["text"]


@in_run
def test_hosts_of_one_family_only_are_no_answer_for_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hosts, "system", Fixed(hosts.parse(b"127.0.0.9 a.example")))
    resolver, servers = by_dns()
    for lookup in (
        lambda: resolver.lookup_ip("a.example", "ip6"),
        lambda: resolver.lookup("tcp6", "a.example:80"),
    ):
        with pytest.raises(AddrError, match="no suitable address"):
            lookup()
    assert resolver.lookup_host("a.example") == ["127.0.0.9"]
    assert servers.dialled == 0


@in_run
def test_a_real_server_is_asked_by_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(KNOWN) as server:
        monkeypatch.setattr(config, "system", Fixed(Config((server,), use_tcp=True)))
        own = Resolver(prefer_dns=True)
        assert sorted(own.lookup_host("a.example")) == [V4, V6]
        assert own.lookup_mx("a.example", timeout=5) == [MX("m.example.", 1)]


@in_run
def test_a_dial_may_return_a_stream_where_a_datagram_was_asked_for() -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestDNSDialTCP
    with served(KNOWN) as server:

        def dial(_: str, address: str, /, *, deadline: float) -> net.Conn:
            return net.dial("tcp", address, deadline=deadline)

        own = Resolver(prefer_dns=True, dial=dial, servers=[server])
        assert sorted(own.lookup_host("a.example", timeout=5)) == [V4, V6]


@pytest.mark.parametrize("strict", [False, True])
@in_run
def test_half_an_answer_is_one_unless_told_otherwise(strict: bool) -> None:
    own, servers = by_dns(strict_errors=strict)
    servers.script = lambda question: (
        answer(question, rcode=2) if question.kind == "AAAA" else KNOWN(question)
    )
    if strict:
        with pytest.raises(DNSError, match="server misbehaving") as caught:
            own.lookup_host("a.example")
        assert caught.value.is_temporary
    else:
        assert own.lookup_host("a.example") == [V4]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["192.0.2.1"], ("192.0.2.1:53",)),
        (("2001:db8::1", "[::1]:5353"), ("[2001:db8::1]:53", "[::1]:5353")),
        (["127.0.0.1:054"], ("127.0.0.1:54",)),
    ],
)
def test_servers_are_given_with_or_without_a_port(given: Any, kept: tuple[str, ...]) -> None:
    own = Resolver(servers=given)
    assert own.servers == kept
    assert hash(own) == hash(Resolver(servers=kept))
    assert own == Resolver(servers=kept) != Resolver()


@pytest.mark.parametrize("given", ["192.0.2.1", [], ["ns.example"], ["ns.example:53"], ["1.2:53"]])
def test_servers_that_are_none_are_refused(given: Any) -> None:
    with pytest.raises(ValueError):
        Resolver(servers=given)


@in_run
def test_servers_of_ones_own_are_asked() -> None:
    own, servers = by_dns(servers=["192.0.2.99:99"])
    own.lookup_txt("a.example")
    assert servers.servers == ["192.0.2.99:99"]


def test_a_resolver_can_be_sent_elsewhere() -> None:
    own = Resolver(servers=["192.0.2.1"], strict_errors=True)
    assert pickle.loads(pickle.dumps(own)) == own  # noqa: S301 - our own


# ---- without dnspython


NEEDY: list[Callable[[Resolver], object]] = [
    lambda it: it.lookup_srv("x", "tcp", "a.example"),
    lambda it: it.lookup_mx("a.example"),
    lambda it: it.lookup_ns("a.example"),
    lambda it: it.lookup_txt("a.example"),
    lambda _: Resolver(must_not_be_asked, prefer_dns=True).lookup_host("a.example"),
    lambda _: Resolver(must_not_be_asked, prefer_dns=True).lookup_cname("a.example"),
    lambda _: Resolver(must_not_be_asked, prefer_dns=True).lookup_addr(V4),
    lambda _: Resolver(must_not_be_asked, prefer_dns=True).lookup("tcp", "a.example:80"),
]


@pytest.mark.parametrize("lookup", NEEDY)
@in_run
def test_what_asks_dns_names_what_it_needs(lookup: Lookup, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "dns"]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("client", "exchange", "wire"):
        monkeypatch.delitem(sys.modules, f"netpoll.net.lookup.{name}", raising=False)
        monkeypatch.delattr(f"netpoll.net.lookup.{name}", raising=False)
    with pytest.raises(ModuleNotFoundError, match="the extra 'dns'") as caught:
        lookup(Resolver(must_not_be_asked, dial=must_not_be_asked))
    assert str(caught.value.name).startswith("dns")


def test_dnspython_is_not_loaded_before_it_is_needed() -> None:
    program = """
        import sys
        from netpoll import net, run
        run(net.Resolver().lookup_host, "127.0.0.1")
        print([name for name in ("dns", "ipaddress", "random") if name in sys.modules])
    """
    assert says(program) == "[]\n"


# ---- by the system


@in_run
def test_hosts_are_asked_of_the_system() -> None:
    assert by_system(V6, V4).lookup_host("a.example") == [V6, V4]
    assert by_system(V6, V4).lookup_ip("a.example") == [IPv6Address(V6), IPv4Address(V4)]
    assert by_system(V6, V4).lookup_ip("a.example", "ip4") == [IPv4Address(V4)]
    with pytest.raises(AddrError, match=r"^address a\.example: no suitable address found$"):
        by_system(V6).lookup_ip("a.example", "ip4")
    assert by_system(V4, canonical="b.example").lookup_cname("a.example") == "b.example."


@pytest.mark.parametrize(("network", "family"), [("ip", 0), ("ip4", 2), ("ip6", 10)])
@in_run
def test_the_system_is_asked_for_the_family_wanted(network: str, family: int) -> None:
    asked = []

    def answer(*question: Any) -> list[Any]:
        asked.append(question)
        raise socket.gaierror(socket.EAI_NONAME, "")

    with pytest.raises(DNSError):
        Resolver(answer).lookup_ip("a.example", network)
    assert asked == [(b"a.example", None, family, socket.SOCK_STREAM)]


@in_run
def test_names_are_asked_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getnameinfo", lambda *_: ("a.example", "0"))
    assert Resolver().lookup_addr("192.0.2.1") == ["a.example."]


@pytest.mark.parametrize(
    ("network", "service", "port"),
    [
        # Source: go1.27 net/lookup_test.go TestLookupPort
        ("tcp", "0", 0),
        ("udp", "0", 0),
        ("tcp", "", 0),
        ("tcp", "65535", 65535),
        ("ip", "80", 80),
        ("tcp", "http", 80),
        ("tcp4", "HTTP", 80),
        ("tcp6", "https", 443),
        ("ip", "domain", 53),
    ],
)
@in_run
def test_a_port_has_a_number(network: str, service: str, port: int) -> None:
    assert resolver.lookup_port(network, service) == port


@pytest.mark.parametrize(
    ("network", "service", "error", "text"),
    [
        ("tcp", "65536", AddrError, "address 65536: invalid port"),
        ("tcp", "nosuchport", DNSError, "lookup tcp/nosuchport: unknown port"),
        ("tcp", "-1", DNSError, "lookup tcp/-1: unknown port"),
        ("tcp", "http\0", DNSError, "lookup tcp/http\0: unknown port"),
        ("tcp9", "http", UnknownNetworkError, "unknown network tcp9"),
    ],
)
@in_run
def test_a_port_that_is_none_is_told(
    network: str, service: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        resolver.lookup_port(network, service)
    assert str(caught.value) == text
    assert getattr(caught.value, "is_not_found", True)


# ---- what needs no look-up


@pytest.mark.parametrize("literal", ["192.0.2.1", "2001:db8::1", "fe80::1%lo", "0:0::1"])
@in_run
def test_a_literal_is_never_looked_up(literal: str) -> None:
    for own in (
        Resolver(must_not_be_asked),
        Resolver(must_not_be_asked, prefer_dns=True, dial=must_not_be_asked),
    ):
        assert own.lookup_host(literal, deadline=0) == [literal]
        assert own.lookup_ip(literal, deadline=0)[0].version == (6 if ":" in literal else 4)
        assert own.lookup_port("tcp", "80", deadline=0) == 80
        assert str(own.lookup("tcp", f"[{literal}]:80", deadline=0)[0].port) == "80"


@in_run
def test_a_literal_is_of_its_own_family_only() -> None:
    own = Resolver(must_not_be_asked)
    assert own.lookup_ip("::ffff:192.0.2.1", "ip4") == [IPv4Address(V4)]
    with pytest.raises(AddrError, match=r"^address ::1: no suitable address found$"):
        own.lookup_ip("::1", "ip4")
    with pytest.raises(UnknownNetworkError):
        own.lookup_ip("::1", "tcp")


BAD_NAMES = ["", "foo\0bar", "a" * 64, "a." * 200, "a..b", "127.1", "\udc80", "192.0.2.1%lo"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("prefer_dns", [False, True])
@in_run
def test_what_is_no_name_is_never_looked_up(name: str, prefer_dns: bool) -> None:
    # Source: go1.27 net/lookup_test.go TestLookupNullByte, TestResolverLookupIPWithEmptyHost
    own = Resolver(must_not_be_asked, prefer_dns=prefer_dns, dial=must_not_be_asked)
    lookups: list[Callable[[str], object]] = [own.lookup_mx, own.lookup_txt, own.lookup_ns]
    if prefer_dns or name != "192.0.2.1%lo":
        lookups += [own.lookup_host, own.lookup_ip, own.lookup_cname]
    for lookup in lookups:
        with pytest.raises(DNSError, match="no such host") as caught:
            lookup(name)
        assert caught.value.is_not_found
        assert caught.value.name == name
    for limited_lookup in (own.lookup_host, own.lookup_cname):
        if name != "192.0.2.1%lo":
            with pytest.raises(DNSError):  # and at once
                limited_lookup(name, deadline=0)


@pytest.mark.parametrize("address", ["", "a.example", "127.1", "192.0.2.1%lo", "::1%"])
@in_run
def test_what_is_no_address_has_no_name(address: str) -> None:
    for own in (Resolver(), by_dns()[0]):
        with pytest.raises(DNSError, match="unrecognized address"):
            own.lookup_addr(address)


@pytest.mark.parametrize("wrong", [None, 80, b"a.example", ["a"]])
@in_run
def test_what_is_no_text_is_refused(wrong: Any) -> None:
    for own in (Resolver(must_not_be_asked), by_dns()[0]):
        for lookup in (
            own.lookup_host,
            own.lookup_ip,
            own.lookup_addr,
            own.lookup_cname,
            own.lookup_mx,
            own.lookup_ns,
            own.lookup_txt,
            lambda service: own.lookup_port("tcp", service),  # noqa: B023 - called at once
            lambda name: own.lookup_srv("", "", name),  # noqa: B023
        ):
            with pytest.raises(TypeError, match=r"^what is looked up is a str, not "):
                lookup(wrong)


# ---- limits


def limited(own: Resolver, **limits: Any) -> list[Callable[[], object]]:
    return [
        lambda: own.lookup_host("a.example", **limits),
        lambda: own.lookup_ip("a.example", "ip", **limits),
        lambda: own.lookup_cname("a.example", **limits),
        lambda: own.lookup_port("tcp", "nosuch", **limits),
        lambda: own.lookup_addr("192.0.2.1", **limits),
    ]


@in_run
def test_each_lookup_can_be_limited(
    hanging: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getnameinfo", hanging)
    own = Resolver(hanging)
    begin = monotonic()
    for lookup in (
        *limited(own, timeout=SOON),
        *limited(own, timeout=60, deadline=begin + 2 * SOON),
        *limited(own, timeout=-1),
    ):
        with pytest.raises(DeadlineExceeded, match=r"^lookup \S+: i/o timeout$"):
            lookup()
    assert 5 * SOON <= monotonic() - begin < 3


@in_run
def test_each_lookup_in_dns_can_be_limited() -> None:
    with net.listen("tcp", "127.0.0.1:0") as silent:

        def dial(*_: object, deadline: float) -> Any:
            return net.dial("tcp", str(silent.local_addr), deadline=deadline)

        own = Resolver(prefer_dns=True, dial=dial)
        begin = monotonic()
        for lookup in (
            lambda: own.lookup_host("a.example", timeout=SOON),
            lambda: own.lookup_addr(V4, timeout=SOON),
            lambda: own.lookup_srv("x", "tcp", "a.example", timeout=SOON),
            lambda: own.lookup_mx("a.example", timeout=SOON),
            lambda: own.lookup_ns("a.example", timeout=SOON),
            lambda: own.lookup_txt("a.example", timeout=SOON),
        ):
            with pytest.raises(DeadlineExceeded, match=r"^lookup \S+: i/o timeout$"):
                lookup()
        assert 6 * SOON <= monotonic() - begin < 3


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": "1"}, TypeError),
        ({"deadline": 10**400}, ValueError),
    ],
)
@in_run
def test_a_limit_that_is_none_is_refused(limits: Any, error: type[Exception]) -> None:
    for lookup in limited(Resolver(must_not_be_asked), **limits):
        with pytest.raises(error):
            lookup()


# ---- several at once


@in_run
def test_equal_lookups_under_way_are_one() -> None:
    own, servers = by_dns()
    asking = [go(own.lookup_txt, "a.example") for _ in range(50)]
    found = [one.join(5) for one in asking]
    assert found == [["text"]] * 50
    assert len(servers.asked) == 1
    found[0].append("junk")
    assert found[1] == ["text"]
    own.lookup_txt("a.example")
    assert len(servers.asked) == 2


@in_run
def test_lookups_that_differ_are_several() -> None:
    own, servers = by_dns()
    strict, others = by_dns(strict_errors=True)
    for lookup in (
        lambda: own.lookup_ip("a.example", "ip4"),
        lambda: own.lookup_ip("a.example", "ip6"),
        lambda: own.lookup_txt("a.example"),
        lambda: own.lookup_mx("a.example"),
        lambda: strict.lookup_mx("a.example"),
    ):
        go(lookup)
    for _ in range(20):
        gosched()
    assert sorted(servers.questions) == [
        ("a.example.", kind) for kind in ("A", "AAAA", "MX", "TXT")
    ]
    assert others.questions == [("a.example.", "MX")]


@in_run
def test_resolvers_that_dial_differently_each_hear_their_own_answer() -> None:
    # Source: go1.27 net/lookup_test.go TestConcurrentPreferGoResolversDial
    asking = []
    for number in range(20):
        text = f"192.0.2.{number}"
        servers = Scripted(known(("a.example.", "A", address("a.example.", text))))
        own = Resolver(must_not_be_asked, prefer_dns=True, dial=servers.dial)
        asking.append((go(own.lookup_host, "a.example"), [text]))
    for lookup, found in asking:
        assert lookup.join(5) == found


@in_run
def test_resolvers_that_are_equal_share_a_lookup() -> None:
    calls = []

    def answer(*question: Any) -> list[Any]:
        calls.append(question)
        return [(socket.AF_INET, 1, 6, "", (V4, 0))]

    asking = [go(Resolver(answer).lookup_host, "a.example") for _ in range(10)]
    assert [one.join(5) for one in asking] == [[V4]] * 10
    assert len(calls) == 1


@in_run
def test_after_ten_thousand_cancelled_lookups_one_is_answered(
    hanging: Callable[..., Any],
) -> None:
    # Source: go1.27 net/lookup_test.go TestLookupHostCancel, issue 24178
    own = Resolver(hanging)
    for burst in range(100):
        asking = [go(own.lookup_host, f"name{burst}.example") for _ in range(100)]
        for one in asking:
            parked(one)
        for one in asking:
            one.cancel()
        for one in asking:
            with pytest.raises(GoroutineCancelled):
                one.join(5)
    assert by_system(V4).lookup_host("a.example", timeout=20) == [V4]


@in_run
def test_after_many_cancelled_lookups_in_dns_nothing_is_open() -> None:
    own, servers = by_dns()
    servers.script = lambda _: [b"no answer"] * 1000
    for number in range(1000):
        asking = go(own.lookup_host, "a.example")
        for _ in range(number % 7):
            gosched()
        asking.cancel()
        with pytest.raises(GoroutineCancelled):
            asking.join(5)
    for _ in range(5):  # one cancels the next
        gosched()
    assert servers.open == 0
    servers.script = KNOWN
    assert sorted(own.lookup_host("a.example")) == [V4, V6]


def test_the_functions_are_those_of_a_resolver_without_options() -> None:
    for name in ("host", "ip", "addr", "port", "cname", "srv", "mx", "ns", "txt"):
        function = getattr(resolver, f"lookup_{name}")
        assert function.__self__ == Resolver()
        assert function.__name__ == f"lookup_{name}"


@in_run
def test_an_error_names_what_was_asked_for() -> None:
    own, servers = by_dns()
    servers.script = lambda question: answer(question, rcode=3)
    with pytest.raises(DNSError) as caught:
        own.lookup_host("A.example")
    assert str(caught.value) == "lookup A.example on 192.0.2.53:53: no such host"
    assert (caught.value.name, caught.value.server) == ("A.example", "192.0.2.53:53")
