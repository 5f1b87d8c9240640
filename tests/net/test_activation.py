"""Socket activation: what was opened for this process, for another one, and what cannot be."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from netpoll import OpError, net
from netpoll.net import TCPAddr, UDPAddr, activation
from tests.kernel import answering
from tests.running import in_run
from tests.tcp import HOST

FIRST = 400
"""In these tests the descriptors begin here; number 3 is in use by whoever runs them."""

VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")

Start = Callable[..., None]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Return a function that opens what is given from FIRST on and sets the variables."""
    monkeypatch.setattr(activation, "_FIRST", FIRST)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    opened: list[int] = []

    def start(*numbers: int, **variables: str) -> None:
        for index, number in enumerate(numbers):
            os.dup2(number, FIRST + index)  # inheritable, as those of systemd are
            opened.append(FIRST + index)
        wanted = {"PID": str(os.getpid()), "FDS": str(len(numbers)), **variables}
        for name, value in wanted.items():
            monkeypatch.setenv(f"LISTEN_{name}", value)

    yield start
    for number in opened:
        try:
            os.close(number)
        except OSError:
            continue


def tcp() -> socket.socket:
    return socket.create_server((HOST, 0))


def udp() -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((HOST, 0))
    return server


# ---- what is there


@in_run
def test_each_descriptor_comes_with_its_name_as_what_it_is(start: Start) -> None:
    read, write = os.pipe()
    with tcp() as one, udp() as two:
        start(one.fileno(), two.fileno(), read, FDNAMES="web:log.socket:fifo")
        addresses = TCPAddr(*one.getsockname()), UDPAddr(*two.getsockname())
    os.close(read)
    given: list[Any] = net.activated()
    assert [name for name, _ in given] == ["web", "log.socket", "fifo"]
    (_, listener), (_, packets), (_, fifo) = given
    with listener, packets, fifo:
        assert isinstance(listener, net.TCPListener)
        assert isinstance(packets, net.UDPConn)
        assert (listener.local_addr, packets.local_addr) == addresses
        assert [conn.fileno() for _, conn in given] == [FIRST, FIRST + 1, FIRST + 2]
        assert not any(os.get_inheritable(FIRST + index) for index in range(3))
        with net.dial("tcp", listener.local_addr) as near, listener.accept() as far:
            near.write(b"x")
            assert far.read() == b"x"
        os.write(write, b"through the pipe")
        assert fifo.read() == b"through the pipe"
    os.close(write)


@in_run
def test_without_names_each_is_unknown(start: Start) -> None:
    with tcp() as one, tcp() as two:
        start(one.fileno(), two.fileno())
    given = net.activated()
    assert [name for name, _ in given] == ["unknown"] * 2
    for _, listener in given:
        listener.close()


@in_run
def test_the_variables_are_believed_once(start: Start) -> None:
    with tcp() as one:
        start(one.fileno(), FDNAMES="", PIDFDID="7")
    with net.activated(unset=False)[0][1]:
        assert [name in os.environ for name in VARIABLES] == [True] * 4
    with tcp() as one:
        start(one.fileno())
    with net.activated()[0][1]:
        assert [name in os.environ for name in VARIABLES] == [False] * 4
        assert net.activated() == []


@pytest.mark.parametrize(
    "variables",
    [{"PID": str(os.getppid())}, {"PID": "1", "FDS": "many"}, {"PID": "999999999"}],
)
@in_run
def test_what_is_for_another_process_is_left_alone(start: Start, variables: dict[str, str]) -> None:
    with tcp() as one:
        start(one.fileno(), **variables)
        assert net.activated() == []
        assert os.get_inheritable(FIRST)
        assert not any(name in os.environ for name in VARIABLES)


