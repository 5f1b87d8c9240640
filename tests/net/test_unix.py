"""Unix sockets that connect: by which names, from where, and what is told when it fails."""

import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest

from netpoll import (
    AddrError,
    ClosedError,
    DeadlineExceeded,
    GoroutineCancelled,
    OpError,
    UnknownNetworkError,
    go,
    net,
)
from netpoll.net import UnixAddr, UnixConn, UnixListener, unix_socket
from netpoll.net.control import RawSocket
from tests.kernel import answering, recorded
from tests.net.unix_ends import STREAMS, connected, full, listen, raw_name
from tests.running import in_run, open_descriptors, parked

each_network = pytest.mark.parametrize("network", STREAMS)


def fail(*_: object) -> None:
    raise ZeroDivisionError


def sockets() -> int:
    """Return how many sockets are open."""
    return sum(of.startswith("socket:") for of in open_descriptors().values())


# ---- names


@each_network
@in_run
def test_a_path_is_dialled(network: str, tmp_path: Path) -> None:
    name = f"{tmp_path}/socket"
    with listen(network, name) as listener:
        with net.dial(network, name) as near, listener.accept() as far:
            assert type(near) is type(far) is UnixConn
            assert near.network == far.network == listener.network == network
            addr = UnixAddr(name, network)
            assert listener.local_addr == near.remote_addr == far.local_addr == addr
            assert near.local_addr == far.remote_addr == UnixAddr("", network)
            near.write(b"there")
            assert far.read() == b"there"
            far.write(b"and back")
            assert near.read() == b"and back"


@each_network
@in_run
def test_an_abstract_name_is_dialled(network: str) -> None:
    name = f"@netpoll/{os.getpid()}/{network}"
    with listen(network, name) as listener:
        assert listener.local_addr.name == name
        for spelling in (name, "\0" + name[1:], UnixAddr(name, network), UnixAddr(name)):
            with net.dial(network, spelling) as near, listener.accept():
                assert near.remote_addr == UnixAddr(name, network)


@in_run
def test_an_abstract_name_takes_each_byte_there_is() -> None:
    # Source: go1.27 net/unixsock_linux_test.go TestUnixAbstractLongNameNulStart
    name = "@" + "\0" + f"{os.getpid():0105d}"[:105] + "\xe9"
    assert len(os.fsencode(name)) == 109
    with pytest.raises(AddrError, match=r"name too long$"):
        listen("unix", name)
    name = name[:-1] + "\0"
    with listen("unix", name) as listener:
        assert listener.local_addr.name == name
        with net.dial("unix", name) as near, listener.accept():
            assert near.remote_addr.name == name
        with pytest.raises(ConnectionRefusedError):  # the NUL at the end counts
            net.dial("unix", name[:-1])


@each_network
@in_run
def test_no_name_is_one_that_the_kernel_chooses(network: str) -> None:
    # Source: go1.27 net/unixsock_linux_test.go TestUnixAutobindClose; unix(7)
    with listen(network, "") as one, listen(network, "") as other:
        names = {one.local_addr.name, other.local_addr.name}
        assert len(names) == 2
        assert all(name.startswith("@") and len(name) == 6 for name in names)
        with net.dial(network, one.local_addr, local_addr="") as near, one.accept() as far:
            assert near.local_addr == far.remote_addr
            assert near.local_addr.name.startswith("@")
            assert near.local_addr.name not in names


@each_network
@in_run
def test_an_end_that_dials_may_have_a_name_of_its_own(network: str, tmp_path: Path) -> None:
    # Source: go1.27 net/unixsock_test.go TestUnixConnLocalAndRemoteNames
    mine = UnixAddr(f"{tmp_path}/mine", network)
    with listen(network, f"{tmp_path}/theirs") as listener:
        with net.dial(network, listener.local_addr, local_addr=mine) as near:
            with listener.accept() as far:
                assert near.local_addr == far.remote_addr == mine
            assert Path(mine.name).is_socket()
        assert not Path(mine.name).exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/" + "x" * 107, "name too long"),
        ("@" + "x" * 108, "name too long"),
        ("/tmp/a\0b", "invalid argument"),  # noqa: S108
        ("\ud800", "invalid argument"),
    ],
)
@in_run
def test_a_name_that_cannot_be_is_refused_before_anything_is_made(name: str, reason: str) -> None:
    with recorded("socket") as calls:
        for call in (
            lambda: net.dial("unix", name),
            lambda: net.dial("unix", "@x", local_addr=name),
            lambda: listen("unix", name),
        ):
            with pytest.raises(AddrError, match=f"{reason}$"):
                call()
        assert calls.made == []


