"""`netpoll echo`: sends every byte back until it is asked to end."""

import os
from contextlib import suppress
from threading import Thread

from netpoll import go, net, run
from netpoll.cli.args import EchoOptions
from netpoll.cli.limits import raise_open_files
from netpoll.cli.signals import on_request_to_end
from netpoll.cli.status import Status
from netpoll.cli.stdout import say

_STDIN = 0


def echo(options: EchoOptions) -> int:
    """Serve until SIGINT, SIGTERM or, if so asked, the end of standard input.

    Raises OSError when the address cannot be listened on.
    """
    raise_open_files()
    with suppress(KeyboardInterrupt):  # Ctrl-C before the listener takes care of it
        run(_serve, options)
    return Status.OK


def _serve(options: EchoOptions) -> None:
    with net.listen("tcp", options.listen) as listener, on_request_to_end(listener.close):
        if options.until_eof:
            Thread(target=_close_at_eof, args=(listener,), daemon=True).start()
        say(f"listening on {listener.local_addr}")
        for conn in listener:
            go(_answer, conn)


def _answer(conn: net.Conn) -> None:
    try:
        with conn:
            while data := conn.read():
                conn.write(data)
    except OSError:
        return  # a peer that resets or vanishes is no news to anybody else


def _close_at_eof(listener: net.Listener) -> None:
    # On a thread, because standard input may be a file, which no multiplexer takes; and with
    # os.read, which takes no lock that the ending interpreter would have to wait for.
    with suppress(OSError):
        while os.read(_STDIN, 4096):
            pass
    listener.close()
