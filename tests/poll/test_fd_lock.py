"""The locks of a descriptor: handed over in order, never lost and never held by two."""

import itertools
import random
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netpoll
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import recorded
from tests.poll.operations import Operation, raised
from tests.running import Outcome, in_run, parked

A_MOMENT = 1e-6
"""Long enough to have the poller asked."""


class Readers:
    """Goroutines that read a byte each; what they got, in the order in which they got it."""

    def __init__(self, fd: StreamFD) -> None:
        self.fd = fd
        self.got: list[bytes] = []
        self.all: list[netpoll.Goroutine] = []
        self.inside = 0

    def start(self) -> netpoll.Goroutine:
        goroutine = netpoll.go(self.read)
        self.all.append(goroutine)
        return goroutine

    def read(self) -> bool:
        try:
            self.got.append(self.fd.read_bytes(1))
        except (netpoll.Cancelled, netpoll.DeadlineExceeded):
            return False
        return True

    def finish(self) -> list[bool]:
        """Wait until all have ended; return who got a byte."""
        return [self.outcome(goroutine) for goroutine in self.all]

    @staticmethod
    def outcome(goroutine: netpoll.Goroutine) -> bool:
        try:
            return bool(goroutine.join(timeout=5))
        except netpoll.GoroutineCancelled:  # before it had begun
            return False


STEPS = ("send", "yield", "poll", "yield") * 4


@pytest.mark.parametrize("victim", range(4))
@pytest.mark.parametrize("step", range(len(STEPS) + 1))
@pytest.mark.parametrize("how", ["cancel", "deadline", "two-cancelled"])
@in_run
def test_a_waiter_that_gives_up_at_any_step_neither_loses_nor_doubles_the_lock(
    victim: int, step: int, how: str
) -> None:
    with tcp.end() as (fd, peer):
        readers = Readers(fd)
        for _ in range(4):
            parked(readers.start())
        sent = 0
        for at, action in enumerate([*STEPS, "end"]):
            if at == step:
                if how == "deadline":
                    fd.set_read_deadline(1)
                    fd.set_read_deadline(None)
                else:
                    readers.all[victim].cancel()
                    if how == "two-cancelled":
                        readers.all[(victim + 1) % 4].cancel()
            if action == "send":
                peer.send(bytes([sent]))
                sent += 1
            elif action == "yield":
                netpoll.gosched()
            elif action == "poll":
                netpoll.sleep(A_MOMENT)
        got = sum(readers.finish())
        late = [readers.start() for _ in range(sent - got)]
        assert all(readers.outcome(one) for one in late)
        assert readers.got == [bytes([n]) for n in range(sent)]
        last = readers.start()
        peer.send(b"!")
        assert readers.outcome(last)


ACTIONS = st.one_of(
    st.sampled_from(["start", "send", "yield", "poll", "expire"]),
    st.integers(0, 9),  # cancel this one
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTIONS, max_size=40))
def test_any_order_of_coming_going_and_arriving_keeps_the_line(actions: list[str | int]) -> None:
    def main() -> None:
        with tcp.end() as (fd, peer):
            readers = Readers(fd)
            sent = 0
            for action in actions:
                if action == "start":
                    readers.start()
                elif action == "send":
                    peer.send(bytes([sent % 256]))
                    sent += 1
                elif action == "yield":
                    netpoll.gosched()
                elif action == "poll":
                    netpoll.sleep(A_MOMENT)
                elif action == "expire":
                    fd.set_read_deadline(1)
                    netpoll.gosched()
                    fd.set_read_deadline(None)
                elif isinstance(action, int) and action < len(readers.all):
                    readers.all[action].cancel()
            missing = len(readers.all) + 1 - sent
            for _ in range(max(0, missing)):
                peer.send(bytes([sent % 256]))
                sent += 1
            readers.finish()
            while len(readers.got) < sent:
                assert readers.outcome(readers.start())
            assert readers.got == [bytes([n % 256]) for n in range(sent)]

    netpoll.run(main)


@pytest.mark.parametrize("comers", [1, 2, 3])
@pytest.mark.parametrize("behind", [0, 1, 2])
@pytest.mark.parametrize("holder_first", [False, True])
@in_run
def test_one_who_comes_cancelled_leaves_the_line_as_it_was(
    comers: int, behind: int, holder_first: bool
) -> None:
    """Before it is told, the others run: the lock may be given up, and must not be given to it."""

    def comes_cancelled() -> None:
        with pytest.raises(netpoll.Cancelled):
            netpoll.sleep(60)
        with pytest.raises(netpoll.Cancelled):
            fd.read_bytes(1)

    with tcp.end() as (fd, peer):
        readers = Readers(fd)
        cancelled = [parked(netpoll.go(comes_cancelled)) for _ in range(comers)]
        for _ in range(1 + behind):
            parked(readers.start())
        going = [*cancelled, readers.all[0]]  # the holder is on the queue with the lock
        for goroutine in reversed(going) if holder_first else going:
            goroutine.cancel()
        for goroutine in cancelled:
            goroutine.join(timeout=5)
        peer.send(b"abcdef")
        for _ in range(6 - behind):
            readers.start()
        assert readers.finish() == [False] + [True] * 6
        assert readers.got == [bytes([n]) for n in b"abcdef"]


