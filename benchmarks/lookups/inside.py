"""Run a command where there is nothing but loopback and a name server of our own.

    python -m benchmarks.lookups.inside CORE PINNED DNS-SERVER SPIN COMMAND...

Everybody asks 127.0.0.1:53, whatever they can be told about name servers otherwise, and nothing on
the way caches. It has to be run in namespaces of its own for mounts and for the network: PREFIXES.
CORE: the name server's.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PREFIXES = (
    ("unshare", "--mount", "--net"),
    ("unshare", "--user", "--map-root-user", "--mount", "--net"),
)
"""What to put before it: as root, and as anybody where that is allowed."""

PORT = "53"
CONTENTS = {
    "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:3\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
}

# See netdevice(7) and linux/if.h: struct ifreq begins with the name, and the flags are next.
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_IFREQ = "16sh14x"


def main(core: str, pinned: str, server: str, spin: str, *command: str) -> int:
    """Make the place and run the command; return its status."""
    with tempfile.TemporaryDirectory() as directory:
        for place, text in CONTENTS.items():
            mount(Path(directory, Path(place).name), text, place)
        bring_up("lo")
        with subprocess.Popen(
            [pinned, core, server, PORT, spin], stdout=subprocess.PIPE
        ) as serving:
            try:
                assert serving.stdout is not None  # noqa: S101 - it was started with a pipe
                if not serving.stdout.readline():
                    return 1
                return subprocess.run(command, check=False).returncode
            finally:
                serving.kill()


def mount(file: Path, text: str, place: str) -> None:
    """Have the place hold this text, for whoever is in this namespace."""
    file.write_text(text, encoding="ascii")
    if os.path.exists(place):  # noqa: PTH110 - with no file there, the defaults say the same
        subprocess.run(["mount", "--bind", str(file), place], check=True)  # noqa: S607


def bring_up(interface: str) -> None:
    """Switch a network interface on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack(_IFREQ, interface.encode(), 0)
        _, flags = struct.unpack(_IFREQ, fcntl.ioctl(sock, _SIOCGIFFLAGS, request))
        request = struct.pack(_IFREQ, interface.encode(), flags | _IFF_UP)
        fcntl.ioctl(sock, _SIOCSIFFLAGS, request)


def wrapped(prefix: Sequence[str], *arguments: str) -> list[str]:
    """Return the command that runs this program behind a prefix."""
    return [*prefix, sys.executable, "-m", "benchmarks.lookups.inside", *arguments]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
