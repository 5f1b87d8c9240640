"""Popen: a process whose pipes and whose end are waited for by parking.

Source: CPython Lib/subprocess.py, for what each name means; go1.27 os/exec/exec.go
"""

from __future__ import annotations

import signal
import sys
import warnings
from contextlib import contextmanager
from subprocess import TimeoutExpired
from types import TracebackType
from typing import TYPE_CHECKING, Any, AnyStr, Generic, Literal, Self, cast, overload

from netpoll._runtime.scope import timeout as time_limit
from netpoll.errors import ScopeTimeout
from netpoll.net.file import File
from netpoll.process.child import Child
from netpoll.process.exchange import Exchange
from netpoll.process.spawn import Command, Options, spawn
from netpoll.process.streams import Stream, Streams
from netpoll.process.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Unpack

    from typing_extensions import Buffer

POLITE = 0.25
"""Seconds that a process has to end by itself after a Ctrl-C, which it got as well."""


class Popen(Generic[AnyStr]):
    """A process that was started; the arguments are those of subprocess.Popen.

    stdin, stdout, stderr: PIPE, DEVNULL, a descriptor, or what has fileno(): a file, a File, a
    Conn; None is ours, and STDOUT for stderr what stdout is. A pipe's other end is a File of the
    same name here, which parks, unbuffered, and of bytes always: its makefile() reads text. text,
    encoding and errors are for `communicate`. A Conn's socket is made blocking for the child; use
    no sendfile and no net.copy on it any more.
    To start it does not park: the goroutines of this thread wait until fork and exec are done,
    tenths of a millisecond. OSError, with the file's name, if the program cannot be executed.

    Any goroutine of any thread may use it. Leaving a with block closes the pipes and waits for the
    end; if that wait is cancelled or interrupted, the process is killed. One that is dropped
    while it runs goes on, with a ResourceWarning, and is reaped when it ends.
    Source: CPython Lib/subprocess.py; pidfd_open(2)
    """

    stdin: File | None
    stdout: File | None
    stderr: File | None

    _child: Child

    @overload
    def __init__(
        self: Popen[str],
        args: Command,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        text: Literal[True],
        encoding: str | None = None,
        errors: str | None = None,
        pipesize: int = -1,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Popen[str],
        args: Command,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        text: bool | None = None,
        encoding: str,
        errors: str | None = None,
        pipesize: int = -1,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Popen[bytes],
        args: Command,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        text: Literal[False] | None = None,
        encoding: None = None,
        errors: None = None,
        pipesize: int = -1,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Popen[Any],
        args: Command,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        text: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        pipesize: int = -1,
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self,
        args: Command,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        text: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        pipesize: int = -1,
        **options: Any,
    ) -> None:
        self.args = args
        self._text = Text(encoding, errors) if text or encoding or errors else None
        self._exchange: Exchange | None = None
        streams = Streams(pipesize)
        started: list[Child] = []
        try:
            spawn(args, streams.make(stdin, stdout, stderr), options, started)
            self.stdin, self.stdout, self.stderr = streams.started()
        except BaseException:
            streams.give_up()
            for child in started:
                child.discard()
            raise
        (self._child,) = started

    @property
    def pid(self) -> int:
        """The process's number; once it is reaped, another one may have it."""
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, -N after signal N, None as long as nobody has waited for or polled it."""
        return self._child.returncode

    def poll(self) -> int | None:
        """Return the exit code, None while the process runs. Does not park."""
        return self._child.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Park until the process has ended; return its exit code.

        TimeoutExpired after so many seconds. That, and a cancellation, end the wait alone.
        """
        with self._expiring(timeout):
            return self._child.wait()

    def communicate(
        self,
        input: AnyStr | Buffer | None = None,  # noqa: A002 - as in subprocess
        timeout: float | None = None,
    ) -> tuple[AnyStr, AnyStr]:
        """Write to stdin, read stdout and stderr to their ends, wait for the process's end. Parks.

        Returns what was read, None for what is no pipe. TimeoutExpired after so many seconds, with
        what has come so far; call it again to go on, no data is lost. Nor is any if the goroutine
        is cancelled. The process goes on in both cases. ValueError: input, but no pipe for it.
        """
        exchange = self._begin(input)
        with self._expiring(timeout):
            exchange.go_on()
            self._child.wait()
        return cast("tuple[AnyStr, AnyStr]", tuple(map(self._decoded, exchange.received())))

    def send_signal(self, sig: int) -> None:
        """Send the process a signal; nothing happens to one that has ended, nor to a stranger."""
        self._child.send_signal(sig)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_pipes()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._end_politely()
            return
        try:
            self._child.wait()
        except KeyboardInterrupt:
            self._end_politely()
            raise
        except BaseException:
            self._child.destroy()
            raise

    def __del__(self) -> None:
        child = getattr(self, "_child", None)  # that could be started
        if child is None or sys.is_finalizing():  # then it becomes init's
            return
        if child.abandon():
            text = f"process {child.pid} is still running"
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        shown = f"<{type(self).__name__}: returncode: {self.returncode} args: {self.args!r}>"
        return shown if len(shown) <= 80 else f"{shown[:76]}...>"  # noqa: PLR2004 - as subprocess

    def _end_politely(self) -> None:
        """After a Ctrl-C, which the process got as well: let it end by itself, but not for long."""
        try:
            self._child.linger(POLITE)
        finally:
            self._child.destroy()

    def _close_pipes(self) -> None:
        for file in (self.stdout, self.stderr, self.stdin):
            if file is not None:
                file.close()

    def _begin(self, data: AnyStr | Buffer | None) -> Exchange:
        """Return the exchange that goes on, or begin one with these data."""
        if self._exchange is None:
            if data is not None and self.stdin is None:
                raise ValueError("input is for a process with stdin=PIPE")
            encoded = self._encoded(b"" if data is None else data)
            self._exchange = Exchange(self.stdin, self.stdout, self.stderr, encoded)
        elif data:
            raise ValueError("Cannot send input after starting communication")
        return self._exchange

    def _encoded(self, data: Any) -> Buffer:
        if self._text is None or not data:
            return cast("Buffer", data)
        if not isinstance(data, str):
            raise TypeError(f"input is text here, not {type(data).__name__}")
        return self._text.encode(data)

    def _decoded(self, data: bytes | None) -> str | bytes | None:
        return data if data is None or self._text is None else self._text.decode(data)

    @contextmanager
    def _expiring(self, seconds: float | None) -> Iterator[None]:
        """Turn the end of the time into a TimeoutExpired."""
        try:
            with time_limit(seconds):
                yield
        except ScopeTimeout:
            received = [None, None] if self._exchange is None else self._exchange.received()
            stdout, stderr = (data or None for data in received)
            raise TimeoutExpired(self.args, seconds or 0.0, stdout, stderr) from None
