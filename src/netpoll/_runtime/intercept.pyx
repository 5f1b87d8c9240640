"""The door through which a test plays the kernel.

`intercept(name, function)` puts `function` in the place of a call, `intercept(name, None)` takes it
away again. It gets the descriptor and what is telling about the call:

    recv, recvfrom, read, readv   (fd, size)            pread              (fd, size, offset)
    send, write, quiet_write      (fd, data)            pwrite             (fd, data, offset)
    sendto                        (fd, data, sockaddr)  recvmsg            (fd, size, control size)
    sendmsg, writev               (fd, [data, ...])     recvmmsg           (fd, count)
    sendmmsg                      (fd, [data, ...]), one for each message
    sendfile                      (fd, source, offset | None, count)
    splice, copy_file_range       (source, target, count)
    fadvise                       (fd, offset, size, advice)
    lseek                         (fd, offset, whence)  pipe_size          (fd, size)
    open                          (-1, path, flags)     fcntl              (fd, command, argument)
    dup3                          (fd, number)          poll_now           (fd, events)
    connect, bind                 (fd, sockaddr)        listen, shutdown   (fd, number)
    socket                        (-1, family, type)    setsockopt         (fd, level, name, value)
    getsockopt                    (fd, level, name)     epoll_ctl          (epfd, operation, fd, events, key)
    epoll_wait                    (epfd, delay_ns)      set_nonblocking    (fd, on)
    accept4, close, dup, getsockname, getpeername, unread                       (fd,)
    epoll_create, eventfd, pipe                                                 (-1,)

and answers with

    None        let the kernel do it
    -errno      the call fails
    n >= 0      the call returns n (for what sends: that many bytes, or messages, were taken)
    bytes       for what receives: the data that arrived; getsockopt: the value
    tuple       recvfrom: (data, sockaddr); recvmsg: (data, control, flags, sockaddr), with the control
                data as it lies in memory
    list        recvmmsg: what recvmsg is answered with, for each message; epoll_wait: [(events, key), ...]

It must not park. What it raises is reported as unraisable, and the kernel answers instead; an answer
of another kind is reported too, and the call fails with EINVAL.
"""
from libc.stdint cimport int64_t, uintptr_t

from netpoll._runtime.answers cimport (
    ask,
    deliver,
    fill,
    gathered,
    interceptors,
    name_sender,
    number,
    raw,
    room,
    scatter,
)
from netpoll._runtime.syscalls cimport (
    Kernel,
    epoll_event,
    iovec,
    kernel,
    mmsghdr,
    msghdr,
    sockaddr,
    socklen_t,
)

cdef Kernel plain = kernel      # the kernel itself
cdef dict doors = {}            # name -> (the place in the table, what stands there, what asks first)


# ---- reading and writing ---------------------------------------------------------------------

cdef ssize_t x_recv(int fd, void *buffer, size_t size, int flags) noexcept with gil:
    answer = ask("recv", (fd, size))
    return plain.recv(fd, buffer, size, flags) if answer is None else fill(answer, buffer, size)


cdef ssize_t x_send(int fd, const void *buffer, size_t size, int flags) noexcept with gil:
    answer = ask("send", (fd, raw(buffer, size)))
    return plain.send(fd, buffer, size, flags) if answer is None else number(answer)


cdef ssize_t x_read(int fd, void *buffer, size_t size) noexcept with gil:
    answer = ask("read", (fd, size))
    return plain.read(fd, buffer, size) if answer is None else fill(answer, buffer, size)


cdef ssize_t x_write(int fd, const void *buffer, size_t size) noexcept with gil:
    answer = ask("write", (fd, raw(buffer, size)))
    return plain.write(fd, buffer, size) if answer is None else number(answer)


cdef ssize_t x_quiet_write(int fd, const void *buffer, size_t size) noexcept with gil:
    answer = ask("quiet_write", (fd, raw(buffer, size)))
    return plain.quiet_write(fd, buffer, size) if answer is None else number(answer)


cdef ssize_t x_readv(int fd, const iovec *vector, int count) noexcept with gil:
    answer = ask("readv", (fd, room(vector, count)))
    return plain.readv(fd, vector, count) if answer is None else scatter(answer, vector, count)


cdef ssize_t x_writev(int fd, const iovec *vector, int count) noexcept with gil:
    answer = ask("writev", (fd, gathered(vector, count)))
    return plain.writev(fd, vector, count) if answer is None else number(answer)


