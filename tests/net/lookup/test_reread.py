"""Files of the system that change while a program runs."""

import errno
import os
from pathlib import Path

import pytest

from netpoll.net.lookup import reread
from netpoll.net.lookup.reread import Reread


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reread, "monotonic", clock)
    return clock


def rewrite(path: Path, content: bytes) -> None:
    """Put another file in its place, as an editor does."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def test_a_change_is_seen_after_five_seconds_and_not_before(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    file = Reread(str(path), bytes)
    assert file.get() == b"one"
    rewrite(path, b"two")
    clock.now += 4.9
    assert file.get() == b"one"
    clock.now += 0.1
    assert file.get() == b"two"


def test_a_file_of_the_same_size_and_time_but_another_one_is_seen(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    file = Reread(str(path), bytes)
    assert file.get() == b"one"
    stat = path.stat()
    rewrite(path, b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    clock.now += 5
    assert file.get() == b"two"


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    parsed = []

    def parse(content: bytes) -> bytes:
        parsed.append(content)
        return content

    file = Reread(str(path), parse)
    for _ in range(3):
        assert file.get() == b"one"
        clock.now += 6
    assert parsed == [b"one"]


def test_a_file_that_is_not_there_has_nothing_in_it(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "file"
    file = Reread(str(path), bytes)
    assert file.get() == b""
    path.write_bytes(b"one")
    clock.now += 5
    assert file.get() == b"one"
    path.unlink()
    clock.now += 5
    assert file.get() == b""


def test_a_content_says_itself_how_long_it_keeps(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    file = Reread(str(path), bytes, lambda content: 60.0 if content else 0.0)
    assert file.get() == b""
    rewrite(path, b"one")
    assert file.get() == b"one"
    rewrite(path, b"two")
    clock.now += 59
    assert file.get() == b"one"


def test_without_a_free_descriptor_it_says_what_it_said(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    file = Reread(str(path), bytes)
    assert file.get() == b"one"
    rewrite(path, b"two")
    clock.now += 5
    with monkeypatch.context() as patch:

        def no_more(*_: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        patch.setattr("builtins.open", no_more)
        assert file.get() == b"one"
        assert Reread(str(path), bytes).get() == b""
    clock.now += 5
    assert file.get() == b"two"
