"""Asking the system for names, which blocks and so is done on threads.

They are not the threads of `blocking`: name servers that do not answer hold up no other work. What
hangs there cannot be stopped. After 256 such look-ups the next one waits for its turn, and for no
longer than its own limit.

Source: go1.27 net/cgo_unix.go; getaddrinfo(3); getnameinfo(3)
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import AF_UNSPEC, SOCK_DGRAM, SOCK_STREAM
from typing import Any

from netpoll._runtime.threads import BlockingPool
from netpoll.errors import DNSError
from netpoll.net import ip, zone
from netpoll.net.lookup import domain

GetAddrInfo = Callable[..., list[Any]]

_threads = BlockingPool()


def _codes(*names: str) -> frozenset[int]:
    """Return those error numbers of getaddrinfo that this system has."""
    return frozenset(code for name in names if (code := getattr(socket, name, None)) is not None)


_NOT_FOUND = _codes("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
_NO_ANSWER = _codes("EAI_AGAIN")

# What a machine without a list of services still knows.
# Source: go1.27 net/lookup.go services
_SERVICES: dict[int, dict[str, int]] = {
    SOCK_STREAM: {
        "domain": 53,
        "ftp": 21,
        "ftps": 990,
        "gopher": 70,
        "http": 80,
        "https": 443,
        "imap2": 143,
        "imap3": 220,
        "imaps": 993,
        "pop3": 110,
        "pop3s": 995,
        "smtp": 25,
        "submissions": 465,
        "ssh": 22,
        "telnet": 23,
    },
    SOCK_DGRAM: {"domain": 53},
}


def dns_error(name: str, error: socket.gaierror) -> DNSError:
    """Return what a failure of getaddrinfo means."""
    if error.errno in _NOT_FOUND:
        return domain.no_such_host(name)
    text = error.strerror or str(error)
    again = error.errno in _NO_ANSWER
    return DNSError(text[:1].lower() + text[1:], name, is_timeout=again, is_temporary=again)


def addresses(
    getaddrinfo: GetAddrInfo, name: str, family: int, kind: int
) -> tuple[tuple[str, str], ...]:
    """Return IP address and zone of each address of a host, the preferred one first; parks."""
    encoded = domain.encoded(name)
    try:
        found = _threads.call(getaddrinfo, encoded, None, family, kind)
    except socket.gaierror as error:
        raise dns_error(name, error) from error
    with _reading(name):
        hosts = tuple(dict.fromkeys(_ip_and_zone(*sockaddr) for *_, sockaddr in found))
    if not hosts:
        raise domain.no_such_host(name)
    return hosts


def canonical_name(getaddrinfo: GetAddrInfo, name: str) -> str:
    """Return the name that a host's name is an alias of, or that name itself; parks."""
    encoded = domain.encoded(name)
    flags = socket.AI_CANONNAME
    try:
        found = _threads.call(getaddrinfo, encoded, None, AF_UNSPEC, SOCK_STREAM, 0, flags)
    except socket.gaierror as error:
        raise dns_error(name, error) from error
    with _reading(name):
        canonical: str = found[0][3] or encoded.decode("ascii")
    if not domain.is_domain_name(canonical):
        raise domain.invalid(name)
    return canonical if canonical.endswith(".") else f"{canonical}."


def port(getaddrinfo: GetAddrInfo, service: str, kind: int) -> int | None:
    """Return the number of a named port, None if there is none; kind 0 is any. Parks."""
    try:
        # Not getservbyname: its result lives in memory that all threads share.
        found = _threads.call(getaddrinfo, None, service, AF_UNSPEC, kind)
    except socket.gaierror as error:
        known = _SERVICES.get(kind) or _SERVICES[SOCK_STREAM]
        if service in known or error.errno in _NO_ANSWER:
            return known.get(service)
        return None
    with _reading(service):
        return int(found[0][4][1])


def names(address: str) -> tuple[str, ...]:
    """Return the names of an IP address, which may have a zone; parks."""
    if ip.canonical(ip.split_zone(address)[0]) is None:
        raise domain.unrecognized(address)
    try:
        name, _ = _threads.call(socket.getnameinfo, (address, 0), socket.NI_NAMEREQD)
    except socket.gaierror as error:
        raise dns_error(address, error) from error
    if not domain.is_domain_name(name):
        raise domain.invalid(address)
    return (domain.absolute(name),)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Take what getaddrinfo has returned apart, which need not be the system's."""
    try:
        yield
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise DNSError("getaddrinfo returned no such list as it has to", name) from error


def _ip_and_zone(address: str, _port: int, _flow: int = 0, scope: int = 0) -> tuple[str, str]:
    """Return what is telling about a socket address of the socket module."""
    return ip.split_zone(address)[0], zone.from_scope(scope)
