"""What is dropped unclosed is told of by the name that its user knows."""

import gc
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import netpoll
from netpoll import net
from tests.running import in_run, says


def told_of(drop: Callable[[], object]) -> str:
    with pytest.warns(ResourceWarning) as caught:
        drop()
    return "\n".join(str(each.message) for each in caught)


@in_run
def test_a_connection_is_told_of_with_its_addresses() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        near = [net.dial("tcp", listener.local_addr)]
        with listener.accept():
            text = repr(near[0])
            said = told_of(near.clear)
    assert text.startswith("<TCPConn tcp 127.0.0.1:")
    assert re.fullmatch(rf"unclosed {re.escape(text)}, descriptor \d+", said)


@in_run
def test_so_are_a_listener_a_socket_of_datagrams_a_pipe_and_a_file(tmp_path: Path) -> None:
    kept = [net.listen("tcp", "127.0.0.1:0")]
    assert told_of(kept.clear).startswith("unclosed <TCPListener tcp 127.0.0.1:")
    packets = [net.listen_packet("udp", "127.0.0.1:0")]
    assert told_of(packets.clear).startswith("unclosed <UDPConn udp 127.0.0.1:")
    ends = [*net.pipe()]
    assert told_of(ends.clear).count("unclosed <PipeConn") == 2
    files = [netpoll.open_fd(os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT))]
    assert told_of(files.clear).startswith("unclosed <DiskFile")


@in_run
def test_what_is_closed_is_not_told_of() -> None:
    kept = [net.listen("tcp", "127.0.0.1:0")]
    kept[0].close()
    kept.clear()
    gc.collect()


def test_when_python_has_taken_its_modules_apart_there_is_nobody_to_tell() -> None:
    program = """
import netpoll.net.endpoint
from netpoll import net
from netpoll._poll import fd

conn = net.listen("tcp", "127.0.0.1:0")
for module in (fd, netpoll.net.endpoint):  # as at the end of the interpreter
    module.sys = module.warnings = None
del conn
"""
    assert says(program) == ""
