"""Dials that fail, too many questions at once, no descriptors left, a lookup that is cancelled."""

import errno
import os
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest

from netpoll import GoroutineCancelled, OpError, go, gosched
from netpoll.net.lookup.client import Client
from netpoll.net.lookup.turns import MOST
from tests.net.dns_server import (
    Question,
)
from tests.net.lookup.clients import (
    SERVER,
    V4,
    V6,
    Configure,
    addresses,
    both,
    failure,
    scripted,
)
from tests.running import in_run

pytestmark = pytest.mark.usefixtures("configured")


@in_run
def test_what_a_dial_of_ones_own_raises_comes_through() -> None:
    def dial(*_: object, deadline: float) -> Any:
        raise ZeroDivisionError

    for ask in (Client(dial).addresses, Client(dial).texts):
        with pytest.raises(ZeroDivisionError):
            ask("a.example")
    client, _ = scripted(
        lambda question: ZeroDivisionError() if question.kind == "AAAA" else both(question)
    )
    with pytest.raises(ZeroDivisionError):
        client.addresses("a.example")


@in_run
def test_a_dial_that_fails_is_an_error_of_the_server() -> None:
    def dial(*_: object, deadline: float) -> Any:
        raise OpError("dial", "udp", None, SERVER, errno.ENETUNREACH)

    error = failure(Client(dial).addresses, "a.example")
    text = os.strerror(errno.ENETUNREACH).lower()
    assert str(error) == f"lookup a.example on {SERVER}: dial udp {SERVER}: {text}"
    assert error.is_temporary
    assert isinstance(error.__cause__, OpError)


@in_run
def test_only_so_many_questions_are_on_their_way_at_once() -> None:
    most = 0

    def script(question: Question) -> bytes:
        nonlocal most
        most = max(most, servers.open)
        return both(question)

    client, servers = scripted(script)
    asking = [go(client.addresses, f"h{number}.") for number in range(500)]
    for one in asking:
        assert set(one.join(10)) == {(V4, ""), (V6, "")}
    assert most == MOST


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
@in_run
def test_a_lack_of_descriptors_is_waited_out(number: int, configured: Configure) -> None:
    configured(attempts=1)
    _, servers = scripted(both)
    tried: list[float] = []

    def dial(network: str, server: str, /, *, deadline: float) -> Any:
        tried.append(monotonic())
        if len(tried) <= 3:
            raise OpError("dial", network, None, server, number)
        return servers.dial(network, server, deadline=deadline)

    assert addresses(Client(dial), "a.", ("A",)) == {V4}
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert all(pause >= least for pause, least in zip(pauses, (0.005, 0.01, 0.02), strict=True))


@in_run
def test_a_lasting_lack_of_descriptors_is_an_error(configured: Configure) -> None:
    configured(attempts=1, timeout=0.1)
    tried = 0

    def dial(network: str, server: str, /, *, deadline: float) -> Any:
        nonlocal tried
        tried += 1
        raise OpError("dial", network, None, server, errno.EMFILE)

    begin = monotonic()
    error = failure(Client(dial).texts, "a.")
    assert monotonic() - begin >= 0.1
    assert error.is_temporary
    assert isinstance(error.__cause__, OpError)
    assert 2 <= tried <= 7


@pytest.mark.parametrize("turns", range(12))
@in_run
def test_a_cancelled_lookup_closes_what_it_had_open(turns: int) -> None:
    client, servers = scripted(lambda _: [b"no answer"] * 50)
    asking = go(client.addresses, "a.example")
    for _ in range(turns):
        gosched()
    asking.cancel()
    with pytest.raises(GoroutineCancelled):
        asking.join(5)
    for _ in range(3):
        gosched()
    assert servers.open == 0
    dialled = servers.dialled
    for _ in range(10):
        gosched()
    assert servers.dialled == dialled
