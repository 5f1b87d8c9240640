"""Two hosts of our own, joined by a cable: what a loopback cannot show.

They are network namespaces of this machine (ip-netns(8)) with a veth pair between them, and are
gone after the test. That takes root; where it cannot be had the test is skipped, or fails if the
environment says that the programs of others are required (see tests/clients.py).
"""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.clients import REQUIRED, client
from tests.program import PATIENCE

DEVICE = "cable"
"""The name of the interface that each host has besides lo."""

NOBODY = "10.77.0.99", *(f"fd77::9{number}" for number in range(10))
"""Addresses on the cable that nobody has: what is sent there is lost, and nothing comes back."""


@dataclass(frozen=True)
class Host:
    """A host, its name and its addresses on the cable."""

    name: str
    ipv4: str
    ipv6: str

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command to its good end; return what it prints."""
        done = subprocess.run(
            [client("ip"), "netns", "exec", self.name, *command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), (command, done.stdout, done.stderr)
        return done.stdout

    def says(self, source: str, *args: str) -> str:
        """Return what a Python program of these lines prints; warnings are errors."""
        return self.run(*python(source), *args)

    @contextmanager
    def serving(self, source: str, *args: str) -> Iterator["subprocess.Popen[str]"]:
        """Run a Python program that says "ready" once it serves; kill it at the end."""
        with subprocess.Popen(
            [client("ip"), "netns", "exec", self.name, *python(source), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert line == "ready\n", process.communicate(timeout=PATIENCE)
                yield process
            finally:
                process.kill()

    def ip(self, *lines: str) -> None:
        """Do these commands of ip(8)."""
        _ip("-n", self.name, "-batch", "-", stdin="\n".join(lines) + "\n")

    def sysctl(self, name: str, value: str) -> None:
        """Set a variable of the kernel for this host, "net.ipv4.tcp_fastopen" for example."""
        self.run("tee", f"/proc/sys/{name.replace('.', '/')}", stdin=value)

    def filter(self, *rules: str) -> None:
        """Have these rules of nft(8), and no others, for what comes in."""
        lines = ["flush ruleset"]
        if rules:
            lines += ["add table inet test"]
            lines += ["add chain inet test input { type filter hook input priority 0; }"]
            lines += [f"add rule inet test input {rule}" for rule in rules]
        self.run(client("nft"), "-f", "-", stdin="\n".join(lines) + "\n")


def python(source: str) -> list[str]:
    """Return the command that runs a Python program of these lines."""
    return [sys.executable, "-X", "faulthandler", "-W", "error", "-c", textwrap.dedent(source)]


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Return two hosts that reach each other over IPv4 and IPv6, and with nobody else."""
    here, there = (
        Host(f"netpoll-{os.getpid()}-{number}", f"10.77.0.{number}", f"fd77::{number}")
        for number in (1, 2)
    )
    with ExitStack() as stack:
        for host in (here, there):
            _make(host.name)
            stack.callback(_ip, "netns", "del", host.name)
        end = "name {} address {} netns {}".format
        here.ip(
            f"link add {end(DEVICE, _mac(here), here.name)} type veth"
            f" peer {end(DEVICE, _mac(there), there.name)}"
        )
        for host, other in ((here, there), (there, here)):
            # Who has which address is told, not asked: asking takes up to a second on a new cable,
            # and for an address that nobody has it ends in an error instead of silence.
            known = dict.fromkeys(NOBODY, "02:00:00:00:00:99")
            known |= dict.fromkeys((other.ipv4, other.ipv6), _mac(other))
            host.ip(
                "link set lo up",
                f"addr add {host.ipv4}/24 dev {DEVICE}",
                f"addr add {host.ipv6}/64 dev {DEVICE} nodad",
                f"link set {DEVICE} up",
                *(f"neigh add {ip} lladdr {mac} dev {DEVICE}" for ip, mac in known.items()),
            )
        yield here, there


def _mac(host: Host) -> str:
    return f"02:00:00:00:00:0{host.ipv4[-1]}"


def _make(name: str) -> None:
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        if os.environ.get(REQUIRED) == "required":
            raise
        pytest.skip(f"network namespaces take root: {error.stderr.strip()}")


def _ip(*args: str, stdin: str = "") -> None:
    subprocess.run(
        [client("ip"), *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
