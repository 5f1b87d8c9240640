"""Every public exception.

What goes wrong with a descriptor or an address is an OSError; what concerns goroutines is not.
Nothing of the package is imported here, so that each layer can raise these.
"""

import os
from errno import EAGAIN, EBADF, ETIMEDOUT, EWOULDBLOCK
from typing import Any, ClassVar, Self, cast

_TIMEOUTS = frozenset({EAGAIN, EWOULDBLOCK, ETIMEDOUT})


class OpError(OSError):
    """An operation on a connection, a listener or an address that failed.

    Each instance is also one of the builtin exception of its errno, if there is one: a reset
    connection raises an OpError that `except ConnectionResetError` catches as well.

    op: what was being done ("dial", "accept", "read", ...).
    network: on which network ("tcp", "tcp4", ...).
    source, addr: the local and the remote address, None if unknown; a listener's own is addr.
    bytes_written: how much of the data a failed write has handed to the kernel.
    messages_written: how many datagrams of a batch, if it was one.
    Source: go1.27 net/net.go OpError
    """

    op: str
    network: str
    source: object | None
    addr: object | None
    bytes_written: int
    messages_written: int = 0

    _errno: ClassVar[int | None] = None
    _reason: ClassVar[str | None] = None
    _public: ClassVar[type[Any] | None] = None

    def __new__(  # noqa: PLR0917 - so that any of them can be given by position when it is copied
        cls,
        op: str = "",
        network: str = "",
        source: object | None = None,
        addr: object | None = None,
        errno: int | None = None,
        reason: str | None = None,
        bytes_written: int = 0,
    ) -> Self:
        """Make one of the class that goes with errno; reason replaces the system's text for it."""
        errno = cls._errno if errno is None else errno
        reason = reason or cls._reason or ("" if errno is None else os.strerror(errno))
        self = super().__new__(cast("type[Self]", _of_errno(cls, errno)), errno, reason)
        self.op = op
        self.network = network
        self.source = source
        self.addr = addr
        self.bytes_written = bytes_written
        return self

    @property
    def reason(self) -> str:
        """Why it failed, without what was being done."""
        text = self.strerror or ""
        # Not for a word in capitals, as in "RFS specific error".
        return text if text[:2].isupper() else text[:1].lower() + text[1:]

    @property
    def timeout(self) -> bool:
        """Whether time ran out, be it a deadline's or the kernel's own."""
        return isinstance(self, TimeoutError) or self.errno in _TIMEOUTS

    def __str__(self) -> str:
        where = "->".join(str(addr) for addr in (self.source, self.addr) if addr is not None)
        what = " ".join(part for part in (self.op, self.network, where) if part)
        return f"{what}: {self.reason}" if what else self.reason

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        where = (self.op, self.network, self.source, self.addr)
        what = (self.errno, self.strerror, self.bytes_written)
        return self._public or type(self), where + what, self.__dict__


_classes: dict[tuple[type[OpError], type[OSError]], type[OpError]] = {}


def _of_errno(cls: type[OpError], errno: int | None) -> type[OpError]:
    """Return the subclass of an OpError class that is the builtin exception of errno as well."""
    cls = cls._public or cls
    builtin = type(OSError(errno, ""))  # OSError itself knows which class goes with which errno
    if issubclass(cls, builtin):
        return cls
    known = _classes.get((cls, builtin))
    if known is not None:
        return known
    body = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    both = type(cls.__name__, (cls, builtin), {**body, "_public": cls})
    # Another thread may have made one meanwhile: both go on with the first.
    return _classes.setdefault((cls, builtin), both)


class ClosedError(OpError):
    """The connection or listener had been closed, or was closed during the operation."""

    _errno = EBADF
    _reason = "use of closed network connection"


class DeadlineExceeded(OpError, TimeoutError):
    """A deadline or a timeout passed before the operation could be done."""

    _errno = ETIMEDOUT
    _reason = "i/o timeout"


