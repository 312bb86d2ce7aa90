"""Turns over real sockets: callers in threads and tasks, counted at the simulator."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import openai
import pytest

from resilient_ai import Deadline, Pipeline, RateLimiter, Target, options, outcome, wrap
from resilient_ai.errors import ConfigurationError, NotSent
from resilient_ai.testing import Fault, Latency, Quota

from .bytes_server import EVENTS, HEAD, Bytes
from .flights import at_once
from .modes import HELLO, MODEL, Mode, chat, close, do, each, everything, failing, http, modes, notes
from .sdks import ANTHROPIC, GENAI, installed

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider


def plain(mode: Mode, provider: SimulatedProvider, pipeline: Pipeline, **said: Any) -> Any:
    headers = {"authorization": f"Bearer {provider.key}"}
    limits = http.Limits(max_connections=100, max_keepalive_connections=100)
    given = mode.http_client(base_url=provider.base_url, headers=headers, timeout=30.0, limits=limits)
    return wrap(given, pipeline, **said)


async def ask(client: Any) -> Any:
    return await do(client.post("/chat/completions", json={"model": MODEL, "messages": HELLO}))


@modes
def test_a_small_fallback_is_filled_and_never_stormed(
    mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider
) -> None:
    """Promise: with room for four at once it gets four at once and never a fifth; the rest hear why, of each target."""
    primary.fault(Fault.status(503))
    backup.limit(Quota(concurrency=4, crowded=429))
    backup.latency(Latency(0.2))
    target = Target("backup:*", base_url=backup.base_url, api_key=backup.key, concurrency=4)
    client = plain(mode, primary, Pipeline.default(Deadline(total=2.0)), fallback=[target])
    answered: Counter[str] = Counter()
    refused: Counter[str] = Counter()

    async def one(index: int) -> None:
        if mode.is_async:
            await anyio.sleep(index * 0.001)  # as threads begin, one after the other
        kind = "batch" if index % 4 else "interactive"
        try:
            with options(priority="batch" if index % 4 else "interactive"):
                response = (await ask(client)).raise_for_status()
        except http.HTTPError as error:  # the primary's 503, or that its circuit is open
            told = notes(error)
        else:
            assert outcome(response).answered_by == "backup:*"
            answered[kind] += 1
            return
        assert "primary: " in told
        assert "backup:*: rate limit full" in told or "backup:*: the call's time was over" in told
        refused[kind] += 1

    async def script() -> None:
        assert await at_once(mode, [partial(one, index) for index in range(60)]) == [None] * 60
        await close(client)

    mode.run(script)
    tally = backup.tally()
    in_vain = tally.by_status.get(0, 0)  # an answer that came too late: its place was free before the server saw that
    assert in_vain <= 5
    assert tally.by_status.get(429, 0) <= in_vain
    assert 4 <= tally.most_at_once <= 4 + in_vain
    assert answered["interactive"] >= 10 > refused["interactive"]
    assert answered["interactive"] / 15 > answered["batch"] / 45
    assert refused["batch"]


@modes
def test_what_answers_tell_is_kept_to(mode: Mode, primary: SimulatedProvider) -> None:
    """Ten a minute, as the headers say: not one 429 is fetched, and the rest is told without a request."""
    primary.limit(Quota(requests=10))

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline(RateLimiter(learn=True, max_wait=0.1)))
        ways: Counter[str] = Counter()
        for _ in range(14):
            try:
                await chat(client)
                ways["answered"] += 1
            except openai.APIConnectionError as error:
                assert isinstance(error.__cause__, NotSent)
                ways["refused"] += 1
        assert ways["answered"] + ways["refused"] == 14
        assert ways["refused"] >= 4
        assert ways["answered"] >= 1
        await close(client)

    mode.run(script)
    assert set(primary.tally().by_status) == {200}


@modes
def test_a_stream_holds_its_place(mode: Mode, primary: SimulatedProvider) -> None:
    """Until it is read to its end, or closed."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline(RateLimiter(concurrency=1, max_wait=0.05)))
        stream = await chat(client, stream=True)
        error = await failing(chat(client))
        assert isinstance(error, openai.APIConnectionError)
        assert isinstance(error.__cause__, NotSent)
        assert [chunk async for chunk in each(stream)]
        assert await chat(client)
        stream = await chat(client, stream=True)
        await close(stream)
        assert await chat(client)
        await close(client)

    mode.run(script)


