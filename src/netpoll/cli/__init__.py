"""The `netpoll` command: `echo` serves, `demo` measures a server that it starts itself."""

import sys
from collections.abc import Sequence

from netpoll.cli.args import DemoOptions, EchoOptions, parse
from netpoll.cli.demo import demo
from netpoll.cli.echo import echo
from netpoll.cli.hint import hint
from netpoll.cli.status import Status
from netpoll.cli.stdout import reader_may_leave
from netpoll.errors import OpError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; by default that of this process.

    Raises SystemExit for --help, --version and a command line that makes no sense.
    """
    try:
        with reader_may_leave():
            return _perform(parse(argv))
    except OpError as error:
        return _complain(error)
    except BrokenPipeError:
        return Status.FAILED
    except OSError as error:
        return _complain(error)
    except KeyboardInterrupt:
        return Status.INTERRUPTED


def _perform(options: EchoOptions | DemoOptions) -> int:
    if isinstance(options, EchoOptions):
        return echo(options)
    return demo(options)


def _complain(error: OSError) -> int:
    print(f"netpoll: {error}{hint(error)}", file=sys.stderr)
    return Status.FAILED
