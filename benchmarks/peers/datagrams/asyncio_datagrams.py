"""asyncio's DatagramProtocol, on asyncio's own loop or on uvloop's."""

import asyncio
import sys
from typing import cast

MODE, SIZE, LOOP = sys.argv[1], int(sys.argv[2]), sys.argv[3]


class Protocol(asyncio.DatagramProtocol):
    """Knows its transport."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self.transport = cast("asyncio.DatagramTransport", transport)


class Echo(Protocol):
    """Sends back what comes."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer."""
        self.transport.sendto(data, addr)


class Flood(Protocol):
    """Counts."""

    count = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Count or answer."""
        if len(data) == SIZE:
            self.count += 1
        else:
            self.transport.sendto(self.count.to_bytes(8, "big") + data, addr)


async def main() -> None:
    """Serve whoever sends."""
    loop = asyncio.get_running_loop()
    protocol = {"echo": Echo, "flood": Flood}[MODE]
    transport, _ = await loop.create_datagram_endpoint(protocol, ("127.0.0.1", 0))
    print("listening on {}:{}".format(*transport.get_extra_info("sockname")), flush=True)
    await asyncio.Event().wait()


if LOOP == "uvloop":
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