cdef ssize_t x_pread(int fd, void *buffer, size_t size, int64_t offset) noexcept with gil:
    answer = ask("pread", (fd, size, offset))
    return plain.pread(fd, buffer, size, offset) if answer is None else fill(answer, buffer, size)


cdef ssize_t x_pwrite(int fd, const void *buffer, size_t size, int64_t offset) noexcept with gil:
    answer = ask("pwrite", (fd, raw(buffer, size), offset))
    return plain.pwrite(fd, buffer, size, offset) if answer is None else number(answer)


cdef int64_t x_lseek(int fd, int64_t offset, int whence) noexcept with gil:
    answer = ask("lseek", (fd, offset, whence))
    return plain.lseek(fd, offset, whence) if answer is None else number(answer)


cdef ssize_t x_sendfile(int fd, int source, int64_t *offset, size_t count) noexcept with gil:
    answer = ask("sendfile", (fd, source, None if offset == NULL else offset[0], count))
    if answer is None:
        return plain.sendfile(fd, source, offset, count)
    cdef ssize_t sent = number(answer)
    if sent > 0 and offset != NULL:
        offset[0] += sent
    return sent


cdef ssize_t x_splice(int source, int target, size_t count, unsigned int flags) noexcept with gil:
    answer = ask("splice", (source, target, count))
    return plain.splice(source, target, count, flags) if answer is None else number(answer)


cdef ssize_t x_copy_file_range(
    int source, int64_t *source_offset, int target, int64_t *target_offset, size_t count
) noexcept with gil:
    answer = ask("copy_file_range", (source, target, count))
    if answer is None:
        return plain.copy_file_range(source, source_offset, target, target_offset, count)
    return number(answer)


cdef int x_fadvise(int fd, int64_t offset, int64_t size, int advice) noexcept with gil:
    answer = ask("fadvise", (fd, offset, size, advice))
    return plain.fadvise(fd, offset, size, advice) if answer is None else <int>number(answer)


# ---- messages --------------------------------------------------------------------------------

cdef ssize_t x_recvfrom(
    int fd, void *buffer, size_t size, int flags, sockaddr *address, socklen_t *length
) noexcept with gil:
    answer = ask("recvfrom", (fd, size))
    if answer is None:
        return plain.recvfrom(fd, buffer, size, flags, address, length)
    if isinstance(answer, tuple):
        name_sender(answer[1], address, length)
        answer = answer[0]
    return fill(answer, buffer, size)


cdef ssize_t x_sendto(
    int fd, const void *buffer, size_t size, int flags, const sockaddr *address, socklen_t length
) noexcept with gil:
    answer = ask("sendto", (fd, raw(buffer, size), raw(address, length)))
    return plain.sendto(fd, buffer, size, flags, address, length) if answer is None else number(answer)


cdef ssize_t x_recvmsg(int fd, msghdr *message, int flags) noexcept with gil:
    answer = ask("recvmsg", (fd, room(message.msg_iov, message.msg_iovlen), message.msg_controllen))
    return plain.recvmsg(fd, message, flags) if answer is None else deliver(answer, message)


cdef ssize_t x_sendmsg(int fd, const msghdr *message, int flags) noexcept with gil:
    answer = ask("sendmsg", (fd, gathered(message.msg_iov, message.msg_iovlen)))
    return plain.sendmsg(fd, message, flags) if answer is None else number(answer)


cdef int x_recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags) noexcept with gil:
    cdef int n = 0
    answer = ask("recvmmsg", (fd, count))
    if answer is None:
        return plain.recvmmsg(fd, messages, count, flags)
    if not isinstance(answer, list):
        return <int>number(answer)
    for one in answer[:count]:
        messages[n].msg_len = <unsigned int>deliver(one, &messages[n].msg_hdr)
        n += 1
    return n


cdef int x_sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags) noexcept with gil:
    cdef list data = []
    for i in range(count):
        data.append(b"".join(gathered(messages[i].msg_hdr.msg_iov, messages[i].msg_hdr.msg_iovlen)))
    answer = ask("sendmmsg", (fd, data))
    if answer is None:
        return plain.sendmmsg(fd, messages, count, flags)
    cdef int n = <int>number(answer)
    cdef int sent
    for sent in range(n):
        messages[sent].msg_len = <unsigned int>len(data[sent])
    return n


# ---- sockets ---------------------------------------------------------------------------------

cdef int x_accept4(int fd, sockaddr *address, socklen_t *size, int flags) noexcept with gil:
    answer = ask("accept4", (fd,))
    return plain.accept4(fd, address, size, flags) if answer is None else <int>number(answer)


