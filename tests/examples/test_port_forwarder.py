import os
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.program import (
    PATIENCE,
    Program,
    finished,
    receive,
    receive_all,
    reset,
    serving,
)

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "port_forwarder.py")


@pytest.fixture
def target() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener


@pytest.fixture
def forwarder(target: socket.socket) -> Iterator[Program]:
    with serving(EXAMPLE, "127.0.0.1:0", "{}:{}".format(*target.getsockname())) as program:
        yield program


@pytest.fixture
def client(forwarder: Program) -> Iterator[socket.socket]:
    with forwarder.connect() as conn:
        yield conn


@pytest.fixture
def service(client: socket.socket, target: socket.socket) -> Iterator[socket.socket]:
    """Return the target's end of the connection that the client has made."""
    conn, _ = target.accept()
    with conn:
        conn.settimeout(PATIENCE)
        yield conn


def descriptors(program: Program) -> int:
    return len(list(Path(f"/proc/{program.process.pid}/fd").iterdir()))


def test_bytes_go_both_ways(client: socket.socket, service: socket.socket) -> None:
    client.sendall(b"question")
    assert receive(service, 8) == b"question"
    service.sendall(b"answer")
    assert receive(client, 6) == b"answer"


def test_megabytes_go_both_ways_at_once(client: socket.socket, service: socket.socket) -> None:
    data = os.urandom(4 << 20)
    results: dict[str, bytes] = {}

    def send(conn: socket.socket) -> None:
        conn.sendall(data)
        conn.shutdown(socket.SHUT_WR)

    def collect(name: str, conn: socket.socket) -> None:
        results[name] = receive_all(conn)

    threads = [Thread(target=send, args=(conn,)) for conn in (client, service)]
    threads.append(Thread(target=collect, args=("client", client)))
    threads.append(Thread(target=collect, args=("service", service)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (results["client"] == data, results["service"] == data) == (True, True)


def test_a_client_that_has_sent_all_still_gets_the_answer(
    client: socket.socket, service: socket.socket
) -> None:
    client.sendall(b"all I have to say")
    client.shutdown(socket.SHUT_WR)
    assert receive_all(service) == b"all I have to say"
    service.sendall(b"well said")
    service.close()
    assert receive_all(client) == b"well said"


def test_a_service_that_has_sent_all_still_gets_the_rest(
    client: socket.socket, service: socket.socket
) -> None:
    service.sendall(b"welcome")
    service.shutdown(socket.SHUT_WR)
    assert receive_all(client) == b"welcome"
    client.sendall(b"thanks")
    client.shutdown(socket.SHUT_WR)
    assert receive_all(service) == b"thanks"


def test_a_reset_by_the_client_reaches_the_service(
    client: socket.socket, service: socket.socket
) -> None:
    reset(client)
    with pytest.raises(ConnectionResetError):
        service.recv(1)


def test_a_reset_by_the_service_reaches_the_client(
    client: socket.socket, service: socket.socket
) -> None:
    reset(service)
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_nobody_at_the_target_is_a_reset_and_a_line(
    target: socket.socket, forwarder: Program
) -> None:
    address = "{}:{}".format(*target.getsockname())
    target.close()
    # The reset may arrive as early as in connect.
    with pytest.raises(ConnectionResetError), forwarder.connect() as client:
        client.recv(1)
    assert forwarder.end() == (0, f"dial tcp {address}: connection refused\n")


def test_it_keeps_no_descriptor_of_what_is_over(target: socket.socket, forwarder: Program) -> None:
    def converse(*, broken: bool) -> None:
        with forwarder.connect() as client:
            service, _ = target.accept()
            with service:
                client.sendall(b"x")
                assert receive(service, 1) == b"x"
                if broken:
                    reset(client)
                    with pytest.raises(ConnectionResetError):
                        service.recv(1)
                else:
                    client.shutdown(socket.SHUT_WR)
                    assert receive_all(service) == b""

    converse(broken=False)
    before = descriptors(forwarder)
    for number in range(40):
        converse(broken=bool(number % 2))
    # One more, so that the forwarder has got round to what the last one left.
    converse(broken=True)
    assert descriptors(forwarder) <= before + 2


def test_ctrl_c_ends_it_with_status_0_although_clients_are_connected(
    forwarder: Program, client: socket.socket, service: socket.socket
) -> None:
    client.sendall(b"x")
    assert receive(service, 1) == b"x"
    assert forwarder.end() == (0, "")
    assert client.recv(1) == b""


def test_without_addresses_it_says_how_it_is_called() -> None:
    result = finished(EXAMPLE)
    assert (result.returncode, result.stdout) == (1, "")
    assert "port_forwarder.py LISTEN TARGET" in result.stderr


def test_an_address_that_is_none_is_one_line() -> None:
    result = finished(EXAMPLE, "127.0.0.1", "127.0.0.1:1")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "listen tcp: address 127.0.0.1: missing port in address\n"
