"""Many datagrams with one system call: recvmmsg(2) and sendmmsg(2).

Contract, besides PacketFD's
  * A batch is what is there: the first datagram is waited for, the others are not. An error that comes after
    some datagrams is the next call's (recvmmsg(2)).
  * A batch is sent to its end, or `messages_written` of the exception tells how many datagrams went before.
  * What the kernel has glued on the way in (UDP_GRO) is given back cut.
  * The room for a batch is its thread's, and stays for the next one unless it is large: to get it from the system
    costs more than to receive. Nobody has it while he waits.

Source: udp(7), recvmmsg(2), sendmmsg(2).
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc

from netpoll._poll.fd cimport check, fail_errno, lock, unlock
from netpoll._poll.socket_fd cimport ADDRESS_SIZE
from netpoll._poll.waiting cimport (
    check_made,
    consume_edge,
    count_and_raise,
    lock_to_send,
    unlock_and_raise,
    wait_event,
    wait_for_room,
)
from netpoll._runtime.netpoll cimport MODE_READ, MODE_WRITE
from netpoll._runtime.raised cimport np_take_exception
from netpoll._runtime.scratch cimport SCRATCH_SIZE
from netpoll._runtime.syscalls cimport (
    AF_UNIX,
    CMSG_DATA,
    CMSG_FIRSTHDR,
    CMSG_NXTHDR,
    MSG_CTRUNC,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    MSG_TRUNC,
    SOL_UDP,
    UDP_GRO,
    cmsghdr,
    iovec,
    kernel,
    mmsghdr,
    msghdr,
)

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX
    PyObject *PyThreadState_GetDict()   # borrowed; NULL if there is none

cdef enum:
    MOST = 1024               # messages of one system call (UIO_MAXIOV)
    CONTROL_SIZE = 256        # room for the size of what was glued, behind time stamps, marks and counts
    APART = 17 * 64           # bytes: rooms a power of two apart would share a few lines of the caches
    MOST_KEPT = 16 << 20      # bytes of room that stay with a thread

cdef str KEPT = "netpoll._poll.batch"   # the room that a thread keeps, in its own dict


# ---- receiving -------------------------------------------------------------------------------

cdef class Rooms:
    """Room for a batch, with an address and a little control data for each datagram."""

    cdef mmsghdr *headers
    cdef iovec *pieces
    cdef char *addresses
    cdef char *controls
    cdef char *memory
    cdef Py_ssize_t count
    cdef Py_ssize_t size
    cdef bint with_control

    def __cinit__(self, Py_ssize_t count, Py_ssize_t size, bint with_control):
        cdef Py_ssize_t i
        # A product that goes round comes out small, and malloc knows nothing of it.
        if count < 1 or size < 0 or size > PY_SSIZE_T_MAX // max(count, <Py_ssize_t>MOST) - APART:
            raise MemoryError("no memory for a batch of datagrams")
        self.count = count
        self.size = size
        self.with_control = with_control
        self.headers = <mmsghdr *>calloc(count, sizeof(mmsghdr))
        self.pieces = <iovec *>malloc(count * sizeof(iovec))
        self.addresses = <char *>malloc(count * ADDRESS_SIZE)
        self.controls = <char *>malloc(count * CONTROL_SIZE)
        self.memory = <char *>malloc(count * (size + APART))
        if (
            self.headers == NULL
            or self.pieces == NULL
            or self.addresses == NULL
            or self.controls == NULL
            or self.memory == NULL
        ):
            raise MemoryError("no memory for a batch of datagrams")
        for i in range(count):
            self.pieces[i].iov_base = self.memory + i * (size + APART)
            self.pieces[i].iov_len = size
            self.headers[i].msg_hdr.msg_name = self.addresses + i * ADDRESS_SIZE
            self.headers[i].msg_hdr.msg_iov = &self.pieces[i]
            self.headers[i].msg_hdr.msg_iovlen = 1
            if with_control:
                self.headers[i].msg_hdr.msg_control = self.controls + i * CONTROL_SIZE

    def __dealloc__(self):
        free(self.headers)
        free(self.pieces)
        free(self.addresses)
        free(self.controls)
        free(self.memory)

    cdef int receive(self, int sysfd) noexcept:
        """Receive without waiting; return how many came, -1: errno says why none."""
        for i in range(self.count):     # the kernel writes there how much it has used
            self.headers[i].msg_hdr.msg_namelen = ADDRESS_SIZE
            if self.with_control:
                self.headers[i].msg_hdr.msg_controllen = CONTROL_SIZE
        return kernel.recvmmsg(sysfd, self.headers, <unsigned int>self.count, MSG_DONTWAIT)

    cdef int take(self, PacketFD fd, Py_ssize_t i, Py_ssize_t size, list fields) except -1:
        """Add the datagrams of a message that came, each cut to `size` bytes."""
        cdef msghdr *one = &self.headers[i].msg_hdr
        cdef char *data = <char *>self.pieces[i].iov_base
        cdef Py_ssize_t left = self.headers[i].msg_len
        cdef int flags = one.msg_flags & MSG_TRUNC
        cdef Py_ssize_t segment = 0
        if self.with_control:
            segment = segment_of(one)
            if segment == 0:            # what was glued cannot be told if there was no room to say so
                flags |= one.msg_flags & MSG_CTRUNC
        fd.note_sender(<char *>one.msg_name, min(one.msg_namelen, <Py_ssize_t>ADDRESS_SIZE))
        while 0 < segment < left:
            add(fields, data, segment, size, fd.sender, 0)
            data += segment
            left -= segment
        return add(fields, data, left, size, fd.sender, flags)


cdef int add(list fields, char *data, Py_ssize_t length, Py_ssize_t size, bytes sender, int flags) except -1:
    if length > size:
        length = size
        flags |= MSG_TRUNC
    fields.append(PyBytes_FromStringAndSize(data, length))
    fields.append(sender)
    fields.append(flags)
    return 0


cdef Rooms rooms_for(Py_ssize_t count, Py_ssize_t size, bint with_control):
    """Return the room that this thread has kept, if it is such a one, or another."""
    cdef PyObject *of_thread = PyThreadState_GetDict()
    cdef Rooms rooms = None
    if of_thread != NULL:
        # Taken away: what runs when an object goes may be a user's, and read a batch as well.
        rooms = (<dict>of_thread).pop(KEPT, None)
    if rooms is None or rooms.count != count or rooms.size != size or rooms.with_control != with_control:
        rooms = Rooms(count, size, with_control)
    return rooms


cdef int keep(Rooms rooms) except -1:
    """Let this thread keep the room for its next batch."""
    cdef PyObject *of_thread = PyThreadState_GetDict()
    if of_thread != NULL and rooms.count * (rooms.size + APART) <= MOST_KEPT:
        (<dict>of_thread)[KEPT] = rooms
    return 0


cdef Py_ssize_t segment_of(msghdr *message) noexcept:
    """Return the size of the datagrams that were glued to this one; 0: it is one alone."""
    cdef cmsghdr *control = CMSG_FIRSTHDR(message)
    while control != NULL:
        if control.cmsg_level == SOL_UDP and control.cmsg_type == UDP_GRO:
            # An int, although the kernel's own documentation has had it as 16 bits.
            return (<int *>CMSG_DATA(control))[0]
        control = CMSG_NXTHDR(message, control)
    return 0


cpdef list receive_batch(PacketFD fd, Py_ssize_t count, Py_ssize_t size):
    """Receive 1 to `count` datagrams: [(data, raw sockaddr, flags), ...]. Parks.

    Each is cut to `size` bytes; the flags have MSG_TRUNC then. With `fd.merges` there may be more:
    `count` messages, each of which is as many datagrams as the kernel has glued together.
    OSError, ClosedError, DeadlineExceeded, Cancelled; MemoryError if there is no such room.
    """
    cdef list fields = receive_fields(fd, count, size)
    return [tuple(fields[i:i + FIELDS]) for i in range(0, len(fields), FIELDS)]


cdef list receive_fields(PacketFD fd, Py_ssize_t count, Py_ssize_t size):
    """The same in one list: data, raw sockaddr and flags of one datagram after the other."""
    cdef int64_t until
    cdef PyObject *raw
    check_made(fd)
    if count < 1 or size < 0:
        raise ValueError("a batch is one datagram or more, of no negative size")
    if fd.family != AF_UNIX:
        size = min(size, <Py_ssize_t>SCRATCH_SIZE)    # no other datagram is larger
    until = lock(fd, MODE_READ)
    raw = receive_quietly(fd, min(count, <Py_ssize_t>MOST), size, until)
    if raw == NULL:
        unlock_and_raise(fd, MODE_READ)
    unlock(fd, MODE_READ)
    result = <list>raw
    Py_DECREF(result)
    return result


cdef list receive_locked(PacketFD fd, Py_ssize_t count, Py_ssize_t size, int64_t until):
    cdef list fields
    check(fd, MODE_READ)
    while True:
        fields = receive_once(fd, count, size)
        if fields is not None:
            return fields
        if not until:
            until = fd.limit(MODE_READ)
        wait_event(fd, MODE_READ, until)


cdef list receive_once(PacketFD fd, Py_ssize_t count, Py_ssize_t size):
    """Receive without waiting; None if there is nothing. The room is given back before anybody waits."""
    cdef Rooms rooms = rooms_for(count, SCRATCH_SIZE if fd.merges else size, fd.merges)
    cdef list fields = None
    cdef int got
    consume_edge(fd)
    while True:
        got = rooms.receive(fd.sysfd)
        if got >= 0 or errno == EAGAIN:
            break
        if errno != EINTR:
            fail_errno()
    if got >= 0:
        fields = []
        for i in range(got):
            rooms.take(fd, i, size, fields)
    keep(rooms)
    return fields


ctypedef PyObject *(*receive_fn)(PacketFD fd, Py_ssize_t count, Py_ssize_t size, int64_t until) noexcept
cdef receive_fn receive_quietly = <receive_fn><void *>receive_locked


# ---- sending ---------------------------------------------------------------------------------

cdef class Letters:
    """Datagrams to send: what is in them and where they go, held until this is gone."""

    cdef list views             # keeps the data where it is
    cdef list addresses
    cdef mmsghdr *headers
    cdef iovec *pieces
    cdef Py_ssize_t count
    cdef Py_ssize_t done

    def __cinit__(self, Py_ssize_t count):
        self.views = []
        self.addresses = []
        self.headers = <mmsghdr *>calloc(max(1, count), sizeof(mmsghdr))
        self.pieces = <iovec *>malloc(max(1, count) * sizeof(iovec))
        if self.headers == NULL or self.pieces == NULL:
            raise MemoryError("no memory for a batch of datagrams")

    def __dealloc__(self):
        free(self.headers)
        free(self.pieces)

    cdef int add(self, object data, bytes address) except -1:
        """Add a datagram; there must be room for it."""
        cdef msghdr *one = &self.headers[self.count].msg_hdr
        cdef iovec *piece = &self.pieces[self.count]
        view = memoryview(data).cast("B")
        self.views.append(view)
        piece.iov_base = PyMemoryView_GET_BUFFER(view).buf
        piece.iov_len = PyMemoryView_GET_BUFFER(view).len
        one.msg_iov = piece
        one.msg_iovlen = 1
        if address is not None:
            self.addresses.append(address)
            one.msg_name = PyBytes_AS_STRING(address)
            one.msg_namelen = <unsigned int>PyBytes_GET_SIZE(address)
        self.count += 1
        return 0


cpdef Py_ssize_t send_batch(PacketFD fd, list messages) except -1:
    """Send [(data, raw sockaddr or None), ...], each as one datagram; return how many. Parks.

    OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`, and with
    `messages_written` unless it ended in line.
    """
    cdef Letters letters = Letters(len(messages))
    cdef int64_t until
    for data, address in messages:
        letters.add(data, address)
    check_made(fd)
    until = lock_to_send(fd)
    if send_quietly(fd, letters, until) < 0:
        unlock_and_tell(fd, letters)
    unlock(fd, MODE_WRITE)
    return letters.done


cdef int unlock_and_tell(PacketFD fd, Letters letters) except -1:
    """Give the lock back; let the exception that is set take its way, with what was sent."""
    cdef Py_ssize_t size = 0
    exception = np_take_exception()
    unlock(fd, MODE_WRITE)
    for i in range(letters.done):
        size += letters.pieces[i].iov_len
    try:
        exception.messages_written = letters.done
    except Exception:   # one of a signal handler's, that takes no attribute
        pass
    count_and_raise(exception, size)


cdef int send_locked(PacketFD fd, Letters letters, int64_t until) except -1:
    cdef int64_t pause = 0
    cdef int sent
    check(fd, MODE_WRITE)
    while letters.done < letters.count:
        # An error after some is told of by their number; the next call raises it.
        sent = kernel.sendmmsg(
            fd.sysfd,
            &letters.headers[letters.done],
            <unsigned int>min(letters.count - letters.done, <Py_ssize_t>MOST),
            MSG_NOSIGNAL | MSG_DONTWAIT,
        )
        if sent >= 0:
            letters.done += sent
            pause = 0
            if letters.done < letters.count:
                fd.give_way(MODE_WRITE)
        elif errno == EAGAIN:
            if not until:
                until = fd.limit(MODE_WRITE)
            wait_for_room(fd, letters.headers[letters.done].msg_hdr.msg_name != NULL, until, &pause)
        elif errno != EINTR:
            fail_errno()
    return 0


ctypedef int (*send_fn)(PacketFD fd, Letters letters, int64_t until) noexcept
cdef send_fn send_quietly = <send_fn><void *>send_locked
