"""The SOCKS5 proxy, and curl as its client."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import socks5_proxy

from netpoll import bufio, go, net, sleep
from tests.clients import client
from tests.program import PATIENCE, Program, finished, receive, receive_all, reset, serving
from tests.running import in_run
from tests.tcp import HOST

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "socks5_proxy.py")
LOGIN = "ann:secret word"
HELLO = b"\5\1\0"
WELCOME = b"\5\0"
BODY = bytes(range(256)) * 4000


@pytest.fixture
def proxy() -> Iterator[Program]:
    with serving(EXAMPLE, "127.0.0.1:0") as program:
        yield program


@pytest.fixture
def guarded() -> Iterator[Program]:
    """Start a proxy that asks for a password."""
    with serving(EXAMPLE, "127.0.0.1:0", LOGIN) as program:
        yield program


@pytest.fixture
def target() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener


class Website(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(data[::-1])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def website(host: str, family: int = socket.AF_INET) -> Iterator[int]:
    """Serve BODY, and return the port."""

    class Server(ThreadingHTTPServer):
        address_family = family

    with Server((host, 0), Website) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def curl(proxy: Program, option: str, url: str, *more: str) -> "subprocess.CompletedProcess[bytes]":
    command = [client("curl"), "-sS", "--noproxy", "", option, f"127.0.0.1:{proxy.port}"]
    return subprocess.run(
        [*command, *more, url], capture_output=True, timeout=PATIENCE, check=False
    )


def port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def request(kind: int, host: bytes, number: int, command: int = 1) -> bytes:
    return bytes([5, command, 0, kind]) + host + number.to_bytes(2, "big")


def to_ipv4(number: int, host: str = "127.0.0.1") -> bytes:
    return request(1, socket.inet_aton(host), number)


def to_name(name: bytes, number: int) -> bytes:
    return request(3, bytes([len(name)]) + name, number)


def answer(conn: socket.socket) -> int:
    """Return the code of the answer to a request."""
    version, code, zero, kind = receive(conn, 4)
    assert (version, zero) == (5, 0)
    assert len(receive(conn, {1: 6, 4: 18}[kind])) in (6, 18)
    return code


@contextmanager
def tunnel(proxy: Program, target: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return both ends of a connection through the proxy."""
    with proxy.connect() as near:
        near.sendall(HELLO + to_ipv4(port(target)))
        assert receive(near, 2) == WELCOME
        assert answer(near) == 0
        far, _ = target.accept()
        with far:
            far.settimeout(PATIENCE)
            yield near, far


