"""Copying by reading and writing, from and to whatever has the methods.

    what it is                            by                      where
    Conn, File                            read, write             here: they park
    a file of open(), of a subprocess     read1 or read, write    on a thread
    anything else                         read1 or read, write    here

No buffer is held by who waits: what read returns is as large as what has come.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from netpoll._runtime.threads import blocking
from netpoll.net.conn import Conn
from netpoll.net.file import File

CHUNK = 65536

Read = Callable[[int], bytes]
"""Returns up to so many bytes, none at the end."""
Write = Callable[[bytes], object]
"""Writes all, or raises with `bytes_written`."""


def pour(read: Read, write: Write, count: int) -> int:
    """Copy `count` bytes, all if -1, or up to the end; return how many.

    Whatever is raised has `bytes_written`.
    """
    done = 0
    try:
        while done != count:
            data = read(CHUNK if count < 0 else min(CHUNK, count - done))
            if not data:
                break
            write(data)
            done += len(data)
    except BaseException as error:
        add_written(error, done)
        raise
    return done


def add_written(error: BaseException, done: int) -> None:
    """Count what had been written before the call that failed."""
    with suppress(AttributeError, TypeError):  # a stranger's, that takes no attribute
        error.bytes_written = done + getattr(error, "bytes_written", 0)  # type: ignore[attr-defined]


def reader(source: Any) -> Read:
    """Return how to read from something; TypeError if there is no way."""
    if isinstance(source, Conn | File):
        return source.read
    # Of what has both, read may wait until all has come that was asked for.
    read = getattr(source, "read1", None) or getattr(source, "read", None)
    if read is None:
        raise TypeError(f"nothing can be read from {source!r}")
    on_thread = is_file_of_open(source)

    def read_some(size: int) -> bytes:
        data = blocking(read, size) if on_thread else read(size)
        if data is None:
            raise BlockingIOError(f"{source!r} has nothing now, and does not wait")
        if isinstance(data, str):
            raise TypeError(f"{source!r} gives text; a copy is of bytes")
        return cast("bytes", data)

    return read_some


def writer(target: Any) -> Write:
    """Return how to write all of some data to something; TypeError if there is no way."""
    write = getattr(target, "write", None)
    if write is None:
        raise TypeError(f"nothing can be written to {target!r}")
    if isinstance(target, Conn | File):
        return write  # type: ignore[no-any-return]
    if is_file_of_open(target):
        return lambda data: blocking(write_all, write, data)
    return lambda data: write_all(write, data)


def write_all(write: Callable[[Any], int | None], data: bytes) -> None:
    """Write all, by as many calls as it takes; `bytes_written` stands in what is raised.

    A method that returns None has written all.
    """
    done = 0
    try:
        while done < len(data):
            written = write(data[done:])
            if written is None:
                return
            done += _written(written)
    except BaseException as error:
        add_written(error, done)
        raise


def _written(count: int) -> int:
    if count <= 0:
        raise OSError("write() has written nothing")
    return count


def is_file_of_open(file: object) -> bool:
    """Whether it reads or writes a descriptor as the files of open() do, and blocks its thread."""
    return isinstance(raw_of(file), io.FileIO)


def raw_of(file: object) -> object:
    """Return the raw file below the buffers that the io module has."""
    if isinstance(file, io.BufferedReader | io.BufferedWriter | io.BufferedRandom):
        return file.raw
    return file
