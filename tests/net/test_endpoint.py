"""What each end has, whatever flows through it: here over sockets of every kind."""

import copy
import errno
import os
import pickle
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from netpoll import ClosedError, DeadlineExceeded, OpError, blocking, go, net
from netpoll._poll.socket_fd import SocketFD
from netpoll._poll.stream_fd import StreamFD
from netpoll.net import UDPAddr, UnixAddr
from netpoll.net.endpoint import Endpoint, own_methods
from tests.kernel import answering
from tests.net.ends import connected, read_all
from tests.running import Outcome, in_run, open_descriptors, parked
from tests.tcp import HOST, raw


@contextmanager
def datagrams() -> Iterator[Endpoint]:
    """Return an end that has an address and no peer."""
    fd = SocketFD.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        fd.bind(raw((HOST, 0)))
        yield Endpoint(fd, "udp", fd.getsockname())
    finally:
        fd.close()


@contextmanager
def unix_pair(kind: int = socket.SOCK_STREAM) -> Iterator[tuple[net.Conn, net.Conn]]:
    """Return both ends of a connection that has no names."""
    near, far = (StreamFD.adopt(end.detach()) for end in socket.socketpair(socket.AF_UNIX, kind))
    ends = [net.Conn(fd, "unix", fd.getsockname(), fd.getpeername()) for fd in (near, far)]
    with ends[0], ends[1]:
        yield ends[0], ends[1]


# ---- who and where


@in_run
def test_an_end_without_a_peer_has_one_address() -> None:
    with datagrams() as end:
        assert isinstance(end.local_addr, UDPAddr)
        assert end.local_addr.ip == HOST
        assert end.remote_addr is None
        assert end.network == "udp"
        assert repr(end) == f"<Endpoint udp {end.local_addr}>"
        end.close()
        assert repr(end) == f"<Endpoint udp {end.local_addr} closed>"


@in_run
def test_ends_without_names_have_addresses_too() -> None:
    with unix_pair() as (near, far):
        assert near.local_addr == near.remote_addr == far.local_addr == UnixAddr("")
        assert repr(near) == "<Conn unix @->@>"
        near.write(b"x")
        assert far.read() == b"x"
        far.close()
        with pytest.raises(OpError, match=r"^write unix @->@: broken pipe$"):
            near.write(b"x")


@in_run
def test_an_end_is_not_made_by_its_class() -> None:
    fd = SocketFD.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wrong: list[tuple[Any, ...]] = [(), (fd,), (fd, "udp"), (None, "udp", b"")]
    try:
        for arguments in wrong:
            with pytest.raises(TypeError, match=r"made by net\.dial"):
                Endpoint(*arguments)
    finally:
        fd.close()


@in_run
def test_a_connection_takes_nothing_but_a_stream() -> None:
    with datagrams() as end, pytest.raises(TypeError, match="StreamFD"):
        net.TCPConn(end._fd, "tcp", b"", b"")  # type: ignore[arg-type]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
@in_run
def test_an_end_cannot_be_copied(duplicate: Callable[[object], object]) -> None:
    with datagrams() as end, unix_pair() as (conn, _):
        for one in (end, conn):
            with pytest.raises(TypeError, match="a connection cannot be copied or pickled"):
                duplicate(one)


# ---- another descriptor


@in_run
def test_a_duplicate_is_another_descriptor_of_the_same_socket() -> None:
    with connected() as (near, far):
        number = near.dup()
        with socket.socket(fileno=number) as twin:
            assert number != near.fileno()
            assert not os.get_inheritable(number)
            assert not os.get_blocking(number)
            near.close()
            twin.sendall(b"still there")
            assert far.read() == b"still there"
            reader = parked(go(far.read))
            assert not reader.done  # the end comes when the last descriptor is closed
        assert reader.join() == b""


@in_run
def test_a_duplicate_that_is_made_to_block_does_no_harm() -> None:
    with connected() as (near, far), socket.socket(fileno=near.dup()) as twin:
        twin.setblocking(True)
        near.settimeout(0.01)
        with pytest.raises(DeadlineExceeded):
            near.read()
        far.write(b"x")
        assert near.read() == b"x"


@in_run
def test_what_happens_to_a_duplicate_later_concerns_nobody_here() -> None:
    # While a duplicate is open, the kernel keeps an epoll registration that was not taken back.
    with connected() as (near, far):
        with pytest.raises(DeadlineExceeded):
            near.settimeout(0.001)
            near.read()
        with socket.socket(fileno=near.dup()) as twin:
            near.close()
            with connected() as (again, other):
                reader = parked(go(again.read))
                far.write(b"for the duplicate")
                other.write(b"x")
                assert reader.join() == b"x"
            assert twin.recv(100) == b"for the duplicate"


