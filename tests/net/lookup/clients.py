"""Clients of servers that a test plays."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from netpoll import DNSError
from netpoll.net.lookup import hosts
from netpoll.net.lookup.client import Client
from tests.net.dns_server import (
    NXDOMAIN,
    Question,
    Script,
    Scripted,
    address,
    answer,
)

V4, V6 = "192.0.2.1", "2001:db8::1"
SERVER = "192.0.2.53:53"
OTHER = "192.0.2.54:53"


class Fixed:
    """What a file of the system says, in a test."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value


Configure = Callable[..., None]


def knows(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(hosts, "system", Fixed(hosts.parse(content)))


def scripted(script: Script, *, strict: bool = False) -> tuple[Client, Scripted]:
    servers = Scripted(script)
    return Client(servers.dial, None, strict), servers


def both(question: Question) -> bytes:
    """Answer with an address of the family asked for."""
    return answer(question, address(question.name, V4 if question.kind == "A" else V6))


def refused(question: Question) -> bytes:
    return answer(question, rcode=NXDOMAIN)


def addresses(client: Client, name: str, kinds: Sequence[str] = ("A", "AAAA")) -> set[str]:
    return {host for host, _ in client.addresses(name, tuple(kinds))}


def failure(fn: Callable[..., object], *args: object) -> DNSError:
    with pytest.raises(DNSError) as caught:
        fn(*args)
    return caught.value
