"""UDP connections: with one peer, and open to all."""

import errno
import os
import pickle
import socket
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netpoll
from netpoll import AddrError, ClosedError, DeadlineExceeded, OpError, go, net
from netpoll.net import UDPAddr, udp_socket
from netpoll.net.udp import raw_target
from tests import udp
from tests.kernel import answering, on, one_by_one, recorded
from tests.net.ends import needs_ipv6
from tests.running import in_run, parked

LONG_AGO = 1e-9

Send = Callable[[], object]


# ---- sending and receiving -------------------------------------------------------------------


@in_run
def test_what_is_sent_to_an_address_comes_with_the_address_to_answer() -> None:
    with udp.listen() as here, udp.listen() as there:
        for data in (b"hello", b"", bytes(65507)):
            assert here.write_to(data, there.local_addr) == len(data)
            received, sender = there.read_from()
            assert (received, sender) == (data, here.local_addr)
            assert there.write_to(received, sender) == len(data)
            buffer = bytearray(65536)
            assert here.readinto_from(buffer) == (len(data), there.local_addr)
            assert buffer[: len(data)] == data


@in_run
def test_connected_ends_read_and_write() -> None:
    with udp.connected() as (near, far):
        reader = parked(go(far.read))
        assert near.write(b"hello") == 5
        assert reader.join() == b"hello"
        far.write(b"")
        assert near.read() == b""
        far.write(b"12345")
        buffer = bytearray(3)
        assert near.readinto(buffer) == 3
        assert buffer == b"123"
        far.write(b"again")
        assert near.read_from(2) == (b"ag", far.local_addr)


@in_run
def test_who_is_connected_hears_of_its_peer_alone() -> None:
    with udp.connected() as (near, far), udp.listen() as stranger:
        stranger.write_to(b"not for you", near.local_addr)
        far.write(b"for you")
        assert near.read() == b"for you"


@in_run
def test_addresses_may_be_text() -> None:
    with udp.listen() as here, udp.listen() as there:
        here.write_to(b"x", str(there.local_addr))
        assert there.read() == b"x"
        assert there.sendmsg([b"y", b"z"], addr=str(here.local_addr)) == 2
        assert here.read() == b"yz"


@in_run
def test_a_message_tells_what_it_had_no_room_for() -> None:
    with udp.listen() as here, udp.listen() as there:
        there.write_to(b"12345", here.local_addr)
        message = here.recvmsg(3)
        assert message == (b"123", [], socket.MSG_TRUNC, there.local_addr)
        assert isinstance(message, net.Message)
        there.write_to(b"12345", here.local_addr)
        assert here.recvmsg().flags == 0


@in_run
def test_batches_go_out_and_come_in() -> None:
    with udp.listen() as here, udp.listen() as there:
        letters = [
            (bytes([n]), there.local_addr if n % 2 else str(there.local_addr)) for n in range(9)
        ]
        assert here.write_batch(letters) == 9
        assert there.read_batch(4) == [(bytes([n]), here.local_addr) for n in range(4)]
        assert [data for data, _ in there.read_batch()] == [bytes([n]) for n in range(4, 9)]
    with udp.connected() as (near, far):
        assert near.write_batch([(b"a", None), (b"b", None)]) == 2
        assert far.read_batch() == [(b"a", near.local_addr), (b"b", near.local_addr)]
        for bare in ([b"1"], [b"12"], [(b"a", None, None)]):
            with pytest.raises(TypeError, match=r"a message is \(data, addr\), \(data, None\) for"):
                near.write_batch(bare)  # type: ignore[arg-type]


@in_run
def test_a_batch_has_room_for_the_largest_datagram_there_is() -> None:
    with udp.connected() as (near, far):
        near.write(bytes(65_507))
        assert [len(data) for data, _ in far.read_batch()] == [65_507]


@in_run
def test_a_batch_of_messages_tells_which_were_cut() -> None:
    with udp.connected() as (near, far):
        for data in (b"whole", b"longer", b""):
            near.write(data)
        batch = far.read_batch(size=5, messages=True)
        sender, cut = near.local_addr, socket.MSG_TRUNC
        told = [(message.data, message.control, message.flags) for message in batch]
        assert told == [(b"whole", [], 0), (b"longe", [], cut), (b"", [], 0)]
        assert all(message.addr == sender for message in batch)
        assert all(isinstance(message, net.Message) for message in batch)


