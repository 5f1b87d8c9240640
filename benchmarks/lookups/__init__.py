"""Programs that look up many names at once, each another one, and check the addresses.

Each takes the number of names, looks up a tenth of them as a warm-up and then all to be measured,
and prints a line of JSON; see ../tasks/measured.py. The name server is ../native/dns_server.c, at
the usual place: see inside.py.
"""

import sys

from benchmarks.bench import Programs
from benchmarks.contenders import Command, Contender, in_go


def _in_python(*arguments: str) -> Command:
    def command(_programs: Programs) -> list[str]:
        return [sys.executable, "-m", *arguments]

    return command


def _with_gevent(resolver: str, label: str, name: str) -> Contender:
    command = _in_python("benchmarks.lookups.gevent_lookups")
    environment = (("GEVENT_RESOLVER", resolver),)
    return Contender(name, label, command, "gevent", "gevent", environment=environment)


_NETPOLL = _in_python("benchmarks.lookups.netpoll_lookups")

SYSTEM = Contender(
    "netpoll", "netpoll, the system's way", _NETPOLL, "netpoll", "netpoll", last=("system",)
)
DNS = Contender("netpoll-dns", "netpoll, prefer_dns", _NETPOLL, "dns", "dnspython", last=("dns",))
THREADS = _with_gevent("thread", "gevent, threads", "gevent")
ARES = _with_gevent("ares", "gevent, c-ares", "gevent-ares")
GO = in_go("go", "go_lookups", "Go's own resolver, GOMAXPROCS=1")

RESOLVERS = (SYSTEM, DNS, THREADS, ARES, GO)


def name_of(number: int) -> str:
    """Return the name with this number, which ends with a domain that exists nowhere else."""
    return f"h{number}.bench.test"


def addresses_of(number: int) -> set[str]:
    """Return the addresses of this name as text."""
    high, low = number >> 16, number & 0xFFFF
    last = f"{high:x}:{low:x}" if high else f"{low:x}"
    ipv6 = "fd00::" if number == 0 else f"fd00::{last}"
    return {f"10.{high}.{low >> 8}.{low & 0xFF}", ipv6}


def verify(found: dict[int, set[str]], names: int) -> None:
    """End the program unless each name was found and has the addresses that it should have."""
    for number in range(names):
        if found.get(number) != addresses_of(number):
            sys.exit(f"{name_of(number)} was found at {found.get(number, 'no address')}")
