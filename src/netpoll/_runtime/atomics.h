/* What two threads may touch.
 *
 * On a build with the GIL every word below is read and written with the GIL held, so a plain
 * compare and store is atomic and costs nothing.  On a free-threaded build the same names are
 * real atomics and real locks; what else two threads share (waiting queues, timers) still counts on
 * the GIL, and the package does not declare itself fit to run without.  The one exception is the flag
 * of a poller's wake-up: a signal handler or a thread without the GIL may raise it, so it is atomic on
 * every build.
 */
#ifndef NETPOLL_ATOMICS_H
#define NETPOLL_ATOMICS_H

#include <Python.h>
#include <stdint.h>

#ifdef Py_GIL_DISABLED
#include <pthread.h>

static inline int np_cas(uintptr_t *word, uintptr_t expected, uintptr_t desired) {
    return __atomic_compare_exchange_n(word, &expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
static inline int np_cas64(uint64_t *word, uint64_t expected, uint64_t desired) {
    return __atomic_compare_exchange_n(word, &expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
static inline int np_cas8(uint8_t *word, uint8_t expected, uint8_t desired) {
    return __atomic_compare_exchange_n(word, &expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

typedef pthread_mutex_t np_lock;
static inline void np_lock_init(np_lock *lock) { pthread_mutex_init(lock, NULL); }
static inline void np_lock_acquire(np_lock *lock) { pthread_mutex_lock(lock); }
static inline void np_lock_release(np_lock *lock) { pthread_mutex_unlock(lock); }

#else

static inline int np_cas(uintptr_t *word, uintptr_t expected, uintptr_t desired) {
    if (*word != expected) return 0;
    *word = desired;
    return 1;
}
static inline int np_cas64(uint64_t *word, uint64_t expected, uint64_t desired) {
    if (*word != expected) return 0;
    *word = desired;
    return 1;
}
static inline int np_cas8(uint8_t *word, uint8_t expected, uint8_t desired) {
    if (*word != expected) return 0;
    *word = desired;
    return 1;
}

typedef char np_lock;
static inline void np_lock_init(np_lock *lock) { *lock = 0; }
static inline void np_lock_acquire(np_lock *lock) { (void)lock; }
static inline void np_lock_release(np_lock *lock) { (void)lock; }

#endif

/* True for exactly one caller between two np_flag_clear: that one does the waking. */
static inline int np_flag_raise(int32_t *flag) {
    int32_t down = 0;
    return __atomic_compare_exchange_n(flag, &down, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
static inline void np_flag_clear(int32_t *flag) { __atomic_store_n(flag, 0, __ATOMIC_SEQ_CST); }

#endif
