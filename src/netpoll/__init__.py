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

Goroutines: run, go, Goroutine, current, sleep, gosched, blocking, excepthook.
Networks: net, above all net.listen and net.dial, which return a TCPListener and a TCPConn.
Streams: bufio, for lines and frames with limits.
Errors: OSErrors, with the kinds listed below. lowlevel: for those who build on the runtime.
"""

__version__ = "0.1.0"

import importlib
import typing

from netpoll import lowlevel, net
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
    from netpoll import bufio, sync, testing
    from netpoll.net.file import File
    from netpoll.net.file_kinds import open_fd

# What not every program needs is imported when it is asked for.
_LATER = {"File": "net.file", "open_fd": "net.file_kinds"}
_LATER_MODULES = frozenset({"bufio", "sync", "testing"})

__all__ = [
    "AddrError",
    "CancelScope",
    "Cancelled",
    "Chan",
    "ChannelClosed",
    "ClosedError",
    "DNSError",
    "DeadlineExceeded",
    "DeadlockError",
    "File",
    "Goroutine",
    "GoroutineCancelled",
    "IncompleteReadError",
    "LimitExceededError",
    "OpError",
    "ScopeTimeout",
    "UnknownNetworkError",
    "after",
    "blocking",
    "bufio",
    "cancel_scope",
    "current",
    "deadline",
    "excepthook",
    "go",
    "gosched",
    "lowlevel",
    "net",
    "open_fd",
    "run",
    "select",
    "shield",
    "sleep",
    "sync",
    "testing",
    "tick",
    "timeout",
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
