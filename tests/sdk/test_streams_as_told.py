"""What a stream says of itself is judged as the same words in a plain answer are, and read as its SDK reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Pipeline, Retry, outcome, wrap

from .bytes_server import EVENTS, HEAD, Bytes
from .modes import HELLO, MODEL, Mode, close, do, entered, everything, modes
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


JSON = b"application/json"
SOUND = [choice(0, "sound"), choice(0, ends=True), DONE]


@modes
@pytest.mark.parametrize("blanks", [b"", b"\r\n \n"])
def test_a_stream_that_is_called_json_is_read(mode: Mode, server: Bytes, blanks: bytes) -> None:
    """As the bare SDK reads it: what was asked for is a stream."""
    server.answers = [answer(blanks, *SOUND, kind=JSON)]
    assert mode.run(asked, mode, server, 1) == ("sound", None)


@modes
def test_one_that_breaks_is_one_that_breaks(mode: Mode, server: Bytes) -> None:
    server.answers = [answer(*SOUND[:2], kind=JSON), answer(*SOUND, kind=JSON)]
    assert mode.run(asked, mode, server, 1) == ("sound", None)
    assert server.asked == 2


@modes
@pytest.mark.parametrize(
    "body", [b'{"error": {"code": "server_error"}}', b' \n{"choices": []}', b"", b"  ", b"nothing"]
)
def test_json_is_still_no_stream(mode: Mode, server: Bytes, body: bytes) -> None:
    server.answers = [answer(body, kind=JSON), answer(*SOUND)]
    assert mode.run(asked, mode, server, 1) == ("sound", None)
    assert server.asked == 2


@modes
@pytest.mark.skipif(not installed("google.genai"), reason="google-genai is not installed")
def test_gemini_s_events_are_read_whatever_they_are_called(mode: Mode, server: Bytes) -> None:
    whole = json.loads(candidate("STOP", "sound").partition(b" ")[2])
    for first in (candidate("STOP", "sound"), json.dumps(whole).encode() + b"\n"):
        server.answers, server.asked = [answer(first, kind=JSON)], 0

        async def script() -> None:
            client = wrap(GENAI.make(mode.is_async, server.url.removesuffix("/v1"), "k"), pipeline())
            assert await GENAI.streamed(mode, client) == 1
            await GENAI.end(mode, client)

        mode.run(script)


ERRORS = {
    "json": (JSON, b'{"error": {"message": "no", "code": "server_error"}}'),
    "another json": (JSON, b'{"text": "a transcript?"}'),
    "html": (b"text/html", b"<html>no</html>"),
    "json, as a sound": (b"audio/mpeg", b'{\n  "error": {"message": "no"}}'),
    "html, as a sound": (b"application/octet-stream", b"<!DOCTYPE html><p>no"),
}


@modes
@pytest.mark.parametrize("what", ERRORS)
def test_an_error_is_never_played(mode: Mode, server: Bytes, what: str) -> None:
    """Regression: under HTTP 200 it was handed over as the speech."""
    kind, body = ERRORS[what]
    ask: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "hello"}

    async def script() -> bytes:
        make = openai.AsyncOpenAI if mode.is_async else openai.OpenAI
        client = wrap(make(base_url=server.url, api_key="k", timeout=5.0), pipeline())
        speech = await do(client.audio.speech.create(**ask))
        read: bytes = await do(speech.aread()) if mode.is_async else speech.read()
        await close(client)
        return read

    server.answers = [answer(body, kind=kind), answer(b"{sound", kind=b"audio/mpeg")]
    assert mode.run(script) == b"{sound"
    server.answers, server.asked = [answer(body, kind=kind)] * 9, 0
    with pytest.raises(openai.APIConnectionError):
        mode.run(script)


@modes
def test_what_an_sdk_puts_together_has_its_outcome(mode: Mode, primary: Any) -> None:
    """Regression: it has no request's id, and its own was not known."""

    async def script() -> None:
        client = wrap(mode.openai(primary), pipeline())
        async with entered(client.chat.completions.stream(model=MODEL, messages=HELLO)) as stream:
            assert outcome(await do(stream.get_final_completion())).answered_by == "primary"
        async with entered(client.responses.stream(model=MODEL, input="hello")) as stream:
            assert outcome(await do(stream.get_final_response())).answered_by == "primary"
        await close(client)

    mode.run(script)


@modes
@pytest.mark.skipif(not installed("anthropic"), reason="anthropic is not installed")
def test_anthropic_s_too(mode: Mode, server: Bytes) -> None:
    server.answers = [answer(*claude("sound"))]

    async def script() -> None:
        client = wrap(ANTHROPIC.make(mode.is_async, server.url.removesuffix("/v1"), "k"), pipeline())
        ask: Any = {"model": "claude-haiku-4-5", "max_tokens": 20, "messages": HELLO}
        async with entered(client.messages.stream(**ask)) as stream:
            assert outcome(await do(stream.get_final_message())).answered_by == "primary"
        await close(client)

    mode.run(script)
