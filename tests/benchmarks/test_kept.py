"""What stays for several samples, and when it ends."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

import pytest

from benchmarks.kept import Kept


class Things:
    """What was begun and what has ended, in order."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def start(self, name: str) -> Iterator[str]:
        self.notes.append(f"{name} begins")
        try:
            yield name
        finally:
            self.notes.append(f"{name} ends")


def test_what_was_started_stays_as_long_as_its_group() -> None:
    kept, things = Kept(), Things()
    keeps = [kept.keeps]
    with closing(kept):
        for group in ("first", "first", "second"):
            kept.begin(group)
            keeps.append(kept.keeps)
            for name in ("a", "b"):
                assert kept.get(name, partial(things.start, name)) == name
        assert things.notes == [
            *("a begins", "b begins", "b ends", "a ends"),
            *("a begins", "b begins"),
        ]
    assert things.notes[-2:] == ["b ends", "a ends"]
    keeps.append(kept.keeps)
    assert keeps == [False, True, True, True, False]


def test_what_could_not_be_started_is_not_kept() -> None:
    @contextmanager
    def fails() -> Iterator[str]:
        if things.notes == []:
            raise OSError("no")
        yield ""

    kept, things = Kept(), Things()
    kept.begin("group")
    with pytest.raises(OSError, match="no"):
        kept.get("a", fails)
    assert kept.get("a", lambda: things.start("a")) == "a"
    kept.begin(None)
    assert things.notes == ["a begins", "a ends"]
