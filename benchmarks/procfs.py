"""What /proc tells: of a process, and of the whole machine."""

import time
from pathlib import Path

from benchmarks.processes import MeasureError

_SCHED = 2  # the clock of a process's processor time; see CPUCLOCK_SCHED in the kernel's sources


def cpu_ns(pid: int) -> int:
    """Return the processor time that a process has used with all its threads.

    The clock is that of clock_getcpuclockid(3), of whose number only the C library's source tells.
    """
    return time.clock_gettime_ns((~pid << 3) | _SCHED)


def cpu_ticks(pid: int) -> tuple[int, int]:
    """Return the user and the system time that a process has used, in clock ticks."""
    # The name is in parentheses and may hold spaces and parentheses itself; see proc_pid_stat(5).
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def resident_kib(pid: int) -> int:
    """Return the memory that a process has in use, by its page tables."""
    return _number(_read(f"/proc/{pid}/smaps_rollup"), "Rss:")


def wakeups(pid: int) -> int:
    """Return how many times the threads of a process have slept and been woken."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        total += _number(_read(f"{thread}/status"), "voluntary_ctxt_switches:")
    return total


def machine_busy_ticks() -> int:
    """Return the time that all processors were busy or taken away by the host, in clock ticks."""
    # user, nice, system, idle, iowait, irq, softirq, steal: see proc_stat(5)
    fields = [int(field) for field in _read("/proc/stat").split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise MeasureError(f"{path}: {error.strerror}") from error


def _number(text: str, label: str) -> int:
    for line in text.splitlines():
        if line.startswith(label):
            return int(line.split()[1])
    raise MeasureError(f"no {label} there")
