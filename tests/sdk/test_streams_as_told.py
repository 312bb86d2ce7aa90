"""What a stream says of itself is judged as the same words in a plain answer are, and read as its SDK reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Pipeline, Retry, wrap

from .bytes_server import EVENTS, HEAD, Bytes
from .modes import HELLO, MODEL, Mode, close, do, everything, modes
from .sdks import ANTHROPIC, GENAI, installed

if TYPE_CHECKING:
    from collections.abc import Iterator


def pipeline() -> Pipeline:
    return Pipeline.default(Retry(wait=0), isolated=True)


@pytest.fixture
def server() -> Iterator[Bytes]:
    one = Bytes()
    yield one
    one.close()


def event(told: dict[str, Any], *, named: bool = False) -> bytes:
    line = f"event: {told['type']}\n" if named else ""
    return f"{line}data: {json.dumps(told)}\n\n".encode()


def answer(*events: bytes, kind: bytes = EVENTS) -> tuple[bytes, bool]:
    return HEAD % kind + b"".join(events), False


def choice(index: int, text: str = "", *, ends: bool = False) -> bytes:
    one = {"index": index, "delta": {"content": text} if text else {}, "finish_reason": "stop" if ends else None}
    return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [one]})


DONE = b"data: [DONE]\n\n"


async def asked(mode: Mode, server: Bytes, n: int) -> tuple[str, BaseException | None]:
    """The words of a chat's stream, and how it broke."""
    make = openai.AsyncOpenAI if mode.is_async else openai.OpenAI
    client = wrap(make(base_url=server.url, api_key="k", timeout=5.0), pipeline())
    words, broke = "", None
    try:
        stream = await do(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, n=n))
        for chunk in await everything(stream):
            words += "".join(one.delta.content or "" for one in chunk.choices)
    except openai.APIError as error:
        broke = error
    await close(client)
    return words, broke


@modes
@pytest.mark.parametrize("n", [1, 2])
def test_a_choice_without_an_end_is_no_answer(mode: Mode, server: Bytes, n: int) -> None:
    """Neither the SDK nor [DONE] tells. (What is asked for as one choice is known by [DONE] alone.)"""
    cut = answer(choice(0, "a"), choice(1, "b"), choice(1, ends=True), DONE)
    server.answers = [cut] * 4
    words, broke = mode.run(asked, mode, server, n)
    assert (type(broke), words) == ((openai.APIConnectionError, "") if n == 2 else (type(None), "ab"))


@modes
@pytest.mark.parametrize("ends", ["each", "none"])
def test_several_choices(mode: Mode, server: Bytes, ends: str) -> None:
    """A server that tells of no choice's end has its own custom."""
    told = [choice(0, ends=True), choice(1, ends=True)] if ends == "each" else []
    server.answers = [answer(choice(0, "a"), choice(1, "b"), *told, DONE)]
    assert mode.run(asked, mode, server, 2) == ("ab", None)


def candidate(reason: str | None = None, text: str = "") -> bytes:
    content = {"content": {"role": "model", "parts": [{"text": text}]}} if text else {}
    return event({"candidates": [{"index": 0, **content, **({"finishReason": reason} if reason else {})}]})


BLOCKED = event({"promptFeedback": {"blockReason": "SAFETY"}})


@modes
@pytest.mark.skipif(not installed("google.genai"), reason="google-genai is not installed")
@pytest.mark.parametrize(
    ("first", "requests"),
    [
        ([candidate("MALFORMED_FUNCTION_CALL")], 2),
        ([event({"usageMetadata": {}}), candidate("MALFORMED_RESPONSE")], 2),
        ([candidate("SAFETY")], 1),
        ([BLOCKED], 1),
        ([candidate(text="a"), candidate("MALFORMED_FUNCTION_CALL")], 1),
    ],
)
def test_what_gemini_s_model_could_not_write_is_asked_for_again(
    mode: Mode, server: Bytes, first: list[bytes], requests: int
) -> None:
    """As of a plain answer; but for what comes behind words that are the program's already."""
    server.answers = [answer(*first), answer(candidate("STOP", "sound"))]

    async def script() -> None:
        client = wrap(GENAI.make(mode.is_async, server.url.removesuffix("/v1"), "k"), pipeline())
        assert await GENAI.streamed(mode, client) == (1 if requests == 2 else len(first))
        await GENAI.end(mode, client)

    mode.run(script)
    assert server.asked == requests


@modes
@pytest.mark.skipif(not installed("google.genai"), reason="google-genai is not installed")
def test_the_program_reads_it_where_nobody_does_better(mode: Mode, server: Bytes) -> None:
    server.answers = [answer(candidate("MALFORMED_FUNCTION_CALL"))] * 9

    async def script() -> None:
        client = wrap(GENAI.make(mode.is_async, server.url.removesuffix("/v1"), "k"), pipeline())
        assert await GENAI.streamed(mode, client) == 1
        await GENAI.end(mode, client)

    mode.run(script)
    assert server.asked > 1


def claude(text: str, *others: bytes) -> list[bytes]:
    said: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": []}
    usage = {"input_tokens": 1, "output_tokens": 1}
    return [
        event({"type": "message_start", "message": {**said, "usage": usage}}, named=True),
        *others,
        event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, named=True),
        event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}, named=True),
        *others,
        event({"type": "content_block_stop", "index": 0}, named=True),
        event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}, named=True),
        event({"type": "message_stop"}, named=True),
    ]


@modes
@pytest.mark.skipif(not installed("anthropic"), reason="anthropic is not installed")
@pytest.mark.parametrize("other", [b"event: ping\ndata: alive\n\n", b"event: heartbeat\ndata: alive\n\n"])
def test_an_event_that_is_not_the_api_s_is_passed_over(mode: Mode, server: Bytes, other: bytes) -> None:
    """A gateway's sign of life, say. Anthropic's SDK parses it, if it comes to see it."""
    server.answers = [answer(*claude("sound", other))]

    async def script() -> None:
        client = wrap(ANTHROPIC.make(mode.is_async, server.url.removesuffix("/v1"), "k"), pipeline())
        assert await ANTHROPIC.streamed(mode, client) == len(claude("sound"))
        await close(client)

    mode.run(script)
    assert server.asked == 1


@modes
@pytest.mark.skipif(not installed("anthropic"), reason="anthropic is not installed")
def test_an_event_of_the_api_s_own_is_not(mode: Mode, server: Bytes) -> None:
    server.answers = [answer(*claude("no", b"event: content_block_delta\ndata: {\n\n")), answer(*claude("sound"))]

    async def script() -> None:
        client = wrap(ANTHROPIC.make(mode.is_async, server.url.removesuffix("/v1"), "k"), pipeline())
        assert await ANTHROPIC.streamed(mode, client) == len(claude("sound"))
        await close(client)

    mode.run(script)
    assert server.asked == 2
