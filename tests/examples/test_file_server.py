"""The file server, and curl as its client."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import file_server
import pytest
from file_server import Refusal, Request, as_number, local_path, open_below, part_of
from hypothesis import example, given
from hypothesis import strategies as st

from netpoll import go, net
from tests.clients import client
from tests.program import PATIENCE, Program, finished, receive, receive_all, reset, serving
from tests.running import in_run
from tests.tcp import HOST

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "file_server.py")
SECRET = b"outside"
DATA = bytes(range(256)) * 12_345  # some pieces and a rest


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make a directory to serve, with a secret beside it, and links to both."""
    (tmp_path / "secret").write_bytes(SECRET)
    root = tmp_path / "site"
    (root / "sub").mkdir(parents=True)
    (root / "ten").write_bytes(b"0123456789")
    (root / "data.bin").write_bytes(DATA)
    (root / "empty").touch()
    (root / "index.html").write_bytes(b"<p>hello")
    (root / "sub" / "a b%é.txt").write_bytes(b"blanks")
    (root / "sub" / "page.tar.gz").write_bytes(b"packed")
    (root / "inside").symlink_to("ten")
    (root / "up").symlink_to("..")
    (root / "away").symlink_to(tmp_path / "secret")
    (root / "round").symlink_to("round")
    (tmp_path / "site2").mkdir()
    (tmp_path / "site2" / "secret").write_bytes(SECRET)
    (root / "neighbour").symlink_to("../site2/secret")
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture
def server(site: Path) -> Iterator[Program]:
    with serving(EXAMPLE, "127.0.0.1:0", str(site)) as program:
        yield program


def curl(server: Program, path: str, *words: str) -> "subprocess.CompletedProcess[bytes]":
    command = [client("curl"), "-q", "-sS", "--noproxy", "*", "--path-as-is", *words]
    return subprocess.run(
        [*command, f"http://127.0.0.1:{server.port}{path}"],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


def get(server: Program, path: str, *words: str) -> tuple[int, bytes]:
    """Return the status and the content that curl gets."""
    result = curl(server, path, "-w", "%{stderr}%{http_code}", *words)
    assert result.returncode == 0, result.stderr
    return int(result.stderr), result.stdout


def fields_of(response: bytes) -> dict[str, str]:
    lines = response.decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def ask(server: Program, request: bytes) -> bytes:
    """Return everything that the server says to this."""
    with server.connect() as conn:
        conn.sendall(request)
        conn.shutdown(socket.SHUT_WR)
        return receive_all(conn)


def exchange(conn: socket.socket, request: bytes) -> tuple[bytes, dict[str, str], bytes]:
    """Return status line, fields and content of one response; the connection stays."""
    conn.sendall(request)
    data = bytearray()
    while not data.endswith(b"\r\n\r\n"):
        more = conn.recv(1)
        assert more
        data += more
    fields = fields_of(bytes(data))
    content = b"" if request[:4] == b"HEAD" else receive(conn, int(fields["content-length"]))
    return bytes(data).partition(b"\r\n")[0], fields, content


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/ten", b"0123456789"),
        ("//ten", b"0123456789"),
        ("/./ten", b"0123456789"),
        ("/%74en?x=y/../..", b"0123456789"),
        ("/data.bin", DATA),
        ("/empty", b""),
        ("/", b"<p>hello"),
        ("/?x", b"<p>hello"),
        ("/sub/a%20b%25%C3%A9.txt", b"blanks"),
        ("/inside", b"0123456789"),
        ("/up/site/ten", b"0123456789"),
    ],
)
def test_curl_gets_a_file(server: Program, path: str, content: bytes) -> None:
    assert get(server, path) == (200, content)
    assert server.end() == (0, "")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/../secret",
        "/sub/../../secret",
        "/sub/../ten",
        "/..",
        "/%2e%2e/secret",
        "/.%2E/secret",
        "/sub/%2e%2e%2f%2e%2e%2fsecret",
        "/..%2fsecret",
        "/up/secret",
        "/up/",
        "/away",
        "/neighbour",
        "/up/site2/secret",
        "/round",
        "/fifo",
        "/sub",
        "/sub/",
        "/ten/",
        "/ten/x",
        "/ten%00",
        "/%00",
        "/" + "x" * 300,
        "/" + "x/" * 3000,
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/proc/self/environ",
    ],
)
def test_no_path_leads_out_or_to_what_is_no_file(server: Program, path: str) -> None:
    status, content = get(server, path)
    assert (status, SECRET in content) == (404, False)
    assert get(server, "/ten") == (200, b"0123456789")
    assert server.end() == (0, "")


