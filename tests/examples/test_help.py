"""What the examples say of themselves."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import PATIENCE

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py") if "__main__" in path.read_text())


def test_there_are_programs() -> None:
    assert len(PROGRAMS) > 7


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_says_how_it_is_called(program: str, option: str) -> None:
    result = subprocess.run(
        [sys.executable, EXAMPLES / program, option],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert f"    python examples/{program}" in result.stdout
    assert not result.stderr
