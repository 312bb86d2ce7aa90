"""The short way to httpcore's pool: what it must do as the pool itself does."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partialmethod, wraps
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from resilient_ai.transports import _fast_pool
from resilient_ai.transports._fast_pool import Fast, Taken, can_be_fast
from resilient_ai.transports._pool import owned
from resilient_ai.transports._private import POOL

from .exchanged import body_of, core_pool, sent
from .servers import Server
from .sides import FLAVOURS, Side, sides

if TYPE_CHECKING:
    import socket


def fast_of(transport: Any) -> Fast:
    """What stands before that pool."""
    stand_in = getattr(transport, POOL)
    sends = stand_in._sends[1] if hasattr(stand_in, "_pool") else stand_in._here().handle
    fast: Fast = sends.__self__
    return fast


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request went the short way."""
    found: list[bool] = []
    take = Fast.take

    def told(self: Fast, request: Any) -> Any:
        entry = take(self, request)
        found.append(entry is not None)
        return entry

    monkeypatch.setattr(Fast, "take", told)
    return found


class HangsUp(Server):
    """Ends each connection once it has answered and is told to; says so afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()
        self.gone = threading.Event()

    def serve(self, connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        self.answer(connection, number, "/")
        self.told.wait()
        connection.close()
        self.gone.set()


@sides("sync", "asyncio")
def test_all_names_are_there(side: Side) -> None:
    """The contract: a release of httpcore that renames what is used must fail here, and not in a program."""
    assert can_be_fast(getattr(side.transport(), POOL))
    assert not can_be_fast(getattr(side.transport(http2=True), POOL)), "connections for several requests at once"
    assert hasattr(sys.modules[side.flavour.replace("x", "core", 1)], "ConnectionNotAvailable")


@sides()
def test_a_free_connection_is_taken(side: Side, taken: list[bool]) -> None:
    """The first request makes it, the others take it; nothing is left of them in the pool."""

    async def script() -> list[str]:
        transport = owned(side.transport())
        client = side.client(transport)
        used = [await side.get(client, server.url) for _ in range(4)]
        pool = core_pool(transport)
        assert (len(pool.connections), pool._requests) == (1, [])
        assert pool.connections[0].is_idle()
        await side.close(client)
        return used

    with Server() as server:
        assert side.run(script) == ["1"] * 4
    assert taken == [False, True, True, True]


@sides()
def test_a_dead_connection_is_not(side: Side, taken: list[bool]) -> None:
    """Regression: the other end hung up behind its answer, and the next request is there within milliseconds."""

    async def script() -> list[str]:
        transport = owned(side.transport())
        client = side.client(transport)
        used: list[str] = []
        for _ in range(3):
            server.told.clear()
            server.gone.clear()
            used.append(await side.get(client, server.url))  # the pool has looked at it by now
            server.told.set()
            server.gone.wait()
        await side.close(client)
        return used

    with HangsUp() as server:
        assert side.run(script) == ["1", "2", "3"]
    assert taken == [False, False, False]


@sides()
def test_one_that_expired_is_not(side: Side, taken: list[bool]) -> None:
    async def script() -> list[str]:
        transport = owned(side.transport(limits=side.module.Limits(keepalive_expiry=0.02)))
        client = side.client(transport)
        used = [await side.get(client, server.url)]
        threading.Event().wait(0.03)
        used.append(await side.get(client, server.url))
        await side.close(client)
        return used

    with Server() as server:
        assert side.run(script) == ["1", "2"]
    assert taken == [False, False]


@sides()
def test_another_host_s_is_not(side: Side, taken: list[bool]) -> None:
    async def script() -> list[str]:
        transport = owned(side.transport())
        client = side.client(transport)
        used = [await side.get(client, one.url) for one in (first, second, first, second)]
        await side.close(client)
        return used

    with Server() as first, Server() as second:
        assert side.run(script) == ["1", "1", "1", "1"]
    assert taken == [False, False, True, True]


@sides()
def test_an_answer_that_was_not_read_ends_its_connection(side: Side, taken: list[bool]) -> None:
    async def script() -> None:
        transport = owned(side.transport())
        client = side.client(transport)
        await side.get(client, server.url)
        await side.get(client, server.url)  # the pool was looked at: the next look is a second away
        answer = await sent(side, client, "GET", f"{server.url}/drip/body")
        await side.close(answer)
        pool = core_pool(transport)
        assert (pool.connections, pool._requests) == ([], [])
        assert await side.get(client, server.url) == "2"
        await side.close(client)

    with Server() as server:
        side.run(script)
    assert taken == [False, True, True, False]


@sides("asyncio", "trio")
def test_a_cancelled_request_leaves_nothing(side: Side, taken: list[bool]) -> None:
    async def script() -> None:
        transport = owned(side.transport())
        client = side.client(transport)
        await side.get(client, server.url)
        await side.get(client, server.url)  # the pool was looked at: the next look is a second away
        with anyio.move_on_after(0.05):
            await side.get(client, f"{server.url}/stall")
        pool = core_pool(transport)
        assert (pool.connections, pool._requests) == ([], [])
        assert await side.get(client, server.url) == "2"
        await side.close(client)

    with Server() as server:
        side.run(script)
    assert taken == [False, True, True, False]


@sides()
def test_what_is_too_many_is_closed(side: Side) -> None:
    """More free connections than may be kept: the surplus goes as it does in httpcore."""

    async def script() -> int:
        transport = owned(side.transport(limits=side.module.Limits(max_keepalive_connections=2)))
        client = side.client(transport)
        answers = [await sent(side, client, "GET", server.url) for _ in range(4)]
        for answer in answers:
            await body_of(side, answer)
        kept = len(core_pool(transport).connections)
        await side.close(client)
        return kept

    with Server() as server:
        assert side.run(script) == 2


@sides()
def test_one_too_many_is_closed_behind_one_that_was_taken(side: Side) -> None:
    async def script() -> int:
        transport = owned(side.transport(limits=side.module.Limits(max_keepalive_connections=1)))
        client = side.client(transport)
        await side.get(client, server.url)
        await side.get(client, server.url)  # the pool was looked at: the next look is a second away
        answers = [await sent(side, client, "GET", server.url) for _ in range(2)]
        for answer in reversed(answers):
            await body_of(side, answer)
        kept = len(core_pool(transport).connections)
        await side.close(client)
        return kept

    with Server() as server:
        assert side.run(script) == 1


@sides()
def test_the_pool_is_tidied_now_and_then(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that expired while another was used is closed, if somewhat later."""

    async def script() -> int:
        transport = owned(side.transport(limits=side.module.Limits(keepalive_expiry=0.02)))
        client = side.client(transport)
        for answer in [await sent(side, client, "GET", server.url) for _ in range(2)]:
            await body_of(side, answer)
        threading.Event().wait(0.03)
        monkeypatch.setattr(_fast_pool, "TIDY", 0.0)
        await side.get(client, server.url)
        kept = len(core_pool(transport).connections)
        await side.close(client)
        return kept

    with Server() as server:
        assert side.run(script) == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_threads_that_wait_for_a_connection_all_get_one(flavour: str, taken: list[bool]) -> None:
    """Forty threads, five connections: each request is answered, on no more than five."""
    if flavour == "httpx":
        pytest.skip("httpcore 1 now and then closes a connection that it has just given to another thread, bare too")
    side = Side(flavour, "sync")
    transport = owned(side.transport(limits=side.module.Limits(max_connections=5)))
    client = side.client(transport)

    def one(_: int) -> str:
        return str(client.get(server.url).text)

    with Server() as server, ThreadPoolExecutor(40) as threads:
        used = list(threads.map(one, range(2000)))
        used += [one(0), one(0)]
        pool = core_pool(transport)
        assert pool._requests == []
        client.close()
    assert len(used) == 2002
    assert set(used) <= {"1", "2", "3", "4", "5"}
    assert taken[-1]


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_tasks_that_wait_for_a_connection_all_get_one(flavour: str, mode: str, taken: list[bool]) -> None:
    side = Side(flavour, mode)

    async def script() -> list[str]:
        transport = owned(side.transport(limits=side.module.Limits(max_connections=5)))
        client = side.client(transport)
        used: list[str] = []

        async def one() -> None:
            for _ in range(10):
                used.append(await side.get(client, server.url))

        async with anyio.create_task_group() as group:
            for _ in range(40):
                group.start_soon(one)
        await one()
        assert core_pool(transport)._requests == []
        await side.close(client)
        return used

    with Server() as server:
        used = side.run(script)
    assert len(used) == 410
    assert set(used) <= {"1", "2", "3", "4", "5"}
    assert taken[-1]


