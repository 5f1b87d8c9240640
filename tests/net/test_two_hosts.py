"""Between two hosts: peers that are silent, routes that are not, resets, cables that are cut."""

from collections.abc import Iterator

import pytest

from tests.hosts import DEVICE, NOBODY, Host, two_hosts

Hosts = tuple[Host, Host]


@pytest.fixture(scope="module")
def cable() -> Iterator[Hosts]:
    with two_hosts() as both:
        yield both


@pytest.fixture
def hosts(cable: Hosts) -> Iterator[Hosts]:
    """Return the two hosts as they were in the beginning."""
    yield cable
    for host in cable:
        host.ip(f"link set {DEVICE} up")


SERVER = """
    import sys
    import netpoll
    from netpoll import go, net

    def echo(conn):
        with conn:
            try:
                while data := conn.read():
                    conn.write(data)
            except OSError:
                pass

    def main():
        with net.listen("tcp", ":9", fast_open=16) as listener:
            print("ready", flush=True)
            for conn in listener:
                go(echo, conn)

    netpoll.run(main)
"""

DIAL = """
    import socket, sys, time
    import netpoll
    from netpoll import net

    def answer(*_):
        return [(socket.AF_INET6 if ":" in ip else socket.AF_INET, 1, 6, "", (ip, 0))
                for ip in sys.argv[1:]]

    def main():
        begin = time.monotonic()
        conn = net.dial("tcp", "name.example:9", resolver=net.Resolver(answer), timeout=20)
        with conn:
            took = time.monotonic() - begin
            conn.write(b"x")
            assert conn.read() == b"x"
            when = "late" if took > 2 else "delayed" if took >= 0.25 else "at once"
            print(conn.remote_addr.ip, when)

    netpoll.run(main)
"""


# ---- happy eyeballs


def test_silent_ipv6_costs_one_delay_whatever_the_order(hosts: Hosts) -> None:
    # Source: RFC 8305 section 5; go1.27 net/dial_test.go TestDialParallel
    here, there = hosts
    silent = NOBODY[1:]
    with there.serving(SERVER):
        assert here.says(DIAL, *silent, there.ipv4) == f"{there.ipv4} delayed\n"
        assert here.says(DIAL, there.ipv6, NOBODY[0]) == f"{there.ipv6} at once\n"
        assert here.says(DIAL, NOBODY[0], there.ipv6) == f"{there.ipv6} delayed\n"


@pytest.mark.parametrize("kind", ["unreachable", "prohibit"])
def test_a_route_that_leads_nowhere_costs_nothing(hosts: Hosts, kind: str) -> None:
    here, there = hosts
    here.ip(f"route add {kind} fd78::/64")
    with there.serving(SERVER):
        assert here.says(DIAL, "fd78::1", there.ipv4) == f"{there.ipv4} at once\n"
    here.ip(f"route del {kind} fd78::/64")


@pytest.mark.parametrize(
    "verdict", ["icmp type admin-prohibited", "icmp type host-unreachable", "tcp reset"]
)
def test_a_peer_that_refuses_costs_a_round_trip(hosts: Hosts, verdict: str) -> None:
    # Not on IPv6, where on a cable without length an ICMP error comes back before connect(2) has
    # let go of the socket; Linux then forgets it until the request is sent again, after a second.
    here, there = hosts
    there.filter(f"ip protocol tcp reject with {verdict}")
    try:
        with there.serving(SERVER):
            assert here.says(DIAL, there.ipv4, there.ipv6) == f"{there.ipv6} at once\n"
    finally:
        there.filter()


def test_if_none_answers_the_time_is_up_for_all_at_once(hosts: Hosts) -> None:
    here, _ = hosts
    out = here.says(
        """
        import socket, sys, time
        import netpoll
        from netpoll import net

        def answer(*_):
            return [(socket.AF_INET, 1, 6, "", (ip, 0)) for ip in sys.argv[1:]]

        def main():
            begin = time.monotonic()
            try:
                net.dial("tcp", "name.example:9", resolver=net.Resolver(answer), timeout=1)
            except netpoll.DeadlineExceeded as error:
                assert 1 <= time.monotonic() - begin < 3
                print(error)

        netpoll.run(main)
        """,
        NOBODY[0],
        NOBODY[0],
    )
    assert out == f"dial tcp {NOBODY[0]}:9: i/o timeout\n"


# ---- resets and cables


def test_a_connection_that_is_reset_on_the_way_says_so(hosts: Hosts) -> None:
    """Whoever waits to read is told, and so is who writes afterwards."""
    here, there = hosts
    with there.serving(SERVER), here.serving(
        """
        import sys
        import netpoll
        from netpoll import go, net

        def main():
            with net.dial("tcp", f"{sys.argv[1]}:9") as conn:
                conn.write(b"x")
                assert conn.read() == b"x"
                print("ready", flush=True)
                netpoll.blocking(sys.stdin.readline)
                reader = go(conn.read)
                netpoll.gosched()
                conn.write(b"this meets the filter")
                try:
                    reader.join(10)
                except ConnectionResetError as error:
                    print("reset", error.op)
                try:
                    conn.write(b"more")
                except BrokenPipeError:
                    print("broken pipe")

        netpoll.run(main)
        """,
        there.ipv4,
    ) as client:  # fmt: skip
        there.filter("tcp dport 9 reject with tcp reset")
        try:
            out, err = client.communicate("go\n", timeout=20)
        finally:
            there.filter()
        assert (out, err) == ("reset read\nbroken pipe\n", "")


