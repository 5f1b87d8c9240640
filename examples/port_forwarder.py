"""Port forwarder: passes each connection on to another address.

    python examples/port_forwarder.py LISTEN TARGET

For example `port_forwarder.py :8080 127.0.0.1:80`; Ctrl-C ends it. Both directions are independent:
a side that has sent all it has may go on receiving. A reset on one side is a reset on the other, so
that nobody takes a broken transfer for a complete one.
"""

import sys
from contextlib import suppress

from netpoll import go, net, run


def forward(client: net.TCPConn, target: str) -> None:
    """Connect to the target and pass bytes both ways until both sides are done."""
    with client:
        try:
            server = net.dial("tcp", target)
        except OSError as error:
            print(error, file=sys.stderr)
            reset(client)
            return
        with server:
            answers = go(copy, server, client)
            copy(client, server)
            answers.join()


def copy(source: net.TCPConn, sink: net.TCPConn) -> None:
    """Pass bytes one way, and the end of the stream too."""
    try:
        while data := source.read():
            sink.write(data)
        sink.close_write()
    except OSError:
        reset(source)
        reset(sink)


def reset(conn: net.TCPConn) -> None:
    """Break a connection off: the other side gets a reset instead of an orderly end."""
    with suppress(OSError):  # the other direction may have closed it already
        conn.set_linger(0)
    conn.close()


def main(address: str, target: str) -> None:
    """Forward whoever connects."""
    with net.listen("tcp", address) as listener:
        print(f"listening on {listener.local_addr}", flush=True)
        for conn in listener:
            go(forward, conn, target)


if __name__ == "__main__":
    if {"-h", "--help"} & {*sys.argv}:
        print(__doc__)
        sys.exit()
    if len(sys.argv) != 3:  # noqa: PLR2004 - the program and two addresses
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt):
        try:
            run(main, *sys.argv[1:])
        except OSError as error:  # the address is none, or in use
            sys.exit(str(error))
