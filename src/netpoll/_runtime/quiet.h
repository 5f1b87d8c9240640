/* Writing without SIGPIPE where no flag keeps it away.
 *
 * send(2) and sendmsg(2) have MSG_NOSIGNAL.  write(2), writev(2), sendfile(2) and splice(2) have
 * not: when nobody reads any more they raise SIGPIPE, which ends a process that does not ignore it.
 * Python ignores it from its start, but `signal(SIGPIPE, SIG_DFL)` is common in scripts.
 *
 * The signal comes to the thread that made the call, so it is held back on this thread alone and
 * taken away afterwards, even if the call has said nothing of EPIPE: who could write a part is told
 * that, and gets the signal all the same.  One that is pending already is left alone: then it is
 * held back, and was raised by somebody else.
 */
#ifndef NETPOLL_QUIET_H
#define NETPOLL_QUIET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Hold SIGPIPE back if it could do harm; returns whether np_unhush is due. */
static inline int np_hush(sigset_t *before) {
    struct sigaction action;
    sigset_t set;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_IGN) return 0;
    if (sigpending(&set) == 0 && sigismember(&set, SIGPIPE) == 1) return 0;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return pthread_sigmask(SIG_BLOCK, &set, before) == 0;
}

/* Take the SIGPIPE that may have come away, and let through what was let through before. */
static inline void np_unhush(const sigset_t *before) {
    const struct timespec now = {0, 0};
    int error = errno;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR) {}
    pthread_sigmask(SIG_SETMASK, before, NULL);
    errno = error;
}

#define NP_QUIETLY(call)                \
    sigset_t before;                    \
    int hushed = np_hush(&before);      \
    ssize_t n = (call);                 \
    if (hushed) np_unhush(&before);     \
    return n

static inline ssize_t np_quiet_write(int fd, const void *buffer, size_t size) {
    NP_QUIETLY(write(fd, buffer, size));
}

static inline ssize_t np_quiet_writev(int fd, const struct iovec *vector, int count) {
    NP_QUIETLY(writev(fd, vector, count));
}

static inline ssize_t np_quiet_sendfile(int fd, int source, int64_t *offset, size_t count) {
    off_t at = offset == NULL ? 0 : (off_t)*offset;
    sigset_t before;
    int hushed = np_hush(&before);
    ssize_t n = sendfile(fd, source, offset == NULL ? NULL : &at, count);
    if (hushed) np_unhush(&before);
    if (offset != NULL) *offset = at;
    return n;
}

static inline ssize_t np_quiet_splice(int source, int target, size_t count, unsigned int flags) {
    NP_QUIETLY(splice(source, NULL, target, NULL, count, flags));
}

#endif
