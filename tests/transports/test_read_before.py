"""A transport that reads its answers itself, to log them say, is as good as any."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from resilient_ai import Deadline, Pipeline
from resilient_ai.transports import wrap_transport

from .sides import Side, awaited, sides

BODIES = {
    "json": ("application/json", b'{"object": "list", "data": []}'),
    "stream": ("text/event-stream", b"data: one\n\ndata: [DONE]\n\n"),
    "bytes": ("video/mp4", bytes(1000)),
    "nothing": ("text/plain", b""),
}


def reading(side: Side, kind: str, *, packed: bool, status: int = 200) -> Any:
    """A transport that has read what it gives."""
    module = side.module
    content_type, body = BODIES[kind]
    headers = {"content-type": content_type} | ({"content-encoding": "gzip"} if packed else {})
    sent = gzip.compress(body) if packed else body

    class Sync(module.BaseTransport):
        def handle_request(self, request: Any) -> Any:
            response = module.Response(status, headers=headers, stream=module.ByteStream(sent))
            response.read()
            return response

    class Async(module.AsyncBaseTransport):
        async def handle_async_request(self, request: Any) -> Any:
            response = module.Response(status, headers=headers, stream=module.ByteStream(sent))
            await response.aread()
            return response

    return Sync() if side.mode == "sync" else Async()


@sides()
@pytest.mark.parametrize("packed", [False, True], ids=["", "packed"])
@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("limit", [None, 5.0], ids=["", "limited"])
def test_its_answer_comes_whole(side: Side, kind: str, packed: bool, limit: float | None) -> None:
    """Regression: it was read a second time, and there was nothing left of it."""

    async def script() -> None:
        pipeline = Pipeline.default(Deadline(total=limit)) if limit else Pipeline.default()
        client = side.client(wrap_transport(reading(side, kind, packed=packed), pipeline))
        for path in ("/v1/files/file-1/content", "/v1/models", "/anything"):
            answer = await awaited(client.get(f"http://provider.test{path}"))
            assert answer.content == BODIES[kind][1]
        await side.close(client)

    side.run(script)


@sides("sync")
def test_whatever_openai_calls_its_own(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: openai exports httpx's BaseTransport, and rewrites its ``__module__``; a program's own transport was
    none of httpx's then."""
    monkeypatch.setattr(side.module.BaseTransport, "__module__", "openai")
    assert isinstance(wrap_transport(reading(side, "json", packed=False), Pipeline()), side.module.BaseTransport)


@sides()
def test_its_errors_too(side: Side) -> None:
    async def script() -> None:
        client = side.client(wrap_transport(reading(side, "json", packed=True, status=400), Pipeline.default()))
        answer = await awaited(client.get("http://provider.test/v1/models"))
        assert (answer.status_code, answer.content) == (400, BODIES["json"][1])
        await side.close(client)

    side.run(script)
