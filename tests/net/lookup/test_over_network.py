"""Look-ups through the kernel: servers that answer, that do not, that are not there."""

import os
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest

from netpoll import (
    DeadlineExceeded,
    DNSError,
    GoroutineCancelled,
    go,
    gosched,
    net,
    sleep,
)
from netpoll.net import Resolver
from netpoll.net.lookup import config, hosts
from netpoll.net.lookup.config import Config
from tests.net.dns_server import RA, TC, Question, Script, address, answer, hosts_below, served, txt
from tests.net.lookup.clients import V4, Fixed
from tests.running import in_run, open_descriptors
from tests.tcp import HOST

Asking = Callable[..., Resolver]


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Asking:
    """Return what makes a resolver that asks these servers, with what resolv.conf may say."""
    monkeypatch.setattr(hosts, "system", Fixed(hosts.Hosts()))

    def resolver(*servers: str, **said: Any) -> Resolver:
        monkeypatch.setattr(config, "system", Fixed(Config(servers, **said)))
        return Resolver(prefer_dns=True)

    return resolver


def good(question: Question) -> bytes:
    return answer(question, address(question.name, V4 if question.kind == "A" else "2001:db8::1"))


def nobody() -> str:
    """Return an address where nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        return "{}:{}".format(*taken.getsockname())


@in_run
def test_a_server_is_asked_by_datagram(asking: Asking) -> None:
    asked: list[Question] = []

    def script(question: Question) -> bytes:
        asked.append(question)
        return good(question)

    with served(script) as server:
        assert sorted(asking(server).lookup_host("a.example")) == [V4, "2001:db8::1"]
    assert sorted((one.network, one.kind) for one in asked) == [("udp", "A"), ("udp", "AAAA")]
    assert asked[0].id != asked[1].id or asked[0].kind != asked[1].kind


@in_run
def test_a_long_answer_comes_by_tcp(asking: Asking) -> None:
    text = b"x" * 250

    def script(question: Question) -> bytes:
        if question.network == "udp":
            return answer(question, flags=RA | TC)
        return answer(question, *(txt(question.name, text) for _ in range(200)))

    with served(script) as server:
        assert asking(server).lookup_txt("a.example") == [text.decode()] * 200


@in_run
def test_forged_datagrams_are_passed_over(asking: Asking) -> None:
    def script(question: Question) -> list[bytes]:
        forged = good(question._replace(id=question.id ^ 1))
        return [b"", b"junk", forged, question.data, good(question)]

    with served(script) as server:
        assert asking(server).lookup_ip("a.example", "ip4", timeout=5)


@in_run
def test_a_server_that_is_not_there_is_passed_over_at_once(asking: Asking) -> None:
    with served(good) as server:
        own = asking(nobody(), server, timeout=60.0)
        assert own.lookup_ip("a.example", "ip4", timeout=10)
    begin = monotonic()
    with pytest.raises(DNSError, match=r"connection refused$") as caught:
        asking(nobody(), timeout=60.0).lookup_host("a.example", timeout=30)
    assert caught.value.is_temporary
    assert monotonic() - begin < 10


@in_run
def test_a_server_that_is_silent_is_passed_over_after_its_time(asking: Asking) -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestRetryTimeout; net/lookup_test.go TestDNSTimeout
    with served(lambda _: None) as silent, served(good) as server:
        begin = monotonic()
        own = asking(silent, server, timeout=0.05)
        assert own.lookup_ip("a.example", "ip4", timeout=10)
        assert monotonic() - begin >= 0.05
        own = asking(silent, timeout=0.03, attempts=2)
        begin = monotonic()
        with pytest.raises(DNSError, match=r"i/o timeout$") as caught:
            own.lookup_host("a.example", timeout=10)
        assert caught.value.is_timeout
        assert 0.06 <= monotonic() - begin < 5


@in_run
def test_many_lookups_at_once_are_answered_or_end_in_time(asking: Asking) -> None:
    # Source: go1.27 net/lookup_test.go TestDNSFlood
    def script(question: Question) -> bytes | None:
        number = int(question.name.split(".")[0].removeprefix("name"))
        return None if number % 2 else good(question)

    with served(script) as server:
        own = asking(server, timeout=0.5, attempts=1)

        def ask(number: int) -> bool:
            try:
                return bool(own.lookup_ip(f"name{number}.example", "ip4", timeout=5))
            except (DNSError, DeadlineExceeded):
                return False

        found = [go(ask, number) for number in range(200)]
        results = [one.join(20) for one in found]
        # What the kernel drops for want of room is asked for once only here.
        assert not any(results[1::2])
        assert sum(results[0::2]) >= 50
        assert own.lookup_ip("name0.example", "ip4", timeout=5)


def sockets() -> int:
    return sum("socket:" in what for what in open_descriptors().values())


@pytest.mark.parametrize("script", [lambda _: None, lambda q: [b"junk"] * 3 + [good(q)]])
@in_run
def test_cancelled_lookups_close_their_sockets(script: Script, asking: Asking) -> None:
    with served(script) as server:
        own = asking(server, timeout=5.0)
        before = sockets()
        for turns in range(30):
            looking = go(own.lookup_host, "a.example")
            for _ in range(turns % 10):
                gosched()
            if turns > 20:
                sleep(0.001)
            looking.cancel()
            with suppress(GoroutineCancelled):
                looking.join(5)
            for _ in range(3):
                gosched()
            assert sockets() == before


@in_run
def test_hundreds_of_lookups_at_once_are_all_answered(asking: Asking) -> None:
    with served(hosts_below("example.")) as server:
        own = asking(server, timeout=0.3, attempts=30)
        looking = [go(own.lookup_ip, f"h{number}.example", "ip4") for number in range(400)]
        for number, one in enumerate(looking):
            (found,) = one.join(50)
            assert str(found) == f"10.0.{number >> 8}.{number & 255}"


@in_run
def test_more_lookups_at_once_than_descriptors_are_all_answered(asking: Asking) -> None:
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with served(hosts_below("example.")) as server:
        own = asking(server, timeout=10.0, attempts=3)
        own.lookup_ip("h0.example", "ip4", timeout=10)  # the poller has its descriptors
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + 20, hard))
        try:
            looking = [go(own.lookup_ip, f"h{number}.example", "ip4") for number in range(100)]
            for number, one in enumerate(looking):
                assert [str(found) for found in one.join(40)] == [f"10.0.0.{number}"]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


@in_run
def test_a_dial_asks_dns_by_itself(asking: Asking) -> None:
    def script(question: Question) -> bytes:
        found = [address(question.name, "127.0.0.1")] if question.kind == "A" else []
        return answer(question, *found)

    with served(script) as server, net.listen("tcp", "127.0.0.1:0") as listener:
        port = listener.local_addr.port
        with net.dial("tcp", f"a.example:{port}", resolver=asking(server), timeout=10) as conn:
            assert conn.remote_addr == listener.local_addr
