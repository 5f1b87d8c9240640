"""TCPConn: reading and writing, its addresses, its end."""

import copy
import mmap
import pickle
import random
import threading
from array import array
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from netpoll import (
    Cancelled,
    ClosedError,
    DeadlineExceeded,
    Goroutine,
    GoroutineCancelled,
    blocking,
    go,
    net,
)
from tests.net.ends import (
    EVERY_MOMENT,
    MORE_THAN_FITS,
    connected,
    needs_ipv6,
    read_all,
    read_exactly,
    small_buffers,
    turns,
)
from tests.running import in_run, parked

# ---- reading


@in_run
def test_a_read_returns_what_has_arrived_and_no_more_than_asked_for() -> None:
    with connected() as (near, far):
        far.write(b"hello, world")
        assert near.read(5) == b"hello"
        assert near.read() == b", world"


@in_run
def test_a_read_of_no_bytes_returns_at_once() -> None:
    # Source: go1.27 net/net_test.go TestZeroByteRead
    with connected() as (near, far):
        assert near.read(0) == b""
        assert near.readinto(bytearray()) == 0
        far.write(b"x")
        assert near.read(0) == b""
        assert near.readinto(memoryview(bytearray(4))[2:2]) == 0
        assert near.read(1) == b"x"


@in_run
def test_a_read_of_no_bytes_does_not_take_the_end_of_the_stream() -> None:
    with connected() as (near, far):
        far.write(b"x")
        far.close()
        assert [near.read(0), near.read(1), near.read(0), near.read(1)] == [b"", b"x", b"", b""]


@in_run
def test_a_negative_size_is_refused_and_takes_nothing() -> None:
    with connected() as (near, far):
        far.write(b"x")
        with pytest.raises(ValueError, match="negative"):
            near.read(-1)
        assert near.read(1) == b"x"


@in_run
def test_a_size_beyond_all_memory_is_only_a_limit() -> None:
    with connected() as (near, far):
        for message in (b"small", bytes(200_000), b"small again"):
            sender = go(far.write, message)
            received = b""
            while len(received) < len(message):
                received += near.read(1 << 62)
            assert received == message
            sender.join()


@in_run
def test_data_is_read_into_any_writable_buffer() -> None:
    with connected() as (near, far), mmap.mmap(-1, 4) as mapped:
        numbers = array("I", [0, 0])
        whole = bytearray(b"--------")
        for buffer in (numbers, memoryview(whole)[2:6], mapped):
            far.write(b"abcd")
            assert near.readinto(buffer) == 4
        assert numbers.tobytes()[:4] == b"abcd"
        assert whole == b"--abcd--"
        assert mapped[:4] == b"abcd"


@in_run
def test_a_buffer_that_cannot_be_filled_is_refused_and_takes_nothing() -> None:
    with connected() as (near, far):
        far.write(b"x")
        buffers: list[Any] = [b"read-only", memoryview(bytearray(8))[::2], "text", 4]
        for buffer in buffers:
            with pytest.raises((BufferError, TypeError)):
                near.readinto(buffer)
        assert near.read(1) == b"x"


@in_run
def test_a_buffer_that_is_being_filled_cannot_be_resized() -> None:
    buffer = bytearray(4)
    with connected() as (near, far):
        reader = parked(go(near.readinto, buffer))
        with pytest.raises(BufferError):
            buffer.clear()
        far.write(b"abcd")
        assert reader.join() == 4
        buffer.clear()


# ---- writing


@in_run
def test_anything_that_has_bytes_is_written() -> None:
    with connected() as (near, far), mmap.mmap(-1, 4) as mapped:
        mapped[:] = b"mmap"
        kinds = (b"bytes", bytearray(b"array"), memoryview(b"view"), array("b", [1, 2]), mapped)
        for data in kinds:
            size = len(memoryview(data).cast("B"))
            assert near.write(data) == size
            assert read_exactly(far, size) == bytes(memoryview(data))


@in_run
def test_what_has_no_bytes_is_refused_and_nothing_is_written() -> None:
    with connected() as (near, far):
        wrong: list[Any] = ["text", 5, None, [b"x"]]
        for data in wrong:
            with pytest.raises(TypeError):
                near.write(data)
            with pytest.raises(TypeError, match="wants bytes-like objects, not "):
                near.writev([b"before", data])
        for call in (near.write, lambda data: near.writev([data])):
            with pytest.raises((BufferError, TypeError)):
                call(memoryview(b"abcdef")[::2])
        near.close()
        assert read_all(far) == b""


@in_run
def test_several_buffers_are_filled_one_after_the_other() -> None:
    with connected() as (near, far):
        far.write(b"abcdefg")
        first, second, third = bytearray(3), bytearray(2), bytearray(9)
        assert near.readv([first, memoryview(second), third]) == 7
        assert b"|".join([first, second, third[:2]]) == b"abc|de|fg"
        far.close()
        assert near.readv([first, second]) == 0


