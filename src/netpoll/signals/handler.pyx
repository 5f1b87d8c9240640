"""Where Python's signal handlers are called: in the midst of a goroutine, or of the scheduler."""
from netpoll._runtime.scheduler cimport Scheduler, scheduler_or_none


def without_parking(fn, /, *args):
    """Call fn so that nothing in it parks or gives others a turn: RuntimeError for what would.

    A handler runs between two bytecodes of the goroutine that happens to run, which may hold a lock
    of the module threading at that moment: nobody else of this thread may run before it goes on.
    """
    cdef Scheduler s = scheduler_or_none()
    cdef void *current
    if s is None:
        return fn(*args)
    current = s.current
    s.current = NULL    # as while the scheduler looks for work, which a handler may also interrupt
    try:
        return fn(*args)
    finally:
        s.current = current
