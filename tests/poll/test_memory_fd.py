"""MemoryFD: its rings, who wakes whom, and ends that are closed, dropped or shut down."""

import errno
import socket
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netpoll
from netpoll import go
from netpoll._poll.memory_fd import MemoryFD
from tests.poll.operations import raised
from tests.running import Outcome, in_run, open_descriptors, parked, says

Pair = tuple[MemoryFD, MemoryFD]


def close(*fds: MemoryFD) -> None:
    for fd in fds:
        fd.close()


# ---- the ring


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(1, 4)), max_size=60),
)
def test_it_is_a_queue_of_bytes_of_limited_size(
    capacity: int, steps: list[tuple[bool, int, int]]
) -> None:
    near, far = MemoryFD.pair(capacity)
    model = bytearray()
    count = 0
    near.settimeout(0)
    far.settimeout(0)
    for writes, size, pieces in steps:
        if writes:
            data = bytes((count + n) % 251 for n in range(size))
            taken = size
            try:
                if pieces == 1:
                    near.write(data)
                else:
                    near.writev([data[n::1][: size // pieces + 1] for n in cuts(size, pieces)])
            except netpoll.DeadlineExceeded as error:
                taken = error.bytes_written
            room = capacity - len(model)
            assert taken == min(size, room)
            model += data[:taken]
            count += taken
        elif model:
            wanted = bytes(model[:size])
            if pieces == 1:
                assert far.read_bytes(size) == wanted
            else:
                buffers = [bytearray(len(range(size)[n::pieces])) for n in range(pieces)]
                assert far.readv(buffers) == len(wanted)
                assert b"".join(buffers)[: len(wanted)] == wanted
            del model[:size]
        else:
            with pytest.raises(netpoll.DeadlineExceeded):
                far.read_bytes(size)
    close(near, far)


def cuts(size: int, pieces: int) -> range:
    """Return where pieces of equal size begin."""
    return range(0, size, size // pieces + 1)


def test_it_takes_no_descriptor() -> None:
    before = open_descriptors()
    near, far = MemoryFD.pair(10)
    near.write(b"x")
    assert far.read_bytes(1) == b"x"
    assert open_descriptors() == before
    assert raised(near.fileno).errno == errno.EBADF  # type: ignore[attr-defined]
    assert raised(near.dup).errno == errno.EBADF  # type: ignore[attr-defined]
    close(near, far)
    assert isinstance(raised(near.fileno), netpoll.ClosedError)


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_capacity_that_is_none(capacity: int) -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        MemoryFD.pair(capacity)


def test_more_than_there_is_memory() -> None:
    with pytest.raises(MemoryError):
        MemoryFD.pair(sys.maxsize)


# ---- who wakes whom


@in_run
def test_a_write_wakes_who_reads_and_a_read_who_writes() -> None:
    near, far = MemoryFD.pair(4)
    reader = parked(go(far.read_bytes, 10))
    near.write(b"1234")
    assert reader.join() == b"1234"
    near.write(b"5678")
    writer = parked(go(near.write, b"90"))
    assert far.read_bytes(1) == b"5"
    parked(writer)
    assert far.read_bytes(10) == b"6789"
    assert writer.join() == 2
    assert far.read_bytes(10) == b"0"
    close(near, far)


@in_run
def test_one_write_serves_all_who_stand_in_line() -> None:
    near, far = MemoryFD.pair(10)
    readers = [parked(go(far.read_bytes, 1)) for _ in range(3)]
    near.write(b"abc")
    assert [reader.join() for reader in readers] == [b"a", b"b", b"c"]
    close(near, far)


@pytest.mark.parametrize("capacity", [1, 7, 4096])
def test_two_threads_lose_nothing_and_wake_each_other(capacity: int) -> None:
    size = 300 * capacity + 1
    data = bytes(n * 7 % 256 for n in range(size))
    near, far = MemoryFD.pair(capacity)

    def send() -> None:
        near.write(data)
        near.shutdown(socket.SHUT_WR)

    def receive() -> bytes:
        received = b""
        while more := far.read_bytes(3 * capacity):
            received += more
        return received

    sender, receiver = Outcome(send), Outcome(receive)
    receiver.start()
    sender.start()
    sender.result()
    assert receiver.result() == data
    close(near, far)


@pytest.mark.parametrize("turns", range(1, 40, 3))
def test_a_write_that_is_cancelled_tells_what_has_arrived(turns: int) -> None:
    def main() -> None:
        near, far = MemoryFD.pair(16)
        told = []

        def write() -> None:
            try:
                near.write(bytes(200))
                told.append(200)
            except netpoll.Cancelled as error:
                told.append(error.bytes_written)  # type: ignore[attr-defined]
                raise

        writer = go(write)
        received = 0
        for _ in range(turns):
            netpoll.gosched()
            far.settimeout(0)
            with suppress(netpoll.DeadlineExceeded):
                received += len(far.read_bytes(5))
        writer.cancel()
        with suppress(netpoll.GoroutineCancelled):
            writer.join()
        near.close()
        while data := far.read_bytes(100):
            received += len(data)
        assert [received] == told
        far.close()

    netpoll.run(main)


def test_who_waits_moves_to_the_thread_that_waits() -> None:
    near, far = MemoryFD.pair(10)

    def times_out() -> None:
        far.settimeout(0.01)
        with pytest.raises(netpoll.DeadlineExceeded):
            far.read_bytes(1)
        far.settimeout(None)

    for _ in range(3):
        thread = Outcome(netpoll.run, times_out)
        thread.start()
        thread.result()
    reader = Outcome(far.read_bytes, 1)
    reader.start()
    near.write(b"x")
    assert reader.result() == b"x"
    far.set_read_deadline(1e-9)
    late = Outcome(raised, lambda: far.read_bytes(1))
    late.start()
    assert isinstance(late.result(), netpoll.DeadlineExceeded)
    close(near, far)


@in_run
def test_who_waits_counts_as_one_who_waits_for_the_network() -> None:
    # No DeadlockError: the peer may be another thread's.
    near, far = MemoryFD.pair(10)
    thread = Outcome(late_write, near)
    thread.start()
    assert far.read_bytes(1) == b"x"
    netpoll.blocking(thread.result)
    close(near, far)


def late_write(fd: MemoryFD) -> None:
    netpoll.sleep(0.02)
    fd.write(b"x")


# ---- the end


@in_run
def test_an_end_that_is_closed() -> None:
    near, far = MemoryFD.pair(10)
    near.write(b"left")
    far.write(b"lost")
    near.close()
    assert far.read_bytes(10) == b"left"
    assert far.read_bytes(10) == b""
    assert isinstance(raised(lambda: far.write(b"x")), BrokenPipeError)
    assert isinstance(raised(lambda: near.read_bytes(1)), netpoll.ClosedError)
    assert isinstance(raised(lambda: near.write(b"x")), netpoll.ClosedError)
    assert isinstance(raised(lambda: near.shutdown(0)), netpoll.ClosedError)
    far.close()


@pytest.mark.parametrize("how", ["close", "shutdown of writing", "shutdown of both"])
@in_run
def test_the_end_wakes_the_peer_s_reader(how: str) -> None:
    near, far = MemoryFD.pair(10)
    reader = parked(go(far.read_bytes, 1))
    if how == "close":
        near.close()
    else:
        near.shutdown(socket.SHUT_WR if how == "shutdown of writing" else socket.SHUT_RDWR)
    assert reader.join() == b""
    close(near, far)


@pytest.mark.parametrize("how", ["close", "shutdown of reading"])
@in_run
def test_the_end_wakes_the_peer_s_writer(how: str) -> None:
    near, far = MemoryFD.pair(10)
    far.write(bytes(7))
    writer = parked(go(raised, lambda: far.write(bytes(10))))
    if how == "close":
        near.close()
    else:
        near.shutdown(socket.SHUT_RD)
    error = writer.join()
    assert isinstance(error, BrokenPipeError)
    assert error.bytes_written == 3  # type: ignore[attr-defined]
    close(near, far)


@in_run
def test_what_is_shut_down_on_this_side() -> None:
    near, far = MemoryFD.pair(10)
    far.write(b"left")
    reader, writer = MemoryFD.pair(1)
    waiting = parked(go(reader.read_bytes, 1))
    reader.shutdown(socket.SHUT_RD)
    assert waiting.join() == b""
    near.shutdown(socket.SHUT_WR)
    assert isinstance(raised(lambda: near.write(b"x")), BrokenPipeError)
    near.shutdown(socket.SHUT_RD)
    assert near.read_bytes(10) == b"left"
    assert near.read_bytes(10) == b""
    close(near, far, reader, writer)


@in_run
def test_an_end_that_is_dropped_is_told_of_and_is_the_end_for_the_peer() -> None:
    near, far = MemoryFD.pair(10)
    reader = parked(go(far.read_bytes, 1))
    with pytest.warns(ResourceWarning, match="unclosed <MemoryFD"):
        del near
    assert reader.join() == b""
    far.close()


@in_run
def test_both_ends_closed_by_others_while_somebody_waits_in_each_direction() -> None:
    near, far = MemoryFD.pair(1)
    near.write(b"x")
    far.write(b"x")
    near.read_bytes(1)
    waiting = [
        parked(go(raised, lambda: near.read_bytes(1))),
        parked(go(raised, lambda: near.write(b"yz"))),
    ]
    netpoll.blocking(near.close)
    assert all(isinstance(one.join(), netpoll.ClosedError) for one in waiting)
    far.close()


def test_a_forked_child_has_a_pipe_of_its_own() -> None:
    printed = says(
        """
        import os
        import netpoll
        from netpoll import go, net

        def main():
            near, far = net.pipe()
            reader = go(near.read, 1)
            netpoll.gosched()
            child = os.fork()
            if child == 0:
                with near, far:
                    near.write(b"child")
                    far.write(b"back")
                    assert (far.read(), near.read()) == (b"child", b"back")
                return
            assert os.waitstatus_to_exitcode(netpoll.blocking(os.waitpid, child, 0)[1]) == 0
            far.write(b"parent")
            print(reader.join())
            near.close()
            far.close()

        netpoll.run(main)
        """
    )
    assert printed == "b'p'\n"


def test_a_poller_that_was_lost_leaves_nobody_waiting_for_ever() -> None:
    printed = says(
        """
        import os
        import netpoll
        from netpoll import go, net

        def main():
            near, far = net.pipe()
            reader = go(near.read, 10)
            netpoll.sleep(0.01)
            for name in os.listdir("/proc/self/fd"):
                try:
                    what = os.readlink("/proc/self/fd/" + name)
                except OSError:
                    continue
                if "eventpoll" in what:
                    os.close(int(name))
            try:
                netpoll.sleep(0.01)
            except OSError:
                pass
            near.set_write_deadline(1e9)
            near.write(b"x" * 65536)
            writer = go(near.write, b"more")
            netpoll.gosched()
            far.write(b"data")
            print(reader.join(), len(far.read()), writer.join())
            near.close()
            far.close()

        netpoll.run(main)
        """
    )
    assert printed == "b'data' 65536 4\n"


@pytest.mark.parametrize("closed", [True, False])
def test_an_end_that_only_the_collector_finds_is_forgotten_by_the_other(closed: bool) -> None:
    """What it shares with the other end may be taken from it before it is freed."""
    found = says(f"""
        import gc, warnings
        from netpoll._poll.memory_fd import MemoryFD
        warnings.simplefilter("ignore")
        class Holder: pass
        for _ in range(50):
            near, far = MemoryFD.pair(100)
            if {closed}: near.close()
            holder = Holder()
            holder.itself, holder.end = holder, near
            del near, holder
            gc.collect()
            others = [bytearray(b"\\xff" * size) for size in range(100, 600, 8)]
            far.close()
        print("done")
    """)
    assert found == "done\n"
