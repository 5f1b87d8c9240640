"""From the errors of a descriptor to those that say what was being done, and to what."""

from collections.abc import Iterator
from contextlib import contextmanager

from netpoll.errors import AddrError, ClosedError, DeadlineExceeded, DNSError, OpError
from netpoll.net.addr import Addr

_KEPT = (ClosedError, DeadlineExceeded)


def wrap_error(
    op: str, network: str, source: Addr | str | None, addr: Addr | str | None, exc: OSError
) -> OpError:
    """Return exc with its context: errno, text and bytes_written are kept, exc is the cause.

    A ClosedError stays one, a DeadlineExceeded stays one; everything else becomes an OpError.
    """
    kind = next((kept for kept in _KEPT if isinstance(exc, kept)), OpError)
    reason = str(exc) if exc.errno is None else exc.strerror
    written: int = getattr(exc, "bytes_written", 0)
    error = kind(op, network, source, addr, exc.errno, reason, written)
    error.__cause__ = exc
    return error


def name_operation(error: AddrError | DNSError, op: str, network: str) -> None:
    """Let an error of an address or a name say for which operation it was given, if it does not."""
    error.op = error.op or f"{op} {network}"


@contextmanager
def wrapping(
    op: str, network: str, source: Addr | str | None, addr: Addr | str | None
) -> Iterator[None]:
    """Give the context to each OSError that leaves the block; for calls that nobody counts.

    An AddrError stays one, for it names the address already, and says for which operation.
    """
    try:
        yield
    except AddrError as exc:
        name_operation(exc, op, network)
        raise
    except OSError as exc:
        raise wrap_error(op, network, source, addr, exc) from exc
