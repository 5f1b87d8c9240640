from netpoll._runtime.g import G

def park(timeout: float | None = None) -> bool:
    """Park the calling goroutine until `ready`; return False if `timeout` seconds passed first.

    A `ready` that came before is consumed instead: no wake-up is lost. Raises Cancelled.
    """

def ready(goroutine: G) -> None:
    """Wake a goroutine from `park`, or let its next `park` return at once. Any thread."""

def await_call(timeout: float | None = None) -> bool:
    """Park until `call_done`; return False if `timeout` seconds passed first.

    Also returns for a call that was given up before: the caller looks whether it is done.
    """

def call_done(goroutine: G) -> None:
    """Wake a goroutine from `await_call`. Any thread."""
