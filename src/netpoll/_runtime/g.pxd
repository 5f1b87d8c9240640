"""G: what the runtime knows of a goroutine.

    state      greenlet   on a queue           next
    NEW        none       run queue            RUNNING (first switch to it), DEAD (cancelled before)
    RUNNABLE   parked     run queue / inbound  RUNNING
    RUNNING    current    none                 WAITING (parks), RUNNABLE (yields), DEAD (its function ended)
    WAITING    parked     its waiter's         RUNNABLE (made ready)
    DEAD       none       none

One that is left behind, by the end of a run or by a fork, becomes DEAD from any state, and its greenlet stays.

Whoever moves a goroutine from WAITING to RUNNABLE puts it on a queue; everybody who comes later
finds it RUNNABLE and does nothing. So a wake-up, a timeout and a cancellation that race wake it once,
and `wake` says which of them won.
"""
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t

from netpoll._runtime.atomics cimport np_cas8
from netpoll._runtime.glist cimport GList
from netpoll._runtime.timers cimport Timer
from netpoll._runtime.waitq cimport WaitQ

cdef enum GState:
    G_NEW = 0
    G_RUNNABLE = 1
    G_RUNNING = 2
    G_WAITING = 3
    G_DEAD = 4

cdef enum Wake:
    WAKE_READY = 0      # what it waited for has come
    WAKE_TIMEOUT = 1    # its timer fired
    WAKE_CANCEL = 2     # it was cancelled
    WAKE_INTERRUPT = 3  # an exception for it arrived (Ctrl-C, a deadlock)

# What must happen to the thing a goroutine is inside of when it will never run again (it was left behind by
# a run, or by a fork): somebody else may need the lock it holds, or stand behind it in a line.
ctypedef void (*strand_fn)(void *inside, int mode) noexcept

cdef enum:
    ON_THREAD = 0x80    # set in `parked_for` of those who wait for what runs on another thread

cdef enum:
    IN_LINE = 0x10   # set in `inside_mode` of those who wait in a line: they leave before any lock is freed
    IN_QUEUE = 0x20  # the line is no descriptor's

cdef class Watcher:
    """Who is told of a goroutine's end, as one of those in its chain; see `watch`. Nothing here may run Python code."""

    cdef Watcher also           # the next one in the chain

    cdef void outcome(self, G g) noexcept   # it has one; others on its thread still wait for its end
    cdef void ended(self, G g) noexcept     # it is dead

cdef class G:
    cdef void *next             # on a GList
    cdef PyObject *greenlet     # its stack; owned, NULL before the first switch and after the end
    cdef void *stack_root       # np_stack_root of that greenlet, or NULL: not known yet
    cdef uint8_t state
    cdef uint8_t wake
    cdef uint8_t cancelled      # `cancel` was called
    cdef uint8_t stop           # each park raises Cancelled: see scope.pxd for what makes it so
    cdef uint8_t permits        # Permits that came before anybody waited for them
    cdef uint8_t parked_for     # the Permit it waits for
    cdef uint8_t by_function    # `given_name` is what the function calls itself
    cdef uint8_t joined         # somebody has taken, or is waiting for, the outcome
    cdef object scheduler       # the one whose thread runs it
    cdef object fn
    cdef object args
    cdef object kwargs
    cdef object context
    cdef object result
    cdef object exception
    cdef object traceback       # the exception's, as it was at the end: each raise makes it longer
    cdef object interrupt       # an exception to raise at its park
    cdef object scope           # the innermost CancelScope around what it does, None if there is none
    cdef const char *reason     # what it is parked on, for dumps
    cdef void *joins            # the goroutine whose end it waits for, borrowed
    cdef void *waits_on         # the lock, channel ... it waits in, borrowed; NULL: nothing that threads share
    cdef int64_t parked_at      # since when, on the coarse clock; 0: not noted
    cdef strand_fn on_strand    # while parked inside of something: how to get it out
    cdef void *inside
    cdef int inside_mode
    cdef Timer timer            # its own timeout
    cdef WaitQ joiners
    cdef Watcher watcher        # the first of a chain, None: nobody
    cdef void *all_next         # the scheduler's list of all goroutines
    cdef void *all_prev
    cdef readonly uint64_t id
    cdef object __weakref__
    cdef object unheard         # its Unheard, if it has failed and somebody may still join it
    cdef object given_name      # or, if `by_function`, that function's, for it is gone
    cdef object origin_code     # where it was started
    cdef int origin_lasti

cdef void watch(G g, Watcher watcher) noexcept
cdef void unwatch(G g, Watcher watcher) noexcept
cdef void tell_end(G g) noexcept
cdef bint failed(G g) noexcept
cdef str name_of(G g)
cdef int keep_name(G g) except -1
cdef str state_of(G g)


cdef inline void push(GList *queue, void *g) noexcept:
    (<G>g).next = NULL
    if queue.tail == NULL:
        queue.head = g
    else:
        (<G>queue.tail).next = g
    queue.tail = g
    queue.count += 1


cdef inline void *pop(GList *queue) noexcept:
    cdef void *g = queue.head
    if g != NULL:
        queue.head = (<G>g).next
        if queue.head == NULL:
            queue.tail = NULL
        queue.count -= 1
    return g


cdef inline void splice(GList *queue, GList *more) noexcept:
    """Append all of `more`, leaving it empty."""
    if more.head == NULL:
        return
    if queue.tail == NULL:
        queue.head = more.head
    else:
        (<G>queue.tail).next = more.head
    queue.tail = more.tail
    queue.count += more.count
    more.head = more.tail = NULL
    more.count = 0


cdef inline bint make_runnable(void *g, Wake wake) noexcept:
    """Claim a parked goroutine for whoever wakes it; False: somebody else was first."""
    if not np_cas8(&(<G>g).state, G_WAITING, G_RUNNABLE):
        return False
    (<G>g).wake = wake
    return True
