"""Asking several servers, under several names, until one knows."""

import errno
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll import DeadlineExceeded, OpError, run
from netpoll.net.lookup import config
from netpoll.net.lookup.client import Client
from tests.net import dns_server
from tests.net.dns_server import (
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    Question,
    Reaction,
    Script,
    Scripted,
    address,
    answer,
    edns,
    known,
    target,
    txt,
)
from tests.net.lookup.clients import (
    OTHER,
    SERVER,
    V4,
    V6,
    Configure,
    Fixed,
    addresses,
    both,
    failure,
    knows,
    refused,
    scripted,
)
from tests.running import in_run

pytestmark = pytest.mark.usefixtures("configured")


# ---- addresses


@in_run
def test_both_families_are_asked_for_and_the_preferred_comes_first() -> None:
    client, servers = scripted(both)
    found = client.addresses("a.example")
    assert set(found) == {(V4, ""), (V6, "")}
    assert sorted(servers.questions) == [("a.example.", "A"), ("a.example.", "AAAA")]
    assert servers.open == 0
    client, _ = scripted(
        known(*(("a.", "A", address("a.", text)) for text in ("10.0.0.2", "10.0.0.1", "10.0.0.2")))
    )
    assert client.addresses("a.") == (("10.0.0.2", ""), ("10.0.0.1", ""))


@in_run
def test_only_the_family_wanted_is_asked_for() -> None:
    for kind, found in (("A", V4), ("AAAA", V6)):
        client, servers = scripted(both)
        assert addresses(client, "a.example", (kind,)) == {found}
        assert servers.questions == [("a.example.", kind)]


@pytest.mark.parametrize("single", [False, True])
@in_run
def test_both_families_are_asked_for_at_the_same_time_unless_told_otherwise(
    single: bool, configured: Configure
) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestSingleRequestLookup
    most = 0

    def script(question: Question) -> bytes:
        nonlocal most
        most = max(most, servers.open)
        return both(question)

    configured(single_request=single)
    client, servers = scripted(script)
    assert addresses(client, "a.example") == {V4, V6}
    assert most == (1 if single else 2)


@in_run
def test_a_host_of_one_family_is_found() -> None:
    for text in (V4, V6):
        kind = "AAAA" if ":" in text else "A"
        client, _ = scripted(known(("a.example.", kind, address("a.example.", text))))
        assert addresses(client, "a.example") == {text}


@in_run
def test_what_an_alias_stands_for_has_the_addresses() -> None:
    def script(question: Question) -> bytes:
        chain = [target("a.", "CNAME", "b."), target("b.", "CNAME", "c.")]
        if question.kind == "A":
            return answer(question, *chain, address("c.", V4))
        return answer(question, *chain)

    client, _ = scripted(script)
    assert addresses(client, "a.") == {V4}
    assert client.canonical_name("a.") == "c."


@in_run
def test_an_alias_of_nothing_has_a_canonical_name_and_no_address() -> None:
    # Source: go1.27 net/lookup_test.go TestLookupNoData
    client, _ = scripted(known(("a.", "CNAME", target("a.", "CNAME", "b."))))
    assert client.canonical_name("a.") == "b."
    error = failure(client.addresses, "a.")
    assert (error.reason, error.is_not_found, error.server) == ("no such host", True, SERVER)


@pytest.mark.parametrize("name", ["foo.onion", "foo.onion.", "FOO.ONION"])
@in_run
def test_private_names_are_not_asked_for(name: str) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestLookupTorOnion
    client, servers = scripted(both)
    assert failure(client.addresses, name).is_not_found
    assert failure(client.texts, name).is_not_found
    assert servers.dialled == 0


NO_NAMES = ["a b", "a\0b", "1.2.3", "-", "a" * 64, "a..b", "!!!.###.bogus..domain.", ""]


@pytest.mark.parametrize("name", NO_NAMES)
@in_run
def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    # Source: go1.27 net/lookup_test.go TestLookupNonLDH, TestLookupNullByte
    client, servers = scripted(both)
    for ask in (client.addresses, client.texts, client.canonical_name, client.mail_servers):
        error = failure(ask, name)
        assert (error.is_not_found, error.name) == (True, name)
    assert servers.dialled == 0


@in_run
def test_names_are_asked_for_in_idna() -> None:
    client, servers = scripted(both)
    client.addresses("b\u00fccher.example")
    assert servers.asked[0].name == "xn--bcher-kva.example."


@pytest.mark.parametrize("suffix", ["foo..bar.", "a" * 64 + ".", "\udcff.com.", "\\300."])
@in_run
def test_what_no_message_can_ask_for_is_an_error_of_the_name(
    suffix: str, configured: Configure
) -> None:
    configured(search=(suffix,))
    client, servers = scripted(refused)
    for ask in (client.addresses, client.texts, client.canonical_name):
        error = failure(ask, "a")
        assert error.name == "a"
    assert set(servers.questions) == {("a.", kind) for kind in ("A", "AAAA", "CNAME", "TXT")}


