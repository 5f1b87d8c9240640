"""The programs in README.md and docs: each runs as it stands, and prints what stands below it."""

import re
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.net import dns_server
from tests.program import PATIENCE, finished, receive, receive_all, serving
from tests.testing.plugin import plugin_options

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(
    r"^```python\n(?P<source>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
_HEADING = re.compile(r"^##? (.*)", re.MULTILINE)


class Program(NamedTuple):
    """A block of code, the heading that it stands under, and what it is said to print."""

    heading: str
    source: str
    output: str | None


def programs(path: str) -> list[Program]:
    """Return the blocks of Python of a page."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return [
        Program(_HEADING.findall(text, 0, block.start())[-1], block["source"], block["output"])
        for block in _BLOCK.finditer(text)
    ]


NETWORKS = programs("docs/networks.md")
*GOROUTINES, TESTS = programs("docs/goroutines.md")
TOLD = [program for program in [*NETWORKS, *GOROUTINES] if program.output is not None]
DNS, ACTIVATED = (program.source for program in NETWORKS if program.output is None)
(ECHO,) = (program.source for program in programs("README.md"))


@pytest.mark.parametrize("program", TOLD, ids=lambda program: program.heading)
def test_a_program_prints_what_stands_below_it(program: Program) -> None:
    done = finished("-W", "error", "-c", program.source)
    assert (done.returncode, done.stdout, done.stderr) == (0, program.output, "")


def test_no_page_has_code_that_is_not_run() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")} | {"README.md"}
    tested = {"README.md", "docs/goroutines.md", "docs/networks.md"}
    assert {page for page in pages if programs(page)} == tested
    assert all(program.output is not None for program in GOROUTINES)


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    file = tmp_path / "test_page.py"
    file.write_text(TESTS.source, encoding="utf-8")
    options = [*plugin_options(), "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir"]
    done = finished("-m", "pytest", *options, str(tmp_path), str(file))
    assert f"\n{TESTS.output}".rstrip() + " in " in done.stdout, done.stdout
    assert done.returncode == 0


def test_dns_is_asked_about_a_domain() -> None:
    name = "example.org."
    knows = dns_server.known(
        (name, "MX", dns_server.mx(name, 20, "second.example.org")),
        (name, "MX", dns_server.mx(name, 10, "first.example.org")),
        (name, "TXT", dns_server.txt(name, b"a text")),
    )
    with dns_server.served(knows) as server:
        done = finished("-W", "error", "-c", DNS, server)
    assert done.stdout == "10 first.example.org.\n20 second.example.org.\n['a text']\n", done.stderr
    assert (done.returncode, done.stderr) == (0, "")


def test_the_server_listens_by_itself_if_nothing_was_opened_for_it() -> None:
    with serving("-W", "error", "-c", ACTIVATED) as program:
        with program.connect() as peer:
            assert receive_all(peer) == b"hello"
        assert program.process.wait(PATIENCE) == 0


_AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[2]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}
os.execv(sys.executable, [sys.executable, "-W", "error", "-c", sys.argv[1]])
"""


def test_the_server_takes_what_was_opened_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        # A program is started with close_fds, but for its standard input.
        with serving("-c", _AS_SYSTEMD, ACTIVATED, "0", stdin=listener.fileno()) as program:
            assert program.port == port
            with program.connect() as peer:
                assert receive_all(peer) == b"hello"
            assert program.process.wait(PATIENCE) == 0


_SAYS_WHERE = """
from netpoll import net
listen = net.listen
def listen_anywhere(network, address):
    assert (network, address) == ("tcp", ":8888")
    listener = listen(network, "127.0.0.1:0")
    print("listening on", listener.local_addr, flush=True)
    return listener
net.listen = listen_anywhere
"""


def test_the_echo_server_of_the_readme_echoes() -> None:
    with serving("-W", "error", "-c", _SAYS_WHERE + ECHO) as program, program.connect() as peer:
        peer.sendall(b"hello")
        assert receive(peer, 5) == b"hello"
