"""The poller over epoll: what it registers, what it delivers, and what it drops."""

import errno
import gc
import os
import select
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from netpoll.lowlevel import PollDesc, park, ready
from tests import tcp
from tests.kernel import TABLE, Calls, answering, one_by_one, recorded
from tests.program import finished
from tests.running import in_run, open_descriptors, pair, parked

ADD, DEL = 1, 2  # EPOLL_CTL_ADD, EPOLL_CTL_DEL
BOTH = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
ANYTHING = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


def key_of(calls: Calls, number: int) -> int:
    """Return the key under which this descriptor was registered last."""
    keys = [
        key
        for _, operation, fd, _, key in calls.of("epoll_ctl")
        if (operation, fd) == (ADD, number)
    ]
    return int(keys[-1])


def own_epoll() -> int:
    """Return the number of this scheduler's epoll descriptor, the only one in the process."""
    (number,) = (n for n, what in open_descriptors().items() if what == "anon_inode:[eventpoll]")
    return number


def ends_with(error: type[BaseException], wait: Callable[[], object]) -> None:
    with pytest.raises(error):
        wait()


# ---- registration ----------------------------------------------------------------------------


@in_run
def test_a_descriptor_is_registered_once_for_both_directions() -> None:
    with tcp.ends() as (a, b), recorded("epoll_ctl") as calls:
        for _ in range(3):
            reader = parked(netpoll.go(a.read_bytes, 10))
            b.write(b"x")
            reader.join()
            a.write(b"y")
            assert b.read_bytes(10) == b"y"
        ours = [call for call in calls.of("epoll_ctl") if call[2] == a.fileno()]
        (operation, number, events) = ours[0][1:4]
        assert len(ours) == 1
        assert (operation, number) == (ADD, a.fileno())
        assert events & BOTH == BOTH


@in_run
def test_closing_deregisters() -> None:
    with recorded("epoll_ctl", "close") as calls:
        with tcp.end() as (a, _):
            number = a.fileno()
            a.set_read_deadline(time.monotonic() + 60)
        assert [(name, call[1:3] if name == "epoll_ctl" else call) for name, call in calls.made][
            -2:
        ] == [("epoll_ctl", (DEL, number)), ("close", (number,))]


@in_run
def test_a_descriptor_that_never_waits_is_never_registered() -> None:
    with recorded("epoll_ctl") as calls, pair() as (a, b):
        a.write(b"x")
        assert b.read_bytes(1) == b"x"
    assert calls.made == []


@in_run
def test_data_from_before_the_registration_is_reported() -> None:
    with tcp.end() as (a, peer):
        peer.sendall(b"ab")
        assert a.read_bytes(100) == b"ab"  # short: the next read parks without asking
        peer.sendall(b"cd")
        assert a.read_bytes(100) == b"cd"


@in_run
def test_what_the_kernel_refuses_to_register_leaves_nothing_behind() -> None:
    for refusal, error in ((errno.ENOSPC, OSError), (errno.EPERM, PermissionError)):
        with tcp.end() as (a, peer):
            with answering(epoll_ctl=lambda *_, code=refusal: -code):
                with pytest.raises(error) as caught:
                    a.read_bytes(1)
                assert caught.value.errno == refusal
                with pytest.raises(error):
                    a.set_read_deadline(time.monotonic() + 60)
            reader = parked(netpoll.go(a.read_bytes, 1))
            peer.sendall(b"x")
            assert reader.join() == b"x"


@pytest.mark.parametrize("call", ["epoll_create", "eventfd", "epoll_ctl"])
def test_a_poller_that_cannot_be_made_is_an_error_of_that_wait_alone(call: str) -> None:
    def main() -> None:
        with tcp.end() as (a, peer):
            descriptors = len(open_descriptors())
            with answering(**{call: lambda *_: -errno.EMFILE}):
                with pytest.raises(OSError) as caught:
                    a.read_bytes(1)
                assert caught.value.errno == errno.EMFILE
            assert len(open_descriptors()) == descriptors
            peer.sendall(b"x")
            assert a.read_bytes(10) == b"x"
            netpoll.go(peer.sendall, b"y")
            assert a.read_bytes(10) == b"y"

    netpoll.run(main)


# ---- what cannot be waited for ---------------------------------------------------------------


@in_run
def test_regular_files_and_directories_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, Path(__file__), Path(os.devnull)):
        number = os.open(path, os.O_RDONLY)
        try:
            with pytest.raises(PermissionError):
                PollDesc(number)
        finally:
            os.close(number)


