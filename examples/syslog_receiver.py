"""Syslog receiver: prints what programs log through a socket of datagrams (RFC 3164, RFC 5424).

    python examples/syslog_receiver.py PATH

PATH is where the socket is to be, which a receiver that was killed may have left there; Ctrl-C ends
this one, which removes it. Try it with `logger -u PATH hello`. Each message is one line, such as

    user.notice myhost root[12]: hello

in which what could not be printed, the end of a line too, is an escape: nobody who may log can make
up a line of somebody else's, or tell the terminal what to do.
"""

import re
import sys
from contextlib import suppress
from typing import NamedTuple

from netpoll import net, run

LONGEST = 65536  # bytes of a message; what is beyond is cut off
DEFAULT = 13  # user.notice, of what does not say (RFC 3164, section 4.3.3)
HIGHEST = 191

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "security", "console", "clock"),
    *(f"local{number}" for number in range(8)),
)
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")

PRIORITY = re.compile(rb"<(0|[1-9][0-9]{0,2})>")
# "1 2026-11-21T08:00:00Z host app 12 ID [data] text", in which "-" stands for what is not known.
# No two parts that follow one another can both take the same byte, so that no input takes long.
STRUCTURED = re.compile(
    rb"""1\ [!-~]+\ (?P<host>[!-~]+)\ (?P<app>[!-~]+)\ (?P<pid>[!-~]+)\ [!-~]+
    \ (?:-|(?:\[ [!#-<>-\\^-~]+ (?:\ [!#-<>-\\^-~]+="(?:[^"\\\]]|\\.)*")* \])+)
    (?:\ (?P<text>.*))?""",
    re.DOTALL | re.VERBOSE,
)
# "Nov 21 08:00:00 host app[12]: text"; through a socket of this machine mostly without the host.
WHEN = re.compile(rb"[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} ")
HOST = re.compile(rb"(?P<host>[!-~]*[!-9;-~]) ")
SOURCE = re.compile(rb"(?P<app>[!-9;-Z\\^-~]+)(?:\[(?P<pid>[!-Z\\^-~]*)\])?: ?")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # says that a text is UTF-8, as others are too
UNKNOWN = b"-"


class Message(NamedTuple):
    """What a program has logged, in the bytes in which it came."""

    priority: int
    host: bytes
    app: bytes
    pid: bytes
    text: bytes


def parse(data: bytes) -> Message:
    """Return what a datagram says; one that says nothing of itself is all text."""
    found = PRIORITY.match(data)
    if found is None or int(found[1]) > HIGHEST:
        return parse_plain(DEFAULT, data)
    priority, rest = int(found[1]), data[found.end() :]
    parts = STRUCTURED.fullmatch(rest)
    if parts is None:
        return parse_plain(priority, rest)
    host, app, pid = (
        b"" if part == UNKNOWN else part for part in parts.group("host", "app", "pid")
    )
    return Message(priority, host, app, pid, (parts["text"] or b"").removeprefix(BYTE_ORDER_MARK))


def parse_plain(priority: int, text: bytes) -> Message:
    """Return what a message says that is not structured."""
    host = app = pid = b""
    if found := WHEN.match(text):
        text = text[found.end() :]
        if found := HOST.match(text):
            host, text = found["host"], text[found.end() :]
    if found := SOURCE.match(text):
        app, pid, text = found["app"], found["pid"] or b"", text[found.end() :]
    return Message(priority, host, app, pid, text)


def shown(message: Message) -> str:
    """Return the line that tells of a message."""
    facility, severity = divmod(message.priority, len(SEVERITIES))
    source = message.app + (b"[%b]" % message.pid if message.pid else b"")
    words = [message.host, source + b":" if source else b"", message.text.rstrip(b"\n\0")]
    level = f"{FACILITIES[facility]}.{SEVERITIES[severity]}"
    return " ".join([level, *(printable(word) for word in words if word)])


def printable(data: bytes) -> str:
    """Return a text in which there is nothing but what can be seen."""
    text = data.decode(errors="backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def main(path: str) -> None:
    """Print what is logged."""
    with net.listen_packet("unixgram", path) as conn:
        print(f"listening on {conn.local_addr}", flush=True)
        while True:
            # Who logs waits while this prints: a full socket of this kind takes no more.
            data, _ = conn.read_from(LONGEST)
            print(shown(parse(data)), flush=True)


if __name__ == "__main__":
    if {"-h", "--help"} & {*sys.argv}:
        print(__doc__)
        sys.exit()
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and a path
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt):
        try:
            run(main, sys.argv[1])
        except OSError as error:  # there is something already, or no such directory
            sys.exit(str(error))
