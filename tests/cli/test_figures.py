import pytest

from netpoll.cli.figures import Figures, duration, rows, title
from netpoll.cli.histogram import Histogram
from netpoll.cli.load import Failure


def figures(
    *,
    messages: int = 0,
    elapsed: float = 0.0,
    failure: Failure | None = None,
    interrupted: bool = False,
) -> Figures:
    latencies = Histogram()
    for _ in range(messages):
        latencies.add(0.001)
    return Figures(
        address="127.0.0.1:80",
        connections=1000,
        size=64,
        elapsed=elapsed,
        latencies=latencies,
        server_cpu=0.02,
        server_memory=7_000_000,
        failure=failure,
        interrupted=interrupted,
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "n/a"),
        (0.0, "0.00 us"),
        (6.0e-6, "6.00 us"),
        (123.4e-6, "123 us"),
        (999.4e-6, "999 us"),
        (999.6e-6, "1.00 ms"),
        (12.34e-3, "12.3 ms"),
        (0.9996, "1.00 s"),
        (75.0, "75.0 s"),
    ],
)
def test_a_duration_has_three_digits(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_costs_are_shared_out() -> None:
    shown = dict(rows(figures(messages=4000, elapsed=2.0)))
    assert shown["messages per second"] == "2,000"
    assert shown["bytes compared"] == "256,000, none wrong"
    assert shown["server CPU per message"] == "5.00 us"
    assert shown["server memory per connection"] == "6.8 KiB"


def test_nothing_measured_is_nothing_shown() -> None:
    shown = dict(rows(figures()))
    names = ("messages per second", "latency p50", "latency p99.9", "server CPU per message")
    assert [shown[name] for name in names] == ["n/a"] * 4


def test_a_failure_is_no_clean_result() -> None:
    failure = Failure(connection=3, message=17, reason="byte 0 of 64: sent 0x00, received 0x01")
    shown = dict(rows(figures(messages=10, elapsed=1.0, failure=failure)))
    assert shown["bytes compared"] == "640, then a failure"
    assert str(failure) == "connection 3, message 17: byte 0 of 64: sent 0x00, received 0x01"


def test_the_title_says_whether_it_was_cut_short() -> None:
    start = "echo server at 127.0.0.1:80, 64-byte messages, 2.5 s"
    assert title(figures(elapsed=2.5)) == start
    assert title(figures(elapsed=2.5, interrupted=True)) == f"{start}, interrupted"
