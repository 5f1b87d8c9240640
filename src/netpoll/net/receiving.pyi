from netpoll.net.addr import UnixAddr
from netpoll.net.endpoint import Endpoint
from netpoll.net.message import Message

class MessageEnd(Endpoint):
    """An end that receives messages with descriptors in them."""

    def recvmsg(self, n: int = 65536, control_size: int = 0, flags: int = 0) -> Message:
        """Receive up to n bytes, or one message, with its control data, as a Message. Parks.

        control_size: room for the control data, CMSG_SPACE of the socket module for each part.
        flags: MSG_PEEK ... of recvmsg(2). Its addr is None if the peer has no name.
        Descriptors in it are the caller's to close; if the control data was cut there are none.
        Source: go1.27 net/unixsock.go (*UnixConn).ReadMsgUnix; recvmsg(2), cmsg(3)
        """

    def recv_fds(self, n: int, max_fds: int) -> tuple[bytes, list[int], int, UnixAddr]:
        """Receive up to n bytes and up to so many descriptors: both, flags and sender. Parks.

        The descriptors are the caller's, who closes them; they are close-on-exec. Other control
        data is not given: see recvmsg.

        OpError of EMSGSIZE: more descriptors came. None of them is left open, and what data came
        with them is the attribute `data` of the exception.
        Source: unix(7) SCM_RIGHTS; socket.recv_fds
        """