@in_run
def test_numbers_that_are_no_descriptors_are_refused() -> None:
    for number in (-1, -(2**31), 1_000_000, 2**31 - 1):
        with pytest.raises(OSError) as caught:
            PollDesc(number)
        assert caught.value.errno == errno.EBADF
        with pytest.raises(OSError) as caught:
            StreamFD.adopt(number)
        assert caught.value.errno == errno.EBADF


@in_run
def test_the_pollers_own_descriptors_are_refused() -> None:
    netpoll.sleep(0.001)
    kinds = {"anon_inode:[eventpoll]", "anon_inode:[eventfd]"}
    own = [number for number, what in open_descriptors().items() if what in kinds]
    refused = []
    for number in own:
        try:
            PollDesc(number).close()
        except ValueError:
            refused.append(number)
    assert len(refused) == 2, "one epoll and one eventfd are this scheduler's"


@in_run
def test_a_foreign_epoll_and_a_foreign_eventfd_can_be_waited_for() -> None:
    epoll = select.epoll()
    event = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        epoll.register(event, select.EPOLLIN)
        with PollDesc(epoll.fileno()) as on_epoll, PollDesc(event) as on_event:
            waiters = [parked(netpoll.go(desc.wait_readable)) for desc in (on_epoll, on_event)]
            os.eventfd_write(event, 1)
            for waiter in waiters:
                waiter.join(timeout=5)
    finally:
        os.close(event)
        epoll.close()


@in_run
def test_a_regular_file_adopted_as_a_socket_is_an_error_and_stays_the_callers(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"data")
    with path.open("rb") as file:
        with pytest.raises(OSError) as caught:
            StreamFD.adopt(file.fileno())
        assert caught.value.errno == errno.ENOTSOCK
        gc.collect()
        assert file.read() == b"data"


# ---- events of an earlier owner --------------------------------------------------------------


@pytest.mark.parametrize("events", [ANYTHING, select.EPOLLERR, select.EPOLLIN | select.EPOLLHUP])
def test_an_event_of_an_earlier_owner_neither_wakes_nor_spoils_the_new_one(events: int) -> None:
    def main() -> None:
        with recorded("epoll_ctl", "recv") as calls, tcp.end() as (spare, peer):
            with tcp.end() as (old, _):
                evicted = parked(netpoll.go(old.read_bytes, 1))
                number = old.fileno()
                old_key = key_of(calls, number)
                old.close()
                with pytest.raises(netpoll.ClosedError):
                    evicted.join()
            os.dup2(spare.fileno(), number)
            with_the_number = StreamFD.adopt(number)
            try:
                reader = parked(netpoll.go(with_the_number.read_bytes, 10))
                asked = len(calls.of("recv"))
                with answering(epoll_wait=one_by_one([(events, old_key)], [(events, old_key)])):
                    netpoll.sleep(0.001)
                    netpoll.sleep(0.001)
                assert reader.state.startswith("waiting")
                assert len(calls.of("recv")) == asked
                peer.sendall(b"a")
                assert reader.join() == b"a"
                # Nor is a hang-up remembered, which would cost a system call each time.
                reader = parked(netpoll.go(with_the_number.read_bytes, 10))
                assert len(calls.of("recv")) == asked + 1
                peer.sendall(b"b")
                assert reader.join() == b"b"
            finally:
                with_the_number.close()

    netpoll.run(main)


@in_run
def test_an_event_that_was_fetched_with_one_whose_reader_closes_its_descriptor_is_dropped() -> None:
    evicted: list[netpoll.Goroutine] = []

    def closes_the_other(mine: StreamFD, other: StreamFD) -> None:
        mine.read_bytes(1)
        other.close()

    with tcp.end() as (a, peer_of_a), tcp.end() as (b, peer_of_b), tcp.end() as (new, peer_of_new):
        number = b.fileno()
        closer = parked(netpoll.go(closes_the_other, a, b))
        evicted.append(parked(netpoll.go(b.read_bytes, 1)))
        peer_of_a.sendall(b"x")
        peer_of_b.sendall(b"x")
        closer.join()
        os.dup2(new.fileno(), number)
        successor = StreamFD.adopt(number)
        try:
            reader = netpoll.go(successor.read_bytes, 5)
            with pytest.raises(netpoll.ClosedError):
                evicted[0].join()
            assert parked(reader).state == "waiting: read"
            peer_of_new.sendall(b"mine")
            assert reader.join() == b"mine"
        finally:
            successor.close()


@in_run
def test_events_with_a_key_of_nobody_are_dropped() -> None:
    keys = [1, 63, 64, 2**32, 2**40 + 7, 2**64 - 2, 2**63]
    with tcp.end() as (a, peer):
        reader = parked(netpoll.go(a.read_bytes, 1))
        with answering(epoll_wait=one_by_one([(ANYTHING, key) for key in keys])):
            netpoll.sleep(0.001)
        peer.sendall(b"x")
        assert reader.join() == b"x"


