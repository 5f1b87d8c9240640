"""Group: goroutines that end together, with the block that started them.

    group     go                                 a failure, `cancel`      the end of the block
    new       RuntimeError                       stops it                 -
    open      starts a member                    stops it                 waits
    waiting   starts a member, while one lives   stops it                 -
    over      RuntimeError                       -                        -

Stopped: block and members are cancelled, and so is who is started from then on. What the block or a member raises
because of that is no failure; what else they raise is, and stops the group, if nobody else has. The wait for the
members of a group that is stopped is shielded: nothing but the end of all members ends it, or a Ctrl-C after another
one. All of it is compiled, so that no Ctrl-C comes between the steps.

Source: golang.org/x/sync errgroup (the limit); trio _core/_run.py Nursery (the wait, what is no failure).
"""
cimport cython
from libc.stdint cimport uint8_t

from netpoll._runtime.g cimport G, G_DEAD, Watcher, failed, unwatch, watch
from netpoll._runtime.goroutine cimport begin, prepare
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, spend
from netpoll._runtime.scope cimport BY_CALL, CancelScope, renew_stop
from netpoll._runtime.scope import cancel_scope, shield
from netpoll._runtime.waitq cimport WaitQ
from netpoll.errors import Cancelled, GoroutineCancelled
from netpoll.sync.line cimport Shared, join_line, let_all_in, let_in, stand

cdef enum GroupState:
    NEW = 0
    OPEN = 1
    WAITING = 2
    OVER = 3

cdef enum:
    FOR_A_PLACE = 1     # what a waiter stands in line for
    FOR_THE_END = 0


@cython.final
cdef class Member(Watcher):
    """One goroutine of a group, for as long as it lives."""

    cdef Group group
    cdef void *g            # borrowed: the goroutine holds this
    cdef void *next_member
    cdef void *prev_member

    cdef void outcome(self, G g) noexcept:
        if failed(g):
            self.group.fail(g)

    cdef void ended(self, G g) noexcept:
        self.group.take_out(self)


