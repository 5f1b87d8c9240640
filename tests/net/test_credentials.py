"""Credentials: who is at the other end of a Unix socket."""

import errno
import os
import socket
import struct
import subprocess
import sys

import pytest

from netpoll import ClosedError, OpError, blocking, net
from netpoll.net import Credentials, UnixConn
from tests.kernel import answering
from tests.net.unix_ends import NETWORKS, STREAMS, connected, datagrams, listen, pair
from tests.program import PATIENCE
from tests.running import in_run

each_network = pytest.mark.parametrize("network", NETWORKS)

OURS = Credentials(os.getpid(), os.getuid(), os.getgid())
ROOM = socket.CMSG_SPACE(12)

DIALS = """
import os, socket, sys
peer = socket.socket(socket.AF_UNIX, int(sys.argv[2]))
peer.connect(chr(0) + sys.argv[1])
peer.send(str(os.getpid()).encode())
peer.recv(1)
"""


@each_network
@in_run
def test_each_end_knows_the_other(network: str) -> None:
    with pair(network) as (near, far):
        assert near.peer_credentials() == far.peer_credentials() == OURS
        assert near.peer_credentials().pid == os.getpid()


@pytest.mark.parametrize("network", STREAMS)
@in_run
def test_it_is_the_process_that_dialled(network: str) -> None:
    with listen(network, "") as listener:
        kind = {"unix": socket.SOCK_STREAM, "unixpacket": socket.SOCK_SEQPACKET}[network]
        name = listener.local_addr.name[1:]
        command = [sys.executable, "-I", "-S", "-c", DIALS, name, str(int(kind))]
        with subprocess.Popen(command) as child, listener.accept() as far:
            credentials = far.peer_credentials()
            assert credentials == Credentials(child.pid, os.getuid(), os.getgid())
            assert far.read() == str(child.pid).encode()
            far.write(b"x")
            assert blocking(child.wait, PATIENCE) == 0


@in_run
def test_of_datagrams_that_were_not_made_as_a_pair_nobody_is_known() -> None:
    with net.listen_packet("unixgram", "") as far:
        with net.dial("unixgram", far.local_addr) as near:
            for end in (near, far):
                with pytest.raises(OpError, match=r"^get unixgram .*no credentials") as caught:
                    end.peer_credentials()
                assert caught.value.errno == errno.ENODATA


@each_network
@in_run
def test_a_message_comes_with_its_senders_when_that_is_asked_for(network: str) -> None:
    with pair(network) as (near, far):
        near.write(b"x")
        assert far.recvmsg(100, ROOM).control == []
        far.pass_credentials(True)
        near.write(b"x")
        message = far.recvmsg(100, ROOM)
        assert message.data == b"x"
        ((level, kind, data),) = message.control
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS)
        assert Credentials.unpack(data) == OURS
        far.pass_credentials(False)
        near.write(b"x")
        assert far.recvmsg(100, ROOM).control == []


@each_network
@in_run
def test_a_sender_may_state_its_own(network: str) -> None:
    with pair(network) as (near, far):
        far.pass_credentials(True)
        near.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, OURS.pack())])
        ((_, _, data),) = far.recvmsg(100, ROOM).control
        assert Credentials.unpack(data) == OURS


@in_run
def test_they_are_as_the_kernel_has_them() -> None:
    raw = struct.pack("=iII", 7, 1 << 31, 0)
    with connected() as (near, _):
        with answering(getsockopt=lambda *_: raw):
            assert near.peer_credentials() == Credentials(pid=7, uid=1 << 31, gid=0)
    assert Credentials.unpack(raw).pack() == raw


@pytest.mark.parametrize("size", [0, 11, 13])
def test_what_is_of_another_size_is_none(size: int) -> None:
    with pytest.raises(ValueError, match=rf"12 bytes, not {size}$"):
        Credentials.unpack(bytes(size))


@in_run
def test_a_closed_end_knows_nobody() -> None:
    with connected() as (stream, _), datagrams() as (packets, _):
        pass
    for end in (stream, packets):
        with pytest.raises(ClosedError, match=r"^get unix"):
            end.peer_credentials()
        with pytest.raises(ClosedError, match=r"^set unix"):
            end.pass_credentials(True)
    assert isinstance(stream, UnixConn)
