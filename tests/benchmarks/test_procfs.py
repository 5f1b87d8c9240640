import os
import resource
import subprocess
import sys
from pathlib import Path

from benchmarks.procfs import cpu_ticks

WAIT = "print(flush=True); input()"


def test_ticks_are_the_user_and_the_system_time() -> None:
    sum(range(3 * 10**6))
    used = resource.getrusage(resource.RUSAGE_SELF)
    user, system = (ticks / os.sysconf("SC_CLK_TCK") for ticks in cpu_ticks(os.getpid()))
    assert abs(user - used.ru_utime) < 0.5
    assert abs(system - used.ru_stime) < 0.5


def test_the_name_of_a_process_may_look_like_what_comes_behind_it(tmp_path: Path) -> None:
    odd = tmp_path / "a) R 1 1 1 1"
    odd.symlink_to(sys.executable)
    command = [str(odd), "-S", "-c", WAIT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert Path(f"/proc/{process.pid}/comm").read_text(encoding="ascii") == odd.name + "\n"
        assert all(0 <= ticks < 1000 for ticks in cpu_ticks(process.pid))
        process.communicate(b"\n")
