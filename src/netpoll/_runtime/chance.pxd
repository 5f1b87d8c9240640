"""Chance: any of those that can run instead of the first, for tests. A seed decides, and nothing else."""
from libc.stdint cimport uint64_t

from netpoll._runtime.g cimport pop, push
from netpoll._runtime.glist cimport GList


cdef inline uint64_t random(uint64_t *state) noexcept:
    """Return the next number of a xorshift generator (Marsaglia): quick, and its state, not 0, is one word."""
    state[0] ^= state[0] << 13
    state[0] ^= state[0] >> 7
    state[0] ^= state[0] << 17
    return state[0]


cdef inline void *pop_any(GList *queue, uint64_t *state) noexcept:
    """Take one out of a queue, whose order is mixed by that; NULL if it is empty."""
    cdef uint64_t index
    if queue.head == NULL:
        return NULL
    index = random(state) % <uint64_t>queue.count
    while index:
        push(queue, pop(queue))
        index -= 1
    return pop(queue)