@in_run
def test_the_longest_path_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "x" * 107
    with listen("unix", name) as listener:
        assert listener.local_addr.name == name
        with net.dial("unix", name) as near, listener.accept():
            assert near.remote_addr.name == name
    assert not Path(name).exists()


@in_run
def test_a_file_name_that_begins_as_an_abstract_one_is_given_with_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with listen("unix", "./@x") as listener:
        assert Path("@x").is_socket()
        with net.dial("unix", listener.local_addr) as near, listener.accept():
            assert near.remote_addr.name == "./@x"
    assert not Path("@x").exists()


@in_run
def test_no_name_cannot_be_dialled() -> None:
    # Source: go1.27 net/unixsock_posix.go unixSocket
    for nothing in ("", UnixAddr("")):
        with pytest.raises(AddrError, match=r"^dial unix: missing address$"):
            net.dial("unix", nothing)


@in_run
def test_only_the_address_of_a_unix_socket_is_one() -> None:
    addr = net.TCPAddr("127.0.0.1", 80)
    for call in (
        lambda: net.dial("unix", addr),
        lambda: net.dial("unix", "@x", local_addr=addr),
        lambda: listen("unix", addr),
    ):
        with pytest.raises(AddrError, match=r"127\.0\.0\.1:80: unexpected address type$"):
            call()
    with pytest.raises(TypeError, match=r"is a str, not b'/x'$"):
        net.dial("unix", b"/x")  # type: ignore[call-overload]


@pytest.mark.parametrize("network", ["unixgram", "unix4", ""])
@in_run
def test_no_other_network_is_listened_on(network: str) -> None:
    with pytest.raises(
        UnknownNetworkError, match=rf"^listen {network}: unknown network {network}(:|$)"
    ):
        listen(network, "@x")


# ---- what is told


@in_run
def test_what_fails_says_what_was_being_done(tmp_path: Path) -> None:
    name, mine = f"{tmp_path}/name", f"{tmp_path}/mine"
    with pytest.raises(FileNotFoundError) as caught:
        net.dial("unix", name)
    assert str(caught.value) == f"dial unix {name}: no such file or directory"
    assert isinstance(caught.value, OpError)
    with listen("unix", name) as listener:
        with pytest.raises(OpError) as in_use:
            listen("unix", name)
        assert str(in_use.value) == f"listen unix {name}: address already in use"
        with pytest.raises(OpError, match=r"dial unixpacket .*: protocol wrong type for socket$"):
            net.dial("unixpacket", name)
        with pytest.raises(OpError) as mine_too:
            net.dial("unix", name, local_addr=listener.local_addr)
        assert str(mine_too.value) == f"dial unix {name}->{name}: address already in use"
        listener.set_unlink_on_close(False)
    with pytest.raises(ConnectionRefusedError) as refused:
        net.dial("unix", name, local_addr=mine)
    assert str(refused.value) == f"dial unix {mine}->{name}: connection refused"
    assert refused.value.source == UnixAddr(mine)  # type: ignore[attr-defined]
    assert not Path(mine).exists()


@in_run
def test_the_file_of_a_socket_that_cannot_listen_is_removed(tmp_path: Path) -> None:
    name = tmp_path / "socket"
    with answering(listen=lambda *_: -errno.EADDRINUSE), pytest.raises(OpError):
        listen("unix", str(name))
    assert not name.exists()


