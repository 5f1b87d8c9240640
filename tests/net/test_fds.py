"""Descriptors that go to another process over a Unix socket, and messages that carry them."""

import array
import errno
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from types import FrameType
from typing import ParamSpec, TypeVar

import pytest

from netpoll import (
    ClosedError,
    DeadlineExceeded,
    GoroutineCancelled,
    OpError,
    blocking,
    go,
)
from netpoll.net import Message, UnixAddr, receiving
from tests.kernel import answering, one_by_one
from tests.net.ends import MORE_THAN_FITS
from tests.net.unix_ends import NETWORKS, STREAMS, connected, datagrams, pair
from tests.running import Outcome, in_run, open_descriptors, parked

P = ParamSpec("P")
T = TypeVar("T")

each_network = pytest.mark.parametrize("network", NETWORKS)
MOST = 253
"""Descriptors that one message may carry (unix(7))."""


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def close_all(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


def is_same(fd: int, other: int) -> bool:
    return os.path.sameopenfile(fd, other)


def rights(*fds: int) -> tuple[int, int, "array.array[int]"]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds)


# ---- from one to the other


@each_network
@in_run
def test_descriptors_go_with_data(network: str) -> None:
    with pair(network) as (near, far), pipe() as (reader, writer):
        assert near.send_fds(b"two", [reader, writer]) == 3
        data, fds, flags, sender = far.recv_fds(100, 10)
        assert (data, flags & ~socket.MSG_EOR) == (b"two", 0)
        assert sender == UnixAddr("", network)
        assert len(fds) == 2
        assert not {*fds} & {reader, writer}
        assert [is_same(*both) for both in zip(fds, (reader, writer), strict=True)] == [True] * 2
        os.write(fds[1], b"through")
        assert os.read(reader, 100) == b"through"
        close_all(fds)


@each_network
@in_run
def test_they_live_on_when_the_sender_has_closed_its_own(network: str) -> None:
    with pair(network) as (near, far):
        with pipe() as (reader, writer):
            os.write(writer, b"left behind")
            near.send_fds(b"x", [reader])
        _, fds, _, _ = far.recv_fds(1, 1)
        assert os.read(fds[0], 100) == b"left behind"
        close_all(fds)


@pytest.mark.parametrize("blocks", [True, False])
@in_run
def test_they_are_close_on_exec_and_else_as_they_were(blocks: bool) -> None:
    # Source: go1.27 net/unixsock_readmsg_test.go TestUnixConnReadMsgUnixSCMRightsCloseOnExec
    with connected() as (near, far), pipe() as (reader, _):
        os.set_inheritable(reader, True)
        os.set_blocking(reader, blocks)
        near.send_fds(b"x", [reader])
        _, fds, _, _ = far.recv_fds(1, 1)
        assert not os.get_inheritable(fds[0])
        assert os.get_blocking(fds[0]) is blocks
        assert os.get_inheritable(reader)
        close_all(fds)


@each_network
@in_run
def test_as_many_as_a_message_may_carry(network: str) -> None:
    with pair(network) as (near, far), pipe() as (reader, _):
        near.send_fds(b"many", [reader] * MOST)
        _, fds, _, _ = far.recv_fds(100, 1000)
        assert len(fds) == MOST
        close_all(fds)
        with pytest.raises(OpError, match=rf"^write {network} .*invalid argument$") as caught:
            near.send_fds(b"too many", [reader] * (MOST + 1))
        assert caught.value.errno == errno.EINVAL


@in_run
def test_numbers_are_taken_from_whatever_yields_them() -> None:
    with connected() as (near, far), pipe() as (reader, writer):
        ways = (iter([reader, writer]), (reader, writer), bytes([reader, writer]))
        for fds in ways:
            near.send_fds(b"x", fds)
            received = far.recv_fds(1, 2)[1]
            assert len(received) == 2
            assert is_same(received[1], writer)
            close_all(received)


@each_network
@in_run
def test_no_descriptors_are_plain_data(network: str) -> None:
    with pair(network) as (near, far):
        assert near.send_fds(b"plain", []) == 5
        assert far.read() == b"plain"
        near.write(b"plain")
        assert far.recv_fds(100, 10)[:2] == (b"plain", [])


@pytest.mark.parametrize("network", ["unixpacket", "unixgram"])
@in_run
def test_an_empty_message_carries_descriptors(network: str) -> None:
    with pair(network) as (near, far), pipe() as (reader, _):
        assert near.send_fds(b"", [reader]) == 0
        data, fds, _, _ = far.recv_fds(100, 10)
        assert data == b""
        assert is_same(fds[0], reader)
        close_all(fds)


