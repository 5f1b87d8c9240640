"""MemoryFD: the two ends of a connection within the process, without any descriptor.

Lines, deadlines, close and threads are FD's, and reading and writing StreamFD's. Here are the system calls
that there are not: two rings of bytes take the place of the kernel's buffers, and who changes one tells
the other end, as an edge of epoll would.

    change of a ring                        who is told, if parked
    bytes come into an empty one            its reader
    room comes into a full one              its writer
    its writer ends, its reader goes away   both

    end is closed or shut down   its own reads        its own writes    peer's reads        peer's writes
    for writing                  -                    EPIPE             the rest, then b""  -
    for reading                  the rest, then b""   -                 -                   EPIPE

The other end is told after the ring has changed and its lock is free. The PollDesc is of no poller: it
stays in the scheduler's cache alone. It starts out as ready in both directions, for what happened before
it was there was told to nobody. Who waits here counts as one who waits for the network.

Source: go1.27 net/pipe.go, which has no buffer; here a write that fits does not wait for a reader.
"""
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.errno cimport EAGAIN, EBADF, EPIPE, errno
from libc.string cimport memcpy

import os
import sys
import warnings

from netpoll._poll.fd cimport FD
from netpoll._poll.fd_mutex cimport is_closed
from netpoll._poll.stream_fd cimport WOULD_BLOCK
from netpoll._runtime.atomics cimport np_lock_acquire, np_lock_init, np_lock_release
from netpoll._runtime.glist cimport GList
from netpoll._runtime.netpoll cimport (
    MODE_READ,
    MODE_WRITE,
    PD_NIL,
    PD_READY,
    PollDesc,
    Poller,
    pd_drop_timers,
    pd_notify,
    pd_set_deadline,
)
from netpoll._runtime.scheduler cimport Scheduler, ready_list
from netpoll.errors import ClosedError

cdef enum:
    SHUT_READ = 0
    SHUT_WRITE = 1
    SHUT_BOTH = 2


# ---- a ring of bytes -------------------------------------------------------------------------

cdef Py_ssize_t take(Ring *ring, char *buffer, Py_ssize_t size) noexcept:
    """Move up to `size` bytes out."""
    cdef Py_ssize_t done = 0
    cdef Py_ssize_t some
    size = min(size, ring.held)
    while done < size:
        some = min(size - done, ring.size - ring.start)
        memcpy(buffer + done, ring.data + ring.start, some)
        ring.start = (ring.start + some) % ring.size
        ring.held -= some
        done += some
    return done


cdef Py_ssize_t put(Ring *ring, const char *data, Py_ssize_t size) noexcept:
    """Move up to `size` bytes in."""
    cdef Py_ssize_t done = 0
    cdef Py_ssize_t end, some
    size = min(size, ring.size - ring.held)
    while done < size:
        end = (ring.start + ring.held) % ring.size
        some = min(size - done, ring.size - end)
        memcpy(ring.data + end, data + done, some)
        ring.held += some
        done += some
    return done


cdef class Memory:
    """What the two ends share."""

    def __cinit__(self, Py_ssize_t capacity):
        np_lock_init(&self.guard)
        for i in range(2):
            self.rings[i].size = capacity
            self.rings[i].data = <char *>PyMem_RawMalloc(capacity)
            if self.rings[i].data == NULL:
                raise MemoryError("no memory for a pipe")

    def __dealloc__(self):
        for i in range(2):
            PyMem_RawFree(self.rings[i].data)

    cdef void notify(self, int end, int mode) noexcept:
        """Tell an end that it may read or write now."""
        cdef GList woken = GList(NULL, NULL, 0)
        cdef MemoryFD fd
        if self.ends[end] == NULL:
            return
        fd = <MemoryFD>self.ends[end]
        if fd.pd != NULL:
            pd_notify(fd.pd, mode, &woken)
            ready_list(&woken)


