# cython: nonecheck=True
"""Endpoint: what each end has that reads and writes, whatever flows through it.

Its limits, its addresses, its socket's options, its end; and errors that say what was being done to what.

Source: go1.27 net/net.go (conn), net/fd_posix.go.
"""
cimport cython

import sys
from operator import index

from netpoll._poll.socket_fd cimport SocketFD
from netpoll._runtime.raised cimport np_take_exception
from netpoll.net.addr import decode
from netpoll.net.limit import no_limit
from netpoll.net.operror import wrap_error


cdef extern from "Python.h":
    ctypedef struct PyMethodDescrObject:
        void *d_method
    object new_method "PyDescr_NewMethod"(type owner, void *method)

# What is called for each message.
cdef tuple FREQUENT = ("read", "readinto", "write", "read_from", "readinto_from", "write_to")
cdef type method_descriptor = type(str.join)


def own_methods(type owner, /):
    """Give a class what it inherits of its compiled base and is called most as methods of its own.

    CPython calls a method in C without detour where the object is of the very type that the method
    is of, and of no subclass (PRECALL_METHOD_DESCRIPTOR_* in 3.11, CALL_METHOD_DESCRIPTOR_* later).
    """
    for name in FREQUENT:
        method = getattr(owner, name, None)
        if type(method) is method_descriptor and name not in owner.__dict__:
            setattr(owner, name, new_method(owner, (<PyMethodDescrObject *>method).d_method))
    return owner


