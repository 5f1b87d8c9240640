"""Limits as moments: what is no number is refused with words that help."""

import math
from typing import Any

import pytest

from netpoll.net.limit import moment


def test_a_limit_is_so_many_seconds_after_a_moment() -> None:
    assert moment("timeout", 10.0, 2) == 12.0
    assert moment("deadline", 0.0, 2.5) == 2.5


@pytest.mark.parametrize("seconds", [None, math.inf])
def test_no_limit_is_infinitely_far(seconds: float | None) -> None:
    assert moment("timeout", 10.0, seconds) == math.inf


@pytest.mark.parametrize(
    ("seconds", "kind", "said"),
    [
        (math.nan, ValueError, "a timeout cannot be NaN"),
        (10**400, ValueError, "a timeout of more seconds than a float can hold; None is for ever"),
        ("5", TypeError, "a timeout is a number of seconds or None, not '5'"),
        ([5], TypeError, r"a timeout is a number of seconds or None, not \[5\]"),
    ],
)
def test_what_is_no_number_is_refused(seconds: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=f"^{said}$"):
        moment("timeout", 10.0, seconds)


def test_a_deadline_is_said_to_be_one_of_the_monotonic_clock() -> None:
    wrong: Any = "soon"
    with pytest.raises(TypeError, match=r"seconds on time\.monotonic\(\) or None, not 'soon'$"):
        moment("deadline", 0.0, wrong)
