"""gevent: its socket, in one greenlet; a DatagramServer would start one for each datagram."""

import sys

from gevent import socket

MODE, SIZE = sys.argv[1], int(sys.argv[2])


def echo(sock: socket.socket) -> None:
    """Send back what comes."""
    while True:
        sock.sendto(*sock.recvfrom(65536))


def flood(sock: socket.socket) -> None:
    """Count."""
    count = 0
    while True:
        data, sender = sock.recvfrom(65536)
        if len(data) == SIZE:
            count += 1
        else:
            sock.sendto(count.to_bytes(8, "big") + data, sender)


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("127.0.0.1", 0))
    print("listening on {}:{}".format(*sock.getsockname()), flush=True)
    {"echo": echo, "flood": flood}[MODE](sock)
