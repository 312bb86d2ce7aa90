"""Another target answers: with its own key and model, and with nothing of the primary's."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from resilient_ai import Pipeline, Retry, Target, options, outcome, wrap
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, chat, close, do, each, entered, everything, flavours, http, modes, two_modes

FAULTS = {
    "500": Fault.status(500),
    "503": Fault.status(503),
    "html": Fault.html(502),
    "gateway's 403": Fault.html(403),
    "429": Fault.rate_limited(retry_after=30),
    "reset": Fault.reset(),
    "refused": Fault.refused(),
    "cut": Fault.truncated_clean(),
    "malformed": Fault.malformed_json(),
    "error in 200": Fault.error_in_stream(after_tokens=0),
}


@modes
@pytest.mark.parametrize("name", FAULTS)
def test_another_answers(mode: Mode, primary: Any, backup: Any, to_backup: Any, name: str) -> None:
    """Promises 17 and 22."""

    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(FAULTS[name])
        answer = await chat(client)
        assert answer.system_fingerprint == "fp_backup"
        told = outcome(answer)
        assert (told.answered_by, told.source, told.degraded) == ("backup:*", "fallback", True)
        assert told.attempts[0].startswith("primary: ")
        await close(client)

    mode.run(script)
    assert [request.key for request in backup.requests()] == ["backup:0"]


@two_modes
@pytest.mark.parametrize("kind", ["openai", "azure"])
def test_a_rotating_token_that_is_refused_is_an_outage(mode: Mode, primary: Any, to_backup: Any, kind: str) -> None:
    """Promise 17 for a client whose callable gives another token at every call: its giver has worked before."""
    tokens = iter([primary.key, "sk-new"])

    def give() -> str:
        return next(tokens)

    async def give_later() -> str:
        return give()

    async def script() -> None:
        if kind == "azure":
            given = mode.azure(primary, azure_ad_token_provider=give)
        else:
            given = mode.openai(primary, api_key=give_later if mode.is_async else give)
        client = wrap(given, Pipeline.default(isolated=True), fallback=to_backup)
        assert outcome(await chat(client)).answered_by == "primary"
        assert outcome(await chat(client)).answered_by == "backup:*"
        await close(client, given)

    mode.run(script)


@two_modes
def test_model_and_key_are_swapped_and_all_else_is_the_same(mode: Mode, primary: Any, backup: Any) -> None:
    async def script() -> None:
        target = Target("backup:gpt-4.1", base_url=backup.base_url, api_key=lambda: backup.key)
        client = wrap(mode.openai(primary), Pipeline.default(Retry(attempts=1)), fallback=[target])
        primary.fault(Fault.status(500))
        body = {"messages": [{"role": "user", "content": '"model": "gpt-4o-mini" ü'}], "metadata": {"model": MODEL}}
        answer = await chat(client, **body, seed=7, temperature=0.5)
        assert answer.model == "gpt-4.1"
        assert outcome(answer).model == "gpt-4.1"
        await close(client)

    mode.run(script)
    asked, got = primary.requests()[0], backup.requests()[0]
    assert got.json == asked.json | {"model": "gpt-4.1"}
    assert got.body_bytes == asked.body_bytes + len("gpt-4.1") - len(MODEL)
    assert (got.method, got.path, got.complaint) == (asked.method, asked.path, None)


@two_modes
def test_the_same_model_elsewhere_gets_the_same_bytes(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(Fault.status(500))
        await chat(client)
        await do(client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF")))
        await close(client)

    mode.run(script)
    assert {r.body_sha256 for r in primary.requests()} == {r.body_sha256 for r in backup.requests()}


CANARY = "canary-7f3a"


@modes
@pytest.mark.parametrize("kind", ["plain", "stream", "upload"])
def test_a_fallback_sees_nothing_of_the_primary_s(
    mode: Mode, primary: Any, backup: Any, to_backup: Any, kind: str
) -> None:
    """Promise 26: no key, cookie, organisation or header of the program's own."""

    async def script() -> None:
        given = mode.http_client(
            headers={"x-gateway-key": f"{CANARY}-1", "cookie": f"sso={CANARY}-2"},
            cookies={"session": f"{CANARY}-3"},
            params={"subscription-key": f"{CANARY}-4"},
        )
        client = mode.openai(
            primary,
            http_client=given,
            organization=f"{CANARY}-5",
            project=f"{CANARY}-6",
            default_headers={"x-tenant": f"{CANARY}-7", "api-key": f"{CANARY}-8"},
            default_query={"sig": f"{CANARY}-9"},
        )
        client = wrap(client, Pipeline.default(Retry(attempts=1)), fallback=to_backup)
        primary.fault(Fault.status(503))
        extra: Any = {"extra_headers": {"x-call": f"{CANARY}-a"}, "extra_query": {"token": f"{CANARY}-b"}}
        if kind == "upload":
            await do(client.files.create(file=("a.txt", b"hello"), purpose="assistants", **extra))
        else:
            answer = await chat(client, stream=kind == "stream", **extra)
            if kind == "stream":
                await everything(answer)
        await close(client, given)

    mode.run(script)
    assert primary.saw(f"{CANARY}-1")
    assert primary.saw(f"{CANARY}-b")
    assert backup.count() == 1
    assert not backup.saw(CANARY)
    assert not backup.saw(primary.key)
    assert not primary.saw(backup.key)


