"""The names and addresses that /etc/hosts knows.

Source: go1.27 net/hosts.go; hosts(5)
"""

from dataclasses import dataclass, field
from socket import AF_INET

from netpoll.net import ip
from netpoll.net.lookup.domain import absolute
from netpoll.net.lookup.reread import RECHECK, Reread

PATH = "/etc/hosts"


@dataclass(frozen=True, slots=True)
class Hosts:
    """What the file says.

    by_name: addresses and canonical name of each name in small letters. by_address: names of each.
    """

    by_name: dict[str, tuple[list[str], str]] = field(default_factory=dict)
    by_address: dict[str, list[str]] = field(default_factory=dict)

    def addresses(self, name: str) -> tuple[list[str], str]:
        """Return the addresses of a name, with their zones, and its canonical name, or nothing."""
        addresses, canonical = self.by_name.get(_key(name), ([], ""))
        return addresses.copy(), canonical

    def names(self, address: str) -> list[str]:
        """Return the names of an IP address, those with a dot in them absolute."""
        literal = _literal(address)
        return [] if literal is None else self.by_address.get(literal, []).copy()


def parse(content: bytes) -> Hosts:
    """Return what the text of such a file says; what it does not understand it passes over."""
    hosts = Hosts()
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        match line.partition("#")[0].split():
            case [first, *names] if names and (address := _literal(first)) is not None:
                _add(hosts, address, names)
    return hosts


def _add(hosts: Hosts, address: str, names: list[str]) -> None:
    canonical = _key(names[0])
    for name in names:
        hosts.by_address.setdefault(address, []).append(absolute(name))
        hosts.by_name.setdefault(_key(name), ([], canonical))[0].append(address)


def _key(name: str) -> str:
    return absolute(name.lower())


def _literal(text: str) -> str | None:
    """Return the one spelling of an IP address, with its zone, None if it is none."""
    address, zone = ip.split_zone(text)
    canonical = ip.canonical(address)
    if canonical is None or not zone:
        return canonical
    return None if ip.family(canonical) == AF_INET else f"{canonical}%{zone}"


def _keeps(hosts: Hosts) -> float:
    return RECHECK if hosts.by_name else 0.0


system: Reread[Hosts] = Reread(PATH, parse, _keeps)
