"""StreamFD: read and write on a stream socket.

Contract, besides FD's
  * read(n) returns what is there, up to n bytes, and b"" at the end of the stream; write takes all or
    raises with `bytes_written` set.
  * After a short read the receive queue is empty, and the next read parks without asking the kernel: the
    next edge wakes it. Not so once a hang-up, an error or urgent data was seen (PollDesc.hangup), nor on
    a Unix socket, where a read stops short of data that came with other credentials or descriptors.
  * Of a socket that keeps messages apart (SOCK_SEQPACKET) a read takes one message, and a write is one
    system call and one message, an empty one too. What of a message has no room is lost.
  * No large buffer lies on the stack while a goroutine is parked: greenlet copies that stack.

Source: go1.27 internal/poll/fd_unix.go (*FD).Read, Write, writev.go; recv(2), sendmsg(2), unix(7).
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy, memset

from netpoll._poll.fd cimport DO_NOT_WAIT, check, fail_errno, lock, unlock
from netpoll._runtime.netpoll cimport MODE_READ, MODE_WRITE, PD_NIL, PD_READY, POLL_TIMEOUT
from netpoll._runtime.raised cimport np_take_exception
from netpoll._runtime.scheduler cimport Scheduler, borrow_scheduler
from netpoll._runtime.scratch cimport SCRATCH_SIZE, contents, room
from netpoll._runtime.syscalls cimport (
    AF_INET,
    AF_INET6,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    MSG_PEEK,
    SOCK_STREAM,
    iovec,
    kernel,
    msghdr,
)
from netpoll._runtime.wait cimport fail_poll

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1
    void Py_SET_SIZE(PyObject *thing, Py_ssize_t size)

cdef enum:
    LARGE_READ = 8192         # from here on data is received straight into the object returned
    CHUNK = 16                # malloc's chunks are multiples of this, with a header of 8 in them
    BYTES_HEADER = 33 + 8     # the same, of a bytes object, its last zero, and of the chunk
    MAX_RW = 1 << 30          # bytes of one system call, as in Go
    MAX_SEND = 1 << 20        # the same of a send: while the kernel copies, nobody else runs
    # Not to wait is the descriptor's own mode, which whoever shares the open file may change.
    FLAGS = MSG_NOSIGNAL | MSG_DONTWAIT


cdef class StreamFD(SocketFD):
    """A stream socket, for any goroutine of any thread. A method that parks says so."""

    cdef void set_family(self, int family, int kind) noexcept:
        SocketFD.set_family(self, family, kind)
        self.messages = kind != SOCK_STREAM
        self.drains = not self.messages and (family == AF_INET or family == AF_INET6)

    # -- reading

    cdef bint worth_trying(self) noexcept:
        """False if a read is bound to find nothing: the last was short and no event came since."""
        # Who must not wait for an event (a timeout of 0) has to ask the kernel.
        if not self.drained or self.read_timeout == DO_NOT_WAIT:
            return True
        return self.pd != NULL and (self.pd.rg == PD_READY or self.pd.hangup)

    cdef int wait_unasked(self, int64_t until) except -1:
        """Wait for data without having asked the kernel: what is there counts although the time is up."""
        cdef int error
        self.cut = 0
        error = self.wait_for(MODE_READ, until)
        if not error:
            # The event is used up: should the caller not come to read, for want of memory, the next one has to ask.
            self.drained = False
            return 0
        # It may have come before the read began, with nobody looking at the poller since. Not so if somebody
        # has ended the read by a deadline in the past.
        if error == POLL_TIMEOUT and not self.cut & MODE_READ and self.has_data():
            return 0
        return fail_poll(error)

    cdef bint has_data(self) noexcept:
        cdef char byte
        return kernel.recv(self.sysfd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0

    cdef Py_ssize_t recv_once(self, char *buffer, Py_ssize_t size) except -2:
        """Receive without waiting; WOULD_BLOCK if there is nothing."""
        cdef Py_ssize_t got
        if self.pd != NULL and self.pd.rg == PD_READY:
            # Consumed before the call: an edge that comes from now on is a new one.
            self.pd.rg = PD_NIL
        while True:
            got = kernel.recv(self.sysfd, buffer, min(size, <Py_ssize_t>MAX_RW), MSG_DONTWAIT)
            if got >= 0:
                self.drained = 0 < got < size and self.drains
                self.last_read = <uint32_t>got
                return got
            if errno == EAGAIN:
                self.drained = False
                return WOULD_BLOCK
            if errno != EINTR:
                fail_errno()

    cdef Py_ssize_t recv_vector_once(self, iovec *vector, Py_ssize_t count, Py_ssize_t size) except -2:
        """The same into several pieces, `size` bytes in all."""
        cdef msghdr message
        cdef Py_ssize_t got
        if self.pd != NULL and self.pd.rg == PD_READY:
            self.pd.rg = PD_NIL
        memset(&message, 0, sizeof(message))
        message.msg_iov = vector
        message.msg_iovlen = count
        while True:
            got = kernel.recvmsg(self.sysfd, &message, MSG_DONTWAIT)
            if got >= 0:
                self.drained = 0 < got < size and self.drains
                self.last_read = <uint32_t>got
                return got
            if errno == EAGAIN:
                self.drained = False
                return WOULD_BLOCK
            if errno != EINTR:
                fail_errno()

    def read_bytes(self, Py_ssize_t size):
        """Read up to `size` bytes, b"" at the end of the stream. Parks.

        OSError, ClosedError, DeadlineExceeded, Cancelled.
        """
        return read(self, size)

    def readinto(self, buffer):
        """Read into a writable buffer; return how many bytes, 0 at the end of the stream. Parks."""
        return readinto(self, buffer)

    def readv(self, buffers):
        """Read into several writable buffers, one after the other; else as readinto. Parks."""
        from netpoll._poll.vector import readv
        return readv(self, buffers)

    # -- writing

    def write(self, data):
        """Write all of a bytes-like object; return its length. Parks while the peer does not read.

        OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.
        """
        return write(self, data)

    def writev(self, buffers):
        """Write all of several bytes-like objects, gathered; return how many bytes. Parks."""
        from netpoll._poll.vector import writev
        return writev(self, buffers)

    cdef ssize_t send_once(self, iovec *vector, Py_ssize_t count) noexcept:
        """Send without waiting. Several pieces not by writev(2), which knows no MSG_NOSIGNAL."""
        cdef msghdr message
        cdef size_t size
        if count == 1:
            size = vector.iov_len if self.messages else min(vector.iov_len, <size_t>MAX_SEND)
            return kernel.send(self.sysfd, vector.iov_base, size, FLAGS)
        memset(&message, 0, sizeof(message))
        message.msg_iov = vector
        message.msg_iovlen = min(count, <Py_ssize_t>MAX_VECTOR)
        return kernel.sendmsg(self.sysfd, &message, FLAGS)


# ---- reading ---------------------------------------------------------------------------------
# What can park has no `try`; see raised.pxd.

cdef int unlock_and_raise(StreamFD fd, int mode) except -1:
    """Give the lock back and let the exception that is set take its way."""
    exception = np_take_exception()
    unlock(fd, mode)
    raise exception


cdef bytes read(StreamFD fd, Py_ssize_t size):
    """Read up to `size` bytes, b"" at the end of the stream.

    Small reads go through the thread's scratch buffer. When the last one was large, the data is
    received straight into the object that is returned, of at most twice that size, and never while
    parked: an idle connection holds no buffer. It has room for as much as came before; of what is
    more, the rest comes by a second call.
    """
    cdef int64_t until
    cdef PyObject *raw
    cdef bytes data
    if size < 0:
        raise ValueError("cannot read a negative number of bytes")
    until = lock(fd, MODE_READ)
    raw = read_quietly(fd, size, until)
    if raw == NULL:
        unlock_and_raise(fd, MODE_READ)
    unlock(fd, MODE_READ)
    data = <bytes>raw
    Py_DECREF(data)
    return data


cdef bytes read_locked(StreamFD fd, Py_ssize_t size, int64_t until):
    if size > SCRATCH_SIZE or fd.last_read >= LARGE_READ:
        return read_direct(fd, size, until)
    return read_small(fd, size, until)


cdef inline bytes read_small(StreamFD fd, Py_ssize_t size, int64_t until):
    cdef void *s
    cdef Py_ssize_t got
    check(fd, MODE_READ)
    if size == 0:
        return b""
    if not fd.worth_trying():
        if not until:
            until = fd.limit(MODE_READ)
        fd.wait_unasked(until)
    while True:
        s = borrow_scheduler()
        got = fd.recv_once(room(&(<Scheduler>s).scratch), size)
        if got != WOULD_BLOCK:
            return contents(&(<Scheduler>s).scratch, got)
        if not until:
            until = fd.limit(MODE_READ)
        fd.wait(MODE_READ, until)


cdef bytes read_direct(StreamFD fd, Py_ssize_t size, int64_t until):
    cdef Py_ssize_t most = MAX_RW
    cdef Py_ssize_t expected, got
    cdef bytes data
    cdef PyObject *raw
    cdef uint32_t before = fd.last_read
    check(fd, MODE_READ)
    if size == 0:
        return b""
    if not fd.messages:
        most = max(2 * <Py_ssize_t>before, <Py_ssize_t>SCRATCH_SIZE)
    most = min(size, most)
    expected = foreseen(before) if fd.drains and LARGE_READ <= before < most else most
    expected = min(expected, most)
    if not until:
        until = fd.limit(MODE_READ)
    if not fd.worth_trying():
        fd.wait_unasked(until)
    while True:
        data = PyBytes_FromStringAndSize(NULL, expected)
        got = fd.recv_once(PyBytes_AS_STRING(data), expected)
        if got != WOULD_BLOCK:
            break
        data = None
        fd.wait(MODE_READ, until)
    if got == expected < most and kernel.unread(fd.sysfd) > 0:
        return read_on(fd, data, most)
    if LARGE_READ <= got < before:
        # Slowly: to have foreseen too little costs more than too much does.
        fd.last_read = before - ((before - <uint32_t>got) >> 6)
    raw = <PyObject *>data
    Py_INCREF(data)
    data = None      # _PyBytes_Resize wants the only reference
    return shortened(raw, expected, got)


cdef inline bytes shortened(PyObject *raw, Py_ssize_t size, Py_ssize_t got):
    """Return an object with room for more bytes, of which the caller has the only reference, with these."""
    cdef bytes data
    if size - got < CHUNK:
        Py_SET_SIZE(raw, got)
        PyBytes_AS_STRING(<bytes>raw)[got] = 0
    else:
        _PyBytes_Resize(&raw, got)
    data = <bytes>raw
    Py_DECREF(data)
    return data


cdef inline Py_ssize_t foreseen(Py_ssize_t size) noexcept:
    """Return room for a little more than `size` bytes, that what comes may be seen to be all, in as much memory.

    Messages of one length then need memory of one length, which malloc finds as the last one left it: from room
    for all that may come and the end given back, the others' holes are cut up and joined with each message.
    """
    return ((size + BYTES_HEADER + CHUNK) & ~(CHUNK - 1)) - BYTES_HEADER


cdef bytes read_on(StreamFD fd, bytes data, Py_ssize_t most):
    """Receive the rest of more than was foreseen, and return it behind what there is already.

    That alone where there is no memory for more, or the kernel has none: what was taken is not to be lost. The rest
    is there, so no other error can come, and none is lost.
    """
    cdef Py_ssize_t got = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t more
    cdef bytes whole
    cdef PyObject *raw
    try:
        whole = PyBytes_FromStringAndSize(NULL, most)
        memcpy(PyBytes_AS_STRING(whole), PyBytes_AS_STRING(data), got)
        more = fd.recv_once(PyBytes_AS_STRING(whole) + got, most - got)
    except (MemoryError, OSError):
        return data
    if more > 0:    # or else another process was faster
        got += more
    fd.last_read = <uint32_t>got
    raw = <PyObject *>whole
    Py_INCREF(whole)
    whole = None
    return shortened(raw, most, got)


cdef Py_ssize_t readinto(StreamFD fd, object buffer) except -1:
    """Receive into a writable buffer, which stays where it is while the goroutine is parked."""
    cdef Py_buffer view
    cdef Py_ssize_t got
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        got = recv(fd, <char *>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)
    return got


cdef Py_ssize_t recv(StreamFD fd, char *buffer, Py_ssize_t size) except -1:
    cdef int64_t until = lock(fd, MODE_READ)
    cdef Py_ssize_t got = recv_quietly(fd, buffer, size, until)
    if got < 0:
        unlock_and_raise(fd, MODE_READ)
    unlock(fd, MODE_READ)
    return got


cdef Py_ssize_t recv_locked(StreamFD fd, char *buffer, Py_ssize_t size, int64_t until) except -1:
    cdef Py_ssize_t got
    check(fd, MODE_READ)
    if size == 0:
        return 0
    if not fd.worth_trying():
        if not until:
            until = fd.limit(MODE_READ)
        fd.wait_unasked(until)
    while True:
        got = fd.recv_once(buffer, size)
        if got != WOULD_BLOCK:
            return got
        if not until:
            until = fd.limit(MODE_READ)
        fd.wait(MODE_READ, until)


ctypedef PyObject *(*read_fn)(StreamFD fd, Py_ssize_t size, int64_t until) noexcept
ctypedef Py_ssize_t (*recv_fn)(StreamFD fd, char *buffer, Py_ssize_t size, int64_t until) noexcept
cdef read_fn read_quietly = <read_fn><void *>read_locked
cdef recv_fn recv_quietly = <recv_fn><void *>recv_locked


# ---- writing ---------------------------------------------------------------------------------

cdef int count_and_raise(Py_ssize_t done) except -1:
    """Let the exception that is set take its way, with the number of bytes that the kernel took."""
    exception = np_take_exception()
    try:
        exception.bytes_written = done
    except Exception:   # one of a signal handler's, that takes no attribute
        pass
    raise exception


cdef Py_ssize_t write(StreamFD fd, object data) except -1:
    """Send all of a bytes-like object, or raise with `bytes_written` set; return its length."""
    cdef Py_buffer view
    if isinstance(data, bytes):
        return send(fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return send(fd, <const char *>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef Py_ssize_t send(StreamFD fd, const char *data, Py_ssize_t size) except -1:
    cdef iovec vector
    vector.iov_base = <char *>data
    vector.iov_len = size
    send_vector(fd, &vector, 1)
    return size


cdef int send_vector(StreamFD fd, iovec *vector, Py_ssize_t count) except -1:
    """Send several pieces, or raise with `bytes_written` set."""
    cdef Py_ssize_t done = 0
    if send_quietly(fd, vector, count, &done) < 0:
        count_and_raise(done)
    return 0


cdef int send_all(StreamFD fd, iovec *vector, Py_ssize_t count, Py_ssize_t *done) except -1:
    cdef int64_t until = lock(fd, MODE_WRITE)
    if send_locked_quietly(fd, vector, count, until, done) < 0:
        unlock_and_raise(fd, MODE_WRITE)
    unlock(fd, MODE_WRITE)
    return 0


cdef int send_locked(StreamFD fd, iovec *vector, Py_ssize_t count, int64_t until, Py_ssize_t *done) except -1:
    cdef Py_ssize_t sent
    check(fd, MODE_WRITE)
    if fd.messages:
        return send_message(fd, vector, count, until, done)
    while True:
        while count and vector.iov_len == 0:
            vector += 1
            count -= 1
        if count == 0:
            return 0
        sent = fd.send_once(vector, count)
        if sent >= 0:
            done[0] += sent
            while count and <size_t>sent >= vector.iov_len:
                sent -= vector.iov_len
                vector += 1
                count -= 1
            if count:
                vector.iov_base = <char *>vector.iov_base + sent
                vector.iov_len -= sent
                fd.give_way(MODE_WRITE)
        elif errno == EAGAIN:
            if not until:
                until = fd.limit(MODE_WRITE)
            fd.wait(MODE_WRITE, until)
        elif errno != EINTR:
            fail_errno()


cdef int send_message(StreamFD fd, iovec *vector, Py_ssize_t count, int64_t until, Py_ssize_t *done) except -1:
    """Send all pieces as one message, though it be empty: the kernel takes it whole or not at all."""
    cdef Py_ssize_t sent
    while True:
        sent = fd.send_once(vector, count)
        if sent >= 0:
            done[0] = sent
            return 0
        if errno == EAGAIN:
            if not until:
                until = fd.limit(MODE_WRITE)
            fd.wait(MODE_WRITE, until)
        elif errno != EINTR:
            fail_errno()


ctypedef int (*send_fn)(StreamFD fd, iovec *vector, Py_ssize_t count, Py_ssize_t *done) noexcept
ctypedef int (*send_locked_fn)(
    StreamFD fd, iovec *vector, Py_ssize_t count, int64_t until, Py_ssize_t *done
) noexcept
cdef send_fn send_quietly = <send_fn><void *>send_all
cdef send_locked_fn send_locked_quietly = <send_locked_fn><void *>send_locked