def test_keep_alive_notices_that_the_peer_is_gone(hosts: Hosts) -> None:
    # Source: go1.27 net/tcpsockopt_unix.go setKeepAliveIdle; tcp(7) TCP_KEEPIDLE
    here, there = hosts
    with there.serving(SERVER), here.serving(
        """
        import sys
        import netpoll
        from netpoll import net

        def main():
            probing = net.KeepAlive(idle=1, interval=1, count=1)
            with net.dial("tcp", f"{sys.argv[1]}:9", keep_alive=probing) as conn:
                conn.write(b"x")
                assert conn.read() == b"x"
                print("ready", flush=True)
                try:
                    conn.read()
                except TimeoutError as error:
                    print(error.reason, error.timeout, isinstance(error, netpoll.DeadlineExceeded))

        netpoll.run(main)
        """,
        there.ipv4,
    ) as client:  # fmt: skip
        there.ip(f"link set {DEVICE} down")
        out, err = client.communicate(timeout=20)
        reasons = {"connection timed out", "no route to host"}
        assert out in {f"{reason} {reason != 'no route to host'} False\n" for reason in reasons}, (
            err
        )


# ---- local ports

FEW_PORTS = "40000 40015"


def test_with_all_local_ports_in_use_a_dial_says_so_and_another_peer_can_be_had(
    hosts: Hosts,
) -> None:
    # Source: go1.27 net/tcpsock_posix.go; ip(7) IP_BIND_ADDRESS_NO_PORT, ip_local_port_range
    here, there = hosts
    here.sysctl("net.ipv4.ip_local_port_range", FEW_PORTS)
    with there.serving(
        """
        import netpoll
        from netpoll import net

        def main():
            with net.listen("tcp", ":9"), net.listen("tcp", ":10"):
                print("ready", flush=True)
                netpoll.sleep(60)

        netpoll.run(main)
        """
    ):
        out = here.says(
            """
            import errno, sys
            import netpoll
            from netpoll import net

            def dial(port, local):
                try:
                    return net.dial("tcp", f"{sys.argv[1]}:{port}", local_addr=local)
                except netpoll.OpError as error:
                    assert error.errno == errno.EADDRNOTAVAIL, error
                    return None

            def main():
                for local in (None, f"{sys.argv[2]}:0"):
                    conns = [dial(port, local) for port in (9, 10) for _ in range(17)]
                    made = [conn for conn in conns if conn is not None]
                    print(len([conn for conn in made if conn.remote_addr.port == 9]), len(made))
                    for conn in made:
                        conn.set_linger(0)  # the port is free at once
                        conn.close()

            netpoll.run(main)
            """,
            there.ipv4,
            here.ipv4,
        )
    assert out == "16 32\n" * 2


def test_no_dial_meets_itself_on_a_port_of_the_ephemeral_range(hosts: Hosts) -> None:
    # Source: go1.27 net/tcpsock_test.go TestTCPSelfConnect
    here, _ = hosts
    here.sysctl("net.ipv4.ip_local_port_range", FEW_PORTS)
    out = here.says(
        """
        from collections import Counter
        import netpoll
        from netpoll import net

        def outcome(port):
            try:
                with net.dial("tcp", f"127.0.0.1:{port}") as conn:
                    return "itself" if conn.local_addr == conn.remote_addr else "another"
            except ConnectionRefusedError:
                return "refused"

        def main():
            seen = Counter(outcome(port) for port in range(40000, 40016) for _ in range(30))
            print(seen["refused"], seen["another"], seen["itself"] <= 2)

        netpoll.run(main)
        """
    )
    refused, another, rarely = out.split()
    assert (another, rarely) == ("0", "True")
    assert int(refused) >= 478


# ---- Fast Open


def test_what_is_written_first_travels_with_the_request_to_connect(hosts: Hosts) -> None:
    # Source: RFC 7413; ip-sysctl tcp_fastopen
    here, there = hosts
    for host in hosts:
        host.sysctl("net.ipv4.tcp_fastopen", "3")
    with there.serving(SERVER):
        out = here.says(
            """
            import sys
            import netpoll
            from netpoll import net

            def counted():
                with open("/proc/self/net/netstat") as file:
                    names, values = [line.split() for line in file if line.startswith("TcpExt:")]
                return int(values[names.index("TCPFastOpenActive")])

            def main():
                for _ in range(3):  # the first one asks for the cookie
                    with net.dial("tcp", f"{sys.argv[1]}:9", fast_open=True) as conn:
                        conn.write(b"first")
                        assert conn.read() == b"first"
                print(counted())

            netpoll.run(main)
            """,
            there.ipv4,
        )
    assert out == "2\n"
