"""notify_context: a context that is done when a signal comes."""

import os
import pickle
import signal
from contextlib import suppress

import pytest

from netpoll import context, go, gosched, run, signals, sleep
from netpoll.signals import SignalReceived
from tests.running import in_run, on_thread, parked, says, script
from tests.signals.kill import kill

SOON = 1.0


@in_run
def test_it_is_done_when_the_signal_comes_and_says_which() -> None:
    with signals.notify_context(None, signal.SIGUSR1, signal.SIGUSR2) as ctx:
        waiting = parked(go(ctx.wait))
        kill(signal.SIGUSR2)
        assert waiting.join(SOON)
        assert isinstance(ctx.err, context.ContextCancelled)
        cause = context.cause(ctx)
        assert isinstance(cause, SignalReceived)
        assert isinstance(cause, context.ContextCancelled)
        assert cause.signal is signal.SIGUSR2
        assert str(cause) == "SIGUSR2 received"
        again = pickle.loads(pickle.dumps(cause))  # noqa: S301 - our own
        assert (again.signal, str(again)) == (signal.SIGUSR2, "SIGUSR2 received")


@in_run
def test_a_block_of_it_ends_there() -> None:
    ctx, stop = signals.notify_context(None, signal.SIGUSR1)
    sender = go(kill)
    with pytest.raises(context.ContextCancelled) as caught, ctx:
        sleep(3600)
    sender.join()
    assert isinstance(caught.value.__cause__, SignalReceived)
    stop()


@pytest.mark.parametrize("times", [1, 10])
def test_further_signals_do_nothing_until_it_is_stopped(times: int) -> None:
    """Go's TestNotifyContextNotifications."""
    said = says(
        """
        import os, signal, sys, threading
        from netpoll import blocking, context, run, signals, sleep

        def main():
            ctx, _ = signals.notify_context(context.background(), signal.SIGINT)
            threads = [
                threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT))
                for _ in range(int(sys.argv[1]))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                blocking(thread.join)
            ctx.wait()
            print(context.cause(ctx))
            sleep(0.05)

        run(main)
        """,
        str(times),
    )
    assert said == "SIGINT received\n"


def test_after_stop_a_signal_has_its_default_effect() -> None:
    done = script(
        """
        import os, signal
        from netpoll import run, signals

        def main():
            ctx, stop = signals.notify_context(None, signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            ctx.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            print("once", flush=True)
            stop()
            os.kill(os.getpid(), signal.SIGTERM)
            print("still here")

        run(main)
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "once\n", "")


@in_run
def test_to_stop_cancels_it_and_gives_the_signal_back() -> None:
    """Go's TestNotifyContextStop."""
    before = signal.getsignal(signal.SIGHUP)  # under nohup it is ignored
    signals.ignore(signal.SIGHUP)
    parent = context.with_cancel(context.background())
    ctx, stop = signals.notify_context(parent, signal.SIGHUP)
    assert not signals.ignored(signal.SIGHUP)
    stop()
    assert isinstance(ctx.err, context.ContextCancelled)
    assert not isinstance(context.cause(ctx), SignalReceived)
    assert parent.err is None
    assert signal.getsignal(signal.SIGHUP) == before
    stop()  # again: no effect


@pytest.mark.parametrize("early", [False, True])
@in_run
def test_it_is_done_with_its_parent(early: bool) -> None:
    """Go's TestNotifyContextCancelParent, TestNotifyContextPrematureCancelParent."""
    why = ValueError("the parent's")
    parent = context.with_cancel(context.background())
    if early:
        parent.cancel(why)
    with signals.notify_context(parent, signal.SIGUSR1) as ctx:
        if not early:
            assert ctx.err is None
            parent.cancel(why)
        assert ctx.wait(SOON)
        assert context.cause(ctx) is why
        kill()
        assert context.cause(ctx) is why


@in_run
def test_many_may_stop_it_at_once() -> None:
    """Go's TestNotifyContextSimultaneousStop."""
    ctx, stop = signals.notify_context(None, signal.SIGUSR1)
    stopping = [go(on_thread, stop) for _ in range(10)]
    assert ctx.wait(SOON)
    for goroutine in stopping:
        goroutine.join()
    stop()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


@in_run
def test_functions_that_wait_for_it_are_called() -> None:
    called: list[str] = []
    with signals.notify_context(None, signal.SIGUSR1) as ctx:
        context.after_func(ctx, called.append, "called")
        os.kill(os.getpid(), signal.SIGUSR1)
        gosched()
        sleep(0.001)
        assert called == ["called"]


def test_ctrl_c_is_received_instead_of_raised() -> None:
    def main() -> bool:
        with signals.notify_context(None, signal.SIGINT) as ctx, suppress(context.ContextCancelled):
            kill(signal.SIGINT)
            with ctx:
                sleep(3600)
        return isinstance(context.cause(ctx), SignalReceived)

    assert run(main)


@in_run
def test_without_a_signal_all_are_meant() -> None:
    with signals.notify_context() as ctx:
        kill(signal.SIGWINCH)
        cause = context.cause(ctx)
        assert isinstance(cause, SignalReceived)
        assert cause.signal == signal.SIGWINCH


@in_run
def test_what_cannot_be_caught_is_told() -> None:
    with pytest.raises(ValueError, match="SIGKILL"):
        signals.notify_context(None, signal.SIGKILL)
    with pytest.raises(TypeError):
        signals.notify_context(signal.SIGTERM)  # type: ignore[arg-type]