# ---- which event is whose --------------------------------------------------------------------

IN, OUT, PRI = select.EPOLLIN, select.EPOLLOUT, select.EPOLLPRI
HUP, ERR, RDHUP = select.EPOLLHUP, select.EPOLLERR, select.EPOLLRDHUP


@pytest.mark.parametrize(
    ("events", "woken"),
    [
        (IN, ["recv"]),
        (OUT, ["send"]),
        (PRI, ["recv"]),
        (RDHUP, ["recv"]),
        (HUP, ["recv", "send"]),
        (ERR | HUP, ["recv", "send"]),
        (IN | OUT, ["recv", "send"]),
        (IN | RDHUP, ["recv"]),
        (OUT | RDHUP, ["recv", "send"]),
    ],
)
@in_run
def test_each_event_sends_those_whom_it_concerns_to_try_again(
    events: int, woken: list[str]
) -> None:
    with recorded("epoll_ctl") as registrations, tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        for wait in (lambda: fd.read_bytes(1), lambda: fd.write(b"x")):
            parked(netpoll.go(ends_with, netpoll.ClosedError, wait))
        key = key_of(registrations, fd.fileno())
        with recorded("recv", "send") as calls:
            with answering(epoll_wait=one_by_one([(events, key)])):
                netpoll.sleep(0.0001)
            netpoll.sleep(0.0001)
        assert sorted(name for name, _ in calls.made) == woken


@in_run
def test_an_error_event_alone_means_that_the_descriptor_cannot_be_waited_for() -> None:
    """Only for a reader, and until the next event: a writer gets its error from the kernel."""
    with recorded("epoll_ctl") as registrations, tcp.end() as (fd, peer):
        reader = parked(netpoll.go(fd.read_bytes, 1))
        key = key_of(registrations, fd.fileno())
        with answering(epoll_wait=one_by_one([(ERR, key)])):
            netpoll.sleep(0.0001)
        with pytest.raises(OSError, match="cannot be waited for"):
            reader.join(timeout=5)
        peer.sendall(b"x")
        netpoll.sleep(0.0001)
        assert fd.read_bytes(1) == b"x"
        reader = parked(netpoll.go(fd.read_bytes, 1))
        peer.sendall(b"y")
        assert reader.join(timeout=5) == b"y"


# ---- waiting ---------------------------------------------------------------------------------


@in_run
def test_an_idle_scheduler_makes_no_system_call() -> None:
    with tcp.ends() as (a, b), tcp.listening() as (listener, _):
        for wait in (lambda: a.read_bytes(1), lambda: b.read_bytes(1), listener.accept):
            netpoll.go(ends_with, netpoll.ClosedError, wait)
        netpoll.sleep(0.03)  # the gate of the signals is set up in here
        with recorded(*TABLE) as calls:
            netpoll.sleep(0.3)
        assert set(calls.count()) == {"epoll_wait"}
        assert calls.count()["epoll_wait"] <= 2


IDLES = """
    import os, netpoll
    from netpoll._poll.stream_fd import StreamFD
    from tests.tcp import listening

    def main():
        with listening() as (listener, _):
            def accepts():
                try:
                    listener.accept()
                except netpoll.ClosedError:
                    pass
            netpoll.go(accepts)
            netpoll.sleep(0.03)
            os.write(1, b"idle\\n")
            netpoll.sleep(0.3)
            os.write(1, b"over\\n")

    netpoll.run(main)
"""


