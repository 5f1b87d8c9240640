"""Each call of the table does what its name says, and asks a test first."""

import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from netpoll._runtime import syscalls
from netpoll._runtime.intercept import NAMES, address, intercept
from tests.kernel import answering, one_by_one, recorded
from tests.netpoll.table import PROTOTYPES, batch, buffers, call, errno_of, header, vector
from tests.running import says

MESSAGE = (b"data", b"control", socket.MSG_CTRUNC, b"sender")


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """Return the two numbers of a datagram socket's ends."""
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with a, b:
        a.setblocking(False)
        b.setblocking(False)
        yield a.fileno(), b.fileno()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    number = os.open(path, os.O_RDWR)
    yield number
    os.close(number)


# ---- the kernel ------------------------------------------------------------------------------


def test_vectors_are_written_and_read(pipe: tuple[int, int]) -> None:
    parts = buffers(b"he", b"llo")
    assert call("writev", pipe[1], vector(parts), 2) == 5
    into = buffers(1, 10)
    assert call("readv", pipe[0], vector(into), 2) == 5
    assert (into[0].raw, into[1].raw[:4]) == (b"h", b"ello")
    assert call("quiet_write", pipe[1], b"more", 4) == 4
    assert os.read(pipe[0], 10) == b"more"
    assert errno_of("readv", pipe[0], vector(into), 2) == "EAGAIN"


def test_a_file_is_read_and_written_at_an_offset(file: int) -> None:
    (into,) = buffers(4)
    assert call("pread", file, into, 4, 3) == 4
    assert into.raw == b"3456"
    assert call("pwrite", file, b"xy", 2, 8) == 2
    assert call("lseek", file, -3, os.SEEK_END) == 7
    assert os.read(file, 10) == b"7xy"
    assert call("fadvise", file, 0, 0, 3) == 0
    assert errno_of("fadvise", file, 0, 0, 99) == "EINVAL"


def test_an_offset_beyond_4_gib_arrives_whole(file: int) -> None:
    far = (5 << 30) + 1
    assert call("lseek", file, far, os.SEEK_SET) == far
    assert call("pwrite", file, b"x", 1, far) == 1
    assert os.fstat(file).st_size == far + 1
    (into,) = buffers(4)
    assert call("pread", file, into, 4, far) == 1
    offset = ctypes.c_int64(far)
    a, b = socket.socketpair()
    with a, b:
        assert call("sendfile", a.fileno(), file, ctypes.byref(offset), 10) == 1
        assert (offset.value, b.recv(10)) == (far + 1, b"x")


def test_datagrams_go_with_an_address(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as far,
    ):
        far.bind(str(tmp_path / "far"))
        near.bind(str(tmp_path / "near"))
        to = struct.pack("=H", socket.AF_UNIX) + str(tmp_path / "far").encode() + b"\0"
        assert call("sendto", near.fileno(), b"hello", 5, 0, to, len(to)) == 5
        into, sender = buffers(10, 110)
        length = ctypes.c_uint(110)
        assert call("recvfrom", far.fileno(), into, 10, 0, sender, ctypes.byref(length)) == 5
        assert into.value == b"hello"
        assert sender.raw[2 : length.value] == str(tmp_path / "near").encode() + b"\0"


def test_messages_go_one_by_one_and_in_batches(ends: tuple[int, int]) -> None:
    a, b = ends
    data = [buffers(b"one"), buffers(b"t", b"wo")]
    headers = [header(parts) for parts in data]
    assert call("sendmsg", a, ctypes.byref(headers[0]), 0) == 3
    both = batch(headers)
    assert call("sendmmsg", a, both, 2, 0) == 2
    assert [one.length for one in both] == [3, 3]

    into = [buffers(2), *(buffers(1, 9) for _ in range(3))]
    first = header(into[0])
    assert call("recvmsg", b, ctypes.byref(first), 0) == 2
    assert first.flags == socket.MSG_TRUNC
    more = batch([header(parts) for parts in into[1:]])
    assert call("recvmmsg", b, more, 3, 0) == 2
    assert [one.length for one in more] == [3, 3, 0]
    assert [part.value for part in into[2]] == [b"t", b"wo"]
    assert errno_of("recvmmsg", b, more, 3, 0) == "EAGAIN"


