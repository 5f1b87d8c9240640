from collections.abc import Callable
from typing import Self, final

from typing_extensions import TypeVarTuple

from netpoll._runtime.goroutine import Goroutine
from netpoll._runtime.scheduler import Scheduler

_Ts = TypeVarTuple("_Ts")

@final
class Alarm:
    """`fn(*args)` as a goroutine of this thread, `seconds` from now; never earlier. Does not park.

    What it raises goes to excepthook. It never begins if the thread's run ends before. `stop` may
    be called from any thread. ValueError for a NaN.
    """

    def __new__(cls, seconds: float, fn: Callable[[*_Ts], object], *args: *_Ts) -> Self: ...
    def stop(self) -> bool:
        """Let it not begin; return False if it has begun, or was stopped before."""

def pending(scheduler: Scheduler) -> list[Goroutine]: ...
