"""Contexts: until when, and whether still, something is to be done, and the values that go with it.

For what crosses goroutines, threads and interfaces; within one goroutine `timeout` and the other
scopes do the same with less. `with ctx:` makes a block out of one.
"""

from netpoll.context.contexts import (
    CancelContext,
    Context,
    background,
    cause,
    entered,
    with_cancel,
    with_deadline,
    with_scope,
    with_timeout,
    with_value,
    without_cancel,
)
from netpoll.context.errors import ContextCancelled, ContextDeadlineExceeded
from netpoll.context.node import after_func

__all__ = [
    "CancelContext",
    "Context",
    "ContextCancelled",
    "ContextDeadlineExceeded",
    "after_func",
    "background",
    "cause",
    "entered",
    "with_cancel",
    "with_deadline",
    "with_scope",
    "with_timeout",
    "with_value",
    "without_cancel",
]
