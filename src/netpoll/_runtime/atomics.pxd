"""The words that two threads may touch: real atomics without the GIL, plain stores with it."""
from libc.stdint cimport int32_t, uint8_t, uint64_t, uintptr_t

cdef extern from "atomics.h" nogil:
    ctypedef struct np_lock:
        pass
    int np_cas(uintptr_t *word, uintptr_t expected, uintptr_t desired)
    int np_cas64(uint64_t *word, uint64_t expected, uint64_t desired)
    int np_cas8(uint8_t *word, uint8_t expected, uint8_t desired)
    void np_lock_init(np_lock *lock)
    void np_lock_acquire(np_lock *lock)
    void np_lock_release(np_lock *lock)
    int np_flag_raise(int32_t *flag)
    void np_flag_clear(int32_t *flag)
