"""Which requests go by an exchange and which httpcore's own way; and what is no answer but a way through."""

from __future__ import annotations

import logging
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.transports import _exchanges
from resilient_ai.transports._pool import owned

from .exchanged import OK, Scripted, core_of, core_pool, kept_by, left_in, same, sent, watched
from .servers import Proxy, Server, client_tls
from .sides import Side, awaited, sides

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def went() -> Iterator[list[bool]]:
    with watched() as found:
        yield found


def second(side: Side, url: str, prepare: Callable[[Any], object] | None = None, **options: Any) -> list[str]:
    """A first request, and a second one with these options; between them the transport is prepared."""

    async def script() -> list[str]:
        transport = owned(side.transport())
        client = side.client(transport)
        used = [await side.get(client, url)]
        if prepare is not None:
            prepare(transport)
        used.append((await awaited(client.request("POST", url, **options))).text)
        assert left_in(transport)[1] == 0
        await side.close(client)
        return used

    return list(side.run(script))


@sides()
def test_one_that_is_traced(side: Side, went: list[bool]) -> None:
    events: list[str] = []

    def trace(name: str, info: object) -> None:
        events.append(name)

    async def atrace(name: str, info: object) -> None:
        events.append(name)

    with Server() as server:
        second(side, server.url, extensions={"trace": trace if side.mode == "sync" else atrace})
    assert "http11.send_request_headers.started" in events
    assert went == [False]


@sides()
def test_one_that_is_logged(side: Side, went: list[bool], caplog: pytest.LogCaptureFixture) -> None:
    name = core_of(side).__name__ + ".http11"
    with Server() as server:
        second(side, server.url, lambda _: caplog.set_level(logging.DEBUG, name))
    assert any(record.name == name for record in caplog.records)
    assert went == [False]


