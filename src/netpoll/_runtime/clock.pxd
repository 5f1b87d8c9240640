"""Time in nanoseconds, and what counts as for ever."""
from libc.stdint cimport int64_t

cdef extern from "clock.h" nogil:
    int64_t np_nanotime()
    int64_t np_coarse_time()
    const int64_t NEVER "INT64_MAX"

cdef int64_t nanotime() noexcept nogil

# A float of seconds becomes nanoseconds rounded up, so that nothing is ever early; what does not
# fit (292 years) is as good as never.
cdef inline int64_t nanoseconds(double seconds) noexcept:
    cdef double ns = seconds * 1e9
    if ns >= 9.2e18:
        return NEVER
    if ns <= -9.2e18:
        return -NEVER
    cdef int64_t whole = <int64_t>ns
    return whole + 1 if <double>whole < ns else whole


cdef inline int64_t after(int64_t delay) noexcept:
    """The moment `delay` ns from now, without running over."""
    cdef int64_t now = nanotime()
    if delay >= NEVER - now:
        return NEVER
    return now + delay


cdef inline int64_t moment(object timeout) except? -2:
    """The moment a limit of `timeout` seconds ends, 0 for None; ValueError for a NaN."""
    if timeout is None:
        return 0
    cdef double seconds = timeout
    if seconds != seconds:
        raise ValueError("a timeout is a number of seconds")
    return max(1, after(nanoseconds(seconds)))