@pytest.mark.parametrize("option", ["--socks5", "--socks5-hostname"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_curl_gets_a_page(proxy: Program, option: str, host: str) -> None:
    with website("127.0.0.1") as number:
        result = curl(proxy, option, f"http://{host}:{number}/")
        assert (result.returncode, result.stderr, result.stdout) == (0, b"", BODY)
    assert proxy.end() == (0, "")


def test_curl_gets_a_page_over_ipv6(proxy: Program) -> None:
    with website("::1", socket.AF_INET6) as number:
        result = curl(proxy, "--socks5-hostname", f"http://[::1]:{number}/")
        assert (result.returncode, result.stderr, result.stdout) == (0, b"", BODY)


def test_curl_sends_a_page(proxy: Program, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(BODY)
    with website("127.0.0.1") as number:
        url = f"http://127.0.0.1:{number}/"
        result = curl(proxy, "--socks5", url, "--data-binary", f"@{tmp_path / 'data'}")
        assert (result.returncode, result.stdout) == (0, BODY[::-1])


def test_curl_logs_in(guarded: Program) -> None:
    with website("127.0.0.1") as number:
        result = curl(guarded, "--socks5", f"http://127.0.0.1:{number}/", "--proxy-user", LOGIN)
        assert (result.returncode, result.stderr, result.stdout) == (0, b"", BODY)


@pytest.mark.parametrize("login", ["ann:wrong", "bob:secret word", "ann:", ":", None])
def test_curl_is_turned_away_with_a_wrong_password_or_none(
    guarded: Program, target: socket.socket, login: str | None
) -> None:
    more = ("--proxy-user", login) if login is not None else ()
    result = curl(guarded, "--socks5", f"http://127.0.0.1:{port(target)}/", *more)
    assert result.returncode == 97, result.stderr  # CURLE_PROXY
    target.settimeout(0)
    with pytest.raises(BlockingIOError):
        target.accept()
    assert guarded.end() == (0, "")


def test_curl_is_told_that_nobody_listens(proxy: Program, target: socket.socket) -> None:
    number = port(target)
    target.close()
    result = curl(proxy, "--socks5", f"http://127.0.0.1:{number}/")
    assert result.returncode == 97
    assert b"(5)" in result.stderr  # connection refused


def test_curl_is_told_that_there_is_no_such_host(proxy: Program) -> None:
    result = curl(proxy, "--socks5-hostname", "http://nobody.invalid/")
    assert result.returncode == 97
    assert b"(4)" in result.stderr  # host unreachable


def test_everything_may_come_at_once(proxy: Program, target: socket.socket) -> None:
    with proxy.connect() as near:
        near.sendall(HELLO + to_ipv4(port(target)) + b"said without waiting")
        far, _ = target.accept()
        with far:
            assert receive(far, 20) == b"said without waiting"
        assert receive(near, 2) == WELCOME
        assert answer(near) == 0


def test_everything_may_come_byte_by_byte(guarded: Program, target: socket.socket) -> None:
    with guarded.connect() as near:
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        login = b"\1\3ann\x0bsecret word"
        for byte in b"\5\2\0\2" + login + to_name(b"127.0.0.1", port(target)) + b"x":
            near.sendall(bytes([byte]))
        assert receive(near, 4) == b"\5\2\1\0"
        assert answer(near) == 0
        far, _ = target.accept()
        with far:
            assert receive(far, 1) == b"x"


def test_the_answer_tells_from_where_the_target_is_reached(
    proxy: Program, target: socket.socket
) -> None:
    with proxy.connect() as near:
        near.sendall(HELLO + to_ipv4(port(target)))
        assert receive(near, 2) == WELCOME
        said = receive(near, 10)
        far, (host, number) = target.accept()
        far.close()
        assert said == b"\5\0\0\1" + socket.inet_aton(host) + number.to_bytes(2, "big")


def test_who_has_sent_all_still_gets_the_answer(proxy: Program, target: socket.socket) -> None:
    with tunnel(proxy, target) as (near, far):
        near.sendall(b"all I have to say")
        near.shutdown(socket.SHUT_WR)
        assert receive_all(far) == b"all I have to say"
        far.sendall(b"well said")
        far.close()
        assert receive_all(near) == b"well said"


def test_a_reset_goes_through(proxy: Program, target: socket.socket) -> None:
    with tunnel(proxy, target) as (near, far):
        reset(near)
        with pytest.raises(ConnectionResetError):
            far.recv(1)
    with tunnel(proxy, target) as (near, far):
        reset(far)
        with pytest.raises(ConnectionResetError):
            near.recv(1)
    assert proxy.end() == (0, "")


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"\4\1\0\x50\x7f\0\0\1\0", b""),  # SOCKS4
        (b"GET / HTTP/1.0\r\n\r\n", b""),
        (b"\5\0", b"\5\xff"),
        (b"\5\2\1\2", b"\5\xff"),
        (HELLO + b"\4\1\0\1", WELCOME),
        (HELLO + request(1, bytes(4), 80, command=2), WELCOME + b"\5\7\0\1" + bytes(6)),
        (HELLO + request(1, bytes(4), 80, command=3), WELCOME + b"\5\7\0\1" + bytes(6)),
        (HELLO + request(2, bytes(4), 80), WELCOME + b"\5\x08\0\1" + bytes(6)),
        (HELLO + to_name(b"no such host", 80), WELCOME + b"\5\4\0\1" + bytes(6)),
        (HELLO + to_name(b"nul\0inside", 80), WELCOME + b"\5\4\0\1" + bytes(6)),
        (HELLO + to_name(b"\xff" * 255, 80), WELCOME + b"\5\4\0\1" + bytes(6)),
        (HELLO + to_name(b"::1%nowhere", 80), WELCOME + b"\5\1\0\1" + bytes(6)),
        (HELLO + to_name(b"[", 80), WELCOME + b"\5\1\0\1" + bytes(6)),
        (HELLO + to_name(b"", 80), WELCOME + b"\5\1\0\1" + bytes(6)),
    ],
)
def test_what_cannot_be_done_is_refused(proxy: Program, sent: bytes, answered: bytes) -> None:
    with proxy.connect() as conn:
        conn.sendall(sent)
        assert receive_all(conn) == answered
    assert proxy.end() == (0, "")


