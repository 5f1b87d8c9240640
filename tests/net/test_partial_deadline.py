"""Sharing the time of a dial between its addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll.errors import DeadlineExceeded
from netpoll.net.serial import partial_deadline


@pytest.mark.parametrize(
    ("now", "deadline", "addresses", "expected"),
    [
        # Source: go1.27 net/dial_test.go TestDialerPartialDeadline
        (1000.0, 1012.0, 1, 1012.0),
        (1000.0, 1012.0, 2, 1006.0),
        (1000.0, 1012.0, 3, 1004.0),
        (1011.999, 1012.0, 1, 1012.0),
        (1000.0, 1012.0, 100, 1002.0),
        (1010.0, 1012.0, 100, 1012.0),
        (1011.0, 1012.0, 100, 1012.0),
        (1000.0, None, 3, None),
    ],
)
def test_each_address_gets_its_share(
    now: float, deadline: float | None, addresses: int, expected: float | None
) -> None:
    assert partial_deadline(now, deadline, addresses) == expected


@pytest.mark.parametrize("now", [1012.0, 1012.001])
def test_no_time_left_is_an_error(now: float) -> None:
    with pytest.raises(DeadlineExceeded):
        partial_deadline(now, 1012.0, 3)


@given(st.floats(0, 1e6), st.floats(1e-6, 1e6), st.integers(1, 1000))
def test_a_share_is_never_past_the_deadline_nor_too_short(
    now: float, length: float, addresses: int
) -> None:
    deadline = now + length
    if deadline <= now:
        return
    share = partial_deadline(now, deadline, addresses)
    assert share is not None
    assert now < share <= deadline
    assert share == deadline or share - now >= 2 - 1e-6
