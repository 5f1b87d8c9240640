"""Who owns which descriptor number: the one table of this process, as the kernel's is one; see owners.pyx."""

cdef void *claim(int number, void *owner) except? NULL
cdef bint disown(int number, void *owner) noexcept