@two_modes
def test_a_fallback_s_cookie_never_reaches_the_jar(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    """Promise 26."""

    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(Fault.status(503, count=1))
        backup.fault(Fault.set_cookie(f"evil={CANARY}; Path=/"))
        assert (await chat(client)).system_fingerprint == "fp_backup"
        assert list(client._client.cookies.jar) == []
        assert (await chat(client)).system_fingerprint == "fp_primary"
        await close(client)

    mode.run(script)
    assert not primary.saw(CANARY)


@two_modes
def test_a_fallback_s_redirect_is_a_failure(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    """Promise 26: never followed, against nobody's URL."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Retry(attempts=1)), fallback=to_backup)
        primary.fault(Fault.status(503))
        backup.fault(Fault.redirect(f"{primary.base_url}/stolen"))
        with pytest.raises(openai.APIError) as caught:
            await chat(client)
        assert "it redirects" in str(caught.value.__cause__)
        await close(client)

    mode.run(script)
    assert (primary.count(), backup.count()) == (1, 1)


@modes
def test_a_stream_that_does_not_begin_is_begun_elsewhere(mode: Mode, primary: Any, to_backup: Any) -> None:
    """Promise 21."""

    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        for fault in (Fault.status(503), Fault.reset()):
            primary.fault(fault)
            stream = await chat(client, stream=True)
            assert outcome(stream).answered_by == "backup:*"
            assert {chunk.system_fingerprint async for chunk in each(stream)} == {"fp_backup"}
        async with entered(client.responses.stream(model=MODEL, input="hello")) as events:
            assert [event.type async for event in each(events)][-1] == "response.completed"
        await close(client)

    mode.run(script)


@two_modes
def test_embeddings_never_change_their_model(mode: Mode, primary: Any, backup: Any) -> None:
    async def script() -> None:
        ask: Any = {"model": "text-embedding-3-small", "input": "hello"}
        other = Target("other:text-embedding-3-large", base_url=backup.base_url, api_key=backup.key)
        same = Target("same:text-embedding-3-small", base_url=backup.base_url, api_key=backup.key)
        client = wrap(mode.openai(primary), Pipeline.default(Retry(attempts=1)), fallback=[other])
        primary.fault(Fault.status(503))
        with pytest.raises(openai.InternalServerError):
            await do(client.embeddings.create(**ask))
        assert backup.count() == 0
        third = wrap(client, fallback=[other, same])
        answer = await do(third.embeddings.create(**ask))
        assert outcome(answer).answered_by == "same:text-embedding-3-small"
        await close(third, client)

    mode.run(script)
    assert [request.model for request in backup.requests()] == ["text-embedding-3-small"]


@two_modes
def test_a_mapping_by_model(mode: Mode, primary: Any, backup: Any) -> None:
    async def script() -> None:
        target = Target("backup:gpt-4.1-mini", base_url=backup.base_url, api_key=backup.key)
        client = wrap(mode.openai(primary), Pipeline.default(Retry(attempts=1)), fallback={MODEL: [target]})
        primary.fault(Fault.status(503))
        assert (await chat(client)).model == "gpt-4.1-mini"
        with pytest.raises(openai.InternalServerError):
            await chat(client, model="gpt-4o")
        await close(client)

    mode.run(script)


@two_modes
def test_the_caller_s_mistakes_stay_at_home(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        for mistake in ({"temperature": 17}, {"model": "no-such-model"}):
            with pytest.raises(openai.APIStatusError):
                await chat(client, **mistake)
        with pytest.raises(openai.AuthenticationError):
            await chat(client.with_options(api_key="sk-never-worked"))
        await close(client)

    mode.run(script)
    assert backup.count() == 0


@two_modes
def test_kept_at_home_when_asked(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Retry(attempts=1)), fallback=to_backup)
        primary.fault(Fault.status(503))
        with options(fallback=False), pytest.raises(openai.InternalServerError):
            await chat(client)
        with pytest.raises(openai.InternalServerError):
            await chat(client, extra_headers={"x-resilient-ai-fallback": "off"})
        assert backup.count() == 0
        assert await chat(client)
        await close(client)

    mode.run(script)
    assert backup.count() == 1


@two_modes
def test_both_down(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Retry(attempts=1)), fallback=to_backup)
        primary.fault(Fault.reset())
        backup.fault(Fault.status(503))
        with pytest.raises(openai.InternalServerError) as caught:
            await chat(client)
        told = "\n".join(caught.value.__notes__)
        assert "attempt 1: primary: transient" in told
        assert "attempt 2: backup:*: overloaded (HTTP 503)" in told
        await close(client)

    mode.run(script)
    assert (primary.count(), backup.count()) == (1, 1)


@modes
def test_a_mute_primary_leaves_time_for_the_fallback(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary, timeout=0.8), fallback=to_backup)
        primary.fault(Fault.blackhole())
        assert outcome(await chat(client)).answered_by == "backup:*"
        await close(client)

    mode.run(script)


@two_modes
def test_azure_first_openai_second(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    """Azure says the model in the path; the other target is told it in the body, as its dialect wants."""

    async def script() -> None:
        client = wrap(mode.azure(primary, api_key=primary.key), fallback=to_backup)
        primary.fault(Fault.status(503))
        answer = await chat(client)
        assert outcome(answer).answered_by == "backup:*"
        await close(client)

    mode.run(script)
    seen = backup.requests()[0]
    assert (seen.path, seen.query, seen.model, seen.key) == ("/v1/chat/completions", "", MODEL, "backup:0")
    assert not backup.saw(primary.key)


@two_modes
@flavours
def test_a_plain_http_client_has_a_fallback_too(
    mode: Mode, flavour: Any, primary: Any, backup: Any, to_backup: Any
) -> None:
    async def script() -> None:
        given = mode.http_client(flavour, headers={"authorization": f"Bearer {primary.key}"})
        client = wrap(given, fallback=to_backup)
        primary.fault(Fault.status(503))
        url = f"{primary.base_url}/chat/completions"
        answer = await do(client.post(url, content=json.dumps({"model": MODEL, "messages": HELLO})))
        assert answer.status_code >= 400  # no content type: the vendor's own 400 or the outage, but no crash
        answer = await do(client.post(url, json={"model": MODEL, "messages": HELLO}))
        assert answer.json()["system_fingerprint"] == "fp_backup"
        assert str(answer.url) == url
        await close(client, given)

    mode.run(script)
    assert not backup.saw(primary.key)


@two_modes
def test_packed_answers(mode: Mode, primary: Any) -> None:
    """A custom transport that packs its answers: they are unpacked once."""
    import gzip

    packed = gzip.compress(json.dumps({"id": "x", "choices": [], "usage": {}, "model": MODEL}).encode())

    def handle(request: Any) -> Any:
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        return http.Response(200, headers=headers, content=packed)

    async def script() -> None:
        given = mode.http_client(transport=http.MockTransport(handle))
        client = wrap(mode.openai(primary, http_client=given))
        assert (await chat(client)).model == MODEL
        await close(client, given)

    mode.run(script)


def _no_key() -> str:
    raise RuntimeError("the vault is sealed: sekret")


@two_modes
@pytest.mark.parametrize("key", [_no_key, lambda: None, lambda: "", lambda: "two\nlines"], ids=["raises", *"123"])
def test_a_key_that_cannot_be_had_ends_its_target_and_not_the_chain(
    mode: Mode, primary: Any, backup: Any, to_backup: Any, key: Any
) -> None:
    """Promise 17: whatever ails one fallback, the next is asked; and promise 29: the key's trouble is not told."""

    async def script() -> None:
        locked = Target("locked:*", base_url=backup.base_url, api_key=key)
        client = wrap(mode.openai(primary), fallback=[locked, *to_backup])
        primary.fault(Fault.status(500))
        told = outcome(await chat(client))
        assert told.answered_by == "backup:*"
        assert any(attempt.startswith("locked:*: auth") for attempt in told.attempts), told.attempts
        assert "sekret" not in str(told)
        await close(client)

    mode.run(script)
    assert len(backup.requests()) == 1


@two_modes
def test_a_key_is_asked_for_once_an_attempt(mode: Mode, primary: Any, backup: Any) -> None:
    asked: list[int] = []

    def key() -> str:
        asked.append(1)
        return str(backup.key)

    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=[Target("backup:*", base_url=backup.base_url, api_key=key)])
        primary.fault(Fault.status(500))
        await chat(client)
        await close(client)

    mode.run(script)
    assert len(asked) == len(backup.requests()) == 1
