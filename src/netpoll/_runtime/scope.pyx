"""Scopes: blocks that can be cancelled or have to end in time; see scope.pxd for the states and the
rules.
"""
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport after, nanoseconds, nanotime
from netpoll._runtime.g cimport G, WAKE_CANCEL, make_runnable, name_of, push
from netpoll._runtime.glist cimport GList
from netpoll._runtime.scheduler cimport Scheduler, current_g, enqueue_runnable, get_scheduler
from netpoll._runtime.timers cimport Timer, timer_init
from netpoll.errors import Cancelled, ScopeTimeout


# ---- what a goroutine's scopes amount to -----------------------------------------------------

cdef inline bint is_stopped(G g) noexcept:
    return stops(g.scope, g)


cdef bint stops(CancelScope scope, G g) noexcept:
    """Whether a park in this scope, and in none within it, raises."""
    while scope is not None:
        if scope.cancellation:
            return True
        if scope.shielded:
            return False
        scope = scope.outer
    return g.cancelled


cdef void renew_stop(G g) noexcept:
    """Work out anew whether its parks raise, and wake it from the present one if so. Any thread."""
    g.stop = is_stopped(g)
    if g.scope is not None:
        tell_those_stopped(g)
    if g.stop and make_runnable(<void *>g, WAKE_CANCEL):
        enqueue_runnable(<void *>g, False)


cdef void leave_all(G g) noexcept:
    """Take a goroutine that has ended, or will never run again, out of the scopes that it is in."""
    cdef CancelScope scope = g.scope
    g.scope = None
    while scope is not None:
        (<Scheduler>g.scheduler).timers.remove(&scope.timer)
        scope.state = SCOPE_LEFT
        scope.g = None
        tell_over(scope)
        scope = scope.outer


cdef void time_is_over(Timer *timer, GList *woken) noexcept:
    cdef CancelScope scope = <CancelScope>timer.arg
    cdef G g = scope.g
    if not scope.cancellation:
        scope.cancellation = BY_TIME
    g.stop = is_stopped(g)
    tell_those_stopped(g)
    if g.stop and make_runnable(<void *>g, WAKE_CANCEL):
        push(woken, <void *>g)


# ---- who is told -----------------------------------------------------------------------------

cdef class ScopeWatcher:
    """What is told when the parks in a scope raise, or it is left; the kinds are in other files."""

    cdef void over(self, CancelScope scope) noexcept:
        pass


cdef void watch_scope(CancelScope scope, ScopeWatcher watcher) noexcept:
    """Have a watcher told, at once if it is so. It watches no other one."""
    if scope.state == SCOPE_LEFT or scope.cancellation or (scope.g is not None and stops(scope, scope.g)):
        watcher.over(scope)
        return
    watcher.also = scope.watcher
    scope.watcher = watcher


cdef void unwatch_scope(CancelScope scope, ScopeWatcher watcher) noexcept:
    """Take a watcher out of the chain; nothing happens if it has been told already."""
    cdef ScopeWatcher before = scope.watcher
    if before is watcher:
        scope.watcher = watcher.also
        return
    while before is not None:
        if before.also is watcher:
            before.also = watcher.also
            return
        before = before.also


cdef void tell_over(CancelScope scope) noexcept:
    cdef ScopeWatcher watcher = scope.watcher
    cdef ScopeWatcher following
    scope.watcher = None
    while watcher is not None:
        following, watcher.also = watcher.also, None
        watcher.over(scope)
        watcher = following


cdef void tell_those_stopped(G g) noexcept:
    cdef CancelScope scope = g.scope
    while scope is not None:
        if scope.watcher is not None and stops(scope, g):
            tell_over(scope)
        scope = scope.outer


cdef CancelScope cause_of(CancelScope scope):
    """Return the outermost of those that end a scope; the scope itself if none is cancelled."""
    cdef CancelScope cause = scope
    while scope is not None:
        if scope.cancellation:
            cause = scope
        if scope.shielded:
            break
        scope = scope.outer
    return cause


# ---- one scope -------------------------------------------------------------------------------

