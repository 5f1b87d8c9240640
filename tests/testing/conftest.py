"""What the tests of the testing kit share."""

import pytest

import netpoll
from netpoll._runtime import report
from tests.conftest import Unhandled


@pytest.fixture
def default_hook(unhandled: Unhandled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the excepthook that programs have who assign none."""
    monkeypatch.setattr(netpoll, "excepthook", report.excepthook)
