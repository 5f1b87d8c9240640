"""Standard output whose reader may leave early, as in `netpoll echo | head -1`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Flush standard output at the end of the block.

    When its reader has left, BrokenPipeError comes out, and nothing is left to be flushed.
    """
    try:
        try:
            yield
        finally:
            _flush()
    except BrokenPipeError:
        _discard()
        raise


def say(line: str) -> None:
    """Print one line at once: a parent process may be waiting for it."""
    print(line, flush=True)


def _flush() -> None:
    # None when the process was started with standard output closed.
    if sys.stdout is not None:
        sys.stdout.flush()


def _discard() -> None:
    # The interpreter flushes once more when it ends, and would report the broken pipe then.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
