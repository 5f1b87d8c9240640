"""notify_context: a context that is done when a signal comes.

Source: go1.27 os/signal/signal.go NotifyContext
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

from netpoll.context import CancelContext, Context, ContextCancelled, background, with_cancel
from netpoll.signals import table
from netpoll.signals.handler import known


class SignalReceived(ContextCancelled):
    """Why a context of `notify_context` is done.

    signal: which one has come.
    """

    def __init__(self, signal: int) -> None:
        super().__init__(f"{table.name_of(signal)} received")
        self.signal = signal

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        return type(self), (self.signal,)


class NotifyContext(NamedTuple):
    """A context and what ends it; made by `notify_context`. `with` yields the context.

    stop: cancels the context and gives the signals back, as the end of the block does. Any thread.
    """

    context: CancelContext
    stop: Callable[[], None]

    def __enter__(self) -> CancelContext:
        return self.context

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Cancelling:
    """What the table calls at a signal."""

    def __init__(self, context: CancelContext) -> None:
        self._context = context

    def __call__(self, number: int) -> bool:
        self._context.cancel(SignalReceived(known(number)))
        return True


def notify_context(parent: Context | None = None, /, *sigs: int) -> NotifyContext:
    """Return a context that is done when one of these signals comes, and what stops that.

    `ctx, stop = notify_context(parent, SIGINT, SIGTERM)`, or `with notify_context(...) as ctx:`.
    Its cause is then a SignalReceived. parent: background() if None; when it is done, so is the
    context. Further signals do nothing until `stop` is called; after that they do what they did
    before: call it as soon as the first has come, and a second Ctrl-C ends the program.
    Without a signal, all are meant. Does not park. ValueError, RuntimeError as `notify`.
    Source: go1.27 os/signal/signal.go NotifyContext
    """
    numbers = table.check(sigs) if sigs else table.catchable()
    context = with_cancel(background() if parent is None else parent)
    receiver = _Cancelling(context)
    table.add(receiver, numbers)

    def stop() -> None:
        context.cancel()
        table.remove(receiver)

    return NotifyContext(context, stop)
