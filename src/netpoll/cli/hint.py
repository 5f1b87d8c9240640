"""What to write instead of an address that is none."""

from netpoll.errors import AddrError


def hint(error: OSError) -> str:
    """Return a hint to put behind the message, or nothing."""
    if not isinstance(error, AddrError):
        return ""
    if "://" in error.addr:
        return "; it is HOST:PORT, and no URL"
    if error.err.startswith("missing port"):
        return f"; {_with_port(error.addr)}"
    if error.err.startswith("too many colons"):
        return "; an IPv6 address goes into brackets, as in [::1]:8888"
    return ""


def _with_port(address: str) -> str:
    if address.isdigit():
        return f"for port {address} write :{address} or 127.0.0.1:{address}"
    return f"write HOST:PORT, as in {address or '127.0.0.1'}:8888"
