"""A failed answer gives its connection back, and a body that can be read once goes to one place, whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Fallback, Pipeline, Retry, Target, control
from resilient_ai._context import options
from resilient_ai.transports.transport import wrap_transport
from tests.transports.servers import Server
from tests.transports.sides import awaited, sides

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from tests.transports.sides import Side

BROKEN = {
    "empty stream": b"content-type: text/event-stream\r\ncontent-length: 0\r\n\r\n",
    "error first": b'content-type: text/event-stream\r\ncontent-length: 18\r\n\r\ndata: {"error":1}\n',
    "no gzip": b"content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
    "no gzip in a stream": b"content-type: text/event-stream\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
    "no JSON": b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{]",
}


class Says(Server):
    """Gives one answer to everything, and keeps the bodies it was sent."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.said = b"HTTP/1.1 200 OK\r\n" + answer
        self.sent: list[bytes] = []

    def serve(self, connection: socket.socket, number: int) -> None:
        data = b""
        while more := connection.recv(65536):
            data += more
            head, end, body = data.partition(b"\r\n\r\n")
            chunked, content = b"chunked" in head.lower(), re.search(rb"content-length: (\d+)", head.lower())
            if end and (body.endswith(b"0\r\n\r\n") if chunked else len(body) == int(content[1] if content else 0)):
                self.sent.append(body)
                connection.sendall(self.said)
                data = b""


@pytest.fixture(autouse=True)
def _as_new() -> Iterator[None]:
    control.reset()
    yield
    control.reset()


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # httpx's own generators, under trio
@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
@sides()
@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_failed_answer_holds_no_connection(side: Side, answer: bytes) -> None:
    """A pool of one connection serves call after call."""

    async def script(url: str) -> None:
        inner = side.transport(limits=side.module.Limits(max_connections=1))
        guarded = wrap_transport(inner, Pipeline(Retry(attempts=1)))
        client = side.client(guarded, timeout=1)
        for _ in range(3):
            if b'data: {"error"' in answer:  # which is told as the provider told it
                assert (await awaited(client.get(url))).status_code == 200
                continue
            with pytest.raises(side.module.TransportError) as failed:
                await awaited(client.get(url))
            assert not isinstance(failed.value, side.module.PoolTimeout)
        await side.close(client)

    with Says(answer) as server:
        side.run(script, f"{server.url}/v1/chat/completions")


@sides()
def test_a_body_that_can_be_read_once_reaches_the_fallback_whole(side: Side) -> None:
    """The primary's circuit is open: nothing was read yet, so the one who may be asked gets it all."""

    def sync_body() -> Iterator[bytes]:
        yield b'{"model": '
        yield b'"m"}'

    async def async_body() -> Any:
        for piece in sync_body():
            yield piece

    async def script(primary: str, backup: str) -> None:
        pipeline = Pipeline.default(Fallback([Target("b:*", base_url=f"{backup}/v1", api_key="k")]))
        client = side.client(wrap_transport(side.transport(), pipeline))
        with options(fallback=False):
            await awaited(client.post(f"{primary}/v1/chat/completions", json={"model": "m"}))
            await awaited(client.post(f"{primary}/v1/chat/completions", content=b"1"))
        assert control.force_open("127.0.0.1")
        body: Any = sync_body() if side.mode == "sync" else async_body()
        answer = await awaited(client.post(f"{primary}/v1/chat/completions", content=body))
        assert answer.headers["x-resilient-ai-answered-by"] == "b:*"
        await side.close(client)

    sound = b'content-type: application/json\r\ncontent-length: 25\r\n\r\n{"choices":[],"usage":{}}'
    with Says(sound) as primary, Says(sound) as backup:
        side.run(script, primary.url, backup.url)
        assert backup.sent == [b'a\r\n{"model": \r\n4\r\n"m"}\r\n0\r\n\r\n']