@pytest.mark.parametrize("cut", range(1, 20))
def test_who_goes_in_the_midst_of_a_request_is_no_news(proxy: Program, cut: int) -> None:
    whole = HELLO + to_name(b"127.0.0.1", 1)
    with proxy.connect() as conn:
        conn.sendall(whole[: min(cut, len(whole) - 1)])
        conn.shutdown(socket.SHUT_WR)
        assert receive_all(conn) == (WELCOME if cut >= 3 else b"")
    assert proxy.end() == (0, "")


@in_run
def test_who_does_not_say_what_it_wants_has_to_go() -> None:
    with pytest.MonkeyPatch.context() as patch, net.listen("tcp", f"{HOST}:0") as listener:
        patch.setattr(socks5_proxy, "PATIENCE", 0.05)
        with net.dial("tcp", listener.local_addr) as near:
            proxy = go(socks5_proxy.handle, listener.accept(), b"")
            near.write(HELLO)
            assert near.read(2) == WELCOME
            assert near.read() == b""
            proxy.join()


@in_run
def test_who_is_connected_may_be_silent() -> None:
    with pytest.MonkeyPatch.context() as patch, net.listen("tcp", f"{HOST}:0") as listener:
        patch.setattr(socks5_proxy, "PATIENCE", 0.5)
        with net.dial("tcp", listener.local_addr) as near:
            proxy = go(socks5_proxy.handle, listener.accept(), b"")
            near.write(HELLO + to_ipv4(listener.local_addr.port, HOST))
            with listener.accept() as far:
                sleep(0.6)
                far.write(b"x")
            near.close_write()
            reader = bufio.Reader(near)
            assert reader.read_exactly(2 + 10 + 1).endswith(b"x")
            proxy.join()


def test_it_keeps_no_descriptor_of_what_is_over(proxy: Program, target: socket.socket) -> None:
    def descriptors() -> int:
        return len(list(Path(f"/proc/{proxy.process.pid}/fd").iterdir()))

    def converse(*, broken: bool) -> None:
        with tunnel(proxy, target) as (near, far):
            near.sendall(b"x")
            assert receive(far, 1) == b"x"
            if broken:
                reset(near)
                with pytest.raises(ConnectionResetError):
                    far.recv(1)
            else:
                near.shutdown(socket.SHUT_WR)
                assert receive_all(far) == b""
        with proxy.connect() as conn:
            conn.sendall(HELLO + request(9, b"", 0))
            assert receive(conn, 3) == WELCOME + b"\5"

    converse(broken=False)
    before = descriptors()
    for number in range(30):
        converse(broken=bool(number % 2))
    assert descriptors() <= before + 4


def test_ctrl_c_ends_it_with_status_0_although_clients_are_connected(
    proxy: Program, target: socket.socket
) -> None:
    with tunnel(proxy, target) as (near, _):
        assert proxy.end() == (0, "")
        assert near.recv(1) == b""


def test_an_address_that_is_none_is_one_line() -> None:
    result = finished(EXAMPLE, "127.0.0.1")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "listen tcp: address 127.0.0.1: missing port in address\n"
