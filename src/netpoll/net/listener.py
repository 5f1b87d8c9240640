"""Listener: what all listeners have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self, TypeVar

from netpoll.errors import ClosedError
from netpoll.net.addr import Addr
from netpoll.net.conn import Conn

_ConnT_co = TypeVar("_ConnT_co", bound=Conn, covariant=True)


class _Accepts(Protocol[_ConnT_co]):
    """For the type of what an iteration yields: what accept of the same listener returns."""

    def accept(self) -> _ConnT_co: ...
    def __next__(self) -> _ConnT_co: ...
    def __iter__(self) -> Iterator[_ConnT_co]: ...


class Listener(ABC):
    """Waits for peers that dial.

    Iterating yields a connection per peer and ends when the listener is closed; any number of
    goroutines may iterate, and each connection goes to one. Leaving a with block closes it.
    """

    __slots__ = ()

    @abstractmethod
    def accept(self) -> Conn:
        """Return the next peer's connection; parks."""

    @abstractmethod
    def close(self) -> None:
        """Listen no longer; who waits in accept gets ClosedError."""

    @property
    @abstractmethod
    def local_addr(self) -> Addr:
        """The address listened on."""

    def __iter__(self: _Accepts[_ConnT_co]) -> Iterator[_ConnT_co]:
        return self

    def __next__(self: _Accepts[_ConnT_co]) -> _ConnT_co:
        try:
            return self.accept()
        except ClosedError:
            raise StopIteration from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