@in_run
def test_what_readv_raises_says_what_was_read_and_from_where() -> None:
    with connected() as (near, _):
        for wrong in (bytearray(3), b"abc", "abc"):
            with pytest.raises(TypeError, match="one alone is for readinto"):
                near.readv(wrong)  # type: ignore[arg-type]
        with pytest.raises((BufferError, TypeError)):
            near.readv([b"abc"])
        near.set_read_deadline(monotonic() - 1)
        with pytest.raises(DeadlineExceeded, match=r"^read tcp .*: i/o timeout$"):
            near.readv([bytearray(3)])
        near.close()
        with pytest.raises(ClosedError, match=r"^read tcp "):
            near.readv([bytearray(3)])


@pytest.mark.parametrize(
    "one", [b"abc", b"", bytearray(b"abc"), memoryview(b"abc"), array("H", [1]), "abc"], ids=type
)
@in_run
def test_one_buffer_is_not_several(one: Any) -> None:
    with connected() as (near, _), pytest.raises(TypeError, match="one alone is for write"):
        near.writev(one)


@in_run
def test_to_write_nothing_is_no_error() -> None:
    with connected() as (near, far):
        assert near.write(b"") == 0
        assert near.writev([]) == 0
        assert near.writev([b"", bytearray(), b""]) == 0
        near.close()
        assert read_all(far) == b""


@in_run
def test_many_buffers_are_written_as_one() -> None:
    # More than one system call takes (IOV_MAX), with empty ones in between.
    buffers = [bytes([number % 251]) * (number % 7) for number in range(5000)]
    with connected() as (near, far):
        assert near.writev(buffers) == sum(map(len, buffers))
        more: list[Any] = [b"of ", bytearray(b"any "), memoryview(b"kind")]
        assert near.writev(iter(more)) == 11
        near.close()
        assert read_all(far) == b"".join(buffers) + b"of any kind"


@in_run
def test_buffers_larger_than_the_connection_holds_arrive_in_order() -> None:
    buffers = [random.randbytes(size) for size in (1, 2 << 20, 0, 7, 1 << 20)]
    with connected() as (near, far):
        small_buffers(near, far)
        writer = parked(go(near.writev, buffers))
        assert read_exactly(far, (3 << 20) + 8) == b"".join(buffers)
        assert writer.join() == (3 << 20) + 8


@in_run
def test_data_that_is_being_written_cannot_be_resized() -> None:
    data = bytearray(2 << 20)
    with connected() as (near, far):
        small_buffers(near, far)
        for write in (near.write, lambda data: near.writev([b"x", data])):
            writer = parked(go(write, data))
            with pytest.raises(BufferError):
                data.clear()
            size = len(data) + (write != near.write)
            read_exactly(far, size)
            assert writer.join() == size
        data.clear()


# ---- who and where


@pytest.mark.parametrize("address", ["127.0.0.1:0", pytest.param("[::1]:0", marks=needs_ipv6)])
@in_run
def test_each_end_knows_both_addresses_even_when_closed(address: str) -> None:
    with connected("tcp", address) as (near, far):
        pass
    assert near.local_addr == far.remote_addr
    assert near.remote_addr == far.local_addr
    assert near.network == far.network == "tcp"
    assert isinstance(near.local_addr, net.TCPAddr)
    assert near.local_addr.network == "tcp"


@in_run
def test_repr_tells_which_connection_it_is_and_whether_it_is_closed() -> None:
    with connected("tcp4") as (near, _):
        ends = f"{near.local_addr}->{near.remote_addr}"
        assert repr(near) == f"<TCPConn tcp4 {ends}>"
    assert repr(near) == f"<TCPConn tcp4 {ends} closed>"


# ---- the end


def setters(conn: net.TCPConn) -> dict[str, Callable[[], object]]:
    return {
        "set_no_delay": lambda: conn.set_no_delay(True),
        "set_keep_alive": lambda: conn.set_keep_alive(False),
        "set_linger": lambda: conn.set_linger(0),
        "set_read_buffer": lambda: conn.set_read_buffer(4096),
        "set_write_buffer": lambda: conn.set_write_buffer(4096),
        "set_deadline": lambda: conn.set_deadline(1.0),
        "set_read_deadline": lambda: conn.set_read_deadline(None),
        "set_write_deadline": lambda: conn.set_write_deadline(1e9),
    }


@in_run
def test_each_method_of_a_closed_connection_says_so() -> None:
    # Source: go1.27 net/error_test.go TestCloseError
    with connected() as (near, _):
        pass
    ends = f"{near.local_addr}->{near.remote_addr}"
    calls: dict[str, list[Callable[[], Any]]] = {
        "read": [near.read, lambda: near.readinto(bytearray(1)), lambda: near.read(0)],
        "write": [lambda: near.write(b"x"), lambda: near.writev([b"x"]), lambda: near.writev([])],
        "close": [near.close_read, near.close_write],
        "set": list(setters(near).values()),
        "fileno": [near.fileno],
    }
    for op, ways in calls.items():
        for call in ways:
            with pytest.raises(ClosedError) as caught:
                call()
            error = caught.value
            assert str(error) == f"{op} tcp {ends}: use of closed network connection"
            assert (error.op, error.network) == (op, "tcp")
            assert (error.source, error.addr) == (near.local_addr, near.remote_addr)
            assert not error.timeout
            assert isinstance(error.__cause__, ClosedError)
            assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301
    near.close()


