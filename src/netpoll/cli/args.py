"""What may be written on the command line."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from netpoll import __version__
from netpoll.cli import values
from netpoll.cli.status import Status

DEFAULT_LISTEN = "127.0.0.1:8888"
DEFAULT_CONNECTIONS = 1000


@dataclass(frozen=True, slots=True)
class EchoOptions:
    """Options of `netpoll echo`."""

    listen: str
    until_eof: bool


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Options of `netpoll demo`; times in seconds.

    connections: None if no number was asked for.
    address: None for a server of our own.
    """

    connections: int | None
    seconds: float
    size: int
    timeout: float
    address: str | None


def parse(argv: Sequence[str] | None) -> EchoOptions | DemoOptions:
    """Return the options of the command that is asked for.

    Raises SystemExit after --help, --version, or a message about what makes no sense.
    """
    parser = _parser()
    args, unknown = parser.parse_known_args(argv)
    if unknown:  # a complaint of the command's own, which shows the options that it does have
        (args.parser or parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if args.command == "echo":
        return EchoOptions(args.listen, args.until_eof)
    if args.command == "demo":
        return DemoOptions(args.connections, args.seconds, args.size, args.timeout, args.address)
    parser.print_help(sys.stderr)
    raise SystemExit(Status.USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="netpoll",
        description="Go's network poller for Python: blocking code, a goroutine per connection.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"netpoll {__version__}")
    parser.set_defaults(parser=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_echo(commands)
    _add_demo(commands)
    return parser


def _add_echo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "echo",
        help="serve echo: every byte that arrives goes back",
        description="Send every byte back until Ctrl-C or SIGTERM. "
        "Prints `listening on HOST:PORT` when it is ready.",
        epilog=_ECHO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(parser=parser)
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=DEFAULT_LISTEN,
        help="address to listen on (default %(default)s); port 0 picks a free one, "
        ":PORT stands for every interface",
    )
    parser.add_argument(
        "--until-eof",
        action="store_true",
        help="end when standard input does, too: over a pipe, the server never outlives its parent",
    )


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "demo",
        help="start an echo server and measure it with many connections",
        description="Start `netpoll echo` as a process of its own and drive it from this one.\n"
        "A goroutine per connection sends messages, waits for each answer and compares every byte.",
        epilog=_DEMO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(parser=parser)
    parser.add_argument(
        "--connections",
        metavar="N",
        type=values.count,
        help=f"connections to open (default {DEFAULT_CONNECTIONS}, or as many as are allowed)",
    )
    parser.add_argument(
        "--seconds",
        metavar="S",
        type=values.duration,
        default=5.0,
        help="how long to measure (default 5)",
    )
    parser.add_argument(
        "--size",
        metavar="BYTES",
        type=values.size,
        default=64,
        help="bytes per message (default %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=values.duration,
        default=5.0,
        help="how long a connection may take to open, and the last answers to come (default 5)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="drive the echo server that is running there instead of starting one",
    )


_EXAMPLES = """\
examples:
  netpoll echo                          serve echo on 127.0.0.1:8888; try it with: nc 127.0.0.1 8888
  netpoll demo                          1,000 connections for five seconds
  netpoll COMMAND --help                all options of one command
"""

_ECHO_EXAMPLES = """\
examples:
  netpoll echo                          on 127.0.0.1:8888, for this machine only
  netpoll echo --listen :7777           on every interface, IPv4 and IPv6
  netpoll echo --listen 127.0.0.1:0     on a free port, which is printed
"""

_DEMO_EXAMPLES = """\
examples:
  netpoll demo                                    1,000 connections for five seconds
  netpoll demo --connections 10000 --seconds 20   more of both
  netpoll demo --size 16384                       larger messages
  netpoll demo --address 127.0.0.1:8888           another server than our own

exit status: 0 when every byte came back, 1 when one was wrong or missing, 130 after Ctrl-C
"""
