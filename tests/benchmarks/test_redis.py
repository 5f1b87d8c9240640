"""redis-benchmark's figures, and what it does not look at."""

import socket
import subprocess
from pathlib import Path

import pytest

from benchmarks import plan
from benchmarks.bench import Programs
from benchmarks.contenders import Contender
from benchmarks.machine import redis_version
from benchmarks.peers.resp import REDIS, SERVERS
from benchmarks.peers.resp.client import Client
from benchmarks.processes import MeasureError
from benchmarks.scenario import Cell
from benchmarks.scenarios import redis
from benchmarks.scenarios.redis import KEY, PIPELINED, SINGLE, SIZE, command, parse, verify
from tests.benchmarks.loads import served
from tests.clients import client
from tests.program import serving

TABLE = (
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms",'
    '"p99_latency_ms","max_latency_ms"\n'
    '"GET","162601.62","0.197","0.056","0.183","0.279","0.383","4.311"\n'
)
VALUE = b"v" * SIZE


def test_the_figures_are_those_of_the_one_command() -> None:
    figures = parse(TABLE)
    assert figures["rate"] == 162601.62
    assert (figures["p50"], figures["p99"]) == pytest.approx((183, 383))


@pytest.mark.parametrize(
    "text",
    ["", "Could not connect", TABLE + TABLE.splitlines()[1], '"GET","162601.62"\n', TABLE[:-30]],
    ids=["nothing", "complaint", "two rows", "of an old version", "cut"],
)
def test_what_makes_no_sense_is_no_measurement(text: str) -> None:
    with pytest.raises(MeasureError, match="redis-benchmark said"):
        parse(text)


def test_it_is_told_what_the_cell_says() -> None:
    (get, _) = PIPELINED.cells(quick=False, chosen={"conns": (7,)})
    assert get.label == "GET, 7 connections, 16 under way"
    words = command(get, 1234, 500)
    assert words[0] == "redis-benchmark"
    options = dict(zip(words[1:-1:2], words[2:-1:2], strict=True))
    assert options["-p"] == "1234"
    assert (options["-t"], options["-c"], options["-P"], options["-n"]) == ("get", "7", "16", "500")


def test_a_value_that_was_read_stays_and_one_that_was_set_is_another_one() -> None:
    verify("GET", VALUE, VALUE)
    verify("SET", VALUE, b"x" * SIZE)
    for name, after in (("GET", b"x" * SIZE), ("SET", VALUE), ("SET", b"x"), ("SET", b"")):
        with pytest.raises(MeasureError, match=name):
            verify(name, VALUE, after)


def test_its_version_is_one_of_the_words_that_it_says() -> None:
    assert redis_version("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0") == "7.0.15"
    assert redis_version("") == ""


@pytest.mark.parametrize("answer", [b"-ERR no\r\n", b":1\r\n", b"$-1\r\n", b""])
def test_an_answer_that_is_no_string_is_no_answer(answer: bytes) -> None:
    def serve(conn: socket.socket) -> None:
        conn.recv(4096)
        conn.sendall(answer)

    with (
        served(serve) as port,
        Client(port) as asking,
        pytest.raises(MeasureError, match="the answer to GET was"),
    ):
        asking.ask(b"GET", KEY)


def test_without_redis_benchmark_there_are_no_such_scenarios_and_it_is_said(
    nothing_in_go: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    reason = "redis-benchmark is not installed"
    assert plan.possible([SINGLE, PIPELINED], nothing_in_go) == (
        (),
        {SINGLE.title: reason, PIPELINED.title: reason},
    )
    assert REDIS.missing(nothing_in_go) == "redis-server is not installed"


@pytest.mark.parametrize("peer", SERVERS, ids=lambda peer: peer.name)
def test_each_server_keeps_what_it_is_given(peer: Contender, nothing_in_go: Programs) -> None:
    if peer.tool:
        client(peer.tool)
    if reason := peer.missing(nothing_in_go):
        pytest.skip(reason)
    command = peer.command(nothing_in_go)
    assert command is not None
    with serving(*command[1:], *peer.last) as server, Client(server.port) as asking:
        assert asking.ask(b"SET", KEY, VALUE) == b"OK"
        assert asking.ask(b"GET", KEY) == VALUE


def test_redis_takes_the_place_of_the_process_that_was_started(nothing_in_go: Programs) -> None:
    """So its processor time can be read."""
    client("redis-server")
    command = REDIS.command(nothing_in_go)
    assert command is not None
    with serving(*command[1:]) as server:
        program = Path(f"/proc/{server.process.pid}/exe").resolve().name
        assert program.startswith("redis"), program


def test_redis_benchmark_reads_and_sets_the_key_that_is_looked_at(nothing_in_go: Programs) -> None:
    client("redis-server")
    client(redis.TOOL)
    words = REDIS.command(nothing_in_go)
    assert words is not None
    with serving(*words[1:]) as server, Client(server.port) as asking:
        asking.ask(b"SET", KEY, VALUE)
        for name in ("GET", "SET"):
            cell = Cell("redis", (("command", name), ("conns", 2), ("depth", 1)))
            done = subprocess.run(
                command(cell, server.port, 10),
                capture_output=True,
                text=True,
                timeout=30,
                check=True,
            )
            parse(done.stdout)
            verify(name, VALUE, asking.ask(b"GET", KEY))
