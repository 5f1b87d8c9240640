"""Echo server that ends in order: at a signal, clients have a moment to finish.

    python examples/graceful_echo.py [ADDRESS [GRACE]]

ADDRESS is ":8888" unless given, GRACE 10 seconds. After SIGTERM or Ctrl-C nobody new is let in; the
clients that are there are served until they leave, but no longer than GRACE, and no longer than to
a second signal.
"""

import sys
from contextlib import suppress

from netpoll import net, run, serve_until_signal


def handle(conn: net.Conn) -> None:
    """Serve one client, in a goroutine of its own; the connection is closed after it."""
    with suppress(ConnectionError):
        while data := conn.read(4096):
            conn.write(data)


def main(address: str = ":8888", grace: str = "10") -> None:
    """Serve whoever connects, and tell how it ended."""
    listener = net.listen("tcp", address)
    print(f"listening on {listener.local_addr}", flush=True)
    print(serve_until_signal(listener, handle, grace=float(grace)), flush=True)


if __name__ == "__main__":
    if {"-h", "--help"} & {*sys.argv}:
        print(__doc__)
        sys.exit()
    try:
        run(main, *sys.argv[1:3])
    except OSError as error:  # the address is none, or in use
        sys.exit(str(error))
