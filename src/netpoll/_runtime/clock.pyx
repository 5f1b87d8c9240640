"""The clock of the runtime: CLOCK_MONOTONIC, unless a test has it stand still.

Each timer, timeout and deadline is looked at on it. It stands for one thread at a time: what other threads do for that
one, in `blocking` say, goes by the real time. How long a poll blocks is the kernel's to measure; see
Scheduler.set_on_idle for how a test keeps it from blocking.
"""
from libc.stdint cimport int64_t

cdef extern from *:
    """
    /* Where the time of this thread stands, 0 while it goes on. The model as in scheduler.pyx. */
    static __thread int64_t np_stands_at __attribute__((tls_model("initial-exec"))) = 0;
    """
    int64_t np_stands_at


cdef int64_t nanotime() noexcept nogil:
    return np_stands_at if np_stands_at else np_nanotime()


def monotonic_ns():
    """Return what the runtime takes for the time on this thread, in ns: time.monotonic_ns(), or where it stands."""
    return nanotime()


def stand_at(int64_t ns):
    """Let the time of this thread stand at `ns`, or, for 0, go on where the kernel's is."""
    global np_stands_at
    np_stands_at = ns
