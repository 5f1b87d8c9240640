# cython: nonecheck=True
"""Node: what is common to a context and those made from it: whether they are done, and who hears of it.

    node       `finish`                              a node made from it
    live       done, and so are those made from it   live, in its `children`
    done       -                                     done at once, for the same reason

A live one that has a deadline has no timer. Who waits, or is in a block, has one of his own for that time; who asks
looks at the clock; only for a channel or a function to be called, an Alarm is set on the thread that asked for it.
So nothing is left behind by a context that is forgotten, or by a thread that ends.

A node is in its parent's `children` while somebody holds its context, or anything is to happen when it is done.
All is compiled, so that neither a Ctrl-C nor another thread comes between the steps.

Source: go1.27 context/context.go cancelCtx, timerCtx, afterFuncCtx.
"""
cimport cython
from libc.stdint cimport int64_t, uint8_t

import weakref

from netpoll._runtime.alarm import Alarm
from netpoll._runtime.clock cimport moment, nanotime
from netpoll._runtime.g cimport G
from netpoll._runtime.goroutine cimport prepare
from netpoll._runtime.scheduler cimport Scheduler, current_g, enqueue_runnable, get_scheduler
from netpoll._runtime.scope cimport (
    BY_CALL,
    BY_TIME,
    CancelScope,
    ScopeWatcher,
    cause_of,
    unwatch_scope,
    watch_scope,
)
from netpoll._runtime.scope import cancel_scope
from netpoll._runtime.waitq cimport WaitQ
from netpoll.context.errors import ContextCancelled, ContextDeadlineExceeded
from netpoll.errors import Cancelled, ScopeTimeout
from netpoll.sync.line cimport Shared, join_line, let_all_in, stand

cdef enum Outcome:
    LIVE = 0
    CANCELLED = 1
    TIME_IS_OVER = 2


