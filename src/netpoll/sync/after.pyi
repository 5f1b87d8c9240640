from typing import final

from netpoll.sync.chan import Chan

@final
class TimerChan(Chan[float]):
    """A channel into which a timer sends the time. Made by `after` and `tick`.

    The timer ends with the run, or the thread, that it was made in. Any thread.
    """

    def __init__(self) -> None:
        """Raise TypeError: a TimerChan is made by `after` or `tick`."""

    def stop(self) -> bool:
        """Have it send nothing more; return whether there was still something to come.

        What it has sent and nobody has received is taken back. Does not park.

        Source: go1.27 time/sleep.go (*Timer).Stop.
        """

    def reset(self, seconds: float) -> bool:
        """Have it send in `seconds`, and a ticker each `seconds`; return as stop does.

        ValueError as for the function that made it. Does not park.

        Source: go1.27 time/sleep.go (*Timer).Reset, time/tick.go (*Ticker).Reset.
        """

def after(seconds: float) -> TimerChan:
    """Return a channel that receives the time, as of time.monotonic(), once, in `seconds`.

    Never early; at once if that is not positive. ValueError for a NaN. It need not be received:
    when the channel is gone, so is the timer. Does not park.

    Source: go1.27 time/sleep.go After.
    """

def tick(seconds: float) -> TimerChan:
    """Return a channel that receives the time, as of time.monotonic(), every `seconds`.

    To a receiver that is slow it drops what is in excess, and it keeps the rate: each tick comes at
    a multiple of the period. ValueError for a period that is not positive. Does not park.

    Source: go1.27 time/tick.go NewTicker.
    """
