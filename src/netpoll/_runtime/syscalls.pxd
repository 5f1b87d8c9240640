"""The table of system calls: each one that touches a descriptor goes through here.

The exception is fstat(2), by which the runtime tells its own wake-up descriptors from a stranger's.

`kernel` is the table in use. At first it holds the C library's functions, or what kernel.h makes of
them; a test puts a Python function in the place of one (see intercept.pyx) to inject an errno or to
play the kernel. All return what the call returns, -1 with errno set on failure.

Those that write where no flag keeps SIGPIPE away (writev, quiet_write, sendfile, splice) never raise it.
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
        void *msg_name
        socklen_t msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    cmsghdr *CMSG_FIRSTHDR(msghdr *message)
    cmsghdr *CMSG_NXTHDR(msghdr *message, cmsghdr *control)
    unsigned char *CMSG_DATA(cmsghdr *control)
    size_t CMSG_LEN(size_t size)
    size_t CMSG_SPACE(size_t size)
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        unsigned int events
        epoll_data_t data
    enum: EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLET
    enum: EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CLOEXEC
    enum: EFD_CLOEXEC, EFD_NONBLOCK
    enum: AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX
    enum: SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET
    enum: MSG_NOSIGNAL, MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_CTRUNC, MSG_CMSG_CLOEXEC, MSG_ERRQUEUE, MSG_WAITFORONE
    enum: SOL_SOCKET, SO_DOMAIN, SO_TYPE, SO_PROTOCOL, SO_ACCEPTCONN, SO_ERROR
    enum: SCM_RIGHTS, SCM_CREDENTIALS, SOL_UDP, UDP_SEGMENT, UDP_GRO
    enum: O_CLOEXEC, O_NONBLOCK, O_NOCTTY, O_ACCMODE, O_RDONLY, O_WRONLY, O_RDWR
    enum: F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETPIPE_SZ, FD_CLOEXEC
    enum: SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE
    enum: POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL
    enum: POSIX_FADV_SEQUENTIAL, POSIX_FADV_WILLNEED

cdef struct Kernel:
    ssize_t (*recv)(int fd, void *buffer, size_t size, int flags) noexcept nogil
    ssize_t (*send)(int fd, const void *buffer, size_t size, int flags) noexcept nogil
    ssize_t (*read)(int fd, void *buffer, size_t size) noexcept nogil
    ssize_t (*write)(int fd, const void *buffer, size_t size) noexcept nogil
    ssize_t (*quiet_write)(int fd, const void *buffer, size_t size) noexcept nogil
    ssize_t (*readv)(int fd, const iovec *vector, int count) noexcept nogil
    ssize_t (*writev)(int fd, const iovec *vector, int count) noexcept nogil
    ssize_t (*pread)(int fd, void *buffer, size_t size, int64_t offset) noexcept nogil
    ssize_t (*pwrite)(int fd, const void *buffer, size_t size, int64_t offset) noexcept nogil
    int64_t (*lseek)(int fd, int64_t offset, int whence) noexcept nogil
    ssize_t (*recvfrom)(
        int fd, void *buffer, size_t size, int flags, sockaddr *address, socklen_t *length
    ) noexcept nogil
    ssize_t (*sendto)(
        int fd, const void *buffer, size_t size, int flags, const sockaddr *address, socklen_t length
    ) noexcept nogil
    ssize_t (*recvmsg)(int fd, msghdr *message, int flags) noexcept nogil
    ssize_t (*sendmsg)(int fd, const msghdr *message, int flags) noexcept nogil
    int (*recvmmsg)(int fd, mmsghdr *messages, unsigned int count, int flags) noexcept nogil
    int (*sendmmsg)(int fd, mmsghdr *messages, unsigned int count, int flags) noexcept nogil
    # An offset is moved along; NULL: the file's own position. splice: one of the two is a pipe.
    ssize_t (*sendfile)(int fd, int source, int64_t *offset, size_t count) noexcept nogil
    ssize_t (*splice)(int source, int target, size_t count, unsigned int flags) noexcept nogil
    ssize_t (*copy_file_range)(
        int source, int64_t *source_offset, int target, int64_t *target_offset, size_t count
    ) noexcept nogil
    int (*fadvise)(int fd, int64_t offset, int64_t size, int advice) noexcept nogil
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
    int (*open)(const char *path, int flags) noexcept nogil
    int (*dup)(int fd) noexcept nogil
    int (*dup3)(int fd, int number, int flags) noexcept nogil
    int (*fcntl)(int fd, int command, long argument) noexcept nogil
    int (*pipe_size)(int fd, int size) noexcept nogil
    # What of `events` is there now (poll(2) that never waits).
    int (*poll_now)(int fd, int events) noexcept nogil
    # How many bytes a read would return at once, ioctl(2) FIONREAD.
    int (*unread)(int fd) noexcept nogil
    int (*set_nonblocking)(int fd, int on) noexcept nogil
    int (*is_anonymous)(int fd) noexcept nogil
    int (*epoll_create)(int flags) noexcept nogil
    int (*epoll_ctl)(int epfd, int operation, int fd, epoll_event *event) noexcept nogil
    int (*epoll_wait)(int epfd, epoll_event *events, int size, int64_t delay_ns) noexcept nogil
    int (*eventfd)(unsigned int value, int flags) noexcept nogil
    int (*pipe)(int *ends, int flags) noexcept nogil

cdef Kernel kernel
