"""The table of system calls, called as compiled code calls it: through its pointers."""

import ctypes
import errno
import os
from collections.abc import Sequence
from typing import Any

from netpoll._runtime.intercept import address

INT = ctypes.c_int
COUNT = ctypes.c_uint
LONG = ctypes.c_long
SIZE = ctypes.c_size_t
TAKEN = ctypes.c_ssize_t
OFFSET = ctypes.c_int64
DATA = ctypes.c_void_p

PROTOTYPES: dict[str, tuple[Any, ...]] = {
    "quiet_write": (TAKEN, INT, DATA, SIZE),
    "readv": (TAKEN, INT, DATA, INT),
    "writev": (TAKEN, INT, DATA, INT),
    "pread": (TAKEN, INT, DATA, SIZE, OFFSET),
    "pwrite": (TAKEN, INT, DATA, SIZE, OFFSET),
    "lseek": (OFFSET, INT, OFFSET, INT),
    "recvfrom": (TAKEN, INT, DATA, SIZE, INT, DATA, DATA),
    "sendto": (TAKEN, INT, DATA, SIZE, INT, DATA, COUNT),
    "recvmsg": (TAKEN, INT, DATA, INT),
    "sendmsg": (TAKEN, INT, DATA, INT),
    "recvmmsg": (INT, INT, DATA, COUNT, INT),
    "sendmmsg": (INT, INT, DATA, COUNT, INT),
    "sendfile": (TAKEN, INT, INT, DATA, SIZE),
    "splice": (TAKEN, INT, INT, SIZE, COUNT),
    "copy_file_range": (TAKEN, INT, DATA, INT, DATA, SIZE),
    "fadvise": (INT, INT, OFFSET, OFFSET, INT),
    "open": (INT, ctypes.c_char_p, INT),
    "dup3": (INT, INT, INT, INT),
    "fcntl": (INT, INT, INT, LONG),
    "pipe_size": (INT, INT, INT),
    "poll_now": (INT, INT, INT),
    "unread": (INT, INT),
}
"""What each returns and takes."""


def call(name: str, *arguments: Any) -> int:
    """Call what stands in the table; OSError for -1."""
    function = ctypes.CFUNCTYPE(*PROTOTYPES[name], use_errno=True)(address(name))
    ctypes.set_errno(0)
    returned = int(function(*arguments))
    if returned == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return returned


def errno_of(name: str, *arguments: Any) -> str:
    """Return the name of the errno that a call fails with."""
    try:
        returned = call(name, *arguments)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    raise AssertionError(f"{name} returned {returned}")


class Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", DATA), ("length", SIZE))


class Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", DATA),
        ("name_length", COUNT),
        ("vector", ctypes.POINTER(Vector)),
        ("count", SIZE),
        ("control", DATA),
        ("control_length", SIZE),
        ("flags", INT),
    )


class Counted(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (("header", Header), ("length", COUNT))


Buffer = Any  # of ctypes.create_string_buffer, whose type has no public name


def buffers(*contents: bytes | int) -> list[Buffer]:
    """Return buffers with this data, or of this size."""
    return [
        ctypes.create_string_buffer(one, len(one))
        if isinstance(one, bytes)
        else ctypes.create_string_buffer(one)
        for one in contents
    ]


def vector(several: Sequence[Buffer]) -> Any:
    """Return an array of struct iovec over buffers, which the caller keeps alive."""
    return (Vector * len(several))(*(Vector(ctypes.addressof(one), len(one)) for one in several))


def header(several: Sequence[Buffer], name: Buffer = b"", control: Buffer = b"") -> Header:
    """Return a struct msghdr over buffers, which the caller keeps alive."""
    return Header(
        ctypes.addressof(name) if name else None,
        len(name),
        vector(several),
        len(several),
        ctypes.addressof(control) if control else None,
        len(control),
        0,
    )


def batch(headers: Sequence[Header]) -> Any:
    """Return an array of struct mmsghdr."""
    return (Counted * len(headers))(*(Counted(one, 0) for one in headers))