cdef int x_socket(int family, int type, int proto) noexcept with gil:
    answer = ask("socket", (-1, family, type))
    return plain.socket(family, type, proto) if answer is None else <int>number(answer)


cdef int x_bind(int fd, const sockaddr *address, socklen_t size) noexcept with gil:
    answer = ask("bind", (fd, raw(address, size)))
    return plain.bind(fd, address, size) if answer is None else <int>number(answer)


cdef int x_listen(int fd, int backlog) noexcept with gil:
    answer = ask("listen", (fd, backlog))
    return plain.listen(fd, backlog) if answer is None else <int>number(answer)


cdef int x_connect(int fd, const sockaddr *address, socklen_t size) noexcept with gil:
    answer = ask("connect", (fd, raw(address, size)))
    return plain.connect(fd, address, size) if answer is None else <int>number(answer)


cdef int x_shutdown(int fd, int how) noexcept with gil:
    answer = ask("shutdown", (fd, how))
    return plain.shutdown(fd, how) if answer is None else <int>number(answer)


cdef int x_getsockopt(int fd, int level, int name, void *value, socklen_t *size) noexcept with gil:
    answer = ask("getsockopt", (fd, level, name))
    if answer is None:
        return plain.getsockopt(fd, level, name, value, size)
    if isinstance(answer, bytes):
        size[0] = <socklen_t>fill(answer, value, size[0])
        return 0
    return <int>number(answer)


cdef int x_setsockopt(int fd, int level, int name, const void *value, socklen_t size) noexcept with gil:
    answer = ask("setsockopt", (fd, level, name, raw(value, size)))
    return plain.setsockopt(fd, level, name, value, size) if answer is None else <int>number(answer)


cdef int x_getsockname(int fd, sockaddr *address, socklen_t *size) noexcept with gil:
    answer = ask("getsockname", (fd,))
    return plain.getsockname(fd, address, size) if answer is None else <int>number(answer)


cdef int x_getpeername(int fd, sockaddr *address, socklen_t *size) noexcept with gil:
    answer = ask("getpeername", (fd,))
    return plain.getpeername(fd, address, size) if answer is None else <int>number(answer)


# ---- descriptors -----------------------------------------------------------------------------

cdef int x_close(int fd) noexcept with gil:
    answer = ask("close", (fd,))
    return plain.close(fd) if answer is None else <int>number(answer)


cdef int x_open(const char *path, int flags) noexcept with gil:
    answer = ask("open", (-1, <bytes>path, flags))
    return plain.open(path, flags) if answer is None else <int>number(answer)


cdef int x_dup(int fd) noexcept with gil:
    answer = ask("dup", (fd,))
    return plain.dup(fd) if answer is None else <int>number(answer)


cdef int x_dup3(int fd, int other, int flags) noexcept with gil:
    answer = ask("dup3", (fd, other))
    return plain.dup3(fd, other, flags) if answer is None else <int>number(answer)


cdef int x_fcntl(int fd, int command, long argument) noexcept with gil:
    answer = ask("fcntl", (fd, command, argument))
    return plain.fcntl(fd, command, argument) if answer is None else <int>number(answer)


cdef int x_pipe_size(int fd, int size) noexcept with gil:
    answer = ask("pipe_size", (fd, size))
    return plain.pipe_size(fd, size) if answer is None else <int>number(answer)


cdef int x_poll_now(int fd, int events) noexcept with gil:
    answer = ask("poll_now", (fd, events))
    return plain.poll_now(fd, events) if answer is None else <int>number(answer)


cdef int x_unread(int fd) noexcept with gil:
    answer = ask("unread", (fd,))
    return plain.unread(fd) if answer is None else <int>number(answer)


cdef int x_set_nonblocking(int fd, int on) noexcept with gil:
    answer = ask("set_nonblocking", (fd, on))
    return plain.set_nonblocking(fd, on) if answer is None else <int>number(answer)


cdef int x_epoll_create(int flags) noexcept with gil:
    answer = ask("epoll_create", (-1,))
    return plain.epoll_create(flags) if answer is None else <int>number(answer)


cdef int x_epoll_ctl(int epfd, int operation, int fd, epoll_event *event) noexcept with gil:
    answer = ask("epoll_ctl", (epfd, operation, fd, event.events, event.data.u64))
    return plain.epoll_ctl(epfd, operation, fd, event) if answer is None else <int>number(answer)


