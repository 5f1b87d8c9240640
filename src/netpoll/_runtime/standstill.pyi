from netpoll._runtime.scheduler import Scheduler

def is_stuck(s: Scheduler) -> bool:
    """Tell whether only another thread can end its wait, and none has yet."""

def turns(own: Scheduler, others: list[Scheduler]) -> list[tuple[Scheduler, int]]:
    """Return each of the other schedulers with the number of its turn, as far as they are open."""

def still(
    own: Scheduler,
    noted: list[tuple[Scheduler, int]],
    idle: frozenset[int],
    without_work: set[int],
) -> bool:
    """Tell whether nobody has moved since the turns and those without work were noted."""

def runs_nothing(s: Scheduler) -> bool:
    """Tell whether it has nothing to run, and waits for nothing but its own kind and the time."""

def claim(
    own: Scheduler,
    noted: list[tuple[Scheduler, int]],
    idle: frozenset[int],
    without_work: set[int],
) -> bool:
    """Tell the same of one that looks; if so, nobody else finds this standstill."""
