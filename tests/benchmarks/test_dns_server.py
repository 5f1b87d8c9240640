"""The name server that look-ups are measured with."""

import socket
import struct
import subprocess
from collections.abc import Iterator

import pytest

from benchmarks import building
from benchmarks.lookups import addresses_of, name_of

A, AAAA, MX = 1, 28, 15
PATIENCE = 20
NXDOMAIN = 3


@pytest.fixture(scope="module", params=["0", "1"], ids=["sleeps", "spins"])
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[socket.socket]:
    """Return a socket that is connected to the name server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "BUILD", tmp_path_factory.mktemp("build"))
        program = building.build_c("dns", [building.HERE / "native" / "dns_server.c"])
    command = [str(program), "0", request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(":")[2])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(("127.0.0.1", port))
            yield sock
        server.kill()


def encoded(name: str) -> bytes:
    """Return a name in the form of DNS."""
    labels = [label.encode() for label in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(name: str, kind: int, number: int = 7) -> bytes:
    """Return a question, with recursion desired."""
    return (
        struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + encoded(name) + struct.pack("!2H", kind, 1)
    )


def ask(sock: socket.socket, data: bytes) -> bytes:
    sock.send(data)
    return sock.recv(512)


def address(sock: socket.socket, name: str, kind: int) -> str:
    """Return the address in an answer, of which all else is checked."""
    data = question(name, kind)
    answer = ask(sock, data)
    assert struct.unpack("!6H", answer[:12]) == (7, 0x8580, 1, 1, 0, 0)
    assert answer[12 : len(data)] == data[12:]
    record = answer[len(data) :]
    size = 4 if kind == A else 16
    assert struct.unpack("!3HIH", record[:12]) == (0xC00C, kind, 1, 0, size)
    assert len(record) == 12 + size
    return socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, record[12:])


@pytest.mark.parametrize("number", [0, 1, 9, 255, 256, 999, 65535, 65536, (1 << 24) - 1])
def test_each_name_has_the_addresses_that_are_expected(asked: socket.socket, number: int) -> None:
    name = name_of(number)
    assert {address(asked, name, A), address(asked, name, AAAA)} == addresses_of(number)


def test_a_name_is_known_however_it_is_spelt(asked: socket.socket) -> None:
    assert address(asked, "H12.Bench.TEST", A) == "10.0.0.12"


@pytest.mark.parametrize(
    "name",
    [
        "bench.test",
        "h.bench.test",
        "hx.bench.test",
        "h1x.bench.test",
        "g1.bench.test",
        "h-1.bench.test",
        "h1.bench.test.test",
        "h1.bench.tess",
        "a.h1.bench.test",
        "h16777216.bench.test",
        "h1",
    ],
)
def test_there_are_no_other_names(asked: socket.socket, name: str) -> None:
    data = question(name, A)
    answer = ask(asked, data)
    assert struct.unpack("!6H", answer[:12]) == (7, 0x8580 | NXDOMAIN, 1, 0, 0, 0)
    assert answer[12:] == data[12:]


def test_a_name_has_nothing_but_addresses(asked: socket.socket) -> None:
    answer = ask(asked, question("h1.bench.test", MX))
    assert struct.unpack("!6H", answer[:12]) == (7, 0x8580, 1, 0, 0, 0)


def test_additional_records_of_a_question_are_left_out(asked: socket.socket) -> None:
    data = bytearray(question("h1.bench.test", A))
    data[11] = 1  # one more record: EDNS0
    edns = b"\0" + struct.pack("!2HIH", 41, 1232, 0, 0)
    assert ask(asked, bytes(data) + edns)[:12] == struct.pack("!6H", 7, 0x8580, 1, 1, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"\0" * 12,
        question("h1.bench.test", A)[:-1],
        question("h1.bench.test", A)[:20],
        struct.pack("!6H", 7, 0x8100, 1, 0, 0, 0) + encoded("h1.bench.test") + b"\0\1\0\1",
        struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\x3f" * 500,
    ],
    ids=["nothing", "short", "no name", "cut", "name cut", "an answer", "name that never ends"],
)
def test_what_is_no_question_has_no_answer(asked: socket.socket, data: bytes) -> None:
    asked.send(data)
    assert ask(asked, question("h5.bench.test", A, 8))[:2] == b"\0\x08"
