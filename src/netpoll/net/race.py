"""Happy eyeballs: the addresses of a name are dialled staggered, and the first to answer wins.

Each address is tried in a goroutine of its own. The next one begins when the delay is over, or at
once when the latest one has failed; those before go on meanwhile. All goroutines are of one thread,
and none parks between the end of its connect and its report:

    attempt    its socket                    closed by
    running    is held                       the race: another one won, it took too long, or the
                                             dial was cancelled
    failed     is closed                     itself
    won        is the connection's           nobody
    too late   connected, another one won    itself

Source: RFC 8305 section 5; go1.27 net/dial.go dialParallel
"""

from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from netpoll._poll.stream_fd import StreamFD
from netpoll._runtime.goroutine import current, go
from netpoll._runtime.permits import await_call, call_done
from netpoll.errors import ClosedError, DeadlineExceeded
from netpoll.net.connect import Hold
from netpoll.net.targets import Target
from netpoll.net.tcp import TCPConn

Connect = Callable[[Target, float | None, Hold], TCPConn]

MOST = 16
"""So many addresses are tried at the same time; then the oldest is given up for the next."""

SHORTEST = 0.25
"""Seconds that the latest one has for itself before the oldest is given up, whatever the delay."""


def race(
    connect: Connect, targets: Sequence[Target], delay: float, deadline: float | None
) -> TCPConn:
    """Return the first connection that comes about; parks, until deadline at most.

    Raises the OSError of the first target if there is none: DeadlineExceeded if that one has not
    answered. What else connect raises ends the race. No other socket is open afterwards.
    """
    return _Race(connect, targets, delay, deadline).run()


class _Attempt:
    """An address that is tried."""

    __slots__ = ("fd", "given_up", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self.fd: StreamFD | None = None
        self.given_up = False

    def hold(self, fd: StreamFD) -> None:
        """Keep the socket, to close it when the attempt is given up."""
        if self.given_up:
            raise ClosedError
        self.fd = fd

    def give_up(self) -> None:
        """Close the socket: its number is free now, and its goroutine ends with ClosedError."""
        self.given_up = True
        if self.fd is not None:
            self.fd.close()


class _Race:
    """The goroutine that dials, and what those that try an address report to it."""

    def __init__(
        self, connect: Connect, targets: Sequence[Target], delay: float, deadline: float | None
    ) -> None:
        self._connect = connect
        self._delay = delay
        self._deadline = deadline
        self._dialler = current()
        self._first = targets[0]
        self._left = deque(targets)
        self._running: dict[_Attempt, None] = {}  # in the order in which they began
        self._latest: _Attempt | None = None
        self._next_at = 0.0  # when the next one may begin
        self._won: TCPConn | None = None
        self._failure: BaseException | None = None  # which ends the race
        self._error: OSError | None = None  # of the first target, None while it is silent

    def run(self) -> TCPConn:
        """Try the targets; see race."""
        try:
            while self._won is None:
                self._check()
                self._begin_those_due()
                await_call(self._patience())
            winner, self._won = self._won, None
            return winner
        finally:
            self._end()

    # ---- by the goroutine that dials

    def _check(self) -> None:
        """Raise what ended the race, if it is over without a winner."""
        if self._failure is not None:
            raise self._failure
        if self._deadline is not None and monotonic() >= self._deadline:
            raise self._error or DeadlineExceeded()
        if not self._left and not self._running:
            raise self._error or DeadlineExceeded()

    def _begin_those_due(self) -> None:
        while self._left and (now := monotonic()) >= self._next_at:
            if len(self._running) >= MOST:
                self._give_up_the_oldest()
            self._latest = _Attempt(self._left.popleft())
            self._running[self._latest] = None
            go(self._try, self._latest)
            full = len(self._running) >= MOST
            self._next_at = now + (max(self._delay, SHORTEST) if full else self._delay)

    def _give_up_the_oldest(self) -> None:
        oldest = next(iter(self._running))
        del self._running[oldest]
        oldest.give_up()

    def _patience(self) -> float | None:
        """Return for how many seconds nothing is to be done unless somebody reports."""
        until = [] if self._deadline is None else [self._deadline]
        if self._left:
            until.append(self._next_at)
        return max(min(until) - monotonic(), 0.0) if until else None

    def _end(self) -> None:
        for attempt in self._running:
            attempt.give_up()
        if self._won is not None:  # nobody gets it: the dial was cancelled meanwhile
            self._won.close()
        self._won = None
        # The tracebacks hold frames, which hold this object.
        self._failure = None
        self._error = None

    # ---- by the goroutine of an attempt

    def _try(self, attempt: _Attempt) -> None:
        if attempt.given_up:
            return
        try:
            conn = self._connect(attempt.target, self._deadline, attempt.hold)
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001
            self._failed(attempt, error)  # the goroutine that dials raises it
        except BaseException:
            self._failed(attempt, None)
            raise
        else:
            self._connected(attempt, conn)

    def _connected(self, attempt: _Attempt, conn: TCPConn) -> None:
        if attempt.given_up or self._won is not None:
            conn.close()
            return
        del self._running[attempt]
        self._won = conn
        call_done(self._dialler)

    def _failed(self, attempt: _Attempt, error: BaseException | None) -> None:
        if attempt.given_up:
            return
        del self._running[attempt]
        if error is not None and not isinstance(error, OSError):
            self._failure = self._failure or error
        elif attempt.target is self._first:
            self._error = error
        if attempt is self._latest:
            self._next_at = 0.0
        call_done(self._dialler)
