"""File server: hands out the files below a directory over HTTP/1.1 (RFC 9110, RFC 9112).

    python examples/file_server.py [ADDRESS [DIRECTORY]]

ADDRESS is "127.0.0.1:8000" and DIRECTORY "." unless given; whoever can connect may read all that is
in there, but nothing outside, not through symbolic links either. Try it with
`curl -r 0-99 http://127.0.0.1:8000/README.md`; Ctrl-C ends it.

What is in a file goes from the kernel's cache to the client by sendfile(2). A path that ends in "/"
stands for the index.html in that directory.
"""

import errno
import os
import re
import stat
import sys
import time
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from mimetypes import guess_type
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote_to_bytes

from netpoll import LimitExceededError, blocking, bufio, go, net, run

PATIENCE = 30.0  # seconds, for a request to arrive, and for a client to take PIECE bytes
LINGER = 1.0  # seconds, for a client to read why it is turned away
MAX_LINE = 8 << 10  # bytes
MAX_FIELDS = 100
PIECE = 1 << 20  # bytes

NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST = re.compile(rf"({NAME}) ([!-~\x80-\xff]+) HTTP/1\.([0-9])")
FIELD = re.compile(rf"({NAME}):([^\0\r]*)")
ABSOLUTE = re.compile(r"https?://[^/?]+", re.IGNORECASE)
RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
DIGITS = 18  # of a number that is larger than any file

METHODS = ("GET", "HEAD")
FULL = (errno.EMFILE, errno.ENFILE)  # no descriptor left


class Refusal(Exception):
    """A client does not get what it wants; the argument is the status of the response."""


class Request(NamedTuple):
    """What a client asks for; the names of the fields are in small letters."""

    method: str
    target: str
    version: int  # 1 of HTTP/1.1
    fields: dict[str, str]

    @property
    def keeps(self) -> bool:
        """Whether the client may ask for more over this connection."""
        wishes = {wish.strip().lower() for wish in self.fields.get("connection", "").split(",")}
        return "close" not in wishes and (self.version > 0 or "keep-alive" in wishes)


def read_request(reader: bufio.Reader) -> Request:
    """Read what a client asks for. Parks."""
    line = read_line(reader, HTTPStatus.REQUEST_URI_TOO_LONG)
    if not line:  # a client may end what went before with one too many
        line = read_line(reader, HTTPStatus.REQUEST_URI_TOO_LONG)
    found = REQUEST.fullmatch(line)
    if found is None:
        raise Refusal(HTTPStatus.BAD_REQUEST)
    request = Request(found[1], found[2], int(found[3]), read_fields(reader))
    if "host" not in request.fields and request.version > 0:
        raise Refusal(HTTPStatus.BAD_REQUEST)
    if request.method not in METHODS:
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED)
    if "transfer-encoding" in request.fields or request.fields.get("content-length", "0") != "0":
        # Nobody reads it here, so that it would be taken for the next request.
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return request


def read_fields(reader: bufio.Reader) -> dict[str, str]:
    """Read the fields of a request, up to the blank line."""
    fields: dict[str, str] = {}
    for _ in range(MAX_FIELDS + 1):
        line = read_line(reader, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if not line:
            return fields
        found = FIELD.fullmatch(line)
        if found is None:
            raise Refusal(HTTPStatus.BAD_REQUEST)
        name, value = found[1].lower(), found[2].strip(" \t")
        if name in fields and name in ("host", "content-length"):
            raise Refusal(HTTPStatus.BAD_REQUEST)
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


def read_line(reader: bufio.Reader, too_long: HTTPStatus) -> str:
    """Read a line of a request."""
    try:
        return reader.read_line(MAX_LINE).decode("latin-1")
    except LimitExceededError:
        raise Refusal(too_long) from None


def local_path(target: str) -> str:
    """Return the path, below the directory, that the target of a request stands for."""
    path = ABSOLUTE.sub("", target, count=1) or "/"
    if not path.startswith("/"):
        raise Refusal(HTTPStatus.BAD_REQUEST)
    names = unquote_to_bytes(path.partition("?")[0].encode("latin-1")).split(b"/")
    if not names[-1]:
        names[-1] = b"index.html"
    if b".." in names or any(b"\0" in name for name in names):
        raise Refusal(HTTPStatus.NOT_FOUND)
    return os.fsdecode(b"/".join(filter(None, names)))


def open_below(root: Path, path: str) -> BinaryIO:
    """Open a file below a directory, which is absolute and has no symbolic links in it.

    Symbolic links are followed, but not to the outside. It is looked at where the path has led to
    before it is opened: nobody can change that in between, and a pipe or a device does nothing.
    """
    handle = os.open(root / path, os.O_PATH | os.O_CLOEXEC)
    try:
        where = Path(f"/proc/self/fd/{handle}")
        if not where.readlink().is_relative_to(root):
            raise PermissionError
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise FileNotFoundError
        return where.open("rb", buffering=0)
    finally:
        os.close(handle)


def open_for(request: Request, root: Path) -> BinaryIO:
    """Open what the client asks for. Parks."""
    path = local_path(request.target)
    try:
        return blocking(open_below, root, path)  # a disk may take its time
    except OSError as error:
        full = error.errno in FULL
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE if full else HTTPStatus.NOT_FOUND) from None