cdef class Node(Shared):
    """Whether a context is done, and who hears of it."""

    cdef Node parent            # in whose `children` it is
    cdef set children
    cdef WaitQ line             # who waits for it to be done
    cdef set scopes             # the blocks that it ends
    cdef set calls              # the functions that are called then
    cdef dict alarms            # by scheduler
    cdef object channel         # closed then
    cdef int64_t deadline       # the earliest that counts for it, 0: none
    cdef Node timed             # whose that is, None: its own; a reference to itself would keep it
    cdef object timeout_cause
    cdef uint8_t outcome
    cdef bint forsaken          # nobody holds its context any more
    cdef Node origin            # why it is done: what became of this one; None: of itself
    cdef object cause
    cdef object holder          # a weak reference to its context

    def __cinit__(self, Node parent=None, deadline=None, timeout_cause=None):
        cdef int64_t until = 0 if deadline is None else max(1, deadline)
        self.children = set()
        self.scopes = set()
        self.calls = set()
        self.alarms = {}
        if parent is not None:
            self.deadline = parent.deadline
            self.timed = parent if parent.timed is None else parent.timed
        if until and (not self.deadline or until < self.deadline):
            self.deadline = until
            self.timed = None
            self.timeout_cause = timeout_cause
        if parent is None:
            return
        if parent.look():
            self.finish(parent.outcome, parent.cause, parent.source())
        elif not self.look():
            self.parent = parent
            parent.children.add(self)

    def __repr__(self):
        return f"<context {('live', 'cancelled', 'out of time')[self.outcome]}>"

    # ---- being done

    cdef bint look(self) except -1:
        """Tell whether it is done; the clock counts even if nobody has heard it yet."""
        cdef Node timed = self if self.timed is None else self.timed
        if self.outcome == LIVE and self.deadline and nanotime() >= self.deadline:
            timed.finish(TIME_IS_OVER, timed.timeout_cause, timed)
            self.finish(TIME_IS_OVER, timed.timeout_cause, timed)
        return self.outcome != LIVE

    cdef int finish(self, uint8_t outcome, object cause, Node origin) except -1:
        """Be done, with all made from it; nothing happens if it is already."""
        cdef list others
        cdef Node node
        if self.outcome != LIVE:
            return 0
        others = [self]
        while others:
            node = others.pop()
            if node.outcome == LIVE:
                others.extend(node.children)
                node.settle(outcome, cause, origin)
        return 0

    cdef int settle(self, uint8_t outcome, object cause, Node origin) except -1:
        cdef set scopes = self.scopes
        cdef set calls = self.calls
        cdef dict alarms = self.alarms
        cdef CancelScope scope
        cdef Call call
        self.outcome, self.cause, self.origin = outcome, cause, None if origin is self else origin
        self.scopes, self.calls, self.alarms, self.children = set(), set(), {}, set()
        if self.parent is not None:
            self.parent.children.discard(self)
            self.parent = None
        self.let_go()
        let_all_in(&self.line, 1)
        for scope in scopes:
            scope.stop(BY_CALL)
        for call in calls:
            call.begin()
        if self.channel is not None and not self.channel.closed:
            self.channel.close()
        for alarm in alarms.values():
            alarm.stop()
        return 0

    def cancel(self, cause):
        """Be done by a call of its `cancel`, unless its time is over already."""
        if not self.look():
            self.finish(CANCELLED, cause, self)

    def is_done(self):
        """Tell whether it is done."""
        return self.look()

    cdef Node source(self):
        """Return what it is done because of."""
        return self if self.origin is None else self.origin

    def error(self):
        """Return a new exception of what it is done with, None while it is live."""
        cdef Node origin
        if not self.look():
            return None
        origin = self.source()
        holder = None if origin.holder is None else origin.holder()
        kind = ContextCancelled if self.outcome == CANCELLED else ContextDeadlineExceeded
        error = kind(context=holder)
        error.__cause__ = self.why()
        return error

    def why(self):
        """Return the cause that was given, None without one."""
        return self.source().reason() if self.look() and self.cause is None else self.cause

    cdef object reason(self):
        """Return, without a cause that was given, what can be said of one."""

    cdef void let_go(self) noexcept:
        """Stop listening to what is not a context."""

    def until(self):
        """Return its deadline in ns, 0 if it has none."""
        return self.deadline

    # ---- hearing of it

    def wait(self, timeout=None):
        """Park until it is done; False if `timeout` seconds passed first."""
        cdef int64_t until = moment(timeout)
        cdef int64_t limit
        cdef Scheduler s
        cdef G g
        if self.look():
            return True
        s = get_scheduler()
        g = current_g(s)
        while True:
            s.check_pending(g)
            if self.look():
                return True
            limit = until if not self.deadline or (until and until < self.deadline) else self.deadline
            if stand(self, s, g, join_line(&self.line, g, 0), limit, "for") or self.look():
                return True
            if until and nanotime() >= until:
                return False

    def get_channel(self, make):
        """Return the channel that is closed when it is done; `make` makes it the first time."""
        if self.channel is None:
            channel = make()
            if self.channel is None:    # nor has another thread made one meanwhile
                self.channel = channel
                if self.look() and not channel.closed:
                    channel.close()
        self.set_alarm()
        return self.channel

    cdef int set_alarm(self) except -1:
        """Have it look at the clock in time, on this thread."""
        cdef Scheduler s
        if self.deadline and not self.look():
            s = get_scheduler()
            if s not in self.alarms:
                alarm = Alarm((self.deadline - nanotime()) / 1e9, self.is_done)
                # Those of threads that have ended never ring, and would keep what was theirs.
                self.alarms = {each: its for each, its in self.alarms.items() if not (<Scheduler>each).closed}
                self.alarms[s] = alarm
        return 0

    # ---- being forgotten

    cdef int forget(self) except -1:
        """Leave the parent once nobody holds the context and nothing is to happen when it is done."""
        cdef Node node = self
        cdef Node parent
        while node is not None and node.forsaken and not node.calls and not node.children and node.channel is None:
            for alarm in node.alarms.values():
                alarm.stop()
            node.alarms = {}
            node.let_go()
            parent, node.parent = node.parent, None
            if parent is not None:
                parent.children.discard(node)
            node = parent
        return 0

    def number_of_children(self):
        """Return how many live ones hear of its end, functions to be called included."""
        return len(self.children) + len(self.calls)


@cython.final
cdef class Follower(ScopeWatcher):
    """Has a node done when the block of a scope is to end, or has ended."""

    cdef ScopeNode node

    cdef void over(self, CancelScope scope) noexcept:
        self.node.follow(scope)