@pytest.mark.parametrize("missing", ["LISTEN_PID", "LISTEN_FDS"])
@in_run
def test_who_was_not_started_so_has_none(
    start: Start, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    assert net.activated() == []
    start()
    monkeypatch.delenv(missing)
    assert net.activated() == []


# ---- what cannot be


@pytest.mark.parametrize("unset", [True, False])
@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"PID": "self"}, "LISTEN_PID is 'self'"),
        ({"PID": ""}, "LISTEN_PID is ''"),
        ({"PID": "-1"}, "LISTEN_PID is '-1'"),
        ({"PID": "\u0661"}, "LISTEN_PID is '\u0661'"),
        ({"FDS": "two"}, "LISTEN_FDS is 'two'"),
        ({"FDS": "-1"}, "LISTEN_FDS is '-1'"),
        ({"FDS": "1 "}, "LISTEN_FDS is '1 '"),
        ({"FDS": "9" * 5000}, "LISTEN_FDS is '9999"),
        ({"FDNAMES": "a:b"}, "LISTEN_FDNAMES is 'a:b'"),
        ({"FDS": "0", "FDNAMES": "a"}, "LISTEN_FDNAMES is 'a'"),
        ({"FDS": "2"}, f"LISTEN_FDS is '2', descriptor {FIRST + 1}: bad file descriptor"),
        ({"FDS": "999999999"}, f"descriptor {FIRST + 1}: bad file descriptor"),
    ],
)
@in_run
def test_values_that_cannot_be_are_told_and_nothing_is_taken(
    start: Start,
    variables: dict[str, str],
    text: str,
    unset: bool,
) -> None:
    with tcp() as one:
        start(one.fileno(), **variables)
        with pytest.raises(OpError) as caught:
            net.activated(unset=unset)
        assert str(caught.value).startswith("activated: ")
        assert text in str(caught.value)
        os.fstat(FIRST)
        assert any(name in os.environ for name in VARIABLES) is not unset


@in_run
def test_a_socket_of_a_kind_that_there_is_not_is_told_and_nothing_is_taken(start: Start) -> None:
    with tcp() as one, socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as other:
        start(one.fileno(), other.fileno())
        with pytest.raises(OpError, match=rf"'2', descriptor {FIRST + 1}: address family not"):
            net.activated()
        os.fstat(FIRST)


@in_run
def test_what_was_taken_before_a_shortage_is_closed(start: Start) -> None:
    made: list[int] = []

    def fail_at_the_second(fd: int, *_: object) -> int | None:
        made.append(fd)
        return -errno.ENOMEM if fd == FIRST + 1 else None

    with tcp() as one, tcp() as two:
        start(one.fileno(), two.fileno())
    with answering(set_nonblocking=fail_at_the_second), pytest.raises(OSError, match="memory"):
        net.activated()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(FIRST)
    os.fstat(FIRST + 1)


# ---- as systemd does it

STARTER = """
import os, sys
for index, number in enumerate(map(int, sys.argv[2].split(","))):
    os.dup2(number, 3 + index)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(index + 1),
               "LISTEN_FDNAMES": "http:status"}
os.execv(sys.executable, [sys.executable, "-W", "error", "-c", sys.argv[1]])
"""

SERVER = """
import netpoll
from netpoll import net

def main():
    given = dict(net.activated())
    with given["http"] as listener, given["status"] as packets:
        with listener.accept() as conn:
            conn.write(conn.read().upper())
        data, sender = packets.read_from()
        packets.write_to(data.upper(), sender)

netpoll.run(main)
"""


def test_a_process_serves_what_was_opened_for_it() -> None:
    with tcp() as one, udp() as two, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        # Numbers from 10 on, so that none is overwritten before it has got its place.
        numbers = [os.dup(end.fileno()) for end in (one, two)]
        moved = [number + 500 for number in numbers]
        for number, higher in zip(numbers, moved, strict=True):
            os.dup2(number, higher)
            os.close(number)
        with subprocess.Popen(
            [sys.executable, "-c", STARTER, SERVER, ",".join(map(str, moved))],
            pass_fds=moved,
            stderr=subprocess.PIPE,
        ) as process:
            for number in moved:
                os.close(number)
            try:
                # A peer may come before the process is there: the queue is open already.
                with socket.create_connection(one.getsockname(), timeout=20) as peer:
                    peer.sendall(b"web")
                    assert peer.recv(10) == b"WEB"
                asking.settimeout(20)
                asking.sendto(b"log", two.getsockname())
                assert asking.recv(10) == b"LOG"
                _, stderr = process.communicate(timeout=20)
            finally:
                process.kill()
        assert (process.returncode, stderr) == (0, b"")
