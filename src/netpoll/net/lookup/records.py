"""What DNS knows of a name besides its addresses."""

from typing import NamedTuple


class SRV(NamedTuple):
    """A server of a service: the one with the lowest priority first, among equals by weight.

    target: its absolute name; "." says that the service is not to be had.
    """

    target: str
    port: int
    priority: int
    weight: int


class MX(NamedTuple):
    """A mail server of a domain, the one with the lowest preference first.

    host: its absolute name, or an IP address with a dot at the end, or "." for no mail at all.
    """

    host: str
    preference: int


class NS(NamedTuple):
    """A name server of a domain, by its absolute name."""

    host: str
