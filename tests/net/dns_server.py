"""Name servers that answer as a test says, in bytes made by hand.

Two ways to ask the same script: by `Scripted.dial`, where nothing goes through the kernel, and by
`served`, a server of its own on UDP and TCP.
"""

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple

from netpoll import DeadlineExceeded, gosched
from tests.program import PATIENCE
from tests.tcp import HOST, receive_exactly

KINDS = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
KIND_NAMES = {number: kind for kind, number in KINDS.items()}

QR, AA, TC, RD, RA, AD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020
SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5
OPT = 41


class Question(NamedTuple):
    """What a server was asked, by which network, under which of its addresses, and until when."""

    network: str
    server: str
    name: str
    kind: str
    id: int
    flags: int
    data: bytes
    deadline: float

    @property
    def section(self) -> bytes:
        """The question section, which an answer repeats."""
        return name(self.name) + struct.pack("!HH", KINDS[self.kind], 1)


Reaction = bytes | Sequence[bytes] | Exception | None
"""What comes back, or what reading raises; nothing comes for None."""

Script = Callable[[Question], Reaction]


# ---- bytes


def name(text: str) -> bytes:
    """Return a name as the wire has it."""
    labels = [label.encode("latin-1") for label in text.removesuffix(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(owner: str, kind: str | int, data: bytes, *, rdclass: int = 1) -> bytes:
    """Return a record with that data."""
    number = KINDS[kind] if isinstance(kind, str) else kind
    return name(owner) + struct.pack("!HHIH", number, rdclass, 60, len(data)) + data


def address(owner: str, text: str) -> bytes:
    """Return an A or an AAAA record."""
    six = ":" in text
    packed = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, text)
    return record(owner, "AAAA" if six else "A", packed)


def target(owner: str, kind: str, host: str) -> bytes:
    """Return a record that is a name: CNAME, NS, PTR."""
    return record(owner, kind, name(host))


def mx(owner: str, preference: int, host: str) -> bytes:
    return record(owner, "MX", struct.pack("!H", preference) + name(host))


def srv(owner: str, priority: int, weight: int, port: int, host: str) -> bytes:
    return record(owner, "SRV", struct.pack("!HHH", priority, weight, port) + name(host))


def txt(owner: str, *strings: bytes) -> bytes:
    data = b"".join(bytes([len(string)]) + string for string in strings)
    return record(owner, "TXT", data)


def edns(extended: int = 0) -> bytes:
    """Return an OPT record, with the upper bits of an answer's code."""
    return b"\0" + struct.pack("!HHIH", OPT, 1232, extended << 24, 0)


def answer(
    question: Question,
    *records: bytes,
    rcode: int = 0,
    flags: int = RA,
    extra: Sequence[bytes] = (),
) -> bytes:
    """Return an answer to a question."""
    head = struct.pack("!HHHHHH", question.id, QR | flags | rcode, 1, len(records), 0, len(extra))
    return head + question.section + b"".join(records) + b"".join(extra)


def asked(network: str, server: str, data: bytes, deadline: float) -> Question:
    """Return what a message asks for."""
    ident, flags, count = struct.unpack_from("!HHH", data)
    assert count == 1
    at, labels = 12, []
    while size := data[at]:
        labels.append(data[at + 1 : at + 1 + size].decode("latin-1"))
        at += 1 + size
    (kind, rdclass) = struct.unpack_from("!HH", data, at + 1)
    assert rdclass == 1
    text = ".".join(labels) + "."
    return Question(network, server, text, KIND_NAMES[kind], ident, flags, data, deadline)


# ---- scripts


def known(*records: tuple[str, str, bytes], flags: int = RA) -> Script:
    """Return the script of a server that knows these: name, type and record."""

    def script(question: Question) -> bytes:
        mine = [entry for entry in records if entry[0] == question.name]
        found = [data for _, kind, data in mine if kind == question.kind]
        return answer(question, *found, flags=flags, rcode=0 if mine else NXDOMAIN)

    return script


def hosts_below(domain: str) -> Script:
    """Return the script of a server that knows h0, h1, ... below a domain, from 10.0.0.0 on."""

    def script(question: Question) -> bytes:
        number = int(question.name.removesuffix(f".{domain}").removeprefix("h"))
        found = address(question.name, f"10.0.{number >> 8}.{number & 255}")
        return answer(question, *([found] if question.kind == "A" else []))

    return script


# ---- asking a script


class Scripted:
    """Servers at any address that answer by a script; its dial is one for a Resolver."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Question] = []
        self.open = 0
        self.dialled = 0

    def dial(self, network: str, server: str, /, *, deadline: float) -> "_ScriptedConn":
        assert network in {"udp", "tcp"}
        self.dialled += 1
        self.open += 1
        return _ScriptedConn(self, network, server, deadline)

    @property
    def questions(self) -> list[tuple[str, str]]:
        return [(question.name, question.kind) for question in self.asked]

    @property
    def servers(self) -> list[str]:
        return [question.server for question in self.asked]


class _ScriptedConn:
    def __init__(self, scripted: Scripted, network: str, server: str, deadline: float) -> None:
        self._scripted = scripted
        self._network = network
        self._server = server
        self._deadline: float | None = deadline
        self._ready: list[bytes] = []
        self._stream = b""
        self._error: Exception | None = None

    def set_deadline(self, when: float | None, /) -> None:
        self._deadline = when

    def write(self, data: bytes, /) -> int:
        message = data
        if self._network == "tcp":
            assert int.from_bytes(data[:2], "big") == len(data) - 2
            message = data[2:]
        assert self._deadline is not None
        question = asked(self._network, self._server, message, self._deadline)
        self._scripted.asked.append(question)
        reaction = self._scripted.script(question)
        if isinstance(reaction, Exception):
            self._error = reaction
        elif reaction is not None:
            self._ready += [reaction] if isinstance(reaction, bytes) else reaction
        if self._network == "tcp":
            self._stream = b"".join(
                len(message).to_bytes(2, "big") + message for message in self._ready
            )
        return len(data)

    def read(self, n: int, /) -> bytes:
        gosched()
        if self._error is not None:
            raise self._error
        if self._network == "tcp":
            data, self._stream = self._stream[:n], self._stream[n:]
            return data
        if not self._ready:
            raise DeadlineExceeded("read", self._network)
        return self._ready.pop(0)[:n]

    def close(self) -> None:
        self._scripted.open -= 1


# ---- a server of its own


@contextmanager
def served(script: Script) -> Iterator[str]:
    """Serve a script on UDP and TCP until the end of the context; return "ip:port"."""
    with (
        socket.create_server((HOST, 0)) as listener,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(listener.getsockname())
        near, far = socket.socketpair()
        thread = threading.Thread(
            target=_serve, args=(script, listener, datagrams, far), name="dns", daemon=True
        )
        thread.start()
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            near.close()
            thread.join(PATIENCE)
            far.close()


def _serve(
    script: Script, listener: socket.socket, datagrams: socket.socket, end: socket.socket
) -> None:
    while True:
        ready, _, _ = select.select([listener, datagrams, end], [], [])
        if end in ready:
            return
        if datagrams in ready:
            data, peer = datagrams.recvfrom(65535)
            for reply in _messages(script, "udp", data):
                datagrams.sendto(reply, peer)
        if listener in ready:
            conn, _ = listener.accept()
            with conn:
                conn.settimeout(PATIENCE)
                size = int.from_bytes(receive_exactly(conn, 2), "big")
                for reply in _messages(script, "tcp", receive_exactly(conn, size)):
                    conn.sendall(len(reply).to_bytes(2, "big") + reply)


def _messages(script: Script, network: str, data: bytes) -> Sequence[bytes]:
    reaction = script(asked(network, "", data, monotonic()))
    assert not isinstance(reaction, Exception)
    if reaction is None:
        return ()
    return [reaction] if isinstance(reaction, bytes) else reaction
