"""PacketFD: receive and send on a socket of datagrams.

Contract, besides FD's
  * One call is one datagram, and no bytes are a datagram too. What has no room in the buffer is lost, without
    an error (recv(2)). A write is sent whole or not at all.
  * The kernel is asked first; only EAGAIN parks. No buffer of ours is kept meanwhile.
  * An error that the network has reported of an earlier datagram (ICMP) is raised once, by whichever call
    comes next; the socket is fine after it.
  * A full queue on the way out that is not of this machine's protocols is ENOBUFS, and raised (send(2)).

Source: go1.27 internal/poll/fd_unix.go (*FD).ReadFrom, WriteTo; recvfrom(2), sendto(2), udp(7), unix(7).
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport EAGAIN, EINTR, EINVAL, errno
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy

from netpoll._poll.fd cimport check, fail_errno, lock, unlock
from netpoll._poll.socket_fd cimport ADDRESS_SIZE
from netpoll._poll.waiting cimport (
    consume_edge,
    lock_to_send,
    unlock_and_count,
    unlock_and_raise,
    wait_event,
    wait_for_room,
)
from netpoll._runtime.netpoll cimport MODE_READ, MODE_WRITE
from netpoll._runtime.scheduler cimport Scheduler, get_scheduler
from netpoll._runtime.scratch cimport SCRATCH_SIZE, contents, room
from netpoll._runtime.syscalls cimport (
    AF_UNIX,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    SOL_UDP,
    UDP_GRO,
    kernel,
    sockaddr,
    socklen_t,
)

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1

cdef enum:
    WOULD_BLOCK = -1
    MAX_RW = 1 << 30          # bytes of one system call, as in Go


cdef class PacketFD(SocketFD):
    """A socket of datagrams, for any goroutine of any thread. A method that parks says so."""

    # -- merging

    @classmethod
    def adopt(cls, int fileno):
        """Own a socket's descriptor as SocketFD.adopt does; note whether UDP_GRO is on.

        Before Linux 5.13 the kernel does not tell.
        """
        cdef PacketFD fd = super(PacketFD, cls).adopt(fileno)
        cdef int on = 0
        cdef socklen_t size = sizeof(on)
        if fd.family != AF_UNIX and kernel.getsockopt(fd.sysfd, SOL_UDP, UDP_GRO, &on, &size) == 0:
            fd.merges = on != 0
        return fd

    def setsockopt(self, int level, int name, value):
        """Set an option to an int or to bytes; note whether UDP_GRO is on. OSError, ClosedError."""
        cdef int number
        SocketFD.setsockopt(self, level, name, value)
        if level == SOL_UDP and name == UDP_GRO:
            if isinstance(value, bytes):    # the kernel took it: there is an int in it
                memcpy(&number, PyBytes_AS_STRING(value), sizeof(number))
            else:
                number = value
            self.merges = number != 0

    # -- reading

    def read_bytes(self, Py_ssize_t size):
        """Receive one datagram, cut to `size` bytes; size 0: b"" at once. Parks.

        OSError, ClosedError, DeadlineExceeded, Cancelled.
        """
        return receive(self, size, False)

    def readinto(self, buffer):
        """Receive one datagram into a writable buffer; return how many bytes it took. Parks."""
        return receive_into(self, buffer, False)

    def read_from(self, Py_ssize_t size):
        """Receive one datagram, cut to `size` bytes, and the raw sockaddr of who sent it. Parks.

        With size 0, too, a datagram is waited for and taken.
        """
        return receive(self, size, True)

    def readinto_from(self, buffer):
        """Receive one datagram into a writable buffer; return its size and who sent it. Parks."""
        return receive_into(self, buffer, True)

    cdef object receive_once(self, Py_ssize_t size, bint named):
        """Receive without waiting: data, or data and sender; None if there is nothing."""
        cdef Scheduler s
        cdef Py_ssize_t got
        cdef bytes data
        # No datagram but one of a Unix socket is larger than the scratch buffer.
        if size > SCRATCH_SIZE and self.family == AF_UNIX:
            return self.receive_large(size, named)
        s = get_scheduler()
        got = self.recv_once(room(&s.scratch), min(size, <Py_ssize_t>SCRATCH_SIZE), named)
        if got == WOULD_BLOCK:
            return None
        data = contents(&s.scratch, got)
        return (data, self.sender) if named else data

    cdef object receive_large(self, Py_ssize_t size, bint named):
        """The same, straight into the object returned."""
        cdef bytes data = PyBytes_FromStringAndSize(NULL, min(size, <Py_ssize_t>MAX_RW))
        cdef Py_ssize_t got = self.recv_once(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), named)
        cdef PyObject *raw
        if got == WOULD_BLOCK:
            return None
        raw = <PyObject *>data
        Py_INCREF(data)
        data = None      # _PyBytes_Resize wants the only reference
        _PyBytes_Resize(&raw, got)
        data = <bytes>raw
        Py_DECREF(data)
        return (data, self.sender) if named else data

    cdef Py_ssize_t recv_once(self, char *buffer, Py_ssize_t size, bint named) except -2:
        """Receive without waiting; WOULD_BLOCK if there is nothing. `named`: note the sender, too."""
        cdef char[ADDRESS_SIZE] address
        cdef socklen_t length
        cdef Py_ssize_t got
        consume_edge(self)
        while True:
            if named:
                length = ADDRESS_SIZE
                got = kernel.recvfrom(self.sysfd, buffer, size, MSG_DONTWAIT, <sockaddr *>address, &length)
            else:
                got = kernel.recv(self.sysfd, buffer, size, MSG_DONTWAIT)
            if got >= 0:
                if named:
                    self.note_sender(address, min(length, <socklen_t>ADDRESS_SIZE))
                return got
            if errno == EAGAIN:
                return WOULD_BLOCK
            if errno != EINTR:
                fail_errno()

    cdef int note_sender(self, const char *address, Py_ssize_t length) except -1:
        """Keep the sender's address: the same object as before if it is the same sender."""
        if (
            self.sender is None
            or PyBytes_GET_SIZE(self.sender) != length
            or memcmp(PyBytes_AS_STRING(self.sender), address, length)
        ):
            self.sender = PyBytes_FromStringAndSize(address, length)
        return 0

    # -- writing

    def write(self, data):
        """Send a bytes-like object as one datagram to the connected peer; return its length. Parks.

        OSError (EMSGSIZE: too large for one), ClosedError, DeadlineExceeded, Cancelled.
        """
        return write(self, data, None)

    def write_to(self, data, bytes address not None):
        """Send a bytes-like object as one datagram to a raw sockaddr; return its length. Parks."""
        return write(self, data, address)


