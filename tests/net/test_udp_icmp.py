"""What the network reports of datagrams that did not arrive: nobody is there (ICMP)."""

import errno
import socket

import pytest

import netpoll
from netpoll import DeadlineExceeded, OpError, go, net
from netpoll.net import udp_socket
from tests import udp
from tests.kernel import recorded
from tests.running import in_run, parked

IP_RECVERR = 11  # of <linux/in.h>


def lonely() -> net.UDPConn:
    """Return a connection to a port where nobody is."""
    with udp.listen() as place:
        return udp_socket.connect("udp", place.local_addr)


READS = {
    "read": lambda conn: conn.read(),
    "readinto": lambda conn: conn.readinto(bytearray(10)),
    "read_from": lambda conn: conn.read_from(),
    "recvmsg": lambda conn: conn.recvmsg(),
    "read_batch": lambda conn: conn.read_batch(),
}


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
@in_run
def test_a_refusal_comes_up_once_and_the_connection_goes_on(read: object, waits: bool) -> None:
    assert callable(read)
    with lonely() as conn:
        if waits:
            reader = parked(go(_refusal_of, read, conn))
            conn.write(b"is anybody there")
            error = reader.join(timeout=5)
        else:
            conn.write(b"is anybody there")
            error = _refusal_of(read, conn)
        assert error.errno == errno.ECONNREFUSED
        assert (error.op, error.addr) == ("read", conn.remote_addr)
        # Not again, and it is not asked for on and on.
        with recorded("recv", "recvfrom", "recvmsg", "recvmmsg") as calls:
            conn.settimeout(0.02)
            with pytest.raises(DeadlineExceeded):
                read(conn)
        assert len(calls.made) <= 3
        conn.settimeout(5)
        with udp_socket.listen("udp", conn.remote_addr or conn.local_addr) as late:
            conn.write(b"hello")
            data, sender = late.read_from()
            late.write_to(data, sender)
            assert conn.read() == b"hello"


def _refusal_of(read: object, conn: net.UDPConn) -> OpError:
    assert callable(read)
    with pytest.raises(ConnectionRefusedError) as caught:
        read(conn)
    assert isinstance(caught.value, OpError)
    return caught.value


@in_run
def test_a_refusal_may_come_up_when_sending_and_then_no_more() -> None:
    with lonely() as conn:
        conn.write(b"1")
        with pytest.raises(ConnectionRefusedError):
            conn.write(b"2")
        conn.settimeout(0.01)
        with pytest.raises(DeadlineExceeded):
            conn.read()


@in_run
def test_who_has_no_peer_hears_of_no_refusal() -> None:
    with udp.listen() as place:
        nobody = place.local_addr
    with udp.listen() as here:
        here.write_to(b"x", nobody)
        here.write_to(b"x", nobody)
        here.settimeout(0.01)
        with pytest.raises(DeadlineExceeded):
            here.read_from()


@in_run
def test_who_asks_for_it_is_told_which_datagram_was_refused() -> None:
    with udp.listen() as place:
        nobody = place.local_addr
    with udp.listen() as here:
        here.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        told = parked(go(here.recvmsg, 100, 100, socket.MSG_ERRQUEUE))
        here.write_to(b"which one", nobody)
        message = told.join(timeout=5)
        assert (message.data, message.addr) == (b"which one", nobody)
        assert message.flags & socket.MSG_ERRQUEUE
        ((level, kind, error),) = message.control
        assert (level, kind) == (socket.IPPROTO_IP, IP_RECVERR)
        assert int.from_bytes(error[:4], "little") == errno.ECONNREFUSED


@in_run
def test_refusals_that_come_while_others_read_and_write_stop_nobody() -> None:
    with lonely() as conn:

        def read_on() -> int:
            refused = 0
            while True:
                try:
                    conn.read()
                except ConnectionRefusedError:
                    refused += 1
                except OSError:
                    return refused

        readers = [go(read_on) for _ in range(4)]
        refused = 0
        for _ in range(200):
            try:
                conn.write(b"x")
            except ConnectionRefusedError:
                refused += 1
            netpoll.gosched()
        conn.close()
        assert refused + sum(reader.join() for reader in readers) > 0