@in_run
def test_a_batch_that_fails_says_what_was_sent_and_where_it_failed() -> None:
    with udp.connected() as (near, far):
        with pytest.raises(OpError) as caught:
            near.write_batch([(b"12", None), (bytes(70_000), None)])
        assert caught.value.errno == errno.EMSGSIZE
        assert caught.value.messages_written == 1
        assert caught.value.bytes_written == 2
        assert str(caught.value).startswith(f"write udp {near.local_addr}->{far.local_addr}: ")
        near.close()
        with pytest.raises(ClosedError) as closed:
            near.write_batch([(b"1", None)])
        assert closed.value.messages_written == 0


# ---- who has a peer, and who has none --------------------------------------------------------


@in_run
def test_who_has_a_peer_sends_to_no_other() -> None:
    # Source: go1.27 net/udpsock_test.go TestWriteToUDP
    with udp.connected() as (near, far):
        sends: list[Send] = [
            lambda: near.write_to(b"x", far.local_addr),
            lambda: near.write_to(b"x", str(far.local_addr)),
            lambda: near.sendmsg([b"x"], addr=far.local_addr),
            lambda: near.write_batch([(b"x", far.local_addr)]),
            lambda: near.write_segments(b"x", 1, far.local_addr),
        ]
        for send in sends:
            with pytest.raises(OpError) as caught:
                send()
            assert caught.value.errno == errno.EISCONN
        near.write(b"the first that was sent")
        assert far.read() == b"the first that was sent"


@in_run
def test_who_has_no_peer_has_to_say_where_to_send() -> None:
    with udp.listen() as here:
        sends: list[Send] = [
            lambda: here.write(b"x"),
            lambda: here.sendmsg([b"x"]),
            lambda: here.write_batch([(b"x", None)]),
            lambda: here.write_segments(b"x", 1),
        ]
        for send in sends:
            with pytest.raises(OpError) as caught:
                send()
            assert caught.value.errno == errno.EDESTADDRREQ
        assert here.remote_addr is None
        assert repr(here) == f"<UDPConn udp {here.local_addr}>"


@pytest.mark.parametrize(
    ("addr", "reason"),
    [
        ("127.0.0.1", "missing port in address"),
        ("localhost:53", "invalid IP address"),
        ("127.0.0.1:domain", "invalid port"),
        ("127.0.0.1:99999", "invalid port"),
        ("[::1]:53", "non-IPv4 address"),
        (UDPAddr("::1", 53), "non-IPv4 address"),
    ],
)
@in_run
def test_an_address_that_cannot_be_sent_to_is_an_error_of_its_own(
    addr: UDPAddr | str, reason: str
) -> None:
    with udp.listen() as here, recorded("sendto", "sendmsg", "sendmmsg") as calls:
        sends: list[Send] = [
            lambda: here.write_to(b"x", addr),
            lambda: here.sendmsg([b"x"], addr=addr),
            lambda: here.write_batch([(b"x", addr)]),
            lambda: here.write_segments(b"x", 1, addr),
        ]
        for send in sends:
            with pytest.raises(AddrError, match=rf"^write udp: address .+: {reason}$") as caught:
                send()
            assert type(caught.value) is AddrError
            assert str(addr).startswith(caught.value.addr)
    assert not calls.made


@in_run
def test_what_is_no_address_or_no_data_is_a_mistake() -> None:
    with udp.listen() as here, recorded("sendto", "sendmsg") as calls:
        for addr in (None, 53, ("127.0.0.1", 53), net.TCPAddr("127.0.0.1", 53), b"127.0.0.1:53"):
            with pytest.raises(TypeError, match="the address to send to"):
                here.write_to(b"x", addr)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            here.write_to("text", here.local_addr)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="several bytes-like"):
            here.sendmsg(b"x", addr=here.local_addr)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="dial"):
            net.UDPConn()  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="copied or pickled"):
            pickle.dumps(here)
    assert not calls.made


@in_run
def test_an_error_names_the_address_that_was_sent_to() -> None:
    with udp.listen() as here, udp.listen() as there:
        sends: list[Send] = [
            lambda: here.write_to(bytes(70_000), there.local_addr),
            lambda: here.sendmsg([bytes(70_000)], addr=there.local_addr),
        ]
        for send in sends:
            with pytest.raises(OpError) as caught:
                send()
            assert caught.value.errno == errno.EMSGSIZE
            assert (caught.value.source, caught.value.addr) == (here.local_addr, there.local_addr)
            assert (caught.value.op, caught.value.bytes_written) == ("write", 0)