def can_trace() -> bool:
    strace = shutil.which("strace")
    if strace is None:
        return False
    return subprocess.run([strace, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_trace(), reason="strace is not there or may not trace")
def test_an_idle_process_makes_no_system_call(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    done = finished(
        "-c", textwrap.dedent(IDLES), prefix=["strace", "-f", "-e", "signal=none", "-o", str(trace)]
    )
    assert (done.returncode, done.stdout) == (0, "idle\nover\n"), done.stderr
    text = trace.read_text()
    between = text[text.index('write(1, "idle') : text.index('write(1, "over')]
    calls = [line.split()[1].partition("(")[0] for line in between.splitlines()[1:-1]]
    # On going to sleep: a look whether something is ready, then set_wakeup_fd of two calls. The
    # rest is the wait, one or (if the wake-up descriptor was just set) two.
    assert len([name for name in calls if name.startswith("epoll")]) <= 3, between
    assert len(calls) <= 5, between


@in_run
def test_an_interrupted_wait_goes_on() -> None:
    with tcp.end() as (a, peer):
        reader = parked(netpoll.go(a.read_bytes, 1))
        begin = time.monotonic()
        with answering(epoll_wait=one_by_one(*[-errno.EINTR] * 20)):
            netpoll.sleep(0.005)
        assert time.monotonic() - begin >= 0.005
        peer.sendall(b"x")
        assert reader.join() == b"x"


@in_run
def test_a_wait_that_fails_is_told_to_main_and_the_others_go_on_with_a_new_poller() -> None:
    with tcp.ends() as (a, b):
        readers = [parked(netpoll.go(end.read_bytes, 1)) for end in (a, b)]
        os.close(own_epoll())
        with pytest.raises(OSError) as caught:
            netpoll.sleep(5)
        assert caught.value.errno == errno.EBADF
        for reader in readers:
            parked(reader)
        a.write(b"1")
        b.write(b"2")
        assert [reader.join(timeout=5) for reader in readers] == [b"2", b"1"]


@in_run
def test_both_directions_of_a_descriptor_go_on_with_a_new_poller() -> None:
    with tcp.end() as (a, peer):
        begun = tcp.fill(a, peer)
        writer = parked(netpoll.go(a.write, b"the last"))
        reader = parked(netpoll.go(a.read_bytes, 1))
        os.close(own_epoll())
        with pytest.raises(OSError):
            netpoll.sleep(5)
        parked(reader)
        parked(writer)
        peer.sendall(b"x")
        assert reader.join(timeout=5) == b"x"
        drain = netpoll.go(netpoll.blocking, tcp.receive_exactly, peer, begun + 8)
        assert writer.join(timeout=5) == 8
        assert drain.join()[-8:] == b"the last"


@in_run
def test_a_poll_desc_whose_poller_was_lost_still_wakes() -> None:
    with pair() as (a, b), PollDesc(a.fileno()) as desc:
        waiter = parked(netpoll.go(desc.wait_readable, 5))
        os.close(own_epoll())
        with pytest.raises(OSError):
            netpoll.sleep(5)
        waiter.join()  # without readiness: it is to try, and to wait again
        again = [netpoll.go(desc.wait_readable, 5), netpoll.go(desc.wait_writable, 5)]
        again[1].join()
        parked(again[0])
        b.write(b"x")
        again[0].join()
        assert a.read_bytes(1) == b"x"


@in_run
def test_the_number_of_a_lost_poller_is_not_closed_once_it_is_somebody_elses() -> None:
    with tcp.end() as (a, _):
        netpoll.go(ends_with, netpoll.ClosedError, lambda: a.read_bytes(1))
        netpoll.sleep(0.001)
        number = own_epoll()
        os.close(number)
        canary = os.open(os.devnull, os.O_RDONLY)
        assert canary == number
        with pytest.raises(OSError):
            netpoll.sleep(5)
        netpoll.sleep(0.001)
    assert open_descriptors()[canary] == os.devnull
    os.close(canary)


@in_run
def test_many_wake_ups_of_a_sleeping_scheduler_are_one_write() -> None:
    """The thread that wakes keeps the interpreter, so that the sleeper cannot come in between."""
    interval = sys.getswitchinterval()
    sleepers = [parked(netpoll.go(park)) for _ in range(500)]
    asleep = threading.Event()

    def wakes_all() -> None:
        asleep.wait()
        for sleeper in sleepers:
            ready(sleeper)

    thread = threading.Thread(target=wakes_all)
    thread.start()
    sys.setswitchinterval(1)
    try:
        with recorded("write") as calls, answering(epoll_wait=lambda *_: asleep.set()):
            for sleeper in sleepers:
                sleeper.join(timeout=5)
    finally:
        sys.setswitchinterval(interval)
        thread.join()
    assert 1 <= len(calls.made) <= 3


def test_the_descriptors_of_a_poller_end_with_the_run() -> None:
    before = open_descriptors()
    with recorded("epoll_create", "eventfd", "pipe", "close") as calls:
        netpoll.run(netpoll.sleep, 0.001)
    assert open_descriptors() == before
    assert calls.count() == {"epoll_create": 1, "eventfd": 1, "pipe": 1, "close": 4}


def test_a_thread_that_only_computes_has_no_poller() -> None:
    with recorded("epoll_create", "eventfd", "pipe") as calls:
        assert netpoll.run(lambda: netpoll.go(lambda: 3).join()) == 3
    assert calls.made == []


@in_run
def test_a_socket_of_the_system_can_be_waited_for() -> None:
    near, far = socket.socketpair()
    with near, far, PollDesc(near.fileno()) as desc:
        desc.wait_writable()
        waiter = parked(netpoll.go(desc.wait_readable))
        far.send(b"x")
        waiter.join()
