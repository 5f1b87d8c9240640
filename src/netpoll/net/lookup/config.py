"""How to ask DNS, from /etc/resolv.conf: which servers, how often, and under which domains.

Source: go1.27 net/dnsconfig_unix.go; resolv.conf(5)
"""

import math
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from netpoll.errors import DNSError
from netpoll.net import ip
from netpoll.net.addr import UDPAddr
from netpoll.net.hostport import join_host_port
from netpoll.net.lookup.domain import is_private, queried
from netpoll.net.lookup.reread import RECHECK, Reread

PATH = "/etc/resolv.conf"
PORT = 53
DEFAULT_SERVERS = ("127.0.0.1:53", "[::1]:53")

_MAX_SERVERS = 3
_MAX_NDOTS = 15
_MAX_NUMBER = 0xFF_FFFF
_MAX_QUERIED = 254  # bytes of a name as text, with the dot at the end


@dataclass(frozen=True, slots=True)
class Config:
    """What resolv.conf says; the defaults are those of a file that says nothing.

    servers: "ip:port" of each. search: domains with the dot at the end. timeout: in seconds, for
    one question to one server. turns: with rotate, which server comes first.
    """

    servers: tuple[str, ...] = DEFAULT_SERVERS
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout: float = 5.0
    attempts: int = 2
    rotate: bool = False
    single_request: bool = False
    use_tcp: bool = False
    trust_ad: bool = False
    no_reload: bool = False
    turns: Iterator[int] = field(default_factory=count, compare=False, repr=False)

    def in_turn(self, servers: tuple[str, ...]) -> tuple[str, ...]:
        """Return the servers in the order in which to ask them now."""
        first = next(self.turns) % len(servers) if self.rotate else 0
        return servers[first:] + servers[:first]

    def candidates(self, name: str) -> list[str]:
        """Return the absolute names that a name may stand for, in the order in which to ask.

        None that no server may see. Source: go1.27 net/dnsclient_unix.go (*dnsConfig).nameList
        """
        if name.endswith("."):
            names = [name]
        else:
            names = [f"{name}.{suffix}" for suffix in self.search]
            names.insert(0 if name.count(".") >= self.ndots else len(names), f"{name}.")
        return [full for full in names if len(full) <= _MAX_QUERIED and not is_private(full)]


def parse(content: bytes) -> Config:
    """Return what the text of a resolv.conf says; what it does not understand it passes over."""
    servers: list[str] = []
    found: dict[str, object] = {}
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith((";", "#")):
            continue
        match line.split():
            case ["nameserver", server, *_]:
                servers += _server(server)
            case ["domain", domain, *_]:
                found["search"] = _rooted(domain)
            case ["search", *domains]:
                found["search"] = _rooted(*domains)
            case ["options", *options]:
                for option in options:
                    found.update(_option(option))
    found["search"] = found.get("search") or _default_search()
    found["servers"] = tuple(servers[:_MAX_SERVERS]) or DEFAULT_SERVERS
    return Config(**found)  # type: ignore[arg-type] # each value is of its field's type


def server_addresses(texts: Sequence[str]) -> tuple[str, ...]:
    """Return "ip:port" of name servers given like that or as "ip".

    Raises ValueError, of which AddrError is one: there is none, or one is no such address.
    """
    if isinstance(texts, str) or not texts:
        raise ValueError(f"servers are a sequence of addresses, not {texts!r}")
    return tuple(server_address(text) or str(UDPAddr.parse(text)) for text in texts)


def server_address(text: str) -> str | None:
    """Return "ip:port" for the IP address of a name server, None if it is none."""
    address, zone = ip.split_zone(text)
    canonical = ip.canonical(address)
    if canonical is None or (zone and ip.family(canonical) == socket.AF_INET):
        return None
    return join_host_port(f"{canonical}%{zone}" if zone else canonical, PORT)


def _server(text: str) -> list[str]:
    address = server_address(text)
    return [] if address is None else [address]


def _rooted(*domains: str) -> tuple[str, ...]:
    return tuple(rooted for domain in domains for rooted in _suffix(domain.removesuffix(".")))


def _suffix(domain: str) -> list[str]:
    """Return a domain as it is searched, nothing if no name can end with it."""
    if not domain:
        return []
    try:
        # Digits alone are no name, but may well be the end of one.
        return [queried(f"a.{domain}.").removeprefix("a.")]
    except DNSError:
        return []


def _default_search() -> tuple[str, ...]:
    """Return the domain of this machine's own name."""
    try:
        _, _, domain = socket.gethostname().partition(".")
    except OSError:
        return ()
    return _rooted(domain) if domain else ()


_FLAGS = {
    "rotate": "rotate",
    "single-request": "single_request",
    "single-request-reopen": "single_request",
    "use-vc": "use_tcp",
    "usevc": "use_tcp",  # FreeBSD's word
    "tcp": "use_tcp",  # OpenBSD's
    "trust-ad": "trust_ad",
    "no-reload": "no_reload",
}

_NUMBERS: dict[str, Callable[[int], object]] = {
    "ndots": lambda number: min(number, _MAX_NDOTS),
    "timeout": lambda seconds: float(max(seconds, 1)),
    "attempts": lambda number: max(number, 1),
}


def _option(text: str) -> dict[str, object]:
    """Return the field that an option sets, and to what."""
    if text in _FLAGS:
        return {_FLAGS[text]: True}
    name, colon, number = text.partition(":")
    if colon and name in _NUMBERS:
        return {name: _NUMBERS[name](_number(number))}
    return {}


def _number(text: str) -> int:
    """Return the number that a text begins with, 0 if with none."""
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    # The length first: int() refuses thousands of digits with an error of its own.
    if len(digits.lstrip("0")) > len(str(_MAX_NUMBER)):
        return _MAX_NUMBER
    return min(int(digits or "0"), _MAX_NUMBER)


def _keeps(config: Config) -> float:
    if config.no_reload:
        return math.inf
    # A machine that is still being set up may get its servers at any moment.
    return 0.0 if config.servers is DEFAULT_SERVERS else RECHECK


system: Reread[Config] = Reread(PATH, parse, _keeps)
