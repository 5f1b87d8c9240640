"""The ways to wait; see wait.pyx."""
from libc.stdint cimport int64_t

from netpoll._runtime.g cimport G
from netpoll._runtime.netpoll cimport PollDesc
from netpoll._runtime.scheduler cimport Scheduler
from netpoll._runtime.waitq cimport Waiter

cdef int fail_poll(int error) except -1
cdef int wait_poll(Scheduler s, PollDesc *pd, int mode, int64_t until) except -1
cdef int park_shared(Scheduler s, G g, int64_t until) noexcept
cdef int wait_queue(Scheduler s, Waiter *waiter, G g, int64_t until) except -1
cdef int sleep_until(Scheduler s, int64_t when) except -1
