from netpoll._poll.socket_fd import SocketFD
from netpoll._poll.stream_fd import StreamFD

class ListenFD(SocketFD):
    """A listening socket, for any goroutine of any thread. A method that parks says so."""

    def listen(self, backlog: int) -> None:
        """Begin to listen. OSError, ClosedError."""

    def accept(self) -> tuple[StreamFD, bytes]:
        """Wait for a connection; return it as an FD, and the peer's raw sockaddr. Parks.

        Connections that were gone before they were accepted are passed over. While the process or
        the system is out of descriptors or memory, tries again after 5 ms, 10 ms ... 1 s.
        OSError, ClosedError, DeadlineExceeded, Cancelled.

        Source: go1.27 internal/poll/fd_unix.go (*FD).Accept, net/http (*Server).Serve; accept(2).
        """
