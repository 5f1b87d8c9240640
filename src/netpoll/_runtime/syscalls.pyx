"""The table of system calls, and the door through which a test plays the kernel.

`intercept(name, function)` puts `function` in the place of a call, `intercept(name, None)` takes it
away again. It gets the descriptor and what is telling about the call:

    recv, read         (fd, size)               send, write      (fd, data)
    sendmsg            (fd, [data, ...])        accept4, close   (fd,)
    connect, bind      (fd, sockaddr)           listen, shutdown (fd, number)
    socket             (-1, family, type)       setsockopt       (fd, level, name, value)
    getsockopt         (fd, level, name)        epoll_ctl        (epfd, operation, fd, events, key)
    epoll_wait         (epfd, delay_ns)         set_nonblocking  (fd, on)
    getsockname, getpeername, dup (fd,)         epoll_create, eventfd, pipe (-1,)

and answers with

    None        let the kernel do it
    -errno      the call fails
    n >= 0      the call returns n (for send, sendmsg, write: that many bytes were taken)
    bytes       recv, read: the data that arrived; getsockopt: the value
    list        epoll_wait: [(events, key), ...]

It must not park. What it raises is reported as unraisable, and the kernel answers instead; an answer
of another kind is reported too, and the call fails with EINVAL.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EINVAL, errno
from libc.stdint cimport int64_t
from libc.string cimport memcpy


cdef extern from "kernel.h" nogil:
    ssize_t c_recv "recv"(int fd, void *buffer, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *buffer, size_t size, int flags)
    ssize_t c_read "read"(int fd, void *buffer, size_t size)
    ssize_t c_write "write"(int fd, const void *buffer, size_t size)
    ssize_t c_sendmsg "sendmsg"(int fd, const msghdr *message, int flags)
    int c_accept4 "accept4"(int fd, sockaddr *address, socklen_t *size, int flags)
    int c_socket "socket"(int family, int type, int proto)
    int c_bind "bind"(int fd, const sockaddr *address, socklen_t size)
    int c_listen "listen"(int fd, int backlog)
    int c_connect "connect"(int fd, const sockaddr *address, socklen_t size)
    int c_shutdown "shutdown"(int fd, int how)
    int c_close "close"(int fd)
    int c_getsockopt "getsockopt"(int fd, int level, int name, void *value, socklen_t *size)
    int c_setsockopt "setsockopt"(int fd, int level, int name, const void *value, socklen_t size)
    int c_getsockname "getsockname"(int fd, sockaddr *address, socklen_t *size)
    int c_getpeername "getpeername"(int fd, sockaddr *address, socklen_t *size)
    int c_dup "np_dup_cloexec"(int fd)
    int c_set_nonblocking "np_set_nonblocking"(int fd, int on)
    int c_is_anonymous "np_is_anonymous"(int fd)
    int c_epoll_create "epoll_create1"(int flags)
    int c_epoll_ctl "epoll_ctl"(int epfd, int operation, int fd, epoll_event *event)
    int c_epoll_wait "np_epoll_wait"(int epfd, epoll_event *events, int size, int64_t delay_ns)
    int c_eventfd "eventfd"(unsigned int value, int flags)
    int c_pipe "pipe2"(int *ends, int flags)


cdef dict interceptors = {}


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
    cdef ssize_t length
    if not isinstance(answer, bytes):
        return number(answer)
    length = min(PyBytes_GET_SIZE(answer), <ssize_t>size)
    memcpy(buffer, PyBytes_AS_STRING(answer), length)
    return length


cdef bytes raw(const void *data, ssize_t size):
    return PyBytes_FromStringAndSize(<const char *>data, size)


cdef list gathered(const msghdr *message):
    """Return the buffers of a message."""
    return [raw(message.msg_iov[i].iov_base, message.msg_iov[i].iov_len) for i in range(message.msg_iovlen)]


cdef ssize_t x_recv(int fd, void *buffer, size_t size, int flags) noexcept with gil:
    answer = ask("recv", (fd, size))
    return c_recv(fd, buffer, size, flags) if answer is None else fill(answer, buffer, size)


cdef ssize_t x_send(int fd, const void *buffer, size_t size, int flags) noexcept with gil:
    answer = ask("send", (fd, raw(buffer, size)))
    return c_send(fd, buffer, size, flags) if answer is None else number(answer)


cdef ssize_t x_read(int fd, void *buffer, size_t size) noexcept with gil:
    answer = ask("read", (fd, size))
    return c_read(fd, buffer, size) if answer is None else fill(answer, buffer, size)


cdef ssize_t x_write(int fd, const void *buffer, size_t size) noexcept with gil:
    answer = ask("write", (fd, raw(buffer, size)))
    return c_write(fd, buffer, size) if answer is None else number(answer)


cdef ssize_t x_sendmsg(int fd, const msghdr *message, int flags) noexcept with gil:
    answer = ask("sendmsg", (fd, gathered(message)))
    return c_sendmsg(fd, message, flags) if answer is None else number(answer)


cdef int x_accept4(int fd, sockaddr *address, socklen_t *size, int flags) noexcept with gil:
    answer = ask("accept4", (fd,))
    return c_accept4(fd, address, size, flags) if answer is None else <int>number(answer)


cdef int x_socket(int family, int type, int proto) noexcept with gil:
    answer = ask("socket", (-1, family, type))
    return c_socket(family, type, proto) if answer is None else <int>number(answer)


cdef int x_bind(int fd, const sockaddr *address, socklen_t size) noexcept with gil:
    answer = ask("bind", (fd, raw(address, size)))
    return c_bind(fd, address, size) if answer is None else <int>number(answer)


cdef int x_listen(int fd, int backlog) noexcept with gil:
    answer = ask("listen", (fd, backlog))
    return c_listen(fd, backlog) if answer is None else <int>number(answer)


cdef int x_connect(int fd, const sockaddr *address, socklen_t size) noexcept with gil:
    answer = ask("connect", (fd, raw(address, size)))
    return c_connect(fd, address, size) if answer is None else <int>number(answer)


cdef int x_shutdown(int fd, int how) noexcept with gil:
    answer = ask("shutdown", (fd, how))
    return c_shutdown(fd, how) if answer is None else <int>number(answer)


cdef int x_close(int fd) noexcept with gil:
    answer = ask("close", (fd,))
    return c_close(fd) if answer is None else <int>number(answer)


cdef int x_getsockopt(int fd, int level, int name, void *value, socklen_t *size) noexcept with gil:
    answer = ask("getsockopt", (fd, level, name))
    if answer is None:
        return c_getsockopt(fd, level, name, value, size)
    if isinstance(answer, bytes):
        size[0] = <socklen_t>fill(answer, value, size[0])
        return 0
    return <int>number(answer)


cdef int x_setsockopt(int fd, int level, int name, const void *value, socklen_t size) noexcept with gil:
    answer = ask("setsockopt", (fd, level, name, raw(value, size)))
    return c_setsockopt(fd, level, name, value, size) if answer is None else <int>number(answer)


cdef int x_getsockname(int fd, sockaddr *address, socklen_t *size) noexcept with gil:
    answer = ask("getsockname", (fd,))
    return c_getsockname(fd, address, size) if answer is None else <int>number(answer)


cdef int x_getpeername(int fd, sockaddr *address, socklen_t *size) noexcept with gil:
    answer = ask("getpeername", (fd,))
    return c_getpeername(fd, address, size) if answer is None else <int>number(answer)


cdef int x_dup(int fd) noexcept with gil:
    answer = ask("dup", (fd,))
    return c_dup(fd) if answer is None else <int>number(answer)


cdef int x_set_nonblocking(int fd, int on) noexcept with gil:
    answer = ask("set_nonblocking", (fd, on))
    return c_set_nonblocking(fd, on) if answer is None else <int>number(answer)


cdef int x_epoll_create(int flags) noexcept with gil:
    answer = ask("epoll_create", (-1,))
    return c_epoll_create(flags) if answer is None else <int>number(answer)


cdef int x_epoll_ctl(int epfd, int operation, int fd, epoll_event *event) noexcept with gil:
    answer = ask("epoll_ctl", (epfd, operation, fd, event.events, event.data.u64))
    return c_epoll_ctl(epfd, operation, fd, event) if answer is None else <int>number(answer)


cdef int x_epoll_wait(int epfd, epoll_event *events, int size, int64_t delay_ns) noexcept with gil:
    cdef int n = 0
    answer = ask("epoll_wait", (epfd, delay_ns))
    if answer is None:
        with nogil:
            n = c_epoll_wait(epfd, events, size, delay_ns)
        return n
    if not isinstance(answer, list):
        return <int>number(answer)
    for mask, key in answer[:size]:
        events[n].events = mask
        events[n].data.u64 = key
        n += 1
    return n


cdef int x_eventfd(unsigned int value, int flags) noexcept with gil:
    answer = ask("eventfd", (-1,))
    return c_eventfd(value, flags) if answer is None else <int>number(answer)


cdef int x_pipe(int *ends, int flags) noexcept with gil:
    answer = ask("pipe", (-1,))
    return c_pipe(ends, flags) if answer is None else <int>number(answer)


cdef void restore() noexcept:
    """Put the kernel itself in every place."""
    kernel.recv = c_recv
    kernel.send = c_send
    kernel.read = c_read
    kernel.write = c_write
    kernel.sendmsg = c_sendmsg
    kernel.accept4 = c_accept4
    kernel.socket = c_socket
    kernel.bind = c_bind
    kernel.listen = c_listen
    kernel.connect = c_connect
    kernel.shutdown = c_shutdown
    kernel.close = c_close
    kernel.getsockopt = c_getsockopt
    kernel.setsockopt = c_setsockopt
    kernel.getsockname = c_getsockname
    kernel.getpeername = c_getpeername
    kernel.dup = c_dup
    kernel.set_nonblocking = c_set_nonblocking
    kernel.is_anonymous = c_is_anonymous
    kernel.epoll_create = c_epoll_create
    kernel.epoll_ctl = c_epoll_ctl
    kernel.epoll_wait = c_epoll_wait
    kernel.eventfd = c_eventfd
    kernel.pipe = c_pipe


cdef void interpose() noexcept:
    """Ask the interceptors before the kernel, at every place."""
    kernel.recv = x_recv
    kernel.send = x_send
    kernel.read = x_read
    kernel.write = x_write
    kernel.sendmsg = x_sendmsg
    kernel.accept4 = x_accept4
    kernel.socket = x_socket
    kernel.bind = x_bind
    kernel.listen = x_listen
    kernel.connect = x_connect
    kernel.shutdown = x_shutdown
    kernel.close = x_close
    kernel.getsockopt = x_getsockopt
    kernel.setsockopt = x_setsockopt
    kernel.getsockname = x_getsockname
    kernel.getpeername = x_getpeername
    kernel.dup = x_dup
    kernel.set_nonblocking = x_set_nonblocking
    kernel.epoll_create = x_epoll_create
    kernel.epoll_ctl = x_epoll_ctl
    kernel.epoll_wait = x_epoll_wait
    kernel.eventfd = x_eventfd
    kernel.pipe = x_pipe


NAMES = frozenset({
    "recv", "send", "read", "write", "sendmsg", "accept4", "socket", "bind", "listen", "connect", "shutdown",
    "close", "getsockopt", "setsockopt", "getsockname", "getpeername", "dup", "set_nonblocking",
    "epoll_create", "epoll_ctl", "epoll_wait", "eventfd", "pipe",
})


def intercept(str name not None, function):
    """Put `function` in the place of the system call `name`; None gives it back to the kernel.

    For tests, and for the whole process: no other thread may be in a call meanwhile.
    KeyError if the table has no such call.
    """
    if name not in NAMES:
        raise KeyError(name)
    if function is None:
        interceptors.pop(name, None)
    else:
        interceptors[name] = function
    if interceptors:
        interpose()
    else:
        restore()


restore()
