"""RESP server: keeps strings and lists in memory for the clients of Redis.

    python examples/resp_server.py [ADDRESS]

ADDRESS is "127.0.0.1:6379" unless given; whoever can connect may do everything. Try it with
`redis-cli` or `redis-benchmark -t set,get -P 16`; Ctrl-C ends it.

resp_store.py keeps the values, resp_commands.py answers commands. Here is what waits: a goroutine
for each client, and one that deletes what has expired.
"""

import re
import sys
from contextlib import suppress
from functools import lru_cache

from resp_commands import MAX_STRING, Session, failure
from resp_store import CommandError, Store, integer

from netpoll import LimitExceededError, bufio, go, gosched, net, run, sleep

MAX_LINE = 64 << 10  # bytes
MAX_WORDS = 1 << 20
SWEEP_EVERY = 0.1  # seconds
SWEEP_KEYS = 1000

# A word of an inline command: what is not quoted, then what is, up to a blank or the end.
WORD = re.compile(
    rb"""\s*([^\s"']*)(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\'|\\(?!'))*)')?(?:\s+|$)""", re.DOTALL
)
ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


class ProtocolError(Exception):
    """What a client sends is no command, and nobody knows where the next one begins."""


def read_command(reader: bufio.Reader) -> list[bytes]:
    """Return the words of the next command; there may be none. Parks until all have arrived."""
    try:
        line = reader.read_line(MAX_LINE)
    except LimitExceededError as error:
        kind = b"mbulk count string" if error.partial.startswith(b"*") else b"inline request"
        raise ProtocolError(b"too big " + kind) from None
    if not line.startswith(b"*"):
        return split_words(line)
    return [read_word(reader) for _ in range(number_of_words(line))]


def read_word(reader: bufio.Reader) -> bytes:
    """Return a word, which comes after a line that tells its length."""
    try:
        line = reader.read_line(MAX_LINE)
    except LimitExceededError:
        raise ProtocolError(b"too big bulk count string") from None
    # The reader takes no memory for what has been announced and is not there yet.
    return reader.read_exactly(length_of_word(line) + 2)[:-2]


@lru_cache  # the same few lines come again and again
def number_of_words(line: bytes) -> int:
    """Return how many words come after this line; -1 and the like mean none."""
    try:
        words = integer(line[1:])
    except CommandError:
        words = MAX_WORDS + 1
    if words > MAX_WORDS:
        raise ProtocolError(b"invalid multibulk length")
    return words


@lru_cache(1024)
def length_of_word(line: bytes) -> int:
    """Return how many bytes come after this line, the line's end behind them not counted."""
    if not line.startswith(b"$"):
        raise ProtocolError(b"expected '$', got '%b'" % (line[:1] or b" "))
    try:
        size = integer(line[1:])
    except CommandError:
        size = -1
    if not 0 <= size <= MAX_STRING:
        raise ProtocolError(b"invalid bulk length")
    return size


def split_words(line: bytes) -> list[bytes]:
    """Return the words of a line as somebody types it, with quotes around what has blanks."""
    line = line.strip()
    words, end = [], 0
    while end < len(line):
        found = WORD.match(line, end)
        if found is None:
            raise ProtocolError(b"unbalanced quotes in request")
        plain, double, single = found.groups(b"")
        words.append(plain + ESCAPE.sub(unescaped, double) + single.replace(b"\\'", b"'"))
        end = found.end()
    return words


def unescaped(found: re.Match[bytes]) -> bytes:
    """Return the byte that an escape stands for."""
    digits, letter = found.groups()
    return bytes([int(digits, 16)]) if digits else ESCAPED.get(letter, letter)


class Turns:
    """A stream on which the client has its answers before it is waited for.

    So a pipeline of commands that came in one piece is answered in one piece too.
    """

    def __init__(self, stream: bufio.Readable, answers: bufio.Writer) -> None:
        """Read from the stream; the answers go back over it."""
        self.stream = stream
        self.answers = answers

    def read(self, n: int) -> bytes:
        """Flush the answers, then read."""
        self.answers.flush()
        return self.stream.read(n)


def serve(stream: bufio.Stream, store: Store) -> None:
    """Answer one client until it leaves; one that does not take its answers is not read from."""
    writer = bufio.Writer(stream)
    reader = bufio.Reader(Turns(stream, writer))
    session = Session(store)
    try:
        while not session.over:
            if words := read_command(reader):
                writer.write(session.execute(words))
    except EOFError:
        pass  # in the midst of a command or not: nobody waits for an answer to it
    except ProtocolError as error:
        writer.write(failure(b"ERR Protocol error: " + error.args[0]))
    writer.flush()


def handle(conn: net.Conn, store: Store) -> None:
    """Serve one client, in a goroutine of its own."""
    with suppress(OSError), conn:  # one that resets its connection is gone
        serve(conn, store)


def sweep(store: Store) -> None:
    """Delete what has expired: a part of the keys, and the next part at once if that paid."""
    while True:
        sleep(SWEEP_EVERY)
        while store.sweep(SWEEP_KEYS) > SWEEP_KEYS // 4:
            gosched()


def main(address: str = "127.0.0.1:6379") -> None:
    """Serve whoever connects."""
    store = Store()
    with net.listen("tcp", address) as listener:
        print(f"listening on {listener.local_addr}", flush=True)
        go(sweep, store)
        for conn in listener:
            go(handle, conn, store)


if __name__ == "__main__":
    if {"-h", "--help"} & {*sys.argv}:
        print(__doc__)
        sys.exit()
    with suppress(KeyboardInterrupt):
        try:
            run(main, *sys.argv[1:2])
        except OSError as error:  # the address is none, or in use
            sys.exit(str(error))