@in_run
def test_a_stream_carries_none_without_data() -> None:
    # The kernel would say nothing, and lose them.
    with connected() as (near, far), pipe() as (reader, _):
        nothings: list[list[bytes]] = [[], [b""], [b"", b""]]
        for nothing in nothings:
            with pytest.raises(ValueError, match=r"only along with data$"):
                near.sendmsg(nothing, [rights(reader)])
        with pytest.raises(ValueError, match=r"only along with data$"):
            near.send_fds(b"", [reader])
        near.write(b"nothing came before")
        assert far.recv_fds(100, 1)[:2] == (b"nothing came before", [])
        assert near.sendmsg([]) == near.sendmsg([b""]) == near.send_fds(b"", []) == 0


@in_run
def test_datagrams_go_to_an_address_with_descriptors() -> None:
    with datagrams() as (near, _), pipe() as (reader, _):
        with pytest.raises(OpError, match=r"transport endpoint is already connected$"):
            near.send_fds(b"x", [reader], UnixAddr("@x", "unixgram"))


@in_run
def test_a_read_goes_no_further_than_data_that_descriptors_came_with() -> None:
    with connected() as (near, far), pipe() as (reader, _):
        near.write(b"before, ")
        near.send_fds(b"with", [reader])
        near.send_fds(b"more", [reader] * 2)
        near.write(b"after")
        for expected, number in ((b"before, with", 1), (b"more", 2), (b"after", 0)):
            data, fds, _, _ = far.recv_fds(100, 10)
            assert (data, len(fds)) == (expected, number)
            close_all(fds)


@pytest.mark.parametrize("network", STREAMS)
@in_run
def test_a_plain_read_drops_descriptors_without_a_leak(network: str) -> None:
    with connected(network) as (near, far), pipe() as (reader, _):
        before = open_descriptors()
        near.send_fds(b"x", [reader] * 5)
        assert far.read() == b"x"
        assert open_descriptors() == before


@in_run
def test_more_data_than_fits_takes_its_descriptors_along_once() -> None:
    with connected() as (near, far), pipe() as (reader, _):
        size = 3 << 20
        sender = parked(go(near.send_fds, bytes(size), [reader]))
        received, passed = 0, []
        while received < size:
            data, fds, _, _ = far.recv_fds(1 << 16, 10)
            received += len(data)
            passed.append(len(fds))
            close_all(fds)
        assert sender.join(timeout=5) == size
        assert (passed[0], sum(passed)) == (1, 1)


@in_run
def test_a_send_that_is_cut_short_says_how_much_was_taken() -> None:
    with connected() as (near, _), pipe() as (reader, _):
        near.settimeout(0.01)
        with pytest.raises(DeadlineExceeded) as caught:
            near.send_fds(MORE_THAN_FITS, [reader])
        assert 0 < caught.value.bytes_written < len(MORE_THAN_FITS)


# ---- more than there is room for


@pytest.mark.parametrize("room", [0, 1, 2, 3, 4])
@each_network
@in_run
def test_if_more_come_than_asked_for_none_is_kept(network: str, room: int) -> None:
    with pair(network) as (near, far), pipe() as (reader, _):
        before = open_descriptors()
        near.send_fds(b"the data", [reader] * 5)
        near.write(b"next")
        with pytest.raises(OpError, match=r"control data truncated$") as caught:
            far.recv_fds(100, room)
        error = caught.value
        assert (error.op, error.network, error.errno) == ("read", network, errno.EMSGSIZE)
        assert error.data == b"the data"  # type: ignore[attr-defined]
        assert open_descriptors() == before
        assert far.read() == b"next"


@pytest.mark.parametrize("came", [1, 2, 3, 4, 5, 6])
@each_network
@in_run
def test_credentials_leave_room_for_descriptors(network: str, came: int) -> None:
    with pair(network) as (near, far), pipe() as (reader, _):
        far.pass_credentials(True)
        before = open_descriptors()
        near.send_fds(b"x", [reader] * came)
        if came <= 3:
            _, fds, _, _ = far.recv_fds(100, 3)
            assert len(fds) == came
            close_all(fds)
        else:
            with pytest.raises(OpError, match=r"control data truncated$"):
                far.recv_fds(100, 3)
        assert open_descriptors() == before


@in_run
def test_a_descriptor_of_the_senders_process_is_not_left_open() -> None:
    with connected() as (near, far), pipe() as (reader, _):
        try:
            far.setsockopt(socket.SOL_SOCKET, 76, 1)  # SO_PASSPIDFD, of Linux 6.5
        except OpError:
            pytest.skip("this kernel gives no descriptor of the sender's process")
        before = open_descriptors()
        for number in range(4):
            near.send_fds(b"x", [reader] * number)
            try:
                close_all(far.recv_fds(100, 2)[1])
            except OpError:
                assert number == 3
            assert open_descriptors() == before


