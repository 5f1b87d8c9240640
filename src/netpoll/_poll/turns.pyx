"""Turns: whose turn it is to read from a descriptor, and to write to it, and who is inside.

Contract
  * Reads queue behind reads, writes behind writes, first in first out; both directions at once are fine.
  * Everybody inside holds a reference, in the word of fd_mutex.pxd; the last to leave a closed descriptor
    destroys it. A goroutine that is parked has left: close drops its reference in its name, for it will
    never touch the number again.
  * A timeout is for each operation, and counts from when it joined the line.

    parked      meaning                               who drops the reference
    AWAY        nobody is parked in this direction    the operation, at its end
    PARKED      the holder of the lock is parked      the operation, at its end
    HANDED      the lock was handed over to one       the operation, at its end
                who has not run since
    TAKEN       close came meanwhile                  close has done it

Source: go1.27 internal/poll/fd_mutex.go.
"""
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from netpoll._poll.fd_mutex cimport (
    DESTROY,
    HAND_OVER,
    LOCKED,
    REFUSED,
    decref,
    line,
    lock_or_join,
    release_lock_only,
    unlock_word,
    withdraw,
)
from netpoll._runtime.clock cimport NEVER, after, nanoseconds
from netpoll._runtime.g cimport IN_LINE, G, WAKE_CANCEL, WAKE_INTERRUPT, WAKE_READY, make_runnable, push
from netpoll._runtime.glist cimport GList
from netpoll._runtime.netpoll cimport MODE_READ, MODE_WRITE
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, ready, ready_list
from netpoll._runtime.wait cimport wait_queue
from netpoll._runtime.waitq cimport Waiter, dequeue, enqueue, leave
from netpoll.errors import ClosedError, DeadlineExceeded


cdef enum Grant:
    GRANT_LOCK = 1
    GRANT_CLOSED = 2


cdef void strand_in_line(void *inside, int mode) noexcept:
    """Take a goroutine that will never run again out of the line."""
    cdef Waiter *waiter = <Waiter *>inside
    cdef Turns turns = <Turns>waiter.owner
    cdef int granted = leave(waiter)
    if granted == GRANT_LOCK:
        strand_holder(<void *>turns, mode & ~IN_LINE)
    elif not granted:
        withdraw(&turns.mutex, mode & ~IN_LINE)


cdef void strand_holder(void *inside, int mode) noexcept:
    """Free the lock of a goroutine that will never run again."""
    cdef Turns turns = <Turns>inside
    cdef uint8_t *flag = parked(turns, mode)
    if flag[0] == PARKED:
        turns.forget_wait(mode)
    if flag[0] != TAKEN:
        flag[0] = AWAY
    unlock(turns, mode)


cdef void wake_line(Turns turns, int mode) noexcept:
    """Tell everybody in line that the descriptor is closed."""
    cdef GList woken = GList(NULL, NULL, 0)
    cdef void *g = dequeue(line(&turns.mutex, mode), GRANT_CLOSED)
    while g != NULL:
        if make_runnable(g, WAKE_READY):
            push(&woken, g)
        g = dequeue(line(&turns.mutex, mode), GRANT_CLOSED)
    ready_list(&woken)


