"""What the kernel tells of a TCP connection."""

import errno
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from math import inf
from pathlib import Path

import pytest

from netpoll import ClosedError, net
from netpoll._poll.stream_fd import StreamFD
from netpoll.net import tcp_info as module
from netpoll.net.tcp_info import TCPInfo, parse, tcp_info, uses_multipath
from tests import tcp
from tests.kernel import answering
from tests.net.ends import connected
from tests.running import in_run

HEADER = Path("/usr/include/linux/tcp.h")
MPTCP = 262


# ---- figures


@in_run
def test_the_figures_are_those_of_the_connection() -> None:
    with tcp.ends() as (near, far):
        near.write(b"x" * 1000)
        far.read_bytes(2000)
        far.write(b"y" * 10)
        near.read_bytes(100)  # with what was sent acknowledged
        info = tcp_info(near)
        assert (info.state, info.ca_state) == ("established", "open")
        assert info.bytes_sent in {1000, 0}  # 0 before Linux 4.19
        assert (info.bytes_received, tcp_info(far).bytes_received) == (10, 1000)
        assert info.data_segs_out == info.data_segs_in == 1
        assert info.pmtu == near.getsockopt(socket.IPPROTO_IP, 14)  # IP_MTU
        assert 0 < info.rtt < 10
        assert 0 < info.rto < 60
        assert info.notsent_bytes == 0
        assert 0 <= info.last_data_sent < 60


@in_run
def test_the_state_is_told_in_words() -> None:
    with tcp.ends() as (near, far):
        far.shutdown(socket.SHUT_WR)
        assert near.read_bytes(1) == b""
        assert tcp_info(near).state == "close-wait"
        assert tcp_info(far).state in {"fin-wait-1", "fin-wait-2"}  # as the peer has acknowledged
    with tcp.listening() as (listener, _):
        assert tcp_info(listener).state == "listen"
    fresh = StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)
    assert tcp_info(fresh).state == "close"
    fresh.close()
    with pytest.raises(ClosedError):
        tcp_info(fresh)


def test_the_round_trip_is_endless_before_it_was_measured() -> None:
    with socket.socket() as fresh:
        fd = StreamFD.adopt(fresh.detach())
    assert tcp_info(fd).min_rtt == inf
    fd.close()


def test_only_a_tcp_socket_has_figures() -> None:
    fd = StreamFD.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with pytest.raises(OSError, match=r"not (available|supported)"):
        tcp_info(fd)
    fd.close()


# ---- how they lie in memory


