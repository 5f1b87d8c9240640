"""Errors as C has them: -1 or NULL, and an exception that is set.

What nearly every parked goroutine has in its stack, read and write of bytes and what is below them, has no
`try`: for each, Cython keeps ten pointers and more in the frame, and greenlet copies the frames of a goroutine
at every switch, and keeps them for as long as it is parked. Such a function calls what may raise through a
pointer that says `noexcept`, cleans up, and lets the exception take its way.
"""

cdef extern from "raised.h":
    # Take the exception that is set, with its traceback.
    object np_take_exception()
    # Let the exception that is set take its way.
    int np_pass_on() except -1
