"""The start of a process: subprocess forks and executes, and what comes after is ours.

Its Popen knows how to do that well: by vfork where it can, with no Python code in the child, each
descriptor but the named ones closed, and the errors of execve(2) brought back. It is given plain
descriptors and no pipes, and from the moment that it has started the child it never waits for it.

Source: CPython Lib/subprocess.py, Modules/_posixsubprocess.c
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, TypedDict

from netpoll.process.child import Child, check_system, reap_later

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Command: TypeAlias = Path | Sequence[Path]
Environment: TypeAlias = Mapping[str, str | Path] | Mapping[bytes, str | Path]


class Options(TypedDict, total=False):
    """What subprocess.Popen does between fork and exec, under the same names."""

    executable: Path | None
    preexec_fn: Callable[[], object] | None
    close_fds: bool
    shell: bool
    cwd: Path | None
    env: Environment | None
    restore_signals: bool
    start_new_session: bool
    process_group: int | None
    pass_fds: Collection[int]
    user: str | int | None
    group: str | int | None
    extra_groups: Iterable[str | int] | None
    umask: int


def spawn(
    args: Command,
    streams: Sequence[int | None],
    options: Mapping[str, Any],
    started: list[Child],
) -> None:
    """Start a process and put it into the list in the same step, for a signal handler may raise.

    Does not park: the thread waits until the program is executed, or cannot be.
    OSError as subprocess, with the name of the program or of the directory that there is not.
    """
    unknown = options.keys() - Options.__annotations__.keys()
    if unknown:
        raise TypeError(f"Popen() got an unexpected keyword argument {min(unknown)!r}")
    check_system()
    starter: Any = subprocess.Popen.__new__(subprocess.Popen)
    stdin, stdout, stderr = streams
    try:
        # Apart from __new__: a Ctrl-C in the midst of it may leave a child behind.
        starter.__init__(args, stdin=stdin, stdout=stdout, stderr=stderr, **options)
        started.extend(map(Child, (starter.pid,)))
    except BaseException:
        if not started:
            _undo(starter)
        raise
    finally:
        starter.returncode = 0  # so that it takes the child for reaped


def _undo(starter: Any) -> None:
    """Kill a child whose start could not be completed here; one that failed there is gone."""
    pid = getattr(starter, "pid", None)
    if pid is None or starter.returncode is not None:
        return
    with suppress(ChildProcessError):  # it is gone, as where SIGCHLD is ignored
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        os.kill(pid, signal.SIGKILL)
        reap_later(pid)
