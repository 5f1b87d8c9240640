"""What is easily got wrong, and what one is told then."""

import copy as copying
import time
from collections.abc import Callable

import pytest

from netpoll import AddrError, UnknownNetworkError, net
from tests import udp
from tests.net.ends import connected
from tests.net.pipes import piped
from tests.running import in_run

# ---- networks


@pytest.mark.parametrize("network", ["udp", "udp4", "unixgram"])
@in_run
def test_who_listens_for_datagrams_is_told_where(network: str) -> None:
    with pytest.raises(UnknownNetworkError) as caught:
        net.listen(network, "127.0.0.1:0")
    assert str(caught.value) == (
        f"listen {network}: unknown network {network}: datagrams are for listen_packet()"
    )
    copy = copying.copy(caught.value)
    assert (str(copy), copy.network, copy.hint) == (
        str(caught.value),
        network,
        "datagrams are for listen_packet()",
    )


@pytest.mark.parametrize("network", ["tcp", "unix", "unixpacket"])
@in_run
def test_who_expects_connections_as_datagrams_is_told_where(network: str) -> None:
    with pytest.raises(UnknownNetworkError, match=r": connections are for listen\(\)$"):
        net.listen_packet(network, "127.0.0.1:0")


@in_run
def test_a_network_that_there_is_not_has_no_hint() -> None:
    for open_ in (net.listen, net.listen_packet, net.dial):
        with pytest.raises(UnknownNetworkError, match=r"^(listen|dial) ip9: unknown network ip9$"):
            open_("ip9", "127.0.0.1:0")


# ---- addresses


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: net.dial("tcp", "host"), "dial tcp: address host: missing port in address"),
        (
            lambda: net.dial("udp4", "[::1]:1"),
            "dial udp4: address [::1]:1: no suitable address found",
        ),
        (lambda: net.dial("unix", ""), "dial unix: missing address"),
        (lambda: net.listen("tcp", "::1"), "listen tcp: address ::1: too many colons in address"),
        (lambda: net.listen_packet("udp", "x"), "listen udp: address x: missing port in address"),
        (
            lambda: net.Dialer(local_addr="here").dial("tcp", "127.0.0.1:1"),
            "dial tcp: address here: missing port in address",
        ),
    ],
)
@in_run
def test_an_address_that_is_none_is_named_with_the_operation(
    call: Callable[[], object], message: str
) -> None:
    # Source: go1.27 net/dial_test.go TestDialError, TestListenError
    with pytest.raises(AddrError) as caught:
        call()
    assert str(caught.value) == message


def test_without_an_operation_there_is_the_address_alone() -> None:
    with pytest.raises(AddrError) as caught:
        net.TCPAddr.parse("host")
    assert str(caught.value) == "address host: missing port in address"
    assert caught.value.op == ""


# ---- deadlines

CALENDAR = r"^a deadline is a moment of time\.monotonic\(\), not of time\.time\(\)$"


@pytest.mark.parametrize("seconds", [-3600.0, 0.0, 1.0, 86_400.0])
@in_run
def test_a_deadline_by_the_calendar_is_refused(seconds: float) -> None:
    when = time.time() + seconds
    with (
        connected() as (near, _),
        udp.listen() as conn,
        net.listen("tcp", "127.0.0.1:0") as listener,
    ):
        for end in (near, conn):
            for name in ("set_deadline", "set_read_deadline", "set_write_deadline"):
                with pytest.raises(ValueError, match=CALENDAR):
                    getattr(end, name)(when)
        with pytest.raises(ValueError, match=CALENDAR):
            listener.set_deadline(when)
        with pytest.raises(ValueError, match=CALENDAR):
            net.dial("tcp", str(listener.local_addr), deadline=when)
        with pytest.raises(ValueError, match=CALENDAR):
            net.lookup_host("localhost", deadline=when)


@pytest.mark.parametrize("when", [float("inf"), 1e18, 2.0**31, 2.0**40, 10 * 365 * 86_400.0])
@in_run
def test_a_deadline_that_is_far_away_is_one(when: float) -> None:
    with connected() as (near, _), net.listen("tcp", "127.0.0.1:0") as listener:
        near.set_deadline(time.monotonic() + when)
        net.dial("tcp", str(listener.local_addr), deadline=time.monotonic() + when).close()
        near.set_deadline(None)


@in_run
def test_a_deadline_that_was_refused_changes_nothing() -> None:
    with connected() as (near, far):
        near.set_read_deadline(time.monotonic() + 30)
        with pytest.raises(ValueError, match=CALENDAR):
            near.set_read_deadline(time.time())
        far.write(b"x")
        assert near.read() == b"x"


@in_run
def test_pipes_are_told_as_well() -> None:
    with piped() as (near, _), pytest.raises(ValueError, match=CALENDAR):
        near.set_deadline(time.time())
