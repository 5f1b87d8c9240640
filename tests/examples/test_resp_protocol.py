"""What the RESP server makes of the bytes of a client, however they are cut."""

import socket
import tracemalloc
from pathlib import Path

import pytest
import resp_server
from resp_store import Store

from tests.examples.redis_server import redis_server
from tests.examples.resp_stream import Script, converse, frame
from tests.program import receive_all

PIPELINE = (
    frame(b"SET", b"k", b"a\r\nb\n\r")
    + b"get k\r\n"
    + b"\r\n"
    + b"*0\r\n*-1\r\n"
    + frame(b"RPUSH", b"l", b"", b"*1\r\n", b"$1\r\n")
    + b'ECHO "a b"\n'
    + frame(b"lrange", b"l", b"0", b"-1")
    + frame(b"")
    + frame(b"PING")
)
ANSWERS = (
    b"+OK\r\n"
    b"$6\r\na\r\nb\n\r\r\n"
    b":3\r\n"
    b"$3\r\na b\r\n"
    b"*3\r\n$0\r\n\r\n$4\r\n*1\r\n\r\n$4\r\n$1\r\n\r\n"
    b"-ERR unknown command '', with args beginning with: \r\n"
    b"+PONG\r\n"
)

LONG = b"1" * 70_000
BROKEN = {
    b"*x\r\n": b"invalid multibulk length",
    b"*\r\n": b"invalid multibulk length",
    b"* 1\r\n": b"invalid multibulk length",
    b"*+1\r\n": b"invalid multibulk length",
    b"*01\r\n": b"invalid multibulk length",
    b"*2147483648\r\n": b"invalid multibulk length",
    b"*99999999999999999999\r\n": b"invalid multibulk length",
    b"*1\r\n:4\r\nPING\r\n": b"expected '$', got ':'",
    b"*1\r\nPING\r\n": b"expected '$', got 'P'",
    b"*1\r\n\r\n": b"expected '$', got ' '",
    b"*1\r\n\xff\r\n": b"expected '$', got '\xff'",
    b"*1\r\n$\r\n": b"invalid bulk length",
    b"*1\r\n$-1\r\n": b"invalid bulk length",
    b"*1\r\n$+4\r\nPING\r\n": b"invalid bulk length",
    b"*1\r\n$04\r\nPING\r\n": b"invalid bulk length",
    b"*1\r\n$4 \r\nPING\r\n": b"invalid bulk length",
    b"*1\r\n$536870913\r\n": b"invalid bulk length",
    b"*1\r\n$2000000000\r\n": b"invalid bulk length",
    b"*1\r\n$99999999999999999999\r\n": b"invalid bulk length",
    b'set "a\r\n': b"unbalanced quotes in request",
    b"set 'a\r\n": b"unbalanced quotes in request",
    b"set 'a'b\r\n": b"unbalanced quotes in request",
    b'set "a"b"c"\r\n': b"unbalanced quotes in request",
    b'echo "\\"\r\n': b"unbalanced quotes in request",
    b"echo '\\'\r\n": b"unbalanced quotes in request",
    LONG: b"too big inline request",
    b"*" + LONG: b"too big mbulk count string",
    b"*1\r\n$" + LONG: b"too big bulk count string",
    b"*1\r\n" + LONG: b"too big bulk count string",
}
broken = pytest.mark.parametrize("data", BROKEN, ids=lambda data: repr(data[:24]))


def answer_to(data: bytes) -> bytes:
    return b"-ERR Protocol error: " + BROKEN[data] + b"\r\n"


@pytest.mark.parametrize("cut", range(len(PIPELINE) + 1))
def test_a_pipeline_cut_anywhere_has_the_same_answers(cut: int) -> None:
    assert converse(PIPELINE[:cut], PIPELINE[cut:]) == ANSWERS


def test_a_pipeline_that_comes_byte_by_byte_has_the_same_answers() -> None:
    assert converse(*(PIPELINE[at : at + 1] for at in range(len(PIPELINE)))) == ANSWERS


def test_a_pipeline_in_one_piece_is_answered_in_one_piece() -> None:
    script = Script([PIPELINE])
    resp_server.serve(script, Store())
    assert script.writes == [ANSWERS]


def test_whoever_is_waited_for_has_all_answers_already() -> None:
    script = Script([b"PING\r\n*1\r\n$4\r\nPI", b"NG\r\n"])
    resp_server.serve(script, Store())
    assert script.seen == [b"", b"+PONG\r\n", b"+PONG\r\n" * 2]


@broken
def test_after_what_is_no_command_the_error_is_the_last_answer(data: bytes) -> None:
    assert converse(b"PING\r\n" + data + b"PING\r\n") == b"+PONG\r\n" + answer_to(data)


def test_redis_says_the_same_to_what_is_no_command(tmp_path: Path) -> None:
    with redis_server(tmp_path) as address:
        for data in BROKEN:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(address)
                client.sendall(data)
                assert (data[:24], receive_all(client)) == (data[:24], answer_to(data))


@pytest.mark.parametrize("cut", range(len(frame(b"SET", b"k", b"vvvv"))))
def test_the_end_in_the_midst_of_a_command_is_no_command(cut: int) -> None:
    store = Store()
    assert converse(frame(b"SET", b"k", b"vvvv")[:cut], store=store) == b""
    assert store.values == {}


def test_a_word_takes_no_more_memory_than_has_arrived() -> None:
    tracemalloc.start()
    try:
        assert converse(b"*2\r\n$4\r\nECHO\r\n$536870912\r\n", *[b"x" * 1000] * 100) == b""
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_a_command_takes_no_more_memory_than_has_arrived() -> None:
    tracemalloc.start()
    try:
        assert converse(b"*1048576\r\n", b"$1\r\nx\r\n" * 10) == b""
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_nothing_is_done_after_the_client_has_taken_its_leave() -> None:
    store = Store()
    assert converse(b"QUIT\r\nSET k v\r\n", store=store) == b"+OK\r\n"
    assert store.values == {}