@pytest.mark.parametrize("when", ["before", "between"])
@pytest.mark.parametrize("which", ["HTTPConnection", "HTTP11Connection"])
@sides()
def test_one_that_somebody_patched(
    side: Side, which: str, when: str, went: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    kind = getattr(core_of(side), which if side.mode == "sync" else f"Async{which}")
    name = "handle_request" if side.mode == "sync" else "handle_async_request"
    plain = getattr(kind, name)

    @wraps(plain)
    def recorded(self: Any, request: Any) -> Any:
        seen.append(request)
        return plain(self, request)

    if when == "before":
        monkeypatch.setattr(kind, name, recorded)
    with Server() as server:
        second(side, server.url, lambda _: monkeypatch.setattr(kind, name, recorded))
    assert len(seen) == (2 if when == "before" else 1)
    assert True not in went


@sides()
def test_one_whose_body_comes_piece_by_piece(side: Side, went: list[bool]) -> None:
    async def pieces() -> Any:
        yield b"x"

    with Scripted(OK + b"Content-Length: 2\r\n\r\nhi") as server:
        assert second(side, server.url, content=iter([b"x"]) if side.mode == "sync" else pieces())[-1] == "hi"
    assert went == [False]


@sides()
def test_one_over_a_connection_of_somebody_s_own(side: Side, went: list[bool]) -> None:
    def derive(it: Any) -> None:
        it.__class__ = type("Own", (it.__class__,), {})

    with Server() as server:
        assert second(side, server.url, lambda transport: derive(kept_by(transport))) == ["1", "1"]
        assert second(side, server.url, lambda transport: derive(core_pool(transport).connections[0])) == ["2", "2"]
    assert went == [False, False]


@pytest.mark.parametrize("names", ["_OF_IT", "_OF_CLASS", "_IN_MODULE"])
@sides()
def test_all_when_a_private_name_is_gone(
    side: Side, names: str, went: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    had: Any = getattr(_exchanges, names)
    monkeypatch.setattr(_exchanges, names, "renamed" if isinstance(had, str) else (*had, "renamed"))
    with Server() as server:
        assert second(side, server.url) == ["1", "1"]
    assert not any(went)


@pytest.mark.parametrize("state", ["ACTIVE", "IDLE"])
@sides("sync", "asyncio")
def test_all_when_a_state_is_renamed(side: Side, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: the pool could not be made."""
    core = core_of(side)
    found = _exchanges.ways(core, is_async=side.mode != "sync")
    assert found is not None
    module = sys.modules[found._inner._send_event.__module__]  # pyright: ignore[reportPrivateUsage]  # where it is from
    others = {name: 1 for name in ("ACTIVE", "IDLE") if name != state}
    monkeypatch.setattr(module, "HTTPConnectionState", type("HTTPConnectionState", (), others))
    assert _exchanges.ways(core, is_async=side.mode != "sync") is None


@pytest.mark.parametrize("tls", [False, True], ids=["forwarded", "tunnelled"])
@sides()
def test_one_through_a_proxy(side: Side, tls: bool, went: list[bool]) -> None:
    async def script() -> list[str]:
        transport = owned(side.transport(proxy=proxy.url, verify=client_tls()))
        client = side.client(transport)
        used = [await side.get(client, server.url) for _ in range(2)]
        assert left_in(transport)[1] == 0
        await side.close(client)
        return used

    with Server(tls=tls) as server, Proxy() as proxy:
        assert side.run(script) == (["1", "1"] if tls else ["1", "2"])
    assert went == [False]


@sides()
def test_one_over_tls(side: Side, went: list[bool]) -> None:
    async def script() -> list[str]:
        client = side.client(owned(side.transport(verify=client_tls())))
        used = [await side.get(client, server.url) for _ in range(3)]
        await side.close(client)
        return used

    with Server(tls=True) as server:
        assert side.run(script) == ["1"] * 3
    assert went == [True, True]


@sides()
def test_http2_is_left_alone(side: Side, went: list[bool]) -> None:
    async def script() -> list[str]:
        client = side.client(owned(side.transport(http2=True, verify=client_tls())))
        used = [await side.get(client, server.url) for _ in range(2)]
        await side.close(client)
        return used

    with Server(tls=True) as server:
        assert side.run(script) == ["1", "1"]
    assert went == []


SPLIT = "a\r\nX-Two: b"


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X-One": SPLIT}},
        {"headers": {SPLIT: "a"}},
        {"headers": {"X-One": "a\0b"}},
        {"extensions": {"target": b"/ HTTP/1.1\r\nX-Two: b\r\n\r\n"}},
        {"headers": {"Content-Length": "3"}, "content": b"hello"},
        {"headers": {"Content-Length": "7"}, "content": b"hello"},
        {"headers": {"Content-Length": "5, 6"}, "content": b"hello"},
        {"headers": {"Host": "a", "host": "b"}},
    ],
    ids=["value", "name", "nul", "target", "too much", "too little", "two lengths", "two hosts"],
)
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # httpcore 1's own, of which trio warns
@sides()
def test_what_is_no_request_is_refused_alike(side: Side, options: Any, went: list[bool]) -> None:
    """The same error, and no header comes in by the back door."""
    with Server() as server:
        seen: Any = same(side, server, "POST", **options)
    assert went[0]
    assert issubclass(seen[1][0], Exception)
    assert seen[2] == ([], 0)
    assert "X-Two" not in str(server.seen)


class Switching(Scripted):
    """Answers a connection's second request by the script, and sends back what comes then."""

    def serve(self, connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        self.answer(connection, number, "/")
        connection.recv(65536)
        connection.sendall(self.script)
        connection.sendall(b"<" + connection.recv(65536) + b">")


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("GET", b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\nearly"),
        ("CONNECT", OK + b"\r\nearly"),
    ],
    ids=["upgrade", "CONNECT"],
)
@pytest.mark.parametrize("bare", [False, True])
@sides()
def test_another_protocol_takes_over(side: Side, method: str, answer: bytes, bare: bool, went: list[bool]) -> None:
    """What follows the answer is read first, then what the other end says; closing the answer ends it all."""

    async def script() -> None:
        transport = side.transport() if bare else owned(side.transport())
        client = side.client(transport)
        await side.get(client, server.url)
        headers = {"Connection": "upgrade", "Upgrade": "own"} if method == "GET" else {}
        found = await sent(side, client, method, server.url, headers=headers)
        stream = found.extensions["network_stream"]
        assert await awaited(stream.read(3)) == b"ear"
        assert await awaited(stream.read(99)) == b"ly"
        await awaited(stream.write(b"hello"))
        assert await _read(stream, 7) == b"<hello>"
        assert left_in(transport)[1] == 1
        await side.close(found)
        assert left_in(transport) == ([], 0)
        await side.close(client)

    with Switching(answer) as server:
        side.run(script)
    assert went == ([] if bare else [True])


async def _read(stream: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await awaited(stream.read(size))
    return data


@sides()
def test_it_reads_as_much_at_once_as_httpcore_s_is_set_to(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: who had set another number than httpcore's 64 KiB got it for a connection's first request only."""
    kind = getattr(core_of(side), "HTTP11Connection" if side.mode == "sync" else "AsyncHTTP11Connection")
    asked: list[int] = []

    def note(transport: Any) -> None:
        stream = kept_by(transport)._network_stream.__class__
        read = stream.read

        def noted(self: Any, max_bytes: int, timeout: float | None = None) -> Any:
            asked.append(max_bytes)
            return read(self, max_bytes, timeout)

        monkeypatch.setattr(stream, "read", noted)

    monkeypatch.setattr(kind, "READ_NUM_BYTES", 16)
    with Server() as server:
        assert second(side, server.url, note) == ["1", "1"]
    assert set(asked) == {16}
