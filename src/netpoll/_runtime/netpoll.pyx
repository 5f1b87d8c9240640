"""netpoll, the portable part; the contract and the states stand in netpoll.pxd."""
from libc.errno cimport EBADF
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

import os

from netpoll._runtime.atomics cimport np_cas
from netpoll._runtime.clock cimport NEVER, nanotime
from netpoll._runtime.g cimport G, G_WAITING, WAKE_READY, make_runnable, pop, push
from netpoll._runtime.glist cimport GList
from netpoll._runtime.timers cimport Timer, TimerHeap, timer_disarm, timer_init


# ---- the semaphore of one direction ----------------------------------------------------------

cdef inline uintptr_t *semaphore(PollDesc *pd, int mode) noexcept:
    return &pd.rg if mode == MODE_READ else &pd.wg


cdef int pd_check(PollDesc *pd, int mode) noexcept:
    """Tell what forbids a wait in this direction."""
    cdef int64_t deadline = pd.rd if mode == MODE_READ else pd.wd
    if pd.closing:
        return POLL_CLOSING
    if pd.stale:
        return POLL_STALE
    # Timers run when somebody parks: it may have passed unnoticed.
    if deadline != 0 and deadline <= nanotime():
        return POLL_TIMEOUT
    # Writers get the precise errno from write(2); a reader would wait for ever.
    if mode == MODE_READ and pd.event_error:
        return POLL_NOT_POLLABLE
    return POLL_OK


cdef bint pd_begin_wait(PollDesc *pd, int mode) noexcept:
    """Announce a wait; True if a notification was there and is now consumed: do not wait."""
    cdef uintptr_t *word = semaphore(pd, mode)
    while True:
        if np_cas(word, PD_READY, PD_NIL):
            return True
        if np_cas(word, PD_NIL, PD_WAIT):
            return False


cdef bint pd_commit_wait(PollDesc *pd, int mode, void *g) noexcept:
    """Put `g` in the announced place; False if a notification, a close or a deadline came between."""
    return np_cas(semaphore(pd, mode), PD_WAIT, <uintptr_t>g)


cdef bint pd_end_wait(PollDesc *pd, int mode, void *g) noexcept:
    """End a wait that took place; True if a notification ended it, which is now consumed.

    False: a close or a deadline woke `g`, or something that has nothing to do with the descriptor (a
    cancellation); then `g` may still stand in its place.
    """
    cdef uintptr_t *word = semaphore(pd, mode)
    if np_cas(word, PD_READY, PD_NIL):
        return True
    np_cas(word, <uintptr_t>g, PD_NIL)
    return False


cdef void pd_abandon_wait(PollDesc *pd, int mode, void *g) noexcept:
    """End a wait for a reason of the goroutine's own; a notification that came since stays."""
    cdef uintptr_t *word = semaphore(pd, mode)
    if not np_cas(word, <uintptr_t>g, PD_NIL):
        np_cas(word, PD_WAIT, PD_NIL)


cdef void *pd_unblock(PollDesc *pd, int mode, bint ioready) noexcept:
    """Take the waiter out, if any; leave PD_READY behind if `ioready`."""
    cdef uintptr_t *word = semaphore(pd, mode)
    cdef uintptr_t old
    while True:
        old = word[0]
        if old == PD_READY or (old == PD_NIL and not ioready):
            return NULL
        if np_cas(word, old, PD_READY if ioready else PD_NIL):
            return NULL if old == PD_NIL or old == PD_WAIT else <void *>old


cdef inline void wake_one(PollDesc *pd, int mode, bint ioready, GList *ready) noexcept:
    cdef void *g = pd_unblock(pd, mode, ioready)
    if g != NULL and make_runnable(g, WAKE_READY):
        push(ready, g)


cdef void pd_notify(PollDesc *pd, int mode, GList *ready) noexcept:
    """Report readiness: append the goroutines that can run now to `ready`."""
    if mode & MODE_READ:
        wake_one(pd, MODE_READ, True, ready)
    if mode & MODE_WRITE:
        wake_one(pd, MODE_WRITE, True, ready)


cdef void pd_close(PollDesc *pd, GList *ready) noexcept:
    """Mark as closing, then wake both directions."""
    pd.closing = True
    wake_one(pd, MODE_READ, False, ready)
    wake_one(pd, MODE_WRITE, False, ready)
    timer_disarm(&pd.rt)
    timer_disarm(&pd.wt)


