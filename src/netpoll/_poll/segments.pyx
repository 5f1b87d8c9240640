"""Segments: datagrams of one size that go through the kernel as one, and are cut when they leave (UDP_SEGMENT).

Where that cannot be had, for the kernel or the interface, they are sent one by one, from then on for good.
Where it may be for the target, as when a packet of the way there has no room for a segment, one call is sent so.

Source: udp(7); Linux Documentation/networking/segmentation-offloads.rst.
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, EINVAL, EIO, EMSGSIZE, EOPNOTSUPP, errno
from libc.stdint cimport int64_t, uint16_t
from libc.string cimport memset

from netpoll._poll.fd cimport check, fail_errno, unlock
from netpoll._poll.waiting cimport check_made, lock_to_send, unlock_and_count, wait_for_room
from netpoll._runtime.netpoll cimport MODE_WRITE
from netpoll._runtime.syscalls cimport (
    CMSG_DATA,
    CMSG_FIRSTHDR,
    CMSG_LEN,
    CMSG_SPACE,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    SOL_UDP,
    UDP_SEGMENT,
    cmsghdr,
    iovec,
    kernel,
    msghdr,
    socklen_t,
)

cdef enum:
    MOST_SEGMENTS = 64        # of one datagram to be cut, in each kernel that can do it
    MOST_BYTES = 65507        # of a UDP datagram over IPv4, before it is cut as well
    CONTROL_WORDS = 8         # room for the size of a segment, with its header

cdef enum Cutting:
    UNKNOWN = 0
    BY_KERNEL = 1
    BY_HAND = 2


cpdef Py_ssize_t send_segments(PacketFD fd, object data, Py_ssize_t size, bytes address=None) except -1:
    """Send a bytes-like object in datagrams of `size` bytes, the last of what is left. Parks.

    Return its length. If it is empty nothing is sent.
    OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.
    """
    cdef Py_buffer view
    cdef Py_ssize_t done = 0
    cdef int64_t until
    check_made(fd)
    if size < 1:
        raise ValueError("a segment has at least one byte")
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        until = lock_to_send(fd)
        if segments_quietly(fd, <char *>view.buf, view.len, size, address, until, &done) < 0:
            unlock_and_count(fd, done)
        unlock(fd, MODE_WRITE)
    finally:
        PyBuffer_Release(&view)
    return done


cdef int segments_locked(
    PacketFD fd, char *data, Py_ssize_t size, Py_ssize_t segment, bytes address, int64_t until, Py_ssize_t *done
) except -1:
    cdef Py_ssize_t most = min(<Py_ssize_t>MOST_SEGMENTS, max(<Py_ssize_t>1, MOST_BYTES // segment)) * segment
    cdef Py_ssize_t length
    cdef ssize_t sent
    cdef int64_t pause = 0
    cdef bint by_hand = False
    check(fd, MODE_WRITE)
    if fd.cutting == UNKNOWN:
        find_out(fd)
    while done[0] < size:
        length = min(size - done[0], most if fd.cutting == BY_KERNEL and not by_hand else segment)
        sent = segments_once(fd.sysfd, data + done[0], length, segment, address)
        if sent >= 0:
            done[0] += length
            if done[0] < size:
                fd.give_way(MODE_WRITE)
        elif errno == EAGAIN:
            if not until:
                until = fd.limit(MODE_WRITE)
            wait_for_room(fd, address is not None, until, &pause)
        elif length > segment and errno in (EIO, EOPNOTSUPP):
            # EIO: the interface computes no checksums.
            fd.cutting = BY_HAND
        elif length > segment and errno in (EINVAL, EMSGSIZE):
            # A segment is above the MTU, and has to be sent in fragments; or no datagram at all goes there.
            by_hand = True
        elif errno != EINTR:
            fail_errno()
    return 0


cdef void find_out(PacketFD fd) noexcept:
    """Ask whether the kernel cuts. One that does not know how (before Linux 4.18) would send all as one."""
    cdef int size = 0
    cdef socklen_t length = sizeof(size)
    cdef int known = kernel.getsockopt(fd.sysfd, SOL_UDP, UDP_SEGMENT, &size, &length)
    fd.cutting = BY_KERNEL if known == 0 else BY_HAND


cdef ssize_t segments_once(int sysfd, char *data, size_t size, size_t segment, bytes address) noexcept:
    """Send without waiting what the kernel is to cut into segments, if it is more than one."""
    cdef msghdr message
    cdef iovec piece
    cdef size_t[CONTROL_WORDS] control
    cdef cmsghdr *header
    memset(&message, 0, sizeof(message))
    piece.iov_base = data
    piece.iov_len = size
    message.msg_iov = &piece
    message.msg_iovlen = 1
    if address is not None:
        message.msg_name = PyBytes_AS_STRING(address)
        message.msg_namelen = <unsigned int>PyBytes_GET_SIZE(address)
    if size > segment:
        memset(control, 0, sizeof(control))
        message.msg_control = control
        message.msg_controllen = CMSG_SPACE(sizeof(uint16_t))
        header = CMSG_FIRSTHDR(&message)
        header.cmsg_level = SOL_UDP
        header.cmsg_type = UDP_SEGMENT
        header.cmsg_len = CMSG_LEN(sizeof(uint16_t))
        (<uint16_t *>CMSG_DATA(header))[0] = <uint16_t>segment
    return kernel.sendmsg(sysfd, &message, MSG_NOSIGNAL | MSG_DONTWAIT)


ctypedef int (*segments_fn)(
    PacketFD fd, char *data, Py_ssize_t size, Py_ssize_t segment, bytes address, int64_t until, Py_ssize_t *done
) noexcept
cdef segments_fn segments_quietly = <segments_fn><void *>segments_locked
