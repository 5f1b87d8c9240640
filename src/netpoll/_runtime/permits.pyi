from netpoll._runtime.g import G

def park(timeout: float | None = None) -> bool:
    """Park the calling goroutine until `unpark`; return False if `timeout` seconds passed first.

    An `unpark` that came before is consumed instead: no wake-up is lost. Raises Cancelled.
    """

def unpark(goroutine: G) -> None:
    """Wake a goroutine from `park`, or let its next `park` return at once. Any thread."""

def await_call() -> None: ...
def call_done(goroutine: G) -> None: ...
