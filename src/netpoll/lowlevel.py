"""What the runtime offers to people who build on it: park, ready, and waiting for readiness.

`park` and `ready` are a binary semaphore for each goroutine: a `ready` that comes first is kept,
and consumed by the next `park`. Any thread may call `ready`, and the runtime cannot know whether
one will: while a goroutine is in `park`, no DeadlockError is raised. `PollDesc` waits until a
descriptor is ready, without reading or writing and without a buffer.

The greenlets below belong to the scheduler: to `switch` to that of a goroutine, or to `throw` into
it, is not supported.
"""

from netpoll._runtime.permits import park, ready
from netpoll._runtime.polldesc import PollDesc

__all__ = ["PollDesc", "park", "ready"]
