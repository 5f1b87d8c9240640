"""Echo server: whatever a client sends comes back.

    python examples/echo_server.py [ADDRESS]

ADDRESS is ":8888" unless given. Try it with `nc 127.0.0.1 8888`; Ctrl-C or SIGTERM ends it.
"""

import signal
import sys
from contextlib import suppress

from netpoll import go, net, run


def handle(conn: net.Conn) -> None:
    """Serve one client, in a goroutine of its own."""
    # A client that resets its connection is gone, and that is all there is to it.
    with suppress(ConnectionError), conn:
        while data := conn.read(4096):  # parks this goroutine, never the thread
            conn.write(data)


def main(address: str = ":8888") -> None:
    """Serve whoever connects."""
    with net.listen("tcp", address) as listener:
        # Handlers run although all is parked; closing the listener ends the loop. To let clients
        # finish, join their goroutines after it: those left when main ends are cancelled.
        signal.signal(signal.SIGTERM, lambda *_: listener.close())
        print(f"listening on {listener.local_addr}", flush=True)
        for conn in listener:  # accept parks too
            go(handle, conn)


if __name__ == "__main__":
    if {"-h", "--help"} & {*sys.argv}:
        print(__doc__)
        sys.exit()
    with suppress(KeyboardInterrupt):
        try:
            run(main, *sys.argv[1:2])
        except OSError as error:  # the address is none, or in use
            sys.exit(str(error))
