"""What /proc tells about another process.

Each function returns None where there is nothing to read: no process was named, it is gone or
belongs to somebody else, or there is no /proc.
"""

import os
from pathlib import Path

# Among the fields after the command's name, the first of which proc_pid_stat(5) numbers 3.
_UTIME, _STIME = 14 - 3, 15 - 3


def cpu_seconds(pid: int | None) -> float | None:
    """Return the processor time that a process has used, user and system.

    Source: proc_pid_stat(5)
    """
    text = _read(pid, "stat")
    if text is None:
        return None
    # The name stands in parentheses and may hold spaces and parentheses itself.
    fields = text.rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int | None) -> int | None:
    """Return the memory that a process has in use.

    Source: proc_pid_smaps(5), proc_pid_status(5)
    """
    # VmRSS is summed up from counters per thread or processor and may be some hundred KiB behind;
    # for smaps_rollup the kernel looks at the pages.
    return _kibibytes(pid, "smaps_rollup", "Rss:") or _kibibytes(pid, "status", "VmRSS:")


def _kibibytes(pid: int | None, name: str, label: str) -> int | None:
    for line in (_read(pid, name) or "").splitlines():
        if line.startswith(label):
            return int(line.split()[1]) * 1024
    return None


def _read(pid: int | None, name: str) -> str | None:
    if pid is None:
        return None
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
