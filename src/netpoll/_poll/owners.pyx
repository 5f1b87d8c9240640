"""Who owns which descriptor number.

The kernel hands out the lowest number that is free, and a number that somebody closed behind our back
comes up again at once, for another socket. Whoever makes an FD claims its number here, and thereby
learns of an earlier FD that does not know yet; that one must not close the number any more.

    entry      claim by B           disown by A        disown by B
    nobody     B                    (not ours)         (not ours)
    A          B, A is returned     nobody             (not ours)

Owners are borrowed pointers: an FD disowns its number before it is freed.
"""
from libc.stdlib cimport realloc
from libc.string cimport memset

from netpoll._runtime.atomics cimport np_lock, np_lock_acquire, np_lock_init, np_lock_release

cdef void **owners = NULL
cdef int size = 0
cdef np_lock guard

np_lock_init(&guard)


cdef int grow(int number) except -1:
    global owners, size
    cdef int more = max(64, size)
    while more <= number:
        more *= 2
    cdef void *bigger = realloc(owners, more * sizeof(void *))
    if bigger == NULL:
        raise MemoryError("no memory for a descriptor")
    owners = <void **>bigger
    memset(&owners[size], 0, (more - size) * sizeof(void *))
    size = more
    return 0


cdef void *claim(int number, void *owner) except? NULL:
    """Make `owner` the one of this number; return the one before, NULL if there was none. MemoryError."""
    cdef void *earlier
    np_lock_acquire(&guard)
    try:
        if number >= size:
            grow(number)
        earlier = owners[number]
        owners[number] = owner
    finally:
        np_lock_release(&guard)
    return earlier


cdef bint disown(int number, void *owner) noexcept:
    """Give the number up; False if it is somebody else's already."""
    cdef bint ours
    np_lock_acquire(&guard)
    ours = 0 <= number < size and owners[number] == owner
    if ours:
        owners[number] = NULL
    np_lock_release(&guard)
    return ours