cdef class MemoryFD(StreamFD):
    """One end, for any goroutine of any thread. A method that parks says so."""

    @classmethod
    def pair(cls, Py_ssize_t capacity):
        """Return two ends that are connected; each direction holds so many bytes.

        ValueError, MemoryError.
        """
        if capacity <= 0:
            raise ValueError("a pipe holds at least one byte")
        cdef Memory memory = Memory(capacity)
        cdef MemoryFD near = cls.__new__(cls)
        cdef MemoryFD far = cls.__new__(cls)
        near.memory = far.memory = memory
        far.side = 1
        memory.ends[0], memory.ends[1] = <void *>near, <void *>far
        return near, far

    def __del__(self):
        if self.memory is not None and not is_closed(&self.mutex):
            try:
                what = repr(self) if self.described is None else self.described
                warnings.warn(f"unclosed {what}", ResourceWarning, source=self)
            except Exception:
                if not sys.is_finalizing():     # there may be nothing left to warn with
                    raise
            finally:
                self.close()

    def __repr__(self):
        return f"<{type(self).__name__} {id(self):#x}{' closed' if is_closed(&self.mutex) else ''}>"

    def fileno(self):
        """Raise OSError(EBADF), for there is no descriptor. ClosedError."""
        if is_closed(&self.mutex):
            raise ClosedError()
        raise OSError(EBADF, os.strerror(EBADF))

    def shutdown(self, int how):
        """End reading (0), writing (1) or both (2). ClosedError. Does not park."""
        self.enter()
        try:
            self.hang_up(how != SHUT_WRITE, how != SHUT_READ)
        finally:
            self.exit()

    cdef void hang_up(self, bint reading, bint writing) noexcept:
        cdef Memory memory = self.memory
        np_lock_acquire(&memory.guard)
        if reading:
            memory.rings[self.side].unread = True
        if writing:
            memory.rings[1 - self.side].ended = True
        np_lock_release(&memory.guard)
        for end in range(2):
            memory.notify(end, MODE_READ | MODE_WRITE)

    # -- what the kernel does elsewhere

    cdef bint has_data(self) noexcept:
        cdef Ring *ring = &self.memory.rings[self.side]
        return ring.held > 0 or ring.ended or ring.unread

    cdef Py_ssize_t recv_once(self, char *buffer, Py_ssize_t size) except -2:
        cdef iovec piece
        piece.iov_base = buffer
        piece.iov_len = size
        return self.recv_vector_once(&piece, 1, size)

    cdef Py_ssize_t recv_vector_once(self, iovec *vector, Py_ssize_t count, Py_ssize_t size) except -2:
        cdef Ring *ring = &self.memory.rings[self.side]
        cdef Py_ssize_t got = 0
        cdef bint was_full, at_end
        if self.pd != NULL and self.pd.rg == PD_READY:
            # Consumed before the look: what changes from now on is told anew.
            self.pd.rg = PD_NIL
        np_lock_acquire(&self.memory.guard)
        was_full = ring.held == ring.size
        at_end = ring.ended or ring.unread
        for i in range(count):
            got += take(ring, <char *>vector[i].iov_base, vector[i].iov_len)
        np_lock_release(&self.memory.guard)
        if got == 0 and not at_end:
            return WOULD_BLOCK
        if got and was_full:
            self.memory.notify(1 - self.side, MODE_WRITE)
        self.last_read = <unsigned int>min(got, <Py_ssize_t>1 << 30)
        return got

    cdef ssize_t send_once(self, iovec *vector, Py_ssize_t count) noexcept:
        cdef Ring *ring = &self.memory.rings[1 - self.side]
        cdef Py_ssize_t sent = 0
        cdef bint was_empty, refused
        np_lock_acquire(&self.memory.guard)
        refused = ring.ended or ring.unread
        was_empty = ring.held == 0
        if not refused:
            for i in range(count):
                sent += put(ring, <const char *>vector[i].iov_base, vector[i].iov_len)
        np_lock_release(&self.memory.guard)
        if refused or sent == 0:
            (&errno)[0] = EPIPE if refused else EAGAIN
            return -1
        if was_empty:
            self.memory.notify(1 - self.side, MODE_READ)
        return sent

    # -- the place among those who wait, without a poller's registration

    cdef int attach(self, Scheduler s) except -1:
        if self.pd == NULL:
            self.pd = s.poller.cache.alloc(-1)
            self.pd.rg = self.pd.wg = PD_READY
            self.home = s
            self.poller = s.poller
            return 0
        return FD.attach(self, s)

    cdef int move(self, Scheduler s) except -1:
        cdef GList woken = GList(NULL, NULL, 0)
        cdef PollDesc *old = self.pd
        cdef Poller poller = self.poller    # kept alive: `old` lies in its cache
        cdef PollDesc *new = s.poller.cache.alloc(-1)
        new.rg = new.wg = PD_READY
        self.pd = new
        pd_drop_timers(old, self.home.timers)
        # Who waits there has lost its poller, and tries again.
        pd_notify(old, MODE_READ | MODE_WRITE, &woken)
        poller.cache.release(old)
        self.home = s
        self.poller = s.poller
        ready_list(&woken)
        pd_set_deadline(new, s.timers, MODE_READ, old.rd, &woken)
        pd_set_deadline(new, s.timers, MODE_WRITE, old.wd, &woken)
        return 0

    cdef int destroy(self) noexcept:
        """End both directions. Runs once, by whoever left last."""
        if self.pd != NULL:
            pd_drop_timers(self.pd, self.home.timers)
            self.poller.cache.release(self.pd)
            self.pd = NULL
            self.home = None
            self.poller = None
        if self.memory is not None:
            self.hang_up(True, True)
            # Here, not when this is freed: the collector may have taken `memory` away before.
            self.memory.ends[self.side] = NULL
        return 0
