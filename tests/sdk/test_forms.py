"""A stored answer in its other form, read by the real SDKs: what they put together is what was stored."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given, settings

from resilient_ai import Cache, Pipeline, Retry, outcome, record, wrap
from resilient_ai.providers.forms.base import EVENTS, PLAIN, USAGE
from resilient_ai.providers.forms.table import turned
from resilient_ai.testing import Fault, Provider, Simulator
from tests.wire.answers import chats, claudes, contents, responses

from .modes import HELLO, MODEL, Mode, chat, close, do, each, entered, everything, http, modes, two_modes
from .sdks import installed

Json = dict[str, Any]
few = settings(max_examples=25, deadline=None)
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
"""Answers are drawn wilder than the SDKs' types."""


def read_by(stream: bytes | None) -> Any:
    """An http client that is answered with this stream."""
    assert stream is not None
    return answering(stream, "text/event-stream")


def answering(content: bytes, kind: str) -> Any:
    def answer(_: Any) -> Any:
        return http.Response(200, headers={"content-type": kind}, content=content)

    return http.Client(transport=http.MockTransport(answer))


def streamed(answer: Json, kind: tuple[str, str], form: str = EVENTS) -> bytes | None:
    return turned(json.dumps(answer).encode(), PLAIN, form, *kind)


PARSED = frozenset({"parsed", "parsed_arguments", "parsed_output"})
"""What the SDKs' helpers make of an answer."""