@given(st.text(max_size=70), st.text(max_size=70))
def test_whatever_is_searched_the_name_itself_is_found(first: str, second: str) -> None:
    said = config.parse(f"search {first}.{second}".encode("utf-8", "surrogatepass"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "system", Fixed(replace(said, servers=(SERVER,))))
        client, _ = scripted(known(("a.", "TXT", txt("a.", b"text"))))
        assert run(client.texts, "a") == ("text",)


# ---- the hosts file


@in_run
def test_the_hosts_file_comes_before_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, b"127.0.0.9 A.example a\nfe80::1%lo a\n127.0.0.9 a\n")
    client, servers = scripted(both)
    assert client.addresses("a.EXAMPLE") == (("127.0.0.9", ""),)
    assert set(client.addresses("a")) == {("127.0.0.9", ""), ("fe80::1", "lo")}
    assert client.names("127.0.0.9") == ("A.example.", "a", "a")
    assert client.canonical_name("a") == "a.example."
    assert servers.dialled == 0
    assert addresses(client, "b.example") == {V4, V6}


# ---- several names


@in_run
def test_the_domains_searched_are_tried_in_turn(configured: Configure) -> None:
    configured(search=("x.", "y."))
    client, servers = scripted(known(("a.y.", "A", address("a.y.", V4))))
    assert addresses(client, "a") == {V4}
    assert sorted(servers.questions) == [
        ("a.x.", "A"),
        ("a.x.", "AAAA"),
        ("a.y.", "A"),
        ("a.y.", "AAAA"),
    ]


@pytest.mark.parametrize("strict", [False, True])
@in_run
def test_an_error_is_that_of_the_name_asked_for(strict: bool, configured: Configure) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestErrorForOriginalNameWhenSearching
    configured(search=("servfail.",))

    def script(question: Question) -> bytes:
        if question.name.endswith(".servfail."):
            return answer(question, rcode=SERVFAIL)
        return answer(question, rcode=NXDOMAIN)

    client, _ = scripted(script, strict=strict)
    for ask in (client.addresses, client.canonical_name):
        for name in ("a.domain", "a"):  # which is asked for before, or after, what is made of it
            error = failure(ask, name)
            assert error.name == name
            if strict:
                assert (error.reason, error.is_temporary) == ("server misbehaving", True)
            else:
                assert (error.reason, error.is_not_found) == ("no such host", True)


TIMEOUT = DeadlineExceeded("read", "udp")
ON_FIRE = OpError("write", reason="socket on fire")
STRICT: list[tuple[str, dict[tuple[str, str], Exception | int], str | None, set[str]]] = [
    # Which questions fail and how, the error if strict, the addresses found otherwise.
    ("no errors", {}, None, {V4, V6}),
    ("x", {("x", "A"): TIMEOUT, ("x", "AAAA"): TIMEOUT}, "i/o timeout", {V4, V6}),
    ("x for IPv4", {("x", "A"): TIMEOUT}, "i/o timeout", {V4, V6}),
    ("x for IPv6", {("x", "AAAA"): SERVFAIL}, "server misbehaving", {V4, V6}),
    ("y", {("y", "A"): TIMEOUT, ("y", "AAAA"): TIMEOUT}, "i/o timeout", set()),
    ("y for IPv4", {("y", "A"): ON_FIRE}, "write: socket on fire", {V6}),
    ("y for IPv6", {("y", "AAAA"): TIMEOUT}, "i/o timeout", {V4}),
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("_what", "failing", "reason", "found"), STRICT)
@in_run
def test_a_part_that_fails_for_now_is_the_failure_of_all_only_if_strict(
    _what: str,
    failing: dict[tuple[str, str], Exception | int],
    reason: str | None,
    found: set[str],
    strict: bool,
    configured: Configure,
) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestStrictErrorsLookupIP
    configured(search=("x.example.", "y.example."))

    def script(question: Question) -> Reaction:
        failed = failing.get((question.name.split(".")[1], question.kind))
        if isinstance(failed, Exception):
            return failed
        if failed is not None:
            return answer(question, rcode=failed)
        if question.name == "name.y.example.":
            return both(question)
        return answer(question, rcode=NXDOMAIN)

    client, servers = scripted(script, strict=strict)
    if strict and reason:
        error = failure(client.addresses, "name")
        assert (error.reason, error.name, error.server) == (reason, "name", SERVER)
        assert error.is_temporary
        assert error.is_timeout == (reason == "i/o timeout")
    elif found:
        assert addresses(client, "name") == found
    else:
        error = failure(client.addresses, "name")
        assert (error.reason, error.name, error.is_not_found) == ("no such host", "name", True)
    assert servers.open == 0


