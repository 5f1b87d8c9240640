"""Ctrl-C: KeyboardInterrupt comes soon, in main, and nothing hangs. Each test is a process."""

import signal

import pytest

from tests.running import says, script

PRELUDE = """\
import os, random, signal, socket, sys, threading, time
import netpoll
from netpoll import current, go, gosched, lowlevel, net, run, sleep

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

def when_parked(goroutine, then=interrupt):
    def wait():
        while not goroutine.state.startswith("waiting"):
            time.sleep(0.0001)
        time.sleep(0.002)
        global sent
        sent = time.monotonic()
        then()
    threading.Thread(target=wait).start()

def soon():
    took = time.monotonic() - sent
    assert took < 1, took
"""


def program(lines: str) -> str:
    """Return the lines of a program, which begin at the margin, with what they all need."""
    return PRELUDE + lines


def test_while_everything_is_parked_it_comes_soon_and_in_main() -> None:
    lines = """
def parks():
    yield lambda: sleep(60)
    yield lowlevel.park
    yield lambda: lowlevel.park(60)
    yield lambda: go(sleep, 60).join()
    yield lambda: netpoll.blocking(threading.Event().wait)
    with net.listen("tcp", "127.0.0.1:0") as listener:
        yield listener.accept
        with net.dial("tcp", str(listener.local_addr)) as conn:
            yield conn.read
            yield lambda: conn.write(bytes(64 << 20))
            reader = go(conn.read)
            gosched()
            yield conn.read
            reader.cancel()
            gosched()

def main():
    for park in parks():
        other = go(sleep, 60)
        gosched()
        when_parked(current())
        try:
            park()
        except KeyboardInterrupt:
            soon()
            assert not other.done
            print("interrupted")

run(main)
"""
    assert says(program(lines)) == "interrupted\n" * 9


def test_without_run_it_comes_in_main_as_well() -> None:
    lines = """
when_parked(current())
go(sleep, 60)
try:
    sleep(60)
except KeyboardInterrupt:
    soon()
    print("interrupted")
"""
    assert says(program(lines)) == "interrupted\n"


def test_while_another_computes_it_does_not_end_that_one() -> None:
    lines = """
def compute():
    interrupt()
    for i in range(100000):
        pass
    return "computed"

def main():
    computing = go(compute)
    try:
        sleep(60)
    except KeyboardInterrupt:
        print("interrupted", computing.join())

run(main)
"""
    assert says(program(lines)) == "interrupted computed\n"


def test_while_main_is_runnable_it_comes_when_main_runs() -> None:
    lines = """
def work():
    interrupt()
    for i in range(1000):
        pass
    seen.append("worked")

def main():
    for park in (gosched, lambda: sleep(0)):
        go(work)
        try:
            park()
            for i in range(1000000):
                pass
            seen.append("missed")
        except KeyboardInterrupt:
            seen.append("interrupted")

seen = []
run(main)
print(*seen)
"""
    assert says(program(lines)) == "worked interrupted worked interrupted\n"


def test_while_main_computes_it_comes_at_once() -> None:
    lines = """
def main():
    try:
        interrupt()
        while True:
            pass
    except KeyboardInterrupt:
        print("interrupted")

run(main)
"""
    assert says(program(lines)) == "interrupted\n"


def test_main_loses_neither_its_data_nor_the_interrupt() -> None:
    lines = """
from netpoll._poll.stream_fd import StreamFD

def work(fd):
    fd.write(b"data")
    sleep(0)
    interrupt()
    for i in range(1000):
        pass

def both(one, two):
    got = b""
    interrupted = False
    writer = go(work, two)
    try:
        got = one.read_bytes(10)
        for i in range(1000000):
            pass
    except KeyboardInterrupt:
        interrupted = True
        if not got:
            got = one.read_bytes(10)
    writer.join()
    return got, interrupted

def main():
    for turn in range(20):
        one, two = [StreamFD.adopt(end.detach()) for end in socket.socketpair()]
        assert both(one, two) == (b"data", True), turn
        one.close(), two.close()

run(main)
"""
    assert says(program(lines)) == ""