def test_data_passes_from_descriptor_to_descriptor(
    pipe: tuple[int, int], file: int, tmp_path: Path
) -> None:
    a, b = socket.socketpair()
    with a, b, (tmp_path / "copy").open("w+b") as copy:
        offset = ctypes.c_int64(2)
        assert call("sendfile", a.fileno(), file, ctypes.byref(offset), 3) == 3
        assert (offset.value, os.lseek(file, 0, os.SEEK_CUR)) == (5, 0)
        assert call("splice", b.fileno(), pipe[1], 10, 2) == 3
        assert call("splice", pipe[0], a.fileno(), 10, 2) == 3
        assert b.recv(10) == b"234"
        assert call("sendfile", a.fileno(), file, None, 3) == 3
        assert b.recv(10) == b"012"
        offset = ctypes.c_int64(8)
        assert call("copy_file_range", file, ctypes.byref(offset), copy.fileno(), None, 9) == 2
        assert offset.value == 10
        copy.seek(0)
        assert copy.read() == b"89"


def test_descriptors_are_opened_duplicated_and_asked(pipe: tuple[int, int], file: int) -> None:
    path = f"/proc/self/fd/{file}".encode()
    number = call("open", path, os.O_RDONLY | os.O_CLOEXEC)
    assert os.read(number, 3) == b"012"
    assert call("dup3", pipe[0], number, os.O_CLOEXEC) == number
    assert os.fstat(number).st_ino == os.fstat(pipe[0]).st_ino
    assert not os.get_inheritable(number)
    os.close(number)
    assert call("fcntl", pipe[0], fcntl.F_GETFL, 0) & os.O_NONBLOCK
    size = call("pipe_size", pipe[0], 100_000)
    assert size >= 100_000
    assert call("fcntl", pipe[1], 1032, 0) == size  # F_GETPIPE_SZ
    assert call("poll_now", pipe[0], select.POLLIN) == 0
    os.write(pipe[1], b"x")
    assert call("poll_now", pipe[0], select.POLLIN) == select.POLLIN
    assert call("unread", pipe[0]) == 1
    assert errno_of("unread", 1_000_000) == "EBADF"
    assert call("poll_now", 1_000_000, select.POLLIN) == select.POLLNVAL


# ---- a test in its place ---------------------------------------------------------------------

DETAILS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "quiet_write": ((b"data", 3), (b"dat",)),
    "readv": ((vector(buffers(3, 5)), 2), (8,)),
    "writev": ((vector(DATA := buffers(b"one", b"two")), 2), ([b"one", b"two"],)),
    "pread": ((buffers(3)[0], 3, 1 << 40), (3, 1 << 40)),
    "pwrite": ((b"data", 4, 1 << 40), (b"data", 1 << 40)),
    "lseek": ((1 << 40, 2), (1 << 40, 2)),
    "recvfrom": ((buffers(3)[0], 3, 0, None, None), (3,)),
    "sendto": ((b"data", 4, 0, b"address", 7), (b"data", b"address")),
    "recvmsg": ((header(buffers(3, 5), control=buffers(9)[0]), 0), (8, 9)),
    "sendmsg": ((header(DATA), 0), ([b"one", b"two"],)),
    "recvmmsg": ((batch([header(DATA)] * 3), 3, 0), (3,)),
    "sendmmsg": ((batch([header(DATA)] * 2), 2, 0), ([b"onetwo"] * 2,)),
    "sendfile": ((7, ctypes.c_int64(5), 3), (7, 5, 3)),
    "splice": ((7, 3, 0), (7, 3)),
    "copy_file_range": ((None, 7, None, 3), (7, 3)),
    "fadvise": ((1, 2, 3), (1, 2, 3)),
    "open": ((3,), (b"path", 3)),
    "dup3": ((7, os.O_CLOEXEC), (7,)),
    "fcntl": ((1, 2), (1, 2)),
    "pipe_size": ((4096,), (4096,)),
    "poll_now": ((1,), (1,)),
    "unread": ((), ()),
}
"""What each is called with besides the descriptor, and what of it the test's function gets."""


def by_reference(argument: Any) -> Any:
    return (
        ctypes.byref(argument)
        if isinstance(argument, (ctypes.Structure, ctypes.c_int64))
        else argument
    )


