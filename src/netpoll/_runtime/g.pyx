"""G: the record of one goroutine; see g.pxd for its states."""
cimport cython
from cpython.function cimport PyFunction_Check

from netpoll._runtime.glist cimport GList
from netpoll._runtime.timers cimport Timer, timer_init
from netpoll.errors import Cancelled, GoroutineCancelled

cdef extern from *:
    """
    /* Without the search for an attribute. */
    #define np_qualname(function) Py_NewRef(((PyFunctionObject *)(function))->func_qualname)
    """
    object np_qualname(object function)

cdef extern from "Python.h":
    str PyUnicode_FromObject(object text)


cdef void timed_out(Timer *timer, GList *ready) noexcept:
    if make_runnable(timer.arg, WAKE_TIMEOUT):
        push(ready, timer.arg)


cdef class Watcher:
    """What is told of the end of a goroutine; the kinds are in other files."""

    cdef void outcome(self, G g) noexcept:
        pass

    cdef void ended(self, G g) noexcept:
        pass


cdef void watch(G g, Watcher watcher) noexcept:
    """Have a watcher told of the end of a goroutine that is not dead. It watches no other one."""
    watcher.also = g.watcher
    g.watcher = watcher


cdef void unwatch(G g, Watcher watcher) noexcept:
    """Take a watcher out of the chain; nothing happens if it has been told already."""
    cdef Watcher before = g.watcher
    if before is watcher:
        g.watcher = watcher.also
        return
    while before is not None:
        if before.also is watcher:
            before.also = watcher.also
            return
        before = before.also


cdef void tell_end(G g) noexcept:
    """Tell the watchers of a goroutine that it is dead, and forget them."""
    cdef Watcher watcher = g.watcher
    cdef Watcher following
    g.watcher = None
    while watcher is not None:
        following, watcher.also = watcher.also, None
        watcher.ended(g)
        watcher = following


@cython.freelist(256)
cdef class G:
    """The data of a goroutine; the class that users see adds the methods."""

    def __cinit__(self):
        timer_init(&self.timer, timed_out, <void *>self)


cdef bint failed(G g) noexcept:
    """Tell whether it raised something that is not just its own cancellation.

    Nor is it a failure that what it joined was cancelled as well: so it goes when all are, at the end.
    """
    return g.exception is not None and not (
        g.cancelled and isinstance(g.exception, (Cancelled, GoroutineCancelled))
    )


cdef str name_of(G g):
    cdef str name = g.given_name
    if name is None:
        name = "goroutine" if g.fn is None else name_of_function(g.fn)
    elif not g.by_function:
        return name
    return f"{name.rpartition('.')[2]}-{g.id}"


cdef int keep_name(G g) except -1:
    """Keep the name of a goroutine beyond its function; it is made only when somebody asks."""
    if g.given_name is None:
        g.given_name = name_of_function(g.fn)
        g.by_function = True
    return 0


cdef str name_of_function(fn):
    try:
        name = np_qualname(fn) if PyFunction_Check(fn) else fn.__qualname__
    except Exception:   # an object that is callable may answer in any way
        name = None
    if not isinstance(name, str) or not name:
        name = type(fn).__name__
    return PyUnicode_FromObject(name)


cdef str state_of(G g):
    cdef object thing       # held: its name may be Python's to say, and another thread may go on meanwhile
    if g.state == G_WAITING:
        if g.reason == NULL:
            return "waiting"
        if g.joins != NULL:
            thing = <object>g.joins
            return f"waiting: {g.reason.decode()} of {name_of(<G>thing)}"
        if g.waits_on == NULL:
            return f"waiting: {g.reason.decode()}"
        thing = <object>g.waits_on
        return f"waiting: {g.reason.decode()} {thing!r}"
    if g.state == G_DEAD and g.exception is not None:
        return "cancelled" if g.cancelled and not failed(g) else "failed"
    return ("new", "runnable", "running", "waiting", "done")[g.state]