def test_the_fields_are_those_of_the_kernels_header() -> None:
    if not HEADER.exists():
        pytest.skip("the headers of the kernel are not installed")
    text = HEADER.read_text(encoding="utf-8")
    (body,) = re.findall(r"^struct tcp_info \{(.*?)^\};", text, re.MULTILINE | re.DOTALL)
    told = re.findall(r"__u(8|32|64)\s+tcpi_(\w+);", body)
    given = [(name.strip("_"), size) for name, size in sizes()]
    number = min(len(told), len(given))  # either may be older
    assert number > 40
    assert [(name, int(bits) // 8) for bits, name in told][:number] == given[:number]


def sizes() -> Iterator[tuple[str, int]]:
    """Yield the name and the size of each field."""
    for codes, names in module._LAYOUT:
        for name in names.split():
            yield name, struct.calcsize(codes.strip("0123456789x")[:1])


def test_each_field_is_told_and_no_other() -> None:
    told = [name for name in module._NAMES if not name.startswith("_")]
    assert told == [field.name for field in fields(TCPInfo)]


def test_an_older_kernel_tells_less() -> None:
    with tcp.end() as (fd, _):
        raw = fd.getsockopt_bytes(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    info = parse(raw)
    assert (info.state, info.snd_cwnd > 0) == ("established", True)
    assert (info.bytes_sent, info.delivery_rate, info.snd_wnd) == (0, 0, 0)
    assert parse(b"").state == ""


def test_times_are_in_seconds() -> None:
    values = dict.fromkeys(module._NAMES, 1_500_000)
    values |= dict.fromkeys(module._NAMES[:6], 1)
    info = parse(module._STRUCT.pack(*values.values()))
    assert (info.state, info.ca_state) == ("established", "disorder")
    assert (info.rtt, info.rto, info.min_rtt, info.busy_time) == (1.5, 1.5, 1.5, 1.5)
    assert (info.last_data_sent, info.last_ack_recv) == (1500.0, 1500.0)
    assert (info.snd_cwnd, info.pacing_rate) == (1_500_000, 1_500_000)


def test_a_state_that_has_no_name_yet_is_a_number() -> None:
    info = parse(bytes([77, 78]))
    assert (info.state, info.ca_state) == ("77", "78")


# ---- Multipath TCP


@contextmanager
def multipath_ends(server: int, client: int) -> Iterator[tuple[StreamFD, StreamFD]]:
    """Return the ends of a connection whose sockets were made for these protocols."""
    try:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, server)
        near = socket.socket(socket.AF_INET, socket.SOCK_STREAM, client)
    except OSError as error:
        pytest.skip(f"no Multipath TCP here: {error}")
    with listener, near:
        listener.bind((tcp.HOST, 0))
        listener.listen()
        near.connect(listener.getsockname())
        far, _ = listener.accept()
        with far:
            ends = [StreamFD.adopt(end.detach()) for end in (near, far)]
    try:
        yield ends[0], ends[1]
    finally:
        for end in ends:
            end.close()


def test_plain_tcp_is_no_multipath() -> None:
    with tcp.end() as (fd, _):
        assert uses_multipath(fd) is False
        fd.close()
        with pytest.raises(ClosedError):
            uses_multipath(fd)


def test_two_ends_that_know_multipath_use_it() -> None:
    # Source: go1.27 net/mptcpsock_linux_test.go TestMultiPathTCP
    with multipath_ends(MPTCP, MPTCP) as (near, far):
        try:
            near.getsockopt_bytes(284, 1, 256)  # SOL_MPTCP, MPTCP_INFO
        except OSError as error:
            pytest.skip(f"the kernel does not tell, or has it switched off: {error}")
        assert (uses_multipath(near), uses_multipath(far)) == (True, True)
        assert tcp_info(near).state == "established"


def test_an_end_that_fell_back_to_tcp_does_not() -> None:
    with multipath_ends(0, MPTCP) as (near, far):
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) == MPTCP
        assert (uses_multipath(near), uses_multipath(far)) == (False, False)


@pytest.mark.parametrize(
    ("error", "falls_back"),
    [(errno.EOPNOTSUPP, True), (errno.ENOPROTOOPT, True), (errno.EIO, False)],
)
def test_only_the_two_errors_that_say_so_mean_tcp(error: int, falls_back: bool) -> None:
    def answer(_: int, level: int, name: int, *_rest: object) -> int | None:
        return -error if (level, name) == (284, 1) else None

    with multipath_ends(MPTCP, MPTCP) as (near, _):
        with answering(getsockopt=answer):
            if falls_back:
                assert uses_multipath(near) is False
            else:
                with pytest.raises(OSError, match="Input/output"):
                    uses_multipath(near)


# ---- of connections


@in_run
def test_a_connection_tells_its_figures() -> None:
    with connected() as (near, far):
        near.write(b"four")
        assert far.read() == b"four"
        assert (near.info().state, far.info().bytes_received) == ("established", 4)
        assert near.multipath_tcp is False
        near.close()
        with pytest.raises(
            ClosedError, match=r"^get tcp .*->.*: use of closed network connection$"
        ):
            near.info()
        with pytest.raises(
            ClosedError, match=r"^get tcp .*->.*: use of closed network connection$"
        ):
            _ = near.multipath_tcp


def test_a_connection_tells_whether_it_is_multipath() -> None:
    with multipath_ends(MPTCP, MPTCP) as (fd, _):
        conn = net.TCPConn(fd, "tcp", fd.getsockname(), fd.getpeername())
        assert conn.multipath_tcp == uses_multipath(fd)
