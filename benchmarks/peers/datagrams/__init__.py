"""Programs that answer datagrams, on one socket.

Each takes a mode and the size of a datagram, and prints where it listens. echo: every datagram is
sent back. flood: those of this size are counted; the answer to any other one is the count, 8 bytes,
big-endian, and the datagram behind it.
"""

from pathlib import Path

from benchmarks.contenders import Contender, in_go, in_python

_HERE = Path(__file__).parent
_NETPOLL = in_python(_HERE / "netpoll_datagrams.py")
_ASYNCIO = in_python(_HERE / "asyncio_datagrams.py")

SINGLY = Contender(
    "netpoll", "netpoll, one by one", _NETPOLL, "netpoll", "netpoll", last=("singly",)
)
BATCHES = Contender(
    "netpoll-batches", "netpoll, batches", _NETPOLL, "netpoll", "netpoll", last=("batches",)
)
ASYNCIO = Contender("asyncio", "asyncio, DatagramProtocol", _ASYNCIO, last=("asyncio",))
UVLOOP = Contender(
    "uvloop", "uvloop, DatagramProtocol", _ASYNCIO, "uvloop", "uvloop", last=("uvloop",)
)
GEVENT = Contender(
    "gevent", "gevent, socket", in_python(_HERE / "gevent_datagrams.py"), "gevent", "gevent"
)
GO = in_go("go", "go_datagrams", "Go, UDPConn, GOMAXPROCS=1")

RECEIVERS = (SINGLY, BATCHES, UVLOOP, ASYNCIO, GEVENT, GO)