cdef class CancelScope:
    """A block of code that can be given up from outside; made by `cancel_scope` and its like.

    A context manager, for one goroutine and one time. `cancel` and the properties may be used from
    any thread.
    """

    def __cinit__(self):
        timer_init(&self.timer, time_is_over, <void *>self)
        self.lasts = -1

    def __init__(self):
        """Raise TypeError: a scope is made by a function."""
        raise TypeError("a CancelScope is made by cancel_scope(), timeout(), deadline() or shield()")

    def __repr__(self):
        what = ("", " cancelled", " expired")[self.cancellation]
        return f"<CancelScope {('new', 'entered', 'left')[self.state]}{what}{' shield' if self.shielded else ''}>"

    def __enter__(self):
        cdef Scheduler s = get_scheduler()
        cdef G g = current_g(s)
        if self.state != SCOPE_NEW:
            raise RuntimeError("a scope can be entered only once")
        if self.lasts >= 0:
            self.until = max(1, after(self.lasts))
        self.outer = g.scope
        self.g = g
        self.state = SCOPE_ENTERED
        g.scope = self
        try:
            self.arm()
        except BaseException:
            self.leave()
            raise
        g.stop = is_stopped(g)
        if self.watcher is not None and g.stop:
            tell_over(self)
        return self

    def __exit__(self, kind, exception, traceback):
        cdef G g = self.g
        cdef bint in_order
        if self.state != SCOPE_ENTERED:
            raise RuntimeError("the scope was not entered, or has been left")
        if <void *>g != get_scheduler().current:
            raise RuntimeError("a scope is left by the goroutine that has entered it")
        in_order = self.leave()
        if not in_order:
            raise RuntimeError("a scope is left before those that were entered in it")
        # What is farther out is seen from inside unless this one is a shield.
        if not self.catches(exception) or (g.stop and not self.shielded):
            return False
        self.caught = True
        if self.tells and self.cancellation == BY_TIME:
            raise ScopeTimeout(self.text(g), self) from exception
        return True

    cdef bint catches(self, object exception) except -1:
        return self.cancellation != NOT_CANCELLED and isinstance(exception, Cancelled)

    cdef int arm(self) except -1:
        """Set the timer by the deadline, or cancel at once if that is past. Any thread."""
        cdef Scheduler s = self.g.scheduler
        if not self.until or self.cancellation:
            s.timers.remove(&self.timer)
        elif self.until <= nanotime():
            s.timers.remove(&self.timer)
            self.stop(BY_TIME)
        else:
            s.timers.arm(&self.timer, self.until)
            s.stir()
        return 0

    cdef bint leave(self) except -1:
        """Take it out of its goroutine's; False if it was not the innermost."""
        cdef G g = self.g
        cdef CancelScope inner = g.scope
        cdef bint innermost = inner is self
        (<Scheduler>g.scheduler).timers.remove(&self.timer)
        if innermost:
            g.scope = self.outer
        else:
            while inner is not None and inner.outer is not self:
                inner = inner.outer
            if inner is not None:
                inner.outer = self.outer
        self.state = SCOPE_LEFT
        self.g = self.outer = None
        g.stop = is_stopped(g)
        if self.watcher is not None:
            tell_over(self)
        return innermost

    cdef int stop(self, uint8_t cancellation) except -1:
        if self.cancellation == NOT_CANCELLED and self.state != SCOPE_LEFT:
            self.cancellation = cancellation
            if self.g is not None:
                renew_stop(self.g)
            elif self.watcher is not None:
                tell_over(self)
        return 0

    def cancel(self, reason=None):
        """Make each further park in the block raise Cancelled, the present one at once.

        The exception ends where the block does, and the program goes on behind it. reason: a text
        for the exception. A block that has not begun is cancelled from its beginning on; nothing
        happens to one that has ended. Does not park. Any thread.
        """
        if self.cancellation == NOT_CANCELLED:
            self.reason = reason
        self.stop(BY_CALL)

    def why(self):
        """Return why a park in the block raises: what became of the outermost that ends it."""
        return cause_of(self).text(self.g)

    def text(self, G g):
        """Return in words what became of the scope, in which g is or was."""
        name = "the block" if g is None else name_of(g)
        if self.cancellation == BY_TIME:
            return f"{name}: its time is over" + (f" ({self.lasts / 1e9:g} s)" if self.lasts >= 0 else "")
        return f"{name}: its scope was cancelled" + ("" if self.reason is None else f": {self.reason}")

    @property
    def cancelled(self):
        """Whether it was cancelled, by `cancel` or by its time."""
        return self.cancellation != NOT_CANCELLED

    @property
    def expired(self):
        """Whether it was its time that cancelled it."""
        return self.cancellation == BY_TIME

    @property
    def deadline(self):
        """When its time is over, on time.monotonic(); None: never. Settable until it is left."""
        if self.state == SCOPE_NEW and self.lasts >= 0:
            return after(self.lasts) / 1e9
        return self.until / 1e9 if self.until else None

    @deadline.setter
    def deadline(self, when):
        cdef int64_t until = moment_of(when)
        if self.state == SCOPE_LEFT:
            raise RuntimeError("the scope has been left")
        self.until = until
        self.lasts = -1
        if self.state == SCOPE_ENTERED:
            self.arm()


# ---- making them -----------------------------------------------------------------------------

cdef int64_t moment_of(object when) except? -1:
    """Turn a moment on time.monotonic() into ns, None into 0."""
    if when is None:
        return 0
    cdef double seconds = when
    if seconds != seconds:
        raise ValueError("a deadline cannot be NaN")
    return max(1, nanoseconds(seconds))


cdef CancelScope new_scope(int64_t until, int64_t lasts, bint shielded, bint tells):
    cdef CancelScope scope = CancelScope.__new__(CancelScope)
    scope.until = until
    scope.lasts = lasts
    scope.shielded = shielded
    scope.tells = tells
    return scope


def cancel_scope(*, deadline=None, shield=False):
    """Return a block, for `with`, that its `cancel` ends; the program goes on behind it.

    deadline: a moment on time.monotonic() at which that happens by itself; `caught` tells
    afterwards whether anything was cut short. shield: what cancels the goroutine, or blocks farther
    out, waits until it is left. Of blocks one in the other that are cancelled together, the
    outermost is the one that ends.

    Source: trio CancelScope.
    """
    return new_scope(moment_of(deadline), -1, bool(shield), False)


def timeout(seconds):
    """Return a block, for `with`, that has to end within `seconds`; None: no limit.

    They count from its beginning. When they are over, each park in it raises Cancelled, and the
    block ScopeTimeout (a TimeoutError, with the scope) once that has come out of it. One that ends
    without another park raises nothing. ValueError for a NaN.

    Source: trio fail_after, asyncio.timeout.
    """
    cdef double number
    cdef int64_t lasts = -1
    if seconds is not None:
        number = seconds
        if number != number:
            raise ValueError("a timeout is a number of seconds")
        lasts = max(0, nanoseconds(number))
    return new_scope(0, lasts, False, True)


def deadline(when):
    """Return a block that has to end by a moment on time.monotonic(); see `timeout`."""
    return new_scope(moment_of(when), -1, False, True)


def shield():
    """Return a block, for `with`, in which no park raises for what is cancelled farther out.

    Limits set within it hold. Ctrl-C is no cancellation and passes through.
    """
    return new_scope(0, -1, True, False)
