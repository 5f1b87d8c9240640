"""asyncio: loop.sendfile on the transport of a stream."""

import asyncio
import sys
from contextlib import suppress

PATH = sys.argv[1]


async def handle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the file and close."""
    loop = asyncio.get_running_loop()
    with suppress(OSError), open(PATH, "rb") as file:  # noqa: ASYNC230, PTH123 - it is in memory
        await loop.sendfile(writer.transport, file)
    writer.close()


async def main() -> None:
    """Serve whoever connects."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print("listening on {}:{}".format(*server.sockets[0].getsockname()), flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
