"""Streams as servers write them that no simulator would: byte by byte over a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Pipeline, Retry, wrap

from .bytes_server import EVENTS, HEAD, Bytes
from .modes import HELLO, MODEL, Mode, close, do, each, modes

if TYPE_CHECKING:
    from collections.abc import Iterator

HTML = b"text/html; charset=utf-8"


def _delta(text: str, number: int) -> bytes:
    said = f'"item_id":"i","output_index":0,"content_index":0,"delta":"{text}","logprobs":[]'
    return f'data: {{"type":"response.output_text.delta",{said},"sequence_number":{number}}}\n\n'.encode()


COMPLETED = b'data: {"type":"response.completed","response":{"id":"r","object":"response","output":[]}}\n\n'
CHUNK = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"sound"}}]}\n\n'


@pytest.fixture
def server() -> Iterator[Bytes]:
    one = Bytes()
    yield one
    one.close()


def _client(mode: Mode, server: Bytes) -> Any:
    make = openai.AsyncOpenAI if mode.is_async else openai.OpenAI
    pipeline = Pipeline.default(Retry(wait=0), isolated=True)
    return wrap(make(base_url=server.url, api_key="k", timeout=5.0), pipeline)


async def _responses(mode: Mode, server: Bytes) -> tuple[list[Any], Exception | None]:
    client, events = _client(mode, server), list[Any]()
    broke: Exception | None = None
    try:
        stream = await do(client.responses.create(model=MODEL, input="hello", stream=True, store=False))
        async for event in each(stream):
            events.append(event)
    except openai.APIError as error:
        broke = error
    await close(client)
    return events, broke


@modes
def test_a_rescue_that_breaks_behind_its_end_is_whole(mode: Mode, server: Bytes) -> None:
    """It is not asked for once more, and does not end twice."""
    first, second = _delta("a", 0), _delta("a", 0) + _delta("b", 1) + COMPLETED
    server.answers = [(HEAD % EVENTS + first, True), (HEAD % EVENTS + second, True), (HEAD % EVENTS + second, False)]
    events, broke = mode.run(_responses, mode, server)
    assert [event.type.rpartition(".")[2] for event in events] == ["delta", "delta", "completed"]
    assert broke is None
    assert server.asked == 2


@modes
@pytest.mark.parametrize("line", [b"data: ", b"da", b"event: response", b": "])
def test_a_rescue_behind_half_a_line(mode: Mode, server: Bytes, line: bytes) -> None:
    """The stream ends there as HTTP has it. The next event is not glued to it."""
    second = _delta("a", 0) + _delta("b", 1) + COMPLETED
    server.answers = [(HEAD % EVENTS + _delta("a", 0) + line, False), (HEAD % EVENTS + second, False)]
    events, broke = mode.run(_responses, mode, server)
    assert [event.type.rpartition(".")[2] for event in events] == ["delta", "delta", "completed"]
    assert broke is None


async def _chat(mode: Mode, server: Bytes) -> str:
    client, text = _client(mode, server), ""
    stream = await do(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    async for chunk in each(stream):
        text += chunk.choices[0].delta.content or ""
    await close(client)
    return text


@modes
def test_a_stream_that_is_called_html(mode: Mode, server: Bytes) -> None:
    """Flask calls every body so whose type it is not told, and the SDK does not look."""
    server.answers = [(HEAD % HTML + CHUNK + b"data: [DONE]\n\n", False)]
    assert mode.run(_chat, mode, server) == "sound"


@modes
def test_a_page_of_html_is_no_stream(mode: Mode, server: Bytes) -> None:
    server.answers = [(HEAD % HTML + b"<html>", False), (HEAD % EVENTS + CHUNK + b"data: [DONE]\n\n", False)]
    assert mode.run(_chat, mode, server) == "sound"
    assert server.asked == 2


async def _file(mode: Mode, server: Bytes) -> bytes:
    client = _client(mode, server)
    content = await do(client.files.content("file-1"))
    read: bytes = await do(content.aread() if mode.is_async else content.read())
    await close(client)
    return read


@modes
def test_a_file_is_no_answer(mode: Mode, server: Bytes) -> None:
    """What it is called, and whether it is that, is between the program and whoever has stored it."""
    lines = b'{"a": 1}\n{"b": 2}\n'
    server.answers = [(HEAD % b"application/json" + lines, False)]
    assert mode.run(_file, mode, server) == lines
