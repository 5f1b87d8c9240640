from pathlib import Path

import pytest

from benchmarks.instructions import Count, CountError, collected, table

FOUND = {"python": "3.13.0", "greenlet": "3.2", "machine": "x86_64"}


def test_starting_and_ending_cancel_out() -> None:
    count = Count("switch", 1000, 3000, lambda length, _: 50_000_000 + 22 * length, 1.1)
    assert count.take(Path()) == pytest.approx(20)


def test_the_number_is_found_in_what_valgrind_says() -> None:
    assert collected("==7== Events    : Ir\n==7== Collected : 123456\n==7==\n") == 123456


def test_no_number_is_an_error() -> None:
    with pytest.raises(CountError, match="not found"):
        collected("valgrind: program not found")


def test_numbers_stand_beside_the_saved_ones() -> None:
    now = {**FOUND, "instructions": {"switch": 110, "echo": 70}}
    before = {**FOUND, "instructions": {"switch": 100}}
    assert table(now, before).rows == (("switch", "110", "100", "+10.0%"), ("echo", "70", "-", "-"))


def test_those_of_another_python_are_no_comparison() -> None:
    now = {**FOUND, "instructions": {"switch": 110}}
    before = {**FOUND, "python": "3.11.0", "instructions": {"switch": 100}}
    assert table(now, before).rows == (("switch", "110", "-", "-"),)