class AddrError(OSError, ValueError):
    """An address that is none.

    err: what is wrong with it.
    addr: the address as it was given.
    op: what it was given for, such as "dial tcp"; "" if that is not known.
    """

    op = ""

    def __init__(self, err: str, addr: str = "") -> None:
        super().__init__(f"address {addr}: {err}" if addr else err)
        self.err = err
        self.addr = addr

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.op}: {text}" if self.op else text

    @property
    def timeout(self) -> bool:
        """Whether it took too long, as for every error of `net`: never."""
        return False

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.err, self.addr), self.__dict__


class UnknownNetworkError(AddrError):
    """The name of a network that there is not, or not for this; in the attribute network.

    hint: what is for it.
    """

    def __init__(self, network: str, hint: str = "") -> None:
        text = f"unknown network {network}"
        super().__init__(f"{text}: {hint}" if hint else text)
        self.network = network
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.network, self.hint), self.__dict__


class DNSError(OSError):
    """A host name that could not be turned into an address.

    name: the name looked up.
    server: who was asked, if known.
    is_not_found: there is no such name.
    is_timeout: no answer came in time; it is a DNSTimeoutError then, and so a TimeoutError.
    is_temporary: another try may succeed, as after each timeout.
    records: what of an answer is valid, if it was refused for the rest.
    op: what it was looked up for, such as "dial tcp"; "" if for its own sake.
    Source: go1.27 net/net.go DNSError
    """

    op = ""

    def __new__(cls, *_args: Any, is_timeout: bool = False, **_options: Any) -> Self:
        """Make one of the class that says whether it took too long."""
        late = is_timeout and not issubclass(cls, TimeoutError)
        return cast("Self", super().__new__(DNSTimeoutError if late else cls))

    def __init__(
        self,
        reason: str,
        name: str,
        *,
        server: str | None = None,
        is_not_found: bool = False,
        is_timeout: bool = False,
        is_temporary: bool = False,
        records: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.name = name
        self.server = server
        self.is_not_found = is_not_found
        self.is_timeout = is_timeout
        self.is_temporary = is_temporary or is_timeout
        self.records = records

    @property
    def timeout(self) -> bool:
        """Whether it took too long, as for every error of `net`."""
        return self.is_timeout

    def __str__(self) -> str:
        asked = f" on {self.server}" if self.server else ""
        text = f"lookup {self.name}{asked}: {self.reason}"
        return f"{self.op}: {text}" if self.op else text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.name), self.__dict__


class DNSTimeoutError(DNSError, TimeoutError):
    """A host name for which no answer came in time: a DNSError with is_timeout."""


class IncompleteReadError(EOFError):
    """The stream ended before all had come that was asked for.

    partial: what had come.
    expected: how many bytes were asked for, None if up to a separator.
    """

    def __init__(self, partial: bytes, expected: int | None) -> None:
        wanted = "the separator" if expected is None else f"{expected} bytes had come"
        super().__init__(f"the stream ended after {len(partial)} bytes, before {wanted}")
        self.partial = partial
        self.expected = expected

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.partial, self.expected), self.__dict__


class LimitExceededError(Exception):
    """The peer sends, or announces, more in one piece than the reader allows.

    limit: how many bytes are allowed.
    partial: the beginning of what has come, none of which is consumed.
    """

    def __init__(self, limit: int, partial: bytes) -> None:
        super().__init__(f"more than the limit of {limit} bytes")
        self.limit = limit
        self.partial = partial

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.limit, self.partial), self.__dict__


class Cancelled(BaseException):
    """Raised at each park of a cancelled goroutine; let it pass."""


class GoroutineCancelled(Exception):
    """Raised by join when the goroutine joined has ended by its own cancellation."""


class ScopeTimeout(TimeoutError):
    """The time of a `timeout` or `deadline` was over before its block had ended.

    scope: whose time it was, so that nested ones are told apart.
    """

    def __init__(self, reason: str, scope: object | None = None) -> None:
        super().__init__(reason)
        self.scope = scope

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(self.args)


class ChannelClosed(Exception):
    """The channel is closed: nothing can be sent, and all that was sent has been received."""


class DeadlockError(RuntimeError):
    """Nothing can ever run again: each goroutine waits, and no event is to come.

    What a plain thread might yet do, such as cancel or join a goroutine, is not seen.
    """
