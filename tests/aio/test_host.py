"""The thread of to_async, when it cannot begin."""

import asyncio

import pytest

from netpoll import aio
from netpoll._runtime import lifecycle
from netpoll.aio import inward
from tests.running import on_thread


def test_a_host_that_cannot_begin_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next one is another one."""

    def fail(*_: object) -> None:
        raise MemoryError

    @aio.to_async
    def answer() -> int:
        return 4

    inward.close()
    monkeypatch.setattr(lifecycle, "run", fail)
    with pytest.raises(RuntimeError, match="cannot begin") as caught:
        on_thread(asyncio.run, answer())
    assert isinstance(caught.value.__cause__, MemoryError)
    assert not inward._hosts
    monkeypatch.undo()
    assert on_thread(asyncio.run, answer()) == 4
    inward.close()
