"""The RESP server and the clients of Redis."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.clients import REQUIRED, client
from tests.examples.resp_stream import frame
from tests.program import PATIENCE, Program, finished, receive, receive_all, reset, serving

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "resp_server.py")


@pytest.fixture
def server() -> Iterator[Program]:
    with serving(EXAMPLE, "127.0.0.1:0") as program:
        yield program


def ask(conn: socket.socket, data: bytes, answer: bytes) -> None:
    conn.sendall(data)
    assert receive(conn, len(answer)) == answer


def redis_cli(server: Program, *words: str, stdin: bytes = b"") -> str:
    """Return what redis-cli prints."""
    result = subprocess.run(
        [client("redis-cli"), "-h", "127.0.0.1", "-p", str(server.port), *words],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    return result.stdout.decode()


def test_redis_cli_sets_and_gets(server: Program) -> None:
    assert redis_cli(server, "set", "k", "a b") == "OK\n"
    assert redis_cli(server, "get", "k") == "a b\n"
    assert redis_cli(server, "rpush", "l", "x", "y") == "2\n"
    assert redis_cli(server, "lrange", "l", "0", "-1") == "x\ny\n"
    assert redis_cli(server, "foo").startswith("ERR unknown command 'foo'")


def test_redis_cli_speaks_version_3(server: Program) -> None:
    assert redis_cli(server, "-3", "--no-raw", "get", "nothing") == "(nil)\n"
    assert redis_cli(server, "-3", "--no-raw", "config", "get", "save") == '1# "save" => ""\n'


def test_redis_cli_reads_commands(server: Program) -> None:
    assert redis_cli(server, stdin=b"set n 41\nincr n\n") == "OK\n42\n"


def test_redis_cli_inserts_in_bulk(server: Program) -> None:
    commands = b"".join(frame(b"SET", b"k%d" % n, b"v" * (n % 500)) for n in range(20_000))
    assert "errors: 0, replies: 20000" in redis_cli(server, "--pipe", stdin=commands)
    assert redis_cli(server, "dbsize") == "20000\n"


@pytest.mark.parametrize("pipeline", [1, 16])
def test_redis_benchmark_is_content(server: Program, pipeline: int) -> None:
    tests = "ping,set,get,incr,lpush,rpush,lpop,rpop,lrange_100"
    command = [client("redis-benchmark"), "-h", "127.0.0.1", "-p", str(server.port), "--csv"]
    command += ["-t", tests, "-n", "1000", "-c", "20", "-P", str(pipeline), "-r", "100"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=2 * PATIENCE, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    rows = [line.split(",")[0].strip('"') for line in result.stdout.splitlines()]
    assert rows[:5] == ["test", "PING_INLINE", "PING_MBULK", "SET", "GET"]
    assert rows[-1].startswith("LRANGE_100")
    assert server.end() == (0, "")


@pytest.fixture(params=[{}, {"protocol": 2}, {"protocol": 3}], ids=repr)
def redis(server: Program, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return a client of the package redis, which chooses the protocol if it is not told."""
    required = os.environ.get(REQUIRED) == "required"
    package = import_module("redis") if required else pytest.importorskip("redis")
    with package.Redis(port=server.port, client_name="test", **request.param) as connection:
        yield connection


def test_the_package_redis_keeps_strings(redis: Any) -> None:
    value = bytes(range(256)) * 10_000
    assert redis.set("k", value)
    assert redis.get("k") == value
    assert redis.get("nothing") is None
    assert redis.set("k", "v", nx=True) is None
    assert redis.set("k", "v", xx=True, ex=100)
    assert redis.ttl("k") in (99, 100)
    assert redis.set("k", "w", keepttl=True)
    assert 0 < redis.pttl("k") <= 100_000
    assert redis.persist("k")
    assert redis.append("k", "xyz") == 4
    assert (redis.incr("n"), redis.incrby("n", 10), redis.decr("n")) == (1, 11, 10)
    assert redis.exists("k", "n", "nothing") == 2
    assert redis.delete("k", "n") == 2
    assert redis.dbsize() == 0


def test_the_package_redis_keeps_lists(redis: Any) -> None:
    assert redis.rpush("l", "a", "b", "c") == 3
    assert redis.lpush("l", "z") == 4
    assert redis.lrange("l", 0, -1) == [b"z", b"a", b"b", b"c"]
    assert (redis.lpop("l"), redis.rpop("l"), redis.lpop("l", 5)) == (b"z", b"c", [b"a", b"b"])
    assert (redis.llen("l"), redis.lpop("l"), redis.type("l")) == (0, None, b"none")


def test_the_package_redis_is_told_what_is_wrong(redis: Any) -> None:
    redis.set("k", "v")
    with pytest.raises(Exception, match="wrong kind of value") as caught:
        redis.lpush("k", "x")
    assert type(caught.value).__name__ == "ResponseError"
    with pytest.raises(Exception, match="value is not an integer or out of range"):
        redis.incr("k")