@cython.final
cdef class ScopeNode(Node):
    """One that is done with a scope, too."""

    cdef CancelScope scope
    cdef CancelScope ended_by   # the scope itself, or one farther out
    cdef Follower follower

    def listen(self, CancelScope scope not None):
        """Be done when the scope is cancelled, or what it is in, or left; at once if it is."""
        self.scope = scope
        if self.look():
            return
        self.follower = Follower.__new__(Follower)
        self.follower.node = self
        watch_scope(scope, self.follower)

    cdef void follow(self, CancelScope scope) noexcept:
        cdef CancelScope cause = cause_of(scope)
        self.ended_by = cause
        self.finish(TIME_IS_OVER if cause.cancellation == BY_TIME else CANCELLED, None, self)

    cdef void let_go(self) noexcept:
        if self.follower is not None:
            unwatch_scope(self.scope, self.follower)
            self.follower = None

    cdef object reason(self):
        if self.ended_by is None or not self.ended_by.cancellation:
            return None
        text = self.ended_by.text(self.scope.g)
        return ScopeTimeout(text, self.ended_by) if self.outcome == TIME_IS_OVER else Cancelled(text)

    def until(self):
        """Return its deadline in ns, 0 if it has none; those of its scope and of those farther out count."""
        cdef CancelScope scope = self.scope
        cdef int64_t earliest = self.deadline
        while scope is not None:
            if scope.until and (not earliest or scope.until < earliest):
                earliest = scope.until
            if scope.shielded:
                break
            scope = scope.outer
        return earliest


@cython.final
cdef class Call:
    """A function that is called when a context is done, on the thread that asked for it."""

    cdef Node node
    cdef Scheduler scheduler
    cdef G g        # None once it has begun or was stopped

    cdef int begin(self) except -1:
        """Have it begin on its thread, if that still runs goroutines. From any thread."""
        cdef G g = self.g
        cdef Scheduler s = self.scheduler
        self.g = None
        if g is not None and not s.closed and (s.draining or not s.ending):
            g.cancelled = g.stop = s.draining
            s.link(g)
            enqueue_runnable(<void *>g, False)
        return 0

    def stop(self):
        """Let it not be called; False if it was called already, or stopped before. Any thread."""
        if self.g is None:
            return False
        self.g = None
        self.node.calls.discard(self)
        self.node.forget()
        return True


cdef class Held:
    """What people hold of a node, such as a context; also a block that ends with the node."""

    cdef readonly Node node
    cdef bint alone
    cdef list entered       # the blocks of it that goroutines are in
    cdef object __weakref__

    def __cinit__(self, *args, **kwargs):
        self.entered = []

    def hold(self, Node node not None, *, bint alone=True):
        """Be what people hold of a node; not alone: one that this keeps alive is so, too."""
        self.node = node
        self.alone = alone
        if alone:
            node.holder = weakref.ref(self)

    def __del__(self):
        if self.alone:
            self.node.forsaken = True
            self.node.forget()

    def entered_by(self):
        """Return how many are in a block of it now."""
        return len(self.entered)

    def __enter__(self):
        cdef CancelScope scope = cancel_scope()
        scope.until = self.node.deadline
        if self.node.look():
            scope.stop(BY_CALL)
        scope.__enter__()
        self.entered.append(scope)
        self.node.scopes.add(scope)
        if self.node.outcome != LIVE:
            scope.stop(BY_CALL)
        return self

    def __exit__(self, kind, exception, traceback):
        cdef G g = current_g(get_scheduler())
        cdef CancelScope scope = None
        for scope in reversed(self.entered):
            if scope.g is g:
                break
        else:
            raise RuntimeError("the block of a context is left by the goroutine that has entered it")
        self.entered.remove(scope)
        self.node.scopes.discard(scope)
        if not scope.__exit__(kind, exception, traceback):
            return False
        self.node.look()
        error = self.node.error()
        if error.__cause__ is None:
            raise error from exception
        raise error


def after_func(Held context not None, fn, /, *args, **kwargs):
    """Have `fn(*args, **kwargs)` begin as a goroutine of this thread when the context is done.

    At once if it is. Return a function that, called before that, lets it not begin, and tells
    whether it was in time; any thread may call it. What fn raises goes to excepthook. It never
    begins if the thread's run ends before. Does not park.

    Source: go1.27 context/context.go AfterFunc.
    """
    if not callable(fn):
        raise TypeError(f"after_func() needs a callable, not {type(fn).__name__}")
    cdef Call call = Call.__new__(Call)
    cdef Node node = context.node
    call.g = prepare(fn, args, kwargs)
    call.node = node
    call.scheduler = get_scheduler()
    if node.look():
        call.begin()
    else:
        node.calls.add(call)
        node.set_alarm()
    return call.stop
