"""Every answer, and every failure, says how it came about."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from pydantic import BaseModel

from resilient_ai import Cache, Pipeline, Retry, options, outcome, record, wrap
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, chat, close, do, each, entered, everything, failing, flavours, modes, two_modes


class Word(BaseModel):
    word: str


SPEECH: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "hello"}


@two_modes
@pytest.mark.parametrize(
    "what",
    [
        "plain",
        "parsed",
        "raw",
        "streaming",
        "stream",
        "stream helper",
        "response",
        "response stream",
        "response helper",
        "binary",
    ],
)
def test_of_every_kind_of_answer(mode: Mode, primary: Any, what: str) -> None:
    async def answer(client: Any) -> Any:
        completions: Any = client.chat.completions
        ask: Any = {"model": MODEL, "messages": HELLO}
        if what == "parsed":
            return await do(completions.parse(**ask, response_format=Word))
        if what == "raw":
            return await do(completions.with_raw_response.create(**ask))
        if what == "response":
            return await do(client.responses.create(model=MODEL, input="hello"))
        if what == "binary":
            return await do(client.audio.speech.create(**SPEECH))
        return await chat(client)

    async def script() -> None:
        client = wrap(mode.openai(primary))
        primary.fault(Fault.status(503, count=1))
        with options(tag="claims"):
            if what == "streaming":
                ask: Any = {"model": MODEL, "messages": HELLO}
                async with entered(client.chat.completions.with_streaming_response.create(**ask)) as response:
                    told = outcome(response)
            elif what.endswith("helper"):
                helper = client.responses.stream(model=MODEL, input="hello") if "response" in what else None
                helper = helper or client.chat.completions.stream(model=MODEL, messages=HELLO)
                async with entered(helper) as stream:
                    told = outcome(stream)
                    await everything(stream)
            elif what in ("stream", "response stream"):
                if what == "stream":
                    stream = await chat(client, stream=True)
                else:
                    stream = await do(client.responses.create(model=MODEL, input="hello", stream=True))
                told = outcome(stream)
                await everything(stream)
            else:
                told = outcome(await answer(client))
        assert (told.answered_by, told.source, told.degraded, told.tag) == ("primary", "fresh", False, "claims")
        assert len(told.attempts) == 2
        assert told.waited > 0
        await close(client)

    mode.run(script)


@modes
def test_headers_say_it_too(mode: Mode, primary: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(Fault.refused())
        raw = await do(client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO))
        assert raw.headers["x-resilient-ai-answered-by"] == "backup:*"
        assert raw.headers["x-resilient-ai-source"] == "fallback"
        assert int(raw.headers["x-resilient-ai-attempts"]) >= 2
        await close(client)

    mode.run(script)


@two_modes
@flavours
def test_of_an_http_answer_and_error(mode: Mode, flavour: Any, primary: Any) -> None:
    async def script() -> None:
        given = mode.http_client(flavour, base_url=primary.base_url, headers={"authorization": f"Bearer {primary.key}"})
        client = wrap(given, Pipeline.default(Retry(attempts=1)))
        assert outcome(await do(client.get("/models"))).family == "models"
        primary.fault(Fault.status(500))
        answer = await do(client.get("/models"))
        assert outcome(answer).answered_by is None
        with pytest.raises(flavour.HTTPStatusError) as caught:
            answer.raise_for_status()
        assert outcome(caught.value).attempts[0].startswith("primary: transient (HTTP 500)")
        primary.fault(Fault.reset())
        error = await failing(do(client.get("/models")) if mode.is_async else _get(client))
        assert outcome(error).attempts[0].startswith("primary: transient")
        await close(client, given)

    mode.run(script)


async def _get(client: Any) -> Any:
    return client.get("/models")


@modes
def test_recorded(mode: Mode, primary: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Retry(attempts=1)), fallback=to_backup)
        with record() as outer:
            await chat(client)
            with record() as inner:
                stream = await chat(client, stream=True)
                assert inner == []  # a stream is told at its end
                await everything(stream)
                primary.fault(Fault.status(503))
                await chat(client)
                with options(fallback=False):
                    assert isinstance(await failing(chat(client)), openai.InternalServerError)
        await chat(client)
        assert [call.answered_by for call in inner] == ["primary", "backup:*", None]
        assert [call.answered_by for call in outer] == ["primary", "primary", "backup:*", None]
        await close(client)

    mode.run(script)


def test_of_what_never_came_through(primary: Any) -> None:
    client = Mode("sync").openai(primary)
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)
    for thing in (answer, object(), ValueError(), None):
        with pytest.raises(LookupError, match="did not come through a wrapped client"):
            outcome(thing)
    client.close()


@modes
def test_a_stale_answer_says_so(mode: Mode, primary: Any) -> None:
    """Opted in, all down, asked before: the stale answer, marked; no-store neither reads nor writes."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Cache(stale_if_error=60), Retry(attempts=1)))
        fresh = await chat(client)
        primary.fault(Fault.status(503))
        stale = await chat(client)
        told = outcome(stale)
        assert (told.answered_by, told.source, told.degraded) == ("primary", "stale", True)
        assert told.age is not None
        assert stale.choices == fresh.choices
        for how in ("block", "header"):
            with options(cache="no-store" if how == "block" else "default"):
                extra = {"x-resilient-ai-cache": "no-store"} if how == "header" else {}
                assert type(await failing(chat(client, extra_headers=extra))) is openai.InternalServerError
        with pytest.raises(openai.InternalServerError):
            await chat(client, seed=2)
        await close(client)

    mode.run(script)


@two_modes
def test_a_shared_request_id_confuses_nobody(mode: Mode, primary: Any) -> None:
    """An answer without an x-request-id of its own is found as well."""

    async def script() -> None:
        client = wrap(mode.openai(primary))
        with options(tag="one"):
            one = await chat(client)
        with options(tag="two"):
            two = await chat(client)
        assert (outcome(one).tag, outcome(two).tag) == ("one", "two")
        stream = await chat(client, stream=True)
        async for chunk in each(stream):
            assert chunk.object == "chat.completion.chunk"
        await close(client)

    mode.run(script)


@two_modes
def test_of_an_error_that_the_sdk_read_in_a_stream(mode: Mode, primary: Any) -> None:
    """It is the SDK's plainest exception, which knows its request and no response."""
    primary.fault(Fault.error_in_stream(after_tokens=3))

    async def script() -> Any:
        bare = mode.openai(primary)
        client = wrap(bare, Pipeline(Retry(attempts=1)))
        stream = await chat(client, stream=True)
        with pytest.raises(openai.APIError) as caught:
            await everything(stream)
        await close(client, bare)
        return caught.value

    error = mode.run(script)
    assert type(error) is openai.APIError
    assert (outcome(error).family, len(outcome(error).attempts)) == ("chat", 1)
