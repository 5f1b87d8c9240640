"""Usual slips, and what is said of them."""

import asyncio
import gc
from collections.abc import Callable, Iterator

import pytest

import netpoll
from netpoll import AddrError, Chan, ChannelClosed, aio, go, net, run, select, sleep
from netpoll.sync import Cond
from tests.running import in_run, script


async def coroutine() -> None:
    pass


def generator() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize("name", ["go", "run"])
def test_the_result_of_a_function_in_its_place(name: str) -> None:
    start: Callable[[object], object] = getattr(netpoll, name)
    hint = rf": give the function, not its result: {name}\(work\), not {name}\(work\(\)\)$"
    for given, kind in ((None, "NoneType"), (generator(), "generator")):
        with pytest.raises(TypeError, match=rf"^{name}\(\) needs a callable, not {kind}{hint}"):
            start(given)
    with pytest.raises(TypeError, match=r"not coroutine: a coroutine is for aio\.run\(\)$"):
        start(coroutine())
    gc.collect()  # which tells of a coroutine that is not closed


@in_run
def test_a_generator_function_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^go\(\) needs a plain function, not one with `yield`"):
        go(generator).join()
    made = generator()
    assert go(iter, made).join() is made  # whoever makes one on purpose


def test_run_refuses_one_too() -> None:
    with pytest.raises(TypeError, match=r"^run\(\) needs a plain function, not one with `yield`"):
        run(generator)


def test_aio_run_wants_a_coroutine() -> None:
    with pytest.raises(TypeError, match=r"needs a coroutine .*, no function: call it$"):
        aio.run(coroutine)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"needs a coroutine .*, not int$"):
        aio.run(3)  # type: ignore[arg-type]


def test_aio_close_can_be_had_from_a_coroutine() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"await asyncio\.to_thread\(close\)"):
            aio.close()
        await asyncio.wait_for(asyncio.to_thread(aio.close), 10)

    aio.run(asyncio.sleep(0))
    asyncio.run(main())


def test_a_cond_says_what_it_needs() -> None:
    for arguments in ((), (None,)):
        with pytest.raises(TypeError, match=r"^Cond\(\) needs a Mutex, .*: Cond\(Mutex\(\)\)$"):
            Cond(*arguments)


@in_run
def test_a_closed_channel_says_what_was_to_be_done() -> None:
    jobs = Chan[int](1)
    jobs.close()
    for op in ("recv", "try_recv", "close"):
        with pytest.raises(ChannelClosed, match=rf"^{op}: the channel is closed$"):
            getattr(jobs, op)()
    for op in ("send", "try_send"):
        with pytest.raises(ChannelClosed, match=rf"^{op}: the channel is closed$"):
            getattr(jobs, op)(1)
    with pytest.raises(ChannelClosed, match=r"^send: the channel is closed$"):
        select((jobs.send, 1))


@pytest.mark.parametrize("address", ["http://example.org/", "tcp://127.0.0.1:80"])
def test_a_url_is_no_address(address: str) -> None:
    with pytest.raises(AddrError, match='an address is "host:port", and no URL'):
        net.dial("tcp", address)


STARTS_ONE = """
from netpoll import current, go, run, sleep
def work(): print("began")
"""


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("go(work)", "never began: nobody parked"),
        ("go(work); sleep(0)", ""),
        ("go(work).cancel()", ""),
        ("run(go, work)", ""),
        (
            "import threading; t = threading.Thread(target=go, args=(work,)); t.start(); t.join()",
            "never began: nobody parked",
        ),
    ],
)
def test_in_development_mode_a_goroutine_that_never_began_is_told_of(rest: str, said: str) -> None:
    done = script("import sys, warnings\nwarnings.simplefilter('always')" + STARTS_ONE + rest)
    assert (done.returncode, done.stderr) == (0, "")
    source = "import warnings\nwarnings.simplefilter('always')" + STARTS_ONE + rest
    done = script(
        "import subprocess, sys\nsys.stderr.write(subprocess.run([sys.executable, '-X', 'dev', "
        f"'-c', {source!r}], capture_output=True, text=True).stderr)"
    )
    assert ("ResourceWarning: work-" in done.stderr) == bool(said), done.stderr
    assert said in done.stderr


def test_sleep_is_no_coroutine() -> None:
    with pytest.raises(TypeError, match=r"needs a coroutine .*, not NoneType"):
        aio.run(sleep(0))  # type: ignore[func-returns-value, arg-type]
