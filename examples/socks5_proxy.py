"""SOCKS5 proxy: connects its clients to wherever they ask (RFC 1928, CONNECT only).

    python examples/socks5_proxy.py [ADDRESS [USER:PASSWORD]]

ADDRESS is "127.0.0.1:1080" unless given: who can connect to it reaches whatever this machine does.
With USER:PASSWORD clients have to log in (RFC 1929). Try it with
`curl --socks5-hostname 127.0.0.1:1080 https://example.org`; Ctrl-C ends it.
"""

import errno
import sys
import time
from contextlib import suppress
from hmac import compare_digest
from ipaddress import ip_address

from netpoll import DeadlineExceeded, DNSError, bufio, go, net, run

PATIENCE = 30.0  # seconds, for a client to say what it wants, and for its target to answer

VERSION, LOGIN_VERSION = 5, 1
OPEN, PASSWORD, NO_METHOD = 0, 2, 0xFF
CONNECT = 1
IPV4, NAME, IPV6 = 1, 3, 4
ADDRESS_SIZES = {IPV4: 4, IPV6: 16}
NOWHERE = bytes([IPV4]) + bytes(6)

GRANTED, FAILED, NO_NETWORK, NO_HOST, NOBODY, NO_COMMAND, NO_ADDRESS = 0, 1, 3, 4, 5, 7, 8
REASONS = {
    errno.ENETUNREACH: NO_NETWORK,
    errno.EHOSTUNREACH: NO_HOST,
    errno.ETIMEDOUT: NO_HOST,
    errno.ECONNREFUSED: NOBODY,
}


class Refusal(Exception):
    """A client does not get what it wants; the argument is what it is sent, if anything."""


def handle(client: net.TCPConn, login: bytes) -> None:
    """Serve one client, in a goroutine of its own."""
    with suppress(OSError, EOFError), client:  # one that is gone, or too slow
        try:
            client.set_deadline(time.monotonic() + PATIENCE)
            reader = bufio.Reader(client)
            greet(reader, client, login)
            address = read_request(reader)
            client.set_deadline(None)
            server = connect(address)
        except Refusal as refusal:
            client.write(refusal.args[0])
            return
        with server:
            client.write(reply(GRANTED, packed(server.local_addr)))
            server.write(reader.read(reader.buffered))  # what it has said without waiting
            relay(client, server)


def greet(reader: bufio.Reader, client: net.TCPConn, login: bytes) -> None:
    """Agree on how the client logs in, and let it."""
    expect(VERSION, reader)
    method = PASSWORD if login else OPEN
    if method not in read_text(reader):
        raise Refusal(bytes([VERSION, NO_METHOD]))
    client.write(bytes([VERSION, method]))
    if not login:
        return
    expect(LOGIN_VERSION, reader)
    given = read_text(reader) + b":" + read_text(reader)
    if not compare_digest(given, login):
        raise Refusal(bytes([LOGIN_VERSION, FAILED]))
    client.write(bytes([LOGIN_VERSION, GRANTED]))


def read_request(reader: bufio.Reader) -> str:
    """Return the address to which the client wants to be connected."""
    expect(VERSION, reader)
    command, _, kind = reader.read_exactly(3)
    if kind == NAME:
        host = read_text(reader).decode("latin-1")
        if not host:  # dial takes that for this machine
            raise Refusal(reply(FAILED))
    elif kind in ADDRESS_SIZES:
        host = str(ip_address(reader.read_exactly(ADDRESS_SIZES[kind])))
    else:
        raise Refusal(reply(NO_ADDRESS))
    port = int.from_bytes(reader.read_exactly(2), "big")
    if command != CONNECT:
        raise Refusal(reply(NO_COMMAND))
    return net.join_host_port(host, port)


def expect(version: int, reader: bufio.Reader) -> None:
    """Read the first byte of a message; who speaks another protocol would get no answer of it."""
    if reader.read_exactly(1)[0] != version:
        raise Refusal(b"")


def read_text(reader: bufio.Reader) -> bytes:
    """Read up to 255 bytes, which come after one that tells how many."""
    return reader.read_exactly(reader.read_exactly(1)[0])


def connect(address: str) -> net.TCPConn:
    """Connect to a target; a name is looked up here."""
    try:
        return net.dial("tcp", address, timeout=PATIENCE)
    except (DNSError, DeadlineExceeded):
        raise Refusal(reply(NO_HOST)) from None
    except OSError as error:
        raise Refusal(reply(REASONS.get(error.errno or 0, FAILED))) from None


def reply(code: int, address: bytes = NOWHERE) -> bytes:
    """Return the answer to a request."""
    return bytes([VERSION, code, 0]) + address


def packed(addr: net.TCPAddr) -> bytes:
    """Encode an address: kind, IP address, port."""
    ip = ip_address(addr.ip).packed
    kind = IPV4 if len(ip) == ADDRESS_SIZES[IPV4] else IPV6
    return bytes([kind]) + ip + addr.port.to_bytes(2, "big")


def relay(client: net.TCPConn, server: net.TCPConn) -> None:
    """Pass bytes both ways until both sides are done."""
    answers = go(copy, server, client)
    copy(client, server)
    answers.join()


def copy(source: net.TCPConn, sink: net.TCPConn) -> None:
    """Pass bytes one way, and the end of the stream too; a reset ends both ways."""
    try:
        net.copy(sink, source)  # in the kernel, from socket to socket
        sink.close_write()
    except OSError:
        for conn in (source, sink):
            with suppress(OSError):  # the other direction may have closed it already
                conn.set_linger(0)
            conn.close()


def main(address: str = "127.0.0.1:1080", login: str = "") -> None:
    """Serve whoever connects."""
    with net.listen("tcp", address) as listener:
        print(f"listening on {listener.local_addr}", flush=True)
        for conn in listener:
            go(handle, conn, login.encode())


if __name__ == "__main__":
    if {"-h", "--help"} & {*sys.argv}:
        print(__doc__)
        sys.exit()
    with suppress(KeyboardInterrupt):
        try:
            run(main, *sys.argv[1:3])
        except OSError as error:  # the address is none, or in use
            sys.exit(str(error))
