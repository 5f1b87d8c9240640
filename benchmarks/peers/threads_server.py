"""Threads: the standard library's socketserver, a thread per connection."""

import socket
import socketserver
import sys
from contextlib import suppress

MODE, READ = sys.argv[1], int(sys.argv[2])
CHUNK = bytes(range(256)) * 256


class Handler(socketserver.BaseRequestHandler):
    """Serves one connection."""

    request: socket.socket

    def handle(self) -> None:
        """Do what the mode says until the client is gone."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):
            {"echo": self.echo, "sink": self.sink, "source": self.source}[MODE]()

    def echo(self) -> None:
        """Send back what comes."""
        while data := self.request.recv(READ):
            self.request.sendall(data)

    def sink(self) -> None:
        """Read to the end, then say how much it was."""
        total = 0
        while data := self.request.recv(READ):
            total += len(data)
        self.request.sendall(total.to_bytes(8, "big"))

    def source(self) -> None:
        """Send until the client has enough."""
        while True:
            self.request.sendall(CHUNK)


class Server(socketserver.ThreadingTCPServer):
    """Threads that need not be waited for, and room for as many clients at once as elsewhere."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024


with Server(("127.0.0.1", 0), Handler) as server:
    print("listening on {}:{}".format(*server.server_address), flush=True)
    server.serve_forever()
