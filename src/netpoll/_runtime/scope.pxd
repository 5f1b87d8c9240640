"""CancelScope: a block of code that can be given up, or has to end in time.

    a scope     deadline's timer   next
    new         -                  entered (once)
    entered     armed if it has    cancelled by a call of `cancel`, or by its time; left
    cancelled   -                  left
    left        -

The scopes that a goroutine is in stand one in the other; `G.scope` is the innermost. Whether a park raises Cancelled
is worked out anew whenever one of these changes, and kept in `G.stop`:

    from the innermost outwards, the first that is       a park
    cancelled                                            raises
    a shield                                             does not, whatever is farther out
    none is; the goroutine was cancelled                 raises
    none is; it was not                                  does not

So cancellation is level-triggered: each park raises until the block that was cancelled has been left. Which block
that is, is decided where the exception passes: a scope that is cancelled keeps it, unless what lies farther out is
cancelled too and would end it there again. A Ctrl-C is no cancellation: it passes through shields.

Source: trio _core/_run.py CancelScope, CancelStatus (levels, shields, who catches).
"""
from libc.stdint cimport int64_t, uint8_t

from netpoll._runtime.g cimport G
from netpoll._runtime.timers cimport Timer

cdef enum ScopeState:
    SCOPE_NEW = 0
    SCOPE_ENTERED = 1
    SCOPE_LEFT = 2

cdef enum Cancellation:
    NOT_CANCELLED = 0
    BY_CALL = 1
    BY_TIME = 2

cdef class ScopeWatcher:
    """Who is told when the parks in a scope raise, or it is left; one of those in its chain. Runs no Python code."""

    cdef ScopeWatcher also      # the next one in the chain

    cdef void over(self, CancelScope scope) noexcept

cdef class CancelScope:
    cdef CancelScope outer      # the next one outwards
    cdef G g                    # who is inside; None before and after
    cdef Timer timer            # armed only while somebody is inside
    cdef int64_t until          # when its time is over, 0: never
    cdef int64_t lasts          # or, before it is entered, how long it lasts from then on; < 0: no such limit
    cdef uint8_t state
    cdef uint8_t cancellation
    cdef readonly bint shielded
    cdef bint tells             # when its time is over, it raises ScopeTimeout in the place of Cancelled
    cdef readonly bint caught
    cdef object reason
    cdef ScopeWatcher watcher   # the first of a chain, None: nobody
    cdef object __weakref__

    cdef int stop(self, uint8_t cancellation) except -1
    cdef int arm(self) except -1
    cdef bint leave(self) except -1
    cdef bint catches(self, object exception) except -1

cdef void watch_scope(CancelScope scope, ScopeWatcher watcher) noexcept
cdef void unwatch_scope(CancelScope scope, ScopeWatcher watcher) noexcept
cdef CancelScope cause_of(CancelScope scope)
cdef void renew_stop(G g) noexcept
cdef void leave_all(G g) noexcept