@pytest.mark.parametrize("strict", [False, True])
@in_run
def test_texts_are_looked_for_under_other_names_unless_strict(
    strict: bool, configured: Configure
) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestStrictErrorsLookupTXT
    configured(search=("x.example.", "y.example."))

    def script(question: Question) -> Reaction:
        if question.name == "name.x.example.":
            return TIMEOUT
        return answer(question, txt(question.name, question.name.encode()))

    client, _ = scripted(script, strict=strict)
    if strict:
        assert failure(client.texts, "name").is_timeout
    else:
        assert client.texts("name") == ("name.y.example.",)


# ---- several servers


def by_server(**reactions: Any) -> Script:
    """Return a script by the last number of the server's address; "n53" for 192.0.2.53."""

    def script(question: Question) -> Reaction:
        number = question.server.split(":")[0].split(".")[-1]
        reaction: Any = reactions[f"n{number}"]
        result: Reaction = reaction(question) if callable(reaction) else reaction
        return result

    return script


def lame(question: Question) -> bytes:
    return answer(question, flags=0)


def code(rcode: int) -> Script:
    return lambda question: answer(question, rcode=rcode)


@pytest.mark.parametrize(
    ("bad", "reason", "timeout", "temporary"),
    [
        (lame, "lame referral", False, False),
        (code(SERVFAIL), "server misbehaving", False, True),
        (code(REFUSED), "server misbehaving", False, False),
        (lambda q: answer(q, extra=[edns(1)]), "server misbehaving", False, False),
        (lambda q: both(q)[:-1], "cannot unmarshal DNS message", False, False),
        (None, "i/o timeout", True, True),
        (b"forged", "i/o timeout", True, True),
        (
            OpError("read", "udp", errno=errno.ECONNREFUSED),
            "read udp: connection refused",
            False,
            True,
        ),
    ],
)
@in_run
def test_when_a_server_has_no_answer_the_next_one_is_asked(
    bad: Any, reason: str, timeout: bool, temporary: bool, configured: Configure
) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestIgnoreLameReferrals, TestRetryTimeout
    configured(servers=(SERVER, OTHER), attempts=2)
    client, servers = scripted(by_server(n53=bad, n54=both))
    assert addresses(client, "a.example", ("A",)) == {V4}
    assert servers.servers == [SERVER, OTHER]
    client, servers = scripted(by_server(n53=bad, n54=bad))
    error = failure(client.addresses, "a.example", ("A",))
    assert servers.servers == [SERVER, OTHER] * 2
    assert servers.open == 0
    assert str(error) == f"lookup a.example on {OTHER}: {reason}"
    assert (error.is_timeout, error.is_temporary) == (timeout, temporary)
    assert not error.is_not_found


@pytest.mark.parametrize(
    "final",
    [
        refused,
        lambda question: answer(question, flags=dns_server.AA),
        lambda question: answer(question, flags=0, extra=[edns()]),
        lambda question: answer(question, target(question.name, "NS", "ns.example."), flags=0),
    ],
)
@in_run
def test_a_server_that_knows_of_nothing_is_believed(final: Script, configured: Configure) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestNoSuchHost, TestIgnoreLameReferrals
    configured(servers=(SERVER, OTHER))
    client, servers = scripted(by_server(n53=final, n54=both))
    error = failure(client.addresses, "a.example", ("A",))
    assert (error.reason, error.is_not_found, error.server) == ("no such host", True, SERVER)
    assert servers.servers == [SERVER]


@in_run
def test_each_attempt_has_a_time_of_its_own(configured: Configure) -> None:
    configured(servers=(SERVER, OTHER), timeout=3.0, attempts=2)
    client, servers = scripted(lambda _: None)
    failure(client.texts, "a.example")
    deadlines = [question.deadline for question in servers.asked]
    assert len(set(deadlines)) == 4
    assert deadlines == sorted(deadlines)


@pytest.mark.parametrize("rotate", [False, True])
@in_run
def test_servers_take_turns_if_told_to(rotate: bool, configured: Configure) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestRotate
    configured(servers=(SERVER, OTHER), rotate=rotate)
    client, servers = scripted(lambda question: answer(question, txt(question.name, b"ok")))
    for _ in range(3):
        assert client.texts("a.example") == ("ok",)
    assert servers.servers == ([SERVER, OTHER, SERVER] if rotate else [SERVER] * 3)


@in_run
def test_servers_of_ones_own_are_asked_instead(configured: Configure) -> None:
    configured(rotate=True)
    servers = Scripted(both)
    client = Client(servers.dial, (OTHER, "192.0.2.55:5353"))
    for _ in range(3):
        client.addresses("a.example", ("A",))
    assert servers.servers == [OTHER, "192.0.2.55:5353", OTHER]


@in_run
def test_the_configuration_says_how_to_ask(configured: Configure) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestDNSUseTCP, TestDNSTrustAD
    configured(use_tcp=True, trust_ad=True)
    client, servers = scripted(both)
    assert addresses(client, "a.example", ("A",)) == {V4}
    (question,) = servers.asked
    assert question.network == "tcp"
    assert question.flags & dns_server.AD
