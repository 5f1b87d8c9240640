"""Control data: what comes and goes beside the data of a message.

Contract
  * Descriptors that come with a message (SCM_RIGHTS, SCM_PIDFD) belong to its Arrival from the moment of the
    system call until `hand_out`, which is the last thing done before the result is returned: whatever is raised
    before, by a signal handler for example, closes them. They are close-on-exec. If the control data was cut
    (MSG_CTRUNC) nobody can tell which ones are missing: those that came are closed, and none is handed out.

Source: cmsg(3), recvmsg(2), unix(7).
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from netpoll._poll.fd cimport fail_errno
from netpoll._poll.socket_fd cimport ADDRESS_SIZE
from netpoll._poll.stream_fd cimport StreamFD
from netpoll._poll.waiting cimport consume_edge
from netpoll._runtime.syscalls cimport (
    CMSG_DATA,
    CMSG_FIRSTHDR,
    CMSG_LEN,
    CMSG_NXTHDR,
    CMSG_SPACE,
    MSG_CMSG_CLOEXEC,
    MSG_CTRUNC,
    MSG_DONTWAIT,
    SCM_RIGHTS,
    SOL_SOCKET,
    cmsghdr,
    iovec,
    kernel,
    msghdr,
)

cdef enum:
    SCM_PIDFD = 4             # the sender's process (Linux 6.5), which nobody here asks for


cdef size_t length_of(msghdr *message, cmsghdr *control) noexcept:
    """Return how many bytes of data a part has; never more than there are in the buffer."""
    cdef size_t before = <char *>CMSG_DATA(control) - <char *>message.msg_control
    cdef size_t length = control.cmsg_len - CMSG_LEN(0) if control.cmsg_len > CMSG_LEN(0) else 0
    return min(length, message.msg_controllen - before) if before < message.msg_controllen else 0


cdef class Arrival:
    """A message that has come, and the descriptors in it until they are handed out."""

    def __cinit__(self, Py_ssize_t control_size):
        memset(&self.message, 0, sizeof(self.message))
        if control_size:
            self.message.msg_control = malloc(control_size)
            if self.message.msg_control == NULL:
                raise MemoryError("no memory for control data")

    def __dealloc__(self):
        if not self.handed_out:
            self.close_descriptors(False)
        free(self.message.msg_control)

    cdef Py_ssize_t receive(
        self, SocketFD fd, iovec *vector, Py_ssize_t count, size_t control_size, int flags
    ) except -2:
        """Receive without waiting; -1 if there is nothing."""
        cdef Py_ssize_t got
        consume_edge(fd)
        if isinstance(fd, StreamFD):
            (<StreamFD>fd).drained = False  # what an edge has announced may still be there after this
        self.message.msg_name = self.address
        self.message.msg_iov = vector
        self.message.msg_iovlen = count
        while True:
            self.message.msg_namelen = ADDRESS_SIZE
            self.message.msg_controllen = control_size
            got = kernel.recvmsg(fd.sysfd, &self.message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
            if got >= 0:
                return got
            self.message.msg_controllen = 0     # there is none
            if errno == EAGAIN:
                return -1
            if errno != EINTR:
                fail_errno()

    cdef int flags(self) noexcept:
        """Return what recvmsg(2) has told, as it would have been without MSG_CMSG_CLOEXEC."""
        return self.message.msg_flags & ~MSG_CMSG_CLOEXEC

    cdef bint whole(self) noexcept:
        """Return whether all the control data is there."""
        return not self.message.msg_flags & MSG_CTRUNC

    cdef bytes sender(self):
        """Return the raw sockaddr of who sent it."""
        return PyBytes_FromStringAndSize(self.address, min(self.message.msg_namelen, <Py_ssize_t>ADDRESS_SIZE))

    cdef list parts(self):
        """Return the parts of the control data; descriptors only if it is whole."""
        cdef list parts = []
        cdef cmsghdr *control = CMSG_FIRSTHDR(&self.message)
        while control != NULL:
            if self.whole() or not has_descriptors(control):
                data = PyBytes_FromStringAndSize(
                    <char *>CMSG_DATA(control), <Py_ssize_t>length_of(&self.message, control)
                )
                parts.append((control.cmsg_level, control.cmsg_type, data))
            control = CMSG_NXTHDR(&self.message, control)
        return parts

    cdef list descriptors(self):
        """Return the numbers of the descriptors that were sent."""
        cdef list found = []
        cdef cmsghdr *control = CMSG_FIRSTHDR(&self.message)
        while control != NULL:
            if is_rights(control):
                for i in range(length_of(&self.message, control) // sizeof(int)):
                    found.append((<int *>CMSG_DATA(control))[i])
            control = CMSG_NXTHDR(&self.message, control)
        return found

    cdef void hand_out(self) noexcept:
        """Leave the descriptors to whoever has got their numbers; nothing may be raised after this."""
        self.handed_out = self.whole()

    cdef void hand_out_sent(self) noexcept:
        """The same for those of `descriptors`; what the kernel has added of its own is closed."""
        self.close_descriptors(True)
        self.handed_out = True

    cdef void close_descriptors(self, bint keep_rights) noexcept:
        cdef cmsghdr *control = CMSG_FIRSTHDR(&self.message)
        cdef int *numbers
        while control != NULL:
            if has_descriptors(control) and not (keep_rights and is_rights(control)):
                numbers = <int *>CMSG_DATA(control)
                for i in range(length_of(&self.message, control) // sizeof(int)):
                    if numbers[i] >= 0:
                        kernel.close(numbers[i])
            control = CMSG_NXTHDR(&self.message, control)


cdef bint is_rights(cmsghdr *control) noexcept:
    return control.cmsg_level == SOL_SOCKET and control.cmsg_type == SCM_RIGHTS


cdef bint has_descriptors(cmsghdr *control) noexcept:
    return control.cmsg_level == SOL_SOCKET and control.cmsg_type in (SCM_RIGHTS, SCM_PIDFD)


cdef bytes packed(object control):
    """Return (level, type, data) triples as they lie in memory; None for none."""
    cdef list parts = []
    cdef Py_ssize_t size = 0
    cdef Py_ssize_t length
    cdef bytes memory, data
    cdef cmsghdr *header
    cdef int level, kind
    for level, kind, content in control:
        data = memoryview(content).tobytes()
        parts.append((level, kind, data))
        size += <Py_ssize_t>CMSG_SPACE(PyBytes_GET_SIZE(data))
    if not parts:
        return None
    memory = PyBytes_FromStringAndSize(NULL, size)
    memset(PyBytes_AS_STRING(memory), 0, size)
    header = <cmsghdr *>PyBytes_AS_STRING(memory)
    for level, kind, data in parts:
        length = PyBytes_GET_SIZE(data)
        header.cmsg_len = CMSG_LEN(length)
        header.cmsg_level = level
        header.cmsg_type = kind
        memcpy(CMSG_DATA(header), PyBytes_AS_STRING(data), length)
        header = <cmsghdr *>(<char *>header + CMSG_SPACE(length))
    return memory
