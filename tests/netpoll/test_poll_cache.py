"""The cache of poll descriptors: memory that stays, and tags that tell its owners apart."""

from hypothesis import given, settings
from hypothesis import strategies as st

from netpoll._runtime.netpoll import PollProbe

LAST_TAG = 2**32 - 1
WAKE_KEY = 2**64 - 1
BLOCK = 64


def test_an_event_of_the_present_owner_is_delivered() -> None:
    desc = PollProbe()
    assert desc.knows(desc.key)


def test_an_event_of_an_earlier_owner_is_dropped() -> None:
    desc = PollProbe()
    earlier = []
    for _ in range(100):
        earlier.append(desc.key)
        desc.change_owner()
        assert not any(desc.knows(key) for key in earlier)
        assert desc.knows(desc.key)


def test_events_are_told_apart_across_a_wrap_of_the_tag() -> None:
    desc = PollProbe()
    desc.tag = LAST_TAG
    last = desc.key
    desc.change_owner()
    assert desc.tag == 0
    first = desc.key
    assert desc.knows(first)
    assert not desc.knows(last)
    desc.change_owner()
    assert not desc.knows(first)
    assert not desc.knows(last)


def test_keys_differ_over_many_blocks() -> None:
    desc = PollProbe()
    keys = [desc.key, *(desc.alloc() for _ in range(1000))]
    assert len(set(keys)) == len(keys)
    assert all(desc.knows(key) for key in keys)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 3) | st.integers(0, LAST_TAG), st.integers(0, 200) | st.integers(0, LAST_TAG))
def test_a_key_that_was_never_given_out_finds_nothing(tag: int, index: int) -> None:
    desc = PollProbe()
    desc.tag = 2
    untouched = tag == 0 and 0 < index < BLOCK  # memory that nobody has had yet
    assert desc.knows(tag << 32 | index) == (untouched or (tag, index) == (2, 0))


def test_the_wake_up_event_is_no_descriptors() -> None:
    desc = PollProbe()
    desc.tag = LAST_TAG
    assert not desc.knows(WAKE_KEY)
