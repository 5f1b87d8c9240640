"""The file of a Unix socket: removed once, by whom it belongs to, and while it is still its own.

Source: go1.27 net/unixsock_test.go TestUnixUnlink
"""

import errno
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from netpoll import ClosedError, net
from netpoll.net import UnixListener, bound_path
from tests.kernel import answering
from tests.net.unix_ends import STREAMS, listen
from tests.running import Outcome, in_run, says

each_network = pytest.mark.parametrize("network", STREAMS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


def adopted(path: Path) -> UnixListener:
    """Return a listener over a socket that another program, say, has bound."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen()
    return UnixListener.from_fd(sock.detach())


# ---- whose it is


@each_network
@in_run
def test_close_removes_the_file_that_listen_has_made(network: str, path: Path) -> None:
    listener = listen(network, str(path))
    assert path.is_socket()
    listener.close()
    assert not path.exists()


@in_run
def test_the_end_of_a_with_block_does_so(path: Path) -> None:
    with listen("unix", str(path)):
        assert path.is_socket()
    assert not path.exists()


@in_run
def test_a_listener_made_of_a_descriptor_leaves_the_file(path: Path) -> None:
    adopted(path).close()
    assert path.is_socket()


@in_run
def test_two_listeners_of_one_socket_leave_it_to_the_first(path: Path) -> None:
    with listen("unix", str(path)) as first:
        second = UnixListener.from_fd(first.dup())
        second.close()
        assert path.is_socket()
    assert not path.exists()


@pytest.mark.parametrize("make", [lambda path: listen("unix", str(path)), adopted])
@pytest.mark.parametrize("wanted", [True, False])
@in_run
def test_who_makes_it_may_say_otherwise(
    make: Callable[[Path], UnixListener], wanted: bool, path: Path
) -> None:
    with make(path) as listener:
        listener.set_unlink_on_close(not wanted)
        listener.set_unlink_on_close(wanted)
    assert path.exists() is not wanted


@in_run
def test_a_dial_that_fails_removes_its_own_file_alone(path: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    for dialled in (path, mine):
        with pytest.raises(OSError, match=r"^dial unix "):
            net.dial("unix", str(dialled), local_addr=str(mine))
        assert list(tmp_path.iterdir()) == []
    mine.touch()
    with pytest.raises(OSError, match=r": address already in use$"):
        net.dial("unix", str(path), local_addr=str(mine))
    assert mine.exists()


@in_run
def test_an_end_that_dialled_may_leave_its_file(path: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    with listen("unix", str(path)) as listener:
        with net.dial("unix", str(path), local_addr=str(mine)) as near, listener.accept() as far:
            near.set_unlink_on_close(False)
            far.close()
            assert path.is_socket()  # an accepted connection has the same name, and no file
        assert mine.is_socket()
        mine.unlink()


@in_run
def test_an_accepted_connection_may_remove_the_file_of_its_name(path: Path) -> None:
    with listen("unix", str(path)) as listener:
        with net.dial("unix", str(path)), listener.accept() as far:
            far.set_unlink_on_close(True)
        assert not path.exists()


@in_run
def test_a_connection_that_is_closed_removes_nothing_more(path: Path) -> None:
    with listen("unix", str(path)) as listener:
        with net.dial("unix", str(path)), listener.accept() as far:
            pass
        far.set_unlink_on_close(True)
        far.close()
        assert path.is_socket()


@in_run
def test_a_name_without_a_file_removes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"@x{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"./{name}")
        with listen("unix", name):
            pass
        assert Path(name).is_socket()


# ---- once


@in_run
def test_a_second_close_leaves_what_is_there_by_then(path: Path) -> None:
    listener = listen("unix", str(path))
    listener.close()
    with listen("unix", str(path)) as other:
        listener.set_unlink_on_close(True)
        listener.close()
        assert path.is_socket()
        with net.dial("unix", str(path)), other.accept():
            pass


@in_run
def test_the_file_is_gone_before_the_socket_is(path: Path) -> None:
    # Else somebody may have bound the name again, and it would be his file that is removed.
    there = []
    listener = listen("unix", str(path))
    number = listener.fileno()

    def note(fd: int) -> None:
        if fd == number:
            there.append(path.exists())

    with answering(close=note):
        listener.close()
    assert there == [False]


def test_of_many_that_close_at_once_one_removes_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []
    meet = threading.Barrier(8)
    original = os.unlink

    def unlink(name: str) -> None:
        removed.append(name)
        original(name)

    monkeypatch.setattr(os, "unlink", unlink)

    def close() -> None:
        meet.wait(5)
        listener.close()

    for turn in range(20):
        listener = listen("unix", str(path))
        threads = [Outcome(close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.result()
        assert removed == [str(path)] * (turn + 1)


# ---- still its own


@in_run
def test_the_file_of_another_listener_is_left(path: Path) -> None:
    first = listen("unix", str(path))
    path.unlink()
    with listen("unix", str(path)) as second:
        first.close()
        assert path.is_socket()
        with net.dial("unix", str(path)), second.accept():
            pass
    assert not path.exists()


@in_run
def test_a_file_that_was_moved_is_left_and_so_is_what_took_its_place(
    path: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    one, two = listen("unix", str(path)), listen("unix", str(other))
    third = tmp_path / "third"
    path.rename(third)
    other.rename(path)
    third.rename(other)
    one.close()
    two.close()
    assert path.is_socket()
    assert other.is_socket()


def put_file(path: Path) -> None:
    path.write_text("hello world")


def put_directory(path: Path) -> None:
    path.mkdir()


def put_link(path: Path) -> None:
    path.symlink_to(path.with_name("moved"))


@pytest.mark.parametrize("put", [put_file, put_directory, put_link])
@in_run
def test_what_is_no_socket_is_left(put: Callable[[Path], None], path: Path) -> None:
    with listen("unix", str(path)):
        path.rename(path.with_name("moved"))
        put(path)
    assert path.exists()


@in_run
def test_what_is_no_socket_does_not_become_the_file_of_one_taken_over(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        path.unlink()
        path.touch()
        with UnixListener.from_fd(os.dup(sock.fileno())) as listener:
            listener.set_unlink_on_close(True)
    assert path.exists()


@in_run
def test_a_file_that_is_gone_is_no_matter(path: Path) -> None:
    with listen("unix", str(path)):
        path.unlink()


@in_run
def test_a_directory_that_is_gone_is_no_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    with listen("unix", "socket") as listener:
        Path("socket").unlink()
        (tmp_path / "gone").rmdir()
        listener.set_unlink_on_close(True)
        with pytest.raises(FileNotFoundError):
            listen("unix", "socket")
        with listen("unix", f"@{os.getpid()}/gone"):
            pass


@in_run
def test_a_file_that_cannot_be_removed_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_: str) -> None:
        raise PermissionError(errno.EACCES, "no")

    listener = listen("unix", str(path))
    with monkeypatch.context() as patched:
        patched.setattr(bound_path.os, "unlink", refuses)  # type: ignore[attr-defined]
        listener.close()
    assert path.is_socket()
    with pytest.raises(ClosedError):
        listener.accept()


@in_run
def test_the_process_may_go_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    with listen("unix", "socket") as here:
        monkeypatch.chdir(tmp_path / "elsewhere")
        with listen("unix", "socket"):
            here.close()
            assert not (tmp_path / "there" / "socket").exists()
            assert Path("socket").is_socket()


@in_run
def test_a_way_through_a_link_and_back_is_the_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    monkeypatch.chdir(tmp_path)
    with listen("unix", "link/../socket"):
        assert (tmp_path / "far" / "socket").is_socket()
        monkeypatch.chdir("/")
    assert not (tmp_path / "far" / "socket").exists()


# ---- another process


FORKS = """
    import os, sys
    import netpoll
    from netpoll import net

    def main():
        name = sys.argv[1]
        listener = net.listen("unix", name)
        child = os.fork()
        if not child:
            if sys.argv[2] == "takes over":
                listener.set_unlink_on_close(True)
            listener.close()
            os._exit(0)
        os.waitpid(child, 0)
        print(os.path.exists(name))
        listener.close()
        print(os.path.exists(name))

    netpoll.run(main)
"""


def test_a_child_leaves_the_file_to_its_parent(path: Path) -> None:
    assert says(FORKS, str(path), "").split() == ["True", "False"]


def test_a_child_may_take_the_file_over(path: Path) -> None:
    assert says(FORKS, str(path), "takes over").split() == ["False", "False"]
