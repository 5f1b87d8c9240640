"""What the files of the system say while a test runs, and an answer that does not come."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from netpoll.net.lookup import config, hosts
from netpoll.net.lookup.config import Config
from tests.net.lookup.clients import SERVER, Configure, Fixed, knows


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Set what resolv.conf says; at first that there is one server. The hosts file is empty."""

    def set_to(**fields: Any) -> None:
        said = Config(**{"servers": (SERVER,), **fields})
        monkeypatch.setattr(config, "system", Fixed(said))

    set_to()
    knows(monkeypatch, b"")
    return set_to


@pytest.fixture
def one_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say nothing in the hosts file, and that there is one server in resolv.conf."""
    monkeypatch.setattr(config, "system", Fixed(Config((SERVER,))))
    monkeypatch.setattr(hosts, "system", Fixed(hosts.Hosts()))


@pytest.fixture
def hanging() -> Iterator[Callable[..., Any]]:
    """Return what does not answer until the test ends."""
    end = threading.Event()

    def answer(*_: Any) -> Any:
        end.wait(20)
        return []

    yield answer
    end.set()
