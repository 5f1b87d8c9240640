"""A signal handler that raises while a child's streams are made leaves none of them open."""

import os
from typing import Any

import pytest

import netpoll.process
from netpoll import open_fd
from netpoll.process import DEVNULL, PIPE
from netpoll.process.streams import Streams
from tests.broken_off import steps_of
from tests.running import in_run, open_descriptors

PACKAGE = netpoll.process.__file__.rpartition("/")[0]


@pytest.mark.parametrize("kinds", ["pipes", "files"])
@in_run
def test_whatever_step_it_is(kinds: str) -> None:
    reading, writing = os.pipe()
    with open_fd(reading) as source, open_fd(writing) as sink:
        asked: tuple[Any, Any, Any] = (source, sink, DEVNULL) if kinds == "files" else (PIPE,) * 3
        made: list[Streams] = []

        def make() -> None:
            made.append(Streams(65536))
            made[-1].make(*asked)

        def give_up() -> None:
            while made:
                made.pop().give_up()

        make()
        give_up()
        before = open_descriptors()
        steps = 0
        for _ in steps_of(make, PACKAGE):
            steps += 1
            give_up()
            assert open_descriptors() == before
        give_up()  # the last time it was not broken off
        assert steps > 10
