"""gevent: StreamServer, a greenlet per connection."""

import sys
from contextlib import suppress

from gevent import socket
from gevent.server import StreamServer

MODE, READ = sys.argv[1], int(sys.argv[2])
CHUNK = bytes(range(256)) * 256


def echo(sock: socket.socket) -> None:
    """Send back what comes."""
    while data := sock.recv(READ):
        sock.sendall(data)


def sink(sock: socket.socket) -> None:
    """Read to the end, then say how much it was."""
    total = 0
    while data := sock.recv(READ):
        total += len(data)
    sock.sendall(total.to_bytes(8, "big"))


def source(sock: socket.socket) -> None:
    """Send until the client has enough."""
    while True:
        sock.sendall(CHUNK)


def handle(sock: socket.socket, _address: object) -> None:
    """Serve one connection to its end."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError), sock:
        {"echo": echo, "sink": sink, "source": source}[MODE](sock)


server = StreamServer(("127.0.0.1", 0), handle, backlog=1024)
server.start()
print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