@pytest.mark.parametrize(
    ("wanted", "content", "where"),
    [
        ("0-0", b"0", "0-0"),
        ("2-5", b"2345", "2-5"),
        ("5-", b"56789", "5-9"),
        ("-5", b"56789", "5-9"),
        ("-50", b"0123456789", "0-9"),
        ("9-9", b"9", "9-9"),
        ("8-999999999999999999999999999", b"89", "8-9"),
        ("00000000000000000000000008-9", b"89", "8-9"),
    ],
)
def test_curl_gets_a_part(server: Program, wanted: str, content: bytes, where: str) -> None:
    result = curl(server, "/ten", "-i", "-r", wanted)
    assert result.stdout.startswith(b"HTTP/1.1 206 Partial Content\r\n")
    assert fields_of(result.stdout)["content-range"] == f"bytes {where}/10"
    assert fields_of(result.stdout)["content-length"] == str(len(content))
    assert result.stdout.endswith(b"\r\n\r\n" + content)


@pytest.mark.parametrize("wanted", ["10-", "10-10", "11-20", "-0", "-000", "9" * 5000 + "-"])
def test_a_part_that_is_not_there_is_416(server: Program, wanted: str) -> None:
    result = curl(server, "/ten", "-i", "-H", f"Range: bytes={wanted}")
    assert result.stdout.startswith(b"HTTP/1.1 416 ")
    assert fields_of(result.stdout)["content-range"] == "bytes */10"
    assert b"0123456789" not in result.stdout


@pytest.mark.parametrize(
    "wanted",
    ["bytes=0-0,2-3", "bytes=5-4", "bytes=-", "bytes=x-", "bytes", "lines=1-2", "bytes=--1"],
)
def test_what_is_no_range_or_several_gets_the_whole(server: Program, wanted: str) -> None:
    assert get(server, "/ten", "-H", f"Range: {wanted}") == (200, b"0123456789")


@pytest.mark.parametrize("wanted", ["0-", "-5", "0-0"])
def test_an_empty_file_has_no_parts(server: Program, wanted: str) -> None:
    assert get(server, "/empty", "-r", wanted) == (200, b"")


def test_curl_goes_on_with_half_a_file(server: Program, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.write_bytes(DATA[:1_000_000])
    assert get(server, "/data.bin", "-C", "-", "-o", str(half)) == (206, b"")
    assert half.read_bytes() == DATA


def test_half_of_another_file_is_not_gone_on_with(server: Program, site: Path) -> None:
    tag = fields_of(curl(server, "/ten", "-I").stdout)["etag"]
    assert get(server, "/ten", "-r", "5-", "-H", f"If-Range: {tag}") == (206, b"56789")
    (site / "ten").write_bytes(b"abcdefghijk")
    assert get(server, "/ten", "-r", "5-", "-H", f"If-Range: {tag}") == (200, b"abcdefghijk")


@pytest.mark.parametrize("path", ["/ten", "/data.bin", "/", "/nothing"])
def test_head_tells_the_same_without_the_content(server: Program, path: str) -> None:
    whole = curl(server, path, "-i").stdout
    told = curl(server, path, "-I", "-r", "0-0").stdout
    front, _, content = whole.partition(b"\r\n\r\n")
    assert content
    assert re.sub(rb"Date: .*", b"", told) == re.sub(rb"Date: .*", b"", front + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/sub/a%20b%25%C3%A9.txt", "text/plain"),
        ("/ten", "application/octet-stream"),
        ("/sub/page.tar.gz", "application/octet-stream"),
    ],
)
def test_the_media_type_is_that_of_the_name(server: Program, path: str, kind: str) -> None:
    assert fields_of(curl(server, path, "-I").stdout)["content-type"] == kind


def test_curl_keeps_the_connection(server: Program) -> None:
    url = f"http://127.0.0.1:{server.port}"
    more = [f"{url}/nothing", f"{url}/data.bin", "-o", "/dev/null", "-o", "/dev/null"]
    result = curl(server, "/ten", "-w", "%{num_connects} ", *more, "-o", "/dev/null")
    assert result.stdout == b"1 0 0 "