@in_run
def test_no_descriptor_left_for_a_duplicate_is_told() -> None:
    with datagrams() as end:
        before = open_descriptors()
        with answering(dup=lambda _: -errno.EMFILE), pytest.raises(OpError) as caught:
            end.dup()
        assert str(caught.value) == f"dup udp {end.local_addr}: too many open files"
        assert open_descriptors() == before


@in_run
def test_a_hundred_duplicates_and_a_close_leave_nothing_open() -> None:
    # Source: go1.27 net/file_unix_test.go, net/net_test.go TestFileCloseRace
    for _ in range(100):
        with connected() as (near, far):
            thread = Outcome(near.dup)
            thread.start()
            near.close()
            with suppress(ClosedError):
                os.close(blocking(thread.result))
            assert read_all(far) == b""


# ---- options


@in_run
def test_an_option_is_an_int_or_bytes() -> None:
    with datagrams() as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST) == 1
        end.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, struct.pack("=i", 0))
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST) == 0
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_DGRAM


@in_run
def test_an_option_that_there_is_not_is_told_with_what_was_being_done() -> None:
    with datagrams() as end:
        with pytest.raises(OpError) as caught:
            end.setsockopt(socket.SOL_SOCKET, 9999, 1)
        assert caught.value.errno == errno.ENOPROTOOPT
        assert str(caught.value) == f"set udp {end.local_addr}: protocol not available"
        with pytest.raises(OpError, match=r"^get udp .*: protocol not available$"):
            end.getsockopt(socket.SOL_SOCKET, 9999)


@in_run
def test_what_is_no_option_is_refused() -> None:
    wrong: list[Any] = ["1", None, 1.5, [1]]
    with datagrams() as end:
        for value in wrong:
            with pytest.raises(TypeError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, value)
            with pytest.raises(TypeError):
                end.getsockopt(socket.SOL_SOCKET, value)
        for arguments in [(2**31, 1, 1), (1, -(2**31) - 1, 1), (1, 1, 2**64)]:
            with pytest.raises(ValueError, match="C int"):
                end.setsockopt(*arguments)
        with pytest.raises(ValueError, match="C int"):
            end.getsockopt(1, 2**31)


# ---- the end


@in_run
def test_each_method_of_a_closed_end_says_so() -> None:
    with datagrams() as end:
        with end as same:
            states = [end.closed]
        end.close()
        states.append(end.closed)
        assert (same, states) == (end, [False, True])
        calls: dict[str, list[Callable[[], object]]] = {
            "fileno": [end.fileno],
            "dup": [end.dup],
            "set": [
                lambda: end.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1),
                lambda: end.set_deadline(None),
                lambda: end.set_read_deadline(1.0),
                lambda: end.set_write_deadline(1.0),
            ],
            "get": [lambda: end.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)],
        }
        for op, ways in calls.items():
            for call in ways:
                with pytest.raises(ClosedError) as caught:
                    call()
                expected = f"{op} udp {end.local_addr}: use of closed network connection"
                assert str(caught.value) == expected


def test_what_was_never_initialised_fails_cleanly() -> None:
    class Careless(Endpoint):
        def __init__(self) -> None:  # the base class is forgotten
            pass

    end = Careless()
    uses: list[Callable[[], object]] = [
        end.close,
        end.fileno,
        end.dup,
        end.gettimeout,
        lambda: end.closed,
        lambda: repr(end),
        lambda: end.getsockopt(1, 1),
    ]
    for use in uses:
        with pytest.raises(AttributeError):
            use()


@pytest.mark.parametrize("name", ["read", "readinto", "write"])
@pytest.mark.parametrize(
    "owner", [net.TCPConn, net.UDPConn, net.UnixConn, net.UnixDatagramConn, net.PipeConn]
)
def test_what_is_called_for_each_message_is_a_method_of_the_very_class(
    owner: type, name: str
) -> None:
    """CPython calls it without detour then, which only a quiet machine would show in a figure."""
    method = vars(owner)[name]
    assert method.__objclass__ is owner
    assert method.__doc__ == getattr(owner.__base__, name).__doc__


def test_a_subclass_keeps_what_it_defines_itself() -> None:
    @own_methods
    class Counting(net.Conn):
        __slots__ = ()

        def read(self, n: int = 65536, /) -> bytes:
            return super().read(n)[:1]

    assert Counting.read.__qualname__.endswith("Counting.read")
    assert vars(Counting)["write"].__objclass__ is Counting
    near, far = socket.socketpair()
    with far, Counting(StreamFD.adopt(near.detach()), "unix", b"", b"") as conn:
        far.send(b"abc")
        assert conn.read() == b"a"
        assert conn.write(b"xy") == 2
        assert far.recv(9) == b"xy"
