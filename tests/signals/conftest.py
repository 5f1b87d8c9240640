"""Each test leaves every signal's handler as it was."""

import signal
from collections.abc import Iterator

import pytest

from netpoll.signals import table


@pytest.fixture(autouse=True)
def restores_handlers() -> Iterator[None]:
    """Fail a test after which a signal is handled in another way, or somebody is told of one."""
    looked_at = signal.valid_signals() - {signal.SIGALRM}  # whose handler is the time limit's
    before = {number: signal.getsignal(number) for number in looked_at}
    yield
    left = dict(table._entries)
    table.reset(None)
    after = {number: signal.getsignal(number) for number in looked_at}
    assert not left, "somebody is still told of a signal"
    assert after == before
