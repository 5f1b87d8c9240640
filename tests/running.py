"""Running a test's code in goroutines, on threads and in processes of its own."""

import functools
import socket
import subprocess
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from tests.program import PATIENCE, finished

P = ParamSpec("P")
T = TypeVar("T")


def in_run(test: Callable[P, T]) -> Callable[P, T]:
    """Make the body of a test the main goroutine of a run."""

    @functools.wraps(test)
    def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        return netpoll.run(test, *args, **kwargs)

    return inner


def on_thread(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call fn on a thread of its own, which has no scheduler yet, and return its result."""
    thread = Outcome(fn, *args, **kwargs)
    thread.start()
    return thread.result()


def begin(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> netpoll.Goroutine[T]:
    """Start a goroutine and let it come to its first park."""
    goroutine = netpoll.go(fn, *args, **kwargs)
    netpoll.gosched()
    netpoll.gosched()
    return goroutine


def parked(goroutine: netpoll.Goroutine[T]) -> netpoll.Goroutine[T]:
    """Let the others run until this goroutine waits for something; return it."""
    for _ in range(1000):
        if goroutine.state.startswith("waiting"):
            return goroutine
        assert not goroutine.done, f"{goroutine!r} {end_of(goroutine)} instead of parking"
        netpoll.gosched()
    raise AssertionError(f"{goroutine!r} does not park")


def end_of(goroutine: netpoll.Goroutine[T]) -> str:
    """Say how a goroutine ended."""
    try:
        return f"returned {goroutine.join()!r}"
    except BaseException as exception:  # noqa: BLE001 - it is what is asked for
        return f"raised {exception!r}"


class Outcome(threading.Thread, Generic[T]):
    """A thread that keeps what its function returns or raises."""

    def __init__(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> None:
        super().__init__(name=f"test-{fn.__name__}", daemon=True)
        self._call = functools.partial(fn, *args, **kwargs)
        self._result: T
        self._exception: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._call()
        except BaseException as exception:  # noqa: BLE001 - whoever asks for the result gets it
            self._exception = exception
        finally:
            del self._call

    def result(self) -> T:
        """Wait for the end and return what the function did, or raise it."""
        self.join(PATIENCE)
        if self.is_alive():
            frame = sys._current_frames().get(self.ident or 0)
            where = "".join(traceback.format_stack(frame))
            pytest.fail(f"{self.name} still runs after {PATIENCE} s\n{where}")
        try:
            if self._exception is not None:
                raise self._exception
            return self._result
        finally:
            self._exception = None


def script(source: str, *args: str) -> "subprocess.CompletedProcess[str]":
    """Run a Python program of these lines to its end, warnings being errors."""
    return finished("-X", "faulthandler", "-W", "error", "-c", textwrap.dedent(source), *args)


def says(source: str, *args: str) -> str:
    """Return what such a program prints; it must end well and have nothing to complain of."""
    done = script(source, *args)
    assert (done.returncode, done.stderr) == (0, ""), (done.stdout, done.stderr)
    return done.stdout


@contextmanager
def pair() -> Iterator[tuple[StreamFD, StreamFD]]:
    """Return the two ends of a stream, closed at the end."""
    ends = [StreamFD.adopt(end.detach()) for end in socket.socketpair()]
    try:
        yield ends[0], ends[1]
    finally:
        for end in ends:
            end.close()


def open_descriptors() -> dict[int, str]:
    """Return the open descriptors of this process and what each is of."""
    found = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found[int(descriptor.name)] = str(descriptor.readlink())
        except FileNotFoundError:  # the descriptor that listed them
            continue
    return found
