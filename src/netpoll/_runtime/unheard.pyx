"""Unheard: the failure of a goroutine that somebody held when it ended, and has not joined yet.

    what becomes of the goroutine       the failure
    it is joined                        is raised there, and is heard of
    nobody holds it any more            goes to the excepthook
    its scheduler ends before that      goes to the excepthook then

It hangs on the goroutine that failed and goes with it: so the others have no finalizer, which would cost each
of them more than the rest of its end, only to find that there is nothing to tell. What the excepthook is given
then is a likeness of the goroutine, which is gone itself: there is nobody who could tell one from the other.
"""
import weakref

from netpoll._runtime import report
from netpoll._runtime.g cimport G, G_DEAD, keep_name
from netpoll._runtime.scheduler cimport Scheduler


cdef class Unheard:
    """What tells of a failure when the goroutine is freed."""

    cdef G likeness

    def __del__(self):
        cdef G g = self.likeness
        if not g.joined:
            g.joined = True
            report.unhandled(g, g.exception)


cdef int leave_unheard(Scheduler s, G g) except -1:
    """Have the failure of a goroutine told unless it is joined."""
    cdef Unheard unheard = Unheard.__new__(Unheard)
    keep_name(g)
    unheard.likeness = likeness_of(g)
    g.unheard = unheard
    s.unjoined.append(weakref.ref(g, s.unjoined.remove))
    return 0


cdef G likeness_of(G g):
    cdef G other = type(g).__new__(type(g))
    other.id = g.id
    other.state = G_DEAD
    other.cancelled = g.cancelled
    other.scheduler = g.scheduler
    other.exception = g.exception
    other.traceback = g.traceback
    other.given_name = g.given_name
    other.by_function = g.by_function
    other.origin_code = g.origin_code
    other.origin_lasti = g.origin_lasti
    return other


cdef void rename(G g, str name) noexcept:
    """Give a goroutine another name, by which its failure is told of, too."""
    g.given_name = name
    g.by_function = False
    if g.unheard is not None:
        rename((<Unheard>g.unheard).likeness, name)


cdef void heard(G g) noexcept:
    """Somebody has heard of the end of a goroutine, from any thread: it need not be told any more."""
    g.joined = True
    if g.unheard is not None:
        (<Unheard>g.unheard).likeness.joined = True
        g.unheard = None


cdef list forget_unheard(Scheduler s):
    """Return the goroutines whose failures nobody has heard of; for whoever tells of them now."""
    cdef G g
    found, s.unjoined = [ref() for ref in s.unjoined], []
    return [g for g in found if g is not None and not g.joined]
