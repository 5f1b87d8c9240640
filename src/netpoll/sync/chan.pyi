from types import GenericAlias
from typing import Any, Generic, Literal, Self, TypeVar

from typing_extensions import disjoint_base

_T = TypeVar("_T")

@disjoint_base
class Chan(Generic[_T]):
    """A channel: what is sent into it is received from it, in order, each value once.

    Without a capacity a send lasts until somebody receives the value; with one, up to that many
    values wait in between. `for value in channel` receives until the channel is closed and drained.
    A channel is true, however many values it holds. All methods: any goroutine of any thread.
    `name` is for dumps.

    Source: go1.27 runtime/chan.go.
    """

    def __new__(cls, capacity: int = 0, *, name: str | None = None) -> Self: ...
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    def send(self, value: _T, timeout: float | None = None) -> None:
        """Send a value. ChannelClosed.

        Parks until there is room, or without a buffer until somebody receives it, for at most
        `timeout` seconds: TimeoutError after that. A value whose send raises was not sent.

        Source: go1.27 runtime/chan.go chansend.
        """

    def recv(self, timeout: float | None = None) -> _T:
        """Receive a value. ChannelClosed once the channel is closed and drained.

        Parks until there is one, for at most `timeout` seconds: TimeoutError after that.

        Source: go1.27 runtime/chan.go chanrecv.
        """

    def __iter__(self) -> Self: ...
    def __next__(self) -> _T: ...
    def try_send(self, value: _T) -> bool:
        """Send a value if that needs no wait; return whether it was sent. ChannelClosed.

        For a loop that tries again and again: like everything that need not wait, it lets the
        others have their turn now and then.
        """

    def try_recv(self) -> tuple[_T, Literal[True]] | tuple[None, Literal[False]]:
        """Receive a value if there is one now: return (value, True), or else (None, False).

        ChannelClosed once the channel is closed and drained. As try_send, it gives others turns.
        """

    def close(self) -> None:
        """Say that nothing more will be sent. ChannelClosed if it was closed before.

        What is buffered can still be received. Whoever waits to receive is told of the end, whoever
        waits to send gets ChannelClosed. Does not park.

        Source: go1.27 runtime/chan.go closechan.
        """

    @property
    def capacity(self) -> int:
        """How many values can be buffered."""

    @property
    def closed(self) -> bool:
        """True once `close` was called, whether or not there is still something to receive."""

    @property
    def name(self) -> str | None:
        """The name it was given, or None."""

    @property
    def waiting(self) -> tuple[int, int]:
        """How many goroutines wait here: (to send, to receive)."""

    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
