"""What the runtime offers to people who build on it: park, ready, and waiting for readiness.

`park` and `ready` are a binary semaphore for each goroutine: a `ready` that comes first is kept,
and consumed by the next `park`. `PollDesc` waits until a descriptor is ready, without reading or
writing and without a buffer.
"""

from netpoll._runtime.polldesc import PollDesc
from netpoll._runtime.scheduler import park
from netpoll._runtime.scheduler import unpark as ready

__all__ = ["PollDesc", "park", "ready"]
