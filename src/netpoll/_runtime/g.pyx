"""G: the record of one goroutine; see g.pxd for its states."""
from cpython.ref cimport Py_XDECREF

from netpoll._runtime.timers cimport Timer, timer_init
from netpoll._runtime.glist cimport GList


cdef void timed_out(Timer *timer, GList *ready) noexcept:
    if make_runnable(timer.arg, WAKE_TIMEOUT):
        push(ready, timer.arg)


cdef class G:
    """The data of a goroutine; the class that users see adds the methods."""

    def __cinit__(self):
        timer_init(&self.timer, timed_out, <void *>self)

    def __dealloc__(self):
        Py_XDECREF(self.greenlet)
