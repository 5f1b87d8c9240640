"""The load of datagrams counts those that arrive and those that do not, and finds out a liar."""

from pathlib import Path

import pytest

from benchmarks.driving import parse
from tests.benchmarks.loads import Reply, run_datagrams

SHORT = "--connections 3 --depth 4 --requests 300"


class Counter:
    """Counts the datagrams of 64 bytes, as a server of a flood does."""

    def __init__(self, off_by: int = 0) -> None:
        self.count = off_by

    def __call__(self, data: bytes) -> list[bytes]:
        if len(data) == 64:
            self.count += 1
            return []
        return [self.count.to_bytes(8, "big") + data]


@pytest.mark.parametrize("options", [SHORT, SHORT + " --spin 1", SHORT + " --size 1472"])
def test_every_datagram_that_comes_back_is_counted_once(load: Path, options: str) -> None:
    seen: list[bytes] = []

    def echo(data: bytes) -> list[bytes]:
        seen.append(data)
        return [data]

    done = run_datagrams(load, "datagrams", echo, options)
    assert (done.returncode, done.stderr) == (0, "")
    reading = parse(done.stdout)
    assert reading.operations == len(reading.latency) >= 300
    # On a busy machine an answer may take so long that it counts as lost.
    assert reading.operations + reading.lost <= len(seen)
    assert len(set(seen)) == len(seen)
    assert reading.bytes == reading.operations * len(seen[0])


def test_one_that_does_not_come_back_is_lost_and_another_one_takes_its_place(load: Path) -> None:
    seen: list[bytes] = []

    def forgetful(data: bytes) -> list[bytes]:
        seen.append(data)
        return [] if len(seen) % 10 == 0 else [data]

    done = run_datagrams(load, "datagrams", forgetful, SHORT)
    assert (done.returncode, done.stderr) == (0, "")
    reading = parse(done.stdout)
    assert reading.operations >= 300
    assert 1 <= reading.lost <= len(seen) // 10


def test_one_that_was_given_up_may_still_come(load: Path) -> None:
    seen: list[bytes] = []

    def slow(data: bytes) -> list[bytes]:
        seen.append(data)
        # There is one at a time: when others have come, the first one has been given up.
        return {1: [], 80: [data, seen[0]]}.get(len(seen), [data])

    options = "--connections 1 --depth 1 --requests 300"
    done = run_datagrams(load, "datagrams", slow, options)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(seen) >= 300


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (lambda data: [data, data], "came back twice"),
        (lambda data: [data[:-1] + bytes([data[-1] ^ 1])], "came back changed"),
        (lambda data: [data[:-1]], "a datagram of 63 bytes"),
        (lambda data: [data + b"!"], "a datagram of 65 bytes"),
        (lambda data: [b"\xff" * 8 + data[8:]], "that was never sent"),
        (lambda data: [bytes([data[0] ^ 1]) + data[1:]], "socket"),
    ],
    ids=["doubles", "flips a bit", "cuts", "adds a byte", "makes up a number", "swaps numbers"],
)
def test_a_datagram_that_is_not_what_was_sent_ends_the_run(
    load: Path, reply: Reply, complaint: str
) -> None:
    done = run_datagrams(load, "datagrams", reply, SHORT)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("options", ["--size 7", "--size 1473"])
def test_a_datagram_has_room_for_its_number_and_fits_a_packet(load: Path, options: str) -> None:
    done = run_datagrams(load, "datagrams", lambda data: [data], options)
    assert done.returncode == 1
    assert "bytes here" in done.stderr


def test_a_flood_is_what_arrived_and_what_did_not(load: Path) -> None:
    counter = Counter()
    done = run_datagrams(load, "flood", counter, "--seconds 0.02 --warmup 0.005")
    assert (done.returncode, done.stderr) == (0, "")
    reading = parse(done.stdout)
    assert 0 < reading.operations <= counter.count
    assert reading.bytes == 64 * reading.operations
    # A batch is of 64 datagrams, and all of them are accounted for.
    assert (reading.operations + reading.lost) % 64 == 0


@pytest.mark.parametrize("times", [1, 2])
def test_a_server_of_a_flood_cannot_have_received_more_than_was_sent(
    load: Path, times: int
) -> None:
    counter = Counter()

    def liar(data: bytes) -> list[bytes]:
        if data == b"b":
            counter.count += 1_000_000_000 * (times - 1)
        return counter(data)

    done = run_datagrams(load, "flood", liar, "--requests 64 --seconds 5")
    assert done.returncode == times - 1
    assert ("datagrams sent" in done.stderr) == (times > 1)


def test_a_server_of_a_flood_has_to_say_how_many_there_were(load: Path) -> None:
    done = run_datagrams(load, "flood", lambda data: [data] if len(data) < 64 else [], "")
    assert done.returncode == 1
    assert "has not said how many" in done.stderr


def test_a_question_that_is_lost_is_asked_again(load: Path) -> None:
    counter, questions = Counter(), 0

    def deaf(data: bytes) -> list[bytes]:
        nonlocal questions
        questions += len(data) == 1
        return counter(data) if len(data) == 64 or questions % 3 == 0 else []

    done = run_datagrams(load, "flood", deaf, "--requests 64 --seconds 5")
    assert (done.returncode, done.stderr) == (0, "")
    assert questions >= 6


def test_the_answer_to_an_earlier_question_is_not_taken_for_one(load: Path) -> None:
    counter = Counter()

    def repeating(data: bytes) -> list[bytes]:
        return counter(data) * 3

    done = run_datagrams(load, "flood", repeating, "--requests 64 --seconds 5")
    assert (done.returncode, done.stderr) == (0, "")
    reading = parse(done.stdout)
    assert (reading.operations, reading.lost) == (64, 0)
