"""`netpoll demo`: a server of its own, many connections, every byte compared, a small table."""

import sys
from contextlib import AbstractContextManager, nullcontext

from netpoll import net, run
from netpoll.cli import display
from netpoll.cli.args import DEFAULT_CONNECTIONS, DemoOptions
from netpoll.cli.child import Server, echo_server
from netpoll.cli.figures import rows, title
from netpoll.cli.limits import room_for_connections
from netpoll.cli.measure import Measurement
from netpoll.cli.signals import heeding_ctrl_c
from netpoll.cli.status import Status
from netpoll.net.hostport import port_number


class TooManyConnectionsError(OSError):
    """More connections were asked for than the limit of open files allows."""


def demo(options: DemoOptions) -> int:
    """Measure, print the table and return the exit status.

    Raises OSError when there is no server, or no room for so many connections, AddrError for an
    address that is none.
    """
    connections = _affordable(options.connections)
    with heeding_ctrl_c(), _server(options.address) as server:
        figures = run(Measurement(options, server, connections).take)
    display.print_table(title(figures), rows(figures))
    if figures.failure:
        print(f"netpoll: {figures.failure}", file=sys.stderr)
        return Status.FAILED
    return Status.INTERRUPTED if figures.interrupted else Status.OK


def _affordable(asked: int | None) -> int:
    """Return how many connections to open: what was asked for, or as many as usual and possible."""
    room = room_for_connections()
    if room < (asked or 1):
        raise TooManyConnectionsError(
            f"no room for {asked or 1:,} connections: the limit of open files allows {room:,}; "
            "ask for fewer with --connections, or raise the limit (`ulimit -Hn` shows it)"
        )
    if asked is None and room < DEFAULT_CONNECTIONS:
        print(
            f"netpoll: {room:,} connections instead of {DEFAULT_CONNECTIONS:,}: "
            "the limit of open files allows no more (`ulimit -Hn` shows it)",
            file=sys.stderr,
        )
    return asked or min(room, DEFAULT_CONNECTIONS)


def _server(address: str | None) -> AbstractContextManager[Server]:
    if address is None:
        return echo_server()
    _, port = net.split_host_port(address)
    port_number(port, address)
    return nullcontext(Server(address, pid=None))
