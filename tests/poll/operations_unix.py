"""The operations that park on Unix sockets that connect; see operations.py."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from netpoll._poll.message import receive_message, send_message
from netpoll._poll.stream_fd import StreamFD
from tests.poll.operation import Blocked, Operation


@contextmanager
def _end(kind: int) -> Iterator[StreamFD]:
    """Return one end of a pair; the other neither reads nor writes."""
    near, far = socket.socketpair(socket.AF_UNIX, kind)
    with far, closing(StreamFD.adopt(near.detach())) as fd:
        yield fd


@contextmanager
def _full(kind: int) -> Iterator[StreamFD]:
    """Return an end that takes nothing more."""
    with _end(kind) as fd:
        fd.settimeout(0)
        with suppress(TimeoutError):
            while True:
                fd.write(bytes(1 << 12))
        fd.settimeout(None)
        yield fd


@contextmanager
def receiving_a_message_of_a_unix_stream() -> Iterator[tuple[StreamFD, Operation]]:
    with _end(socket.SOCK_STREAM) as fd:
        yield fd, lambda: receive_message(fd, 100, 100)


@contextmanager
def receiving_a_message_that_is_kept_apart() -> Iterator[tuple[StreamFD, Operation]]:
    with _end(socket.SOCK_SEQPACKET) as fd:
        yield fd, lambda: receive_message(fd, 100, 100)


@contextmanager
def reading_what_is_kept_apart() -> Iterator[tuple[StreamFD, Operation]]:
    with _end(socket.SOCK_SEQPACKET) as fd:
        yield fd, lambda: fd.read_bytes(100)


@contextmanager
def sending_a_message_on_a_unix_stream() -> Iterator[tuple[StreamFD, Operation]]:
    with _full(socket.SOCK_STREAM) as fd:
        yield fd, lambda: send_message(fd, [b"more"])


@contextmanager
def sending_a_message_that_is_kept_apart() -> Iterator[tuple[StreamFD, Operation]]:
    with _full(socket.SOCK_SEQPACKET) as fd:
        yield fd, lambda: send_message(fd, [b"more"])


@contextmanager
def writing_what_is_kept_apart() -> Iterator[tuple[StreamFD, Operation]]:
    with _full(socket.SOCK_SEQPACKET) as fd:
        yield fd, lambda: fd.write(b"more")


READS: list[Blocked] = [
    receiving_a_message_of_a_unix_stream,
    receiving_a_message_that_is_kept_apart,
    reading_what_is_kept_apart,
]
WRITES: list[Blocked] = [
    sending_a_message_on_a_unix_stream,
    sending_a_message_that_is_kept_apart,
    writing_what_is_kept_apart,
]
