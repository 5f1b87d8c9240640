"""What the runtime offers to people who build on it: park, unpark, and waiting for readiness.

`park` and `unpark` are a binary semaphore for each goroutine: an `unpark` that comes first is kept,
and consumed by the next `park`. `PollDesc` waits until a descriptor is ready, without reading or
writing and without a buffer.
"""

from netpoll._runtime.polldesc import PollDesc as PollDesc
from netpoll._runtime.scheduler import park as park
from netpoll._runtime.scheduler import unpark as unpark
