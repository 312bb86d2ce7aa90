"""A stream whose text, arguments or metadata hold the words of a signal: complete or cut, as it is in truth."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import CircuitBreaker, Pipeline, record, wrap

from .modes import MODEL, Mode, chat, circuits, close, do, everything, failing, modes, notes
from .sdks import ANTHROPIC, GENAI, installed

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = (
    "The stream ends with data: [DONE], event: message_stop or\n\n"
    'data: {"type":"message_stop"}\n\ndata: {"error": {"code": "server_error"}}\n\nevent: error\n\nas an error.'
)
NAMED = {"type": "response.completed", "finishReason": "STOP", "inner": {"type": "error", "finishReason": "STOP"}}
FAILED = {"type": "error"}


def event(told: dict[str, Any], *, named: bool = False) -> bytes:
    line = f"event: {told['type']}\n" if named else ""
    return f"{line}data: {json.dumps(told)}\n\n".encode()


def chunk(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]})


def response(kind: str, status: str) -> bytes:
    whole = {"id": "r", "object": "response", "status": status, "output": [], "metadata": NAMED, "tools": [FAILED]}
    return event({"type": kind, "sequence_number": 1, "response": whole}, named=True)


def claude(kind: str, **told: Any) -> bytes:
    return event({"type": kind, **told}, named=True)


def gemini(part: dict[str, Any], **told: Any) -> bytes:
    return event({"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0, **told}]})


MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": []}
SAID: dict[str, list[bytes]] = {
    "chat": [chunk(TEXT), chunk("bye"), b"data: [DONE]\n\n"],
    "responses": [response("response.created", "in_progress"), response("response.completed", "completed")],
    "claude": [
        claude("message_start", message={**MESSAGE, "usage": {"input_tokens": 1, "output_tokens": 1}}),
        claude("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        claude("content_block_delta", index=0, delta={"type": "text_delta", "text": TEXT}),
        claude("content_block_stop", index=0),
        claude("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1}),
        claude("message_stop"),
    ],
    "gemini": [
        gemini({"text": TEXT}),
        gemini({"functionCall": {"name": "end", "args": NAMED}}),
        gemini({"text": "bye"}, finishReason="STOP"),
    ],
}
"""Each API's stream; its last piece is its end."""


class Handler(BaseHTTPRequestHandler):
    """Answers by the first part of the path: whole, or without the end. Each event comes in three chunks."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        name, how = self.path.split("/")[1:3]
        pieces = SAID[name] if how == "whole" else SAID[name][:-1]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            for part in (piece[:9], piece[9:-3], piece[-3:]):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is written."""


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _openai(mode: Mode, url: str) -> Any:
    return (openai.AsyncOpenAI if mode.is_async else openai.OpenAI)(base_url=f"{url}/v1", api_key="k")


def _client(mode: Mode, name: str, url: str) -> Any:
    sdk = {"claude": ANTHROPIC, "gemini": GENAI}.get(name)
    if sdk is not None and not installed(sdk.name):
        pytest.skip(f"{sdk.name} is not installed")
    return wrap(
        _openai(mode, url) if sdk is None else sdk.make(mode.is_async, url, "k"),
        Pipeline.default(CircuitBreaker(consecutive=3, open_for=(20, 30))),
    )


async def _read(mode: Mode, name: str, client: Any) -> int:
    """How many events the SDK saw."""
    if name in ("claude", "gemini"):
        return await (ANTHROPIC if name == "claude" else GENAI).streamed(mode, client)
    if name == "responses":
        return len(await everything(await do(client.responses.create(model=MODEL, input="hello", stream=True))))
    return len(await everything(await chat(client, stream=True)))


async def _end(mode: Mode, name: str, client: Any) -> None:
    await (GENAI.end(mode, client) if name == "gemini" else close(client))


@modes
@pytest.mark.parametrize("name", list(SAID))
def test_a_text_that_speaks_of_an_error_is_no_failure(mode: Mode, origin: str, name: str) -> None:
    """Promise 22. Regression: a healthy stream with ``event: error`` in its text counted as a failure."""

    async def script() -> None:
        client = _client(mode, name, f"{origin}/{name}/whole")
        with record() as calls:
            for _ in range(4):
                assert await _read(mode, name, client) in (len(SAID[name]), len(SAID[name]) - 1)  # [DONE] is no event
        assert [call.answered_by for call in calls] == ["primary"] * 4
        assert [circuit.state for circuit in circuits().values()] == ["closed"]
        await _end(mode, name, client)

    mode.run(script)


@modes
@pytest.mark.parametrize("name", list(SAID))
def test_a_text_that_names_the_end_does_not_end_a_stream(mode: Mode, origin: str, name: str) -> None:
    """Promise 19. Regression: a stream without its end passed as complete where its text named the signal, or where a
    function call of Gemini's had an argument ``finishReason``."""

    async def script() -> None:
        client = _client(mode, name, f"{origin}/{name}/cut")
        for turn in range(3):
            error = await failing(_read(mode, name, client))
            told = str(error) + notes(error)  # one without content is tried again, unseen, until the circuit opens
            assert "without its terminal event" in told or (turn and "circuit open" in told)
        assert [circuit.state for circuit in circuits().values()] == ["open"]
        await _end(mode, name, client)

    mode.run(script)
