"""Looking an address up as the first part of an operation."""

from collections.abc import Sequence

from netpoll.errors import AddrError, DeadlineExceeded, DNSError
from netpoll.net.addr import Addr, InternetAddr
from netpoll.net.operror import wrap_error
from netpoll.net.resolver import Resolver as Resolver


def resolve(
    op: str,
    resolver: Resolver,
    network: str,
    address: str | Addr,
    deadline: float | None = None,
) -> Sequence[InternetAddr]:
    """Look an address up as part of an operation, which an OSError then names.

    AddrError and DNSError stay what they are: they name the address already.
    """
    text = str(address) if isinstance(address, Addr) else address
    try:
        return resolver.lookup(network, text, deadline=deadline)
    except (AddrError, DNSError):
        raise
    except DeadlineExceeded as error:  # which shows the name
        raise wrap_error(op, network, None, None, error) from error
    except OSError as error:
        raise wrap_error(op, network, None, address, error) from error