@pytest.mark.parametrize("call", ["socket", "bind", "listen", "connect", "getsockname"])
@in_run
def test_whatever_fails_nothing_is_left(call: str, tmp_path: Path) -> None:
    mine, name = tmp_path / "mine", tmp_path / "name"
    before = sockets()
    with listen("unix", "") as stream, net.listen_packet("unixgram", "") as packets:
        ways: list[Callable[[], object]] = [
            lambda: net.dial("unix", stream.local_addr, local_addr=str(mine)),
            lambda: net.dial("unixgram", packets.local_addr, local_addr=str(mine)),
            lambda: net.listen("unixpacket", str(name)),
            lambda: net.listen_packet("unixgram", str(name)),
        ]
        failed = 0
        with answering(**{call: lambda *_: -errno.ENOBUFS}):
            for way in ways:
                with suppress(OpError):
                    made = way()
                    made.close()  # type: ignore[attr-defined]
                    continue
                failed += 1
        assert failed == {"listen": 1, "connect": 2}.get(call, 4)
        assert list(tmp_path.iterdir()) == []
        assert sockets() == before + 2


# ---- options


@each_network
@in_run
def test_a_control_sees_the_socket_before_it_has_a_name(network: str, tmp_path: Path) -> None:
    # Source: go1.27 net/dial_test.go TestDialerControl, net/listen_test.go TestListenConfigControl
    seen = []

    def note(network: str, address: str, raw: RawSocket) -> None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        seen.append((network, address, Path(address).exists()))

    name = f"{tmp_path}/socket"
    with net.listen(network, name, control=note) as listener:
        with net.dial(network, name, control=note) as near, listener.accept():
            assert near.getsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED) == 1
    assert seen == [(network, name, False), (network, name, True)]


@in_run
def test_what_a_control_raises_ends_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        net.listen("unix", f"{tmp_path}/socket", control=fail)
    with pytest.raises(ZeroDivisionError):
        net.dial("unix", f"{tmp_path}/socket", local_addr=f"{tmp_path}/mine", control=fail)
    assert list(tmp_path.iterdir()) == []


@in_run
def test_the_queue_is_as_long_as_is_asked_for() -> None:
    with recorded("listen") as calls:
        listen("unix", "").close()
        listen("unix", "", backlog=3).close()
        assert [backlog for _, backlog in calls.of("listen")] == [
            int(Path("/proc/sys/net/core/somaxconn").read_text("ascii")),
            3,
        ]


@in_run
def test_a_connection_has_the_listeners_name_without_a_question() -> None:
    with listen("unix", "") as listener, net.dial("unix", listener.local_addr):
        with recorded("getsockname") as calls, listener.accept() as far:
            assert far.local_addr == listener.local_addr
            assert calls.made == []


@in_run
def test_buffers_are_set() -> None:
    with connected() as (near, _):
        near.set_read_buffer(10_000)
        near.set_write_buffer(20_000)
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 20_000
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 40_000
    with pytest.raises(ClosedError, match=r"^set unix "):
        near.set_read_buffer(10_000)
    with pytest.raises(ClosedError, match=r"^set unix "):
        near.set_write_buffer(10_000)


# ---- a queue that is full


@each_network
@in_run
def test_a_dial_waits_for_room_in_the_queue(network: str) -> None:
    with full(network) as (listener, waiting):
        dialling = parked(go(net.dial, network, listener.local_addr))
        accepted = [listener.accept() for _ in range(len(waiting) + 1)]
        with dialling.join(timeout=5) as near:
            near.write(b"at last")
            assert accepted[-1].read() == b"at last"
        for far in accepted:
            far.close()


@in_run
def test_a_dial_asks_again_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    now, pauses = 1000.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        pauses.append(round(1000 * seconds))
        now += seconds

    with full() as (listener, _), recorded("connect") as calls:
        monkeypatch.setattr(unix_socket, "sleep", sleep)
        monkeypatch.setattr(unix_socket, "monotonic", lambda: now)
        with pytest.raises(DeadlineExceeded) as caught:
            unix_socket.connect("unix", listener.local_addr, None, None, now + 0.2)
    assert pauses == [1, 2, 4, 8, 16, 32, 50, 50, 37]  # the last to the very end
    assert len(calls.made) == len(pauses)
    assert str(caught.value) == f"dial unix {listener.local_addr}: i/o timeout"


