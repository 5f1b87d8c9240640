/* Where the stack of a goroutine ends, for whoever unwinds it.
 *
 * When the interpreter ends, CPython before 3.14 ends each daemon thread that still asks for the GIL by
 * pthread_exit(3), and that unwinds the thread's stack frame by frame.  Below the first frame of a
 * goroutine lies whatever another one has left there, and the unwinder would run through it at random.
 * A frame whose return address is marked undefined is the outermost one (DWARF 5, 6.4.4); there glibc
 * leaves the stack at once.  Debuggers stop there as well.
 */
#ifndef NETPOLL_OUTERMOST_H
#define NETPOLL_OUTERMOST_H

__attribute__((noinline)) static int np_outermost(int (*body)(void)) {
#if defined(__x86_64__)
    __asm__ volatile(".cfi_undefined rip");
#elif defined(__aarch64__)
    __asm__ volatile(".cfi_undefined x30");
#endif
    int outcome = body();
    __asm__ volatile("" : "+r"(outcome)); /* no tail call, which would leave no frame */
    return outcome;
}

#endif
