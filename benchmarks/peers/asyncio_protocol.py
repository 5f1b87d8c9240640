"""asyncio Protocol, on asyncio's own loop or on uvloop's: callbacks, no task.

The size of a read is the loop's business with Protocol, 256 KiB in both. asyncio allocates that
much for each read, which costs more than all the rest; for those who mind, its documentation has
BufferedProtocol, here with one buffer for all connections. uvloop is slower with that.
"""

import asyncio
import sys
from typing import cast

MODE, READ, LOOP = sys.argv[1], int(sys.argv[2]), sys.argv[3]
CHUNK = bytes(range(256)) * 256
BUFFER = memoryview(bytearray(READ))


class Common(asyncio.BaseProtocol):
    """What all modes have in common. TCP_NODELAY is on by default."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)


class Echo(Common):
    """Sends back what comes."""

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)

    def pause_writing(self) -> None:
        """Read no more than the client reads."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self.transport.resume_reading()


class Sink(Common):
    """Reads to the end, then says how much it was."""

    total = 0

    def data_received(self, data: bytes) -> None:
        """Count it."""
        self.total += len(data)

    def eof_received(self) -> None:
        """Answer; returning None lets the transport close."""
        self.transport.write(self.total.to_bytes(8, "big"))


class Source(Common):
    """Sends until the client has enough."""

    paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self.resume_writing()

    def pause_writing(self) -> None:
        """Stop until the client has read."""
        self.paused = True

    def resume_writing(self) -> None:
        """Fill the transport's buffer up."""
        self.paused = False
        while not self.paused and not self.transport.is_closing():
            self.transport.write(CHUNK)


class Buffered(asyncio.BufferedProtocol):
    """Reads into a buffer of our own; the loop calls both methods one right after the other."""

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - it never knows one
        """Return where to read to."""
        return BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Hand over what was read."""
        self.data_received(bytes(BUFFER[:nbytes]))  # type: ignore[attr-defined]


BASE: type = asyncio.Protocol if LOOP == "uvloop" else Buffered
CLASSES: dict[str, tuple[type, type]] = {
    "echo": (Echo, BASE),
    "sink": (Sink, BASE),
    "source": (Source, asyncio.Protocol),
}


async def main() -> None:
    """Serve whoever connects."""
    loop = asyncio.get_running_loop()
    protocol = type("Handler", CLASSES[MODE], {})
    server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=1024)
    print("listening on {}:{}".format(*server.sockets[0].getsockname()), flush=True)
    async with server:
        await server.serve_forever()


if LOOP == "uvloop":
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
