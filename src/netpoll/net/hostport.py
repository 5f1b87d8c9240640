"""Addresses as text: "host:port", "[::1]:80", ":http"."""

from netpoll.errors import AddrError

MAX_PORT = 65535


def split_host_port(address: str) -> tuple[str, str]:
    """Split "host:port" or "[host]:port" into host and port, either of which may be empty.

    Raises AddrError: a port is missing, a colon is one too many, a bracket is out of place, or
    it is a URL.
    Source: go1.27 net/ipsock.go SplitHostPort
    """
    if not isinstance(address, str):
        raise TypeError(f'an address is a str like "host:port", not {address!r}')
    if "://" in address:
        raise AddrError('an address is "host:port", and no URL', address)
    host, colon, port = address.rpartition(":")
    if not colon:
        raise AddrError("missing port in address", address)
    if address.startswith("["):
        host = _bracketed(address, len(host))
    elif ":" in host:
        raise AddrError("too many colons in address", address)
    for bracket in "[]":
        if bracket in host or bracket in port:
            raise AddrError(f"unexpected {bracket!r} in address", address)
    return host, port


def _bracketed(address: str, colon: int) -> str:
    """Return what stands in the brackets at the start; colon is where the last colon is."""
    end = address.find("]")
    if end < 0:
        raise AddrError("missing ']' in address", address)
    if end + 1 == colon:
        return address[1:end]
    if address.startswith(":", end + 1):
        raise AddrError("too many colons in address", address)
    raise AddrError("missing port in address", address)


def join_host_port(host: str, port: str | int) -> str:
    """Join host and port to "host:port", or "[host]:port" if the host needs the brackets."""
    return f"[{host}]:{port}" if ":" in host or "%" in host else f"{host}:{port}"


def port_number(port: str, address: str) -> int | None:
    """Return the number that a port's text stands for, 0 if empty, None if it is a name.

    Raises AddrError: the number is out of range; address is what the message shows.
    """
    if not port:
        return 0
    if not (port.isascii() and port.isdigit()):
        return None
    digits = port.lstrip("0") or "0"
    # The length first: int() refuses thousands of digits with an error of its own.
    if len(digits) > len(str(MAX_PORT)) or int(digits) > MAX_PORT:
        raise AddrError("invalid port", address)
    return int(digits)