# ---- reading ---------------------------------------------------------------------------------
# What can park has no `try`; see raised.pxd.

cdef object receive(PacketFD fd, Py_ssize_t size, bint named):
    """Receive one datagram: data, or data and sender."""
    cdef int64_t until
    cdef PyObject *raw
    if size < 0:
        raise ValueError("cannot read a negative number of bytes")
    until = lock(fd, MODE_READ)
    raw = receive_quietly(fd, size, named, until)
    if raw == NULL:
        unlock_and_raise(fd, MODE_READ)
    unlock(fd, MODE_READ)
    result = <object>raw
    Py_DECREF(result)
    return result


cdef object receive_locked(PacketFD fd, Py_ssize_t size, bint named, int64_t until):
    check(fd, MODE_READ)
    if size == 0 and not named:
        check_merges(fd)
        return b""
    while True:
        check_merges(fd)    # each time: it may be turned on meanwhile
        result = fd.receive_once(size, named)
        if result is not None:
            return result
        if not until:
            until = fd.limit(MODE_READ)
        wait_event(fd, MODE_READ, until)


cdef object receive_into(PacketFD fd, object buffer, bint named):
    """Receive into a writable buffer, which stays where it is while the goroutine is parked."""
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        result = fill(fd, <char *>view.buf, view.len, named)
    finally:
        PyBuffer_Release(&view)
    return result


