"""BoundPath: the file of a Unix socket, which stays behind when the socket is closed."""

import os
import stat
import threading
from contextlib import suppress


class BoundPath:
    """The file that a bind has made, and who may remove it.

    It is removed at most once, while the socket is still open, only by the process that has bound
    it or said later that it is to be removed, and only if the path still leads to that very file:
    the inode of an open socket cannot become another file's. Between the look and the removal
    somebody may yet put a file of his own there; Linux has no call that does both.

    Any thread may call each method. Nothing parks.
    Source: go1.27 net/unixsock_posix.go (*UnixListener).close; unix(7); unlink(2)
    """

    __slots__ = ("_file", "_once", "_owner", "_path")

    def __init__(self, name: str, *, wanted: bool) -> None:
        """Note the file of a name just bound; an abstract name, or none, has no file."""
        self._path = _absolute(name)
        self._file = _file_at(self._path)
        self._owner = os.getpid() if wanted else None
        self._once = threading.Lock()  # taken by whoever removes the file, for good

    def set_wanted(self, wanted: bool) -> None:  # noqa: FBT001 - an option's value
        """Let this process remove the file, be it one that a fork has made; or let nobody."""
        self._owner = os.getpid() if wanted else None

    def remove(self) -> None:
        """Remove the file, if that is wanted and it is still the one; again: does nothing."""
        if not self._once.acquire(blocking=False):
            return
        if self._owner == os.getpid() and self._file and _file_at(self._path) == self._file:
            with suppress(OSError):  # nobody could do anything about it
                os.unlink(self._path)  # noqa: PTH108 - pathlib takes 2 ms to import


def _absolute(name: str) -> str:
    """Return the path of a name wherever the process may go later; "" if it has none."""
    if not name or name.startswith("@"):
        return ""
    try:
        # Not normalised: ".." after a symbolic link is not what comes before the link.
        return os.path.join(os.getcwd(), name)  # noqa: PTH109, PTH118
    except OSError:  # the directory is gone, or may not be searched
        return ""


def _file_at(path: str) -> tuple[int, int] | None:
    """Return which file a path leads to, None if that is no socket."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None