@in_run
def test_control_data_that_is_cut_brings_no_descriptors() -> None:
    with connected() as (near, far), pipe() as (reader, _):
        before = open_descriptors()
        near.send_fds(b"x", [reader] * 5)
        data, control, flags, _ = far.recvmsg(100, socket.CMSG_LEN(8))
        assert (data, control) == (b"x", [])
        assert flags & socket.MSG_CTRUNC
        assert open_descriptors() == before


@in_run
def test_an_error_after_they_came_leaves_none_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with connected() as (near, far), pipe() as (reader, _):
        before = open_descriptors()
        near.send_fds(b"x", [reader] * 5)
        monkeypatch.setattr(receiving, "decode", fail)
        with pytest.raises(MemoryError):
            far.recv_fds(100, 5)
        assert open_descriptors() == before


class _Interrupted(BaseException):
    """What a signal handler raises."""


def interrupted(moment: int, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call fn; raise where a signal handler could run, at the moment with this number.

    The handler of a signal runs where Python code calls, is called or returns. What it raises when
    fn has returned to its caller is the caller's to bear.
    """
    here = sys._getframe()
    left = moment

    def raise_there(frame: FrameType, _event: str, _detail: object) -> None:
        nonlocal left
        if frame is here:
            return
        if left == 0:
            sys.setprofile(None)
            raise _Interrupted
        left -= 1

    sys.setprofile(raise_there)
    try:
        return fn(*args, **kwargs)
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("way", ["recv_fds", "recvmsg"])
@each_network
@in_run
def test_a_signal_handler_that_raises_loses_no_descriptor(network: str, way: str) -> None:
    with pair(network) as (near, far), pipe() as (reader, _):
        room = 5 if way == "recv_fds" else socket.CMSG_SPACE(20)
        assert repr(far)  # has its addresses by now: no round is shorter than the one before
        before = open_descriptors()
        for moment in count():
            near.send_fds(b"x", [reader] * 5)
            try:
                result = interrupted(moment, getattr(far, way), 100, room)
            except _Interrupted:
                assert open_descriptors() == before, f"lost at moment {moment}"
            else:
                break
        assert moment > 1
        received = result[1] if way == "recv_fds" else array.array("i", result.control[0][2])
        close_all(list(received))
        assert open_descriptors() == before


# ---- what is wrong


@each_network
@in_run
def test_what_is_no_descriptor_is_not_sent(network: str) -> None:
    with pair(network) as (near, far), pipe() as (reader, writer):
        gone = os.dup(reader)
        os.close(gone)
        for wrong in (gone, -1, 1 << 30):
            with pytest.raises(OpError, match=r"bad file descriptor$") as caught:
                near.send_fds(b"x", [writer, wrong])
            assert not isinstance(caught.value, ClosedError)
        for number in (1 << 31, 1 << 64):
            with pytest.raises(ValueError, match=r"C int$"):
                near.send_fds(b"x", [number])
        for other in ("x", 1.0, None):
            with pytest.raises(TypeError):
                near.send_fds(b"x", [other])  # type: ignore[list-item]
        with pytest.raises(TypeError):
            near.send_fds("text", [reader])  # type: ignore[arg-type]
        near.write(b"the first that came")
        assert far.read() == b"the first that came"


@each_network
@in_run
def test_a_negative_number_is_refused_before_anything_is_read(network: str) -> None:
    with pair(network) as (near, far):
        near.write(b"x")
        for n, most in ((-1, 1), (1, -1)):
            with pytest.raises(ValueError, match=r"a negative number of"):
                far.recv_fds(n, most)
        with pytest.raises(TypeError):
            far.recv_fds(1, 1.5)  # type: ignore[arg-type]
        assert far.recv_fds(1, 1)[:2] == (b"x", [])


@pytest.mark.parametrize("network", STREAMS)
@in_run
def test_the_end_and_what_comes_after_close(network: str) -> None:
    with connected(network) as (near, far):
        near.close()
        assert far.recv_fds(100, 1)[:2] == (b"", [])
        assert far.recvmsg() == Message(b"", [], 0, None)
        with pytest.raises(BrokenPipeError, match=rf"^write {network} "):
            far.send_fds(b"x", [0])
        for call in (
            lambda: near.recv_fds(1, 1),
            lambda: near.send_fds(b"x", [0]),
            near.recvmsg,
            lambda: near.sendmsg([b"x"]),
        ):
            with pytest.raises(ClosedError, match=rf"^(read|write) {network} "):
                call()


# ---- waiting


@each_network
@in_run
def test_who_waits_for_descriptors_is_woken(network: str) -> None:
    with pair(network) as (near, far), pipe() as (reader, _):
        waiting = parked(go(far.recv_fds, 100, 1))
        near.send_fds(b"x", [reader])
        data, fds, _, _ = waiting.join(timeout=5)
        assert data == b"x"
        close_all(fds)

        waiting = parked(go(far.recv_fds, 100, 1))
        far.set_read_deadline(1e-9)
        with pytest.raises(DeadlineExceeded):
            waiting.join(timeout=5)
        far.set_read_deadline(None)

        waiting = parked(go(far.recv_fds, 100, 1))
        far.close()
        with pytest.raises(ClosedError):
            waiting.join(timeout=5)


@pytest.mark.parametrize("turns", range(6))
@each_network
@in_run
def test_a_cancellation_loses_no_descriptor(network: str, turns: int) -> None:
    # Whether it comes before the message or after: what was taken out is closed or handed out.
    with pair(network) as (near, far), pipe() as (reader, _):
        waiting = parked(go(far.recv_fds, 100, 1))
        before = open_descriptors()
        near.send_fds(b"x", [reader])
        run_others(turns)
        waiting.cancel()
        try:
            _, fds, _, _ = waiting.join(timeout=5)
        except GoroutineCancelled:
            _, fds, _, _ = far.recv_fds(100, 1)
        assert len(fds) == 1
        close_all(fds)
        assert open_descriptors() == before


def run_others(turns: int) -> None:
    for _ in range(turns):
        go(int).join()


@in_run
def test_a_signal_in_the_midst_is_no_end() -> None:
    with connected() as (near, far), pipe() as (reader, _):
        with answering(
            sendmsg=one_by_one(-errno.EINTR), recvmsg=one_by_one(-errno.EINTR, -errno.EAGAIN)
        ):
            near.send_fds(b"x", [reader])
            _, fds, _, _ = far.recv_fds(100, 1)
        assert len(fds) == 1
        close_all(fds)


def inherited() -> str:
    """Return which descriptors a program begun now has, besides the one that it finds out with."""
    child = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
    command = [sys.executable, "-I", "-S", "-c", child]
    return subprocess.run(
        command,
        check=True,
        close_fds=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    ).stdout


@in_run
def test_a_program_begun_meanwhile_inherits_none() -> None:
    over = threading.Event()

    def spawn() -> set[str]:
        try:
            return {inherited() for _ in range(8)}
        finally:
            over.set()

    before = inherited()
    with connected() as (near, far), pipe() as (reader, _):
        thread = Outcome(spawn)
        thread.start()
        while not over.is_set():
            near.send_fds(b"x", [reader] * 20)
            close_all(far.recv_fds(1, 20)[1])
        assert blocking(thread.result) == {before}


# ---- messages


@pytest.mark.parametrize("network", STREAMS)
@in_run
def test_a_message_has_data_control_data_and_flags(network: str) -> None:
    with connected(network) as (near, far), pipe() as (reader, _):
        assert near.sendmsg([b"gat", bytearray(b"her"), memoryview(b"ed")], [rights(reader)]) == 8
        assert far.recvmsg(3, 0, socket.MSG_PEEK).data == b"gat"
        message = far.recvmsg(100, socket.CMSG_SPACE(4))
        assert isinstance(message, Message)
        assert message.data == b"gathered"
        assert message.addr is None
        ((level, kind, data),) = message.control
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        (fd,) = array.array("i", data)
        assert is_same(fd, reader)
        os.close(fd)


@in_run
def test_what_has_no_room_is_told_of() -> None:
    with connected("unixpacket") as (near, far):
        near.sendmsg([b"too long"])
        near.sendmsg([b""])
        near.sendmsg([b"next"])
        cut = far.recvmsg(3)
        assert cut.data == b"too"
        assert cut.flags & socket.MSG_TRUNC
        assert [far.recvmsg().data, far.recvmsg().data] == [b"", b"next"]


@pytest.mark.parametrize("network", STREAMS)
@in_run
def test_one_buffer_is_not_several(network: str) -> None:
    with connected(network) as (near, _):
        for one in (b"x", bytearray(b"x"), memoryview(b"x"), "x"):
            with pytest.raises(TypeError, match=r"one alone is for write"):
                near.sendmsg(one)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            near.sendmsg(["x"])  # type: ignore[list-item]
