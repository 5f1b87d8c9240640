"""RWMutex: a lock that one writer has alone, or any number of readers together.

    writer   reading   readers, writers in line   rlock         lock          what comes next
    none     0         nobody                     has it        has it
    none     > 0       no writer                  has it        in line       last reader out: nobody has it
    none     > 0       a writer, any readers      in line       in line       last reader out: the first writer has it
    one      0         anybody                    in line       in line       unlock: all readers in line have it, or
                                                                              else the first writer

So readers and writers take turns: a writer waits for those who read when it comes and, for each writer before it, for
one batch of readers; a reader waits for one writer. Nobody starves. If a writer leaves the line without the lock, the
readers that stood behind it alone go in. Handed over, as a Mutex is, and for the same reasons.

Source: go1.27 sync/rwmutex.go, which lets in the same ones at the same moments.
"""
cimport cython
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, ready, spend_here
from netpoll._runtime.waitq cimport WaitQ, dequeue
from netpoll.sync.holder cimport Holder, hold_by, hold_here, holds_here, name_of_holder
from netpoll.sync.line cimport Shared, join_line, length, let_all_in, stand

cdef enum Grant:
    TO_READ = 1
    TO_WRITE = 2


@cython.final
cdef class RWMutex(Shared):
    """A lock that one writer has alone, or any number of readers together; they take turns.

    For `with` there are `reading` and `writing`. Not reentrant: who reads and reads once more waits
    for ever if a writer has come in between. Otherwise as Mutex. Any thread.

    Source: go1.27 sync/rwmutex.go RWMutex.
    """

    cdef WaitQ to_read
    cdef WaitQ to_write
    cdef Holder writer
    cdef Py_ssize_t active      # who read

    def __repr__(self):
        cdef list said = []
        if self.writer.id:
            said.append(f"locked by {name_of_holder(&self.writer)}")
        elif self.active:
            said.append(f"{self.active} reading")
        else:
            said.append("unlocked")
        if self.to_read.first != NULL:
            said.append(f"{length(&self.to_read)} waiting to read")
        if self.to_write.first != NULL:
            said.append(f"{length(&self.to_write)} waiting to write")
        return f"<RWMutex {', '.join(said)}>"

    @property
    def locked(self):
        """Whether a writer has it."""
        return self.writer.id != 0

    @property
    def readers(self):
        """How many read."""
        return self.active

    def rlock(self, timeout=None):
        """Lock for reading, waiting in line for at most `timeout` seconds: TimeoutError after that.

        Parks while a writer has the lock or waits for it; raises Cancelled then, and only then.

        Source: go1.27 sync/rwmutex.go (*RWMutex).RLock.
        """
        cdef int64_t until = 0 if timeout is None else moment(timeout)
        if not self.try_read():
            self.wait_to_read(timeout, until)

    def try_rlock(self):
        """Lock for reading if no writer has the lock or waits for it; tell whether that was so.

        Source: go1.27 sync/rwmutex.go (*RWMutex).TryRLock.
        """
        return self.try_read()

    def runlock(self):
        """End one `rlock`. RuntimeError if nobody reads. Never parks.

        Source: go1.27 sync/rwmutex.go (*RWMutex).RUnlock.
        """
        if not self.active:
            raise RuntimeError("runlock of an RWMutex that is not locked for reading")
        self.read_done()

    def lock(self, timeout=None):
        """Lock for writing, waiting in line for at most `timeout` seconds: TimeoutError after that.

        Parks while anybody has the lock; raises Cancelled then, and only then.

        Source: go1.27 sync/rwmutex.go (*RWMutex).Lock.
        """
        cdef int64_t until = 0 if timeout is None else moment(timeout)
        if not self.try_write():
            self.wait_to_write(timeout, until)

    def try_lock(self):
        """Lock for writing if nobody has the lock; tell whether that was so. Does not wait.

        Source: go1.27 sync/rwmutex.go (*RWMutex).TryLock.
        """
        return self.try_write()

    def unlock(self):
        """End a `lock`. RuntimeError if no writer has it. Never parks.

        Source: go1.27 sync/rwmutex.go (*RWMutex).Unlock.
        """
        if not self.writer.id:
            raise RuntimeError("unlock of an RWMutex that is not locked for writing")
        self.writer.id = 0
        self.next_turn()

    def reading(self, timeout=None):
        """Return what `with` locks for reading; it may be used any number of times.

        Source: go1.27 sync/rwmutex.go (*RWMutex).RLocker.
        """
        return Side(self, TO_READ, timeout)

    def writing(self, timeout=None):
        """Return what `with` locks for writing; it may be used any number of times."""
        return Side(self, TO_WRITE, timeout)

    # -- the two ways in

    cdef bint try_read(self) except -1:
        spend_here()
        if self.writer.id or self.to_write.first != NULL:
            return False
        self.active += 1
        return True

    cdef bint try_write(self) except -1:
        spend_here()
        if self.writer.id or self.active:
            return False
        hold_here(&self.writer)
        return True

    cdef int wait_to_read(self, object timeout, int64_t until) except -1:
        cdef Scheduler s = get_scheduler()
        cdef G g = current_g(s)
        cdef const char *reason = "to read under"
        s.check_pending(g)
        if not self.writer.id and self.to_write.first == NULL:
            self.active += 1
            return 0
        if self.writer.id and holds_here(&self.writer, g):
            reason = "to read under, though it writes itself under,"
        if not stand(self, s, g, join_line(&self.to_read, g, 0), until, reason):
            raise TimeoutError(f"no lock for reading within {timeout} s: {self!r}")
        return 0

    cdef int wait_to_write(self, object timeout, int64_t until) except -1:
        cdef Scheduler s = get_scheduler()
        cdef G g = current_g(s)
        cdef const char *reason = "to write under"
        s.check_pending(g)
        if not self.writer.id and not self.active:
            hold_here(&self.writer)
            return 0
        if self.writer.id and holds_here(&self.writer, g):
            reason = "to write under, though it does so already,"
        if not stand(self, s, g, join_line(&self.to_write, g, 0), until, reason):
            raise TimeoutError(f"no lock for writing within {timeout} s: {self!r}")
        return 0

    # -- whose turn it is

    cdef void read_done(self) noexcept:
        self.active -= 1
        if not self.active:
            self.let_writer_in()    # no reader is in line without one

    cdef void next_turn(self) noexcept:
        """After a writer: the readers who came meanwhile, or else the next writer."""
        if self.to_read.first != NULL:
            self.let_readers_in()
        else:
            self.let_writer_in()

    cdef void let_writer_in(self) noexcept:
        cdef void *g = dequeue(&self.to_write, TO_WRITE)
        if g != NULL:
            hold_by(&self.writer, g)
            ready(g)

    cdef void let_readers_in(self) noexcept:
        self.active += length(&self.to_read)
        let_all_in(&self.to_read, TO_READ)

    cdef void left(self, int granted, Py_ssize_t share) noexcept:
        if granted == TO_READ:
            self.read_done()
        elif granted == TO_WRITE:
            self.writer.id = 0
            self.next_turn()
        elif not self.writer.id and self.to_write.first == NULL:
            self.let_readers_in()   # nobody is left for whom they would have to wait


@cython.final
cdef class Side:
    """One of the two ways to hold an RWMutex, for `with`."""

    cdef RWMutex mutex
    cdef int grant
    cdef object timeout

    def __cinit__(self, RWMutex mutex not None, int grant, timeout):
        self.mutex = mutex
        self.grant = grant
        self.timeout = timeout

    def __enter__(self):
        if self.grant == TO_READ:
            self.mutex.rlock(self.timeout)
        else:
            self.mutex.lock(self.timeout)

    def __exit__(self, kind, exception, traceback):
        if self.grant == TO_READ:
            self.mutex.runlock()
        else:
            self.mutex.unlock()
