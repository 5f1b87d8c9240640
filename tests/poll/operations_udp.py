"""The operations of PacketFD that park, and those on messages and batches; see operations.py."""

from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_UNIX, SOCK_DGRAM
from tempfile import TemporaryDirectory

from netpoll._poll.batch import receive_batch, send_batch
from netpoll._poll.message import receive_message, receive_message_into, send_message
from netpoll._poll.packet_fd import PacketFD
from netpoll._poll.segments import send_segments
from netpoll._poll.socket_fd import SocketFD
from tests import tcp, udp
from tests.poll.operation import Blocked, Operation


@contextmanager
def receiving() -> Iterator[tuple[PacketFD, Operation]]:
    with udp.end() as (fd, _):
        yield fd, lambda: fd.read_bytes(100)


@contextmanager
def receiving_much() -> Iterator[tuple[PacketFD, Operation]]:
    with udp.unix_end() as (fd, _):
        yield fd, lambda: fd.read_bytes(1 << 20)


@contextmanager
def receiving_from() -> Iterator[tuple[PacketFD, Operation]]:
    with udp.end() as (fd, _):
        yield fd, lambda: fd.read_from(100)


@contextmanager
def receiving_into() -> Iterator[tuple[PacketFD, Operation]]:
    with udp.end() as (fd, _):
        yield fd, lambda: fd.readinto(bytearray(100))


@contextmanager
def receiving_into_from() -> Iterator[tuple[PacketFD, Operation]]:
    with udp.end() as (fd, _):
        yield fd, lambda: fd.readinto_from(bytearray(100))


@contextmanager
def receiving_a_message() -> Iterator[tuple[SocketFD, Operation]]:
    with udp.end() as (fd, _):
        yield fd, lambda: receive_message(fd, 100, 100)


@contextmanager
def receiving_a_large_message() -> Iterator[tuple[SocketFD, Operation]]:
    with tcp.end() as (fd, _):
        yield fd, lambda: receive_message(fd, 1 << 20)


@contextmanager
def receiving_a_message_into() -> Iterator[tuple[SocketFD, Operation]]:
    with udp.unix_end() as (fd, _):
        yield fd, lambda: receive_message_into(fd, [bytearray(10), bytearray(10)], 100)


@contextmanager
def receiving_a_batch() -> Iterator[tuple[PacketFD, Operation]]:
    with udp.end() as (fd, _):
        yield fd, lambda: receive_batch(fd, 8, 100)


@contextmanager
def sending() -> Iterator[tuple[PacketFD, Operation]]:
    with udp.unix_end() as (fd, _):
        udp.fill(fd)
        yield fd, lambda: fd.write(b"more")


@contextmanager
def sending_to() -> Iterator[tuple[PacketFD, Operation]]:
    with TemporaryDirectory() as directory, udp.full_unix_receiver(directory) as (address, _, _):
        fd = PacketFD.socket(AF_UNIX, SOCK_DGRAM)
        try:
            yield fd, lambda: fd.write_to(b"more", address)
        finally:
            fd.close()


@contextmanager
def sending_a_message() -> Iterator[tuple[SocketFD, Operation]]:
    with udp.unix_end() as (fd, _):
        udp.fill(fd)
        yield fd, lambda: send_message(fd, [b"still", b"more"])


@contextmanager
def sending_a_message_on_a_stream() -> Iterator[tuple[SocketFD, Operation]]:
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        yield fd, lambda: send_message(fd, [b"still", b"more"])


@contextmanager
def sending_a_batch() -> Iterator[tuple[PacketFD, Operation]]:
    with udp.unix_end() as (fd, _):
        udp.fill(fd)
        yield fd, lambda: send_batch(fd, [(b"still", None), (b"more", None)])


@contextmanager
def sending_segments() -> Iterator[tuple[PacketFD, Operation]]:
    with udp.unix_end() as (fd, _):
        udp.fill(fd)
        yield fd, lambda: send_segments(fd, b"still more", 5)


READS: list[Blocked] = [
    receiving,
    receiving_much,
    receiving_from,
    receiving_into,
    receiving_into_from,
    receiving_a_message,
    receiving_a_large_message,
    receiving_a_message_into,
    receiving_a_batch,
]
WRITES: list[Blocked] = [
    sending,
    sending_to,
    sending_a_message,
    sending_a_message_on_a_stream,
    sending_a_batch,
    sending_segments,
]
