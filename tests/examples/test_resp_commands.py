"""The commands of the RESP server, and that Redis answers them in the same words."""

import socket
from pathlib import Path

import pytest
from resp_commands import Session
from resp_server import split_words
from resp_store import Store

from tests.examples.redis_server import redis_server
from tests.program import receive_all

Conversation = list[tuple[bytes, bytes]]


def conversations() -> list[Conversation]:
    """Read resp_answers.txt, which says how it is written."""
    text = Path(__file__).with_name("resp_answers.txt").read_text(encoding="latin-1")
    return [[spoken(line) for line in part.splitlines()] for part in text.split("\n\n")[1:]]


def spoken(line: str) -> tuple[bytes, bytes]:
    command, answer = line.encode("latin-1").split(b" =>")
    return command, answer.lstrip(b" ").replace(b"|", b"\r\n") + b"\r\n" * bool(answer)


each_conversation = pytest.mark.parametrize(
    "conversation", conversations(), ids=lambda talk: repr(talk[0][0].decode("latin-1"))
)


@pytest.fixture
def session() -> Session:
    return Session(Store())


def say(session: Session, line: bytes) -> bytes:
    return session.execute(split_words(line))


@each_conversation
def test_a_conversation_goes_as_with_redis(conversation: Conversation) -> None:
    session = Session(Store(clock=lambda: 1e9))
    answers = []
    for line, _ in conversation:
        answers.append((line, b"" if session.over else say(session, line)))
    assert answers == conversation


def test_redis_answers_so(tmp_path: Path) -> None:
    with redis_server(tmp_path) as address:
        for conversation in conversations():
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(address)
                client.sendall(b"".join(line + b"\r\n" for line, _ in conversation))
                client.shutdown(socket.SHUT_WR)
                heard = receive_all(client)
                assert heard == b"".join(answer for _, answer in conversation)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(address)
                client.sendall(b"FLUSHALL\r\nQUIT\r\n")
                assert receive_all(client) == b"+OK\r\n+OK\r\n"


IN_VERSION_3 = [
    (b"get nothing", b"_"),
    (b"lpop nothing", b"_"),
    (b"lpop nothing 2", b"_"),
    (b"set k v xx", b"_"),
    (b"set k v", b"+OK"),
    (b"get k", b"$1|v"),
    (b"rpush l a b", b":2"),
    (b"lpop l 2", b"*2|$1|a|$1|b"),
    (b"ttl k", b":-1"),
    (b"client getname", b"_"),
    (b"hello 4", b"-NOPROTO unsupported protocol version"),
    (b"hello 2 foo", b"-ERR Syntax error in HELLO option 'foo'"),
    (b"hello 2 setname", b"-ERR Syntax error in HELLO option 'setname'"),
    (
        b"hello 2 setname 'a b'",
        b"-ERR Client names cannot contain spaces, newlines or special characters.",
    ),
    (b"get nothing", b"_"),
    (b"config get appendonly", b"%1|$10|appendonly|$2|no"),
    (b"config get nothing", b"%0"),
    (b"command docs nothing", b"%0"),
    (b"echo x", b"$1|x"),
]
"""What is said after HELLO 3, as in resp_answers.txt."""


def test_version_3_of_the_protocol_goes_as_with_redis(tmp_path: Path) -> None:
    expected = b"".join(answer.replace(b"|", b"\r\n") + b"\r\n" for _, answer in IN_VERSION_3)
    session = Session(Store())
    say(session, b"hello 3")
    assert b"".join(say(session, line) for line, _ in IN_VERSION_3) == expected
    with redis_server(tmp_path) as address, socket.socket(socket.AF_UNIX) as client:
        client.connect(address)
        lines = [b"hello 3", *[line for line, _ in IN_VERSION_3]]
        client.sendall(b"".join(line + b"\r\n" for line in lines))
        client.shutdown(socket.SHUT_WR)
        front, _, heard = receive_all(client).partition(b"$7\r\nmodules\r\n*0\r\n")
        assert front.startswith(b"%7\r\n")
        assert heard == expected


