from hypothesis import given
from hypothesis import strategies as st

from netpoll.cli.payload import Payload, difference


def test_no_two_connections_say_the_same_in_one_round() -> None:
    payload = Payload(16)
    assert len({payload.message(connection, 7) for connection in range(20_000)}) == 20_000


def test_no_connection_repeats_itself_soon() -> None:
    payload = Payload(16)
    assert len({payload.message(7, round_) for round_ in range(20_000)}) == 20_000


def test_hardly_a_byte_is_that_of_the_round_before() -> None:
    payload = Payload(1000)
    rounds = [payload.message(7, round_) for round_ in range(100)]
    pairs = zip(b"".join(rounds[1:]), b"".join(rounds[:-1]), strict=True)
    assert sum(byte == before for byte, before in pairs) < 99_000 / 100


@given(st.integers(1, 100), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_message_has_its_size_and_is_the_same_when_asked_for_again(
    size: int, connection: int, round_: int
) -> None:
    message = Payload(size).message(connection, round_)
    assert len(message) == size
    assert message == Payload(size).message(connection, round_)


def test_a_difference_names_the_first_wrong_byte() -> None:
    assert difference(b"abcd", b"abXX") == "byte 2 of 4: sent 0x63, received 0x58"


def test_a_byte_too_many_is_a_difference() -> None:
    assert difference(b"ab", b"abc") == "more bytes came back than the 2 that were sent"


@given(st.binary(), st.integers(0))
def test_a_part_of_the_answer_is_no_difference(sent: bytes, length: int) -> None:
    assert difference(sent, sent[:length]) is None