def test_the_package_redis_sends_pipelines(redis: Any) -> None:
    with redis.pipeline(transaction=False) as pipeline:
        for n in range(5000):
            pipeline.set(f"k{n}", n).get(f"k{n}")
        answers = pipeline.execute()
    assert answers[1::2] == [b"%d" % n for n in range(5000)]


def test_the_package_redis_introduces_itself(redis: Any) -> None:
    # Told to speak version 3, the package leaves names in the bytes in which they come.
    assert redis.client_getname() in ("test", b"test")
    assert redis.config_get("save") in ({"save": ""}, {b"save": b""})
    assert redis.command()["get"]["arity"] == 2
    assert redis.ping()
    assert redis.echo("x") == b"x"
    assert redis.flushall()


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_what_has_expired_goes_although_nobody_asks_for_it(server: Program) -> None:
    with server.connect() as conn, conn.makefile("rb") as answers:
        for n in range(3000):
            conn.sendall(frame(b"SET", b"k%d" % n, b"v", b"PX", b"1"))
        assert [answers.readline() for _ in range(3000)] == [b"+OK\r\n"] * 3000
        conn.sendall(b"SET k v\r\n")
        assert answers.readline() == b"+OK\r\n"

        def only_one_is_left() -> bool:
            conn.sendall(b"DBSIZE\r\n")
            return answers.readline() == b":1\r\n"

        until(only_one_is_left)
    assert server.end() == (0, "")


def test_half_a_frame_and_silence_hold_up_nobody(server: Program) -> None:
    with server.connect() as silent, server.connect() as conn:
        ask(silent, b"PING\r\n*2\r\n$4\r\nECHO\r\n$5\r\nhe", b"+PONG\r\n")
        ask(conn, b"PING\r\n", b"+PONG\r\n")
        ask(silent, b"llo\r\n", b"$5\r\nhello\r\n")


def test_a_frame_that_claims_2_gb_is_refused(server: Program) -> None:
    with server.connect() as liar, server.connect() as conn:
        liar.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2147483648\r\n")
        assert receive_all(liar) == b"-ERR Protocol error: invalid bulk length\r\n"
        ask(conn, b"PING\r\n", b"+PONG\r\n")


def peak(server: Program) -> int:
    """Return the most memory that the program has had, in KiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_frames_that_claim_512_mb_take_what_has_arrived(server: Program) -> None:
    before = peak(server)
    liars = [server.connect() for _ in range(20)]
    for liar in liars:
        ask(liar, b"PING\r\n*2\r\n$4\r\nECHO\r\n$536870912\r\n" + b"x" * 10_000, b"+PONG\r\n")
    with server.connect() as conn:
        ask(conn, b"PING\r\n", b"+PONG\r\n")
    assert peak(server) < before + 50_000
    for liar in liars:
        liar.close()


def test_who_does_not_take_its_answers_is_not_read_from(server: Program) -> None:
    with server.connect() as deaf, server.connect() as conn:
        ask(conn, frame(b"SET", b"k", b"x" * 1_000_000), b"+OK\r\n")
        before = peak(server)
        deaf.sendall(b"GET k\r\n" * 1000)
        ask(conn, b"PING\r\n", b"+PONG\r\n")
        assert peak(server) < before + 50_000
        assert server.end() == (0, "")


def test_a_reset_is_no_news_to_anybody_else(server: Program) -> None:
    descriptors = Path(f"/proc/{server.process.pid}/fd")
    victim = server.connect()
    ask(victim, b"PING\r\n*2\r\n$4\r\nECHO\r\n$1000000\r\n", b"+PONG\r\n")
    served = len(list(descriptors.iterdir()))
    reset(victim)
    until(lambda: len(list(descriptors.iterdir())) < served)
    with server.connect() as conn:
        ask(conn, b"PING\r\n", b"+PONG\r\n")
    assert server.end() == (0, "")


def test_a_client_that_has_said_all_gets_its_answers(server: Program) -> None:
    with server.connect() as conn:
        conn.sendall(b"SET k v\r\nGET k\r\n")
        conn.shutdown(socket.SHUT_WR)
        assert receive_all(conn) == b"+OK\r\n$1\r\nv\r\n"


def test_quit_closes_the_connection(server: Program) -> None:
    with server.connect() as conn:
        conn.sendall(b"QUIT\r\n")
        assert receive_all(conn) == b"+OK\r\n"


def test_ctrl_c_ends_it_with_status_0_although_clients_are_connected(server: Program) -> None:
    with server.connect() as conn:
        ask(conn, b"PING\r\n", b"+PONG\r\n")
        assert server.end() == (0, "")
        assert conn.recv(1) == b""


def test_an_address_that_is_none_is_one_line() -> None:
    result = finished(EXAMPLE, "127.0.0.1")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "listen tcp: address 127.0.0.1: missing port in address\n"
