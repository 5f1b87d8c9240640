"""Who hears of which signal, and the handlers that are installed for it.

    entry of a signal       its handler     what a signal does
    none                    the program's   as if this module did not exist
    with receivers          deliver         is offered to each of them
    without, for a moment   deliver         gives the handler back and goes to that
    ignored                 SIG_IGN         nothing
    dumped on               print_dump      prints what all goroutines do
    left over               another one     as if there were none: somebody has set that since

Rules
  * Python runs handlers in the main thread, and only that may install them. Who is in an entry that
    has a handler, any thread may change. If the last receiver leaves on another thread, the handler
    stays behind, and the first signal that finds nobody gives it back.
  * A signal goes to the receivers or to the handler from before, never to both and never to none.
  * `deliver` runs between two bytecodes of whatever the main thread does, or while its scheduler
    looks for work. It holds the lock, so that nobody hears of a signal once he has left. A receiver
    neither parks nor raises; one that another signal's handler breaks off is called again.

Source: go1.27 os/signal/signal.go; CPython Modules/signalmodule.c
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, TypeAlias

from netpoll._runtime import lifecycle
from netpoll._runtime.scheduler import attached_scheduler
from netpoll.signals.handler import Delivery, known, set_handler

Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | None
Receiver: TypeAlias = Callable[[int], bool]
"""Is called with a signal's number; returns False if it is of no more use."""

_NEVER_CAUGHT = frozenset({signal.SIGKILL, signal.SIGSTOP})
_FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT})
"""Raised by a fault of the program's own, which would only come up again after the handler."""
_OF_RUNTIME = lifecycle.interrupted


class _Entry:
    """What is known of one signal."""

    __slots__ = ("before", "installed", "receivers")

    def __init__(self, before: Handler) -> None:
        self.before = before
        self.installed: Handler = None
        self.receivers: tuple[Receiver, ...] = ()


_entries: dict[int, _Entry] = {}
_lock = threading.RLock()  # of a kind that a handler may take which interrupted its holder
# Else a child of a fork might find it held by a thread that it has not got.
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


def catchable() -> list[int]:
    """Return the signals that may be caught when none is named: all but faults."""
    return [
        number
        for number in sorted(signal.valid_signals() - _NEVER_CAUGHT - _FAULTS)
        if number in _entries or signal.getsignal(number) is not None
    ]


def check(numbers: Iterable[int]) -> list[int]:
    """Return the numbers of signals; ValueError for what is none, or cannot be caught."""
    checked = [int(number) for number in numbers]
    for number in checked:
        if number not in signal.valid_signals():
            raise ValueError(f"there is no signal {number}")
        if number in _NEVER_CAUGHT:
            raise ValueError(f"{name_of(number)} can be neither caught nor ignored")
        if number not in _entries and signal.getsignal(number) is None:
            raise ValueError(f"{name_of(number)} has a handler of C, which could not be given back")
    return checked


def name_of(number: int) -> str:
    """Return the name of a signal."""
    return getattr(known(number), "name", f"signal {number}")


def add(receiver: Receiver, numbers: list[int]) -> list[int]:
    """Have the receiver called at these signals; return those that are new to it.

    RuntimeError on another thread than the main one, if a handler has to be installed.
    """
    added: list[int] = []
    with _lock:
        _check_thread([number for number in numbers if not _is_installed(number, deliver)])
        try:
            added.extend(number for number in numbers if _add(receiver, number))
        except BaseException:
            remove(receiver, added)
            raise
    return added


def _add(receiver: Receiver, number: int) -> bool:
    entry = _entry(number)
    if receiver in entry.receivers:
        return False
    before = entry.receivers
    entry.receivers = (*before, receiver)  # first: the handler has to find it
    try:
        _install(number, entry, deliver)
    except BaseException:
        entry.receivers = before
        raise
    return True


def remove(receiver: Receiver, numbers: Iterable[int] | None = None) -> None:
    """Have the receiver called no more at these signals, or at any; restore what nobody hears.

    On the main thread that is also what others have left behind on theirs.
    """
    with _lock:
        for number in list(_entries) if numbers is None else numbers:
            entry = _entries.get(number)
            if entry is None or entry.installed != deliver:
                continue
            rest = tuple(other for other in entry.receivers if other != receiver)
            try:
                if not rest and _on_main_thread():
                    _give_back(number, entry)
            finally:
                entry.receivers = rest


def ignore(numbers: list[int]) -> None:
    """Have these signals ignored, whoever heard of them. RuntimeError: not the main thread."""
    handle(numbers, signal.SIG_IGN)


def handle(numbers: list[int], handler: Handler) -> None:
    """Have these signals handled so, whoever heard of them. RuntimeError: not the main thread."""
    with _lock:
        _check_thread(numbers)
        for number in numbers:
            entry = _entry(number)
            _install(number, entry, handler)
            entry.receivers = ()


def reset(numbers: list[int] | None) -> None:
    """Restore these signals, or all: as they were before this module was first asked.

    RuntimeError: not the main thread.
    """
    with _lock:
        concerned = [number for number in numbers or list(_entries) if number in _entries]
        _check_thread(concerned)
        for number in concerned:
            entry = _entries[number]
            try:
                _give_back(number, entry)
            finally:
                entry.receivers = ()


def _withdraw(number: int) -> Handler:
    """Give back the handler of a signal that nobody hears of; return the one that is in force."""
    present = signal.getsignal(number)
    if present == deliver:
        present = _settled(number, (_entries.get(number) or _Entry(_at_start(number))).before)
        set_handler(number, present)
    _entries.pop(number, None)
    return present


deliver = Delivery(_entries, _lock, remove, _withdraw)
"""Handles a signal, in the main thread: offers it to who hears of it, else to who did before."""


# ---- handlers --------------------------------------------------------------------------------


def _entry(number: int) -> _Entry:
    """Return the entry of a signal: a new one if somebody else has set a handler since."""
    entry = _entries.get(number)
    present = signal.getsignal(number)
    if entry is None or present != entry.installed:
        entry = _entries[number] = _Entry(_at_start(number) if present == deliver else present)
    return entry


def _is_installed(number: int, handler: Handler) -> bool:
    return number in _entries and signal.getsignal(number) == handler


def _install(number: int, entry: _Entry, handler: Handler) -> None:
    if entry.installed != handler:
        entry.installed = handler  # first: a Ctrl-C may come when it is
        set_handler(number, handler)


def _give_back(number: int, entry: _Entry) -> None:
    """Restore the handler from before, unless somebody else has set one. Main thread."""
    if signal.getsignal(number) == entry.installed:
        set_handler(number, _settled(number, entry.before))
    _entries.pop(number, None)  # last: without it nobody would know what to give back


def _settled(number: int, before: Handler) -> Handler:
    """Return what to restore: for SIGINT the runtime's own handler while there is a runtime."""
    if number == signal.SIGINT and before in {signal.default_int_handler, _OF_RUNTIME}:
        return signal.default_int_handler if attached_scheduler() is None else _OF_RUNTIME
    return before


def _at_start(number: int) -> Handler:
    """Return the handler that Python itself installs."""
    if number == signal.SIGINT:
        return signal.default_int_handler
    return signal.SIG_IGN if number in {signal.SIGPIPE, signal.SIGXFSZ} else signal.SIG_DFL


def _on_main_thread() -> bool:
    return threading.get_ident() == threading.main_thread().ident


def _check_thread(numbers: list[int]) -> None:
    if numbers and not _on_main_thread():
        names = ", ".join(map(name_of, numbers))
        raise RuntimeError(f"only the main thread can change how {names} is handled: call it there")