@pytest.mark.parametrize(
    ("wait", "serve"),
    {
        "receive": ("Chan.recv", "channel.try_send(1)"),
        "select": ("lambda channel: select(channel.recv)", "channel.try_send(1)"),
        "lock": ("lambda _: mutex.lock()", "mutex.unlock()"),
        "event": ("lambda _: event.wait()", "event.set()"),
        "join": ("lambda _: served.join()", "pass"),
        "group": ("in_a_group", "event.set()"),
    }.values(),
)
def test_if_main_is_given_what_it_waits_for_just_after_it_it_comes_without_a_park(
    wait: str, serve: str
) -> None:
    lines = f"""
from netpoll import Chan, Group, select
from netpoll.sync import Event, Mutex

def in_a_group(_):
    with Group() as group:
        group.go(event.wait)

def at_once():
    gosched()
    interrupt()
    for _ in range(1000):
        pass    # by now main is to be interrupted
    {serve}

def main():
    global channel, event, mutex, served
    channel, event, mutex = Chan(), Event(), Mutex()
    mutex.lock()
    served = go(at_once)
    begin = time.monotonic()
    try:
        ({wait})(channel)
        while time.monotonic() < begin + 5:
            pass
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - begin < 4)

run(main)
"""
    assert says(program(lines)) == "interrupted True\n"


def test_sent_to_another_thread_it_comes_in_main() -> None:
    lines = """
def interrupt_this_thread():
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

when_parked(current(), interrupt_this_thread)
try:
    run(sleep, 60)
except KeyboardInterrupt:
    soon()
    print("interrupted")
"""
    assert says(program(lines)) == "interrupted\n"


def test_it_is_main_s_too_where_other_threads_have_goroutines() -> None:
    lines = """
def other():
    try:
        sleep(0.1)
        print("slept")
    except BaseException as exception:
        print("other thread:", exception)

thread = threading.Thread(target=run, args=(other,))
thread.start()
when_parked(current())
try:
    run(sleep, 60)
except KeyboardInterrupt:
    print("interrupted")
thread.join()
"""
    assert says(program(lines)) == "interrupted\nslept\n"


def test_unless_caught_it_ends_the_program_as_always() -> None:
    lines = """
def work():
    try:
        sleep(60)
    finally:
        print("cleaned up")

def main():
    go(work)
    when_parked(current())
    sleep(60)

run(main)
"""
    done = script(program(lines))
    assert done.returncode == -signal.SIGINT
    assert done.stdout == "cleaned up\n"
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"


def test_a_second_one_ends_the_wait_for_goroutines_that_do_not_end() -> None:
    lines = """
def stubborn():
    while True:
        try:
            sleep(60)
        except netpoll.Cancelled:
            stubborn_heard.set()

def second():
    stubborn_heard.wait()
    interrupt()

stubborn_heard = threading.Event()

def main():
    go(stubborn)
    when_parked(current())
    sleep(60)

threading.Thread(target=second).start()
begin = time.monotonic()
try:
    run(main)
except KeyboardInterrupt:
    assert time.monotonic() - begin < 2
    print("interrupted")
print(run(lambda: go(lambda: "and again").join()))
"""
    assert says(program(lines)) == "interrupted\nand again\n"


def test_a_program_s_own_handler_is_left_alone() -> None:
    lines = """
class Mine(Exception):
    pass

def handler(number, frame):
    raise Mine

signal.signal(signal.SIGINT, handler)
when_parked(current())
try:
    run(sleep, 60)
except Mine:
    soon()
    print("heard")
assert signal.getsignal(signal.SIGINT) is handler
"""
    assert says(program(lines)) == "heard\n"


def test_a_handler_set_during_a_run_stays_after_it() -> None:
    lines = """
def handler(number, frame):
    print("heard")

def main():
    signal.signal(signal.SIGINT, handler)
    when_parked(current())
    sleep(0.05)

run(main)
assert signal.getsignal(signal.SIGINT) is handler
"""
    assert says(program(lines)) == "heard\n"


def test_a_program_that_ignores_it_goes_on_ignoring_it() -> None:
    lines = """
signal.signal(signal.SIGINT, signal.SIG_IGN)
when_parked(current())
run(sleep, 0.05)
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
print("slept")
"""
    assert says(program(lines)) == "slept\n"


def test_after_a_run_it_is_python_s_own_again() -> None:
    lines = """
run(sleep, 0.001)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
try:
    interrupt()
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""
    assert says(program(lines)) == "interrupted\n"


def test_in_an_asyncio_program_inside_a_goroutine_and_after_it() -> None:
    lines = """
import asyncio

async def inside():
    when_interrupted = threading.Timer(0.01, interrupt)
    when_interrupted.start()
    await asyncio.sleep(0.05)
    return "ran"

