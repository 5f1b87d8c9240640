"""gevent: the engine of examples/resp_server.py, whose directory is the argument."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import gevent
from gevent import socket
from gevent.server import StreamServer

if TYPE_CHECKING:
    from typing_extensions import Buffer

sys.path.insert(0, sys.argv[1])

from resp_server import SWEEP_EVERY, SWEEP_KEYS, serve
from resp_store import Store

store = Store()


class Stream:
    """A socket under the names that the engine calls."""

    def __init__(self, sock: socket.socket) -> None:
        """Keep what they stand for."""
        self.read = sock.recv
        self._send = sock.sendall

    def write(self, data: "Buffer", /) -> int:
        """Send all of it."""
        self._send(data)
        return memoryview(data).nbytes


def handle(sock: socket.socket, _address: object) -> None:
    """Serve one client."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError), sock:
        serve(Stream(sock), store)


def sweep() -> None:
    """Delete what has expired."""
    while True:
        gevent.sleep(SWEEP_EVERY)
        while store.sweep(SWEEP_KEYS) > SWEEP_KEYS // 4:
            gevent.sleep(0)


server = StreamServer(("127.0.0.1", 0), handle, backlog=1024)
server.start()
gevent.spawn(sweep)
print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
