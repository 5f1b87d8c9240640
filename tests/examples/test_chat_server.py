import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.program import Program, finished, reset, serving

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "chat_server.py")


@pytest.fixture
def server() -> Iterator[Program]:
    with serving(EXAMPLE, "127.0.0.1:0") as program:
        yield program


class Person:
    """Somebody in the room; when a name is given out, it is that of the connection."""

    def __init__(self, server: Program) -> None:
        self.conn: socket.socket = server.connect()
        self.lines: BinaryIO = self.conn.makefile("rb")
        self.name = "{}:{}".format(*self.conn.getsockname()).encode()

    def say(self, text: bytes) -> None:
        self.conn.sendall(text)

    def hears(self, speaker: "Person", text: bytes) -> bool:
        return self.lines.readline() == speaker.name + b": " + text + b"\n"

    def leave(self) -> None:
        self.lines.close()
        self.conn.close()


@pytest.fixture
def people(server: Program) -> Iterator[list[Person]]:
    """Let in three people, one after the other."""
    with ExitStack() as stack:
        present: list[Person] = []
        for _ in range(3):
            person = Person(server)
            stack.callback(person.leave)
            assert all(other.hears(person, b"* joined") for other in present) or not present
            present.append(person)
        yield present


def test_each_line_reaches_everybody_but_its_sender(people: list[Person]) -> None:
    ann, bob, cid = people
    ann.say(b"hello\n")
    assert bob.hears(ann, b"hello")
    assert cid.hears(ann, b"hello")
    bob.say(b"good morning\n")
    assert ann.hears(bob, b"good morning")
    assert cid.hears(bob, b"good morning")


def test_lines_arrive_in_the_order_in_which_they_were_said(people: list[Person]) -> None:
    ann, bob, _ = people
    ann.say(b"".join(b"%d\n" % n for n in range(200)))
    assert all(bob.hears(ann, b"%d" % n) for n in range(200))


def test_who_leaves_is_missed(people: list[Person]) -> None:
    ann, bob, cid = people
    ann.leave()
    assert bob.hears(ann, b"* left")
    assert cid.hears(ann, b"* left")


def test_who_resets_is_missed_too(server: Program, people: list[Person]) -> None:
    ann, bob, _ = people
    ann.lines.close()
    reset(ann.conn)
    assert bob.hears(ann, b"* left")
    assert server.end() == (0, "")


def test_the_last_line_counts_without_an_end_of_line(people: list[Person]) -> None:
    ann, bob, _ = people
    ann.say(b"bye")
    ann.conn.shutdown(socket.SHUT_WR)
    assert bob.hears(ann, b"bye")
    assert bob.hears(ann, b"* left")


def test_a_very_long_line_arrives_in_pieces(people: list[Person]) -> None:
    ann, bob, _ = people
    ann.say(b"x" * 2500 + b"\n")
    assert bob.hears(ann, b"x" * 1024)
    assert bob.hears(ann, b"x" * 1024)
    assert bob.hears(ann, b"x" * 452)


def test_who_does_not_read_holds_up_nobody_and_has_to_go(people: list[Person]) -> None:
    ann, bob, deaf = people
    text = b"x" * 1023
    said = ann.name + b": " + text + b"\n"
    gone = deaf.name + b": * left\n"
    heard = b""
    # Once the sockets' buffers and the queue of one person are full.
    while heard != gone:
        ann.say(text + b"\n")
        heard = bob.lines.readline()
        assert heard in (said, gone)
    assert bob.lines.readline() == said
    ann.say(b"anybody there?\n")
    assert bob.hears(ann, b"anybody there?")


def test_ctrl_c_ends_it_with_status_0_although_people_are_there(
    server: Program, people: list[Person]
) -> None:
    assert people
    assert server.end() == (0, "")


def test_an_address_that_is_none_is_one_line() -> None:
    result = finished(EXAMPLE, "127.0.0.1")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "listen tcp: address 127.0.0.1: missing port in address\n"
