"""A small HTTP/1.1 server in goroutines, for clients made for asyncio."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from netpoll import GoroutineCancelled, bufio, go, net, sleep


@contextmanager
def serving() -> Iterator[str]:
    """Serve on the loopback interface; return the URL."""
    with net.listen("tcp", "127.0.0.1:0") as listener:
        accepting = go(accept, listener)
        yield f"http://{listener.local_addr}"
    # The listener is closed, and that is the end of the iteration over it.
    accepting.join()


def accept(listener: net.Listener) -> None:
    serving = [go(serve, conn) for conn in listener]
    for each in serving:
        each.cancel()
        with suppress(GoroutineCancelled):
            each.join()


def serve(conn: net.Conn) -> None:
    with conn:
        reader = bufio.Reader(conn)
        for line in reader:
            _, path, _ = line.decode().split(" ")
            size = 0
            while header := reader.read_line():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    size = int(value)
            body = reader.read_exactly(size)
            if path == "/slow":
                sleep(60)
            answer = body or path.encode()
            conn.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
