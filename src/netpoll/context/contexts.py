"""Contexts, and how one is made from another.

Source: go1.27 context/context.go
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, final

from netpoll._runtime.clock import monotonic_ns
from netpoll.context.node import Held, Node, ScopeNode

if TYPE_CHECKING:
    from netpoll._runtime.scope import CancelScope
    from netpoll.sync.chan import Chan

_NS = 1e9
_NEVER = 2**63 - 1
C = TypeVar("C", bound="Context")


class Context(Held):
    """What an operation is done for: until when, whether still, and values that go with it.

    Made by `background` and, each from another one, by the `with_...` functions; when one is done,
    so are those made from it. For `with`: each park in the block raises Cancelled once the context
    is done, and the block then ContextCancelled or ContextDeadlineExceeded; one that ends without
    another park raises nothing. Several goroutines may be in such a block. Any thread.

    Source: go1.27 context/context.go Context.
    """

    parent: Context | None = None
    """What it was made from."""

    def __init__(self) -> None:
        """Raise TypeError: a context is made by a function."""
        raise TypeError("a context is made by background() and the with_... functions")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._words()}>"

    def _words(self) -> str:
        if self.err is not None:
            return str(self.err)
        when = self.deadline
        if when is None:
            return "live"
        return f"live for {when - monotonic_ns() / _NS:.3f} s"

    @property
    def deadline(self) -> float | None:
        """When its time is over, on time.monotonic(); None: never."""
        until = self.node.until()
        return until / _NS if until else None

    @property
    def err(self) -> Exception | None:
        """What it is done with: None, or a new ContextCancelled or ContextDeadlineExceeded."""
        return self.node.error()

    def wait(self, timeout: float | None = None) -> bool:
        """Park until it is done; return False if `timeout` seconds passed first."""
        return self.node.wait(timeout)

    def done(self) -> Chan[Any]:
        """Return a channel that is closed when it is done, for `select`; always the same one.

        Where the context has a deadline, a timer of this thread closes it: call this on the thread
        that waits. To wait for nothing else, `wait` costs less.
        """
        # Not at the top: who does not select needs no channels.
        from netpoll.sync.chan import Chan  # noqa: PLC0415

        channel: Chan[Any] = self.node.get_channel(Chan)
        return channel

    def value(self, key: object, default: Any = None) -> Any:
        """Return the value of a key, of the nearest `with_value` that has it; else the default."""
        at: Context | None = self
        while at is not None:
            if isinstance(at, _ValueContext) and (at.key is key or at.key == key):
                return at.own
            at = at.parent
        return default


@final
class CancelContext(Context):
    """A context that can be cancelled; see Context."""

    def cancel(self, cause: BaseException | None = None) -> None:
        """Be done, and all contexts made from it. cause: why, for `cause` and the error raised.

        Does not park; nothing happens to one that is done. Any thread.

        Source: go1.27 context/context.go CancelFunc, CancelCauseFunc.
        """
        if cause is not None and not isinstance(cause, BaseException):
            raise TypeError(f"a cause is an exception, not {cause!r}")
        self.node.cancel(cause)


@final
class _ValueContext(Context):
    key: object
    own: object

    def _words(self) -> str:
        return f"with {self.key!r}, {super()._words()}"


def _make(kind: type[C], parent: Context | None, node: Node, *, alone: bool = True) -> C:
    made = kind.__new__(kind)
    made.parent = parent
    made.hold(node, alone=alone)
    return made


def _derive(
    kind: type[C],
    parent: Context,
    until: int | None = None,
    timeout_cause: BaseException | None = None,
) -> C:
    return _make(kind, parent, Node(_checked(parent).node, until, timeout_cause))


def _checked(parent: Context) -> Context:
    if not isinstance(parent, Context):
        raise TypeError(f"a context is made from another one, not from {parent!r}")
    return parent


_background = _make(Context, None, Node())


def background() -> Context:
    """Return the context that all others are made from: never done, no deadline, no values.

    Source: go1.27 context/context.go Background.
    """
    return _background


def with_cancel(parent: Context) -> CancelContext:
    """Return a context that is done when its `cancel` is called, or when the parent is.

    Source: go1.27 context/context.go WithCancel, WithCancelCause.
    """
    return _derive(CancelContext, parent)


def with_timeout(
    parent: Context, seconds: float, *, cause: BaseException | None = None
) -> CancelContext:
    """Return a context that is done when `seconds` are over; otherwise as with_cancel.

    cause: why, if it is the time that ends it. ValueError for a NaN.

    Source: go1.27 context/context.go WithTimeout, WithTimeoutCause.
    """
    return with_deadline(parent, monotonic_ns() / _NS + seconds, cause=cause)


def with_deadline(
    parent: Context, when: float, *, cause: BaseException | None = None
) -> CancelContext:
    """Return a context that is done at a moment on time.monotonic(); otherwise as with_cancel.

    A parent with an earlier deadline keeps that. cause: as of with_timeout. ValueError for a NaN.

    Source: go1.27 context/context.go WithDeadline, WithDeadlineCause.
    """
    return _derive(CancelContext, parent, _moment(when), cause)


def with_value(parent: Context, key: object, value: object) -> Context:
    """Return a context in which `value(key)` is this one; otherwise it is as the parent.

    key: whatever can be compared; best an object or a class of the module's own, which no other
    module can use by chance. TypeError for None.

    Source: go1.27 context/context.go WithValue.
    """
    if key is None:
        raise TypeError("the key of a value cannot be None")
    made = _make(_ValueContext, parent, _checked(parent).node, alone=False)
    made.key = key
    made.own = value
    return made


def with_scope(parent: Context, scope: CancelScope) -> Context:
    """Return a context that is done when the parent is, or when a scope ends its block.

    That is, when the scope, or what it is in, is cancelled, or its time is over; also once the
    block has been left. What is handed this context is given up along with the block, on other
    threads too. The cause is the ScopeTimeout or Cancelled of the scope that ended it.
    """
    node = ScopeNode(_checked(parent).node)
    made = _make(Context, parent, node)
    node.listen(scope)
    return made


def without_cancel(parent: Context) -> Context:
    """Return a context with the values of the parent, which is never done.

    Source: go1.27 context/context.go WithoutCancel.
    """
    return _make(Context, _checked(parent), Node())


def cause(context: Context) -> BaseException | None:
    """Return why a context is done: the cause that was given, or else its `err`.

    Source: go1.27 context/context.go Cause.
    """
    return _checked(context).node.why() or context.err


def _moment(when: float) -> int:
    """Turn a moment on time.monotonic() into ns, rounded up: nothing is over early."""
    if when != when:  # noqa: PLR0124 - that is what tells a NaN
        raise ValueError("a deadline cannot be NaN")
    return max(
        1, min(math.ceil(when * _NS) if math.isfinite(when) else _NEVER * (when > 0), _NEVER)
    )


@contextmanager
def entered(context: Context | None) -> Iterator[None]:
    """Make a block of a context that may be None; one that is done raises before the block.

    For functions that take a `context` and may have nothing to wait for.
    """
    if context is None:
        yield
        return
    error = context.err
    if error is not None:
        raise error
    with context:
        yield