def bare(value: Any) -> Any:
    """An answer without what a helper adds to it: nulls for what is empty, what it parsed, a tool call's place."""
    if isinstance(value, dict):
        value = cast("Json", value)
        own = {"index", *PARSED} if "function" in value else PARSED
        return {name: bare(one) for name, one in value.items() if one not in (None, []) and name not in own}
    return [bare(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


def same(one: Any, other: Any) -> bool:
    return bare(one) == bare(other)


def openai_with(stream: bytes | None) -> Any:
    import openai

    return openai.OpenAI(api_key="k", http_client=read_by(stream), max_retries=0)


@few
@given(chats())
def test_openai_s_helper_puts_a_chat_together(answer: Json) -> None:
    answer["usage"] = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    for choice in answer["choices"]:
        choice["finish_reason"] = "stop"  # the helper raises of others
    with (
        openai_with(streamed(answer, ("openai", "chat"), USAGE)) as client,
        client.chat.completions.stream(model=MODEL, messages=HELLO, stream_options={"include_usage": True}) as stream,
    ):
        final = stream.get_final_completion()
    assert same(final.to_dict(), answer)


@few
@given(responses())
def test_openai_s_helper_puts_a_response_together(answer: Json) -> None:
    answer["status"] = "completed"
    with openai_with(streamed(answer, ("openai", "responses"))) as client:
        deltas: dict[tuple[int, int], str] = {}
        with client.responses.stream(model=MODEL, input="hello") as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    at = (event.output_index, event.content_index)
                    deltas[at] = deltas.get(at, "") + event.delta
            final = stream.get_final_response()
    assert same(final.to_dict(), answer)
    told = {
        (place, number): part["text"]
        for place, item in enumerate(answer["output"])
        if item["type"] == "message"
        for number, part in enumerate(item["content"])
        if part["type"] == "output_text" and part["text"]
    }
    assert deltas == told


@pytest.mark.skipif(not installed("anthropic"), reason="anthropic is not installed")
@few
@given(claudes)
def test_anthropic_s_helper_puts_a_message_together(answer: Json) -> None:
    import anthropic

    with (
        anthropic.Anthropic(
            api_key="k", http_client=read_by(streamed(answer, ("anthropic", "messages"))), max_retries=0
        ) as client,
        client.messages.stream(model="claude-haiku-4-5", max_tokens=9, messages=HELLO) as stream,
    ):
        final = stream.get_final_message()
    assert same(final.to_dict(), answer)


OWN = {"sdk_http_response", "automatic_function_calling_history"}
"""What google-genai notes on an answer."""


@pytest.mark.skipif(not installed("google.genai"), reason="google-genai is not installed")
@few
@given(contents())
def test_google_s_reads_a_stream_of_one(answer: Json) -> None:
    from google import genai

    for candidate in answer["candidates"]:
        for name in ("safetyRatings", "groundingMetadata", "logprobsResult"):  # drawn as objects of any kind
            candidate.pop(name, None)
        candidate["content"]["parts"] = [part for part in candidate["content"]["parts"] if "text" in part]
        for part in candidate["content"]["parts"]:
            part.pop("thoughtSignature", None)  # in base64
    answer.pop("usageMetadata", None)

    def asked(content: bytes, kind: str) -> Any:
        made = answering(content, kind)
        return genai.Client(api_key="k", http_options=genai.types.HttpOptions(httpx_client=made))

    stream = streamed(answer, ("gemini", "generate_content"))
    assert stream is not None
    one = asked(stream, "text/event-stream")
    other = asked(json.dumps(answer).encode(), "application/json")
    [event] = one.models.generate_content_stream(model="gemini-2.5-flash", contents="hello")
    plain = other.models.generate_content(model="gemini-2.5-flash", contents="hello")
    assert event.model_dump(exclude=OWN) == plain.model_dump(exclude=OWN)


# ---- through a client with a cache, over sockets


def cached() -> Pipeline:
    return Pipeline.default(Cache(ttl=60, stale_if_error=60), Retry(attempts=1))


PARAMETERS = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
TOOLS: list[Any] = [{"type": "function", "function": {"name": "look", "strict": True, "parameters": PARAMETERS}}]
ASKED: dict[str, Json] = {
    "text": {},
    "choices": {"n": 3},
    "tool": {"tools": TOOLS, "tool_choice": "required"},
    "probable": {"logprobs": True, "top_logprobs": 2},
}
USED = {"include_usage": True}


@modes
@pytest.mark.parametrize("asked", list(ASKED))
def test_a_plain_chat_serves_a_stream_and_the_reverse(mode: Mode, primary: Any, asked: str) -> None:
    """One request to the provider; whichever form was first, the SDK's helper puts together the same answer."""

    async def script() -> None:
        for first in ("plain", "stream"):
            client = wrap(mode.openai(primary), cached())
            options = {**ASKED[asked], "user": first}
            plain: Any = None
            streamed: Any = None
            with record() as calls:
                for form in (first, "stream" if first == "plain" else "plain"):
                    if form == "plain":
                        plain = await chat(client, **options)
                    else:
                        manager = client.chat.completions.stream(
                            model=MODEL, messages=HELLO, stream_options=USED, **options
                        )
                        async with entered(manager) as stream:
                            streamed = await do(stream.get_final_completion())
            assert same(streamed.to_dict(), plain.to_dict())
            assert [call.source for call in calls] == ["fresh", "cache"]
            await close(client)
        assert primary.count() == 2

    mode.run(script)


@two_modes
def test_a_chat_whose_cost_was_not_told_serves_no_plain_call(mode: Mode, primary: Any) -> None:
    """Programs count on ``usage``. A stream that was told it serves one that did not ask, without it."""

    async def script() -> None:
        client = wrap(mode.openai(primary), cached())
        with record() as calls:
            await everything(await chat(client, stream=True))
            await chat(client)
            chunks = await everything(await chat(client, stream=True))
            assert all(one.choices and one.usage is None for one in chunks)
            *_, last = await everything(await chat(client, stream=True, stream_options=USED))
            assert not last.choices
            assert last.usage.total_tokens > 0
        assert [call.source for call in calls] == ["fresh", "fresh", "cache", "cache"]
        await close(client)

    mode.run(script)


@modes
def test_a_plain_response_serves_a_stream_and_the_reverse(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), cached())
        ask: Any = {"model": MODEL, "input": "hello", "store": False}
        with record() as calls:
            plain = await do(client.responses.create(**ask))
            async with entered(client.responses.stream(**ask)) as stream:
                final = await do(stream.get_final_response())
            assert same(final.to_dict(), plain.to_dict())
            ask["input"] = "bye"
            async with entered(client.responses.stream(**ask)) as stream:
                final = await do(stream.get_final_response())
            plain = await do(client.responses.create(**ask))
            assert same(final.to_dict(), plain.to_dict())
        assert [call.source for call in calls] == ["fresh", "cache"] * 2
        await close(client)

    mode.run(script)


@modes
def test_claude_s_and_gemini_s_too(mode: Mode) -> None:
    """Messages by the SDK's helper; generateContent by its events."""
    if not (installed("anthropic") and installed("google.genai")):
        pytest.skip("anthropic or google-genai is not installed")
    import anthropic
    from google import genai

    async def claude(provider: Any) -> None:
        made = anthropic.AsyncAnthropic if mode.is_async else anthropic.Anthropic
        client = wrap(made(api_key=provider.key, base_url=provider.base_url), cached())
        for text in ("hello", "bye"):
            ask: Any = {"model": "claude-haiku-4-5", "max_tokens": 99, "messages": [{"role": "user", "content": text}]}
            plain: Any = None
            with record() as calls:
                if text == "hello":
                    plain = await do(client.messages.create(**ask))
                async with entered(client.messages.stream(**ask)) as stream:
                    final = await do(stream.get_final_message())
                    assert outcome(stream).source == calls[-1].source
                if text == "bye":
                    plain = await do(client.messages.create(**ask))
            assert same(final.to_dict(), plain.to_dict())
            assert [call.source for call in calls] == ["fresh", "cache"]
        await close(client)

    async def gemini(provider: Any) -> None:
        options = genai.types.HttpOptions(base_url=provider.origin)
        client = wrap(genai.Client(api_key=provider.key, http_options=options), cached())
        models: Any = client.aio.models if mode.is_async else client.models
        for text in ("hello", "bye"):
            ask: Any = {"model": "gemini-2.5-flash", "contents": text}
            plain: Any = None
            with record() as calls:
                if text == "hello":
                    plain = await do(models.generate_content(**ask))
                events = [event async for event in each(await do(models.generate_content_stream(**ask)))]
                if text == "bye":
                    plain = await do(models.generate_content(**ask))
            assert "".join(event.text or "" for event in events) == plain.text
            assert events[-1].usage_metadata == plain.usage_metadata
            assert [call.source for call in calls] == ["fresh", "cache"]
        if mode.is_async:
            await client.aio.aclose()
        client.close()

    with Simulator(*(Provider(dialect, dialect=dialect) for dialect in ("anthropic", "gemini"))) as simulator:
        mode.run(claude, simulator["anthropic"])
        mode.run(gemini, simulator["gemini"])


@modes
def test_a_plain_answer_stands_in_for_a_stream(mode: Mode, primary: Any) -> None:
    """The provider is down: who asks for a stream has the stale plain answer as one, marked, at once."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Cache(stale_if_error=60), Retry(attempts=1)))
        plain = await chat(client)
        primary.fault(Fault.status(503))
        stream = await chat(client, stream=True)
        assert outcome(stream).source == "stale"
        assert stream.response.headers["x-resilient-ai-source"] == "stale"
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        said = "".join([one.choices[0].delta.content or "" async for one in each(stream)])
        assert said == plain.choices[0].message.content
        await close(client)

    mode.run(script)
