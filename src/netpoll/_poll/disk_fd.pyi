from typing import Self

from typing_extensions import Buffer

from netpoll._poll.fd import FD

class DiskFD(FD):
    """A file that the poller cannot wait for. No method parks; those in _now block the thread."""

    @classmethod
    def adopt(cls, fileno: int) -> Self:
        """Own a descriptor from now on. MemoryError."""

    def read_now(self, size: int, offset: int = -1) -> bytes:
        """Read up to `size` bytes, b"" at the end; from `offset` if that is not -1.

        OSError, ClosedError.
        """

    def readinto_now(self, buffer: Buffer, offset: int = -1) -> int:
        """Read into a writable buffer; return how many bytes, 0 at the end. Else as read_now."""

    def write_now(self, data: Buffer, offset: int = -1) -> int:
        """Write all of a bytes-like object; return its length.

        OSError, ClosedError, each with `bytes_written`.
        """

    def seek_now(self, offset: int, whence: int) -> int:
        """Move the file's position and return it. OSError, ClosedError."""

    def copy_now(self, source: DiskFD, count: int) -> int:
        """Copy up to `count` bytes from another file, each at its position; return how many.

        0 at the end. OSError: EXDEV, EINVAL and others where the two do not go together; then
        nothing is copied.
        Source: copy_file_range(2)
        """
