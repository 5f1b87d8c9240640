# cython: nonecheck=True
"""PacketConn: an end that sends and receives datagrams, connected to one peer or open to all.

An address is an object that costs more to make than its datagram to receive, so each connection keeps those
that it has met, up to a number of them. Any thread may look into a table or add to it; a full one is replaced,
never emptied.

Source: go1.27 net/net.go (PacketConn), net/udpsock.go, net/unixsock.go.
"""
cimport cython
from cpython.buffer cimport PyObject_CheckBuffer
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.errno cimport EISCONN

import os

from netpoll._poll.batch cimport FIELDS, receive_fields, send_batch
from netpoll._poll.control cimport Arrival
from netpoll._poll.message cimport receive_arrival, send_message
from netpoll._poll.packet_fd cimport PacketFD, receive, receive_into, write
from netpoll._runtime.raised cimport np_take_exception
from netpoll.errors import AddrError
from netpoll.net.addr import Addr, decode, encode
from netpoll.net.message import Message
from netpoll.net.operror import name_operation, wrap_error

cdef enum:
    MOST_KEPT = 1024          # addresses in each table

# Each read and write comes through here, and may park: no `try`; see raised.pxd.
ctypedef PyObject *(*receive_fn)(PacketFD fd, Py_ssize_t size, bint named) noexcept
ctypedef PyObject *(*receive_into_fn)(PacketFD fd, object buffer, bint named) noexcept
ctypedef Py_ssize_t (*write_fn)(PacketFD fd, object data, bytes address) noexcept
cdef receive_fn receive_quietly = <receive_fn><void *>receive
cdef receive_into_fn receive_into_quietly = <receive_into_fn><void *>receive_into
cdef write_fn write_quietly = <write_fn><void *>write


