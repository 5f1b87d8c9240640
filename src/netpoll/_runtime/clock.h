/* Nanoseconds on CLOCK_MONOTONIC, the clock of time.monotonic(): a vDSO call, no system call. */
#ifndef NETPOLL_CLOCK_H
#define NETPOLL_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t np_nanotime(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
