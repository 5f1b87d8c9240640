from collections.abc import Callable
from typing import Any

from netpoll.sync.chan import Chan

def seed(number: int) -> None:
    """Make the choices of select repeat themselves from here on; for tests."""

def select(
    *cases: Chan[Any] | Callable[[], Any] | tuple[Callable[[Any], None], Any] | None,
    timeout: float | None = None,
    default: bool = False,
) -> tuple[int, Any, bool]:
    """Carry out one of several channel operations; return (case, value, ok).

    A case is `channel.recv` (or the channel itself), `(channel.send, value)`, or None, which is
    never chosen. `case` is the number of the one that was carried out, drawn at random if several
    can go on; the others have no effect. `value` is what was received, None after a send. `ok` is
    False if the channel received from is closed and drained, which makes it ready. ChannelClosed
    for a send to a closed channel, if that is the case drawn.

    Parks until a case can go on, for at most `timeout` seconds: TimeoutError after that. With
    `default`, it does not wait: (-1, None, False) if none can go on now. Without any case it waits
    for ever. Any thread.

    Source: go1.27 runtime/select.go selectgo, reflect/value.go Select.
    """
