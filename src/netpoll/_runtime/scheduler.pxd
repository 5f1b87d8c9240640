"""The scheduler of one OS thread; see scheduler.pyx."""
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t

from netpoll._runtime.allgs cimport AllGs
from netpoll._runtime.atomics cimport np_lock
from netpoll._runtime.g cimport G
from netpoll._runtime.glist cimport GList
from netpoll._runtime.idle cimport Idle
from netpoll._runtime.netpoll cimport Poller
from netpoll._runtime.signals cimport SignalGate
from netpoll._runtime.timers cimport TimerHeap
from netpoll._runtime.waitq cimport WaitQ

cdef class Scheduler:
    cdef void *current          # the running goroutine; NULL while the scheduler itself runs
    cdef void *seeker           # on whose stack it runs then; NULL: on one whose goroutine has ended
    cdef void *runnext
    cdef GList runq
    cdef int budget
    cdef readonly uint64_t tick      # how often a goroutine has parked
    cdef uint64_t polled        # the tick of the last poll
    cdef TimerHeap timers
    cdef Poller poller
    cdef readonly int64_t net_waiters    # parked on a PollDesc
    cdef readonly int64_t outside        # parked on something that another thread will end
    cdef readonly int64_t calls      # of these: on a call on a thread, or on the end of another's goroutine
    cdef readonly int64_t shared         # parked on something that another thread may end: a lock, a channel
    cdef int64_t patience       # for how long it waits before it asks again whether one still can; see deadlock.py
    cdef bint waits_in_vain     # only another thread can end its wait; see standstill.pyx
    cdef list together          # in a deadlock that it has claimed: the other schedulers, and their turns
    cdef void *assigned         # for the worker that is switched to next: the goroutine to begin
    cdef PyObject *spawner
    cdef Idle idle              # greenlets of finished goroutines
    cdef void *main
    cdef AllGs all_gs
    cdef PyObject *scratch      # its receive buffer; see scratch.pxd
    cdef GList inbound          # made ready by other threads; under inbound_lock
    cdef np_lock inbound_lock
    cdef readonly bint blocked  # in a poll that blocks, or about to be
    cdef uint64_t stirred       # how often others have changed what it may sleep for
    cdef uint64_t seen          # all changes of that when the length of its next sleep was worked out
    cdef bint draining          # main waits for the others to end
    cdef bint ending            # main has ended: a Ctrl-C waits until all is given back
    cdef readonly bint closed
    cdef bint in_run
    cdef bint owns_signals      # runs on the thread that runs Python's signal handlers
    cdef SignalGate gate
    cdef list unjoined          # weak references to failed goroutines that somebody may still join
    cdef set alarms             # those that are set, which keeps them alive
    cdef uint64_t shuffle       # state of the random numbers by which a test has the order mixed; 0: first in first out
    cdef int64_t idle_grace     # for how many ns the poller is asked before that
    cdef object on_idle         # called in the place of a wait; see set_on_idle
    cdef object __weakref__

    cdef void *find_runnable(self) noexcept
    cdef int block_in_poll(self, int64_t delay) noexcept
    cdef void stir(self) noexcept
    cdef int interrupt_later(self, G g) except -1
    cdef int link(self, G g) except -1
    cdef void enqueue_inbound(self, void *g) noexcept
    cdef bint take_inbound(self) noexcept
    cdef int open_gate(self) except -1
    cdef int poll(self, int64_t delay) noexcept
    cdef int block(self) noexcept
    cdef bint idled(self, int64_t delay) except -1
    cdef bint has_work(self) noexcept
    cdef bint polls_descriptors(self) noexcept
    cdef int64_t hope(self) except -2
    cdef void poll_failed(self) noexcept
    cdef void lose_poller(self)
    cdef void interrupt_main(self, object exception) noexcept
    cdef void deadlock(self) noexcept
    cdef void interrupt_from_outside(self, object exception, uint64_t turn) noexcept
    cdef void let_look_again(self) noexcept
    cdef int switch_to(self, void *g) except -1
    cdef int check_pending(self, G g) except -1
    cdef int raise_pending(self, G g) except -1
    cdef int yield_(self, G g) except -1
    cdef void inject(self, GList *ready) noexcept
    cdef void *next_by_chance(self) noexcept
    cdef void unlink(self, G g) noexcept

cdef Scheduler get_scheduler()
cdef Scheduler scheduler_or_none()
cdef void *scheduler_here() noexcept
cdef void *borrow_scheduler() except NULL
cdef int refuse_to_park() except -1
cdef void detach(Scheduler s) noexcept
cdef void enqueue_runnable(void *g, bint at_once) noexcept
cdef int park(Scheduler s, G g) except -1
cdef int park_unsure(Scheduler s, G g) except -1
cdef int park_here(Scheduler s, G g) except -1
cdef void ready(void *g) noexcept
cdef void ready_list(GList *more) noexcept
cdef void ready_all(WaitQ *queue) noexcept

cdef int yield_or_stop(Scheduler s) except -1

cdef inline G current_g(Scheduler s):
    """Return the running goroutine; RuntimeError where nothing may park."""
    if s.current == NULL:
        refuse_to_park()
    return <G>s.current


# Before an operation that may park: when the budget is spent let the others have their turn, and raise what is
# pending then, as a park does. So a loop that never has to wait ends with its time; and before, for the work
# of an operation that raises is not done.
cdef inline int take_turn(void *s) except -1:
    (<Scheduler>s).budget -= 1
    return yield_or_stop(<Scheduler>s) if (<Scheduler>s).budget <= 0 and (<Scheduler>s).current != NULL else 0

# The same for an operation that raises only where it parks: yield when the budget is spent.
cdef inline int spend(void *s) except -1:
    (<Scheduler>s).budget -= 1
    if (<Scheduler>s).budget <= 0 and (<Scheduler>s).current != NULL:
        return (<Scheduler>s).yield_(<G>(<Scheduler>s).current)
    return 0

# The same on a thread that may have no scheduler: there it costs nothing.
cdef inline int take_turn_here() except -1:
    cdef void *s = scheduler_here()
    return 0 if s == NULL else take_turn(s)

cdef inline int spend_here() except -1:
    cdef void *s = scheduler_here()
    return 0 if s == NULL else spend(s)