def part_of(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """Return where the part begins and ends that the client wants; None: it wants the whole.

    So does a client that asks for several parts, which a server need not give, or for a part of a
    file that is no longer what it was.
    """
    found = RANGE.fullmatch(request.fields.get("range", ""))
    if found is None or request.method != "GET" or not size:
        return None
    if request.fields.get("if-range", tag) != tag:
        return None
    if not found[1]:  # the last bytes
        count = as_number(found[2])
        if found[2] and not count:
            raise Refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        return (max(0, size - count), size) if found[2] else None
    first, last = as_number(found[1]), as_number(found[2]) if found[2] else size
    if last < first and found[2]:
        return None  # no range at all
    if first >= size:
        raise Refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    return first, min(last + 1, size)


def as_number(digits: str) -> int:
    """Return the number, or one that is larger than any file if there are so many digits."""
    return int(digits.lstrip("0")[:DIGITS] or "0")


def head(status: HTTPStatus, fields: dict[str, object]) -> bytes:
    """Return what comes before the content of a response."""
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def respond(conn: net.TCPConn, request: Request, root: Path) -> None:
    """Send what the client asks for, or why not."""
    fields: dict[str, object] = {"Connection": "keep-alive" if request.keeps else "close"}
    try:
        with open_for(request, root) as file:
            send_file(conn, request, file, fields)
    except Refusal as refusal:
        status = refusal.args[0]
        text = f"{status.value} {status.phrase}\n".encode()
        fields |= {"Content-Length": len(text), "Content-Type": "text/plain"}
        conn.write(head(status, fields) + (b"" if request.method == "HEAD" else text))


def send_file(
    conn: net.TCPConn, request: Request, file: BinaryIO, fields: dict[str, object]
) -> None:
    """Send a file or a part of it, with these fields and those that tell of it."""
    now = os.fstat(file.fileno())
    tag = f'"{now.st_mtime_ns:x}-{now.st_size:x}"'
    try:
        part = part_of(request, now.st_size, tag)
    except Refusal:
        fields["Content-Range"] = f"bytes */{now.st_size}"
        raise
    start, stop = part or (0, now.st_size)
    fields |= {
        "Content-Length": stop - start,
        "Content-Type": content_type(local_path(request.target)),
    }
    fields |= {"ETag": tag, "Accept-Ranges": "bytes"}
    if part:
        fields["Content-Range"] = f"bytes {start}-{stop - 1}/{now.st_size}"
    conn.write(head(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK, fields))
    while start < stop and request.method == "GET":
        conn.set_deadline(time.monotonic() + PATIENCE)
        sent = conn.sendfile(file, start, min(PIECE, stop - start))
        if not sent:  # the file has become shorter: the client sees that something is missing
            raise EOFError
        start += sent


def content_type(path: str) -> str:
    """Return the media type that the name of a file stands for."""
    kind, encoding = guess_type(path)
    return kind if kind and not encoding else "application/octet-stream"


def handle(conn: net.TCPConn, root: Path) -> None:
    """Serve one client, in a goroutine of its own."""
    reader = bufio.Reader(conn)
    keeps = True
    with suppress(OSError, EOFError), conn:  # one that is gone, or too slow
        while keeps:
            conn.set_deadline(time.monotonic() + PATIENCE)
            try:
                request = read_request(reader)
            except Refusal as refusal:
                turn_away(conn, refusal.args[0])
                return
            respond(conn, request, root)
            keeps = request.keeps


def turn_away(conn: net.TCPConn, status: HTTPStatus) -> None:
    """Answer what cannot be understood; nobody knows where the next request begins."""
    fields: dict[str, object] = {"Connection": "close", "Content-Length": 0}
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        fields["Allow"] = ", ".join(METHODS)
    conn.write(head(status, fields))
    conn.close_write()
    # To close while something comes would be a reset, which takes the answer with it.
    conn.set_deadline(time.monotonic() + LINGER)
    while conn.read():
        pass


def main(address: str = "127.0.0.1:8000", directory: str = ".") -> None:
    """Serve whoever connects."""
    root = Path(directory).resolve(strict=True)
    with net.listen("tcp", address) as listener:
        print(f"listening on {listener.local_addr}", flush=True)
        for conn in listener:
            go(handle, conn, root)


if __name__ == "__main__":
    if {"-h", "--help"} & {*sys.argv}:
        print(__doc__)
        sys.exit()
    with suppress(KeyboardInterrupt):
        try:
            run(main, *sys.argv[1:3])
        except OSError as error:  # the address is none, or in use; there is no such directory
            sys.exit(str(error))
