"""netpoll: read_from and write_to, or read_batch and write_batch."""

import sys

from netpoll import net, run

MODE, SIZE, WAY = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def echo_singly(conn: net.UDPConn) -> None:
    """Send back what comes."""
    while True:
        conn.write_to(*conn.read_from())


def echo_batches(conn: net.UDPConn) -> None:
    """Send back what comes, all that is there at a time."""
    while True:
        conn.write_batch(conn.read_batch())


def flood_singly(conn: net.UDPConn) -> None:
    """Count."""
    count = 0
    while True:
        data, sender = conn.read_from()
        if len(data) == SIZE:
            count += 1
        else:
            conn.write_to(count.to_bytes(8, "big") + data, sender)


def flood_batches(conn: net.UDPConn) -> None:
    """Count, all that are there at a time."""
    count = 0
    while True:
        for data, sender in conn.read_batch():
            if len(data) == SIZE:
                count += 1
            else:
                conn.write_to(count.to_bytes(8, "big") + data, sender)


def main() -> None:
    """Serve whoever sends."""
    serve = {
        ("echo", "singly"): echo_singly,
        ("echo", "batches"): echo_batches,
        ("flood", "singly"): flood_singly,
        ("flood", "batches"): flood_batches,
    }[MODE, WAY]
    with net.listen_packet("udp", "127.0.0.1:0") as conn:
        print(f"listening on {conn.local_addr}", flush=True)
        serve(conn)


run(main)
