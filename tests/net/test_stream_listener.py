"""StreamListener: what a listener has whatever its addresses are."""

import errno
import os
import socket

import pytest

from netpoll import ClosedError, OpError, go, net
from tests.kernel import answering
from tests.running import in_run, parked
from tests.tcp import HOST


@in_run
def test_a_duplicate_of_a_listener_goes_on_listening() -> None:
    with net.listen("tcp", f"{HOST}:0") as listener:
        number = listener.dup()
        assert number != listener.fileno()
        assert not os.get_inheritable(number)
        waiting = parked(go(listener.accept))
    with pytest.raises(ClosedError):
        waiting.join()
    with socket.socket(fileno=number) as twin:
        twin.settimeout(5)
        with net.dial("tcp", str(listener.local_addr)) as near:
            far, address = twin.accept()
            far.close()
        assert f"{address[0]}:{address[1]}" == str(near.local_addr)


@in_run
def test_a_closed_listener_has_no_duplicate() -> None:
    with net.listen("tcp", f"{HOST}:0") as listener:
        pass
    with pytest.raises(ClosedError) as caught:
        listener.dup()
    expected = f"dup tcp {listener.local_addr}: use of closed network connection"
    assert str(caught.value) == expected


@in_run
def test_no_descriptor_left_for_a_duplicate_is_told() -> None:
    with net.listen("tcp", f"{HOST}:0") as listener, answering(dup=lambda _: -errno.EMFILE):
        with pytest.raises(OpError, match=rf"^dup tcp {HOST}:\d+: too many open files$"):
            listener.dup()


@in_run
def test_repr_tells_which_listener_it_is_and_whether_it_is_closed() -> None:
    with net.listen("tcp4", f"{HOST}:0") as listener:
        assert repr(listener) == f"<TCPListener tcp4 {listener.local_addr} open>"
    assert repr(listener) == f"<TCPListener tcp4 {listener.local_addr} closed>"
