"""The table of system calls: each one that touches a descriptor goes through here.

The exception is fstat(2), by which the runtime tells its own wake-up descriptors from a stranger's.

`kernel` is the table in use. At first it holds the C library's functions; a test puts a Python
function in the place of one (see syscalls.pyx) to inject an errno or to play the kernel.
All return what the call returns, -1 with errno set on failure.
"""
from libc.stdint cimport int64_t, uint64_t

cdef extern from "kernel.h" nogil:
    ctypedef unsigned int socklen_t
    struct sockaddr:
        pass
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        unsigned int events
        epoll_data_t data
    enum: EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLET
    enum: EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CLOEXEC
    enum: EFD_CLOEXEC, EFD_NONBLOCK
    enum: SOCK_NONBLOCK, SOCK_CLOEXEC, AF_UNSPEC, AF_INET, AF_INET6, MSG_NOSIGNAL, MSG_DONTWAIT, MSG_PEEK
    enum: SOL_SOCKET, SO_DOMAIN, SO_ERROR, O_CLOEXEC, O_NONBLOCK

cdef struct Kernel:
    ssize_t (*recv)(int fd, void *buffer, size_t size, int flags) noexcept nogil
    ssize_t (*send)(int fd, const void *buffer, size_t size, int flags) noexcept nogil
    ssize_t (*read)(int fd, void *buffer, size_t size) noexcept nogil
    ssize_t (*write)(int fd, const void *buffer, size_t size) noexcept nogil
    ssize_t (*sendmsg)(int fd, const msghdr *message, int flags) noexcept nogil
    int (*accept4)(int fd, sockaddr *address, socklen_t *size, int flags) noexcept nogil
    int (*socket)(int family, int type, int proto) noexcept nogil
    int (*bind)(int fd, const sockaddr *address, socklen_t size) noexcept nogil
    int (*listen)(int fd, int backlog) noexcept nogil
    int (*connect)(int fd, const sockaddr *address, socklen_t size) noexcept nogil
    int (*shutdown)(int fd, int how) noexcept nogil
    int (*close)(int fd) noexcept nogil
    int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *size) noexcept nogil
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t size) noexcept nogil
    int (*getsockname)(int fd, sockaddr *address, socklen_t *size) noexcept nogil
    int (*getpeername)(int fd, sockaddr *address, socklen_t *size) noexcept nogil
    int (*dup)(int fd) noexcept nogil
    int (*set_nonblocking)(int fd, int on) noexcept nogil
    int (*is_anonymous)(int fd) noexcept nogil
    int (*epoll_create)(int flags) noexcept nogil
    int (*epoll_ctl)(int epfd, int operation, int fd, epoll_event *event) noexcept nogil
    int (*epoll_wait)(int epfd, epoll_event *events, int size, int64_t delay_ns) noexcept nogil
    int (*eventfd)(unsigned int value, int flags) noexcept nogil
    int (*pipe)(int *ends, int flags) noexcept nogil

cdef Kernel kernel
