/* Where the Python frames of a goroutine lie.
 *
 * CPython keeps the frames of a thread in chunks of 16 KiB, and greenlet gives each greenlet a chain of
 * its own.  A fresh chunk costs an mmap, a page fault and 4 KiB of memory that is resident for as long as
 * the goroutine lives, most of it empty: a handler parked in read() has two or three frames of some 150
 * bytes.  So a goroutine begins on a small chunk from malloc, and only what does not fit there goes to
 * 16 KiB chunks, as CPython would do at the end of any chunk.  Those are kept for the next one who needs
 * one, for calls that go to and fro across the end of the small chunk would map and unmap each time.
 *
 * Chunks are allocated and freed with CPython's arena allocator, by CPython and by greenlet; ours stands
 * in front of the one that was there, knows the two sizes, and passes everything else on.
 *
 * The layout is CPython's, public in cpython/pystate.h of 3.11 to 3.14; elsewhere, and without the GIL,
 * nothing here is done.
 */
#ifndef NETPOLL_DATASTACK_H
#define NETPOLL_DATASTACK_H

#include <Python.h>
#include <stdlib.h>

#if PY_VERSION_HEX < 0x030F0000 && !defined(Py_GIL_DISABLED) && !defined(PYPY_VERSION)

#define NP_SMALL_CHUNK 1000    /* a size nobody else asks for; with malloc's own word it fills 1008 */
#define NP_LARGE_CHUNK 16384   /* DATA_STACK_CHUNK_SIZE of pystate.c */
#define NP_KEPT_CHUNKS 64

static PyObjectArenaAllocator np_arena;
static void *np_kept[NP_KEPT_CHUNKS];
static int np_nkept = 0;
static char np_kept_busy = 0;

/* A thread that ends frees its chunks after it has given up the GIL, so what is kept has a guard of its
 * own.  Nobody waits for it: who comes second goes to the system. */
static int np_kept_enter(void) { return !__atomic_test_and_set(&np_kept_busy, __ATOMIC_ACQUIRE); }
static void np_kept_leave(void) { __atomic_clear(&np_kept_busy, __ATOMIC_RELEASE); }

static void *np_kept_take(void) {
    void *memory = NULL;
    if (np_kept_enter()) {
        if (np_nkept > 0) memory = np_kept[--np_nkept];
        np_kept_leave();
    }
    return memory;
}

static int np_kept_put(void *memory) {
    int kept = 0;
    if (np_kept_enter()) {
        kept = np_nkept < NP_KEPT_CHUNKS;
        if (kept) np_kept[np_nkept++] = memory;
        np_kept_leave();
    }
    return kept;
}

static void *np_arena_alloc(void *ctx, size_t size) {
    void *memory = size == NP_LARGE_CHUNK ? np_kept_take() : NULL;
    return memory != NULL ? memory : np_arena.alloc(np_arena.ctx, size);
}

static void np_arena_free(void *ctx, void *memory, size_t size) {
    if (size == NP_SMALL_CHUNK) free(memory);
    else if (size != NP_LARGE_CHUNK || !np_kept_put(memory)) np_arena.free(np_arena.ctx, memory, size);
}

/* Once for the process. */
static void np_datastack_setup(void) {
    PyObjectArenaAllocator ours = {NULL, np_arena_alloc, np_arena_free};
    PyObject_GetArenaAllocator(&np_arena);
    PyObject_SetArenaAllocator(&ours);
}

/* At the beginning of a greenlet, before it has any Python frame; without memory it gets a large chunk. */
static void np_datastack_begin(void) {
    PyThreadState *thread = PyThreadState_Get();
    if (thread->datastack_chunk != NULL) return;
    _PyStackChunk *chunk = malloc(NP_SMALL_CHUNK);
    if (chunk == NULL) return;
    chunk->previous = NULL;
    chunk->size = NP_SMALL_CHUNK;
    chunk->top = 0;
    thread->datastack_chunk = chunk;
    /* The first place of a root chunk stays empty: a frame there would look like the chunk's first, and
     * the chunk would be freed with it. */
    thread->datastack_top = &chunk->data[1];
    thread->datastack_limit = (PyObject **)((char *)chunk + NP_SMALL_CHUNK);
}

#else

static void np_datastack_setup(void) {}
static void np_datastack_begin(void) {}

#endif
#endif
