"""Chat server: each line that a client sends goes to all the others.

    python examples/chat_server.py [ADDRESS]

ADDRESS is ":8888" unless given. Open two terminals with `nc 127.0.0.1 8888`; Ctrl-C ends it.

Nobody waits for a slow client. A line for it is put into its queue, which a goroutine of its own
empties; a client whose queue is full has stopped reading, and is shown the door.
"""

import sys
from collections import deque
from contextlib import suppress

from netpoll import go, net, run

MAX_LINE = 1024  # bytes; a longer line arrives as several
MAX_QUEUE = 256  # lines


class Client:
    """One person in the room."""

    def __init__(self, conn: net.Conn) -> None:
        """Keep the connection; nothing is sent yet."""
        self.conn = conn
        self.name = str(conn.remote_addr)
        self.queue: deque[bytes] = deque()
        self.sending = False

    def send(self, line: bytes) -> None:
        """Queue a line; never parks."""
        if len(self.queue) >= MAX_QUEUE:
            self.conn.close()  # wakes whoever reads from it or writes to it
            return
        self.queue.append(line)
        if not self.sending:
            self.sending = True
            go(self.empty_queue)

    def empty_queue(self) -> None:
        """Write what is queued, as fast as the client reads."""
        with suppress(OSError):  # a client that is gone is noticed by its reader
            while self.queue:
                self.conn.write(self.queue.popleft())
        self.sending = False


class Room:
    """Everybody who is here."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.clients: set[Client] = set()

    def welcome(self, conn: net.Conn) -> None:
        """Pass on what one client says until it leaves."""
        client = Client(conn)
        self.clients.add(client)
        self.broadcast(client, b"* joined\n")
        try:
            with conn, conn.makefile("rb") as lines:
                while line := lines.readline(MAX_LINE):
                    self.broadcast(client, line)
        except OSError:
            pass  # reset by the client, or closed for being slow
        finally:
            self.clients.remove(client)
            self.broadcast(client, b"* left\n")

    def broadcast(self, sender: Client, line: bytes) -> None:
        """Send a line to everybody but its sender."""
        for client in self.clients - {sender}:
            client.send(f"{sender.name}: ".encode() + line.rstrip(b"\r\n") + b"\n")


def main(address: str = ":8888") -> None:
    """Let in whoever connects."""
    room = Room()
    with net.listen("tcp", address) as listener:
        print(f"listening on {listener.local_addr}", flush=True)
        for conn in listener:
            go(room.welcome, conn)


if __name__ == "__main__":
    if {"-h", "--help"} & {*sys.argv}:
        print(__doc__)
        sys.exit()
    with suppress(KeyboardInterrupt):
        try:
            run(main, *sys.argv[1:2])
        except OSError as error:  # the address is none, or in use
            sys.exit(str(error))