async def with_a_handler():
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print, "asyncio heard")
    signal.raise_signal(signal.SIGUSR1)
    await asyncio.sleep(0.01)
    return "ran"

def main():
    sleep(0.001)
    asyncio_program = go(asyncio.run, inside())
    try:
        sleep(60)
    except KeyboardInterrupt:
        print("interrupted", asyncio_program.join())
    print(go(asyncio.run, with_a_handler()).join())
    when_parked(current())
    try:
        sleep(60)
    except KeyboardInterrupt:
        soon()
        print("interrupted")

run(main)
"""
    assert says(program(lines)) == "interrupted ran\nasyncio heard\nran\ninterrupted\n"


def test_two_hundred_at_random_moments_hang_nothing() -> None:
    lines = """
randomness = random.Random(int(sys.argv[1]))
ready = threading.Event()
stop = threading.Event()

def send():
    ready.wait()
    for _ in range(200):
        time.sleep(0.0003 + randomness.random() / 500)
        interrupt()
    time.sleep(0.02)  # for the last one to be over
    stop.set()

def work(kind):
    if kind == 0:
        sleep(randomness.random() / 1000)
    elif kind == 1:
        for each in [go(gosched) for _ in range(10)]:
            each.join()
    elif kind == 2:
        with net.dial("tcp", str(listener.local_addr)) as conn:
            conn.write(b"x")
            conn.read(1)
    elif kind == 3:
        netpoll.blocking(time.sleep, 0.0001)
    else:
        for i in range(1000):
            pass

def serve():
    for conn in listener:
        go(echo, conn)

def echo(conn):
    with conn:
        while data := conn.read():
            conn.write(data)

def session():
    go(serve)
    while not stop.is_set():
        try:
            work(randomness.randrange(5))
        except KeyboardInterrupt:
            seen.append(1)

netpoll.excepthook = lambda goroutine, exception: None if isinstance(
    exception, OSError) else print(goroutine, repr(exception))
seen = []
listener = net.listen("tcp", "127.0.0.1:0", backlog=500)
threading.Thread(target=send).start()
while not stop.is_set():
    try:
        try:
            ready.set()
            run(session)
        except KeyboardInterrupt:
            seen.append(1)
    except KeyboardInterrupt:
        seen.append(1)
listener.close()
assert len(seen) > 20, len(seen)
"""
    for seed in ("1", "2"):
        assert says(program(lines), seed) == ""


def test_at_each_step_of_the_beginning_and_the_end_of_a_run() -> None:
    lines = """
def interrupted_at(step, fn, *args):
    steps = 0

    def trace(frame, event, arg):
        nonlocal steps
        if os.sep + "netpoll" + os.sep not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            steps += 1
            if steps == step:
                interrupt()
        return trace

    sys.settrace(trace)
    try:
        fn(*args)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return steps >= step

def cleaned_up():
    try:
        sleep(60)
    finally:
        seen.append("cleaned up")

def main():
    for _ in range(2):
        go(cleaned_up)
    sleep(0.0001)
    return "result"

# What is printed of a finalizer's own Ctrl-C, and of nothing else, is beside the point.
sys.unraisablehook = lambda unraisable: None
seen = []
interrupted_at(0, run, main)  # 3.12 shows the instructions of a function from its second call on
step = 1
while interrupted_at(step, run, main):
    seen = []
    descriptors = os.listdir("/proc/self/fd")
    assert run(main) == "result", step
    assert seen == ["cleaned up", "cleaned up"], step
    assert os.listdir("/proc/self/fd") == descriptors, step
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, step
    seen = []
    step += 1
assert step > 15, step
"""
    assert says(program(lines)) == ""


def test_a_second_one_stops_a_goroutine_that_lets_nobody_run() -> None:
    lines = """
def spin():
    begun.set()
    while True:
        pass

def twice():
    begun.wait()
    for _ in range(2):
        interrupt()
        heard.acquire()     # two that come at once would be one

begun, heard = threading.Event(), threading.Semaphore(0)

def main():
    handler = signal.getsignal(signal.SIGINT)

    def hears(*details):
        heard.release()
        handler(*details)

    signal.signal(signal.SIGINT, hears)
    threading.Thread(target=twice).start()
    spinning = go(spin)
    try:
        sleep(60)
    except KeyboardInterrupt:
        print("main")
    try:
        spinning.join()
    except KeyboardInterrupt:
        print("and the other")

run(main)
"""
    assert says(program(lines)) == "main\nand the other\n"
