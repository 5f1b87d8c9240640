"""The table of system calls, filled with the kernel's own; what a test puts in their place: intercept.pyx."""
from libc.stdint cimport int64_t


cdef extern from "kernel.h" nogil:
    ssize_t c_recv "recv"(int fd, void *buffer, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *buffer, size_t size, int flags)
    ssize_t c_read "read"(int fd, void *buffer, size_t size)
    ssize_t c_write "write"(int fd, const void *buffer, size_t size)
    ssize_t c_quiet_write "np_quiet_write"(int fd, const void *buffer, size_t size)
    ssize_t c_readv "readv"(int fd, const iovec *vector, int count)
    ssize_t c_writev "np_quiet_writev"(int fd, const iovec *vector, int count)
    ssize_t c_pread "np_pread"(int fd, void *buffer, size_t size, int64_t offset)
    ssize_t c_pwrite "np_pwrite"(int fd, const void *buffer, size_t size, int64_t offset)
    int64_t c_lseek "np_lseek"(int fd, int64_t offset, int whence)
    ssize_t c_recvfrom "recvfrom"(int fd, void *buffer, size_t size, int flags, sockaddr *address, socklen_t *length)
    ssize_t c_sendto "sendto"(
        int fd, const void *buffer, size_t size, int flags, const sockaddr *address, socklen_t length
    )
    ssize_t c_recvmsg "recvmsg"(int fd, msghdr *message, int flags)
    ssize_t c_sendmsg "sendmsg"(int fd, const msghdr *message, int flags)
    int c_recvmmsg "np_recvmmsg"(int fd, mmsghdr *messages, unsigned int count, int flags)
    int c_sendmmsg "np_sendmmsg"(int fd, mmsghdr *messages, unsigned int count, int flags)
    ssize_t c_sendfile "np_quiet_sendfile"(int fd, int source, int64_t *offset, size_t count)
    ssize_t c_splice "np_quiet_splice"(int source, int target, size_t count, unsigned int flags)
    ssize_t c_copy_file_range "np_copy_file_range"(
        int source, int64_t *source_offset, int target, int64_t *target_offset, size_t count
    )
    int c_fadvise "np_fadvise"(int fd, int64_t offset, int64_t size, int advice)
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
    int c_open "np_open"(const char *path, int flags)
    int c_dup "np_dup_cloexec"(int fd)
    int c_dup3 "dup3"(int fd, int number, int flags)
    int c_fcntl "np_fcntl"(int fd, int command, long argument)
    int c_pipe_size "np_pipe_size"(int fd, int size)
    int c_poll_now "np_poll_now"(int fd, int events)
    int c_unread "np_unread"(int fd)
    int c_set_nonblocking "np_set_nonblocking"(int fd, int on)
    int c_is_anonymous "np_is_anonymous"(int fd)
    int c_epoll_create "epoll_create1"(int flags)
    int c_epoll_ctl "epoll_ctl"(int epfd, int operation, int fd, epoll_event *event)
    int c_epoll_wait "np_epoll_wait"(int epfd, epoll_event *events, int size, int64_t delay_ns)
    int c_eventfd "eventfd"(unsigned int value, int flags)
    int c_pipe "pipe2"(int *ends, int flags)


kernel.recv = c_recv
kernel.send = c_send
kernel.read = c_read
kernel.write = c_write
kernel.quiet_write = c_quiet_write
kernel.readv = c_readv
kernel.writev = c_writev
kernel.pread = c_pread
kernel.pwrite = c_pwrite
kernel.lseek = c_lseek
kernel.recvfrom = c_recvfrom
kernel.sendto = c_sendto
kernel.recvmsg = c_recvmsg
kernel.sendmsg = c_sendmsg
kernel.recvmmsg = c_recvmmsg
kernel.sendmmsg = c_sendmmsg
kernel.sendfile = c_sendfile
kernel.splice = c_splice
kernel.copy_file_range = c_copy_file_range
kernel.fadvise = c_fadvise
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
kernel.open = c_open
kernel.dup = c_dup
kernel.dup3 = c_dup3
kernel.fcntl = c_fcntl
kernel.pipe_size = c_pipe_size
kernel.poll_now = c_poll_now
kernel.unread = c_unread
kernel.set_nonblocking = c_set_nonblocking
kernel.is_anonymous = c_is_anonymous
kernel.epoll_create = c_epoll_create
kernel.epoll_ctl = c_epoll_ctl
kernel.epoll_wait = c_epoll_wait
kernel.eventfd = c_eventfd
kernel.pipe = c_pipe


def __getattr__(str name not None):
    """Give out what intercept.pyx has, and load that only then: no program needs it but a test."""
    if name not in ("NAMES", "intercept"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from netpoll._runtime import intercept
    return getattr(intercept, name)
