"""What was written for asyncio, used from goroutines: httpx, redis, and asyncio's own streams."""

import asyncio
import threading
from pathlib import Path

import pytest

from netpoll import GoroutineCancelled, ScopeTimeout, aio, blocking, go, net, sleep
from netpoll._runtime.scope import timeout
from tests.aio.http_server import serving
from tests.examples.redis_server import redis_server
from tests.running import in_run, parked

# ---- httpx


@in_run
def test_a_client_of_httpx_gets_pages_from_a_server_in_goroutines() -> None:
    httpx = pytest.importorskip("httpx")
    with serving() as url, aio.enter(httpx.AsyncClient(trust_env=False)) as client:
        for i in range(20):
            answer = aio.run(client.get(f"{url}/page/{i}"))
            assert (answer.status_code, answer.text) == (200, f"/page/{i}")
        assert aio.run(client.post(url, content=b"x" * 100_000)).content == b"x" * 100_000


@in_run
def test_a_hundred_goroutines_share_a_client() -> None:
    httpx = pytest.importorskip("httpx")
    with serving() as url, aio.enter(httpx.AsyncClient(trust_env=False)) as client:

        def get(number: int) -> str:
            text: str = aio.run(client.get(f"{url}/{number}")).text
            return text

        pages = [each.join() for each in [go(get, i) for i in range(100)]]
        assert pages == [f"/{i}" for i in range(100)]


@in_run
def test_a_request_that_takes_too_long_is_given_up_and_the_client_goes_on() -> None:
    httpx = pytest.importorskip("httpx")
    with serving() as url, aio.enter(httpx.AsyncClient(trust_env=False)) as client:
        with pytest.raises(ScopeTimeout), timeout(0.1):
            aio.run(client.get(f"{url}/slow"))
        slow = parked(go(aio.run, client.get(f"{url}/slow")))
        sleep(0.02)
        slow.cancel()
        with pytest.raises(GoroutineCancelled):
            slow.join()
        assert aio.run(client.get(f"{url}/quick")).text == "/quick"


@in_run
def test_a_body_is_streamed_to_a_loop() -> None:
    httpx = pytest.importorskip("httpx")
    with serving() as url, aio.enter(httpx.AsyncClient(trust_env=False)) as client:
        with aio.enter(client.stream("POST", url, content=b"y" * 300_000)) as answer:
            got = b"".join(aio.iterate(answer.aiter_bytes(10_000)))
        assert got == b"y" * 300_000


# ---- a database's client: a pool of connections, transactions, messages that come by themselves


@in_run
def test_a_hundred_goroutines_share_the_pool_of_a_redis_client(tmp_path: Path) -> None:
    redis = pytest.importorskip("redis.asyncio")
    with redis_server(tmp_path) as path:
        pool = redis.BlockingConnectionPool(
            connection_class=redis.UnixDomainSocketConnection, path=path, max_connections=5
        )
        with aio.enter(redis.Redis(connection_pool=pool)) as client:

            def work(number: int) -> None:
                assert aio.run(client.set(f"k{number}", "v" * number))
                assert aio.run(client.get(f"k{number}")) == b"v" * number

                async def both() -> list[int]:
                    async with client.pipeline(transaction=True) as transaction:
                        counts: list[int] = await transaction.incr("n").incr("n").execute()
                        return counts

                first, second = aio.run(both())
                assert second == first + 1

            for each in [go(work, number) for number in range(100)]:
                each.join()
            assert aio.run(client.get("n")) == b"200"
            waiting = parked(go(aio.run, client.blpop("list")))
            waiting.cancel()
            with pytest.raises(GoroutineCancelled):
                waiting.join()
            with pytest.raises(ScopeTimeout), timeout(0.05):
                aio.run(client.blpop("list"))
            assert aio.run(client.rpush("list", "x")) == 1
            assert aio.run(client.blpop("list")) == (b"list", b"x")
        aio.run(pool.disconnect())


@in_run
def test_a_subscription_is_iterated_over(tmp_path: Path) -> None:
    redis = pytest.importorskip("redis.asyncio")
    with redis_server(tmp_path) as path:
        with aio.enter(redis.Redis(unix_socket_path=path)) as client:
            with aio.enter(client.pubsub()) as subscription:
                aio.run(subscription.subscribe("news"))
                messages = aio.iterate(subscription.listen())
                assert next(messages)["type"] == "subscribe"
                for number in range(50):
                    go(aio.run, client.publish("news", number))
                heard = {int(next(messages)["data"]) for _ in range(50)}
                assert heard == set(range(50))
                with pytest.raises(ScopeTimeout), timeout(0.05):
                    next(messages)


# ---- the streams of asyncio


@in_run
def test_streams_of_asyncio_talk_to_connections_of_netpoll() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:

        def echo() -> None:
            with listener.accept() as conn:
                while data := conn.read(4096):
                    conn.write(data.upper())

        echoing = go(echo)
        reader, writer = aio.run(
            asyncio.open_connection("127.0.0.1", listener.local_addr.port), timeout=10
        )

        async def ask(line: bytes) -> bytes:
            writer.write(line)
            await writer.drain()
            return await reader.readline()

        assert [aio.run(ask(b"line %d\n" % i)) for i in range(20)] == [
            b"LINE %d\n" % i for i in range(20)
        ]

        async def close() -> None:
            writer.close()
            await writer.wait_closed()

        aio.run(close())
        echoing.join()


@in_run
def test_a_server_of_asyncio_whose_work_is_blocking_code() -> None:
    @aio.to_async
    def answer(line: bytes) -> bytes:
        sleep(0.001)
        return b"%s from thread %d\n" % (line.strip(), threading.get_ident())

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(await answer(line))
        writer.close()
        await writer.wait_closed()

    async def serve() -> tuple[asyncio.Server, int]:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        return server, server.sockets[0].getsockname()[1]

    async def stop(server: asyncio.Server) -> None:
        server.close()
        await server.wait_closed()

    def client(port: int, number: int) -> bytes:
        with net.dial("tcp", f"127.0.0.1:{port}") as conn:
            conn.write(b"client %d\n" % number)
            return conn.read(200)

    server, port = aio.run(serve())
    answers = [each.join() for each in [go(client, port, i) for i in range(20)]]
    aio.run(stop(server))
    assert [each.partition(b" from")[0] for each in answers] == [
        b"client %d" % i for i in range(20)
    ]
    assert len({each.rpartition(b" ")[2] for each in answers}) == 1


@in_run
def test_subprocesses_of_asyncio() -> None:
    async def work() -> bytes:
        process = await asyncio.create_subprocess_exec("echo", "hello", stdout=-1)
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out

    assert blocking(aio.run, work()) == b"hello\n"
