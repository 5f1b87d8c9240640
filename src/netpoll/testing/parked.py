"""wait_all_parked: until there is nothing left to do but to wait."""

from netpoll.testing import _idle


def wait_all_parked() -> None:
    """Park until every other goroutine of this thread is parked and none can run; never for a time.

    What was sent to sockets of this process has arrived by then, and whom it concerns has run. No
    virtual time passes. Who waits in `blocking` counts as parked, and so does who waits for a peer,
    another thread or a signal. If several goroutines wait here, all go on together. It does not
    return while a goroutine goes round without ever parking. Raises Cancelled.

    Source: trio testing.wait_all_tasks_blocked, go1.27 testing/synctest Wait.
    """
    _idle.wait()
