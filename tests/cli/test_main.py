import subprocess
import sys
from pathlib import Path

from netpoll import __version__
from tests.program import NETPOLL, PATIENCE, finished


def test_the_command_is_the_same_program_as_the_module() -> None:
    command = Path(sys.executable).with_name("netpoll")
    result = subprocess.run(
        [command, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (result.returncode, result.stdout) == (0, f"netpoll {__version__}\n")
    assert finished(*NETPOLL, "--version").stdout == result.stdout


def test_without_a_command_the_help_is_shown_and_the_status_is_2() -> None:
    result = finished(*NETPOLL)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage: netpoll")
    assert "examples:" in result.stderr


def test_the_base_install_needs_no_rich() -> None:
    code = (
        "import sys; sys.modules['rich'] = None; from netpoll.cli import main; main(['--version'])"
    )
    assert finished("-c", code).stdout == f"netpoll {__version__}\n"


def test_rich_is_not_loaded_where_nothing_is_drawn() -> None:
    code = "import sys, netpoll.cli; sys.exit('rich' in sys.modules)"
    assert finished("-c", code).returncode == 0
