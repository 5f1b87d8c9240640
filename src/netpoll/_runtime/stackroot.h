/* What tells one greenlet from another at the price of two loads.
 *
 * CPython keeps the Python frames of a thread in a chain of chunks, greenlet gives each greenlet a chain of its
 * own, and the first chunk of a chain stays for as long as the chain.  So its address says which greenlet runs;
 * greenlet's own answer takes some 150 instructions.
 *
 * NULL: not known, for there was no Python frame yet, or this CPython has no such chain.  The layout is public in
 * cpython/pystate.h of 3.11 to 3.14.
 */
#ifndef NETPOLL_STACKROOT_H
#define NETPOLL_STACKROOT_H

#include <Python.h>

static inline void *np_stack_root(void) {
#if PY_VERSION_HEX < 0x030F0000 && !defined(PYPY_VERSION)
    _PyStackChunk *chunk = PyThreadState_Get()->datastack_chunk;
    while (chunk != NULL && chunk->previous != NULL) chunk = chunk->previous;
    return chunk;
#else
    return NULL;
#endif
}

#endif