cdef void pd_disown(PollDesc *pd, GList *ready) noexcept:
    """Mark as stale, its number being somebody else's now, then wake both directions."""
    pd.stale = True
    wake_one(pd, MODE_READ, False, ready)
    wake_one(pd, MODE_WRITE, False, ready)


# ---- deadlines -------------------------------------------------------------------------------

cdef void read_deadline_fired(Timer *timer, GList *ready) noexcept:
    cdef PollDesc *pd = <PollDesc *>timer.arg
    if timer.seq != pd.rseq or pd.closing:
        return
    pd.rd = EXPIRED
    wake_one(pd, MODE_READ, False, ready)


cdef void write_deadline_fired(Timer *timer, GList *ready) noexcept:
    cdef PollDesc *pd = <PollDesc *>timer.arg
    if timer.seq != pd.wseq or pd.closing:
        return
    pd.wd = EXPIRED
    wake_one(pd, MODE_WRITE, False, ready)


cdef int pd_set_deadline(PollDesc *pd, TimerHeap timers, int mode, int64_t when, GList *ready) except -1:
    """Set the deadline of the directions in `mode` to `when` (0: none); one in the past wakes at once."""
    if when != 0 and when <= nanotime():
        when = EXPIRED
    if mode & MODE_READ:
        pd.rd = when
        pd.rseq += 1
        set_timer(&pd.rt, timers, when, pd.rseq)
    if mode & MODE_WRITE:
        pd.wd = when
        pd.wseq += 1
        set_timer(&pd.wt, timers, when, pd.wseq)
    if when == EXPIRED:
        if mode & MODE_READ:
            wake_one(pd, MODE_READ, False, ready)
        if mode & MODE_WRITE:
            wake_one(pd, MODE_WRITE, False, ready)
    return 0


cdef int set_timer(Timer *timer, TimerHeap timers, int64_t when, uint32_t seq) except -1:
    timer.seq = seq
    if when > 0 and when != NEVER:
        timers.arm(timer, when)
    else:
        timer_disarm(timer)
    return 0


cdef void pd_drop_timers(PollDesc *pd, TimerHeap timers) noexcept:
    """Take both timers out of the heap: the descriptor is about to change owner or scheduler."""
    timers.remove(&pd.rt)
    timers.remove(&pd.wt)


# ---- the cache -------------------------------------------------------------------------------

cdef class PollCache:
    """Type-stable memory for PollDescs: blocks that are freed only with the cache."""

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.nblocks):
            free(self.blocks[i])
        free(self.blocks)

    cdef PollDesc *alloc(self, int fd) except NULL:
        """Take a descriptor for `fd` with a tag that no earlier event carries."""
        if self.free_list == NULL:
            self.grow()
        cdef PollDesc *pd = self.free_list
        self.free_list = pd.free_next
        pd.fd = fd
        pd.rg = pd.wg = PD_NIL
        pd.closing = pd.event_error = pd.hangup = pd.stale = False
        pd.rd = pd.wd = 0
        pd.rseq += 1
        pd.wseq += 1
        return pd

    cdef void release(self, PollDesc *pd) noexcept:
        """Give a descriptor back; from now on events that carry its old tag are dropped."""
        pd.tag += 1
        pd.fd = -1
        pd.free_next = self.free_list
        self.free_list = pd

    cdef PollDesc *find(self, uint64_t key) noexcept:
        """Return the descriptor an event belongs to, NULL if that owner is gone."""
        cdef uint32_t index = <uint32_t>key
        if index >> BLOCK_BITS >= self.nblocks:
            return NULL
        cdef PollDesc *pd = &self.blocks[index >> BLOCK_BITS][index & (BLOCK_SIZE - 1)]
        return pd if pd.tag == <uint32_t>(key >> 32) else NULL

    cdef int grow(self) except -1:
        cdef void *blocks = realloc(self.blocks, (self.nblocks + 1) * sizeof(PollDesc *))
        if blocks == NULL:
            raise MemoryError("no memory for a poll descriptor")
        self.blocks = <PollDesc **>blocks
        cdef PollDesc *block = <PollDesc *>calloc(BLOCK_SIZE, sizeof(PollDesc))
        if block == NULL:
            raise MemoryError("no memory for a poll descriptor")
        self.blocks[self.nblocks] = block
        cdef int i
        for i in range(BLOCK_SIZE - 1, -1, -1):
            block[i].index = (self.nblocks << BLOCK_BITS) | i
            block[i].fd = -1
            timer_init(&block[i].rt, read_deadline_fired, &block[i])
            timer_init(&block[i].wt, write_deadline_fired, &block[i])
            block[i].free_next = self.free_list
            self.free_list = &block[i]
        self.nblocks += 1
        return 0