@cython.final
cdef class Group(Shared):
    """Goroutines that end together, with the block that started them: `with Group() as group`.

    The end of the block waits for all of them. The first failure, of the block or of a member,
    cancels the others and the block. What comes out is that exception if it was the only one, or
    else an ExceptionGroup (BaseExceptionGroup) of all, in the order of their time. What the
    cancellation itself makes them raise is not among them, nor is the end of a member that somebody
    has cancelled. If the waiting block is cancelled, or there is a Ctrl-C, the members are
    cancelled and waited for, then that goes on; a second Ctrl-C leaves them behind, cancelled:
    its context is what has failed by then, and of later failures the excepthook is told.

    limit: so many members at once, at least 1; None: any number.

    Source: golang.org/x/sync errgroup.Group; trio open_nursery, asyncio.TaskGroup.
    """

    cdef CancelScope scope          # the block's
    cdef void *first                # the members that live, youngest first
    cdef readonly Py_ssize_t count
    cdef readonly object limit
    cdef Py_ssize_t free            # places, if there is a limit
    cdef WaitQ line                 # who waits for a place
    cdef WaitQ end                  # who waits for the members: the block
    cdef list failures              # (exception, its traceback then), oldest first
    cdef object pending             # the Cancelled that goes on if nothing else does
    cdef uint8_t state
    cdef bint stopped
    cdef bint interrupted           # while it waited

    def __cinit__(self, limit=None):
        if limit is not None and limit < 1:
            raise ValueError(f"a group has a place for one member at least, not {limit}")
        self.limit = limit
        self.free = 0 if limit is None else limit
        self.scope = cancel_scope()
        self.failures = []

    def __repr__(self):
        what = ("new", "open", "waiting", "over")[self.state]
        return f"<Group {what}{' cancelled' if self.stopped else ''}, members: {self.count}>"

    @property
    def cancelled(self):
        """Whether it was cancelled, by `cancel` or by a failure."""
        return self.stopped

    # ---- members

    def go(self, fn, /, *args, **kwargs):
        """Start `fn(*args, **kwargs)` as a member of the group; return the goroutine.

        With a limit: parks until there is a place, first come first served. In a group that is
        cancelled it starts nothing: the goroutine is cancelled before it begins. RuntimeError
        outside of the block. Any goroutine may call it, of any thread: the new one is of that
        thread. Otherwise as `netpoll.go`.

        Source: golang.org/x/sync errgroup (*Group).Go.
        """
        cdef Scheduler s = get_scheduler()
        cdef Member member = Member.__new__(Member)
        cdef G g = self.prepared(fn, args, kwargs)
        if self.limit is not None:
            self.take_place(s)
        return self.start(s, member, g)

    def try_go(self, fn, /, *args, **kwargs):
        """Start a member if there is a place for it now: return the goroutine, or else None.

        There is none either while others wait for one. Does not park, but like all that tries, it
        lets the others have their turn now and then. Otherwise as `go`.

        Source: golang.org/x/sync errgroup (*Group).TryGo.
        """
        cdef Scheduler s = get_scheduler()
        cdef Member member = Member.__new__(Member)
        cdef G g
        spend(<void *>s)
        g = self.prepared(fn, args, kwargs)
        if self.limit is not None and not self.take_free_place():
            return None
        return self.start(s, member, g)

    cdef G prepared(self, fn, tuple args, dict kwargs):
        if not callable(fn):
            raise TypeError(f"go() needs a callable, not {type(fn).__name__}")
        cdef G g = prepare(fn, args, kwargs)
        self.check_open()   # the last of it: a finalizer that runs in an allocation may let the group end
        return g

    cdef G start(self, Scheduler s, Member member, G g):
        """Begin a member that has its place."""
        member.group = self
        member.g = <void *>g
        self.put_in(member)
        watch(g, member)
        g.joined = True     # the group hears of its failure
        begin(s, g, &s.runq)
        if self.stopped:
            g.cancelled = g.stop = True
        return g

    cdef int check_open(self) except -1:
        if self.state == NEW:
            raise RuntimeError("a group starts goroutines in its block: with Group() as group")
        if self.state == OVER or (self.state == WAITING and not self.count):
            raise RuntimeError("the group has ended")
        return 0

    cdef int take_place(self, Scheduler s) except -1:
        cdef G g
        if self.take_free_place():
            return 0
        g = current_g(s)
        s.check_pending(g)
        if not self.take_free_place():
            stand(self, s, g, join_line(&self.line, g, FOR_A_PLACE), 0, "for a place in")
        try:
            if g.stop:      # by the failure that has freed the place, say: nothing would begin any more
                s.raise_pending(g)
            self.check_open()
        except BaseException:
            self.give_place()
            raise
        return 0

    cdef bint take_free_place(self) noexcept:
        """Take a place, unless there is none or somebody waits for one; tell whether that was so."""
        if not self.free or self.line.first != NULL:
            return False
        self.free -= 1
        return True

    cdef void give_place(self) noexcept:
        if self.line.first != NULL:
            let_in(&self.line, 1)
        else:
            self.free += 1

    cdef void left(self, int granted, Py_ssize_t share) noexcept:
        if granted and share == FOR_A_PLACE:
            self.give_place()

    cdef void put_in(self, Member member) noexcept:
        member.next_member = self.first
        if self.first != NULL:
            (<Member>self.first).prev_member = <void *>member
        self.first = <void *>member
        self.count += 1

    cdef void take_out(self, Member member) noexcept:
        if member.prev_member == NULL:
            self.first = member.next_member
        else:
            (<Member>member.prev_member).next_member = member.next_member
        if member.next_member != NULL:
            (<Member>member.next_member).prev_member = member.prev_member
        member.next_member = member.prev_member = NULL
        self.count -= 1
        if self.limit is not None:
            self.give_place()
        if not self.count:
            let_all_in(&self.end, 1)

    cdef void fail(self, G g) noexcept:
        """Note the failure of a member, which stops the group."""
        if self.failures is None:
            return
        self.failures.append((g.exception, g.traceback))
        if not self.stopped and self.scope.reason is None:
            self.scope.reason = "a goroutine of its group has failed"
        self.stop(<void *>g)

    cdef void stop(self, void *but) noexcept:
        """Cancel block and members, except the one that has failed."""
        cdef list alive = []
        cdef void *at
        cdef G g
        if self.stopped:
            return
        self.stopped = True
        at = self.first
        while at != NULL:
            alive.append(<G>(<Member>at).g)
            at = (<Member>at).next_member
        self.scope.stop(BY_CALL)
        for g in alive:     # held: who hears of a scope may drop what has a finalizer, and members end then
            if <void *>g != but and not g.cancelled and g.state != G_DEAD:
                g.cancelled = True
                renew_stop(g)

    def cancel(self, reason=None):
        """Cancel the block and all members, those started later included. Any thread.

        That is no failure: the program goes on behind the block. reason: a text for the exception
        in the block. Does not park; nothing happens to a group that is over.
        """
        if self.state == OVER:
            return
        if not self.stopped:
            self.scope.cancel(reason)
        self.stop(NULL)

    # ---- the block

    def __enter__(self):
        if self.state != NEW:
            raise RuntimeError("a group can be entered only once")
        self.scope.__enter__()
        self.state = OPEN
        return self

    def __exit__(self, kind, exception, traceback):
        cdef Scheduler s = get_scheduler()
        cdef G g = current_g(s)
        if self.state != OPEN:
            raise RuntimeError("the group was not entered, or has been left")
        if self.scope.g is not g:
            raise RuntimeError("a group is left by the goroutine that has entered it")
        self.state = WAITING
        if not self.scope.leave():
            self.keep(g, RuntimeError("a group is left before the scopes that were entered in it"))
        if exception is not None:
            self.keep(g, exception)
        self.wait(s, g)
        self.state = OVER
        return self.conclude(exception)

    cdef int keep(self, G g, exception) except -1:
        """Note what the block, or the wait after it, has raised."""
        if isinstance(exception, Cancelled):
            # By this group, unless what lies farther out is cancelled as well.
            self.pending = exception if g.stop or not self.stopped else None
        elif not (self.stopped and isinstance(exception, GoroutineCancelled)):
            self.failures.append((exception, exception.__traceback__))
        self.stop(NULL)
        return 0

    cdef int wait(self, Scheduler s, G g) except -1:
        """Wait until the last member has ended, whatever is raised meanwhile."""
        self.forget_the_dead()
        while self.count:
            try:
                if self.stopped:
                    with shield():
                        self.wait_once(s, g)
                else:
                    self.wait_once(s, g)
            except BaseException as exception:
                if self.interrupted:
                    self.abandon(exception)
                    raise
                self.interrupted = not isinstance(exception, Cancelled)
                self.keep(g, exception)
        return 0

    cdef int wait_once(self, Scheduler s, G g) except -1:
        s.check_pending(g)
        if self.count:
            stand(self, s, g, join_line(&self.end, g, FOR_THE_END), 0, "for")
        return 0

    cdef void forget_the_dead(self) noexcept:
        """Take out who is dead without having said so: in a forked child, all that did not fork."""
        cdef void *at = self.first
        cdef Member member
        while at != NULL:
            member = <Member>at
            at = member.next_member
            if (<G>member.g).state == G_DEAD:
                self.take_out(member)

    cdef int abandon(self, exception) except -1:
        """Leave the members to themselves: `exception` tells what has failed, the excepthook what fails from now on."""
        cdef Member member
        self.state = OVER
        while self.first != NULL:
            member = <Member>self.first
            (<G>member.g).joined = False
            self.take_out(member)
            unwatch(<G>member.g, member)
        self.failures = [one for one in self.failures if one[0] is not exception]
        if self.failures:
            exception.__context__ = self.take_failure()
        return 0

    cdef object take_failure(self):
        """Return what is to be raised for all that has failed, or None."""
        # One that was joined has been raised by who joined it, too.
        cdef dict distinct = {}
        for failure in self.failures:
            distinct.setdefault(id(failure[0]), failure)
        self.failures = None
        cdef list several = [one.with_traceback(its) for one, its in distinct.values()]
        if len(several) > 1:
            return BaseExceptionGroup(f"{len(several)} failures in a group", several)
        return several[0] if several else None

    cdef bint conclude(self, exception) except -1:
        """Raise what is to come out of the block; tell whether what it has raised ends here."""
        pending, self.pending = self.pending, None
        error = self.take_failure()
        if error is None:
            error = pending
        if error is None:
            return True
        if error is exception:
            return False
        context = error.__context__
        try:
            raise error
        finally:
            error.__context__ = context     # not what the block was doing when it was cancelled