cdef object fill(PacketFD fd, char *buffer, Py_ssize_t size, bint named):
    cdef int64_t until = lock(fd, MODE_READ)
    cdef Py_ssize_t got = fill_quietly(fd, buffer, size, named, until)
    if got < 0:
        unlock_and_raise(fd, MODE_READ)
    sender = fd.sender      # before the next reader has another one
    unlock(fd, MODE_READ)
    return (got, sender) if named else got


cdef Py_ssize_t fill_locked(PacketFD fd, char *buffer, Py_ssize_t size, bint named, int64_t until) except -1:
    cdef Py_ssize_t got
    check(fd, MODE_READ)
    if size == 0 and not named:
        check_merges(fd)
        return 0
    while True:
        check_merges(fd)
        got = fd.recv_once(buffer, min(size, <Py_ssize_t>MAX_RW), named)
        if got != WOULD_BLOCK:
            return got
        if not until:
            until = fd.limit(MODE_READ)
        wait_event(fd, MODE_READ, until)


cdef inline int check_merges(PacketFD fd) except -1:
    if fd.merges:
        raise OSError(EINVAL, "datagrams may come merged (GRO): read them by batches or as messages")
    return 0


ctypedef PyObject *(*receive_fn)(PacketFD fd, Py_ssize_t size, bint named, int64_t until) noexcept
ctypedef Py_ssize_t (*fill_fn)(PacketFD fd, char *buffer, Py_ssize_t size, bint named, int64_t until) noexcept
cdef receive_fn receive_quietly = <receive_fn><void *>receive_locked
cdef fill_fn fill_quietly = <fill_fn><void *>fill_locked


# ---- writing ---------------------------------------------------------------------------------

cdef Py_ssize_t write(PacketFD fd, object data, bytes address) except -1:
    """Send one datagram; without an address, to the connected peer."""
    cdef Py_buffer view
    if isinstance(data, bytes):
        return send(fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), address)
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return send(fd, <const char *>view.buf, view.len, address)
    finally:
        PyBuffer_Release(&view)


cdef Py_ssize_t send(PacketFD fd, const char *data, Py_ssize_t size, bytes address) except -1:
    cdef int64_t until = lock_to_send(fd)
    cdef Py_ssize_t sent = send_quietly(fd, data, size, address, until)
    if sent < 0:
        unlock_and_count(fd, 0)
    unlock(fd, MODE_WRITE)
    return sent


cdef Py_ssize_t send_locked(
    PacketFD fd, const char *data, Py_ssize_t size, bytes address, int64_t until
) except -1:
    cdef int64_t pause = 0
    cdef Py_ssize_t sent
    check(fd, MODE_WRITE)
    while True:
        sent = send_once(fd.sysfd, data, size, address)
        if sent >= 0:
            return sent
        if errno == EAGAIN:
            if not until:
                until = fd.limit(MODE_WRITE)
            wait_for_room(fd, address is not None, until, &pause)
        elif errno != EINTR:
            fail_errno()


cdef ssize_t send_once(int sysfd, const char *data, size_t size, bytes address) noexcept:
    """Send without waiting, however the descriptor's mode may have been changed."""
    if address is None:
        return kernel.send(sysfd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT)
    return kernel.sendto(
        sysfd,
        data,
        size,
        MSG_NOSIGNAL | MSG_DONTWAIT,
        <sockaddr *>PyBytes_AS_STRING(address),
        <socklen_t>PyBytes_GET_SIZE(address),
    )


ctypedef Py_ssize_t (*send_fn)(
    PacketFD fd, const char *data, Py_ssize_t size, bytes address, int64_t until
) noexcept
cdef send_fn send_quietly = <send_fn><void *>send_locked
