"""netpoll, the portable part: PollDesc, its cache and its states, and what a poller must do.

A poller is one file that implements the six functions of `Poller`, and how to give back what it opened
(`shut`, and `abandon` when that was lost): no timers, no queues, no policy.

    init()               make the multiplexer and its wake-up descriptor, once, lazily
    open(fd, pd)         register once, edge-triggered, both directions; the event carries pd's key;
                         FileExistsError if this open file is registered under this number
    close(fd)            deregister; an errno if it was not registered (any more)
    poll(delay, ready)   < 0 block, 0 never, > 0 at most that many ns; appends the goroutines that can
                         run to `ready` and returns their number
    wake()               break a blocked poll; any thread, any signal handler; coalesced
    owns(fd)             is this one of the poller's own descriptors

Each direction of a PollDesc (rg for reading, wg for writing) is a binary semaphore:

    state        wait begins        notification       deadline or close   wait commits
    PD_NIL       -> PD_WAIT         -> PD_READY        stays               -
    PD_READY     -> PD_NIL, go on   stays              stays               -
    PD_WAIT      (one waiter only)  -> PD_READY        -> PD_NIL           -> the goroutine
    a goroutine  (one waiter only)  -> PD_READY, runs  -> PD_NIL, runs     -

A notification is sticky: the next wait consumes it, or the system call that is tried before one. Close
and expired deadlines wake without leaving "ready" behind. What a waiter must see (closing, an expired
deadline) is published before it is woken.

Descriptors are type-stable: their memory lives as long as the cache, for the kernel may still report
an event of an earlier owner. The event carries index and tag; the tag changes with the owner, and an
event with another tag is dropped. `rseq` and `wseq` do the same for a deadline's timer.

Source: go1.27 runtime/netpoll.go.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t

from netpoll._runtime.glist cimport GList
from netpoll._runtime.timers cimport Timer, TimerHeap

cdef enum:
    PD_NIL = 0
    PD_READY = 1
    PD_WAIT = 2

cdef enum PollError:
    POLL_OK = 0
    POLL_CLOSING = 1
    POLL_TIMEOUT = 2
    POLL_NOT_POLLABLE = 3
    POLL_STALE = 4        # the descriptor was closed behind our back and its number has a new owner

cdef enum:
    BLOCK_BITS = 6
    BLOCK_SIZE = 64       # PollDescs of one allocation

cdef enum:
    MODE_READ = 1
    MODE_WRITE = 2

cdef enum:
    EXPIRED = -1          # a deadline in the past

cdef struct PollDesc:
    uintptr_t rg          # PD_NIL, PD_READY, PD_WAIT or the goroutine waiting to read
    uintptr_t wg
    uint32_t index        # place in the cache
    uint32_t tag          # which owner of this memory
    int32_t fd
    uint8_t closing
    uint8_t event_error   # an error event without any readiness: not a pollable descriptor
    uint8_t hangup        # a hang-up, an error or urgent data was seen: a short read proves nothing any more
    uint8_t stale
    int64_t rd            # deadlines, ns on the monotonic clock; 0 none, EXPIRED
    int64_t wd
    uint32_t rseq
    uint32_t wseq
    Timer rt
    Timer wt
    PollDesc *free_next

cdef class PollCache:
    cdef PollDesc **blocks
    cdef uint32_t nblocks
    cdef PollDesc *free_list

    cdef PollDesc *alloc(self, int fd) except NULL
    cdef void release(self, PollDesc *pd) noexcept
    cdef PollDesc *find(self, uint64_t key) noexcept
    cdef int grow(self) except -1

cdef class Poller:
    cdef PollCache cache
    cdef PollDesc **owners     # by descriptor number
    cdef int32_t nowners
    cdef readonly bint closed

    # The contract; epoll, kqueue ... implement these.
    cdef int init(self) except -1
    cdef int open(self, int fd, PollDesc *pd) except -1
    cdef int close(self, int fd) noexcept
    cdef int poll(self, int64_t delay, GList *ready) except -1
    cdef void wake(self) noexcept nogil
    cdef bint owns(self, int fd) noexcept
    cdef void shut(self) noexcept

    # For all pollers.
    cdef PollDesc *register(self, int fd, bint take_over, GList *ready) except NULL
    cdef int open_again(self, int fd, PollDesc *pd, bint take_over) except -1
    cdef bint deregister(self, PollDesc *pd) noexcept
    cdef bint watches(self, PollDesc *but) noexcept
    cdef void abandon(self, GList *ready) noexcept
    cdef void wake_all(self, GList *ready) noexcept
    cdef int own(self, int fd, PollDesc *pd, GList *ready) except -1

cdef enum:
    # The key of a poller's own wake-up event: an index that no cache reaches.
    WAKE_KEY = 0xffffffffffffffffULL

cdef inline uint64_t pd_key(PollDesc *pd) noexcept:
    return (<uint64_t>pd.tag << 32) | pd.index


cdef inline bint pd_forbids(PollDesc *pd, int mode) noexcept:
    """False if pd_check would say POLL_OK without looking at the clock."""
    return pd.closing or pd.stale or pd.event_error or (pd.rd if mode == MODE_READ else pd.wd) != 0


cdef int pd_check(PollDesc *pd, int mode) noexcept
cdef bint pd_begin_wait(PollDesc *pd, int mode) noexcept
cdef bint pd_commit_wait(PollDesc *pd, int mode, void *g) noexcept
cdef bint pd_end_wait(PollDesc *pd, int mode, void *g) noexcept
cdef void pd_abandon_wait(PollDesc *pd, int mode, void *g) noexcept
cdef void *pd_unblock(PollDesc *pd, int mode, bint ioready) noexcept
cdef void pd_notify(PollDesc *pd, int mode, GList *ready) noexcept
cdef void pd_close(PollDesc *pd, GList *ready) noexcept
cdef int pd_set_deadline(PollDesc *pd, TimerHeap timers, int mode, int64_t when, GList *ready) except -1
cdef void pd_disown(PollDesc *pd, GList *ready) noexcept
cdef void pd_drop_timers(PollDesc *pd, TimerHeap timers) noexcept
