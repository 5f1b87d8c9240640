"""Programs that send a file to whoever connects, and then close.

Each takes the file's path and the number of bytes that it moves at a time where it moves them
itself, and prints where it listens. Each opens the file once for each connection.
"""

from pathlib import Path

from benchmarks.contenders import Contender, in_go, in_python

_HERE = Path(__file__).parent
_NETPOLL = in_python(_HERE / "netpoll_files.py")

SENDFILE = Contender(
    "netpoll", "netpoll, Conn.sendfile", _NETPOLL, "netpoll", "netpoll", last=("sendfile",)
)
COPYING = Contender(
    "netpoll-copying", "netpoll, read and write", _NETPOLL, "netpoll", "netpoll", last=("copying",)
)
ASYNCIO = Contender("asyncio", "asyncio, loop.sendfile", in_python(_HERE / "asyncio_files.py"))
GO = in_go("go", "go_files", "Go, io.Copy, GOMAXPROCS=1")

SENDERS = (SENDFILE, COPYING, ASYNCIO, GO)
