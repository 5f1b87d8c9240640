"""Exchange: what communicate does with the pipes, to be gone on with after a timeout.

Each pipe has a goroutine, for a child that waits until somebody reads one of its outputs may not be
fed meanwhile, and the other way round. What was read and what is still to be written is kept here:
nothing is lost and nothing sent twice when they are cancelled and begin again. A Ctrl-C comes up in
main, which may be the caller, and anywhere in it; so the caller itself reads and writes nothing. A
handler may raise in the others too: here no step lies between a read or write and its note.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from netpoll.net.file import File
from netpoll.sync.group import Group

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Exchange:
    """The pipes of one child, the data for it and the data from it."""

    def __init__(
        self, stdin: File | None, stdout: File | None, stderr: File | None, data: Buffer
    ) -> None:
        self._stdin = stdin
        self._rest = memoryview(data).cast("B")
        self._written: list[int] = []  # something, once all is
        self._outputs = [(file, list[bytes]()) for file in (stdout, stderr)]

    def go_on(self) -> None:
        """Write all that there is to write, read all that comes, close the pipes. Parks."""
        jobs: list[Callable[[], None]] = [
            partial(_drain, file, chunks)
            for file, chunks in self._outputs
            if file is not None and not file.closed
        ]
        if self._stdin is not None and not self._stdin.closed:
            jobs.append(partial(self._feed, self._stdin))
        with Group() as group:
            for job in jobs:
                group.go(job)

    def received(self) -> list[bytes | None]:
        """Return what has come on each of the two outputs, None for one that is no pipe."""
        return [None if file is None else b"".join(chunks) for file, chunks in self._outputs]

    def _feed(self, stdin: File) -> None:
        try:
            if self._rest and not self._written:
                self._written.extend(map(stdin.write, (self._rest,)))
        except BrokenPipeError:
            pass  # it has ended, or reads no more
        except BaseException as error:
            self._rest = self._rest[getattr(error, "bytes_written", 0) :]
            raise
        stdin.close()


def _drain(file: File, chunks: list[bytes]) -> None:
    any(map(chunks.append, iter(file.read, b"")))
    file.close()
