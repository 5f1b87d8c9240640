"""FDMutex: one word that says who uses a descriptor and whether it is closed.

    bits     meaning
    0        closed
    1        read lock
    2        write lock
    3-22     references: everybody inside an operation, each lock holder included
    23-42    goroutines waiting for the read lock
    43-62    goroutines waiting for the write lock

    operation            closed word        otherwise
    incref               refused            references + 1
    decref               last one: destroy  references - 1
    lock                 refused            free: lock and reference; taken: waiters + 1, then wait in line
    unlock               clear, as decref   nobody waits: clear, as decref
                                            somebody waits: lock and reference pass to the first in line
    withdraw             nothing            waiters - 1 (timeout or cancellation while in line)
    release_lock_only    clear the lock     - (close has dropped the reference in the holder's name)
    incref_and_close     refused            closed, references + 1, nobody waits any more

A counter that is full makes incref and lock raise OverflowError. Descriptors are closed by whoever
brings the references of a closed word to zero, so a number is not given back to the system while
anybody is inside an operation.

Source: go1.27 internal/poll/fd_mutex.go; the hand-over instead of a retry is ours: it makes the queue
strictly first in, first out.
"""
from libc.stdint cimport uint64_t

from netpoll._runtime.atomics cimport np_cas64
from netpoll._runtime.netpoll cimport MODE_READ
from netpoll._runtime.waitq cimport WaitQ

cdef enum:
    CLOSED = 1
    READ_LOCK = 2
    WRITE_LOCK = 4
    REF = 1 << 3
    MANY = 1 << 22          # the highest bit of the references: the counter may be near its end

cdef enum:
    LOCKED = 0
    MUST_WAIT = 1
    REFUSED = 2

cdef enum:
    # What unlock and decref ask of their caller.
    NOTHING = 0
    DESTROY = 1     # close the descriptor
    HAND_OVER = 2   # wake the first in line, it holds the lock now

cdef struct FDMutex:
    uint64_t state
    WaitQ readers
    WaitQ writers

cdef bint is_closed(FDMutex *mutex) noexcept
cdef int incref(FDMutex *mutex) except -1
cdef bint incref_and_close(FDMutex *mutex) except -1
cdef int decref(FDMutex *mutex) noexcept
cdef int lock_or_join(FDMutex *mutex, int mode) except -1
cdef int unlock_word(FDMutex *mutex, int mode) noexcept
cdef void withdraw(FDMutex *mutex, int mode) noexcept
cdef void release_lock_only(FDMutex *mutex, int mode) noexcept

cdef inline WaitQ *line(FDMutex *mutex, int mode) noexcept:
    """The goroutines waiting for the lock of this direction."""
    return &mutex.readers if mode == MODE_READ else &mutex.writers


# The same as lock_or_join and unlock_word where nothing stands in the way, for nearly every read and write;
# False: ask those.

cdef inline bint try_lock(FDMutex *mutex, int mode) noexcept:
    """Enter an operation that excludes others of its direction, if that is free."""
    cdef uint64_t bit = READ_LOCK if mode == MODE_READ else WRITE_LOCK
    cdef uint64_t old = mutex.state
    return not old & (CLOSED | MANY | bit) and np_cas64(&mutex.state, old, (old | bit) + REF)


cdef inline bint try_unlock(FDMutex *mutex, int mode) noexcept:
    """Leave it, if nobody waits and nothing is closed."""
    cdef uint64_t bit = READ_LOCK if mode == MODE_READ else WRITE_LOCK
    cdef int waits = 23 if mode == MODE_READ else 43
    cdef uint64_t old = mutex.state
    return not old & CLOSED and not (old >> waits) & 0xfffff and np_cas64(&mutex.state, old, (old & ~bit) - REF)
