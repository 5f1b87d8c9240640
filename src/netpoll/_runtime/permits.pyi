from netpoll._runtime.g import G

def park(timeout: float | None = None) -> bool:
    """Park the calling goroutine until `ready`; return False if `timeout` seconds passed first.

    A `ready` that came before is consumed instead: no wake-up is lost. Raises Cancelled.
    """

def ready(goroutine: G) -> None:
    """Wake a goroutine from `park`, or let its next `park` return at once. Any thread."""

def await_call() -> None: ...
def call_done(goroutine: G) -> None: ...
