"""Messages with control data, on a socket of any kind: recvmsg(2) and sendmsg(2).

Contract, besides FD's
  * Descriptors that come with a message (SCM_RIGHTS) are the caller's only with the whole result; see control.pyx.
  * On a stream what does not go into one call is sent by more of them, the control data with the first alone.

Source: go1.27 internal/poll/fd_unix.go (*FD).ReadMsg, WriteMsg; recvmsg(2), cmsg(3), unix(7).
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from netpoll._poll.control cimport Arrival, packed
from netpoll._poll.fd cimport check, fail_errno, lock, unlock
from netpoll._poll.stream_fd cimport MAX_VECTOR
from netpoll._poll.waiting cimport (
    check_made,
    lock_to_send,
    unlock_and_count,
    unlock_and_raise,
    wait_event,
    wait_for_room,
)
from netpoll._runtime.netpoll cimport MODE_READ, MODE_WRITE
from netpoll._runtime.scheduler cimport Scheduler, get_scheduler
from netpoll._runtime.scratch cimport SCRATCH_SIZE, contents, room
from netpoll._runtime.syscalls cimport MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_STREAM, iovec, kernel, msghdr

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1

cdef enum:
    MAX_RW = 1 << 30          # bytes of one system call, as in Go


# ---- buffers ---------------------------------------------------------------------------------

cdef class Pieces:
    """Buffers as the kernel wants them, held until this is gone."""

    cdef list views
    cdef iovec *vector
    cdef iovec *next            # the first that is not done
    cdef Py_ssize_t count       # from there on

    def __cinit__(self, buffers):
        cdef Py_buffer *view
        self.views = [memoryview(buffer).cast("B") for buffer in buffers]
        self.count = len(self.views)
        self.next = self.vector = <iovec *>malloc(max(1, self.count) * sizeof(iovec))
        if self.vector == NULL:
            raise MemoryError("no memory for a vector of buffers")
        for i in range(self.count):
            view = PyMemoryView_GET_BUFFER(self.views[i])
            self.vector[i].iov_base = view.buf
            self.vector[i].iov_len = view.len

    def __dealloc__(self):
        free(self.vector)

    cdef int check_writable(self) except -1:
        for view in self.views:
            if view.readonly:
                raise TypeError("a message is received into writable buffers")
        return 0

    cdef Py_ssize_t size(self) noexcept:
        """Return how many bytes there is room for, or, of views that overlap, were there so many."""
        cdef size_t size = 0
        for i in range(self.count):
            size += self.vector[i].iov_len
        return min(size, <size_t>MAX_RW)

    cdef void spread(self, Pieces whole, size_t got) noexcept:
        """Copy what was received in one piece into these; what is behind it stays as it was."""
        cdef const char *place = <const char *>whole.vector.iov_base
        cdef size_t left = min(got, whole.vector.iov_len)
        cdef size_t some
        for i in range(self.count):
            some = min(left, self.vector[i].iov_len)
            memcpy(self.vector[i].iov_base, place, some)
            place += some
            left -= some

    cdef bint advance(self, size_t done) noexcept:
        """Leave behind what was sent; return whether there is more."""
        while self.count and done >= self.next.iov_len:
            done -= self.next.iov_len
            self.next += 1
            self.count -= 1
        if self.count:
            self.next.iov_base = <char *>self.next.iov_base + done
            self.next.iov_len -= done
        return self.count > 0


# ---- receiving -------------------------------------------------------------------------------
# What can park has no `try`; see raised.pxd.

cpdef tuple receive_message(SocketFD fd, Py_ssize_t size, Py_ssize_t control_size=0, int flags=0):
    """Receive up to `size` bytes: data, [(level, type, data), ...], flags, raw sockaddr. Parks.

    control_size: room for the control data, with its headers (CMSG_SPACE). flags: of recvmsg(2).
    OSError, ClosedError, DeadlineExceeded, Cancelled.
    """
    return handed_out(receive_arrival(fd, size, control_size, flags))


cdef Arrival receive_arrival(SocketFD fd, Py_ssize_t size, Py_ssize_t control_size, int flags):
    """Receive as receive_message does; the descriptors stay the Arrival's."""
    cdef PyObject *raw
    cdef int64_t until
    check_made(fd)
    if size < 0 or control_size < 0:
        raise ValueError("cannot read a negative number of bytes")
    until = lock(fd, MODE_READ)
    raw = receive_quietly(fd, None, min(size, <Py_ssize_t>MAX_RW), control_size, flags, until)
    return taken(fd, raw)


