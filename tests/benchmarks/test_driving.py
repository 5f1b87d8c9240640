import json

import pytest

from benchmarks.driving import parse, sample
from benchmarks.processes import MeasureError
from benchmarks.scenario import Sample
from benchmarks.scenarios import sendfile
from benchmarks.scenarios.datagrams import with_loss

LINE = {
    "seconds": 0.5,
    "operations": 1000,
    "bytes": 64000,
    "server_ns": 2_000_000,
    "user_ticks": 1,
    "system_ticks": 4,
    "client_ns": 3_000_000,
    "latency": [[60, 999], [160, 1]],
    "slow": [],
}


def test_processor_time_is_per_operation_and_in_microseconds() -> None:
    reading = parse(json.dumps(LINE))
    taken = sample(reading, reading.latency)
    assert taken.figures["cpu"] == 2.0
    assert taken.figures["rate"] == 2000.0
    assert taken.figures["busy"] == pytest.approx(0.004)
    assert taken.figures["p50"] == 0.06
    assert taken.ticks == (1, 4)


def test_what_was_lost_is_a_share_of_all_that_was_sent() -> None:
    assert parse(json.dumps(LINE)).lost == 0
    reading = parse(json.dumps(LINE | {"lost": 3000}))
    assert with_loss(Sample({}), reading).figures == {"loss": 75}


def test_the_time_for_a_file_is_per_gibibyte() -> None:
    reading = parse(json.dumps(LINE | {"operations": 1, "bytes": 1 << 28}))
    taken = sendfile.sample(reading)
    assert taken.figures["cpu"] == 0.002 * 4
    assert taken.figures["rate"] == pytest.approx((1 << 28) / 1e9 / 0.5)
    assert taken.ticks == (1, 4)


def test_without_latencies_there_are_no_percentiles() -> None:
    reading = parse(json.dumps(LINE))
    assert "p50" not in sample(reading, reading.slow).figures


@pytest.mark.parametrize(
    "text",
    ["", "Killed", "[]", "{}", json.dumps(LINE | {"colour": 1}), json.dumps(LINE | {"seconds": 0})],
)
def test_what_makes_no_sense_is_no_measurement(text: str) -> None:
    with pytest.raises(MeasureError):
        parse(text)


def test_not_one_operation_is_no_measurement() -> None:
    with pytest.raises(MeasureError, match="not one"):
        parse(json.dumps(LINE | {"operations": 0}))
