"""What is bound to an object is told by identity, whatever else there is in the dictionary."""

import time
from itertools import pairwise

from netpoll.testing.bindings import bound_to


class Nasty:
    """What fails where it is compared or hashed."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")


def test_each_name_comes_with_its_object_in_order() -> None:
    names = {"a": time.time, "b": 1, "now": time.monotonic, "c": None, "again": time.time}
    found = bound_to(names, (time.monotonic, time.time))
    assert found == [("a", time.time), ("now", time.monotonic), ("again", time.time)]


def test_nothing_is_compared() -> None:
    nasty = Nasty()
    names: dict[str, object] = {"one": Nasty(), "two": nasty, "three": 1.0, "four": True}
    ((name, value),) = bound_to(names, (nasty, 1))
    assert name == "two"
    assert value is nasty


def test_nothing_is_found_among_nothing() -> None:
    assert bound_to({}, (time.time,)) == []
    assert bound_to({"a": time.time}, ()) == []


def test_all_of_many_are_found() -> None:
    wanted = object()
    names = {str(number): wanted if number % 3 == 0 else number for number in range(10_000)}
    found = [int(name) for name, _ in bound_to(names, (wanted,))]
    assert found[0] == 0
    assert {after - before for before, after in pairwise(found)} == {3}
    assert len(found) == 3334