def test_hello_takes_a_name_too(session: Session) -> None:
    assert say(session, b"HELLO 3 setname me").startswith(b"%7\r\n")
    assert say(session, b"CLIENT GETNAME") == b"$2\r\nme\r\n"


def test_a_deadline_that_is_over_is_not_kept() -> None:
    now = 1000.0
    session = Session(Store(clock=lambda: now))
    say(session, b"SET k v PX 10")
    now += 1
    assert say(session, b"SET k w KEEPTTL") == b"+OK\r\n"
    assert say(session, b"GET k") == b"$1\r\nw\r\n"
    assert say(session, b"TTL k") == b":-1\r\n"


def test_a_string_has_a_greatest_length(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resp_commands.MAX_STRING", 10)
    assert say(session, b"APPEND k 12345") == b":5\r\n"
    assert say(session, b"APPEND k 12345") == b":10\r\n"
    error = b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"
    assert say(session, b"APPEND k 1") == error
    assert say(session, b"GET k") == b"$10\r\n1234512345\r\n"


def test_each_client_has_a_number_and_a_name_of_its_own() -> None:
    store = Store()
    first, second = Session(store), Session(store)
    assert say(first, b"CLIENT ID") != say(second, b"CLIENT ID")
    assert say(first, b"CLIENT SETNAME one") == b"+OK\r\n"
    assert say(second, b"CLIENT GETNAME") == b"$-1\r\n"
    assert say(second, b"CLIENT SETINFO LIB-NAME x") == b"+OK\r\n"


def test_hello_tells_the_version_of_the_protocol(session: Session) -> None:
    for line, version in [(b"HELLO", 2), (b"HELLO 3", 3), (b"HELLO", 3), (b"HELLO 2", 2)]:
        answer = say(session, line)
        front = b"*14" if version == 2 else b"%7"
        assert answer.startswith(front + b"\r\n$6\r\nserver\r\n")
        assert b"$5\r\nproto\r\n:%d\r\n" % version in answer
        assert answer.endswith(b"$7\r\nmodules\r\n*0\r\n")


def test_the_table_of_commands_is_given_out(session: Session) -> None:
    assert b"$3\r\nget\r\n:2\r\n" in say(session, b"COMMAND")
    assert b"$3\r\nset\r\n:-3\r\n" in say(session, b"COMMAND")
    assert b"$4\r\nlpop\r\n:-2\r\n" in say(session, b"COMMAND")
    assert b"$4\r\nlpop\r\n" in say(session, b"COMMAND LIST")
    assert say(session, b"COMMAND DOCS get") == b"*0\r\n"
    say(session, b"HELLO 3")
    assert say(session, b"COMMAND DOCS get") == b"%0\r\n"
    listed = int(say(session, b"COMMAND LIST").split(b"\r\n")[0][1:])
    assert say(session, b"COMMAND COUNT") == b":%d\r\n" % listed


@pytest.mark.parametrize(
    "line",
    [
        b"CLIENT KILL x",
        b"CLIENT SETNAME",
        b"CLIENT ID 1",
        b"CONFIG SET a b",
        b"CONFIG GET",
        b"COMMAND KEYS",
    ],
)
def test_a_subcommand_that_is_not_there_is_told(session: Session, line: bytes) -> None:
    name, subcommand = line.split()[:2]
    error = b"unknown subcommand or wrong number of arguments for '%b'. Try %b HELP."
    assert say(session, line) == b"-ERR " + error % (subcommand, name) + b"\r\n"


def test_an_error_is_one_short_line_whatever_it_quotes(session: Session) -> None:
    answer = session.execute([b"x\r\n+OK\r\n" + b"x" * 1000, *[b"y\n" * 500] * 100])
    assert answer.count(b"\n") == 1
    assert answer.count(b"\r") == 1
    assert len(answer) < 400
