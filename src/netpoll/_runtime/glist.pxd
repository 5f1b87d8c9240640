"""A first-in first-out list of goroutines, linked through the goroutines themselves.

It holds borrowed pointers: a goroutine stays alive through its scheduler's list of all goroutines
until it is dead, and a dead goroutine is on no list.
"""
from libc.stdint cimport int64_t

cdef struct GList:
    void *head
    void *tail
    int64_t count
