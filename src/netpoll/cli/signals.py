"""Signals that ask a server to end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_REQUESTS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_request_to_end(end: Callable[[], None]) -> Iterator[None]:
    """Call end on SIGINT and SIGTERM instead of raising; for the process's main thread only.

    A handler runs in whichever goroutine is running, so it must not raise there.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        end()

    before = {number: signal.signal(number, handle) for number in _REQUESTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt even if it was ignored; for the main thread only.

    A shell without job control has its background processes ignore it.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
