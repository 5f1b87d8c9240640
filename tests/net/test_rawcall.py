"""System calls of the user's own on connections and listeners, and what their errors say."""

import errno
import gc
import os
import socket
import weakref
from time import monotonic

import pytest

from netpoll import ClosedError, DeadlineExceeded, OpError, go, net
from tests.net.ends import connected, fill, read_exactly
from tests.running import in_run, parked


@in_run
def test_a_connection_is_read_and_written_by_hand() -> None:
    # Source: go1.27 net/rawconn_test.go TestRawConnReadWrite
    with connected() as (near, far):
        reading = parked(go(near.raw_read, lambda number: os.read(number, 10)))
        assert far.raw_write(lambda number: os.write(number, b"by hand")) == 7
        assert reading.join() == b"by hand"


@in_run
def test_a_write_by_hand_waits_for_room() -> None:
    with connected() as (near, far):
        taken = fill(near)
        writing = parked(go(near.raw_write, lambda number: os.write(number, b"!")))
        assert read_exactly(far, taken + 1)[-1:] == b"!"
        assert writing.join() == 1


@in_run
def test_control_is_for_what_neither_reads_nor_writes() -> None:
    # Source: go1.27 net/rawconn_test.go TestRawConnControl
    with net.listen("tcp", "127.0.0.1:0") as listener:
        assert listener.raw_control(os.get_inheritable) is False
        accepting = parked(go(listener.accept))
        assert listener.raw_control(lambda number: number) == listener.fileno()
        with net.dial("tcp", str(listener.local_addr)) as near, accepting.join():
            assert near.raw_control(os.get_blocking) is False
        assert not hasattr(listener, "raw_read")
        assert not hasattr(listener, "raw_write")


@in_run
def test_an_error_of_the_descriptor_says_what_was_being_done() -> None:
    with connected() as (near, _):
        near.set_deadline(monotonic() - 1)
        for op, raw in (("raw-read", near.raw_read), ("raw-write", near.raw_write)):
            with pytest.raises(
                DeadlineExceeded, match=rf"^{op} tcp .*->.*: i/o timeout$"
            ) as caught:
                raw(os.fstat)
            assert (caught.value.op, caught.value.addr) == (op, near.remote_addr)
        near.set_deadline(None)
        waiting = parked(go(near.raw_read, lambda number: os.read(number, 1)))
        near.close()
        with pytest.raises(ClosedError, match=r"^raw-read tcp .*->.*: use of closed network"):
            waiting.join()
        with pytest.raises(ClosedError, match=r"^raw-control tcp .*->.*: use of closed network"):
            near.raw_control(os.fstat)
    with net.listen("tcp", "127.0.0.1:0") as listener:
        listener.close()
        with pytest.raises(ClosedError, match=r"^raw-control tcp 127.0.0.1:\d+: use of closed"):
            listener.raw_control(os.fstat)


@in_run
def test_an_error_of_the_function_is_raised_as_it_is() -> None:
    def fails(_: int) -> None:
        raise failure

    failures = [
        OSError(errno.ENOBUFS, "x"),
        OpError("frob", errno=errno.EIO),
        DeadlineExceeded("nested"),
        ZeroDivisionError(),
    ]
    with connected() as (near, _):
        for failure in failures:
            for raw in (near.raw_read, near.raw_write, near.raw_control):
                with pytest.raises(type(failure)) as caught:
                    raw(fails)
                assert caught.value is failure
                assert failure.__cause__ is None


@in_run
def test_an_error_of_the_function_is_freed_at_once() -> None:
    class Failure(OSError):
        pass

    def fails(_: int) -> None:
        raise Failure

    def catch() -> "weakref.ref[Failure]":
        try:
            near.raw_read(fails)
        except Failure as failure:
            return weakref.ref(failure)
        raise AssertionError

    gc.disable()
    try:
        with connected() as (near, _):
            assert catch()() is None
    finally:
        gc.enable()


@in_run
def test_out_of_band_data_is_read_by_hand() -> None:
    """What there is no method for can be had: here with a function of the socket module."""

    def urgent(number: int) -> bytes:
        with socket.socket(fileno=number) as sock:
            try:
                return sock.recv(1, socket.MSG_OOB)
            finally:
                sock.detach()

    with connected() as (near, far):
        far.raw_write(lambda number: send_urgent(number, b"!"))
        near.read(0)
        assert near.raw_control(urgent) == b"!"


def send_urgent(number: int, data: bytes) -> int:
    with socket.socket(fileno=number) as sock:
        try:
            return sock.send(data, socket.MSG_OOB)
        finally:
            sock.detach()
