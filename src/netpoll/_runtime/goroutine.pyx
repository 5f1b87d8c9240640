"""Goroutine: what users hold of a goroutine, and the functions that make, name and yield one.

Source: go1.27 runtime/proc.go newproc, Gosched, runtime/time.go timeSleep.
"""
cimport cython
from cpython.contextvars cimport PyContext_CopyCurrent
from cpython.exc cimport PyErr_Clear
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int64_t

import sys
from types import GenericAlias

from netpoll._runtime import deadlock, report
from netpoll._runtime.clock cimport after, moment, nanoseconds, np_coarse_time
from netpoll._runtime.g cimport (
    G,
    G_DEAD,
    G_NEW,
    G_RUNNING,
    G_WAITING,
    ON_THREAD,
    name_of,
    push,
    state_of,
)
from netpoll._runtime.glist cimport GList
from netpoll._runtime.greenlet cimport PyGreenlet_GetCurrent, PyGreenlet_Import
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler
from netpoll._runtime.scope cimport renew_stop
from netpoll._runtime.unheard cimport heard, rename
from netpoll._runtime.wait cimport sleep_until, wait_queue
from netpoll._runtime.waitq cimport Waiter, enqueue
from netpoll._runtime.worker cimport new_spawner
from netpoll.errors import Cancelled, GoroutineCancelled

PyGreenlet_Import()

cdef extern from "Python.h":
    ctypedef struct PyMethodDef:
        const char *ml_name
        void *ml_meth
        int ml_flags
        const char *ml_doc
    int METH_FASTCALL
    int METH_KEYWORDS
    object PyCFunction_NewEx(PyMethodDef *method, PyObject *of, object module)
    ctypedef struct PyFrameObject:
        pass
    ctypedef struct PyCodeObject:
        pass
    PyFrameObject *PyEval_GetFrame()
    PyCodeObject *PyFrame_GetCode(PyFrameObject *frame)
    int PyFrame_GetLasti(PyFrameObject *frame)
    int PyCode_Addr2Line(PyCodeObject *code, int byte_offset)


@cython.final
cdef class Goroutine(G):
    """A function running concurrently with others on its thread. Made by `go`.

    `join`, `cancel` and the properties may be used from any thread.
    """

    def __init__(self):
        """Raise TypeError: a goroutine is made by `go`."""
        raise TypeError("a Goroutine is made by go()")

    # For type checkers: a Goroutine[T] is one whose join returns a T.
    __class_getitem__ = classmethod(GenericAlias)

    def __repr__(self):
        return f"<Goroutine {name_of(self)} {state_of(self)}>"

    @property
    def name(self):
        """The function's name and the id, unless set."""
        return name_of(self)

    @name.setter
    def name(self, str value not None):
        rename(self, value)

    @property
    def done(self):
        """True once the function has ended, in whatever way."""
        return (<G>self).state == G_DEAD

    @property
    def state(self):
        """In words: new, runnable, running, "waiting: <what for>", done, failed, cancelled."""
        return state_of(self)

    @property
    def cancelled(self):
        """True once `cancel` was called, whether or not the goroutine has heard of it."""
        return bool((<G>self).cancelled)

    @property
    def waited(self):
        """For how many seconds it has waited in a queue, to some ms; None if it does not."""
        cdef G g = self
        if g.state != G_WAITING or not g.parked_at:
            return None
        return max(0, np_coarse_time() - g.parked_at) / 1e9

    @property
    def origin(self):
        """Where `go` was called: (file name, line), or None where that is not Python."""
        if self.origin_code is None:
            return None
        return (self.origin_code.co_filename, PyCode_Addr2Line(<PyCodeObject *>self.origin_code, self.origin_lasti))

    @property
    def stack(self):
        """The topmost Python frame of a parked goroutine, None if it has none."""
        cdef G g = self
        cdef PyObject *here
        if g.greenlet == NULL or g.state == G_RUNNING:
            return None
        here = <PyObject *>PyGreenlet_GetCurrent()
        if here != NULL:
            Py_DECREF(<object>here)
        if here == g.greenlet:      # it looks for work for the others
            return sys._getframe()
        frame = (<object>g.greenlet).gr_frame
        if frame is None and <void *>g == (<Scheduler>g.scheduler).seeker:
            # The same on another thread: its greenlet is the one that runs there.
            return sys._current_frames().get(deadlock.thread_of(g.scheduler))
        return frame

    def join(self, timeout=None):
        """Wait for the end; return the function's result or raise its exception.

        Parks, for at most `timeout` seconds: TimeoutError after that. GoroutineCancelled if the
        goroutine ended by its cancellation. RuntimeError when a goroutine joins itself. Any thread.
        `done` tells a timeout of the join from one that the function itself raised.
        """
        cdef Scheduler s = get_scheduler()
        cdef G target = self
        cdef int64_t until = moment(timeout)
        if target.state != G_DEAD and not wait_for_end(s, target, until):
            raise TimeoutError(f"{self.name} is still running after {timeout} s")
        heard(target)
        if target.exception is None:
            return target.result
        if target.cancelled and isinstance(target.exception, Cancelled):
            raise GoroutineCancelled(f"{self.name} was cancelled") from target.exception
        raise target.exception.with_traceback(target.traceback)

    def cancel(self):
        """Make each further park of this goroutine raise Cancelled, the present one at once.

        One that has not begun never will. Does not park; nothing happens to one that is done. Any
        thread.
        """
        cdef G g = self
        if g.state == G_DEAD or g.cancelled:
            return
        g.cancelled = True
        renew_stop(g)


