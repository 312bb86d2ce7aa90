"""Switched off, or with an empty pipeline: exactly what the bare SDK does."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from resilient_ai import Pipeline, control, options, outcome, wrap
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, chat, close, do, each, entered, everything, modes, two_modes

QUICK: Any = {"retry-after-ms": "1"}
"""The bare SDK's own wait between two attempts, kept short."""

WAYS: dict[str, Any] = {
    "fine": (None, {}),
    "stream": (None, {"stream": True}),
    "500": (Fault.status(500, headers=QUICK), {}),
    "500 once": (Fault.status(500, headers=QUICK, count=1), {}),
    "429": (Fault.status(429, headers=QUICK), {}),
    "400": (Fault.status(400), {}),
    "error in 200": (Fault.error_in_stream(after_tokens=0), {}),
    "malformed": (Fault.malformed_json(), {}),
    "redirect": (Fault.redirect("/v1/chat/completions?again=1", count=1), {}),
    "cut stream": (Fault.truncated(after_tokens=2), {"stream": True}),
    "ended stream": (Fault.truncated_clean(after_tokens=2), {"stream": True}),
    "time-out": (Fault.blackhole(), {"timeout": 0.2}),
}


def _seen(provider: Any) -> list[Any]:
    # The keys of a request as it stood on the wire, but for what differs from one connection to the next.
    return [(r.method, r.path, r.query, list(r.headers.items()), r.body_sha256, r.key) for r in provider.requests()]


async def _observe(client: Any, call: dict[str, Any]) -> Any:
    """All a program can see of a call."""
    try:
        answer = await chat(client, **call)
        if call.get("stream"):
            answer = await everything(answer)
            return [chunk.model_dump(exclude={"id", "created"}) for chunk in answer]
        return answer.model_dump(exclude={"id", "created"}), answer._request_id is not None
    except Exception as error:
        response = getattr(error, "response", None)
        said = None if response is None else (response.status_code, response.text)
        cause = type(error.__cause__)
        return type(error), str(error), said, cause, getattr(error, "__notes__", [])


@two_modes
@pytest.mark.parametrize("how", ["off", "empty", "disabled", "observe", "observing", "observed later"])
@pytest.mark.parametrize("way", WAYS)
def test_the_bare_sdk_s_requests_and_answers(
    mode: Mode, primary: Any, to_backup: Any, backup: Any, monkeypatch: Any, how: str, way: str
) -> None:
    """Promises 43 and 44, and observe mode. Regression: an empty pipeline took the SDK's retries, and made none."""
    fault, call = WAYS[way]
    retries = (
        {"max_retries": 0} if how in ("disabled", "observed later") else {"max_retries": 1} if way == "time-out" else {}
    )
    if way == "500":
        call = call | {"extra_headers": {"x-mine": "1"}}

    async def script(wrapped: bool) -> Any:
        # What is disabled later has no retries of the SDK's any more: that much is told in control.disable().
        client = mode.openai(primary, **retries)
        if wrapped:
            if how == "off":
                monkeypatch.setenv("RESILIENT_AI", "off")
                client = wrap(client, fallback=to_backup)
            elif how == "observe":
                monkeypatch.setenv("RESILIENT_AI", "observe")
                client = wrap(client, fallback=to_backup)
            elif how == "observing":
                client = wrap(client, Pipeline.default().observe(), fallback=to_backup)
            elif how == "observed later":
                client = wrap(client, fallback=to_backup)
                control.observe()
            elif how == "empty":
                client = wrap(client, Pipeline())
            else:
                client = wrap(client, fallback=to_backup)
                control.disable()
        if fault is not None:
            primary.fault(fault)
        told = await _observe(client, call)
        await close(client)
        return told

    bare, bare_seen = mode.run(script, False), _seen(primary)
    primary._simulator.reset()
    wrapped, wrapped_seen = mode.run(script, True), _seen(primary)
    assert wrapped == bare
    assert wrapped_seen == bare_seen
    assert backup.count() == 0


@two_modes
def test_on_and_off_and_on_again(mode: Mode, primary: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(Fault.status(503))
        assert outcome(await chat(client)).answered_by == "backup:*"
        control.disable()
        with pytest.raises(openai.InternalServerError):
            await chat(client)
        control.enable()
        assert outcome(await chat(client)).answered_by == "backup:*"
        await close(client)

    mode.run(script)


@two_modes
def test_our_headers_are_taken_off_whatever_the_mode(mode: Mode, primary: Any) -> None:
    """Regression: switched off, they went to the provider."""

    async def script() -> None:
        client = wrap(mode.openai(primary))
        headers = {"x-resilient-ai-deadline": "20", "X-Resilient-AI-Tag": "a"}
        await chat(client, extra_headers=headers)
        control.disable()
        await chat(client, extra_headers=headers)
        await close(client)

    mode.run(script)
    assert not primary.saw("resilient-ai")
    assert primary.count() == 2


@two_modes
def test_a_word_that_is_no_mode(mode: Mode, primary: Any, monkeypatch: Any) -> None:
    given = mode.http_client()
    monkeypatch.setenv("RESILIENT_AI", "perhaps")
    for client in (given, mode.openai(primary, http_client=given)):
        with pytest.raises(ValueError, match="takes 'on', 'observe' or 'off'"):
            wrap(client)
    mode.run(close, given)


@two_modes
def test_an_empty_pipeline_gives_the_retries_back(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        given = mode.openai(primary, max_retries=1)
        first = wrap(given)
        second = wrap(first, Pipeline())
        assert (given.max_retries, first.max_retries, second.max_retries) == (1, 0, 1)
        await close(second, first, given)

    mode.run(script)


@modes
def test_importing_and_wrapping_sends_nothing(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        given = mode.openai(primary)
        await close(wrap(given), given)

    mode.run(script)
    assert primary.connections == 0


@two_modes
def test_the_same_requests_when_all_is_well(mode: Mode, primary: Any) -> None:
    """Switched on too, the provider sees what it saw before, header by header and byte by byte."""

    async def script(wrapped: bool) -> None:
        client = mode.openai(primary)
        if wrapped:
            client = wrap(client)
        await chat(client)
        await everything(await chat(client, stream=True))
        await do(client.models.list())
        await do(client.embeddings.create(model="text-embedding-3-small", input="hello"))
        with options(tag="mine"):
            await do(client.responses.create(model=MODEL, input="hello"))
        async with entered(client.chat.completions.stream(model=MODEL, messages=HELLO)) as stream:
            async for _ in each(stream):
                pass
        await close(client)

    mode.run(script, False)
    bare = _seen(primary)
    primary._simulator.reset()
    mode.run(script, True)
    assert _seen(primary) == bare