# ---- limits and the end ----------------------------------------------------------------------

OPERATIONS: dict[str, Callable[[net.UDPConn], object]] = {
    "read": lambda conn: conn.read(),
    "readinto": lambda conn: conn.readinto(bytearray(1)),
    "read_from": lambda conn: conn.read_from(),
    "readinto_from": lambda conn: conn.readinto_from(bytearray(1)),
    "recvmsg": lambda conn: conn.recvmsg(),
    "read_batch": lambda conn: conn.read_batch(),
    "write": lambda conn: conn.write(b"x"),
    "sendmsg": lambda conn: conn.sendmsg([b"x"]),
    "write_batch": lambda conn: conn.write_batch([(b"x", None)]),
    "write_segments": lambda conn: conn.write_segments(b"xx", 1),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@in_run
def test_each_operation_heeds_a_deadline_and_the_end(
    operation: Callable[[net.UDPConn], object],
) -> None:
    with udp.connected() as (near, far):
        near.set_deadline(LONG_AGO)
        with pytest.raises(DeadlineExceeded) as late:
            operation(near)
        assert (late.value.network, late.value.source) == ("udp", near.local_addr)
        assert late.value.addr == far.local_addr
        near.close()
        with pytest.raises(ClosedError) as closed:
            operation(near)
        assert closed.value.op in {"read", "write"}


@pytest.mark.parametrize("where", [lambda conn: conn.local_addr, lambda conn: str(conn.local_addr)])
@in_run
def test_a_datagram_to_an_address_heeds_them_too(
    where: Callable[[net.UDPConn], UDPAddr | str],
) -> None:
    # Source: go1.27 net/timeout_test.go TestWriteToTimeout
    with udp.listen() as here:
        here.set_write_deadline(LONG_AGO)
        with pytest.raises(DeadlineExceeded):
            here.write_to(b"x", where(here))
        here.set_write_deadline(None)
        assert here.write_to(b"x", where(here)) == 1
        here.close()
        with pytest.raises(ClosedError):
            here.write_to(b"x", UDPAddr("127.0.0.1", 1))


@in_run
def test_the_number_is_free_when_it_is_closed() -> None:
    with udp.listen() as here:
        address, number = here.local_addr, here.fileno()
        reader = parked(go(here.read_from))
        here.close()
        with pytest.raises(OSError, match=r"[Bb]ad"):
            os.fstat(number)
        with udp_socket.listen("udp", address) as again:
            assert again.local_addr == address
        with pytest.raises(ClosedError):
            reader.join()


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_connection_that_was_never_made_says_so(
    operation: Callable[[net.UDPConn], object],
) -> None:
    empty = net.UDPConn.__new__(net.UDPConn)
    with pytest.raises(AttributeError, match="never initialised"):
        operation(empty)
    with pytest.raises(AttributeError, match="never initialised"):
        empty.write_to(b"x", UDPAddr("127.0.0.1", 1))


# ---- options ---------------------------------------------------------------------------------


@in_run
def test_setters_set_what_they_say() -> None:
    with udp.listen() as here:
        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST) == 1  # as in Go
        here.set_broadcast(False)
        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST) == 0
        here.set_read_buffer(1 << 15)
        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 1 << 16
        here.set_write_buffer(1 << 15)
        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 1 << 16
        here.close()
        with pytest.raises(ClosedError) as caught:
            here.set_broadcast(True)
        assert caught.value.op == "set"


@in_run
def test_a_control_sees_the_socket_before_it_has_an_address() -> None:
    seen: list[tuple[str, str, int]] = []

    def control(network: str, address: str, raw: net.RawSocket) -> None:
        seen.append((network, address, raw.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)))

    udp_socket.listen("udp", UDPAddr(udp.HOST, 0), control=control).close()
    udp_socket.connect("udp", UDPAddr(udp.HOST, 9), control=control).close()
    assert seen == [("udp4", f"{udp.HOST}:{port}", socket.SOCK_DGRAM) for port in (0, 9)]


