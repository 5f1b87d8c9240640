# cython: nonecheck=True
"""MessageEnd: an end of a Unix socket that receives messages, and descriptors with them.

Compiled, since descriptors that have come are nobody's numbers until the caller has them: the Arrival has them
all the way, whatever Python code runs meanwhile, a signal handler's included. What such a handler raises in the
caller's own frame, at the very return of the call, is out of reach, as it is of socket.recv_fds.

Source: unix(7) SCM_RIGHTS; recvmsg(2), cmsg(3)
"""
cimport cython
from libc.errno cimport EMSGSIZE

from netpoll._poll.control cimport Arrival
from netpoll._poll.message cimport receive_arrival
from netpoll._runtime.syscalls cimport CMSG_SPACE
from netpoll.net.endpoint cimport Endpoint

from netpoll.errors import OpError
from netpoll.net.addr import decode
from netpoll.net.message import Message

cdef enum:
    MOST_DESCRIPTORS = 253    # of one message: SCM_MAX_FD
    CREDENTIALS_SIZE = 12     # come before the descriptors, if the socket is to get them


@cython.auto_pickle(False)  # Endpoint says that there is no pickling
cdef class MessageEnd(Endpoint):
    """An end that receives messages with descriptors in them."""

    def recvmsg(self, n=65536, control_size=0, flags=0):
        """Receive up to n bytes, or one message, with its control data, as a Message. Parks.

        control_size: room for the control data, CMSG_SPACE of the socket module for each part.
        flags: MSG_PEEK ... of recvmsg(2). Its addr is None if the peer has no name.
        Descriptors in it are the caller's to close; if the control data was cut there are none.
        Source: go1.27 net/unixsock.go (*UnixConn).ReadMsgUnix; recvmsg(2), cmsg(3)
        """
        cdef Arrival arrival = arrival_at(self, n, control_size, flags)
        cdef bytes raw = arrival.sender()
        addr = decode(self._network, raw) if raw else None
        message = Message(arrival.data, arrival.parts(), arrival.flags(), addr)
        arrival.hand_out()
        return message

    def recv_fds(self, n, max_fds):
        """Receive up to n bytes and up to so many descriptors: both, flags and sender. Parks.

        The descriptors are the caller's, who closes them; they are close-on-exec. Other control
        data is not given: see recvmsg.

        OpError of EMSGSIZE: more descriptors came. None of them is left open, and what data came
        with them is the attribute `data` of the exception.
        Source: unix(7) SCM_RIGHTS; socket.recv_fds
        """
        cdef Py_ssize_t most = max_fds
        cdef Py_ssize_t room
        cdef Arrival arrival
        cdef list found
        if most < 0:
            raise ValueError("cannot receive a negative number of descriptors")
        room = CMSG_SPACE(min(most, <Py_ssize_t>MOST_DESCRIPTORS) * sizeof(int)) + CMSG_SPACE(CREDENTIALS_SIZE)
        arrival = arrival_at(self, n, room, 0)
        found = arrival.descriptors()
        if not arrival.whole() or len(found) > most:
            raise too_many(self, arrival)
        result = (arrival.data, found, arrival.flags(), decode(self._network, arrival.sender()))
        arrival.hand_out_sent()
        return result


# No methods: an end of a stream has the table of methods of Conn, in which they are not.

cdef Arrival arrival_at(Endpoint end, Py_ssize_t n, Py_ssize_t control_size, int flags):
    try:
        return receive_arrival(end._fd, n, control_size, flags)
    except OSError as error:
        raise end.failed("read", error) from error


cdef object too_many(Endpoint end, Arrival arrival):
    """Return the exception for more descriptors than there was to be."""
    error = OpError("read", end._network, end.local_addr, end.remote_addr, EMSGSIZE, "control data truncated")
    error.data = arrival.data
    return error
