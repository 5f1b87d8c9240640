"""Failures that nobody has heard of yet; see unheard.pyx."""
from netpoll._runtime.g cimport G
from netpoll._runtime.scheduler cimport Scheduler

cdef int leave_unheard(Scheduler s, G g) except -1
cdef void rename(G g, str name) noexcept
cdef void heard(G g) noexcept
cdef list forget_unheard(Scheduler s)