@pytest.mark.parametrize("name", DETAILS)
def test_the_function_gets_what_is_telling_and_answers(name: str) -> None:
    arguments, details = DETAILS[name]
    first = b"path" if name == "open" else 1_000_000
    arguments = (first, *map(by_reference, arguments))
    with recorded(name) as calls, suppress(OSError):
        call(name, *arguments)
    assert calls.made == [(name, (-1 if name == "open" else 1_000_000, *details))]
    with answering(**{name: one_by_one(2, -errno.EXFULL)}):
        assert call(name, *arguments) == 2
        assert errno_of(name, *arguments) == "EXFULL"


def test_all_that_is_new_here_is_called() -> None:
    assert DETAILS.keys() == PROTOTYPES.keys()
    assert DETAILS.keys() <= NAMES


def test_data_that_is_answered_is_received() -> None:
    two = buffers(3, 5)
    with answering(readv=lambda *_: b"hello", pread=lambda *_: b"hello"):
        assert call("readv", -1, vector(two), 2) == 5
        assert (two[0].raw, two[1].value) == (b"hel", b"lo")
        assert call("pread", -1, two[1], 4, 0) == 4
        assert two[1].value == b"hell"


def test_a_sender_that_is_answered_is_received() -> None:
    into, sender = buffers(5, 4)
    length = ctypes.c_uint(4)
    with answering(recvfrom=one_by_one((b"hello", b"sender"), b"plain")):
        assert call("recvfrom", -1, into, 5, 0, sender, ctypes.byref(length)) == 5
        assert (into.raw, sender.raw, length.value) == (b"hello", b"send", 6)
        assert call("recvfrom", -1, into, 5, 0, None, None) == 5
        assert into.raw == b"plain"


def test_messages_that_are_answered_are_received() -> None:
    into, name, control = buffers(3, 10, 10)
    one = header([into], name, control)
    with answering(recvmsg=lambda *_: MESSAGE):
        assert call("recvmsg", -1, ctypes.byref(one), 0) == 3
    assert (into.raw, name.value, control.value) == (b"dat", b"sender", b"control")
    assert one.flags == socket.MSG_TRUNC | socket.MSG_CTRUNC
    assert (one.name_length, one.control_length) == (6, 7)

    several = [buffers(10) for _ in range(3)]
    counted = batch([header(parts) for parts in several])
    with answering(recvmmsg=lambda *_: [b"one", MESSAGE, b"", b"too many"]):
        assert call("recvmmsg", -1, counted, 3, 0) == 3
    assert [one.length for one in counted] == [3, 4, 0]
    assert [one.header.flags for one in counted] == [0, socket.MSG_CTRUNC, 0]


def test_what_is_said_to_be_sent_is_counted() -> None:
    parts = buffers(b"one", b"four")
    counted = batch([header([part]) for part in parts])
    with answering(sendmmsg=lambda *_: 1):
        assert call("sendmmsg", -1, counted, 2, 0) == 1
    assert [one.length for one in counted] == [3, 0]
    offset = ctypes.c_int64(5)
    with answering(sendfile=one_by_one(4, -errno.EAGAIN)):
        assert call("sendfile", -1, -1, ctypes.byref(offset), 9) == 4
        assert errno_of("sendfile", -1, -1, ctypes.byref(offset), 9) == "EAGAIN"
    assert offset.value == 9


def test_the_table_gives_out_the_door_and_nothing_else() -> None:
    assert syscalls.intercept is intercept
    assert syscalls.NAMES is NAMES
    with pytest.raises(AttributeError, match="has no attribute 'kernel'"):
        _ = syscalls.kernel  # type: ignore[attr-defined]


def test_no_program_loads_the_door_that_is_for_tests() -> None:
    found = says("""
        import sys, netpoll
        print(*(f"netpoll._runtime.{name}" in sys.modules for name in ("syscalls", "intercept")))
    """)
    assert found == "True False\n"


def test_one_call_taken_over_leaves_the_others_alone() -> None:
    before = {name: address(name) for name in NAMES}
    intercept("recvmsg", lambda *_: None)
    intercept("send", lambda *_: None)
    intercept("send", None)
    try:
        changed = {name for name in NAMES if address(name) != before[name]}
    finally:
        intercept("recvmsg", None)
    assert changed == {"recvmsg"}
    assert {name: address(name) for name in NAMES} == before