def test_requests_may_come_at_once_or_byte_by_byte(server: Program) -> None:
    request = b"GET /ten HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = ask(server, request * 20)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == answers.count(b"\r\n\r\n0123456789") == 20
    with server.connect() as conn:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request[:-1]:
            conn.sendall(bytes([byte]))
        assert exchange(conn, b"\n")[2] == b"0123456789"


@pytest.mark.parametrize(
    ("version", "wish", "kept"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: foo , Close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: Keep-Alive\r\n", True),
        (b"1.0", b"Connection: x\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_who_wants_to_stay_may(server: Program, version: bytes, wish: bytes, *, kept: bool) -> None:
    request = b"GET /ten HTTP/%b\r\nHost: x\r\n%b\r\n" % (version, wish)
    with server.connect() as conn:
        _, fields, content = exchange(conn, request)
        assert (fields["connection"], content) == ("keep-alive" if kept else "close", b"0123456789")
        if kept:
            assert exchange(conn, request)[2] == b"0123456789"
        else:
            assert conn.recv(1) == b""


OVER = b"Host: x\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\0\r\n\r\n", 400),
        (b"GET /ten\r\n\r\n", 400),
        (b"GET  /ten HTTP/1.1\r\n" + OVER, 400),
        (b"GET /ten HTTP/2.0\r\n" + OVER, 400),
        (b"GET /ten HTTP/1.1 \r\n" + OVER, 400),
        (b"GET /t\0en HTTP/1.1\r\n" + OVER, 400),
        (b"GET /ten HTTP/1.1\r\n", 400),
        (b"GET /ten HTTP/1.1\r\n" + OVER + OVER, 400),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b" folded\r\n", 400),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b"Name : x\r\n", 400),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b"no colon\r\n", 400),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b"A: x\rB: y\r\n", 400),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b"A:" + b" " * 8000 + b"\0\r\n", 400),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b"Content-Length: 0\r\n" * 2, 400),
        (b"POST /ten HTTP/1.1\r\n" + OVER, 405),
        (b"get /ten HTTP/1.1\r\n" + OVER, 405),
        (b"CONNECT x:80 HTTP/1.1\r\n" + OVER, 405),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b"Content-Length: 5\r\n", 413),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b"Content-Length: -1\r\n", 413),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b"Transfer-Encoding: chunked\r\n", 413),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + OVER, 414),
        (b"x" * 100_000, 414),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b"A: " + b"x" * 9000 + b"\r\n", 431),
        (b"GET /ten HTTP/1.1\r\n" + OVER + b"A: x\r\n" * 100, 431),
    ],
)
def test_what_cannot_be_understood_ends_the_connection(
    server: Program, request_: bytes, status: int
) -> None:
    after = b"\r\nGET /ten HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = ask(server, request_ + after)
    assert answers.startswith(b"HTTP/1.1 %d " % status)
    assert answers.count(b"HTTP/1.1") == 1
    assert fields_of(answers)["connection"] == "close"
    assert answers.endswith(b"\r\n\r\n")
    assert ("allow" in fields_of(answers)) is (status == 405)
    assert server.end() == (0, "")


def test_a_target_may_be_a_whole_url_but_nothing_else(server: Program) -> None:
    for target, status in [
        (b"http://else.where:80/ten", b"200 OK"),
        (b"http://else.where", b"200 OK"),
        (b"http://else.where/../secret", b"404 Not Found"),
        (b"ftp://else.where/ten", b"400 Bad Request"),
        (b"*", b"400 Bad Request"),
        (b"ten", b"400 Bad Request"),
    ]:
        answers = ask(server, b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
        assert answers.startswith(b"HTTP/1.1 " + status)


def test_curl_that_sends_a_file_is_told_that_it_cannot(server: Program, site: Path) -> None:
    status, content = get(server, "/new", "-T", str(site / "data.bin"), "-H", "Expect:")
    assert (status, content) == (405, b"")
    assert not (site / "new").exists()


@pytest.mark.parametrize("cut", [1, 10, 20, 29])
def test_who_goes_in_the_midst_of_a_request_is_no_news(server: Program, cut: int) -> None:
    request = b"GET /ten HTTP/1.1\r\nHost: x\r\n\r\n"
    assert ask(server, request[:cut]) == b""
    conn = server.connect()
    conn.sendall(request[:cut])
    reset(conn)
    assert get(server, "/ten") == (200, b"0123456789")
    assert server.end() == (0, "")


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_it_keeps_no_descriptor_of_what_is_over(server: Program, site: Path) -> None:
    with (site / "large").open("wb") as large:
        large.truncate(1 << 30)

    def descriptors() -> int:
        return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))

    assert get(server, "/ten")[0] == 200
    before = descriptors()
    gone = [server.connect() for _ in range(10)]
    for conn in gone:
        conn.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert receive(conn, 100_000)
    assert descriptors() >= before + 20
    for conn in gone:
        reset(conn)
    until(lambda: descriptors() <= before)
    assert server.end() == (0, "")