@cython.auto_pickle(False)  # Endpoint says that there is no pickling
cdef class PacketConn(Endpoint):
    """An end that sends and receives datagrams; `with` closes it.

    Connected to a peer it has read, readinto and write; open to all it has read_from, readinto_from
    and write_to. What one write sends is what one read receives, nothing at all included, or its
    beginning if there is no room for more. Datagrams may be lost, and come in another order.

    Any goroutine of any thread may use it, any number at the same time: reads take turns, writes
    take turns, close wakes both. What parks raises, besides what it says: OpError, ClosedError once
    closed, DeadlineExceeded, and Cancelled.
    """

    @cython.embedsignature(False)  # without the defaults, which are there for the message alone
    def __init__(self, PacketFD fd=None, str network=None, bytes local=None, bytes remote=None):
        """Take over a descriptor; local and remote are raw socket addresses, None: no peer."""
        if fd is None or network is None or local is None:
            raise TypeError("a connection is made by net.dial() or net.listen_packet()")
        self._fd = fd
        self._network = network
        self.local = local
        self.remote = remote
        self.senders = {}
        self.targets = {}

    # -- receiving

    def read(self, Py_ssize_t n=65536):
        """Receive one datagram, up to n bytes of it; b"" is an empty one, and no end. Parks.

        n of 0 returns b"" at once; ValueError if n is negative.
        Source: go1.27 internal/poll/fd_unix.go (*FD).Read; recv(2)
        """
        cdef PyObject *data = NULL if self._fd is None else receive_quietly(<PacketFD>self._fd, n, False)
        if data == NULL:
            self.fail("read")
        cdef object result = <object>data
        Py_DECREF(result)
        return result

    def readinto(self, buffer):
        """Receive one datagram into a writable buffer; return how many bytes it took. Parks."""
        cdef PyObject *got = NULL if self._fd is None else receive_into_quietly(<PacketFD>self._fd, buffer, False)
        if got == NULL:
            self.fail("read")
        cdef object result = <object>got
        Py_DECREF(result)
        return result

    def read_from(self, Py_ssize_t n=65536):
        """Receive one datagram: up to n bytes of it, and the address that it came from. Parks.

        Source: go1.27 net/udpsock.go (*UDPConn).ReadFromUDP; recvfrom(2)
        """
        cdef PyObject *pair = NULL if self._fd is None else receive_quietly(<PacketFD>self._fd, n, True)
        if pair == NULL:
            self.fail("read")
        cdef tuple got = <tuple>pair
        Py_DECREF(got)
        return got[0], self.sender(<bytes>got[1])

    def readinto_from(self, buffer):
        """Receive one datagram into a writable buffer; return its size and its sender. Parks."""
        cdef PyObject *pair = NULL if self._fd is None else receive_into_quietly(<PacketFD>self._fd, buffer, True)
        if pair == NULL:
            self.fail("read")
        cdef tuple got = <tuple>pair
        Py_DECREF(got)
        return got[0], self.sender(<bytes>got[1])

    # -- sending

    def write(self, data):
        """Send a bytes-like object as one datagram to the peer; return its length. Parks.

        OpError: EDESTADDRREQ if there is no peer, EMSGSIZE if it is too large for one datagram.
        Source: go1.27 internal/poll/fd_unix.go (*FD).Write; send(2)
        """
        cdef Py_ssize_t written = -1 if self._fd is None else write_quietly(<PacketFD>self._fd, data, None)
        if written < 0:
            self.fail("write")
        return written

    def write_to(self, data, addr):
        """Send a bytes-like object as one datagram to an address; return its length. Parks.

        addr: an Addr, or its text; a host is no name here. AddrError: it is none, or one that this
        socket's family cannot reach. OpError: EISCONN if there is a peer, for whom write is.
        Source: go1.27 net/udpsock.go (*UDPConn).WriteTo; sendto(2)
        """
        cdef bytes raw
        cdef Py_ssize_t written = -1
        raw = self.unconnected_target(addr)
        written = write_quietly(<PacketFD>self._fd, data, raw)
        if written < 0:
            self.fail_to(addr)
        return written

    # -- messages

    def recvmsg(self, n=65536, control_size=0, flags=0):
        """Receive one datagram with its control data, as a Message. Parks.

        control_size: room for the control data, CMSG_SPACE of the socket module for each part.
        flags: MSG_PEEK, MSG_ERRQUEUE ... of recvmsg(2).
        Descriptors in it are the caller's to close; if the control data was cut there are none.
        Source: go1.27 net/udpsock.go (*UDPConn).ReadMsgUDP; recvmsg(2), cmsg(3)
        """
        cdef Arrival arrival
        cdef bytes raw
        try:
            arrival = receive_arrival(self._fd, n, control_size, flags)
        except OSError as error:
            raise self.failed("read", error) from error
        raw = arrival.sender()
        message = Message(arrival.data, arrival.parts(), arrival.flags(), self.sender(raw) if raw else None)
        arrival.hand_out()
        return message

    def sendmsg(self, buffers, control=(), flags=0, addr=None):
        """Send bytes-like objects, gathered, as one datagram with control data; return its length.

        control: (level, type, data) of each part. addr: as of write_to; None: to the peer. Parks.
        Source: go1.27 net/udpsock.go (*UDPConn).WriteMsgUDP; sendmsg(2), cmsg(3)
        """
        cdef bytes raw = None
        if PyObject_CheckBuffer(buffers) or isinstance(buffers, str):
            raise TypeError("sendmsg() wants several bytes-like objects; one alone is for write()")
        if addr is not None:
            raw = self.unconnected_target(addr)
        try:
            return send_message(self._fd, buffers, control, flags, raw)
        except OSError as error:
            source = self.remote_addr if addr is None else addr
            raise wrap_error("write", self._network, self.local_addr, source, error) from error

    # -- batches

    def read_batch(self, count=64, size=65536, *, messages=False):
        """Receive what is there, up to `count` datagrams with their senders; at least one. Parks.

        Each is cut to `size` bytes, by default more than a datagram of the internet can have.
        messages: return a Message for each, without control data, whose flags have MSG_TRUNC if it
        was cut. With set_gro there may be more: `count` is the number of messages of the kernel
        then, each of which may be several datagrams; MSG_CTRUNC is for what could not be taken
        apart. MemoryError: there is no such room.
        Source: recvmmsg(2)
        """
        cdef list fields
        cdef list batch = []
        cdef bytes raw, last = None
        cdef Py_ssize_t i
        addr = None
        try:
            fields = receive_fields(self._fd, count, size)
        except OSError as error:
            raise self.failed("read", error) from error
        for i in range(0, len(fields), FIELDS):
            raw = <bytes>fields[i + 1]
            if raw is not last:     # the same sender's is the same object
                addr = None if messages and not raw else self.sender(raw)
                last = raw
            batch.append(Message(fields[i], [], fields[i + 2], addr) if messages else (fields[i], addr))
        return batch

    def write_batch(self, messages):
        """Send (data, addr) pairs, each as one datagram; return how many. Parks.

        addr: as of write_to; None: to the peer. On an error `messages_written` of the exception
        tells how many datagrams were sent before it.
        Source: sendmmsg(2)
        """
        cdef list letters = []
        for message in messages:
            if not isinstance(message, (tuple, list)) or len(message) != 2:
                raise TypeError(f"a message is (data, addr), (data, None) for the peer, not {message!r:.60}")
            data, addr = message
            letters.append((data, None if addr is None else self.unconnected_target(addr)))
        try:
            return send_batch(self._fd, letters)
        except OSError as error:
            failed = self.failed("write", error)
            failed.messages_written = getattr(error, "messages_written", 0)
            raise failed from error

    # -- addresses

    def _encode(self, addr):
        """Return the raw socket address to send to; the subclass says what a str stands for."""
        if not isinstance(addr, Addr):
            raise TypeError(f"the address to send to is an Addr, not {addr!r}")
        return encode(addr)

    def _target(self, addr):
        """Return the raw socket address of what write_to may be called with."""
        return self.unconnected_target(addr)

    cdef object sender(self, bytes raw):
        """Return the address that a raw one is."""
        addr = self.senders.get(raw)
        if addr is None:
            addr = decode(self._network, raw)
            # An interface may get another number, or name.
            if not getattr(addr, "zone", ""):
                if len(self.senders) >= MOST_KEPT:
                    self.senders = {}
                self.senders[raw] = addr
        return addr

    cdef bytes target(self, object addr):
        """Return the raw socket address of an Addr or its text."""
        # An id is hashed faster than an address; the entry keeps it from becoming another's.
        key = addr if type(addr) is str else id(addr)
        cdef tuple known = self.targets.get(key)
        cdef bytes raw
        if known is not None:
            return <bytes>known[1]
        try:
            raw = self._encode(addr)
        except AddrError as error:
            name_operation(error, "write", self._network)
            raise
        if not getattr(addr, "zone", "") and "%" not in str(addr):
            if len(self.targets) >= MOST_KEPT:
                self.targets = {}
            self.targets[key] = (addr, raw)
        return raw

    cdef bytes unconnected_target(self, object addr):
        """Return the same, if this end has no peer."""
        if self._fd is None:
            self.fail("write")
        if self.remote is None:
            return self.target(addr)
        if isinstance(addr, Addr):
            target = addr
        else:
            target = str(addr)
        error = OSError(EISCONN, os.strerror(EISCONN))
        raise wrap_error("write", self._network, self.local_addr, target, error) from error

    cdef int fail_to(self, object addr) except -1:
        """Let the exception that is set take its way, with the address sent to."""
        exception = np_take_exception()
        if isinstance(exception, OSError):
            raise wrap_error("write", self._network, self.local_addr, addr, exception) from exception
        raise exception
