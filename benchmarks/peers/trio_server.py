"""trio: serve_tcp, a task per connection."""

import sys
from contextlib import suppress
from functools import partial

import trio

MODE, READ = sys.argv[1], int(sys.argv[2])
CHUNK = bytes(range(256)) * 256


async def echo(stream: trio.SocketStream) -> None:
    """Send back what comes."""
    while data := await stream.receive_some(READ):
        await stream.send_all(data)


async def sink(stream: trio.SocketStream) -> None:
    """Read to the end, then say how much it was."""
    total = 0
    while data := await stream.receive_some(READ):
        total += len(data)
    await stream.send_all(total.to_bytes(8, "big"))


async def source(stream: trio.SocketStream) -> None:
    """Send until the client has enough."""
    while True:
        await stream.send_all(CHUNK)


async def handle(stream: trio.SocketStream) -> None:
    """Serve one connection to its end. A SocketStream has TCP_NODELAY on."""
    with suppress(trio.BrokenResourceError):
        await {"echo": echo, "sink": sink, "source": source}[MODE](stream)


async def main() -> None:
    """Serve whoever connects."""
    serve = partial(trio.serve_tcp, handle, 0, host="127.0.0.1", backlog=1024)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(serve)
        address = listeners[0].socket.getsockname()
        print("listening on {}:{}".format(*address), flush=True)


trio.run(main)