cdef class Turns:
    """The turns of a descriptor."""

    def __cinit__(self):
        memset(&self.mutex, 0, sizeof(self.mutex))

    cdef int destroy(self) noexcept:
        """Give the number back. Runs once, by whoever left last."""
        return 0

    cdef void forget_wait(self, int mode) noexcept:
        """Take back that the holder of the lock waits, who will never run again."""

    cdef int exit(self) noexcept:
        if decref(&self.mutex) == DESTROY:
            self.destroy()
        return 0

    cdef void evict(self) noexcept:
        """Closed: wake those in line, and drop the references of those who are parked."""
        wake_line(self, MODE_READ)
        wake_line(self, MODE_WRITE)
        if self.read_parked in (PARKED, HANDED):
            self.read_parked = TAKEN
            decref(&self.mutex)
        if self.write_parked in (PARKED, HANDED):
            self.write_parked = TAKEN
            decref(&self.mutex)

    cdef int64_t lock_contended(self, int mode) except -1:
        """Lock what is locked or closed; see `lock` in turns.pxd."""
        cdef int outcome = lock_or_join(&self.mutex, mode)
        if outcome == LOCKED:
            return 0
        if outcome == REFUSED:
            raise ClosedError()
        return self.wait_in_line(mode)

    cdef int64_t wait_in_line(self, int mode) except -1:
        """Park until the lock is handed over; the line was joined in the word already. Returns as `lock`."""
        cdef int64_t until = self.limit(mode)
        cdef int granted = 0
        cdef bint counted = True
        cdef Scheduler s
        cdef G g
        cdef Waiter *waiter
        try:
            s = get_scheduler()
            g = current_g(s)
            if g.stop or g.interrupt is not None:
                # Others run before it is raised, and must not hand the lock to one who is not in the line.
                counted = False
                withdraw(&self.mutex, mode)
                s.check_pending(g)
            g.reason = "its turn to read" if mode == MODE_READ else "its turn to write"
            waiter = enqueue(line(&self.mutex, mode), <void *>g)
            waiter.owner = <void *>self
            g.on_strand, g.inside, g.inside_mode = strand_in_line, <void *>waiter, mode | IN_LINE
            s.net_waiters += 1   # who holds the lock waits for the network, here or on another thread
            try:
                granted = wait_queue(s, waiter, g, until)
            finally:
                s.net_waiters -= 1
                g.on_strand = NULL
        finally:
            if counted and not granted:
                withdraw(&self.mutex, mode)
        if not granted:
            raise DeadlineExceeded()
        if granted == GRANT_CLOSED:
            if g.wake == WAKE_CANCEL or g.wake == WAKE_INTERRUPT:
                s.raise_pending(g)      # that came first
            raise ClosedError()
        cdef uint8_t *flag = parked(self, mode)
        if flag[0] == TAKEN:
            unlock(self, mode)
            raise ClosedError()
        flag[0] = AWAY
        return until

    cdef int unlock_contended(self, int mode) noexcept:
        """Unlock what is closed, or has others in line."""
        cdef uint8_t *flag = parked(self, mode)
        cdef int outcome
        if flag[0] == TAKEN:
            flag[0] = AWAY
            release_lock_only(&self.mutex, mode)
            return 0
        outcome = unlock_word(&self.mutex, mode)
        if outcome == HAND_OVER:
            self.hand_over(mode)
        elif outcome == DESTROY:
            self.destroy()
        return 0

    cdef int hand_over(self, int mode) noexcept:
        cdef void *g
        cdef int outcome = HAND_OVER
        while outcome == HAND_OVER:
            g = dequeue(line(&self.mutex, mode), GRANT_LOCK)
            if g != NULL:
                parked(self, mode)[0] = HANDED
                ready(g)
                return 0
            outcome = unlock_word(&self.mutex, mode)
        if outcome == DESTROY:
            self.destroy()
        return 0

    # -- timeouts

    cdef int64_t limit(self, int mode) noexcept:
        """When an operation that begins now has to end by its own timeout; 0: never."""
        cdef int64_t timeout = self.read_timeout if mode == MODE_READ else self.write_timeout
        return after(timeout) if timeout else 0

    def settimeout(self, seconds):
        """Limit each later operation to `seconds`, None for no limit. ValueError: negative or NaN.

        Zero means: fail rather than wait.
        """
        cdef int64_t timeout = 0
        if seconds is not None:
            if not seconds >= 0:
                raise ValueError("a timeout is a number of seconds, zero or more")
            timeout = max(2, nanoseconds(seconds)) if seconds else DO_NOT_WAIT
        self.read_timeout = self.write_timeout = timeout

    def gettimeout(self):
        """Return the timeout in seconds, None if there is none."""
        if self.read_timeout == 0:
            return None
        if self.read_timeout == DO_NOT_WAIT:
            return 0.0
        return float("inf") if self.read_timeout == NEVER else self.read_timeout / 1e9
