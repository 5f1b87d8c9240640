"""gevent: a greenlet for each name. The environment says which resolver: threads or c-ares."""

import sys

import gevent
from gevent import socket

from benchmarks.lookups import name_of, verify
from benchmarks.tasks.measured import measure

NAMES = int(sys.argv[1])


def look_up(number: int, found: dict[int, set[str]]) -> None:
    """Look one name up."""
    answers = socket.getaddrinfo(name_of(number), None, type=socket.SOCK_STREAM)
    found[number] = {sockaddr[0] for *_, sockaddr in answers}


def look_up_all(names: int) -> None:
    """Look them all up at once."""
    found: dict[int, set[str]] = {}
    greenlets = [gevent.spawn(look_up, number, found) for number in range(names)]
    gevent.joinall(greenlets, raise_error=True)
    verify(found, names)


measure(look_up_all, NAMES)
