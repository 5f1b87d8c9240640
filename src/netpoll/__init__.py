"""Go's network poller for Python: plain blocking code, a goroutine per connection.

    from netpoll import go, net, run

    def handle(conn):
        with conn:
            while data := conn.read(4096):  # parks this goroutine, never the thread
                conn.write(data)

    def main():
        with net.listen("tcp", ":8888") as listener:
            for conn in listener:
                go(handle, conn)

    run(main)

Goroutines: run, go, Goroutine, current, sleep, gosched, excepthook, dump, watch.
Together: Chan, select, after, tick; sync, for locks; Group, race, map_concurrent, as_completed.
Limits: timeout, deadline, shield, cancel_scope; context, for what crosses goroutines.
Networks: net, above all net.listen and net.dial, which return a TCPListener and a TCPConn.
Streams: bufio, for lines and frames with limits.
Next door: blocking, BlockingPool and from_thread for threads, aio for asyncio, process, signals.
Servers: serve_until_signal. Tests: testing.
Errors: OSErrors, with the kinds listed below. lowlevel: for those who build on the runtime.
"""

__version__ = "0.1.0"

import importlib
import typing

from netpoll import lowlevel, net
from netpoll._runtime.dumping import dump
from netpoll._runtime.goroutine import Goroutine, current, go, gosched, sleep
from netpoll._runtime.lifecycle import run
from netpoll._runtime.report import excepthook
from netpoll._runtime.scope import CancelScope, cancel_scope, deadline, shield, timeout
from netpoll._runtime.threads import blocking
from netpoll.errors import (
    AddrError,
    Cancelled,
    ChannelClosed,
    ClosedError,
    DeadlineExceeded,
    DeadlockError,
    DNSError,
    DNSTimeoutError,
    GoroutineCancelled,
    IncompleteReadError,
    LimitExceededError,
    OpError,
    ScopeTimeout,
    UnknownNetworkError,
)
from netpoll.sync.after import after, tick
from netpoll.sync.chan import Chan
from netpoll.sync.select import select

if typing.TYPE_CHECKING:
    from netpoll import aio, bufio, context, from_thread, process, signals, sync
    from netpoll._runtime.threads import BlockingPool
    from netpoll._runtime.watching import watch
    from netpoll.net.file import File
    from netpoll.net.file_kinds import open_fd
    from netpoll.serving import serve_until_signal
    from netpoll.sync.completed import as_completed
    from netpoll.sync.concurrent import map_concurrent, race
    from netpoll.sync.group import Group

# What not every program needs is imported when it is asked for.
_LATER = {
    "BlockingPool": "_runtime.threads",
    "File": "net.file",
    "Group": "sync.group",
    "as_completed": "sync.completed",
    "map_concurrent": "sync.concurrent",
    "open_fd": "net.file_kinds",
    "race": "sync.concurrent",
    "serve_until_signal": "serving",
    "watch": "_runtime.watching",
}
_LATER_MODULES = frozenset(
    {"aio", "bufio", "context", "from_thread", "process", "signals", "sync", "testing"}
)

__all__ = [
    "AddrError",
    "BlockingPool",
    "CancelScope",
    "Cancelled",
    "Chan",
    "ChannelClosed",
    "ClosedError",
    "DNSError",
    "DNSTimeoutError",
    "DeadlineExceeded",
    "DeadlockError",
    "File",
    "Goroutine",
    "GoroutineCancelled",
    "Group",
    "IncompleteReadError",
    "LimitExceededError",
    "OpError",
    "ScopeTimeout",
    "UnknownNetworkError",
    "after",
    "aio",
    "as_completed",
    "blocking",
    "bufio",
    "cancel_scope",
    "context",
    "current",
    "deadline",
    "dump",
    "excepthook",
    "from_thread",
    "go",
    "gosched",
    "lowlevel",
    "map_concurrent",
    "net",
    "open_fd",
    "process",
    "race",
    "run",
    "select",
    "serve_until_signal",
    "shield",
    "signals",
    "sleep",
    "sync",
    "tick",
    "timeout",
    "watch",
]


def __getattr__(name: str) -> object:
    if name in _LATER_MODULES:
        return importlib.import_module(f"netpoll.{name}")
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"netpoll.{_LATER[name]}"), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
