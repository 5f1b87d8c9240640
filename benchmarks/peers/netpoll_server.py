"""netpoll: a goroutine per connection, as in the README."""

import sys
from contextlib import suppress

from netpoll import go, net, run

MODE, READ = sys.argv[1], int(sys.argv[2])
CHUNK = bytes(range(256)) * 256


def echo(conn: net.Conn) -> None:
    """Send back what comes."""
    with suppress(OSError), conn:
        while data := conn.read(READ):
            conn.write(data)


def sink(conn: net.Conn) -> None:
    """Read to the end, then say how much it was."""
    with suppress(OSError), conn:
        total = 0
        while data := conn.read(READ):
            total += len(data)
        conn.write(total.to_bytes(8, "big"))


def source(conn: net.Conn) -> None:
    """Send until the client has enough."""
    with suppress(OSError), conn:
        while True:
            conn.write(CHUNK)


def main() -> None:
    """Serve whoever connects."""
    handler = {"echo": echo, "sink": sink, "source": source}[MODE]
    with net.listen("tcp", "127.0.0.1:0", backlog=1024) as listener:
        print(f"listening on {listener.local_addr}", flush=True)
        for conn in listener:
            go(handler, conn)


run(main)