@in_run
def test_the_line_is_first_in_first_out_even_for_who_asks_again_at_once() -> None:
    order: list[int] = []

    def reads(fd: StreamFD, name: int) -> None:
        for _ in range(5):
            fd.read_bytes(1)
            order.append(name)

    with tcp.end() as (fd, peer):
        readers = [parked(netpoll.go(reads, fd, name)) for name in range(4)]
        peer.sendall(bytes(20))
        for reader in readers:
            reader.join(timeout=5)
        assert order == [0, 1, 2, 3] * 5


@in_run
def test_the_time_in_line_counts_against_the_timeout_of_an_operation() -> None:
    with tcp.end() as (fd, peer):
        first = parked(netpoll.go(fd.read_bytes, 1))
        fd.settimeout(0.2)
        second = parked(netpoll.go(raised, lambda: fd.read_bytes(1)))
        netpoll.sleep(0.1)
        peer.sendall(b"x")
        first.join(timeout=5)
        with recorded("epoll_wait") as calls:
            assert isinstance(second.join(timeout=5), netpoll.DeadlineExceeded)
        assert all(0 <= delay <= 100_000_000 for _, delay in calls.of("epoll_wait"))


@in_run
def test_who_holds_the_read_lock_does_not_hold_up_writers() -> None:
    with tcp.end() as (fd, peer):
        readers = [parked(netpoll.go(raised, lambda: fd.read_bytes(1))) for _ in range(3)]
        writers = [netpoll.go(fd.write, bytes([n])) for n in range(10)]
        for writer in writers:
            assert writer.join() == 1
        assert tcp.receive_exactly(peer, 10) == bytes(range(10))
        fd.close()
        for reader in readers:
            reader.join()


@in_run
def test_a_hundred_goroutines_call_everything_at_once() -> None:
    """Source: x/net nettest testPresentTimeout, testConcurrentMethods."""
    with tcp.ends() as (a, b):
        later = time.monotonic() + 1
        operations: list[Operation] = [
            lambda: a.read_bytes(4),
            lambda: a.write(b"data"),
            lambda: a.set_deadline(later),
            lambda: a.set_read_deadline(later),
            lambda: a.set_write_deadline(None),
            a.getsockname,
            a.getpeername,
            a.fileno,
            lambda: a.settimeout(None),
            lambda: b.read_bytes(4),
            lambda: b.write(b"data"),
        ]
        everybody = [
            netpoll.go(operation)
            for operation in itertools.islice(itertools.cycle(operations), 1100)
        ]
        for goroutine in everybody:
            goroutine.join(timeout=5)


# ---- threads ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["read", "write"])
def test_goroutines_of_two_threads_share_a_line_and_lose_nothing(kind: str) -> None:
    """Readers come, are cancelled and expire on two threads while a third closes at the end."""
    count = 400

    def works(fd: StreamFD, seed: int) -> bytes:
        chance = random.Random(seed)
        got = bytearray()

        def one() -> None:
            got.extend(fd.read_bytes(1) if kind == "read" else bytes(fd.write(bytes([seed]))))

        def main() -> bytes:
            while len(got) < count:
                batch = [netpoll.go(raised_or_none, one) for _ in range(4)]
                netpoll.gosched()
                batch[chance.randrange(4)].cancel()
                for goroutine in batch:
                    try:
                        error = goroutine.join(timeout=10)
                    except netpoll.GoroutineCancelled:
                        continue
                    if isinstance(error, netpoll.ClosedError):
                        return bytes(got)
            return bytes(got)

        return netpoll.run(main)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with tcp.end() as (fd, peer):
            threads = [Outcome(works, fd, seed) for seed in (1, 2)]
            for thread in threads:
                thread.start()
            if kind == "read":
                sent = 0
                while any(thread.is_alive() for thread in threads) and sent < 100 * count:
                    sent += peer.send(b"x")
            got = [thread.result() for thread in threads]
            assert all(len(data) >= count for data in got)
    finally:
        sys.setswitchinterval(interval)


def raised_or_none(operation: Operation) -> BaseException | None:
    try:
        operation()
    except BaseException as exception:  # noqa: BLE001 - the test looks at it
        return exception
    return None
