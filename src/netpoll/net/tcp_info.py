"""What the kernel knows of a TCP connection.

Source: tcp(7) TCP_INFO; <linux/tcp.h> struct tcp_info; go1.27 net/mptcpsock_linux.go
"""

import socket
from dataclasses import dataclass
from errno import ENOPROTOOPT, EOPNOTSUPP
from math import inf
from struct import Struct
from typing import Any

from netpoll._poll.socket_fd import SocketFD

_MPTCP = 262  # IPPROTO_MPTCP
_SOL_MPTCP, _MPTCP_INFO = 284, 1

_STATES = (
    *("", "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "time-wait"),
    *("close", "close-wait", "last-ack", "listen", "closing", "new-syn-recv"),
)
_CONGESTION = ("open", "disorder", "cwr", "recovery", "loss")

# The fields in the order in which they lie in memory. What begins with _ is not given out.
_LAYOUT = (
    ("6B2x", "state ca_state retransmits probes backoff options"),
    ("4I", "rto ato snd_mss rcv_mss"),
    ("5I", "unacked sacked lost retrans _fackets"),
    ("4I", "last_data_sent _last_ack_sent last_data_recv last_ack_recv"),
    ("8I", "pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering"),
    ("3I", "rcv_rtt rcv_space total_retrans"),
    ("4Q", "pacing_rate max_pacing_rate bytes_acked bytes_received"),
    ("6I", "segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out"),
    ("4Q", "delivery_rate busy_time rwnd_limited sndbuf_limited"),
    ("2I", "delivered delivered_ce"),
    ("2Q", "bytes_sent bytes_retrans"),
    ("4I", "dsack_dups reord_seen rcv_ooopack snd_wnd"),
)
_STRUCT = Struct("=" + "".join(codes for codes, _ in _LAYOUT))
_NAMES = " ".join(names for _, names in _LAYOUT).split()
_MICROSECONDS = frozenset(
    [
        *("rto", "ato", "rtt", "rttvar", "rcv_rtt", "min_rtt"),
        *("busy_time", "rwnd_limited", "sndbuf_limited"),
    ]
)
_MILLISECONDS = frozenset(["last_data_sent", "last_data_recv", "last_ack_recv"])
_NOT_MEASURED = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TCPInfo:
    """The kernel's figures of a TCP connection, by the kernel's names; see <linux/tcp.h>.

    Times are in seconds, rates in bytes a second, windows and sizes in bytes but for snd_cwnd and
    snd_ssthresh, which count segments. What an older kernel does not tell is 0.
    state: "established", "close-wait" and so on, as the program ss words it.
    ca_state: of the congestion control: "open", "disorder", "cwr", "recovery" or "loss".
    min_rtt: inf until one was measured.
    """

    state: str
    ca_state: str
    retransmits: int
    probes: int
    backoff: int
    options: int
    rto: float
    ato: float
    snd_mss: int
    rcv_mss: int
    unacked: int
    sacked: int
    lost: int
    retrans: int
    last_data_sent: float
    last_data_recv: float
    last_ack_recv: float
    pmtu: int
    rcv_ssthresh: int
    rtt: float
    rttvar: float
    snd_ssthresh: int
    snd_cwnd: int
    advmss: int
    reordering: int
    rcv_rtt: float
    rcv_space: int
    total_retrans: int
    pacing_rate: int
    max_pacing_rate: int
    bytes_acked: int
    bytes_received: int
    segs_out: int
    segs_in: int
    notsent_bytes: int
    min_rtt: float
    data_segs_in: int
    data_segs_out: int
    delivery_rate: int
    busy_time: float
    rwnd_limited: float
    sndbuf_limited: float
    delivered: int
    delivered_ce: int
    bytes_sent: int
    bytes_retrans: int
    dsack_dups: int
    reord_seen: int
    rcv_ooopack: int
    snd_wnd: int


def tcp_info(fd: SocketFD) -> TCPInfo:
    """Ask for the figures of a connection. The plain OSError of the call."""
    return parse(fd.getsockopt_bytes(socket.IPPROTO_TCP, socket.TCP_INFO, _STRUCT.size))


def parse(raw: bytes) -> TCPInfo:
    """Make a TCPInfo of a struct tcp_info, which may end early."""
    values = zip(_NAMES, _STRUCT.unpack(raw.ljust(_STRUCT.size, b"\0")), strict=True)
    given: dict[str, Any] = {
        name: _meaning(name, value) for name, value in values if name[0] != "_"
    }
    return TCPInfo(**given)


def uses_multipath(fd: SocketFD) -> bool:
    """Return whether it is Multipath TCP that is spoken; False before Linux 5.16.

    A socket that was made for it speaks plain TCP with a peer that does not know it.
    The plain OSError of the call.
    """
    if fd.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) != _MPTCP:
        return False
    try:
        fd.getsockopt_bytes(_SOL_MPTCP, _MPTCP_INFO, 256)
    except OSError as error:
        if error.errno in {EOPNOTSUPP, ENOPROTOOPT}:
            return False
        raise
    return True


def _meaning(name: str, value: int) -> int | float | str:
    if name == "state":
        return _STATES[value] if value < len(_STATES) else str(value)
    if name == "ca_state":
        return _CONGESTION[value] if value < len(_CONGESTION) else str(value)
    if name == "min_rtt" and value == _NOT_MEASURED:
        return inf
    if name in _MICROSECONDS:
        return value / 1e6
    if name in _MILLISECONDS:
        return value / 1e3
    return value