@in_run
def test_a_dial_that_waits_for_room_has_a_limit() -> None:
    with full() as (listener, _):
        began = monotonic()
        with pytest.raises(DeadlineExceeded):
            net.dial("unix", listener.local_addr, timeout=0.05)
        with pytest.raises(DeadlineExceeded):
            net.dial("unix", listener.local_addr, deadline=began + 0.1)
        assert began + 0.1 <= monotonic() < began + 5


@in_run
def test_when_time_is_up_nothing_is_made() -> None:
    with listen("unix", "") as listener, recorded("socket") as calls:
        with pytest.raises(DeadlineExceeded):
            net.dial("unix", listener.local_addr, deadline=monotonic() - 1)
        assert calls.made == []


@in_run
def test_a_dial_that_waits_for_room_learns_of_the_close() -> None:
    with full() as (listener, _):
        dialling = parked(go(net.dial, "unix", listener.local_addr))
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            dialling.join(timeout=5)


@pytest.mark.parametrize("park", range(1, 5))
@in_run
def test_a_dial_can_be_cancelled_at_each_park(park: int, tmp_path: Path) -> None:
    with full("unix", f"{tmp_path}/socket") as (listener, _):
        before = sockets()
        mine = tmp_path / "mine"
        attempts = 0

        def cancels(*_: object) -> None:
            nonlocal attempts
            attempts += 1
            if attempts == park:
                dialling.cancel()

        with answering(connect=cancels):
            dialling = go(net.dial, "unix", listener.local_addr, local_addr=str(mine))
            with pytest.raises(GoroutineCancelled):
                dialling.join(timeout=5)
        assert attempts == park
        assert not mine.exists()
        assert sockets() == before


# ---- the end


@each_network
@in_run
def test_the_end_of_one_direction(network: str) -> None:
    # Source: go1.27 net/net_test.go TestCloseRead, TestCloseWrite
    with connected(network) as (near, far):
        near.write(b"last words")
        near.close_write()
        assert [far.read(), far.read(), far.read()] == [b"last words", b"", b""]
        with pytest.raises(BrokenPipeError, match=rf"^write {network} "):
            near.write(b"more")
        far.write(b"the other way")
        assert near.read() == b"the other way"
        reader = parked(go(near.read))
        near.close_read()
        assert reader.join(timeout=5) == b""


@each_network
@in_run
def test_a_listener_that_is_closed_lets_nobody_in(network: str) -> None:
    with listen(network, "") as listener:
        accepting = parked(go(listener.accept))
        with net.dial(network, listener.local_addr) as near:
            near.write(b"x")
        accepting.join(timeout=5).close()
        accepting = parked(go(listener.accept))
    with pytest.raises(ClosedError, match=rf"^accept {network} @"):
        accepting.join()
    assert [*listener] == []
    assert repr(listener) == f"<UnixListener {network} {listener.local_addr} closed>"
    with pytest.raises(ConnectionRefusedError):
        net.dial(network, listener.local_addr)


@in_run
def test_an_accept_has_a_limit() -> None:
    # Source: go1.27 net/timeout_test.go TestAcceptTimeout
    with listen("unix", "") as listener:
        listener.settimeout(0.01)
        with pytest.raises(DeadlineExceeded, match=r"^accept unix @.*: i/o timeout$"):
            listener.accept()
        listener.settimeout(None)
        listener.set_deadline(1e-9)
        with pytest.raises(DeadlineExceeded):
            listener.accept()


@in_run
def test_a_connection_may_be_made_of_a_descriptor() -> None:
    near, far = (UnixConn.from_fd(end.detach()) for end in socket.socketpair())
    with near, far:
        near.write(b"x")
        assert far.read() == b"x"
        assert near.local_addr == far.remote_addr == UnixAddr("")
    assert issubclass(UnixListener, net.Listener)
    assert issubclass(UnixConn, net.Conn)


@in_run
def test_peers_of_the_systems_own_kind() -> None:
    with listen("unix", "") as listener, socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(5)
        peer.connect(raw_name(listener))
        with listener.accept() as far:
            peer.sendall(b"hello")
            assert far.read() == b"hello"
            far.write(b"you too")
            assert peer.recv(100) == b"you too"