cdef bint wait_for_end(Scheduler s, G target, int64_t until) except -1:
    cdef G g = current_g(s)
    cdef bint elsewhere = target.scheduler is not s
    if g is target:
        raise RuntimeError("a goroutine cannot join itself")
    s.check_pending(g)
    g.reason = "join"
    cdef Waiter *waiter = enqueue(&target.joiners, <void *>g)
    s.outside += elsewhere
    s.calls += elsewhere
    if elsewhere:
        g.parked_for = ON_THREAD
    g.joins = <void *>target
    try:
        return wait_queue(s, waiter, g, until)
    finally:
        g.joins = NULL
        g.parked_for = 0
        s.outside -= elsewhere
        s.calls -= elsewhere


# ---- making one ------------------------------------------------------------------------------

cdef G prepare(object fn, tuple args, dict kwargs):
    """Make a goroutine that no scheduler knows yet. None for `kwargs`: there are none."""
    cdef G g = Goroutine.__new__(Goroutine)
    g.fn = fn
    g.args = args
    g.kwargs = kwargs
    g.context = PyContext_CopyCurrent()
    g.state = G_NEW
    note_origin(g)
    return g


cdef int begin(Scheduler s, G g, GList *queue) except -1:
    """Have a goroutine that was prepared begin when its turn comes in `queue`; on the thread of `s`."""
    g.cancelled = g.stop = s.draining     # who is started by one that is ending is to end as well
    s.link(g)
    push(queue, <void *>g)
    return 0


def adopt_current(Scheduler s not None):
    """Make what runs on this thread now the main goroutine of its new scheduler."""
    cdef G g = Goroutine.__new__(Goroutine)
    cdef PyObject *here = <PyObject *>PyGreenlet_GetCurrent()
    if here == NULL:
        PyErr_Clear()
        raise RuntimeError("netpoll cannot be used any more: the interpreter is ending")
    g.greenlet = here
    g.given_name = "main"
    g.state = G_RUNNING
    s.spawner = new_spawner(here)   # first: there may be no memory for it
    s.link(g)
    s.main = s.current = <void *>g


cdef void note_origin(G g) noexcept:
    """Remember where `go` was called; the line is worked out only when somebody asks."""
    cdef PyFrameObject *frame = PyEval_GetFrame()
    cdef PyCodeObject *code
    if frame == NULL:
        return
    code = PyFrame_GetCode(frame)
    g.origin_code = <object>code
    Py_DECREF(<object>code)
    g.origin_lasti = PyFrame_GetLasti(frame)


cdef object go_called(PyObject *module, PyObject *const *given, Py_ssize_t count, PyObject *names):
    """Be `go`, called as CPython calls functions of its own: Cython would make a dict each time, mostly of nothing."""
    if count < 1:
        raise TypeError("go() needs the function to run")
    cdef object fn = <object>given[0]
    if not callable(fn):
        raise report.no_callable("go", fn)
    cdef Scheduler s = get_scheduler()
    cdef G g = prepare(fn, positional(given + 1, count - 1), keywords(given + count, names))
    begin(s, g, &s.runq)
    return g


cdef tuple positional(PyObject *const *given, Py_ssize_t count):
    cdef tuple args
    cdef Py_ssize_t i
    if not count:
        return ()
    args = PyTuple_New(count)
    for i in range(count):
        Py_INCREF(<object>given[i])
        PyTuple_SET_ITEM(args, i, <object>given[i])
    return args


cdef dict keywords(PyObject *const *given, PyObject *names):
    cdef Py_ssize_t i
    if names == NULL:
        return None
    return {name: <object>given[i] for i, name in enumerate(<tuple>names)}


cdef PyMethodDef go_method = PyMethodDef("go", <void *>go_called, METH_FASTCALL | METH_KEYWORDS, b"""\
go(fn, /, *args, **kwargs)
--

Start `fn(*args, **kwargs)` as a goroutine of this thread and return it at once.

It begins when the caller parks or yields, after those started before it, in a copy of the
caller's contextvars context. Does not park. What it raises goes to whoever joins it, or to
`excepthook`.

Source: go1.27 runtime/proc.go newproc.
""")

go = PyCFunction_NewEx(&go_method, NULL, __name__)


def current():
    """Return the calling goroutine; a thread that never started one is its own main goroutine."""
    return current_g(get_scheduler())


def gosched():
    """Let every goroutine that can run, run; then go on. Raises Cancelled like a park.

    Source: go1.27 runtime/proc.go Gosched.
    """
    cdef Scheduler s = get_scheduler()
    cdef G g = current_g(s)
    if g.stop or g.interrupt is not None:
        s.check_pending(g)
    s.yield_(g)


def sleep(double seconds):
    """Park for `seconds`, never less; zero or less only yields. ValueError for a NaN."""
    if seconds != seconds:
        raise ValueError("cannot sleep for NaN seconds")
    if seconds <= 0:
        gosched()
    else:
        sleep_until(get_scheduler(), after(nanoseconds(seconds)))
