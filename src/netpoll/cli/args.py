"""What may be written on the command line."""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from netpoll import __version__
from netpoll.cli.status import Status

DEFAULT_LISTEN = "127.0.0.1:8888"
DEFAULT_CONNECTIONS = 1000
# A message must fit into the socket buffers of one direction: the client reads only after it has written all of it.
MAX_SIZE = 65536


@dataclass(frozen=True, slots=True)
class EchoOptions:
    """Options of `netpoll echo`."""

    listen: str
    until_eof: bool


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Options of `netpoll demo`; times in seconds.

    connections is None when none were asked for, so that as many of the usual number are opened as the machine allows.
    """

    connections: int | None
    seconds: float
    size: int
    timeout: float
    address: str | None


def parse(argv: Sequence[str] | None) -> EchoOptions | DemoOptions:
    """Return the options of the command that argv asks for; SystemExit after --help, --version or a usage error."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.command == "echo":
        return EchoOptions(args.listen, args.until_eof)
    if args.command == "demo":
        return DemoOptions(args.connections, args.seconds, args.size, args.timeout, args.address)
    parser.print_help(sys.stderr)
    raise SystemExit(Status.USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="netpoll",
        description="Go's network poller for Python: blocking code, a goroutine per connection, one thread.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"netpoll {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_echo(commands)
    _add_demo(commands)
    return parser


def _add_echo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "echo",
        help="serve echo: every byte that arrives goes back",
        description="Serve echo until Ctrl-C or SIGTERM. Prints one line, `listening on HOST:PORT`, when it accepts connections.",
        epilog=_ECHO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=DEFAULT_LISTEN,
        help="address to listen on (default %(default)s); port 0 picks a free one, :PORT listens on every interface",
    )
    parser.add_argument(
        "--until-eof",
        action="store_true",
        help="end when standard input ends, too: a server started over a pipe never outlives its parent",
    )


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "demo",
        help="start an echo server and measure it with many connections",
        description="Start `netpoll echo` as a process of its own and drive it from this one, one goroutine per connection.\n"
        "Each goroutine sends a message, waits for the answer and compares every byte.",
        epilog=_DEMO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--connections",
        metavar="N",
        type=_count,
        help=f"connections to open (default {DEFAULT_CONNECTIONS}, or fewer if the limit of open files is lower)",
    )
    parser.add_argument(
        "--seconds",
        metavar="S",
        type=_duration,
        default=5.0,
        help="how long to measure (default 5)",
    )
    parser.add_argument(
        "--size",
        metavar="BYTES",
        type=_size,
        default=64,
        help="bytes per message (default %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=_duration,
        default=5.0,
        help="how long to wait for the last answers (default 5)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="drive the echo server that is running there instead of starting one",
    )


def _count(text: str) -> int:
    return _whole_number(text, 1, None)


def _size(text: str) -> int:
    return _whole_number(text, 1, MAX_SIZE)


def _whole_number(text: str, least: int, most: int | None) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if number < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}")
    if most is not None and number > most:
        raise argparse.ArgumentTypeError(f"must be at most {most}")
    return number


def _duration(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not (seconds > 0 and math.isfinite(seconds)):
        raise argparse.ArgumentTypeError("must be a positive number of seconds")
    return seconds


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