# ---- what a poller must do -------------------------------------------------------------------

cdef class Poller:
    """The six functions of the contract, and the register of who owns which descriptor number."""

    def __cinit__(self):
        self.cache = PollCache()

    def __dealloc__(self):
        free(self.owners)

    cdef int init(self) except -1:
        raise RuntimeError("a poller defines init")

    cdef int open(self, int fd, PollDesc *pd) except -1:
        raise RuntimeError("a poller defines open")

    cdef int close(self, int fd) noexcept:
        return 0

    cdef int poll(self, int64_t delay, GList *ready) except -1:
        raise RuntimeError("a poller defines poll")

    cdef void wake(self) noexcept nogil:
        pass

    cdef bint owns(self, int fd) noexcept:
        return False

    cdef void shut(self) noexcept:
        """Give the multiplexer back; descriptors registered here move on when they are next waited for."""
        self.closed = True

    cdef PollDesc *register(self, int fd, bint take_over, GList *ready) except NULL:
        """Register `fd` once, for both directions; OSError(EPERM) if the multiplexer refuses its kind.

        `take_over`: whoever has registered this very file, by this number, has to give way; else that is a
        FileExistsError. `ready` receives whoever waited for an earlier owner of this number.
        """
        self.init()
        if self.owns(fd):
            # Closed behind our back, and the number was given to the multiplexer.
            raise OSError(EBADF, os.strerror(EBADF))
        cdef PollDesc *pd = self.cache.alloc(fd)
        try:
            # First, for it refuses a number that is none.
            self.open_again(fd, pd, take_over)
            try:
                self.own(fd, pd, ready)
            except BaseException:
                self.close(fd)
                raise
        except BaseException:
            self.cache.release(pd)
            raise
        return pd

    cdef int open_again(self, int fd, PollDesc *pd, bint take_over) except -1:
        """Open, also where the registration of an owner is left that is gone, or has to give way."""
        try:
            return self.open(fd, pd)
        except FileExistsError:
            if not take_over:
                raise
        self.close(fd)
        return self.open(fd, pd)

    cdef bint deregister(self, PollDesc *pd) noexcept:
        """End a registration; False if the number is not the registered descriptor's any more.

        It was closed behind our back then, which ended the registration too, and may have a new owner.
        """
        cdef bint ours = not pd.stale
        if not self.closed:
            if self.owners[pd.fd] == pd:
                self.owners[pd.fd] = NULL
            ours = ours and self.close(pd.fd) == 0
        self.cache.release(pd)
        return ours

    cdef bint watches(self, PollDesc *but) noexcept:
        """Whether any descriptor is registered, besides one."""
        for fd in range(self.nowners):
            if self.owners[fd] != NULL and self.owners[fd] != but:
                return True
        return False

    cdef void abandon(self, GList *ready) noexcept:
        """Give up a multiplexer whose own descriptor is lost: everybody who waits is sent to try again."""
        self.closed = True
        self.wake_all(ready)

    cdef void wake_all(self, GList *ready) noexcept:
        """Send everybody who waits here to try again, and so to register elsewhere."""
        cdef PollDesc *pd
        cdef uint32_t i
        for i in range(self.cache.nblocks * BLOCK_SIZE):
            pd = &self.cache.blocks[i >> BLOCK_BITS][i & (BLOCK_SIZE - 1)]
            if pd.fd >= 0:
                pd_notify(pd, MODE_READ | MODE_WRITE, ready)

    cdef int own(self, int fd, PollDesc *pd, GList *ready) except -1:
        """Note `pd` as the owner of number `fd`.

        An earlier owner that never deregistered was closed behind our back, and the kernel has given
        its number away: it is marked stale, so that its close touches neither the new owner's
        registration nor the number.
        """
        cdef int32_t size = self.nowners
        cdef void *owners
        if fd >= size:
            size = max(64, 2 * size)
            while size <= fd:
                size *= 2
            owners = realloc(self.owners, size * sizeof(PollDesc *))
            if owners == NULL:
                raise MemoryError("no memory for a poll descriptor")
            self.owners = <PollDesc **>owners
            memset(&self.owners[self.nowners], 0, (size - self.nowners) * sizeof(PollDesc *))
            self.nowners = size
        if self.owners[fd] != NULL:
            pd_disown(self.owners[fd], ready)
        self.owners[fd] = pd
        return 0


