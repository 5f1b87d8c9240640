"""Resolvers that ask what a test plays."""

import socket
from typing import Any

from netpoll.net import Resolver
from tests.net.dns_server import Scripted, address, known, mx, srv, target, txt
from tests.net.lookup.clients import V4, V6

SOON = 0.02

KNOWN = known(
    ("a.example.", "A", address("a.example.", V4)),
    ("a.example.", "AAAA", address("a.example.", V6)),
    ("a.example.", "MX", mx("a.example.", 1, "m.example.")),
    ("a.example.", "NS", target("a.example.", "NS", "n.example.")),
    ("a.example.", "TXT", txt("a.example.", b"text")),
    ("_x._tcp.a.example.", "SRV", srv("_x._tcp.a.example.", 1, 2, 3, "t.example.")),
    ("1.2.0.192.in-addr.arpa.", "PTR", target("1.2.0.192.in-addr.arpa.", "PTR", "a.example.")),
)


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
