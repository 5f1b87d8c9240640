"""The mutex word of a descriptor; see fd_mutex.pxd for its bits and operations."""
from libc.stdint cimport uint64_t
from libc.string cimport memset

from netpoll._runtime.atomics cimport np_cas64
from netpoll._runtime.netpoll cimport MODE_READ

cdef uint64_t REFS = ((1 << 20) - 1) << 3
cdef uint64_t READ_WAIT = 1 << 23
cdef uint64_t READ_WAITS = ((1 << 20) - 1) << 23
cdef uint64_t WRITE_WAIT = <uint64_t>1 << 43
cdef uint64_t WRITE_WAITS = <uint64_t>((1 << 20) - 1) << 43


cdef int overflow() except -1:
    raise OverflowError("too many concurrent operations on a single descriptor (at most 1048575)")


cdef bint is_closed(FDMutex *mutex) noexcept:
    """Tell whether the descriptor is closed for new operations."""
    return mutex.state & CLOSED != 0


cdef int incref(FDMutex *mutex) except -1:
    """Enter an operation that needs no lock: LOCKED or REFUSED."""
    cdef uint64_t old
    while True:
        old = mutex.state
        if old & CLOSED:
            return REFUSED
        if old & REFS == REFS:
            return overflow()
        if np_cas64(&mutex.state, old, old + REF):
            return LOCKED


cdef bint incref_and_close(FDMutex *mutex) except -1:
    """Close for new operations and enter; False if it was closed before. The caller wakes both lines."""
    cdef uint64_t old
    while True:
        old = mutex.state
        if old & CLOSED:
            return False
        if old & REFS == REFS:
            overflow()
        if np_cas64(&mutex.state, old, ((old | CLOSED) + REF) & ~(READ_WAITS | WRITE_WAITS)):
            return True


cdef int decref(FDMutex *mutex) noexcept:
    """Leave an operation: NOTHING or DESTROY."""
    cdef uint64_t old, new
    while True:
        old = mutex.state
        new = old - REF
        if np_cas64(&mutex.state, old, new):
            return DESTROY if new & (CLOSED | REFS) == CLOSED else NOTHING


cdef int lock_or_join(FDMutex *mutex, int mode) except -1:
    """Enter an operation that excludes others of its direction: LOCKED, MUST_WAIT or REFUSED."""
    cdef uint64_t bit = READ_LOCK if mode == MODE_READ else WRITE_LOCK
    cdef uint64_t wait = READ_WAIT if mode == MODE_READ else WRITE_WAIT
    cdef uint64_t waits = READ_WAITS if mode == MODE_READ else WRITE_WAITS
    cdef uint64_t old
    while True:
        old = mutex.state
        if old & CLOSED:
            return REFUSED
        if not old & bit:
            if old & REFS == REFS:
                return overflow()
            if np_cas64(&mutex.state, old, (old | bit) + REF):
                return LOCKED
        else:
            if old & waits == waits:
                return overflow()
            if np_cas64(&mutex.state, old, old + wait):
                return MUST_WAIT


cdef int unlock_word(FDMutex *mutex, int mode) noexcept:
    """Leave such an operation: NOTHING, DESTROY or HAND_OVER."""
    cdef uint64_t bit = READ_LOCK if mode == MODE_READ else WRITE_LOCK
    cdef uint64_t wait = READ_WAIT if mode == MODE_READ else WRITE_WAIT
    cdef uint64_t waits = READ_WAITS if mode == MODE_READ else WRITE_WAITS
    cdef uint64_t old, new
    while True:
        old = mutex.state
        if old & waits:
            if np_cas64(&mutex.state, old, old - wait):
                return HAND_OVER
        else:
            new = (old & ~bit) - REF
            if np_cas64(&mutex.state, old, new):
                return DESTROY if new & (CLOSED | REFS) == CLOSED else NOTHING


cdef void withdraw(FDMutex *mutex, int mode) noexcept:
    """Leave the line without the lock; close has emptied the line already."""
    cdef uint64_t wait = READ_WAIT if mode == MODE_READ else WRITE_WAIT
    cdef uint64_t old
    while True:
        old = mutex.state
        if old & CLOSED or np_cas64(&mutex.state, old, old - wait):
            return


cdef void release_lock_only(FDMutex *mutex, int mode) noexcept:
    """Clear the lock of a goroutine whose reference close has dropped in its name."""
    cdef uint64_t bit = READ_LOCK if mode == MODE_READ else WRITE_LOCK
    cdef uint64_t old
    while True:
        old = mutex.state
        if np_cas64(&mutex.state, old, old & ~bit):
            return


cdef class MutexWord:
    """An FDMutex without a descriptor or goroutines, for tests of the word itself."""

    cdef FDMutex mutex

    def __cinit__(self):
        memset(&self.mutex, 0, sizeof(self.mutex))

    @property
    def fields(self):
        """The fields of the word: (closed, read lock, write lock, references, read waiters, write waiters)."""
        cdef uint64_t state = self.mutex.state
        return (
            bool(state & CLOSED),
            bool(state & READ_LOCK),
            bool(state & WRITE_LOCK),
            (state & REFS) >> 3,
            (state & READ_WAITS) >> 23,
            (state & WRITE_WAITS) >> 43,
        )

    def preset(self, uint64_t references, uint64_t read_waiters=0, uint64_t write_waiters=0):
        """Set the counters, to test their limits without a million goroutines."""
        self.mutex.state |= references << 3 | read_waiters << 23 | write_waiters << 43

    def incref(self):
        """Return 0 (entered) or 2 (refused). OverflowError at 1,048,575 references."""
        return incref(&self.mutex)

    def incref_and_close(self):
        """Return False if it was closed before."""
        return incref_and_close(&self.mutex)

    def decref(self):
        """Return 0, or 1: destroy."""
        return decref(&self.mutex)

    def lock(self, int mode):
        """Return 0 (locked), 1 (must wait) or 2 (refused). `mode`: 1 read, 2 write."""
        return lock_or_join(&self.mutex, mode)

    def unlock(self, int mode):
        """Return 0, 1: destroy, or 2: hand over."""
        return unlock_word(&self.mutex, mode)

    def try_lock(self, int mode):
        """Return True if it is locked now, False if `lock` has to be asked."""
        return try_lock(&self.mutex, mode)

    def try_unlock(self, int mode):
        """Return True if it is unlocked now, False if `unlock` has to be asked."""
        return try_unlock(&self.mutex, mode)

    def withdraw(self, int mode):
        """Leave the line."""
        withdraw(&self.mutex, mode)

    def release_lock_only(self, int mode):
        """Clear a lock whose reference is gone."""
        release_lock_only(&self.mutex, mode)
