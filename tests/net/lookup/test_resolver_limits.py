"""Lookups that are limited, cancelled, or the same as others under way."""

import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from netpoll import (
    DeadlineExceeded,
    GoroutineCancelled,
    go,
    gosched,
    net,
)
from netpoll.net import Resolver
from tests.net.dns_server import Scripted, address, known
from tests.net.lookup.clients import V4, V6
from tests.net.lookup.resolvers import KNOWN, SOON, by_dns, by_system, must_not_be_asked
from tests.running import in_run, parked

pytestmark = pytest.mark.usefixtures("one_server")


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
