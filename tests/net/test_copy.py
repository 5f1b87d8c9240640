"""net.copy: which way it goes, and that what arrives is what was sent, whichever it is."""

import errno
import gzip
import io
import os
import random
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import netpoll
from netpoll import go, net
from netpoll._poll.stream_fd import StreamFD
from tests.kernel import Calls, answering, on, one_by_one, recorded
from tests.net.ends import connected, read_all
from tests.net.pipes import piped
from tests.running import in_run, parked

DATA = random.Random(5).randbytes(700_001)

Pair = AbstractContextManager[tuple[Any, Any]]


@contextmanager
def unix() -> Iterator[tuple[net.Conn, net.Conn]]:
    near, far = (StreamFD.adopt(end.detach()) for end in socket.socketpair())
    with net.Conn(near, "unix", b"", b"") as one, net.Conn(far, "unix", b"", b"") as other:
        yield one, other


@contextmanager
def within() -> Iterator[tuple[net.Conn, net.Conn]]:
    near, far = net.pipe()
    with near, far:
        yield near, far


@contextmanager
def pipe() -> Iterator[tuple[Any, Any]]:
    with piped() as (reads, writes):
        yield reads, writes


STREAMS: dict[str, Callable[[], Pair]] = {
    "tcp": connected,
    "unix": unix,
    "pipe": pipe,
    "within": within,
}
REFUSALS = ["splice", "sendfile", "copy_file_range"]


def finish(end: Any) -> None:
    if isinstance(end, net.Conn):
        end.close_write()
    else:
        end.close()


def feed(end: Any) -> None:
    end.write(DATA)
    finish(end)