@in_run
def test_the_peer_cannot_tell_close_from_the_end_of_a_with_block() -> None:
    with connected() as (near, far):
        with near:
            near.write(b"x")
        assert near.closed
        assert read_all(far) == b"x"


@in_run
def test_an_exception_in_the_block_closes_the_connection_too() -> None:
    with connected() as (near, far):
        with pytest.raises(ZeroDivisionError), near:
            raise ZeroDivisionError
        assert far.read() == b""


@in_run
def test_a_close_of_the_peer_wakes_a_blocked_read() -> None:
    # Source: go1.27 net/net_test.go TestCloseUnblocksRead
    with connected() as (near, far):
        reader = parked(go(near.read))
        far.close()
        assert reader.join(5) == b""


@in_run
def test_each_of_many_who_are_blocked_hears_of_the_close() -> None:
    with connected() as (near, _):
        blocked: list[Goroutine] = [parked(go(near.read)) for _ in range(4)]
        blocked += [parked(go(near.write, MORE_THAN_FITS)) for _ in range(4)]
        near.close()
        for goroutine in blocked:
            with pytest.raises(ClosedError, match=r"^(read|write) tcp .*->.*: use of closed"):
                goroutine.join(5)


@in_run
def test_another_thread_may_close() -> None:
    with connected() as (near, _):
        blocked = [parked(go(near.read)), parked(go(near.write, MORE_THAN_FITS))]
        closer = threading.Timer(0.01, near.close)  # while this thread waits in the kernel
        closer.start()
        for goroutine in blocked:
            with pytest.raises(ClosedError):
                goroutine.join(5)
        blocking(closer.join)


@in_run
def test_the_descriptor_is_free_as_soon_as_close_returns() -> None:
    with connected() as (near, _):
        number = near.fileno()
        readers = [parked(go(near.read)) for _ in range(2)]
        near.close()
        with connected() as (again, far):
            assert number in {again.fileno(), far.fileno()}
            for reader in readers:  # they have not run since, and must not take what is another's
                with pytest.raises(ClosedError):
                    reader.join()
            far.write(b"x")
            assert again.read() == b"x"


@in_run
def test_a_connection_that_is_forgotten_is_closed_with_a_warning() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with pytest.warns(ResourceWarning, match="unclosed"):
            net.dial("tcp", str(listener.local_addr))
        with listener.accept() as far:
            assert far.read() == b""


@in_run
def test_a_cancelled_read_loses_no_byte_at_whatever_moment() -> None:
    outcomes = set()
    with connected() as (near, far):
        for number in EVERY_MOMENT:
            reader = parked(go(near.read))
            far.write(b"x")
            turns(number)
            reader.cancel()
            try:
                assert reader.join() == b"x"
                outcomes.add("read")
            except GoroutineCancelled:
                assert near.read() == b"x"
                outcomes.add("cancelled")
    assert outcomes == {"read", "cancelled"}


@in_run
def test_a_cancelled_write_says_how_much_it_wrote() -> None:
    def write() -> None:
        try:
            near.write(data)
        except Cancelled as error:
            written.append(error.bytes_written)  # type: ignore[attr-defined]
            raise

    data = bytes(range(251)) * (1 << 12)
    for number in EVERY_MOMENT:
        with connected() as (near, far):
            small_buffers(near, far)
            written: list[int] = []
            writer = parked(go(write))
            received = far.read(100_000)
            turns(number)
            writer.cancel()
            with pytest.raises(GoroutineCancelled):
                writer.join()
            near.close()
            received += read_all(far)
            assert received == data[: written[0]]


def test_what_was_never_initialised_fails_cleanly() -> None:
    class Careless(net.TCPConn):
        def __init__(self) -> None:  # the base class is forgotten
            pass

    conn = Careless()
    for use in (conn.read, lambda: conn.write(b"x"), lambda: conn.readinto(bytearray(1))):
        with pytest.raises(AttributeError):
            use()


def test_a_connection_is_not_made_by_its_class() -> None:
    for kind in (net.Conn, net.TCPConn):
        with pytest.raises(TypeError, match=r"made by net\.dial"):
            kind()  # type: ignore[call-arg]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
@in_run
def test_a_connection_cannot_be_copied(duplicate: Callable[[net.TCPConn], object]) -> None:
    with connected() as (near, far):
        with pytest.raises(TypeError, match="a connection cannot be copied or pickled"):
            duplicate(near)
        near.write(b"x")
        assert far.read() == b"x"
