/* What the table of system calls holds at first: the kernel itself.
 *
 * Some wrappers are more than a name.  Those that keep SIGPIPE away are in quiet.h.  The other is
 * waiting for events with a limit in nanoseconds.  epoll_wait(2) counts in milliseconds, so a sleep
 * of 0.1 ms would be late by 0.9; epoll_pwait2(2) (Linux 5.11) takes a timespec.  Kernels before it
 * say ENOSYS and some sandboxes EPERM: then milliseconds, rounded up so as never to be early.
 */
#ifndef NETPOLL_KERNEL_H
#define NETPOLL_KERNEL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "quiet.h"

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static int np_pwait2_missing = 0;

static inline int np_epoll_wait(int epfd, struct epoll_event *events, int size, int64_t delay_ns) {
    if (delay_ns <= 0) return epoll_wait(epfd, events, size, delay_ns < 0 ? -1 : 0);
    if (!__atomic_load_n(&np_pwait2_missing, __ATOMIC_RELAXED)) {
        struct timespec limit = {delay_ns / 1000000000, delay_ns % 1000000000};
        int n = (int)syscall(SYS_epoll_pwait2, epfd, events, size, &limit, NULL, (size_t)0);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
        __atomic_store_n(&np_pwait2_missing, 1, __ATOMIC_RELAXED);
    }
    int64_t ms = (delay_ns + 999999) / 1000000;
    return epoll_wait(epfd, events, size, ms > INT_MAX ? INT_MAX : (int)ms);
}

static inline int np_dup_cloexec(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }

static inline int np_fcntl(int fd, int command, long argument) { return fcntl(fd, command, argument); }

/* Let a pipe hold `size` bytes, or the next size that there is; returns that, -1 with errno. */
static inline int np_pipe_size(int fd, int size) { return fcntl(fd, F_SETPIPE_SZ, size); }

static inline int np_open(const char *path, int flags) { return open(path, flags); }

static inline ssize_t np_pread(int fd, void *buffer, size_t size, int64_t offset) {
    return pread(fd, buffer, size, (off_t)offset);
}

static inline ssize_t np_pwrite(int fd, const void *buffer, size_t size, int64_t offset) {
    return pwrite(fd, buffer, size, (off_t)offset);
}

static inline int64_t np_lseek(int fd, int64_t offset, int whence) {
    return (int64_t)lseek(fd, (off_t)offset, whence);
}

static inline ssize_t np_copy_file_range(int source, int64_t *source_offset, int target,
                                         int64_t *target_offset, size_t count) {
    return copy_file_range(source, source_offset, target, target_offset, count, 0);
}

/* posix_fadvise(2) returns the errno instead of setting it. */
static inline int np_fadvise(int fd, int64_t offset, int64_t size, int advice) {
    int error = posix_fadvise(fd, (off_t)offset, (off_t)size, advice);
    if (error == 0) return 0;
    errno = error;
    return -1;
}

/* Without the limit of time, which is looked at between two messages alone (recvmmsg(2), BUGS). */
static inline int np_recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags) {
    return recvmmsg(fd, messages, count, flags, NULL);
}

static inline int np_sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags) {
    return sendmmsg(fd, messages, count, flags);
}

static inline int np_poll_now(int fd, int events) {
    struct pollfd one = {fd, (short)events, 0};
    int n = poll(&one, 1, 0);
    return n <= 0 ? n : one.revents;
}

static inline int np_unread(int fd) {
    int size;
    return ioctl(fd, FIONREAD, &size) < 0 ? -1 : size;
}

/* Set or clear O_NONBLOCK; returns what it was before (0 or 1), -1 with errno. */
static inline int np_set_nonblocking(int fd, int on) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -1;
    int before = (flags & O_NONBLOCK) != 0;
    if (before != (on != 0) && fcntl(fd, F_SETFL, flags ^ O_NONBLOCK) < 0) return -1;
    return before;
}

/* A descriptor of a kind that has no type of file, as an eventfd has none. */
static inline int np_is_anonymous(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == 0;
}

#endif
