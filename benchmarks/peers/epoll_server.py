"""select.epoll: a bare loop of callbacks in Python, without any framework."""

import select
import socket
import sys
from collections.abc import Callable

MODE, READ = sys.argv[1], int(sys.argv[2])
CHUNK = bytes(range(256)) * 256
IN, OUT, GONE = select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP | select.EPOLLERR

epoll = select.epoll()
callbacks: dict[int, Callable[[int], None]] = {}


class Connection:
    """One client; reads, or writes while something is left to be written."""

    def __init__(self, sock: socket.socket) -> None:
        """Register for what the mode does first."""
        self.sock = sock
        self.total = 0
        self.left = b""
        callbacks[sock.fileno()] = {"echo": self.echo, "sink": self.sink, "source": self.source}[
            MODE
        ]
        epoll.register(sock, OUT if MODE == "source" else IN)

    def close(self) -> None:
        """Forget the client."""
        epoll.unregister(self.sock)
        del callbacks[self.sock.fileno()]
        self.sock.close()

    def echo(self, events: int) -> None:
        """Send back what comes."""
        try:
            if events & OUT:
                self.write_rest()
            elif data := self.sock.recv(READ):
                self.write(data)
            else:
                self.close()
        except BlockingIOError:
            pass  # nothing there after all
        except OSError:
            self.close()

    def write(self, data: bytes) -> None:
        """Send, and keep what the kernel does not take."""
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self.left = data[sent:]
            epoll.modify(self.sock, OUT)

    def write_rest(self) -> None:
        """Send what the kernel did not take before."""
        self.left = self.left[self.sock.send(self.left) :]
        if not self.left:
            epoll.modify(self.sock, IN)

    def sink(self, _events: int) -> None:
        """Read to the end, then say how much it was."""
        try:
            data = self.sock.recv(READ)
            self.total += len(data)
            if not data:
                self.sock.send(self.total.to_bytes(8, "big"))
                self.close()
        except OSError:
            self.close()

    def source(self, events: int) -> None:
        """Send until the client has enough."""
        if events & GONE:
            self.close()
            return
        try:
            if not self.left:
                self.left = CHUNK
            self.left = self.left[self.sock.send(self.left) :]
        except OSError:
            self.close()


def accept(_events: int) -> None:
    """Take a new client."""
    sock, _ = listener.accept()
    sock.setblocking(False)  # noqa: FBT003 - it takes no keyword
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    Connection(sock)


listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
callbacks[listener.fileno()] = accept
epoll.register(listener, IN)
print("listening on {}:{}".format(*listener.getsockname()), flush=True)
while True:
    for fd, events in epoll.poll():
        callbacks[fd](events)
