"""Turns: the locks of a descriptor, and who waits for them; see turns.pyx."""
from libc.stdint cimport int64_t, uint8_t

from netpoll._poll.fd_mutex cimport FDMutex, try_lock, try_unlock
from netpoll._runtime.netpoll cimport MODE_READ
from netpoll._runtime.scheduler cimport borrow_scheduler, take_turn

cdef enum:
    DO_NOT_WAIT = 1             # a timeout of 0: fail rather than wait

cdef enum Parked:
    AWAY = 0
    PARKED = 1
    TAKEN = 2
    HANDED = 3

cdef class Turns:
    cdef FDMutex mutex
    cdef uint8_t read_parked    # a Parked: who drops the reference of the goroutine inside
    cdef uint8_t write_parked
    cdef int64_t read_timeout   # ns for each operation, 0: none
    cdef int64_t write_timeout

    cdef int destroy(self) noexcept
    cdef void forget_wait(self, int mode) noexcept
    cdef int exit(self) noexcept
    cdef void evict(self) noexcept
    cdef int64_t lock_contended(self, int mode) except -1
    cdef int64_t wait_in_line(self, int mode) except -1
    cdef int unlock_contended(self, int mode) noexcept
    cdef int hand_over(self, int mode) noexcept
    cdef int64_t limit(self, int mode) noexcept

cdef void strand_holder(void *inside, int mode) noexcept

# What each read and write passes, in line: the lock that is free, nobody behind.

cdef inline uint8_t *parked(Turns turns, int mode) noexcept:
    """The Parked of this direction."""
    return &turns.read_parked if mode == MODE_READ else &turns.write_parked


cdef inline int64_t lock(Turns turns, int mode) except -1:
    """Take the lock of one direction, after those in line. Parks.

    Each operation begins with it, so here it pays for its turn: once something has come nothing may be raised
    that would lose it.

    Returns when the operation has to end by its own timeout if it had to wait, for the time in line counts;
    else 0: nothing of it has passed.
    """
    # Here too because a thread's first call makes its scheduler, which must not be between the word and the line.
    take_turn(borrow_scheduler())
    if try_lock(&turns.mutex, mode):
        return 0
    return turns.lock_contended(mode)


cdef inline void unlock(Turns turns, int mode) noexcept:
    """Give the lock to the next in line, or back."""
    if parked(turns, mode)[0] == TAKEN or not try_unlock(&turns.mutex, mode):
        turns.unlock_contended(mode)
