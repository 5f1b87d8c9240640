"""Exit statuses of the command."""

from enum import IntEnum


class Status(IntEnum):
    """What the shell sees; 2 is argparse's, for a command line that makes no sense."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130
