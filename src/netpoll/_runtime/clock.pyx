"""The clock of the runtime: CLOCK_MONOTONIC, and what a test has set it on by.

One for the process: each timer, timeout and deadline is looked at on it. The kernel's part, how long a poll
blocks, is not changed; see Scheduler.set_on_idle for how a test keeps it from blocking.
"""
from libc.stdint cimport int64_t

cdef int64_t lead = 0   # of this clock over the kernel's


cdef int64_t nanotime() noexcept nogil:
    return np_nanotime() + lead


def monotonic_ns():
    """Return what the runtime takes for the time, in ns: time.monotonic_ns() and the lead."""
    return nanotime()


def set_lead(int64_t ns):
    """Set the clock of the runtime `ns` before the kernel's; return what it was before."""
    global lead
    cdef int64_t before = lead
    lead = ns
    return before
