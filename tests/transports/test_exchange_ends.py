"""How an exchange over a kept connection ends: nothing is left of it, and the pool goes on, whatever comes between."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from resilient_ai.transports import _exchange
from resilient_ai.transports._pool import owned

from .exchanged import OK, Scripted, body_of, core_pool, kept_by, left_in, same, sent, told, watched
from .servers import Server
from .sides import FLAVOURS, Side, sides

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Generator, Iterator
    from types import FrameType

HALF = OK + b"Content-Length: 10\r\n\r\nfirst"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"
HI = OK + b"Content-Length: 2\r\n\r\nhi"


@pytest.fixture(autouse=True)
def went() -> Iterator[list[bool]]:
    with watched() as found:
        yield found


@pytest.mark.parametrize("first", [True, False], ids=["behind the first", "behind an exchange"])
@sides()
def test_what_is_left_over_is_no_answer(side: Side, first: bool) -> None:
    """Regression: bytes behind an answer were the next request's answer, which may be another tenant's (bare too)."""

    async def script() -> None:
        transport = owned(side.transport())
        client = side.client(transport)
        seen = [await side.get(client, server.url) for _ in range(4)]
        assert "evil" not in seen
        assert left_in(transport)[1] == 0
        await side.close(client)

    with Scripted(HI + OK + b"Content-Length: 4\r\n\r\nevil", first=first) as server:
        side.run(script)


@sides()
def test_a_broken_body_leaves_nothing(side: Side, went: list[bool]) -> None:
    """Regression: a program that does not close what failed under its hands kept a place in the pool for good."""

    async def script() -> None:
        transport = owned(side.transport())
        client = side.client(transport)
        await side.get(client, server.url)
        answer = await sent(side, client, "GET", server.url)
        with pytest.raises(side.module.RemoteProtocolError, match="peer closed connection"):
            await _iterate(side, answer)
        assert left_in(transport) == ([], 0)
        await side.close(answer)
        await side.close(client)

    with Scripted(HALF, ends=True) as server:
        side.run(script)
    assert went == [True]


async def _iterate(side: Side, answer: Any) -> None:
    if side.mode == "sync":
        for _ in answer.iter_raw():
            pass
    else:
        async for _ in answer.aiter_raw():
            pass


@sides()
def test_closed_twice_and_read_afterwards(side: Side, went: list[bool]) -> None:
    """The connection is somebody else's by then: the second closing does not free it, and reading takes nothing."""

    async def script() -> None:
        transport = owned(side.transport())
        client = side.client(transport)
        await side.get(client, server.url)
        answer = await sent(side, client, "GET", server.url)
        stream = answer.stream._stream._httpcore_stream if hasattr(answer.stream, "_stream") else answer.stream
        await body_of(side, answer)
        other = await sent(side, client, "GET", server.url)
        assert (list(stream) if side.mode == "sync" else [piece async for piece in stream]) == []
        await side.close(stream)
        await side.close(answer)
        (info,), count = left_in(transport)
        assert "ACTIVE, Request Count: 3" in info
        assert count == 1
        assert await body_of(side, other) == b"hi"
        with pytest.raises(side.module.StreamConsumed):
            await _iterate(side, answer)
        await side.close(client)

    with Scripted(HI) as server:
        side.run(script)
    assert went == [True, True]


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # httpx's own, of which trio warns
@sides()
def test_half_a_body_ends_the_connection(side: Side, went: list[bool]) -> None:
    async def script() -> None:
        transport = owned(side.transport(limits=side.module.Limits(max_connections=1)))
        client = side.client(transport)
        await side.get(client, server.url)
        answer = await sent(side, client, "GET", server.url)
        chunks = answer.iter_raw() if side.mode == "sync" else answer.aiter_raw()
        assert (next(chunks) if side.mode == "sync" else await anext(chunks)) == b"first"
        await side.close(answer)
        assert left_in(transport) == ([], 0)
        with pytest.raises(side.module.StreamConsumed):
            await body_of(side, answer)
        assert await side.get(client, server.url) == "2"
        await side.close(client)

    with Scripted(HALF) as server:
        side.run(script)
    assert went == [True]