@pytest.mark.parametrize("refused", [False, True], ids=["kernel", "by hand"])
@pytest.mark.parametrize("target", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("source", STREAMS.values(), ids=STREAMS)
def test_between_streams(
    source: Callable[[], Pair], target: Callable[[], Pair], refused: bool
) -> None:
    def main() -> None:
        with source() as (src, feeder), target() as (reader, dst):
            go(feed, feeder)
            received = go(read_all, reader)
            asked = []

            def splice(*call: int) -> int | None:
                asked.append(call)
                return -errno.EINVAL if refused else None

            with answering(splice=splice):
                assert net.copy(dst, src) == len(DATA)
            finish(dst)
            assert received.join() == DATA
            if within in (source, target):
                assert asked == []
            else:
                assert len(asked) == 1 if refused else len(asked) > 2

    netpoll.run(main)


def refusing(refused: bool) -> dict[str, Any]:
    return {name: (lambda *_: -errno.EINVAL) for name in REFUSALS} if refused else {}


@pytest.mark.parametrize("count", [0, 1, 65_536, 65_537, len(DATA), len(DATA) + 1])
@pytest.mark.parametrize("target", STREAMS.values(), ids=STREAMS)
def test_a_count_is_kept_to_and_what_follows_stays(target: Callable[[], Pair], count: int) -> None:
    def main() -> None:
        with connected() as (src, feeder), target() as (reader, dst):
            go(feed, feeder)
            received = go(read_all, reader)
            assert net.copy(dst, src, count) == min(count, len(DATA))
            finish(dst)
            assert received.join() == DATA[:count]
            assert read_all(src) == DATA[count:]

    netpoll.run(main)


# ---- files


def disk(path: Path, flags: int = os.O_RDONLY) -> netpoll.File:
    return netpoll.open_fd(os.open(path, flags))


SOURCES: dict[str, Callable[[Path], Any]] = {
    "open": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0),
    "update": lambda path: path.open("r+b"),
    "File": disk,
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
}
TARGETS: dict[str, Callable[[Path], Any]] = {
    "open": lambda path: path.open("wb"),
    "unbuffered": lambda path: path.open("wb", buffering=0),
    "File": lambda path: disk(path, os.O_WRONLY | os.O_CREAT),
    "append": lambda path: disk(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "source"
    file.write_bytes(DATA)
    return file


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("target", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("refused", [False, True], ids=["kernel", "by hand"])
def test_from_a_file_from_where_it_stands(
    path: Path, make: Callable[[Path], Any], target: Callable[[], Pair], refused: bool
) -> None:
    def main() -> None:
        with make(path) as file, target() as (reader, dst):
            assert file.read(10) == DATA[:10]
            received = go(read_all, reader)
            with answering(**refusing(refused)):
                assert net.copy(dst, file, 1000) == 1000
                assert file.tell() == 1010
                assert net.copy(dst, file) == len(DATA) - 1010
            assert file.tell() == len(DATA)
            finish(dst)
            assert received.join() == DATA[10:]

    netpoll.run(main)


@pytest.mark.parametrize("make", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("source", STREAMS.values(), ids=STREAMS)
def test_to_a_file(path: Path, make: Callable[[Path], Any], source: Callable[[], Pair]) -> None:
    other = path.with_name("target")

    def main() -> None:
        with source() as (src, feeder), make(other) as file:
            go(feed, feeder)
            assert net.copy(file, src) == len(DATA)

    netpoll.run(main)
    assert other.read_bytes() == DATA


@pytest.mark.parametrize("make", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("refused", [False, True], ids=["kernel", "by hand"])
def test_from_file_to_file(path: Path, make: Callable[[Path], Any], refused: bool) -> None:
    other = path.with_name("target")

    def main() -> None:
        with disk(path) as source, make(other) as target, answering(**refusing(refused)):
            assert net.copy(target, source, 1000) == 1000
            assert net.copy(target, source) == len(DATA) - 1000
            assert source.tell() == len(DATA)

    netpoll.run(main)
    assert other.read_bytes() == DATA


def test_a_file_that_is_closed_meanwhile_is_copied_all_the_same(path: Path) -> None:
    def main() -> None:
        with connected() as (reader, dst), disk(path) as source:
            os.truncate(path, 32 << 20)
            copier = parked(go(net.copy, dst, source))
            source.close()
            received = go(read_all, reader)
            assert copier.join() == 32 << 20
            dst.close()
            assert len(received.join()) == 32 << 20

    netpoll.run(main)


def test_a_file_that_was_written_to_is_copied_as_it_reads(path: Path) -> None:
    def main() -> None:
        with path.open("r+b") as source, connected() as (reader, dst):
            source.write(b"new")
            received = go(read_all, reader)
            assert net.copy(dst, source) == len(DATA) - 3
            dst.close()
            assert received.join() == DATA[3:]

    netpoll.run(main)
    assert path.read_bytes()[:3] == b"new"


@in_run
def test_who_waits_for_data_holds_no_buffer() -> None:
    sizes = []

    class Target:
        def write(self, data: bytes) -> None:
            sizes.append(sys.getsizeof(data))

    near, far = net.pipe()
    with near, far:
        copier = parked(go(net.copy, Target(), far))
        near.write(b"x")
        near.close()
        assert copier.join() == 1
    assert sizes[0] < 100


def test_a_file_that_says_it_is_empty_is_read() -> None:
    # Before Linux 5.19 copy_file_range finds nothing in those of /proc, whose size is 0.
    def main() -> None:
        number = os.memfd_create("target")
        with netpoll.open_fd(number) as target, disk(Path("/proc/self/status")) as source:
            with answering(copy_file_range=lambda *_: 0):
                assert net.copy(target, source) > 0
            assert target.pread(5, 0) == b"Name:"

    netpoll.run(main)


# ---- which way


def ways(copying: Callable[[], object]) -> Calls:
    with recorded("splice", "recv", "send", "read") as calls:
        copying()
    return calls


@in_run
def test_between_sockets_no_byte_comes_here() -> None:
    with connected() as (src, feeder), connected() as (reader, dst):
        feeder.write(b"x" * 1000)
        feeder.close()
        made = ways(lambda: net.copy(dst, src)).count()
        assert made["splice"] >= 3
        assert made["recv"] + made["send"] + made["read"] == 0
        assert reader.read(2000) == b"x" * 1000


def test_of_a_file_no_byte_comes_here(path: Path) -> None:
    def main() -> None:
        with path.open("rb") as file, connected() as (reader, dst):
            received = go(read_all, reader)
            with recorded("sendfile", "send") as calls:
                net.copy(dst, file)
            assert calls.count()["sendfile"] > 0
            assert calls.count()["send"] == 0
            dst.close()
            received.join()

    netpoll.run(main)


@in_run
def test_a_class_with_a_read_of_its_own_is_read_by_that() -> None:
    class Shouting(net.TCPConn):
        def readinto(self, buffer: Any) -> int:
            got = super().readinto(buffer)
            view = memoryview(buffer)
            view[:got] = bytes(view[:got]).upper()
            return got

        def read(self, n: int = 65536) -> bytes:
            return super().read(n).upper()

    with connected() as (src, feeder), connected() as (reader, dst):
        loud = Shouting(src._fd, "tcp", src._fd.getsockname(), src._fd.getpeername())
        feeder.write(b"quiet")
        feeder.close()
        net.copy(dst, loud)
        assert reader.read() == b"QUIET"


def test_a_compressed_file_is_copied_as_it_reads(tmp_path: Path) -> None:
    # Its fileno() is that of the file that is compressed.
    packed = tmp_path / "file.gz"
    with gzip.open(packed, "wb") as file:
        file.write(DATA)

    def main() -> None:
        with gzip.open(packed) as source, connected() as (reader, dst):
            received = go(read_all, reader)
            assert net.copy(dst, source) == len(DATA)
            dst.close()
            assert received.join() == DATA

    netpoll.run(main)


# ---- strangers


class Trickle:
    """Gives and takes a few bytes at a time."""

    def __init__(self, data: bytes = b"") -> None:
        self.left = data
        self.taken: list[bytes] = []

    def read(self, n: int) -> bytes:
        some, self.left = self.left[: min(n, 7)], self.left[min(n, 7) :]
        return some

    def write(self, data: bytes) -> int:
        self.taken.append(data[:3])
        return len(self.taken[-1])


@in_run
def test_read_and_write_are_all_that_is_needed() -> None:
    target = Trickle()
    assert net.copy(target, Trickle(b"0123456789" * 5), 33) == 33
    assert b"".join(target.taken) == (b"0123456789" * 5)[:33]


@in_run
def test_a_write_that_returns_none_has_taken_all() -> None:
    taken = []

    class Target:
        def write(self, data: bytes) -> None:
            taken.append(data)

    assert net.copy(Target(), io.BytesIO(DATA)) == len(DATA)
    assert b"".join(taken) == DATA  # what it was given is its own


class Broken:
    def __init__(self, error: Exception, after: int = 2) -> None:
        self.error = error
        self.after = after

    def _next(self) -> None:
        self.after -= 1
        if self.after < 0:
            raise self.error

    def read(self, n: int) -> bytes:
        self._next()
        return bytes(min(n, 10))

    def write(self, data: bytes) -> int:
        self._next()
        return len(data)


@pytest.mark.parametrize("side", ["read", "write"])
@pytest.mark.parametrize("kind", [OSError, KeyError])
@in_run
def test_an_error_tells_what_has_reached_the_target(kind: type[Exception], side: str) -> None:
    error = kind("it broke")
    with pytest.raises(kind) as caught:
        if side == "read":
            net.copy(io.BytesIO(), Broken(error))
        else:
            net.copy(Broken(error), Trickle(bytes(100)))
    assert caught.value is error
    assert caught.value.bytes_written == (20 if side == "read" else 14)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("dst", "src", "text"),
    [
        (object(), io.BytesIO(), "written to"),
        (io.BytesIO(), object(), "read from"),
        (io.BytesIO(), io.StringIO("text"), "text"),
    ],
)
@in_run
def test_what_has_no_such_methods(dst: Any, src: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        net.copy(dst, src)


@in_run
def test_a_negative_count() -> None:
    with pytest.raises(ValueError, match="number of bytes"):
        net.copy(io.BytesIO(), io.BytesIO(), -1)


# ---- when it ends early


@in_run
def test_a_limit_of_either_side_ends_it_and_says_whose_it_was() -> None:
    with connected() as (src, feeder), connected() as (_reader, dst):
        feeder.write(b"begin")
        src.settimeout(0.02)
        with pytest.raises(netpoll.DeadlineExceeded, match="read tcp") as caught:
            net.copy(dst, src)
        assert caught.value.bytes_written == 5
        src.settimeout(None)
        dst.settimeout(0.02)
        flood = go(pour, feeder)
        with pytest.raises(netpoll.DeadlineExceeded, match="write tcp") as caught:
            net.copy(dst, src)
        assert caught.value.bytes_written > 0
        feeder.close()
        flood.join()


def pour(conn: net.Conn) -> None:
    try:
        while True:
            conn.write(bytes(1 << 16))
    except OSError:
        pass


@pytest.mark.parametrize("which", ["source", "target"])
@in_run
def test_who_closes_an_end_ends_it(which: str) -> None:
    with connected() as (src, feeder), connected() as (_reader, dst):
        if which == "source":
            copier = parked(go(net.copy, dst, src))
            src.close()
        else:
            flood = go(pour, feeder)
            copier = go(net.copy, dst, src)
            while not copier.state.startswith("waiting: write"):
                netpoll.sleep(0.001)
            dst.close()
        with pytest.raises(
            netpoll.ClosedError, match="read tcp" if which == "source" else "write tcp"
        ):
            copier.join()
        if which == "target":
            feeder.close()
            flood.join()


@in_run
def test_it_can_be_cancelled_and_the_next_one_is_as_good_as_new() -> None:
    with connected() as (src, feeder), connected() as (reader, dst):
        for _ in range(3):
            copier = parked(go(net.copy, dst, src))
            copier.cancel()
            with pytest.raises(netpoll.GoroutineCancelled):
                copier.join()
        feeder.write(b"still there")
        feeder.close()
        assert net.copy(dst, src) == 11
        assert reader.read() == b"still there"


@in_run
def test_a_pipe_taken_from_the_pool_holds_nothing_of_another_copy() -> None:
    for letter in (b"a", b"b"):
        with connected() as (src, feeder), connected() as (reader, dst):
            feeder.write(letter * 100)
            feeder.close()
            reader.close()
            try:
                while True:  # until the reset has come
                    dst.write(b"x")
                    netpoll.sleep(0.001)
            except OSError:
                pass
            with pytest.raises(OSError, match="write tcp"):
                net.copy(dst, src)
    with connected() as (src, feeder), connected() as (reader, dst):
        feeder.write(b"clean")
        feeder.close()
        assert net.copy(dst, src) == 5
        assert reader.read() == b"clean"


@in_run
def test_without_descriptors_for_a_pipe_it_goes_by_hand() -> None:
    with connected() as (src, feeder), connected() as (reader, dst):
        feeder.write(b"by hand")
        feeder.close()
        with answering(pipe=one_by_one(-errno.EMFILE)):
            assert net.copy(dst, src) == 7
        assert reader.read() == b"by hand"


@in_run
def test_a_target_that_refuses_later_loses_nothing() -> None:
    with connected() as (src, feeder), connected() as (reader, dst):
        feeder.write(b"not lost")
        feeder.close()
        into = dst.fileno()
        with answering(splice=lambda _src, target, *_: -errno.EINVAL if target == into else None):
            assert net.copy(dst, src) == 8
        assert reader.read() == b"not lost"


@in_run
def test_both_directions_at_once() -> None:
    # As a proxy does: whoever reads a target and copies back is not in the way.
    with connected() as (client, outer), connected() as (inner, server):
        there = go(net.copy, inner, outer)
        back = go(net.copy, outer, inner)

        def echo() -> None:
            net.copy(server, server)
            server.close_write()

        echoing = go(echo)
        sender = go(feed, client)
        received = go(read_all, client)
        assert there.join() == len(DATA)
        inner.close_write()
        assert back.join() == len(DATA)
        outer.close_write()
        assert received.join() == DATA
        sender.join()
        echoing.join()


@in_run
def test_an_error_of_the_kernel_is_told_with_its_side() -> None:
    with connected() as (src, feeder), connected() as (_reader, dst):
        feeder.write(b"data")
        with (
            answering(splice=on(src.fileno(), one_by_one(-errno.EIO))),
            pytest.raises(netpoll.OpError, match="read tcp") as caught,
        ):
            net.copy(dst, src)
        assert caught.value.errno == errno.EIO
