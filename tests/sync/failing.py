"""What goes wrong in the tests of what goroutines do together."""

from netpoll import sleep

LONG = 3600.0


class Boom(Exception):
    """What goes wrong in these tests."""


def fail(text: object = "boom") -> None:
    raise Boom(str(text))


def fail_later(seconds: float) -> None:
    sleep(seconds)
    fail()


def fail_when_cancelled(text: str) -> None:
    try:
        sleep(LONG)
    finally:
        raise Boom(text)