@sides("sync")
def test_an_answer_that_is_collected_waits_for_no_lock(side: Side, went: list[bool]) -> None:
    """Regression: the collector may run inside the pool's lock. The place is free with the next request."""

    async def script() -> None:
        transport = owned(side.transport(limits=side.module.Limits(max_connections=1)))
        client = side.client(transport)
        await side.get(client, server.url)
        answers = [(await sent(side, client, "GET", server.url)).iter_raw()]
        assert next(answers[0]) == b"first"

        def collected() -> None:
            with core_pool(transport)._optional_thread_lock:
                answers.clear()

        thread = threading.Thread(target=collected, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
        assert await side.get(client, server.url) == "2"
        assert left_in(transport)[1] == 0
        await side.close(client)

    with Scripted(HALF) as server:
        side.run(script)
    assert went == [True]


@pytest.mark.parametrize("answer", [b"", OK, HALF], ids=["nothing", "half a head", "half a body"])
@sides()
def test_silence_is_a_read_timeout(side: Side, answer: bytes, went: list[bool]) -> None:
    with Scripted(answer) as server:
        seen: Any = same(side, server, timeout=side.module.Timeout(5, read=0.05))
    assert seen[1][0] is side.module.ReadTimeout
    assert seen[2] == ([], 0)
    assert seen[3][-1] == b"2", "the pool goes on"
    assert went == [True]


class _Cancelled:
    """Awaits, and cancels itself as it is suspended for the n-th time."""

    def __init__(self, awaited: Awaitable[Any], at: int, cancel: Callable[[], object]) -> None:
        self._awaited, self._at, self._cancel = awaited, at, cancel
        self.count = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        steps: Generator[Any, Any, Any] = self._awaited.__await__()
        given: Any = None
        error: BaseException | None = None
        while True:
            try:
                waits_for: Any = steps.send(given) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value
            self.count += 1
            if self.count == self._at:
                self._cancel()
            given = error = None
            try:
                given = yield waits_for
            except BaseException as thrown:  # it belongs where the script waits
                error = thrown


async def _cancel_at(at: int, script: Awaitable[Any], *, native: bool) -> bool:
    """Whether a script has so many points at which it waits; it was cancelled there."""
    scope = anyio.CancelScope()
    found = _Cancelled(script, at, lambda: task.cancel() if native else scope.cancel())

    async def run() -> None:
        with scope:
            await found

    if native:
        task = asyncio.ensure_future(run())
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
    else:
        await run()
    return found.count >= at


@sides("asyncio", "trio")
def test_cancelled_at_each_point(side: Side, went: list[bool]) -> None:
    """Wherever it waits, in sending, reading and closing: the connection is closed or free, its place too."""
    assert _cancelled_everywhere(side, native=False) == len(went)
    assert all(went)


@sides("asyncio")
def test_cancelled_at_each_point_by_asyncio(side: Side, went: list[bool]) -> None:
    """Regression: a task that was cancelled while it closed an answer kept its place in the pool (httpx bare too)."""
    assert _cancelled_everywhere(side, native=True) == len(went)
    assert all(went)


POINTS = 12
"""More than a request waits."""


def _cancelled_everywhere(side: Side, *, native: bool) -> int:
    """Cancel a request at the first, the second, ... point at which it waits; how many requests that were."""

    async def cancelled(at: int) -> bool:
        client = side.client(transport := owned(side.transport()))
        await side.get(client, server.url)
        asked = told(side, client, "POST", server.url, content=b"x")
        was_there = await _cancel_at(at, asked, native=native)
        infos, count = left_in(transport)
        assert count == 0, at
        assert all("IDLE" in info for info in infos), (at, infos)
        await side.close(client)
        return was_there

    async def script() -> list[bool]:
        return [await cancelled(at) for at in range(1, POINTS + 1)]

    with Scripted(HALF + b"after", step=9, pause=0.001) as server:
        assert any(side.run(script)), "how often it waits depends on what has come by then"
    return POINTS


TRACED = str(_exchange.__file__)


class _Interrupt:
    """Raises KeyboardInterrupt before the n-th line of the exchange that this thread comes to."""

    def __init__(self, at: int) -> None:
        self.left = at
        self._before = sys.gettrace()

    def __enter__(self) -> None:
        sys.settrace(self._called)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _called(self, frame: FrameType, event: str, arg: object) -> Any:
        return self._line if frame.f_code.co_filename == TRACED else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self._line


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # struck before it could close its socket
@sides("sync")
def test_interrupted_at_each_line(side: Side, went: list[bool]) -> None:
    """Wherever it strikes: no lock is held, and another thread's next request is answered."""
    with Scripted(CHUNKED, step=30) as server, ThreadPoolExecutor(1) as thread:
        at = 0
        while True:
            at += 1
            client = side.client(owned(side.transport()))
            client.get(server.url)
            interrupt = _Interrupt(at)
            try:
                with interrupt:
                    client.get(server.url)
            except KeyboardInterrupt:
                pass
            assert thread.submit(client.get, server.url).result(10).status_code == 200
            client.close()
            if interrupt.left > 0:
                break
    assert at > 50
    assert any(went)


@sides("sync")
def test_interrupted_as_its_connection_is_freed(side: Side, went: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: the connection was in use for good then, and with it its place in the pool (bare too)."""
    with Scripted(HI) as server:
        transport = owned(side.transport(limits=side.module.Limits(max_connections=1)))
        client = side.client(transport)
        client.get(server.url)
        answer = client.send(client.build_request("GET", server.url), stream=True)
        monkeypatch.setattr(kept_by(transport), "_response_closed", _strike)
        with pytest.raises(KeyboardInterrupt):
            answer.read()
        assert left_in(transport) == ([], 0)
        assert client.get(server.url).text == "2"
        client.close()
    assert went == [True]


def _strike() -> None:
    raise KeyboardInterrupt


class Echo(Server):
    """Answers with the target that was asked for."""

    def answer(self, connection: socket.socket, number: int, target: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(target), target.encode()))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_threads_get_their_own_answers(flavour: str, went: list[bool]) -> None:
    side = Side(flavour, "sync")
    transport = owned(side.transport(limits=side.module.Limits(max_connections=3)))
    client = side.client(transport, timeout=side.module.Timeout(30, read=1 if flavour == "httpx" else 30))
    ready = threading.Barrier(20)
    # httpcore 1 now and then closes one that it has just given to another thread, bare too
    broken = (side.module.TransportError,) if flavour == "httpx" else ()

    def ask(thread: int) -> list[tuple[str, str]]:
        ready.wait(10)
        found: list[tuple[str, str]] = []
        for count in range(30):
            with contextlib.suppress(*broken):
                found.append((target := f"/{thread}/{count}", str(client.get(server.url + target).text)))
        return found

    with Echo() as server, ThreadPoolExecutor(20) as threads:
        found = [pair for pairs in threads.map(ask, range(20)) for pair in pairs]
        assert left_in(transport)[1] == 0
        client.get(server.url)
        client.get(server.url)
        client.close()
    assert all(target == answer for target, answer in found)
    assert len(found) > 500
    assert any(went)


@sides("asyncio", "trio")
def test_tasks_get_their_own_answers(side: Side, went: list[bool]) -> None:
    async def script() -> None:
        transport = owned(side.transport(limits=side.module.Limits(max_connections=3)))
        client = side.client(transport)

        async def ask(task: int) -> None:
            for count in range(30):
                target = f"/{task}/{count}"
                assert await side.get(client, server.url + target) == target

        async with anyio.create_task_group() as group:
            for task in range(20):
                group.start_soon(ask, task)
        assert len(left_in(transport)[0]) <= 3
        assert left_in(transport)[1] == 0
        await ask(20)
        await side.close(client)

    with Echo() as server:
        side.run(script)
    assert any(went)
