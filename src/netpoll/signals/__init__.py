"""Signals that come through channels, or end a context.

    stops = Chan(1)
    with signals.notify(stops, SIGINT, SIGTERM):
        stops.recv()            # parks until one of them comes

A channel is offered each signal and never waited for: one that has no room misses it, so give it
room for one. While anybody is to be told of a signal there is no DeadlockError, for one may come.

Handlers are the process's, and Python lets its main thread alone install them. `notify` may be
called from any thread for a signal that somebody is told of already, and `stop` always.

Source: go1.27 os/signal/signal.go, doc.go
"""

from __future__ import annotations

import importlib
import signal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from netpoll._runtime import dumping
from netpoll.signals import table
from netpoll.signals.handler import ToChannel

if TYPE_CHECKING:
    from netpoll.signals.context import NotifyContext, SignalReceived, notify_context

# Not every program that hears of signals has contexts.
_OF_CONTEXTS = frozenset({"NotifyContext", "SignalReceived", "notify_context"})

__all__ = [
    "Notification",
    "NotifyContext",
    "SignalReceived",
    "dump_on",
    "ignore",
    "ignored",
    "notify",
    "notify_context",
    "reset",
    "stop",
]


def __getattr__(name: str) -> object:
    if name not in _OF_CONTEXTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module("netpoll.signals.context"), name)
    return value


class _Channel(Protocol):
    def try_send(self, value: Any, /) -> object: ...


_ChannelT = TypeVar("_ChannelT", bound=_Channel)


class Notification(Generic[_ChannelT]):
    """That a channel is told of signals; made by `notify`. `with` yields the channel."""

    def __init__(self, channel: _ChannelT, numbers: list[int]) -> None:
        self._channel = channel
        self._numbers = numbers

    def stop(self) -> None:
        """Tell the channel no more of the signals that this `notify` has added. Any thread."""
        table.remove(ToChannel(self._channel), self._numbers)

    def __enter__(self) -> _ChannelT:
        return self._channel

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def notify(channel: _ChannelT, *sigs: int) -> Notification[_ChannelT]:
    """Have these signals sent into a channel instead of what they did; without any, all of them.

    They come as signal.Signals. All: those that can be caught and are no faults (SIGSEGV, SIGBUS,
    SIGFPE, SIGILL, SIGABRT). Several channels may be told of one signal, and one of several. A
    closed channel is no longer told. Does not park.
    ValueError: no such signal, or one that cannot be caught. RuntimeError: a handler has to be
    installed, and this is not the main thread.
    Source: go1.27 os/signal/signal.go Notify
    """
    numbers = table.check(sigs) if sigs else table.catchable()
    return Notification(channel, table.add(ToChannel(channel), numbers))


def stop(channel: _Channel) -> None:
    """Tell a channel of no signal any more: from the return on, nothing is sent into it.

    What nobody is told of does what it did before. Does not park. Any thread.
    Source: go1.27 os/signal/signal.go Stop
    """
    table.remove(ToChannel(channel))


def reset(*sigs: int) -> None:
    """Undo `notify` and `ignore` for these signals, or for all: they do what they did before.

    RuntimeError: not the main thread.
    Source: go1.27 os/signal/signal.go Reset
    """
    table.reset(table.check(sigs) if sigs else None)


def ignore(*sigs: int) -> None:
    """Have these signals ignored, and no channel told of them. TypeError: none is named.

    SIGCHLD among them takes the exit codes of all processes away. RuntimeError: not the main
    thread.
    Source: go1.27 os/signal/signal.go Ignore
    """
    if not sigs:
        raise TypeError("ignore() needs at least one signal")
    table.ignore(table.check(sigs))


def dump_on(*sigs: int) -> None:
    """Have what all goroutines do printed on standard error at these signals, such as SIGQUIT.

    See `netpoll.dump`. The program goes on, and `reset` undoes it; who was told of such a signal is
    no longer. It is Python's main thread that prints, as soon as it is between two bytecodes, or
    waits: one that computes in C does not, and there module faulthandler has to do. TypeError: none
    is named. RuntimeError: not the main thread.
    Source: go1.27 os/signal/doc.go (SIGQUIT, which ends the program there)
    """
    if not sigs:
        raise TypeError("dump_on() needs at least one signal")
    table.handle(table.check(sigs), dumping.print_dump)


def ignored(sig: int) -> bool:
    """Tell whether a signal is ignored. Source: go1.27 os/signal/signal.go Ignored."""
    return signal.getsignal(sig) == signal.SIG_IGN