@sides("sync", "asyncio")
def test_a_pool_of_somebody_s_own_is_always_asked(side: Side) -> None:
    """Regression: a pool's subclass saw the first request only. (A proxy's is httpcore's own.)"""
    proxied = getattr(side.transport(proxy="http://127.0.0.1:9"), POOL)
    assert can_be_fast(proxied)
    transport = side.transport()
    pool = getattr(transport, POOL)
    kind: Any = type(pool)  # pyright: ignore[reportUnknownVariableType]  # of either package
    pool.__class__ = type("Traced", (kind,), {})
    assert not can_be_fast(pool)


@pytest.mark.parametrize("when", ["before", "between"])
@sides()
def test_a_pool_that_somebody_patched_is_always_asked(side: Side, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: what records a program's requests (by `functools.wraps`, as most do) missed all but the first."""
    seen: list[Any] = []
    kind: Any = type(getattr(side.transport(), POOL))  # pyright: ignore[reportUnknownVariableType]  # of either package
    name = "handle_request" if side.mode == "sync" else "handle_async_request"
    plain = getattr(kind, name)

    @wraps(plain)
    def recorded(self: Any, request: Any) -> Any:
        seen.append(request)
        return plain(self, request)

    async def script() -> list[str]:
        if when == "before":
            monkeypatch.setattr(kind, name, recorded)
        client = side.client(owned(side.transport()))
        used = [await side.get(client, server.url)]
        monkeypatch.setattr(kind, name, recorded)
        used += [await side.get(client, server.url) for _ in range(2)]
        await side.close(client)
        return used

    with Server() as server:
        assert side.run(script) == ["1"] * 3
    assert len(seen) == (3 if when == "before" else 2)


@sides()
def test_who_waits_comes_first(side: Side, taken: list[bool]) -> None:
    """Regression: in the moment between an answer's end and the pool's look at who waits, a newcomer went before."""

    async def script() -> None:
        transport = owned(side.transport())
        client = side.client(transport)
        await side.get(client, server.url)
        waiting = Taken(None, None)
        core_pool(transport)._requests.append(waiting)
        request = SimpleNamespace(url=SimpleNamespace(origin=core_pool(transport).connections[0]._origin))
        assert fast_of(transport).take(request) is None
        core_pool(transport)._requests.remove(waiting)
        assert fast_of(transport).take(request) is not None
        core_pool(transport)._requests.clear()
        await side.close(client)

    with Server() as server:
        side.run(script)
    assert taken == [False, False, True]


@sides("asyncio", "trio")
def test_who_waits_behind_one_that_was_taken_is_called(side: Side, taken: list[bool]) -> None:
    """One connection: whoever waits for it gets it as soon as its answer is read, not when the pool is next tidied."""

    async def script() -> None:
        transport = owned(side.transport(limits=side.module.Limits(max_connections=1)))
        client = side.client(transport)
        await side.get(client, server.url)
        await side.get(client, server.url)  # the pool was looked at: the next look is a second away
        answer = await client.send(client.build_request("GET", server.url), stream=True)
        async with anyio.create_task_group() as group:
            group.start_soon(side.get, client, server.url)
            while not any(request.is_queued() for request in core_pool(transport)._requests):
                await anyio.sleep(0)
            await answer.aread()
        await side.close(client)

    with Server() as server:
        side.run(script)
    assert taken == [False, True, True, False]


@sides("sync", "asyncio")
def test_who_comes_second_goes_the_long_way(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that took the same connection: the one that finds it gone has sent nothing, and asks the pool."""

    async def script() -> list[str]:
        transport = owned(side.transport())
        client = side.client(transport)
        await side.get(client, server.url)
        (connection,) = core_pool(transport).connections
        answer = await sent(side, client, "GET", server.url)  # it has the connection by now
        monkeypatch.setattr(Fast, "take", partialmethod(_taken_anyway, connection))
        second = await side.get(client, server.url)
        await body_of(side, answer)
        assert core_pool(transport)._requests == []
        await side.close(client)
        return [answer.text, second]

    with Server() as server:
        assert side.run(script) == ["1", "2"]
        assert len(server.seen) == 3


def _taken_anyway(self: Any, connection: Any, request: Any) -> Taken:
    entry = Taken(request, connection)
    self._requests.append(entry)
    return entry
