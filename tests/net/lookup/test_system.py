"""What the system is asked, on which threads, and what its errors mean."""

import socket
import threading
from typing import Any

import pytest

from netpoll import DNSError, blocking, go, net
from netpoll.net.lookup import system
from netpoll.net.resolver import Resolver
from tests.running import in_run, parked


def raising(code: int, text: str = "Name server asleep") -> system.GetAddrInfo:
    def answer(*_: Any) -> list[Any]:
        raise socket.gaierror(code, text)

    return answer


@pytest.mark.parametrize(
    ("code", "text", "not_found", "again"),
    [
        (socket.EAI_NONAME, "no such host", True, False),
        (socket.EAI_NODATA, "no such host", True, False),
        (socket.EAI_AGAIN, "name server asleep", False, True),
        (socket.EAI_FAIL, "name server asleep", False, False),
    ],
)
def test_the_systems_error_says_what_is_wrong(
    code: int, text: str, not_found: bool, again: bool
) -> None:
    error = system.dns_error("a.example", socket.gaierror(code, "Name server asleep"))
    assert str(error) == f"lookup a.example: {text}"
    assert (error.is_not_found, error.is_timeout, error.is_temporary) == (not_found, again, again)


@in_run
def test_addresses_come_each_once_with_their_zones() -> None:
    name, index = next(iter((name, index) for index, name in socket.if_nameindex()))

    def answer(*question: Any) -> list[Any]:
        assert question == (b"a.example", None, socket.AF_UNSPEC, socket.SOCK_DGRAM)
        six = (socket.AF_INET6, 1, 6, "")
        four = (socket.AF_INET, 1, 6, "", ("192.0.2.1", 0))
        return [(*six, ("fe80::1", 0, 0, index)), four, four, (*six, ("::1", 0, 0, 0))]

    found = system.addresses(answer, "a.example", socket.AF_UNSPEC, socket.SOCK_DGRAM)
    assert found == (("fe80::1", name), ("192.0.2.1", ""), ("::1", ""))


@pytest.mark.parametrize(
    ("canonical", "name"), [("b.example", "b.example."), ("b.", "b."), ("", "a.example.")]
)
@in_run
def test_the_canonical_name_is_asked_for(canonical: str, name: str) -> None:
    def answer(*question: Any) -> list[Any]:
        assert question[-1] == socket.AI_CANONNAME
        return [(socket.AF_INET, 1, 6, canonical, ("192.0.2.1", 0))]

    assert system.canonical_name(answer, "a.example") == name


@pytest.mark.parametrize(
    ("service", "kind", "number"),
    [
        # Source: go1.27 net/lookup_test.go TestLookupPort_Minimal
        ("https", socket.SOCK_STREAM, 443),
        ("domain", socket.SOCK_DGRAM, 53),
        ("http", 0, 80),
        ("http", socket.SOCK_DGRAM, None),
        ("nosuch", socket.SOCK_STREAM, None),
    ],
)
@in_run
def test_a_machine_without_a_list_of_services_knows_the_main_ones(
    service: str, kind: int, number: int | None
) -> None:
    assert system.port(raising(socket.EAI_SERVICE), service, kind) == number


@in_run
def test_names_are_asked_for_by_address() -> None:
    with pytest.raises(DNSError, match=r"^lookup 127\.1: unrecognized address$"):
        system.names("127.1")
    with pytest.raises(DNSError, match=r"^lookup 192\.0\.2\.9: "):
        system.names("192.0.2.9")


@in_run
def test_a_name_that_has_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(sockaddr: object, flags: int) -> tuple[str, str]:
        asked.append((sockaddr, flags))
        return "a.example", "0"

    monkeypatch.setattr(socket, "getnameinfo", answer)
    assert system.names("fe80::1%lo") == ("a.example.",)
    assert asked == [(("fe80::1%lo", 0), socket.NI_NAMEREQD)]


@pytest.mark.parametrize("bad", ["<html>.example", "a b", "127.0.0.1", "::1"])
@in_run
def test_a_name_from_the_system_that_is_none_is_refused(
    bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, bad, ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getnameinfo", lambda *_: (bad, "0"))
    with pytest.raises(DNSError, match=r"^lookup a\.example: .* invalid names$"):
        system.canonical_name(answer, "a.example")
    with pytest.raises(DNSError, match=r"^lookup 192\.0\.2\.1: .* invalid names$"):
        system.names("192.0.2.1")


@in_run
def test_lookups_that_hang_hold_up_no_other_work() -> None:
    end = threading.Event()

    def hangs(*_: Any) -> list[Any]:
        end.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]

    def ask(number: int) -> object:
        return system.addresses(hangs, f"name{number}.example", 0, socket.SOCK_STREAM)

    asking = [parked(go(ask, number)) for number in range(257)]
    try:
        assert blocking(lambda: "done") == "done"
        assert not any(one.done for one in asking)
    finally:
        end.set()
    for one in asking:
        assert one.join(10) == (("192.0.2.1", ""),)


# ---- a getaddrinfo of one's own

ODD = [None, 7, [None], [()], [(1, 2, 3, "", ())], [(1, 2, 3, "", (7, 0))], [(1, 2, 3, "", 4)]]
LOOKUPS = ("lookup_host", "lookup_ip", "lookup_cname")


@pytest.mark.parametrize("lookup", LOOKUPS)
@pytest.mark.parametrize("returned", ODD)
@in_run
def test_what_no_getaddrinfo_returns_is_an_error_of_the_name(lookup: str, returned: object) -> None:
    own = Resolver(lambda *_: returned)  # type: ignore[arg-type]
    if lookup == "lookup_cname" and isinstance(returned, list) and returned[0] and returned[0][0]:
        assert own.lookup_cname("a.example") == "a.example."  # it asks for no address
        return
    with pytest.raises(DNSError, match=r"^lookup a\.example: getaddrinfo returned no such list"):
        getattr(own, lookup)("a.example")


@pytest.mark.parametrize("lookup", LOOKUPS[:2])
@in_run
def test_no_address_at_all_is_no_such_host(lookup: str) -> None:
    with pytest.raises(DNSError, match=r"^lookup a\.example: no such host$") as caught:
        getattr(Resolver(lambda *_: []), lookup)("a.example")
    assert caught.value.is_not_found
    with pytest.raises(DNSError, match="no such host"):
        net.dial("tcp", "a.example:80", resolver=Resolver(lambda *_: []))


@in_run
def test_no_port_at_all_is_an_error_of_the_service() -> None:
    with pytest.raises(DNSError, match="lookup unheard-of: getaddrinfo returned no such list"):
        Resolver(lambda *_: []).lookup_port("tcp", "unheard-of")


class Unhashable:
    """A getaddrinfo that cannot be a key."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *_: object) -> list[Any]:
        self.calls += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]


@in_run
def test_a_getaddrinfo_need_not_be_hashable() -> None:
    one, other = Resolver(Unhashable()), Resolver(Unhashable())
    asking = [go(own.lookup_host, "a.example") for own in (one, one, other)]
    assert [asked.join(5) for asked in asking] == [["192.0.2.1"]] * 3
    calls = [own.getaddrinfo.calls for own in (one, other)]  # type: ignore[attr-defined]
    assert calls == [1, 1]  # one's own look-ups are shared, another's are not