cdef class Endpoint:
    """One end; `with` closes it.

    Any goroutine of any thread may use it, any number at the same time.
    """

    @cython.embedsignature(False)  # without the defaults, which are there for the message alone
    def __init__(self, SocketFD fd=None, str network=None, bytes local=None, bytes remote=None):
        """Take over a descriptor; local and remote are raw socket addresses, None: no peer."""
        if fd is None or network is None or local is None:
            raise TypeError("a connection is made by net.dial(), or by a listener")
        self._fd = fd
        self._network = network
        self.local = local
        self.remote = remote

    def __del__(self):
        if self._fd is None or self._fd.closed:
            return
        try:
            self._fd.describe(repr(self))   # for the warning, if nobody else has the descriptor
        except Exception:
            # At the end there may be nothing left to describe it with, nor this module's own names.
            if sys is not None and not sys.is_finalizing():
                raise

    # -- the end

    def close(self):
        """Close; who reads or writes gets ClosedError at once. Never parks; again: does nothing."""
        self._fd.close()

    @property
    def closed(self):
        """True once `close` was called."""
        return self._fd.closed

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._fd.close()

    # -- limits

    def set_deadline(self, when):
        """Make reads and writes fail from `when` on: seconds on time.monotonic(), None for never.

        It stays until it is set anew, and wakes who waits. Does not park. A timeout holds as well:
        the earlier of the two counts.
        """
        try:
            self._fd.set_deadline(when)
        except OSError as error:
            raise self.failed("set", error) from error
        except (TypeError, OverflowError):
            raise no_limit("deadline", when) from None

    def set_read_deadline(self, when):
        """Make reads fail from `when` on; as set_deadline."""
        try:
            self._fd.set_read_deadline(when)
        except OSError as error:
            raise self.failed("set", error) from error
        except (TypeError, OverflowError):
            raise no_limit("deadline", when) from None

    def set_write_deadline(self, when):
        """Make writes fail from `when` on; as set_deadline."""
        try:
            self._fd.set_write_deadline(when)
        except OSError as error:
            raise self.failed("set", error) from error
        except (TypeError, OverflowError):
            raise no_limit("deadline", when) from None

    def settimeout(self, seconds):
        """Limit each later read and write to `seconds`; None: no limit, 0: fail, do not wait.

        A deadline holds as well: the earlier of the two counts, and None does not lift a deadline.
        """
        try:
            self._fd.settimeout(seconds)
        except (TypeError, OverflowError):
            raise no_limit("timeout", seconds) from None

    def gettimeout(self):
        """Return the timeout in seconds, None if there is none."""
        return self._fd.gettimeout()

    # -- the socket

    def fileno(self):
        """Return the descriptor's number, which stays the connection's. ClosedError."""
        try:
            return self._fd.fileno()
        except OSError as error:
            raise self.failed("fileno", error) from error

    def dup(self):
        """Return another descriptor of the socket, for the caller to close. OpError, ClosedError.

        It is close-on-exec, and non-blocking, for the mode is the socket's; to change that does no
        harm here. The peer sees the end only when each descriptor of the socket is closed.
        Source: go1.27 net/net.go (*conn).File; fcntl(2) F_DUPFD_CLOEXEC
        """
        try:
            return self._fd.dup()
        except OSError as error:
            raise self.failed("dup", error) from error

    def setsockopt(self, level, name, value):
        """Set an option of the socket to an int or to bytes. OpError, ClosedError. Does not park.

        Level and name are numbers of the socket module. ValueError: one that no C int can hold.
        Source: setsockopt(2)
        """
        try:
            # A C int would be made of a float, too.
            self._fd.setsockopt(index(level), index(name), value if isinstance(value, bytes) else index(value))
        except OSError as error:
            raise self.failed("set", error) from error
        except OverflowError:
            raise ValueError("level, name and value of an option are C ints") from None

    def getsockopt(self, level, name):
        """Return an option of the socket that is an int. OpError, ClosedError. Does not park.

        Source: getsockopt(2)
        """
        try:
            return self._fd.getsockopt(index(level), index(name))
        except OSError as error:
            raise self.failed("get", error) from error
        except OverflowError:
            raise ValueError("level and name of an option are C ints") from None

    def get_option(self, name):
        """Return an option of the socket by its name, such as "tcp_user_timeout". Does not park.

        Names are the kernel's in small letters; the type is the option's: bool, int, str, bytes,
        or for "so_linger" a number of seconds or None. Units are the kernel's.
        ValueError: there is no such name. OpError: the kernel or this socket has no such option.
        Source: socket(7); tcp(7); udp(7); ip(7); ipv6(7)
        """
        from netpoll.net.options import get_option
        try:
            return get_option(self._fd, name)
        except OSError as error:
            raise self.failed("get", error) from error

    def set_option(self, name, value):
        """Set an option of the socket by its name, such as "tcp_user_timeout". Does not park.

        Names and types are those of get_option. TypeError, ValueError: the value cannot be one of
        this option, or there is no such name. OpError: what the kernel refuses.
        """
        from netpoll.net.options import set_option
        try:
            set_option(self._fd, name, value)
        except OSError as error:
            raise self.failed("set", error) from error

    # -- system calls of the user's own

    def raw_read(self, fn):
        """Call fn with the descriptor's number, as the only reader; return its result. Parks.

        If fn raises BlockingIOError, as a call of the socket module does when there is nothing to
        read, it is called again as soon as there may be. Whatever else it raises is raised. It must
        neither park nor read from this connection in another way, nor keep the number.
        Source: go1.27 net/rawconn.go
        """
        return self.call_raw("raw-read", fn)

    def raw_write(self, fn):
        """Call fn with the number, as the only writer; otherwise as raw_read. Parks."""
        return self.call_raw("raw-write", fn)

    def raw_control(self, fn):
        """Call fn with the number, once, whoever reads or writes meanwhile. Does not park.

        The number stays the descriptor's until fn has returned; it must not be kept.
        Source: go1.27 net/rawconn.go
        """
        return self.call_raw("raw-control", fn)

    # -- who and where

    @property
    def network(self):
        """The network it was made for, such as "tcp" or "udp4"."""
        return self._network

    @property
    def local_addr(self):
        """This end's address."""
        if isinstance(self.local, bytes):
            self.local = decode(self._network, self.local)
        return self.local

    @property
    def remote_addr(self):
        """The peer's address, None if it has no peer."""
        if isinstance(self.remote, bytes):
            self.remote = decode(self._network, self.remote)
        return self.remote

    def __reduce__(self):
        raise TypeError("a connection cannot be copied or pickled")

    def __repr__(self):
        ends = self.local_addr if self.remote_addr is None else f"{self.local_addr}->{self.remote_addr}"
        state = " closed" if self._fd.closed else ""
        return f"<{type(self).__name__} {self._network} {ends}{state}>"

    cdef object call_raw(self, str op, object fn):
        from netpoll.net.rawcall import call_raw
        local, remote = self.local_addr, self.remote_addr
        return call_raw(op, self._fd, fn, network=self._network, source=local, addr=remote)

    cdef int fail(self, str op) except -1:
        """Let the exception that is set take its way, with what was being done to what."""
        if self._fd is None:
            raise AttributeError("the connection was never initialised")
        exception = np_take_exception()
        if isinstance(exception, OSError):
            raise self.failed(op, exception) from exception
        raise exception

    cdef object failed(self, str op, object error):
        """Return `error` with what was being done to what."""
        return wrap_error(op, self._network, self.local_addr, self.remote_addr, error)