def test_a_large_file_takes_no_memory(server: Program, site: Path) -> None:
    with (site / "large").open("wb") as large:
        large.truncate((3 << 30) + 1)
    command = "GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=2147483647-\r\n\r\n"
    with server.connect() as deaf:
        deaf.sendall(command.encode())
        assert receive(deaf, 12) == b"HTTP/1.1 206"
        assert get(server, "/large", "-r", "-1") == (206, b"\0")
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        assert int(status.partition("VmHWM:")[2].split()[0]) < 100_000  # KiB


@in_run
def test_a_file_that_gets_shorter_meanwhile_ends_the_connection(site: Path) -> None:
    with net.listen("tcp", f"{HOST}:0") as listener, net.dial("tcp", listener.local_addr) as near:
        with (site / "large").open("wb") as large:
            large.truncate(1 << 28)
            server = go(file_server.handle, listener.accept(), site.resolve())
            near.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            near.settimeout(file_server.PATIENCE / 3)
            got = len(near.read(1))
            large.truncate(1)
        while more := near.read():
            got += len(more)
        assert got < 1 << 28
        server.join()


@in_run
def test_who_says_nothing_or_takes_nothing_has_to_go(site: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, net.listen("tcp", f"{HOST}:0") as listener:
        patch.setattr(file_server, "PATIENCE", 0.1)
        with (site / "large").open("wb") as large:
            large.truncate(1 << 28)
        for request in (b"", b"GET /ten HTT", b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"):
            with net.dial("tcp", listener.local_addr) as near:
                server = go(file_server.handle, listener.accept(), site.resolve())
                near.write(request)
                server.join()


def test_what_a_path_leads_to_is_looked_at_and_not_what_it_says(site: Path) -> None:
    root = site.resolve()
    with open_below(root, "inside") as file:
        assert file.read() == b"0123456789"
    for path in ("../secret", "sub/../../secret", "/etc/passwd", "away", "neighbour", "fifo", ""):
        with pytest.raises(OSError):
            open_below(root, path)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=40))
@example("/%2e%2E/x")
@example("/a/%2e%2e%2fb")
@example("/a%00")
def test_no_target_is_a_path_upwards(target: str) -> None:
    try:
        path = local_path("/" + target)
    except Refusal:
        return
    assert ".." not in path.split("/")
    assert "\0" not in path
    assert path
    assert not path.startswith("/")


@given(st.from_regex(r"bytes=[0-9]{0,25}-[0-9]{0,25}", fullmatch=True), st.integers(0, 2**62))
def test_a_part_lies_within_the_file(wanted: str, size: int) -> None:
    request = Request("GET", "/", 1, {"range": wanted})
    try:
        part = part_of(request, size, "tag")
    except Refusal:
        return
    if part is not None:
        assert 0 <= part[0] < part[1] <= size


def test_numbers_of_any_length_are_read() -> None:
    assert as_number("007") == 7
    assert as_number("") == 0
    assert as_number("9" * 8000) > 2**59


def test_ctrl_c_ends_it_with_status_0_although_clients_are_connected(server: Program) -> None:
    with server.connect() as conn:
        assert exchange(conn, b"HEAD /ten HTTP/1.1\r\nHost: x\r\n\r\n")[0] == b"HTTP/1.1 200 OK"
        assert server.end() == (0, "")
        assert conn.recv(1) == b""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["127.0.0.1"], "listen tcp: address 127.0.0.1: missing port in address\n"),
        (["127.0.0.1:0", "/nothing"], "[Errno 2] No such file or directory: '/nothing'\n"),
    ],
)
def test_what_cannot_be_served_is_one_line(words: list[str], said: str) -> None:
    result = finished(EXAMPLE, *words)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", said)
