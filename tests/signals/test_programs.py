"""Signals and whole programs: the default effect, job control, thousands of Ctrl-Cs."""

import random
import signal
import subprocess
import time
from pathlib import Path

from tests.program import PATIENCE, started
from tests.running import says, script

PRELUDE = """
import os, signal, sys, threading, time
from netpoll import go, run, signals, sleep
from netpoll.sync.chan import Chan
"""


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_after_stop_a_signal_has_its_default_effect() -> None:
    done = script(
        PRELUDE
        + """
def main():
    with signals.notify(Chan(1), signal.SIGTERM) as channel:
        os.kill(os.getpid(), signal.SIGTERM)
        print(channel.recv().name, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("still here")

run(main)
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "SIGTERM\n", "")


def test_also_when_the_last_one_has_left_on_another_thread() -> None:
    done = script(
        PRELUDE
        + """
def main():
    channel = Chan(1)
    signals.notify(channel, signal.SIGTERM)
    thread = threading.Thread(target=signals.stop, args=(channel,))
    thread.start()
    thread.join()
    os.kill(os.getpid(), signal.SIGTERM)
    print("still here")

run(main)
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "")


ATOMIC = (
    PRELUDE
    + """
import collections, random

STOP_AFTER = 0.002

def main():
    channel = Chan(1)
    signals.notify(channel, signal.SIGTERM)
    os.write(ready, b"x")
    end = time.monotonic() + STOP_AFTER
    while time.monotonic() < end:
        pass
    signals.stop(channel)
    os.read(sent, 1)
    return not channel.try_recv()[1]

moments = random.Random(7)
outcomes = collections.Counter()
for number in range(100):
    is_ready, ready = os.pipe()
    sent, is_sent = os.pipe()
    pid = os.fork()
    if pid == 0:
        os._exit(run(main))
    os.read(is_ready, 1)
    end = time.monotonic() + 2 * STOP_AFTER * moments.random()
    while time.monotonic() < end:
        pass
    os.kill(pid, signal.SIGTERM)
    os.write(is_sent, b"x")
    outcomes[os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])] += 1
    for descriptor in is_ready, ready, sent, is_sent:
        os.close(descriptor)
received, died = outcomes.pop(0), outcomes.pop(-signal.SIGTERM)
print(dict(outcomes))
"""
)


def test_a_signal_about_the_time_of_stop_goes_to_exactly_one() -> None:
    """Go's TestAtomicStop: either the channel has it, or the process has ended by it."""
    assert says(ATOMIC) == "{}\n"


def test_sigcont_is_received_when_a_stopped_program_goes_on() -> None:
    source = (
        PRELUDE
        + """
def main():
    with signals.notify(Chan(9), signal.SIGCONT) as channel:
        print("ready", flush=True)
        for _ in range(10):
            print(channel.recv().name, flush=True)

run(main)
"""
    )
    with started("-c", source) as process:
        assert line_of(process) == "ready"
        for _ in range(10):
            process.send_signal(signal.SIGSTOP)
            status = Path(f"/proc/{process.pid}/stat")
            while status.read_text(encoding="ascii").rpartition(")")[2].split()[0] != "T":
                time.sleep(0.0005)
            process.send_signal(signal.SIGCONT)
            assert line_of(process) == "SIGCONT"
        assert process.wait(PATIENCE) == 0


def test_a_program_started_by_nohup_may_still_listen_to_sighup() -> None:
    said = says(
        """
        import os, signal
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        from netpoll import run, signals
        from netpoll.sync.chan import Chan

        def main():
            assert signals.ignored(signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGHUP)
            with signals.notify(Chan(1), signal.SIGHUP) as channel:
                os.kill(os.getpid(), signal.SIGHUP)
                print(channel.recv().name)
            os.kill(os.getpid(), signal.SIGHUP)

        run(main)
        """
    )
    assert said == "SIGHUP\n"