cpdef tuple receive_message_into(SocketFD fd, object buffers, Py_ssize_t control_size=0, int flags=0):
    """Receive into writable buffers, one after the other: how many bytes, and the same. Parks.

    Any number; of a stream one call fills 1,024 at most.
    """
    cdef Pieces pieces = Pieces(buffers)
    cdef Pieces whole = pieces
    cdef PyObject *raw
    cdef int64_t until
    check_made(fd)
    pieces.check_writable()
    if control_size < 0:
        raise ValueError("cannot read a negative number of bytes")
    if pieces.count > MAX_VECTOR:
        if fd.kind == SOCK_STREAM:
            pieces.count = MAX_VECTOR
        else:
            whole = Pieces((bytearray(pieces.size()),))
    until = lock(fd, MODE_READ)
    raw = receive_quietly(fd, whole, 0, control_size, flags, until)
    if whole is not pieces and raw != NULL:
        pieces.spread(whole, (<Arrival>raw).data)
    return handed_out(taken(fd, raw))


cdef Arrival taken(SocketFD fd, PyObject *raw):
    cdef Arrival arrival
    if raw == NULL:
        unlock_and_raise(fd, MODE_READ)
    unlock(fd, MODE_READ)
    arrival = <Arrival>raw
    Py_DECREF(arrival)
    return arrival


cdef tuple handed_out(Arrival arrival):
    result = (arrival.data, arrival.parts(), arrival.flags(), arrival.sender())
    arrival.hand_out()
    return result


cdef Arrival receive_locked(
    SocketFD fd, Pieces pieces, Py_ssize_t size, Py_ssize_t control_size, int flags, int64_t until
):
    cdef Arrival arrival
    check(fd, MODE_READ)
    while True:
        arrival = Arrival(control_size)
        if pieces is not None:
            into_once(arrival, fd, pieces, control_size, flags)
        elif size <= SCRATCH_SIZE:
            small_once(arrival, fd, size, control_size, flags)
        else:
            large_once(arrival, fd, size, control_size, flags)
        if arrival.data is not None:
            return arrival
        arrival = None
        if not until:
            until = fd.limit(MODE_READ)
        wait_event(fd, MODE_READ, until)


cdef int into_once(
    Arrival arrival, SocketFD fd, Pieces pieces, Py_ssize_t control_size, int flags
) except -1:
    """Receive without waiting; no data if there is nothing."""
    cdef Py_ssize_t got = arrival.receive(fd, pieces.vector, pieces.count, control_size, flags)
    if got >= 0:
        arrival.data = got
    return 0


cdef int small_once(
    Arrival arrival, SocketFD fd, Py_ssize_t size, Py_ssize_t control_size, int flags
) except -1:
    """The same, through the scratch buffer of this thread."""
    cdef Scheduler s = get_scheduler()
    cdef iovec vector
    cdef Py_ssize_t got
    vector.iov_base = room(&s.scratch)
    vector.iov_len = size
    got = arrival.receive(fd, &vector, 1, control_size, flags)
    if got >= 0:
        # More than there is room for is told of a datagram that was cut, if the flags ask for that.
        arrival.data = contents(&s.scratch, min(got, size))
    return 0


