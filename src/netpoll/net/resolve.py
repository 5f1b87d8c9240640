"""Looking an address up as the first part of an operation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from netpoll.errors import AddrError, DeadlineExceeded, DNSError
from netpoll.net.addr import Addr, InternetAddr
from netpoll.net.lookup.hostport import addresses
from netpoll.net.operror import name_operation, wrap_error

if TYPE_CHECKING:
    from netpoll.net.networks import Network
    from netpoll.net.resolver import Resolver


def resolve(
    op: str,
    resolver: "Resolver | None",
    network: str,
    address: str | Addr,
    deadline: float | None = None,
) -> Sequence[InternetAddr]:
    """Look an address up as part of an operation, which an OSError then names.

    resolver: None for the default one. AddrError and DNSError stay what they are: they name the
    address already, and get the operation.
    """
    text = str(address) if isinstance(address, Addr) else address
    try:
        return _lookup(resolver, network, text, deadline)
    except (AddrError, DNSError) as error:
        name_operation(error, op, network)
        raise
    except DeadlineExceeded as error:  # which shows the name
        raise wrap_error(op, network, None, None, error) from error
    except OSError as error:
        raise wrap_error(op, network, None, address, error) from error


class _Name(Exception):
    """A host or a port is a name."""


def _lookup(
    resolver: "Resolver | None", network: str, text: str, deadline: float | None
) -> Sequence[InternetAddr]:
    if resolver is None:
        # Numbers need no resolver, which takes its time to be imported.
        try:
            return addresses(network, text, _is_name, _is_name)
        except _Name:
            pass
        from netpoll.net.resolver import Resolver  # noqa: PLC0415

        resolver = Resolver()
    return resolver.lookup(network, text, deadline=deadline)


def _is_name(_row: "Network", _name: str) -> NoReturn:
    raise _Name
