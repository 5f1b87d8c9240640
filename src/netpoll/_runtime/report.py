"""What the runtime tells people: unhandled exceptions, goroutines that do not end, deadlocks."""

from __future__ import annotations

import contextlib
import itertools
import signal
import sys
import traceback
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, TextIO

from netpoll.errors import OpError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FrameType

    from netpoll._runtime.goroutine import Goroutine

_SIGNALS: tuple[int, ...] = tuple(signal.valid_signals())


_ASKING = frozenset({__name__, "netpoll._runtime.dumping"})
"""Modules whose frames are left out of a dump at its top: they make it."""

SHORT = 0.1
"""Seconds of a wait that a dump does not tell."""


ASYNC = "one made by `async def`: in netpoll whatever waits is simply called"
GENERATOR = "one with `yield`: nothing would run its body; have it send to a Chan what it yields"
"""Which functions are no plain ones, and what to do instead."""


def excepthook(goroutine: Goroutine, exception: BaseException, /) -> None:
    """Print the traceback of an exception that nobody joins, and which goroutine it ended.

    Assign another function to `netpoll.excepthook` to have it called instead: in the goroutine that
    failed, or, when somebody kept the goroutine and might have joined it, as soon as nobody can any
    more; then with a likeness of it, for it is gone: the same id, name, origin and outcome. It must
    not raise.
    """
    stream = sys.stderr
    if stream is None:
        return
    stream.write(f"Exception in goroutine {describe(goroutine)}:\n")
    stream.writelines(formatted(exception))
    stream.flush()


def unhandled(goroutine: Goroutine, exception: BaseException) -> None:
    """Call the excepthook that is in force; what it raises is printed and goes no further."""
    hook = excepthook
    try:
        # By name: the package's top is where people assign a hook, and is above this layer. It is
        # gone from there only when the interpreter is nearly so.
        assigned = getattr(sys.modules.get("netpoll"), "excepthook", None)
        hook = excepthook if assigned is None else assigned
        hook(goroutine, exception)
    except BaseException as failure:  # noqa: BLE001 - whoever called must go on
        with contextlib.suppress(BaseException):  # standard error may be closed, or be no stream
            if hook is not excepthook:
                excepthook(goroutine, exception)
            excepthook(goroutine, failure)


def formatted(exception: BaseException) -> Iterator[str]:
    """Return the lines of a traceback, without what would only be said twice.

    An OpError's cause is the plain OSError of the system call: the same errno and text, from below
    the same call. It is passed over, and what it was caused by itself takes its place.
    """
    shown = traceback.TracebackException.from_exception(exception, compact=True)
    at: traceback.TracebackException | None = shown
    error: BaseException | None = exception
    while at is not None and error is not None:
        cause = error.__cause__
        if at.__cause__ is not None and cause is not None and _says_the_same(error, cause):
            plain, error = at.__cause__, cause
            at.__cause__, at.__context__ = plain.__cause__, plain.__context__
            at.__suppress_context__ = plain.__suppress_context__
        elif at.__cause__ is not None:
            at, error = at.__cause__, cause
        else:
            at, error = at.__context__, error.__context__
    return shown.format()


def _says_the_same(error: BaseException, cause: BaseException) -> bool:
    return (
        isinstance(error, OpError)
        and isinstance(cause, OSError)
        and (cause.errno, cause.strerror) == (error.errno, error.strerror)
        and not getattr(cause, "op", "")
        and all(map(_is_of_netpoll, traceback.walk_tb(cause.__traceback__)))
    )


def _is_of_netpoll(step: tuple[FrameType, int]) -> bool:
    name: str = step[0].f_globals.get("__name__") or ""
    return name.startswith("netpoll.")


def no_callable(caller: str, given: object) -> TypeError:
    """Return the exception for what cannot be called, with what to do about a usual slip."""
    text = f"{caller}() needs a callable, not {type(given).__name__}"
    if isinstance(given, Coroutine):
        given.close()  # nobody will await it, and nobody needs to hear of that as well
        return TypeError(f"{text}: a coroutine is for aio.run()")
    if given is None or isinstance(given, Generator):
        text += f": give the function, not its result: {caller}(work), not {caller}(work())"
    return TypeError(text)


def describe(goroutine: Goroutine) -> str:
    """Return the name of a goroutine and where it was started."""
    if goroutine.origin is None:
        return goroutine.name
    file, line = goroutine.origin
    return f"{goroutine.name} (started at {file}:{line})"


def dump(
    goroutines: Iterable[Goroutine], running: Mapping[Goroutine, FrameType | None] | None = None
) -> str:
    """Return a paragraph for each goroutine: its name, what it does, where it stands.

    running: the frames of those on whose stacks threads are.
    """
    lines: list[str] = []
    for goroutine in goroutines:
        lines.append(f"{describe(goroutine)}: {goroutine.state}{_for_how_long(goroutine)}")
        frame = goroutine.stack
        if frame is None and running is not None:
            frame = running.get(goroutine)
        lines.extend(stack_lines(frame))
    return "\n".join(lines)


def stack_lines(frame: FrameType | None) -> list[str]:
    """Return the lines of a stack, outermost frame first, without what asks for them.

    What is above a `run`, the call of a test framework perhaps, says nothing of its main goroutine.
    """
    while frame is not None and frame.f_globals.get("__name__") in _ASKING:
        frame = frame.f_back
    if frame is None:
        return []
    steps = list(traceback.walk_stack(frame))
    inner = list(itertools.takewhile(lambda step: not _is_run(step[0]), steps))
    if len(inner) < len(steps):
        while inner and _is_of_netpoll(inner[-1]):
            inner.pop()
    lines = traceback.StackSummary.extract(reversed(inner)).format()
    return [text.rstrip("\n") for text in lines]


def _is_run(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return frame.f_code.co_name == "run" and name == "netpoll._runtime.lifecycle"


def _for_how_long(goroutine: Goroutine) -> str:
    seconds = goroutine.waited
    if seconds is None or seconds < SHORT:
        return ""
    return f", for {seconds:.1f} s"


def deadlock(goroutines: Iterable[Goroutine]) -> str:
    """Return the text of a DeadlockError."""
    return f"all goroutines are asleep and nothing can wake them\n{dump(goroutines)}"


def left_behind(
    goroutines: Iterable[Goroutine], grace: float, stream: TextIO | None = None
) -> None:
    """Tell of goroutines that were cancelled when run() ended and did not end themselves."""
    stream = sys.stderr if stream is None else stream
    if stream is not None:
        stream.write(f"netpoll: still running {grace:g} s after they were cancelled:\n")
        stream.write(f"{dump(goroutines)}\n")
        stream.flush()


def handlers_installed() -> bool:
    """Tell whether a signal handler of the program's own could still make something happen."""
    known = {signal.default_int_handler, None}
    return any(
        callable(handler) and handler not in known and not getattr(handler, "netpoll_own", False)
        for handler in map(signal.getsignal, _SIGNALS)
    )