cdef int x_epoll_wait(int epfd, epoll_event *events, int size, int64_t delay_ns) noexcept with gil:
    cdef int n = 0
    answer = ask("epoll_wait", (epfd, delay_ns))
    if answer is None:
        with nogil:
            n = plain.epoll_wait(epfd, events, size, delay_ns)
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
    return plain.eventfd(value, flags) if answer is None else <int>number(answer)


cdef int x_pipe(int *ends, int flags) noexcept with gil:
    answer = ask("pipe", (-1,))
    return plain.pipe(ends, flags) if answer is None else <int>number(answer)


# ---- the doors -------------------------------------------------------------------------------

cdef void door(str name, void *place, void *function) noexcept:
    """Note where the table keeps a call, and what asks before it is made."""
    doors[name] = (<uintptr_t>place, <uintptr_t>(<void **>place)[0], <uintptr_t>function)


door("recv", &kernel.recv, <void *>x_recv)
door("send", &kernel.send, <void *>x_send)
door("read", &kernel.read, <void *>x_read)
door("write", &kernel.write, <void *>x_write)
door("quiet_write", &kernel.quiet_write, <void *>x_quiet_write)
door("readv", &kernel.readv, <void *>x_readv)
door("writev", &kernel.writev, <void *>x_writev)
door("pread", &kernel.pread, <void *>x_pread)
door("pwrite", &kernel.pwrite, <void *>x_pwrite)
door("lseek", &kernel.lseek, <void *>x_lseek)
door("sendfile", &kernel.sendfile, <void *>x_sendfile)
door("splice", &kernel.splice, <void *>x_splice)
door("copy_file_range", &kernel.copy_file_range, <void *>x_copy_file_range)
door("fadvise", &kernel.fadvise, <void *>x_fadvise)
door("recvfrom", &kernel.recvfrom, <void *>x_recvfrom)
door("sendto", &kernel.sendto, <void *>x_sendto)
door("recvmsg", &kernel.recvmsg, <void *>x_recvmsg)
door("sendmsg", &kernel.sendmsg, <void *>x_sendmsg)
door("recvmmsg", &kernel.recvmmsg, <void *>x_recvmmsg)
door("sendmmsg", &kernel.sendmmsg, <void *>x_sendmmsg)
door("accept4", &kernel.accept4, <void *>x_accept4)
door("socket", &kernel.socket, <void *>x_socket)
door("bind", &kernel.bind, <void *>x_bind)
door("listen", &kernel.listen, <void *>x_listen)
door("connect", &kernel.connect, <void *>x_connect)
door("shutdown", &kernel.shutdown, <void *>x_shutdown)
door("getsockopt", &kernel.getsockopt, <void *>x_getsockopt)
door("setsockopt", &kernel.setsockopt, <void *>x_setsockopt)
door("getsockname", &kernel.getsockname, <void *>x_getsockname)
door("getpeername", &kernel.getpeername, <void *>x_getpeername)
door("close", &kernel.close, <void *>x_close)
door("open", &kernel.open, <void *>x_open)
door("dup", &kernel.dup, <void *>x_dup)
door("dup3", &kernel.dup3, <void *>x_dup3)
door("fcntl", &kernel.fcntl, <void *>x_fcntl)
door("pipe_size", &kernel.pipe_size, <void *>x_pipe_size)
door("poll_now", &kernel.poll_now, <void *>x_poll_now)
door("unread", &kernel.unread, <void *>x_unread)
door("set_nonblocking", &kernel.set_nonblocking, <void *>x_set_nonblocking)
door("epoll_create", &kernel.epoll_create, <void *>x_epoll_create)
door("epoll_ctl", &kernel.epoll_ctl, <void *>x_epoll_ctl)
door("epoll_wait", &kernel.epoll_wait, <void *>x_epoll_wait)
door("eventfd", &kernel.eventfd, <void *>x_eventfd)
door("pipe", &kernel.pipe, <void *>x_pipe)
NAMES = frozenset(doors)


def intercept(str name not None, function):
    """Put `function` in the place of the system call `name`; None gives it back to the kernel.

    For tests, and for the whole process: no other thread may be in a call meanwhile.
    KeyError if the table has no such call.
    """
    cdef uintptr_t place, ours, asks
    place, ours, asks = doors[name]
    if function is None:
        (<uintptr_t *>place)[0] = ours
        interceptors.pop(name, None)
    else:
        interceptors[name] = function
        (<uintptr_t *>place)[0] = asks


def address(str name not None):
    """Return where the function is that stands in the table for a call, for ctypes. KeyError."""
    cdef uintptr_t place = doors[name][0]
    return (<uintptr_t *>place)[0]
