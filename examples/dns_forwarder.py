"""DNS forwarder: passes questions on to a name server, and its answers back (RFC 1035, RFC 7766).

    python examples/dns_forwarder.py SERVER [ADDRESS]

For example `dns_forwarder.py 192.0.2.1:53`; ADDRESS is "127.0.0.1:1053" unless given, by UDP and by
TCP. Try it with `dig -p 1053 @127.0.0.1 example.org`; Ctrl-C ends it.

Each question goes out by a socket of its own and under a new id, and what comes back has to repeat
both id and question: a stranger who wants to be believed has to guess them, and the port too.
"""

import struct
import sys
import time
from contextlib import suppress
from secrets import randbits

from netpoll import bufio, go, net, run

PATIENCE = 2.0  # seconds, for the server to answer one try
TRIES = 2  # by UDP, where a question or its answer may be lost
IDLE = 10.0  # seconds, for a client by TCP to say what it wants, and to take the answer
MOST = 500  # questions by UDP at once; a client that gets no answer asks again
LONGEST = 65535  # bytes of a message

HEADER = struct.Struct("!HHHHHH")  # id, flags, numbers of questions, answers and other records
RECORD = struct.Struct("!HHIH")  # what follows a record's name: type, class, ttl, length
QR, TC, RD = 0x8000, 0x0200, 0x0100
OPCODE = 0x7800
FORMERR, SERVFAIL, NOTIMP, REFUSED = 1, 2, 4, 5
OPT, IXFR, AXFR = 41, 251, 252
SHORTEST = 512  # bytes: what fits into each client's datagrams
MAX_LABEL, MAX_NAME = 63, 255


class Query:
    """A question of a client.

    ValueError: it is none, and nobody waits for an answer to it.
    """

    def __init__(self, message: bytes) -> None:
        """Look at what it asks; `error` says why it cannot be passed on, 0 if it can."""
        if len(message) < HEADER.size:
            raise ValueError("shorter than a header")
        self.message = message
        self.id, self.flags, self.questions, *_ = HEADER.unpack_from(message)
        if self.flags & QR:  # to answer an answer could go on for ever
            raise ValueError("an answer")
        self.end = HEADER.size  # of the question
        self.room = SHORTEST  # for an answer by UDP
        self.error = self.look()

    def look(self) -> int:
        """Find where the question ends and how large an answer may be."""
        if self.flags & OPCODE:
            return NOTIMP
        if self.questions != 1:
            return FORMERR
        try:
            end = end_of_name(self.message, HEADER.size) + 4
            (kind,) = struct.unpack_from("!H2x", self.message, end - 4)
            self.room = room_for_answers(self.message, end)
        except (IndexError, ValueError, struct.error):
            return FORMERR
        self.end = end
        return REFUSED if kind in (AXFR, IXFR) else 0  # their answers may be many messages

    def answered_by(self, message: bytes, number: int) -> bool:
        """Return whether a message answers this question as it was asked under that id."""
        if len(message) < HEADER.size:
            return False
        answered, flags, questions, *_ = HEADER.unpack_from(message)
        if answered != number or flags & (QR | OPCODE) != QR or questions != 1:
            return False
        return self.question_of(message) == self.question_of(self.message)

    def question_of(self, message: bytes) -> tuple[bytes, bytes]:
        """Return the name, in small letters, and the type and class, of as long a question."""
        kind = self.end - 4
        return message[HEADER.size : kind].lower(), message[kind : self.end]

    def reply(self, flags: int) -> bytes:
        """Return an answer without any record."""
        flags |= QR | self.flags & (OPCODE | RD)
        question = self.message[HEADER.size : self.end]
        return HEADER.pack(self.id, flags, 1 if question else 0, 0, 0, 0) + question

    def cut(self, answer: bytes) -> bytes:
        """Return what of an answer fits into a datagram: all, or that it has to be had by TCP."""
        if len(answer) <= self.room:
            return answer
        (_, flags, *_) = HEADER.unpack_from(answer)
        return self.reply(flags | TC)


def end_of_name(message: bytes, at: int) -> int:
    """Return where a name ends that is written out, as that of a question is."""
    start = at
    while size := message[at]:
        if size > MAX_LABEL:
            raise ValueError("no label")  # a pointer, to what is in front of the first name?
        at += 1 + size
        if at - start >= MAX_NAME:
            raise ValueError("too long a name")
    return at + 1


