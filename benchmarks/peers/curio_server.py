"""curio: a task per connection."""

import sys
from contextlib import suppress

import curio
from curio import socket
from curio.io import Socket
from curio.network import run_server, tcp_server_socket

MODE, READ = sys.argv[1], int(sys.argv[2])
CHUNK = bytes(range(256)) * 256


async def echo(client: Socket) -> None:
    """Send back what comes."""
    while data := await client.recv(READ):
        await client.sendall(data)


async def sink(client: Socket) -> None:
    """Read to the end, then say how much it was."""
    total = 0
    while data := await client.recv(READ):
        total += len(data)
    await client.sendall(total.to_bytes(8, "big"))


async def source(client: Socket) -> None:
    """Send until the client has enough."""
    while True:
        await client.sendall(CHUNK)


async def handle(client: Socket, _address: object) -> None:
    """Serve one connection to its end; the server closes it."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):
        await {"echo": echo, "sink": sink, "source": source}[MODE](client)


async def main() -> None:
    """Serve whoever connects."""
    listener = tcp_server_socket("127.0.0.1", 0, backlog=1024)
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
    await run_server(listener, handle)


curio.run(main)