BUSY = """
import os, random, signal, time
from contextlib import suppress
from netpoll import (
    ScopeTimeout, blocking, go, lowlevel, net, run, signals, sleep, timeout
)
from netpoll.sync.chan import Chan
from netpoll.sync.select import select

def echo(conn):
    with conn:
        while data := conn.read():
            conn.write(data)

def talk(address):
    with net.dial("tcp", address) as conn:
        while True:
            conn.write(b"x" * 100)
            conn.read()

def hand_over(source, target):
    for value in source:
        target.send(value + 1)

def tick():
    while True:
        sleep(0.0003)

def call():
    while True:
        blocking(time.sleep, 0.0001)

def serve(listener):
    with listener:
        for conn in listener:
            go(echo, conn)

def work():
    listener = net.listen("tcp", "127.0.0.1:0")
    go(serve, listener)
    for _ in range(3):
        go(talk, str(listener.local_addr))
    ring = [Chan(n % 2) for n in range(4)]
    for n in range(4):
        go(hand_over, ring[n], ring[(n + 1) % 4])
    go(ring[0].send, 0)
    go(tick)
    go(call)
"""
INTERRUPTED = (
    BUSY
    + """
ROUNDS = 10_000
permits, permit = os.pipe()
parent = os.getpid()
if os.fork() == 0:  # sends one in each round, at any moment of it
    os.close(permit)
    moments = random.Random(7)
    while os.read(permits, 1):
        end = time.monotonic() + moments.random() * 0.0003
        while time.monotonic() < end:
            pass
        os.kill(parent, signal.SIGINT)
    os._exit(0)

def compute():
    end = time.monotonic() + 2
    while time.monotonic() < end:
        pass

def yield_():
    while True:
        sleep(0)

def main():
    work()
    nobody = Chan()
    listener = net.listen("tcp", "127.0.0.1:0")
    for_long = go(sleep, 3600)
    waits = [
        lambda: sleep(3600), nobody.recv, lambda: nobody.send(1), listener.accept, compute, yield_,
        lambda: select(nobody.recv, timeout=3600), for_long.join, lambda: lowlevel.park(3600),
    ]
    interrupts = 0
    for number in range(ROUNDS):
        try:
            with suppress(ScopeTimeout), timeout(2):
                os.write(permit, b"x")
                waits[number % len(waits)]()
        except KeyboardInterrupt:
            interrupts += 1
    listener.close()
    assert nobody.waiting == (0, 0)
    return interrupts

print(run(main), flush=True)
os.close(permit)
os.wait()
"""
)
NOTIFIED = (
    BUSY
    + """
def main():
    work()
    interrupts = 0
    with (
        signals.notify(Chan(1), signal.SIGINT) as channel,
        signals.notify(Chan(1), signal.SIGTERM) as over,
    ):
        print("ready", flush=True)
        while True:
            case, _, _ = select(channel.recv, over.recv)
            if case == 1:
                signals.ignore(signal.SIGINT)
                return interrupts
            interrupts += 1

print(run(main), flush=True)
"""
)


def test_10_000_ctrl_cs_raised_at_random_moments_hang_nothing() -> None:
    with started("-X", "faulthandler", "-c", INTERRUPTED) as process:
        stdout, stderr = process.communicate(timeout=50)
    assert process.returncode == 0, stderr
    # CPython drops what is raised in a finalizer, also if that is by a handler that interrupted it.
    dropped = stderr.count("Exception ignored in")
    assert 0 <= 10_000 - int(stdout) <= dropped <= 10


def test_10_000_ctrl_cs_sent_to_a_channel_hang_nothing() -> None:
    moments = random.Random(7)
    with started("-X", "faulthandler", "-c", NOTIFIED) as process:
        assert line_of(process) == "ready"
        for _ in range(10_000):
            process.send_signal(signal.SIGINT)
            if moments.random() < 0.1:
                time.sleep(moments.random() * 0.002)
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (0, "")
    assert int(stdout) > 100


INTERRUPTING = (
    BUSY
    + """
from netpoll import process

def start():
    while True:
        process.run(["true"], check=True)

def count(channel, name):
    for _ in channel:
        counts[name] += 1

counts = {"alarms": 0, "children": 0}

def main():
    work()
    go(start)
    alarms, children = Chan(1), Chan(1)
    go(count, alarms, "alarms")
    go(count, children, "children")
    with signals.notify(alarms, signal.SIGALRM), signals.notify(children, signal.SIGCHLD):
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            due = time.monotonic() + 0.005
            sleep(0.005)
            assert time.monotonic() >= due
        signal.setitimer(signal.ITIMER_REAL, 0)
    return counts["alarms"] > 200 and counts["children"] > 50

netpoll.excepthook = lambda *failure: os.abort()
print(run(main), flush=True)
"""
).replace("import os, random", "import netpoll, os, random")


def test_a_thousand_signals_a_second_interrupt_no_system_call_that_anybody_sees() -> None:
    assert says(INTERRUPTING) == "True\n"