@modes
def test_tokens_of_a_request(mode: Mode, primary: SimulatedProvider) -> None:
    """A quarter of its bytes and the output it asks for; what does not fit in the time there is is not sent."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline(RateLimiter(tokens_per_minute=10_000, max_wait=0.1)))
        assert await chat(client, max_tokens=900)
        error = await failing(chat(client, max_tokens=5000))
        assert isinstance(error, openai.APIConnectionError)
        assert isinstance(error.__cause__, NotSent)
        assert 1 < error.__cause__.reopens_in < 62
        await close(client)

    mode.run(script)
    assert primary.count() == 1


TOLD: dict[str, tuple[bytes, ...]] = {
    "chat": (
        b'{"id":"c","choices":[{"index":0,"delta":{"content":"\\"total_tokens\\": 9"}}],"usage":null}',
        b'{"id":"c","choices":[],"usage":{"prompt_tokens":4000,"completion_tokens":5000,"total_tokens":9000}}',
        b"[DONE]",
    ),
    "responses": (
        b'{"type":"response.output_text.delta","delta":"a","output_index":0,"content_index":0,"item_id":"i"}',
        (
            b'{"type":"response.completed","response":{"id":"r","object":"response","output":[],'
            b'"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":9000}}}'
        ),
    ),
    "messages": (
        (
            b'{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"c",'
            b'"usage":{"input_tokens":4000,"cache_creation_input_tokens":1000,"output_tokens":1}}}'
        ),
        b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}',
        b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4000}}',
        b'{"type":"message_stop"}',
    ),
    "generate_content": (
        b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"totalTokenCount":5}}',
        b'{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"totalTokenCount":9000}}',
    ),
}
"""9,000 tokens, as each API tells it in a stream."""


def written(events: tuple[bytes, ...]) -> bytes:
    def one(event: bytes) -> bytes:
        kind = json.loads(event).get("type") if event.startswith(b'{"type"') else None
        return (b"" if kind is None else b"event: %b\n" % kind.encode()) + b"data: %b\n\n" % event

    return b"".join(map(one, events))


@modes
@pytest.mark.parametrize("family", TOLD)
def test_what_a_stream_says_it_cost_is_counted(mode: Mode, family: str) -> None:
    """Regression: only a plain answer's usage was, and a stream counted as what its request let expect."""

    async def script() -> None:
        pipeline = Pipeline(RateLimiter(tokens_per_minute=10_000, max_wait=0.1), isolated=True)
        origin = server.url.removesuffix("/v1")
        if family == "messages":
            client = wrap(ANTHROPIC.make(mode.is_async, origin, "k"), pipeline)
            ask = partial(ANTHROPIC.streamed, mode, client)
        elif family == "generate_content":
            client = wrap(GENAI.make(mode.is_async, origin, "k"), pipeline)
            ask = partial(GENAI.streamed, mode, client)
        else:
            make = openai.AsyncOpenAI if mode.is_async else openai.OpenAI
            client = wrap(make(base_url=server.url, api_key="k"), pipeline)

            async def ask() -> object:
                if family == "chat":
                    return await everything(await chat(client, stream=True, stream_options={"include_usage": True}))
                return await everything(await do(client.responses.create(model=MODEL, input="hello", stream=True)))

        assert await ask()
        error = await failing(ask())
        assert "rate limit full" in f"{error} {error.__cause__} {notes(error)}"
        await (GENAI.end(mode, client) if family == "generate_content" else close(client))

    sdk = {"messages": "anthropic", "generate_content": "google.genai"}.get(family, "openai")
    if not installed(sdk):
        pytest.skip(f"{sdk} is not installed")
    with closing(Bytes()) as server:
        server.answers = [(HEAD % EVENTS + written(TOLD[family]), False)] * 2
        mode.run(script)
        assert server.asked == 1


def test_the_header_says_the_priority(primary: SimulatedProvider) -> None:
    """It is read, stripped, and refused if it is neither word."""
    client = wrap(Mode("sync").openai(primary), Pipeline(RateLimiter(concurrency=1)))
    say = {"x-resilient-ai-priority": "batch"}
    client.chat.completions.create(model=MODEL, messages=HELLO, extra_headers=say)
    assert not primary.saw("x-resilient-ai-priority")
    with pytest.raises(
        (ConfigurationError, openai.APIConnectionError)
    ) as caught:  # openai 2 wraps what it does not know
        client.chat.completions.create(model=MODEL, messages=HELLO, extra_headers={"x-resilient-ai-priority": "low"})
    assert "interactive, batch" in f"{caught.value} {caught.value.__cause__}"
    client.close()
