"""asyncio streams, on asyncio's own loop or on uvloop's: a task per connection."""

import asyncio
import sys
from contextlib import suppress

MODE, READ, LOOP = sys.argv[1], int(sys.argv[2]), sys.argv[3]
CHUNK = bytes(range(256)) * 256


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes."""
    while data := await reader.read(READ):
        writer.write(data)
        await writer.drain()


async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read to the end, then say how much it was."""
    total = 0
    while data := await reader.read(READ):
        total += len(data)
    writer.write(total.to_bytes(8, "big"))
    await writer.drain()


async def source(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send until the client has enough."""
    while True:
        writer.write(CHUNK)
        await writer.drain()


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection to its end. TCP_NODELAY is on by default."""
    with suppress(OSError):
        await {"echo": echo, "sink": sink, "source": source}[MODE](reader, writer)
        writer.close()
        await writer.wait_closed()


async def main() -> None:
    """Serve whoever connects."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024)
    print("listening on {}:{}".format(*server.sockets[0].getsockname()), flush=True)
    async with server:
        await server.serve_forever()


if LOOP == "uvloop":
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
