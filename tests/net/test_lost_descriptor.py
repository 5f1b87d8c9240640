"""A descriptor that somebody else closed behind our back."""

import errno
import os
from collections.abc import Callable

import pytest

from netpoll import ClosedError, OpError, go, net
from tests.net.ends import connected
from tests.running import in_run, parked

Operation = Callable[[net.TCPConn], object]
OPERATIONS: dict[str, Operation] = {
    "read": net.TCPConn.read,
    "readinto": lambda conn: conn.readinto(bytearray(1)),
    "write": lambda conn: conn.write(b"x"),
    "writev": lambda conn: conn.writev([b"x"]),
    "close_write": net.TCPConn.close_write,
    "set_no_delay": lambda conn: conn.set_no_delay(True),
}


@pytest.mark.parametrize("name", OPERATIONS)
@in_run
def test_each_operation_says_that_the_number_is_none(name: str) -> None:
    with connected() as (near, _):
        os.close(near.fileno())
        with pytest.raises(OpError, match=r" tcp .*->.*: bad file descriptor$") as caught:
            OPERATIONS[name](near)
        assert caught.value.errno == errno.EBADF
        assert not isinstance(caught.value, ClosedError)  # nobody closed the connection


@in_run
def test_who_waits_is_freed_by_close() -> None:
    with connected() as (near, _):
        reader = parked(go(near.read))
        os.close(near.fileno())
        near.close()
        with pytest.raises(ClosedError):
            reader.join(5)


@in_run
def test_the_next_owner_of_the_number_frees_who_waits_and_keeps_it() -> None:
    with connected() as (near, far):
        number = near.fileno()
        reader = parked(go(near.read))
        os.close(number)
        with connected() as ends:
            other, stranger = ends if ends[0].fileno() == number else ends[::-1]
            assert other.fileno() == number
            others_reader = parked(go(other.read))
            with pytest.raises(OpError, match="bad file descriptor"):
                reader.join(5)
            for operation in OPERATIONS.values():
                if operation not in (OPERATIONS["close_write"], OPERATIONS["set_no_delay"]):
                    with pytest.raises(OpError, match="bad file descriptor"):
                        operation(near)
            near.close()
            stranger.write(b"for the new owner")
            assert others_reader.join(5) == b"for the new owner"
            other.write(b"and back")
            assert stranger.read() == b"and back"
        assert far.read() == b""


@in_run
def test_a_listener_that_lost_its_number_does_not_end_in_silence() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with net.dial("tcp", str(listener.local_addr)), listener.accept():
            os.close(listener.fileno())
        with pytest.raises(OpError, match=r"^accept tcp .*: bad file descriptor$"):
            next(listener)
