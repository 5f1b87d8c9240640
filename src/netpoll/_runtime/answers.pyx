"""What a test answers in the place of a system call, turned into what the call returns; see intercept.pyx."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EINVAL, errno
from libc.string cimport memcpy

from netpoll._runtime.syscalls cimport MSG_TRUNC, iovec, msghdr, socklen_t

interceptors = {}


cdef void report(object exception) noexcept:
    """Write an exception as unraisable: what escapes a function that is noexcept."""
    raise exception


cdef object ask(str name, tuple details):
    """Let the interceptor of `name` answer; None if the kernel is to."""
    function = interceptors.get(name)
    try:
        return None if function is None else function(*details)
    except BaseException as exception:
        report(exception)
        return None


cdef ssize_t number(object answer) noexcept:
    """Turn an answer into what a system call returns, errno set."""
    global errno
    if not isinstance(answer, int):
        report(TypeError(f"{answer!r} is no answer of a system call"))
        answer = -EINVAL
    cdef ssize_t value = answer
    if value < 0:
        errno = <int>-value   # no-cython-lint: it is C's own that is meant
        return -1
    return value


cdef ssize_t fill(object answer, void *buffer, size_t size) noexcept:
    """The same, with data for a buffer."""
    cdef ssize_t length
    if not isinstance(answer, bytes):
        return number(answer)
    length = min(PyBytes_GET_SIZE(answer), <ssize_t>size)
    if length:      # or else there may be no buffer
        memcpy(buffer, PyBytes_AS_STRING(answer), length)
    return length


cdef ssize_t scatter(object answer, const iovec *vector, size_t count) noexcept:
    """The same, with data for several buffers."""
    cdef ssize_t done = 0
    cdef ssize_t length
    if not isinstance(answer, bytes):
        return number(answer)
    for i in range(count):
        length = min(PyBytes_GET_SIZE(answer) - done, <ssize_t>vector[i].iov_len)
        memcpy(vector[i].iov_base, PyBytes_AS_STRING(answer) + done, length)
        done += length
    return done


cdef void name_sender(object answer, void *place, socklen_t *size) noexcept:
    """Write the address as the kernel does: cut to the room, but with its whole length."""
    if place != NULL:
        fill(answer, place, size[0])
        size[0] = <socklen_t>PyBytes_GET_SIZE(answer)


cdef ssize_t deliver(object answer, msghdr *message) noexcept:
    """The same, with a message: its data, or (data, control, flags, sockaddr)."""
    cdef ssize_t got
    if isinstance(answer, bytes):
        answer = (answer, b"", 0, b"")
    if not isinstance(answer, tuple):
        return number(answer)
    data, control, flags, address = answer
    got = scatter(data, message.msg_iov, message.msg_iovlen)
    message.msg_flags = flags | (MSG_TRUNC if got < len(data) else 0)
    message.msg_controllen = fill(control, message.msg_control, message.msg_controllen)
    name_sender(address, message.msg_name, &message.msg_namelen)
    return got


# ---- details ---------------------------------------------------------------------------------

cdef bytes raw(const void *data, ssize_t size):
    return PyBytes_FromStringAndSize(<const char *>data, size)


cdef list gathered(const iovec *vector, size_t count):
    """Return the buffers of a vector."""
    return [raw(vector[i].iov_base, vector[i].iov_len) for i in range(count)]


cdef size_t room(const iovec *vector, size_t count) noexcept:
    """Return how much goes into the buffers of a vector."""
    cdef size_t size = 0
    for i in range(count):
        size += vector[i].iov_len
    return size