@pytest.mark.parametrize("call", ["socket", "setsockopt", "bind", "getsockname"])
@in_run
def test_a_socket_that_cannot_be_made_leaves_nothing_open(call: str) -> None:
    with answering(**{call: one_by_one(-errno.EMFILE)}), pytest.raises(OSError) as caught:
        udp_socket.listen("udp", UDPAddr(udp.HOST, 0))
    assert caught.value.errno == errno.EMFILE
    if call != "bind":
        with answering(**{call: one_by_one(-errno.EMFILE)}), pytest.raises(OSError):
            udp_socket.connect("udp", UDPAddr(udp.HOST, 9))
    with answering(connect=one_by_one(-errno.ENETUNREACH)), pytest.raises(OSError):
        udp_socket.connect("udp", UDPAddr(udp.HOST, 9))


@in_run
def test_several_sockets_share_a_port_if_they_say_so() -> None:
    with udp_socket.listen("udp", UDPAddr(udp.HOST, 0), reuse_port=True) as one:
        with udp_socket.listen("udp", one.local_addr, reuse_port=True) as two:
            assert one.local_addr == two.local_addr
        with pytest.raises(OSError) as caught:
            udp_socket.listen("udp", one.local_addr)
        assert caught.value.errno == errno.EADDRINUSE


# ---- addresses that are kept -----------------------------------------------------------------


@in_run
def test_however_many_peers_there_are_each_is_known_by_its_address() -> None:
    peers = 1100  # more than are kept
    with udp.listen() as here:
        with answering(
            recvfrom=on(
                here.fileno(),
                one_by_one(
                    *[(b"x", raw_target(2, UDPAddr("10.0.0.1", n + 1))) for n in range(peers)]
                ),
            )
        ):
            senders = [here.read_from()[1] for _ in range(peers)]
        assert [sender.port for sender in senders] == list(range(1, peers + 1))
        ports: list[int] = []

        def sent(_fd: int, _data: bytes, raw: bytes) -> int:
            ports.append(int.from_bytes(raw[2:4], "big"))
            return 1

        with answering(sendto=sent):
            for sender in senders * 2:
                here.write_to(b"x", sender)
            for port in range(1, peers + 1):
                here.write_to(b"x", f"10.0.0.1:{port}")
                here.write_to(b"x", UDPAddr("10.0.0.1", port))  # each gone before the next is made
        assert ports[: 2 * peers] == [*range(1, peers + 1)] * 2
        assert ports[2 * peers :] == [port for port in range(1, peers + 1) for _ in (1, 2)]


@in_run
def test_the_same_sender_is_the_same_object() -> None:
    with udp.listen() as here, udp.listen() as there:
        for _ in range(2):
            there.write_to(b"x", here.local_addr)
        assert here.read_from()[1] is here.read_from()[1]


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=2000), max_size=20))
def test_datagrams_come_as_they_were_sent(datagrams: list[bytes]) -> None:
    def main() -> None:
        with udp.connected() as (near, far):
            far.set_read_buffer(1 << 20)
            near.write_batch((data, None) for data in datagrams)
            assert [far.read() for _ in datagrams] == datagrams

    netpoll.run(main)


# ---- families --------------------------------------------------------------------------------


@needs_ipv6
@in_run
def test_a_zone_is_kept_in_both_directions() -> None:
    # Source: go1.27 net/udpsock_test.go TestIPv6LinkLocalUnicastUDP
    link_local = next((name for name in _link_locals()), None)
    if link_local is None:
        pytest.skip("no interface has a link-local address")
    address, interface = link_local
    with udp_socket.listen("udp6", UDPAddr(address, 0, interface)) as here:
        assert here.local_addr.zone == interface
        with udp_socket.listen("udp6", UDPAddr(address, 0, interface)) as there:
            for _ in range(2):
                there.write_to(b"x", here.local_addr)
                assert here.read_from() == (b"x", there.local_addr)
                there.write_to(b"x", str(here.local_addr))
                assert here.read_from()[1].zone == interface


def _link_locals() -> list[tuple[str, str]]:
    with open("/proc/net/if_inet6", encoding="ascii") as lines:  # noqa: PTH123 - of the kernel
        rows = [line.split() for line in lines]
    return [
        (socket.inet_ntop(socket.AF_INET6, bytes.fromhex(row[0])), row[5])
        for row in rows
        if row[3] == "20" and not int(row[4], 16) & 0x40  # of scope link, and not tentative
    ]