cdef int large_once(
    Arrival arrival, SocketFD fd, Py_ssize_t size, Py_ssize_t control_size, int flags
) except -1:
    """The same, straight into the object returned."""
    cdef bytes data = PyBytes_FromStringAndSize(NULL, size)
    cdef iovec vector
    cdef Py_ssize_t got
    cdef PyObject *raw
    vector.iov_base = PyBytes_AS_STRING(data)
    vector.iov_len = size
    got = arrival.receive(fd, &vector, 1, control_size, flags)
    if got < 0:
        return 0
    raw = <PyObject *>data
    Py_INCREF(data)
    data = None      # _PyBytes_Resize wants the only reference
    _PyBytes_Resize(&raw, min(got, size))
    arrival.data = <bytes>raw
    Py_DECREF(arrival.data)
    return 0


ctypedef PyObject *(*receive_fn)(
    SocketFD fd, Pieces pieces, Py_ssize_t size, Py_ssize_t control_size, int flags, int64_t until
) noexcept
cdef receive_fn receive_quietly = <receive_fn><void *>receive_locked


# ---- sending ---------------------------------------------------------------------------------

cpdef Py_ssize_t send_message(
    SocketFD fd, object buffers, object control=(), int flags=0, bytes address=None
) except -1:
    """Send bytes-like objects, gathered, with control data, to a raw sockaddr or the peer. Parks.

    Return how many bytes. flags: of sendmsg(2). A message is sent whole or not at all, of any
    number of buffers; on a stream all is sent, or `bytes_written` of the exception tells how much.
    OSError, ClosedError, DeadlineExceeded, Cancelled.
    """
    cdef Pieces pieces = Pieces(buffers)
    cdef bytes memory = packed(control)
    if pieces.count > MAX_VECTOR and fd.kind != SOCK_STREAM:
        pieces = Pieces((b"".join(pieces.views),))
    cdef Py_ssize_t done = 0
    cdef int64_t until
    check_made(fd)
    until = lock_to_send(fd)
    if send_quietly(fd, pieces, memory, flags, address, until, &done) < 0:
        unlock_and_count(fd, done)
    unlock(fd, MODE_WRITE)
    return done


cdef int send_locked(
    SocketFD fd, Pieces pieces, bytes control, int flags, bytes address, int64_t until, Py_ssize_t *done
) except -1:
    cdef int64_t pause = 0
    cdef Py_ssize_t sent
    check(fd, MODE_WRITE)
    while True:
        sent = send_once(fd, pieces, control, flags, address)
        if sent >= 0:
            done[0] += sent
            if not pieces.advance(sent) or fd.kind != SOCK_STREAM:
                return 0
            control = address = None
            fd.give_way(MODE_WRITE)
        elif errno == EAGAIN:
            if not until:
                until = fd.limit(MODE_WRITE)
            wait_for_room(fd, address is not None, until, &pause)
        elif errno != EINTR:
            fail_errno()


cdef ssize_t send_once(SocketFD fd, Pieces pieces, bytes control, int flags, bytes address) noexcept:
    cdef msghdr message
    memset(&message, 0, sizeof(message))
    message.msg_iov = pieces.next
    message.msg_iovlen = pieces.count
    if fd.kind == SOCK_STREAM:
        message.msg_iovlen = min(pieces.count, <Py_ssize_t>MAX_VECTOR)
    if control is not None:
        message.msg_control = PyBytes_AS_STRING(control)
        message.msg_controllen = PyBytes_GET_SIZE(control)
    if address is not None:
        message.msg_name = PyBytes_AS_STRING(address)
        message.msg_namelen = <unsigned int>PyBytes_GET_SIZE(address)
    return kernel.sendmsg(fd.sysfd, &message, flags | MSG_NOSIGNAL | MSG_DONTWAIT)


ctypedef int (*send_fn)(
    SocketFD fd, Pieces pieces, bytes control, int flags, bytes address, int64_t until, Py_ssize_t *done
) noexcept
cdef send_fn send_quietly = <send_fn><void *>send_locked