def room_for_answers(message: bytes, at: int) -> int:
    """Return how large a datagram the client takes, which stands in an OPT record (RFC 6891)."""
    _, _, _, answers, servers, more = HEADER.unpack_from(message)
    for _ in range(answers + servers + more):
        at = end_of_name(message, at)
        kind, size, _, length = RECORD.unpack_from(message, at)
        if kind == OPT:
            return max(SHORTEST, int(size))
        at += RECORD.size + length
    return SHORTEST


class Forwarder:
    """Passes questions on to one server."""

    def __init__(self, server: str) -> None:
        """Take the server's address."""
        self.server = server
        self.busy = 0

    def answer_datagrams(self, conn: net.UDPConn) -> None:
        """Answer what comes by UDP, each question in a goroutine of its own."""
        while True:
            message, client = conn.read_from(LONGEST)
            if self.busy < MOST:
                self.busy += 1
                go(self.answer_datagram, conn, message, client)

    def answer_datagram(self, conn: net.UDPConn, message: bytes, client: net.UDPAddr) -> None:
        """Answer one datagram, if it is a question."""
        try:
            query = Query(message)
            answer = query.reply(query.error) if query.error else self.ask(query)
            conn.write_to(query.cut(answer), client)
        except (ValueError, OSError):  # it is none, or the client cannot be reached
            pass
        finally:
            self.busy -= 1

    def answer_streams(self, listener: net.TCPListener) -> None:
        """Answer whoever connects by TCP."""
        for conn in listener:
            go(self.answer_stream, conn)

    def answer_stream(self, conn: net.TCPConn) -> None:
        """Answer what one client asks by TCP, in the order in which it asks."""
        reader = bufio.Reader(conn)
        with suppress(OSError, EOFError, ValueError), conn:
            while True:
                conn.set_deadline(time.monotonic() + IDLE)
                query = Query(read_message(reader))
                answer = query.reply(query.error) if query.error else self.ask(query, "tcp")
                conn.set_deadline(time.monotonic() + IDLE)
                write_message(conn, answer)

    def ask(self, query: Query, network: str = "udp") -> bytes:
        """Return the server's answer, or one that says that there was none."""
        ask_once = self.ask_by_datagram if network == "udp" else self.ask_by_stream
        for _ in range(TRIES if network == "udp" else 1):
            number = randbits(16)
            with suppress(OSError, EOFError):
                answer = ask_once(query, number)
                return query.message[:2] + answer[2:]
        return query.reply(SERVFAIL)

    def ask_by_datagram(self, query: Query, number: int) -> bytes:
        """Ask under an id; what does not answer this question is passed over."""
        with net.dial("udp", self.server) as conn:
            conn.set_deadline(time.monotonic() + PATIENCE)
            conn.write(number.to_bytes(2, "big") + query.message[2:])
            while not query.answered_by(answer := conn.read(LONGEST), number):
                pass
            return answer

    def ask_by_stream(self, query: Query, number: int) -> bytes:
        """Ask under an id; only the server itself can answer here."""
        deadline = time.monotonic() + PATIENCE
        with net.dial("tcp", self.server, deadline=deadline) as conn:
            conn.set_deadline(deadline)
            write_message(conn, number.to_bytes(2, "big") + query.message[2:])
            answer = read_message(bufio.Reader(conn))
            if not query.answered_by(answer, number):
                raise EOFError("an answer to something else")
            return answer


def read_message(reader: bufio.Reader) -> bytes:
    """Read a message, which comes after its length."""
    return reader.read_exactly(int.from_bytes(reader.read_exactly(2), "big"))


def write_message(conn: net.TCPConn, message: bytes) -> None:
    """Write a message and its length in one piece."""
    conn.write(len(message).to_bytes(2, "big") + message)


def main(server: str, address: str = "127.0.0.1:1053") -> None:
    """Serve whoever asks."""
    net.UDPAddr.parse(server)  # no name: who would look it up?
    forwarder = Forwarder(server)
    with (
        net.listen("tcp", address) as listener,
        net.listen_packet("udp", str(listener.local_addr)) as datagrams,
    ):
        print(f"listening on {listener.local_addr}", flush=True)
        go(forwarder.answer_streams, listener)
        forwarder.answer_datagrams(datagrams)


if __name__ == "__main__":
    if {"-h", "--help"} & {*sys.argv}:
        print(__doc__)
        sys.exit()
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt):
        try:
            run(main, *sys.argv[1:])
        except OSError as error:  # an address is none, or in use
            sys.exit(str(error))
