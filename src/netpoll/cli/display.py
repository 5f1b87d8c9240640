"""How progress and results are shown.

Progress goes to standard error and the table to standard output: a pipe gets the table alone.
"""

import sys
from collections.abc import Sequence
from typing import TextIO

from netpoll.cli import plain_text
from netpoll.cli.progress import Progress


def progress() -> Progress:
    """Return what suits standard error: a bar for a terminal, or else a line for each phase."""
    if not _is_terminal(sys.stderr):
        return plain_text.Lines()
    try:
        from netpoll.cli import rich_text
    except ImportError:
        return plain_text.Bar()
    return rich_text.Bar()


def print_table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print on standard output: with rich on a terminal, or else lines that are easy to parse."""
    if not _is_terminal(sys.stdout):
        plain_text.print_table(title, rows)
        return
    try:
        from netpoll.cli import rich_text
    except ImportError:
        plain_text.print_table(title, rows)
    else:
        rich_text.print_table(title, rows)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()
