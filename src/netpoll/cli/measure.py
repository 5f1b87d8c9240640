"""One measurement, from the first connection to the last answer."""

from collections.abc import Callable, Sequence
from math import inf
from time import monotonic

from netpoll import Goroutine, sleep
from netpoll.cli import display, procinfo
from netpoll.cli.args import DemoOptions
from netpoll.cli.child import Server
from netpoll.cli.figures import Figures
from netpoll.cli.load import GRACE, Load
from netpoll.cli.progress import Progress

_PERIOD = 0.1  # seconds between two drawings


class Measurement:
    """Drives a server and notes what that costs it, as far as that can be seen."""

    def __init__(self, options: DemoOptions, server: Server, connections: int) -> None:
        self._options = options
        self._server = server
        self._connections = connections
        self._load = Load(server.address, options.size, options.timeout)
        self._interrupted = False
        self._elapsed = 0.0
        self._cpu: float | None = None
        self._memory: float | None = None

    def take(self) -> Figures:
        """Measure until the time is up, something fails, or Ctrl-C; in the main goroutine; parks.

        Raises OpError or DNSError if there is no server at the address.
        """
        with self._load:
            try:
                with display.progress() as progress:
                    self._connect(progress)
                    self._echo(progress)
            except KeyboardInterrupt:
                self._interrupted = True
            return self._figures()

    def _connect(self, progress: Progress) -> None:
        """Open the connections, and see how much memory they take."""
        talks = self._load.talks
        total = self._connections
        progress.begin(f"connecting to {self._server.address}", total)
        self._load.warm_up()
        before = procinfo.resident_bytes(self._server.pid)
        self._watch(
            self._load.connect(total),
            lambda: progress.update(len(talks), f"{len(talks):,}/{total:,} connections"),
        )
        self._memory = _growth(before, procinfo.resident_bytes(self._server.pid))

    def _echo(self, progress: Progress) -> None:
        """Exchange messages, and see how much processor time they take."""
        if self._load.stopped:
            return
        seconds = self._options.seconds
        progress.begin(f"echoing {self._options.size}-byte messages", seconds)
        before = procinfo.cpu_seconds(self._server.pid)
        begun = monotonic()

        def draw() -> None:
            passed = min(monotonic() - begun, seconds)
            messages = self._load.latencies.total
            progress.update(passed, f"{passed:.1f}/{seconds:g} s, {messages:,} messages")

        self._watch(self._load.echo(seconds), draw)
        self._elapsed = max(0.0, self._load.last_answer - begun)
        self._cpu = _growth(before, procinfo.cpu_seconds(self._server.pid))

    def _watch(self, goroutines: Sequence[Goroutine], draw: Callable[[], None]) -> None:
        """Draw now and then until all the goroutines have ended, soon after Ctrl-C."""
        try:
            _draw_until_ended(goroutines, draw)
        except KeyboardInterrupt:
            self._interrupted = True
            self._load.stop()
            _draw_until_ended(goroutines, draw, patience=2 * GRACE)

    def _figures(self) -> Figures:
        return Figures(
            address=self._server.address,
            connections=len(self._load.talks),
            size=self._options.size,
            elapsed=self._elapsed,
            latencies=self._load.latencies,
            server_cpu=self._cpu,
            server_memory=self._memory,
            failure=self._load.failure,
            interrupted=self._interrupted,
        )


def _draw_until_ended(
    goroutines: Sequence[Goroutine], draw: Callable[[], None], patience: float = inf
) -> None:
    """Draw now and then, until all have ended or so many seconds have passed; parks.

    Raises what ended one of them.
    """
    until = monotonic() + patience
    for goroutine in goroutines:
        while not goroutine.done and monotonic() < until:
            draw()
            sleep(_PERIOD)
        if goroutine.done:
            goroutine.join()
    draw()


def _growth(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
