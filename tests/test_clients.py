"""The programs that tests drive servers with: found, or missed in the way that is asked for."""

import os
import subprocess

import pytest

from tests.clients import REQUIRED, client

ABSENT = "no-such-program-as-this"


def test_a_program_that_is_installed_is_found() -> None:
    path = client("env")
    assert os.path.isabs(path)  # noqa: PTH117 - of a str
    assert subprocess.run([path], check=True, capture_output=True).stdout


@pytest.mark.parametrize("value", [None, "", "optional"])
def test_a_missing_program_skips_the_test(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv(REQUIRED, raising=False)
    if value is not None:
        monkeypatch.setenv(REQUIRED, value)
    with pytest.raises(pytest.skip.Exception, match=f"^{ABSENT} is not installed$"):
        client(ABSENT)


def test_a_missing_program_that_is_required_fails_the_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(REQUIRED, "required")
    with pytest.raises(pytest.fail.Exception, match=ABSENT):
        client(ABSENT)
