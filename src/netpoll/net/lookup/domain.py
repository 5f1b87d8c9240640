"""Domain names: which text is one, and how it is spelt.

Source: go1.27 net/dnsclient.go; RFC 1035; RFC 3490
"""

from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from netpoll.errors import DNSError
from netpoll.net import ip

Host = tuple[str, str]
"""An IP address in canonical spelling, and its zone."""

_MAX_LENGTH = 253  # bytes of a name as text, without the dot at the end
_MAX_LABEL = 63
_DIGITS = frozenset("0123456789")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-")
_IN_LABELS = _DIGITS | _LETTERS
_IN_NUMBERS = _DIGITS | {"."}


def encoded(name: str) -> bytes:
    """Return a host name as the system takes it, in the IDNA encoding; DNSError if it is none."""
    # Names of digits and dots are what the C library takes for addresses: "127.1", "2130706433".
    # The length is looked at before encoding, whose time grows with its square.
    if "\0" in name or len(name) > _MAX_LENGTH + 1 or _IN_NUMBERS.issuperset(name):
        raise no_such_host(name)
    try:
        result = name.encode("idna")
    except UnicodeError as error:
        raise no_such_host(name) from error
    if len(result.removesuffix(b".")) > _MAX_LENGTH:
        raise no_such_host(name)
    return result


def queried(name: str) -> str:
    """Return a name as DNS is asked for it, in the IDNA encoding; DNSError if it is none."""
    text = "." if name == "." else encoded(name).decode("ascii")
    if not is_domain_name(text):
        raise no_such_host(name)
    return text


def no_such_host(name: str) -> DNSError:
    """Return the error for a name that nobody knows."""
    return DNSError("no such host", name, is_not_found=True)


def invalid(name: str, records: tuple[Any, ...] = ()) -> DNSError:
    """Return the error for an answer with names in it that are none, and what of it is valid.

    Programs put names into shell commands, logs and web pages (CVE-2021-33195).
    """
    text = "DNS response contained records which contain invalid names"
    return DNSError(text, name, records=records)


def is_domain_name(text: str) -> bool:
    """Return whether text is a name of letters, digits, hyphens and underscores, or the root.

    A name of digits and dots alone is none: it would be taken for an address.
    """
    if text == ".":
        return True
    name = text.removesuffix(".")
    if len(name) > _MAX_LENGTH or _LETTERS.isdisjoint(name):
        return False
    return all(_is_label(label) for label in name.split("."))


def _is_label(text: str) -> bool:
    return (
        0 < len(text) <= _MAX_LABEL
        and not text.startswith("-")
        and not text.endswith("-")
        and _IN_LABELS.issuperset(text)
    )


def is_private(name: str) -> bool:
    """Return whether no name server may see a name: those of the Tor network (RFC 7686)."""
    return name.lower().removesuffix(".").endswith(".onion")


def absolute(name: str) -> str:
    """Return a name with the dot at the end, unless it is one of this machine, without any dot."""
    return f"{name}." if "." in name and not name.endswith(".") else name


def reverse_name(address: str) -> str:
    """Return the name under which DNS has the names of an IP address; DNSError if it is none."""
    canonical = ip.canonical(address)
    if canonical is None:
        raise unrecognized(address)
    if ip.family(canonical) == AF_INET:
        return ".".join(str(byte) for byte in reversed(inet_pton(AF_INET, canonical))) + (
            ".in-addr.arpa."
        )
    return ".".join(reversed(inet_pton(AF_INET6, canonical).hex())) + ".ip6.arpa."


def unrecognized(address: str) -> DNSError:
    """Return the error for what should be an IP address and is none."""
    return DNSError("unrecognized address", address)
