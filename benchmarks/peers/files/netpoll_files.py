"""netpoll: Conn.sendfile, or reading the file and writing to the connection."""

import sys
from contextlib import suppress

from netpoll import go, net, run

PATH, SIZE, WAY = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def sendfile(conn: net.Conn) -> None:
    """Have the kernel do it."""
    with suppress(OSError), conn, open(PATH, "rb", buffering=0) as file:  # noqa: PTH123
        conn.sendfile(file)


def copying(conn: net.Conn) -> None:
    """Do it a buffer at a time."""
    buffer = memoryview(bytearray(SIZE))
    with suppress(OSError), conn, open(PATH, "rb", buffering=0) as file:  # noqa: PTH123
        while size := file.readinto(buffer):
            conn.write(buffer[:size])


def main() -> None:
    """Serve whoever connects."""
    handler = {"sendfile": sendfile, "copying": copying}[WAY]
    with net.listen("tcp", "127.0.0.1:0") as listener:
        print(f"listening on {listener.local_addr}", flush=True)
        for conn in listener:
            go(handler, conn)


run(main)
