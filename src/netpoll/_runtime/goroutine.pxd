"""Making goroutines, for what starts them otherwise than `go`; see goroutine.pyx."""
from netpoll._runtime.g cimport G
from netpoll._runtime.glist cimport GList
from netpoll._runtime.scheduler cimport Scheduler

cdef class Goroutine(G):
    pass

cdef G prepare(object fn, tuple args, dict kwargs)
cdef int begin(Scheduler s, G g, GList *queue) except -1
