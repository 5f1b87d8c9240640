"""Looking up names, by the system or by DNS."""

import pickle
import socket
import sys
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from netpoll import (
    AddrError,
    DNSError,
    UnknownNetworkError,
    net,
)
from netpoll.net import Resolver, TCPAddr, resolver
from netpoll.net.lookup import config, hosts
from netpoll.net.lookup.config import Config
from netpoll.net.lookup.records import MX, NS, SRV
from tests.net.dns_server import Scripted, address, answer, known, served
from tests.net.lookup.clients import V4, V6, Fixed
from tests.net.lookup.resolvers import KNOWN, by_dns, by_system, must_not_be_asked
from tests.running import in_run, says

pytestmark = pytest.mark.usefixtures("one_server")

Lookup = Callable[[Resolver], object]

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


# ---- the functions


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
