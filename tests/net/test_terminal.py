"""Terminals and odd devices as files: read, copied and given up like pipes."""

import errno
import os
import pty
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

import netpoll
from netpoll import go, net, open_fd
from tests.net.ends import connected, read_exactly
from tests.running import in_run, parked

TUN = "/dev/net/tun"


@contextmanager
def terminal() -> Iterator[tuple[int, netpoll.File]]:
    """Return the master of a pseudo-terminal, as a number, and its other end as a file."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    with open_fd(slave) as file:
        try:
            yield master, file
        finally:
            os.close(master)


@in_run
def test_what_is_typed_is_copied_to_a_socket_as_it_comes() -> None:
    # Source: go1.27 net/sendfile_unix_test.go TestCopyFromTTY; splice(2) takes no terminal.
    with terminal() as (master, file), connected() as (near, far):
        copying = parked(go(net.copy, near, file))
        for typed in (b"one", b"two"):
            os.write(master, typed)
            assert read_exactly(far, 3) == typed
            parked(copying)
        file.close()
        with pytest.raises(netpoll.ClosedError) as caught:
            copying.join()
        assert caught.value.bytes_written == 6


@in_run
def test_so_many_bytes_of_it_are_copied_and_no_more() -> None:
    with terminal() as (master, file), connected() as (near, far):
        os.write(master, b"three more")
        assert net.copy(near, file, 5) == 5
        assert read_exactly(far, 5) == b"three"
        assert file.read() == b" more"


@in_run
def test_what_a_socket_sends_is_copied_to_it() -> None:
    with terminal() as (master, file), connected() as (near, far):
        far.write(b"shown")
        far.close_write()
        assert net.copy(file, near) == 5
        assert os.read(master, 9) == b"shown"


@in_run
def test_a_device_that_is_in_no_state_to_be_read_says_so() -> None:
    # Source: go1.27 internal/poll/error_test.go TestReadError; the poller reports an error alone.
    try:
        number = os.open(TUN, os.O_RDWR)
    except OSError as error:
        pytest.skip(f"{TUN}: {error.strerror}")
    with open_fd(number) as file:
        begin = monotonic()
        for operation in (file.read, lambda: file.write(b"x")):
            with pytest.raises(netpoll.OpError) as caught:
                operation()
            assert caught.value.errno == errno.EBADFD
        file.settimeout(5)
        with pytest.raises(netpoll.OpError) as caught:
            file.read()
        assert caught.value.errno == errno.EBADFD
        assert monotonic() - begin < 5
