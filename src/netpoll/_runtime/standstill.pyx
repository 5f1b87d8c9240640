"""Whether threads stand still: looked at in one step of C, in which no other thread can run.

Who asks has to run Python code in between, to learn which threads there are; any of them may act meanwhile and
then wait again, and would look as if it had never moved. So the turn of each scheduler is noted first, and it has
stood still only if it is in the same turn afterwards. A turn lasts until a goroutine has run: who wakes, looks
around and sleeps again is in the same one.

    scheduler      waits_in_vain   blocked   turn (tick)    may be claimed
    looks          True            False     stays          by itself; for others it runs Python code, and so may act
    waits          True            True      stays          by whoever looks
    claimed        False           either    stays          no; who has claimed it tells it, or has it look again
    goes on        False           False     another        no

Steps of `claim` and `still`, between which nothing runs: no object is made, and none is freed.
"""
from libc.stdint cimport uint64_t

from netpoll._runtime.scheduler cimport Scheduler


cdef inline bint in_vain(Scheduler s) noexcept:
    """Tell whether only another thread can end its wait, and none has yet."""
    return s.waits_in_vain and is_idle(s) and s.timers.count == 0


cdef inline bint is_idle(Scheduler s) noexcept:
    return (
        not s.closed
        and s.inbound.head == NULL
        and s.runq.head == NULL
        and s.runnext == NULL
        and s.net_waiters == 0
        and s.outside == 0
    )


def is_stuck(Scheduler s not None):
    """Tell whether only another thread can end its wait, and none has yet."""
    return in_vain(s)


def turns(Scheduler own not None, list others not None):
    """Return each of the other schedulers with the number of its turn, as far as they are open."""
    return [(<Scheduler>s, (<Scheduler>s).tick) for s in others if s is not own and not (<Scheduler>s).closed]


def still(Scheduler own not None, list noted not None, frozenset idle not None, set without_work not None):
    """Tell whether nobody has moved since the turns and those without work were noted."""
    cdef bint equal = without_work == idle
    return equal and is_idle(own) and all_still(noted)


def runs_nothing(Scheduler s not None):
    """Tell whether it has nothing to run, and waits for nothing but its own kind and the time."""
    return is_idle(s)


def claim(Scheduler own not None, list noted not None, frozenset idle not None, set without_work not None):
    """Tell the same of one that looks; if so, nobody else finds this standstill."""
    cdef bint equal = without_work == idle
    if not equal or not in_vain(own) or not all_still(noted):
        return False
    own.together = noted
    own.waits_in_vain = False
    for pair in noted:
        (<Scheduler>(<tuple>pair)[0]).waits_in_vain = False
    return True


cdef bint all_still(list noted) except -1:
    cdef Scheduler s
    cdef uint64_t turn
    for pair in noted:
        s = <Scheduler>(<tuple>pair)[0]
        turn = (<tuple>pair)[1]
        if s.tick != turn or not s.blocked or not in_vain(s):
            return False
    return True
