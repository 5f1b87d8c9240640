"""What a dial is to connect to, and from where: addresses made ready for the kernel."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from socket import AF_UNSPEC

from netpoll.errors import AddrError
from netpoll.net import ip
from netpoll.net.addr import InternetAddr, encode

_RETRIES = 2  # after the kernel chose a local port that will not do


@dataclass(frozen=True, slots=True)
class Target:
    """What to connect to, and from where if that matters, as addresses and in raw form.

    retries: how often another socket may be tried because of the local port that the kernel chose.
    """

    addr: InternetAddr
    raw: bytes
    local: InternetAddr | None
    source: bytes | None
    retries: int


def targets(family: int, local: InternetAddr | None, addrs: Sequence[InternetAddr]) -> list[Target]:
    """Return what to connect to, without what the local address cannot reach.

    Raises AddrError: nothing is left.
    """
    usable = [addr for addr in addrs if local is None or _reaches(family, local, addr)]
    if not usable:
        raise AddrError("no suitable address found", str(local))
    return [_target(local, addr) for addr in usable]


def interleaved(several: Sequence[Target]) -> list[Target]:
    """Return the targets with the families by turns, the first one's family first.

    Each family keeps its order: one of them that is out of order costs a single delay then.
    Source: RFC 8305 section 4
    """
    first = several[0].addr.family
    same = [target for target in several if target.addr.family == first]
    other = [target for target in several if target.addr.family != first]
    by_turns = chain.from_iterable(zip_longest(same, other))
    return [target for target in by_turns if target is not None]


def _reaches(family: int, local: InternetAddr, remote: InternetAddr) -> bool:
    # On a network of both families a wildcard stands for that of the other one as well.
    return local.family == remote.family or (family == AF_UNSPEC and local.is_wildcard)


def _target(local: InternetAddr | None, remote: InternetAddr) -> Target:
    kind = type(remote)
    if remote.is_wildcard:
        remote = kind(ip.LOOPBACK[remote.family], remote.port)
    if local is not None and local.is_wildcard:
        local = kind(ip.ANY[remote.family], local.port) if local.port else None
    return Target(
        addr=remote,
        raw=encode(remote),
        local=local,
        source=None if local is None else encode(local),
        retries=0 if local is not None and local.port else _RETRIES,
    )