# ---- for tests -------------------------------------------------------------------------------

cdef class PollProbe:
    """A PollDesc of a cache without a multiplexer, for tests of its states.

    `mode`: 1 read, 2 write. Goroutines are bare G objects that never run; the test keeps them alive.
    """

    cdef PollCache cache
    cdef TimerHeap timers
    cdef PollDesc *pd

    def __cinit__(self):
        self.cache = PollCache()
        self.timers = TimerHeap()
        self.pd = self.cache.alloc(0)

    @property
    def tag(self):
        """Which owner of this memory; set it to test the wrap."""
        return self.pd.tag

    @tag.setter
    def tag(self, uint32_t tag):
        self.pd.tag = tag

    @property
    def key(self):
        """What an event of the present owner carries."""
        return pd_key(self.pd)

    def knows(self, uint64_t key):
        """Tell whether an event with this key would be delivered."""
        return self.cache.find(key) != NULL

    def change_owner(self):
        """Release the descriptor and take one for the next owner: the same memory."""
        pd_drop_timers(self.pd, self.timers)
        self.cache.release(self.pd)
        self.pd = self.cache.alloc(0)

    def alloc(self):
        """Take one descriptor more, for good, and return its key."""
        return pd_key(self.cache.alloc(0))

    def word(self, int mode):
        """Return the semaphore: 0 nil, 1 ready, 2 wait, or the goroutine."""
        cdef uintptr_t word = semaphore(self.pd, mode)[0]
        return <G><void *>word if word > PD_WAIT else word

    def timer(self, int mode):
        """Return (when, key in the heap, place in the heap) of this direction's timer."""
        cdef Timer *timer = &self.pd.rt if mode == MODE_READ else &self.pd.wt
        return timer.when, timer.heap_when, timer.index

    def check(self, int mode):
        """Return a PollError."""
        return pd_check(self.pd, mode)

    def begin_wait(self, int mode):
        """Return whether a notification was consumed."""
        return pd_begin_wait(self.pd, mode)

    def commit_wait(self, int mode, G g not None):
        """Return whether `g`, which is waiting from now on, stands in the place."""
        g.state = G_WAITING
        return pd_commit_wait(self.pd, mode, <void *>g)

    def end_wait(self, int mode, G g not None):
        """Return whether a notification ended the wait."""
        return pd_end_wait(self.pd, mode, <void *>g)

    def abandon_wait(self, int mode, G g):
        """Leave the place; `g` None if the wait was not committed."""
        pd_abandon_wait(self.pd, mode, NULL if g is None else <void *>g)

    def unblock(self, int mode, bint ioready):
        """Return the goroutine that was taken out, or None."""
        cdef void *g = pd_unblock(self.pd, mode, ioready)
        return None if g == NULL else <G>g

    def notify(self, int mode):
        """Return the goroutines that can run now."""
        cdef GList ready = GList(NULL, NULL, 0)
        pd_notify(self.pd, mode, &ready)
        return listed(&ready)

    def close(self):
        """Return the goroutines that can run now."""
        cdef GList ready = GList(NULL, NULL, 0)
        pd_close(self.pd, &ready)
        return listed(&ready)

    def set_deadline(self, int mode, int64_t when):
        """Return the goroutines that can run now."""
        cdef GList ready = GList(NULL, NULL, 0)
        pd_set_deadline(self.pd, self.timers, mode, when, &ready)
        return listed(&ready)

    def run_timers(self, int64_t now):
        """Fire what is due at `now`; return the goroutines that can run."""
        cdef GList ready = GList(NULL, NULL, 0)
        self.timers.run_due(now, &ready)
        return listed(&ready)

    def wake(self, G g not None):
        """Make `g` runnable for another reason, as a cancellation does; False if it was already."""
        return make_runnable(<void *>g, WAKE_READY)


cdef list listed(GList *ready):
    cdef list found = []
    cdef void *g = pop(ready)
    while g != NULL:
        found.append(<G>g)
        g = pop(ready)
    return found
