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

from netpoll import bufio, lowlevel, net
from netpoll._runtime.goroutine import Goroutine, current, go, gosched, sleep
from netpoll._runtime.lifecycle import run
from netpoll._runtime.report import excepthook
from netpoll._runtime.threads import blocking
from netpoll.errors import (
    AddrError,
    Cancelled,
    ClosedError,
    DeadlineExceeded,
    DeadlockError,
    DNSError,
    GoroutineCancelled,
    IncompleteReadError,
    LimitExceededError,
    OpError,
    UnknownNetworkError,
)
from netpoll.net.file import File
from netpoll.net.file_kinds import open_fd

__all__ = [
    "AddrError",
    "Cancelled",
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
    "UnknownNetworkError",
    "blocking",
    "bufio",
    "current",
    "excepthook",
    "go",
    "gosched",
    "lowlevel",
    "net",
    "open_fd",
    "run",
    "sleep",
]
