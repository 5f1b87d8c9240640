"""copy: everything from one stream to another, past this process where the kernel can.

    from                          to                       by
    disk file                     stream socket, pipe      sendfile(2)
    stream socket, pipe           stream socket, pipe      splice(2), through a pipe of our own
    File of a disk                File of a disk           copy_file_range(2), on a thread
    anything                      anything                 reading and writing, 64 KiB at a time

What the kernel refuses before the first byte goes the last way. A class that has a read or write of
its own always does.

Source: go1.27 io/io.go Copy, net/splice_linux.go, net/sendfile.go, os/zero_copy_linux.go
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from errno import EACCES, EBADF, EINVAL, EIO, ENOSYS, EOPNOTSUPP, EPERM, EXDEV
from types import MethodDescriptorType
from typing import Any

from netpoll._poll.sendfile import sendfile as send_from
from netpoll._poll.splice import NOT_HANDLED, Relay, can_splice, put_back, relay
from netpoll._poll.stream_fd import StreamFD
from netpoll._runtime.threads import blocking
from netpoll.errors import OpError
from netpoll.net.conn import Conn
from netpoll.net.copyloop import add_written, is_file_of_open, pour, reader, writer
from netpoll.net.file import failure
from netpoll.net.file_kinds import DiskFile, PipeFile
from netpoll.net.operror import wrap_error
from netpoll.net.sendfile import duplicate, size

_STEP = 1 << 20
_RANGE = 64 << 20
"""Bytes of one copy_file_range: a cancelled goroutine leaves its thread that much to do."""
_NOT_THESE_TWO = frozenset({EACCES, EBADF, EINVAL, EIO, ENOSYS, EOPNOTSUPP, EPERM, EXDEV})
"""What copy_file_range says of files that it cannot copy between, or not on this system."""


def copy(dst: Any, src: Any, count: int | None = None) -> int:
    """Copy from src to dst until src ends, or `count` bytes; return how many. Parks.

    Each is a Conn or a File, or anything that has write or read, of bytes. Files of open() are read
    and written on threads, other objects here. Between sockets, pipes and disk
    files the kernel copies where it can, and disk files are read from where they stand. Neither is
    closed, nor is the peer of a Conn told that there is no more: dst.close_write() does that.

    Raises what reading and writing raise, with `bytes_written`: what has reached dst. What was read
    beyond that is lost. ValueError: count is negative. TypeError: no such methods.
    Source: go1.27 io/io.go Copy, CopyN
    """
    limit = size(count)
    read, write = reader(src), writer(dst)
    done, finished = (0, True) if limit == 0 else _by_kernel(dst, src, limit)
    if finished:
        return done
    try:
        return done + pour(read, write, limit if limit < 0 else limit - done)
    except BaseException as error:
        add_written(error, done)
        raise


Outcome = tuple[int, bool]
"""How many bytes were copied, and whether that is all: if not, reading and writing go on."""

_NOTHING: Outcome = 0, False


def _by_kernel(dst: Any, src: Any, limit: int) -> Outcome:
    target = _stream(dst, "write")
    if target is not None:
        source = _stream(src, "read")
        if source is not None:
            return _splice(dst, target, src, source, limit)
        if _is_disk(src):
            return _send(dst, target, src, limit)
    elif isinstance(dst, DiskFile) and isinstance(src, DiskFile):
        return _copy_range(dst, src, limit)
    return _NOTHING


def _stream(end: Any, method: str) -> StreamFD | None:
    """Return the descriptor of what is read and written as it is; None for everything else."""
    if isinstance(end, Conn):
        # That of Conn is compiled, and so is what own_methods() makes of it.
        as_it_is = isinstance(getattr(type(end), method), MethodDescriptorType)
    else:
        as_it_is = type(end) is PipeFile
    if not as_it_is:
        return None
    fd: StreamFD = end._fd  # noqa: SLF001 - of this package
    return fd if can_splice(fd) else None


def _failed(op: str, end: Any, error: OSError) -> OpError:
    if isinstance(end, Conn):
        return wrap_error(op, end.network, end.local_addr, end.remote_addr, error)
    return failure(op, error)


# ---- splice


def _splice(dst: Any, target: StreamFD, src: Any, source: StreamFD, limit: int) -> Outcome:
    try:
        pipe = relay()
    except OSError:  # no descriptors are left for it
        return _NOTHING
    done = 0
    try:
        while done != limit:
            got = _fill(pipe, src, source, _STEP if limit < 0 else limit - done)
            if got == NOT_HANDLED:
                return done, False
            if got == 0:
                break
            if _pump(pipe, dst, target) == NOT_HANDLED:
                return done + dst.write(pipe.rest()), False
            done += got
    except BaseException as error:
        add_written(error, done)
        raise
    finally:
        put_back(pipe)
    return done, True


def _fill(pipe: Relay, src: Any, source: StreamFD, count: int) -> int:
    try:
        return pipe.fill(source, count)
    except OSError as error:
        raise _failed("read", src, error) from error


def _pump(pipe: Relay, dst: Any, target: StreamFD) -> int:
    try:
        return pipe.pump(target)
    except OSError as error:
        raise _failed("write", dst, error) from error


# ---- sendfile


def _is_disk(src: Any) -> bool:
    """Whether it is a regular file that is read as it is on the disk, from its position on."""
    if not isinstance(src, DiskFile) and not is_file_of_open(src):
        return False
    return stat.S_ISREG(os.fstat(src.fileno()).st_mode)


def _send(dst: Any, target: StreamFD, src: Any, limit: int) -> Outcome:
    number = duplicate(src)
    if number is None:
        return _NOTHING
    start = src.tell()
    done = 0
    try:
        sent = send_from(target, number, start, limit)
        if sent == NOT_HANDLED:
            return _NOTHING
        done = sent
    except BaseException as error:
        done = getattr(error, "bytes_written", 0)
        if isinstance(error, OSError):
            raise _failed("write", dst, error) from error
        raise
    finally:
        os.close(number)
        with suppress(OSError, ValueError):  # somebody has closed it meanwhile
            src.seek(start + done)
    return done, True


# ---- copy_file_range


def _copy_range(dst: DiskFile, src: DiskFile, limit: int) -> Outcome:
    done = 0
    try:
        while done != limit:
            some = _RANGE if limit < 0 else min(_RANGE, limit - done)
            copied = blocking(dst._fd.copy_now, src._fd, some)  # noqa: SLF001 - of this package
            if copied == 0:
                break
            done += copied
    except BaseException as error:
        if done == 0 and isinstance(error, OSError) and error.errno in _NOT_THESE_TWO:
            # Closed is one as well; then the first read says so.
            return _NOTHING
        add_written(error, done)
        if isinstance(error, OSError):
            raise failure("copy", error) from error
        raise
    # Of files of /proc it may have copied nothing though there is something to read.
    return done, done > 0
