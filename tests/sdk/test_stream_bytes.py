"""Streams as servers write them that no simulator would: byte by byte over a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Pipeline, Retry, options, wrap

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


DONE = b"data: [DONE]\n\n"
AGAIN = b'data: {"type":"response.created","response":{"id":"r"}}\n\n' + _delta("a", 0) + COMPLETED


@modes
@pytest.mark.parametrize(
    "behind",
    [AGAIN, b"data: {oops\n\n", b"event: x\ndata: {oops", b": caf\xe9\n\n", DONE, b'data: {"error":{}}\n\n'],
)
def test_what_comes_behind_the_end_is_nothing_of_the_answer(mode: Mode, server: Bytes, behind: bytes) -> None:
    """The SDK reads on there: what a server or a gateway sends twice, or wrongly, was told once more, or raised a
    JSONDecodeError of an answer that is whole."""
    server.answers = [(HEAD % EVENTS + _delta("a", 0) + COMPLETED + behind, False)]
    events, broke = mode.run(_responses, mode, server)
    assert [event.type.rpartition(".")[2] for event in events] == ["delta", "completed"]
    assert broke is None


@modes
@pytest.mark.parametrize("line", [b": caf\xe9\n\n", b"retry: \xff\n\n", b"id: \xff\n"])
def test_bytes_that_are_no_text_outside_the_data(mode: Mode, server: Bytes, line: bytes) -> None:
    """The SDK decodes each line, and raised a UnicodeDecodeError. A comment is left out, an event asked for again."""
    second = _delta("a", 0) + _delta("b", 1) + COMPLETED
    server.answers = [
        (HEAD % EVENTS + _delta("a", 0) + line + _delta("b", 1) + COMPLETED, False),
        (HEAD % EVENTS + second, False),
    ]
    events, broke = mode.run(_responses, mode, server)
    assert [event.type.rpartition(".")[2] for event in events] == ["delta", "delta", "completed"]
    assert broke is None
    assert server.asked == (2 if line.startswith(b"id") else 1)


@modes
@pytest.mark.parametrize("line", [b"retry: 3000\n\n", b"event: ping\n\n", b"id: 1\n\n", b": x\r\nretry: 3\r\n\r\n"])
def test_an_event_without_data_is_none(mode: Mode, server: Bytes, line: bytes) -> None:
    """As the standard has it. The SDK took the empty text for JSON."""
    answer = line + _delta("a", 0) + line + COMPLETED
    server.answers = [(HEAD % EVENTS + answer, False), (HEAD % EVENTS + line + CHUNK + line + DONE, False)]
    events, broke = mode.run(_responses, mode, server)
    assert [event.type.rpartition(".")[2] for event in events] == ["delta", "completed"]
    assert broke is None
    assert mode.run(_chat, mode, server) == "sound"
    assert server.asked == 2


async def _schema(mode: Mode, server: Bytes) -> int:
    """The requests of a chat that asks for JSON and breaks in its midst."""
    client, asked = _client(mode, server), {"model": MODEL, "messages": HELLO, "stream": True}
    stream = await do(client.chat.completions.create(**asked, response_format={"type": "json_object"}))
    with pytest.raises(openai.APIError):
        async for _ in each(stream):
            pass
    await close(client)
    return server.asked


@modes
def test_json_is_not_of_two_answers(mode: Mode, server: Bytes) -> None:
    """Issue 4: not even where the other one begins with the same words."""
    server.answers = [(HEAD % EVENTS + CHUNK, False), (HEAD % EVENTS + CHUNK + CHUNK + DONE, False)]
    assert mode.run(_schema, mode, server) == 1


LLAMA = b'error: {"code":500,"message":"the cache is full","type":"server_error"}\n\n'
NAMED = b'event: error\ndata: {"code":500,"message":"boom"}\n\n'


async def _read(client: Any, family: str) -> None:
    if family == "chat":
        stream = await do(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    else:
        stream = await do(client.responses.create(model=MODEL, input="hello", stream=True, store=False))
    async for _ in each(stream):
        pass


async def _raised(mode: Mode, server: Bytes, family: str) -> openai.APIError:
    """What the program hears of a stream that nobody can go on with."""
    client = _client(mode, server)
    with options(rescue=("error",)), pytest.raises(openai.APIError) as caught:
        await _read(client, family)
    await close(client)
    return caught.value


@modes
@pytest.mark.parametrize("told", [LLAMA, NAMED], ids=["llama.cpp", "by its name only"])
@pytest.mark.parametrize("family", ["chat", "responses"])
def test_an_error_that_the_sdk_does_not_read(mode: Mode, server: Bytes, told: bytes, family: str) -> None:
    """llama.cpp told an error in a field of that name, and sent [DONE] behind it: a short answer passed as whole."""
    first = CHUNK if family == "chat" else _delta("a", 0)
    server.answers = [(HEAD % EVENTS + first + told + DONE, False)] * 4
    error = mode.run(_raised, mode, server, family)
    assert told is NAMED or "the cache is full" in str(error)


@modes
@pytest.mark.parametrize("told", [LLAMA, NAMED], ids=["llama.cpp", "by its name only"])
def test_one_before_the_first_words_is_not_seen(mode: Mode, server: Bytes, told: bytes) -> None:
    server.answers = [(HEAD % EVENTS + told + DONE, False), (HEAD % EVENTS + CHUNK + DONE, False)]
    assert mode.run(_chat, mode, server) == "sound"
    assert server.asked == 2


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
