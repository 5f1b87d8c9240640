"""Asking the system for a name, which blocks and so is done on a thread."""

import re
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

from netpoll._runtime.goroutine import go
from netpoll._runtime.threads import blocking
from netpoll.errors import DeadlineExceeded, DNSError

_MAX_LENGTH = 253  # bytes of a name as text, without the dot at the end (RFC 1035)
_NUMBERS_AND_DOTS = re.compile(r"[0-9.]*")


def _codes(*names: str) -> frozenset[int]:
    """Return those error numbers of getaddrinfo that this system has."""
    return frozenset(code for name in names if (code := getattr(socket, name, None)) is not None)


_NOT_FOUND = _codes("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
_NO_ANSWER = _codes("EAI_AGAIN")


def encoded(name: str) -> bytes:
    """Return a host name as the resolver takes it, in the IDNA encoding; DNSError if it is none.

    Source: go1.27 net/dnsclient.go isDomainName; RFC 1035; RFC 3490
    """
    # Names of digits and dots are what the C library takes for addresses: "127.1", "2130706433".
    # The length is looked at before encoding, whose time grows with its square.
    if "\0" in name or len(name) > _MAX_LENGTH + 1 or _NUMBERS_AND_DOTS.fullmatch(name):
        raise DNSError("no such host", name, is_not_found=True)
    try:
        result = name.encode("idna")
    except UnicodeError as error:
        raise DNSError("no such host", name, is_not_found=True) from error
    if len(result.removesuffix(b".")) > _MAX_LENGTH:
        raise DNSError("no such host", name, is_not_found=True)
    return result


def dns_error(name: str, error: socket.gaierror) -> DNSError:
    """Return what a failure of getaddrinfo means."""
    if error.errno in _NOT_FOUND:
        return DNSError("no such host", name, is_not_found=True)
    text = error.strerror or str(error)
    return DNSError(text[:1].lower() + text[1:], name, is_timeout=error.errno in _NO_ANSWER)


def ask(
    name: str, deadline: float | None, getaddrinfo: Callable[..., list[Any]], *args: Any
) -> list[Any]:
    """Return what getaddrinfo returns, or raise what it raises; parks.

    Raises DeadlineExceeded, which shows the name, if that takes longer. It cannot be stopped then:
    it goes on, and nobody hears of what it finds.
    """
    if deadline is None:
        return blocking(getaddrinfo, *args)
    wait = deadline - monotonic()
    if wait <= 0:
        raise _too_late(name)
    asking = go(_outcome, getaddrinfo, *args)
    try:
        outcome = asking.join(wait)
    except TimeoutError:
        raise _too_late(name) from None
    finally:
        asking.cancel()
    if isinstance(outcome, OSError):
        raise outcome
    return outcome


def _too_late(name: str) -> DeadlineExceeded:
    # Source: go1.27 net/lookup.go (*Resolver).lookupIPAddr, net/net.go errTimeout
    return DeadlineExceeded(reason=f"lookup {name}: i/o timeout")


def _outcome(getaddrinfo: Callable[..., list[Any]], *args: Any) -> list[Any] | OSError:
    """Return the error instead of raising it: one that comes too late has nobody to catch it."""
    try:
        return blocking(getaddrinfo, *args)
    except OSError as error:
        return error
