"""Each host that we know, played strictly on a real socket: where it is asked, with which key, and with what."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import openai
import pytest

from resilient_ai import Fallback, Pipeline, Retry, Target, outcome, wrap
from resilient_ai.hosts import HOSTS, Host
from resilient_ai.providers.hosting import serves
from resilient_ai.testing import Fault

from .modes import Mode, chat, close, do, everything, modes, notes, two_modes
from .strict import Strict, chat_answer, refused

if TYPE_CHECKING:
    from .strict import Answer, Seen

CANARY = "canary-51c2"
KEY = "sk-of-the-fallback"
PATHS = {"azure-deployments": "/openai/deployments/their%20model/chat/completions?api-version=2024-10-21"}
"""What is asked for below a base URL, where it is not ``/chat/completions``."""
HEADERS = {"azure": "api-key", "azure-deployments": "api-key"}
ROWS = [name for name in sorted(HOSTS) if serves(HOSTS[name], "chat", "openai") and "openai" in HOSTS[name].dialect]


def once() -> Pipeline:
    return Pipeline.default(Retry(attempts=1), isolated=True)


def base_of(host: Host) -> str:
    """The path of its base URL."""
    url = re.sub(r"\{.*?\}", "x", host.base_url or "")
    return urlsplit(url if "//" in url else f"//{url}").path


def played(name: str) -> Strict:
    """The host's own server: strict about its path, its key, and every field it is known not to take."""
    host = HOSTS[name]
    base = base_of(host)

    def play(seen: Seen) -> Answer:
        if seen.path != base + PATHS.get(name, "/chat/completions"):
            return refused(404, f"no such path: {seen.path}")
        header = HEADERS.get(name, "authorization")
        if seen.headers.get(header) != (KEY if header == "api-key" else f"Bearer {KEY}"):
            return refused(401, f"no key in {header}")
        request = seen.json
        unknown = {field for field in host.rejects | host.strips if field in request}
        unknown |= {old for old, _ in host.renames if old in request}
        if unknown or any(one["role"] == "developer" != host.developer for one in request["messages"]):
            return refused(400, f"unknown: {unknown}")
        status, kind, answer = chat_answer(seen)
        return status, kind, answer + (b"data: [DONE]\n\n" if host.terminated and "event" in kind else b"")

    return Strict(play)


def at(name: str, server: Strict, **said: Any) -> Target:
    return Target(f"{name}:their model", base_url=server.url + base_of(HOSTS[name]), api_key=KEY, **said)


@two_modes
@pytest.mark.parametrize("name", ROWS)
def test_it_is_asked_as_it_wants_to_be(mode: Mode, primary: Any, name: str) -> None:
    """Path, query, header with the key, and fields; promise 26: nothing of the primary's, and the reverse."""

    async def script() -> None:
        given = mode.http_client(headers={"x-gateway-key": f"{CANARY}-1"}, cookies={"session": f"{CANARY}-2"})
        client = mode.openai(
            primary,
            http_client=given,
            organization=f"{CANARY}-3",
            project=f"{CANARY}-4",
            default_headers={"api-key": f"{CANARY}-5", "x-api-key": f"{CANARY}-6"},
            default_query={"api-version": f"{CANARY}-7"},
        )
        client = wrap(client, once(), fallback=[at(name, server)])
        primary.fault(Fault.status(503))
        messages = [{"role": "developer", "content": "short"}, {"role": "user", "content": "hello"}]
        said: Any = {"messages": messages, "max_completion_tokens": 9, "user": f"{CANARY}-user", "store": False}
        said |= {"n": 1} if "n" in HOSTS[name].rejects else {}
        answer = await chat(client, **said)
        assert answer.choices[0].message.content == "from there"
        assert outcome(answer).answered_by == f"{name}:their model"
        stream = await everything(await chat(client, stream=True, **said))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "from there"
        await close(client, given)

    with played(name) as server:
        mode.run(script)
    assert len(server.seen) == 2
    for seen in server.seen:
        assert seen.json["model"] == "their model"
        assert not seen.has(primary.key)
        assert not any(seen.has(f"{CANARY}-{number}") for number in range(1, 8))
    assert primary.saw(f"{CANARY}-3")
    assert not primary.saw(KEY)


@two_modes
@pytest.mark.parametrize("name", [name for name in ROWS if {"seed", "n"} & (HOSTS[name].rejects | HOSTS[name].ignores)])
def test_what_it_does_not_take_is_never_lost_silently(mode: Mode, primary: Any, name: str) -> None:
    """It is not asked, the next one is; and if nobody is left, the program hears of the field."""
    host = HOSTS[name]
    field = "seed" if "seed" in host.rejects | host.ignores else "n"
    why = f"{field}: {name} {'rejects' if field in host.rejects else 'ignores'} it"

    async def script() -> None:
        primary.fault(Fault.status(503))
        to_both = [at(name, server), Target("plain:m", base_url=other.url, api_key=KEY)]
        client = wrap(mode.openai(primary), once(), fallback=to_both)
        assert outcome(await chat(client, **{field: 2})).answered_by == "plain:m"
        alone = wrap(mode.openai(primary), once(), fallback=to_both[:1])
        with pytest.raises(openai.InternalServerError) as caught:
            await chat(alone, **{field: 2})
        assert why in notes(caught.value)
        await close(client, alone)

    with played(name) as server, Strict(chat_answer) as other:
        mode.run(script)
    assert (len(server.seen), len(other.seen)) == (0, 1)


@two_modes
def test_what_it_does_not_take_is_left_out_if_the_program_says_so(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        fallback = Fallback([at("gemini-openai", server)], on_untranslatable="drop")
        client = wrap(mode.openai(primary), Pipeline.default(Retry(attempts=1), fallback, isolated=True))
        primary.fault(Fault.status(503))
        answer = await chat(client, seed=7, n=1, user="u", temperature=0.5)
        assert outcome(answer).dropped == ("seed",)
        await close(client)

    with played("gemini-openai") as server:
        mode.run(script)
    asked = primary.requests()[0].json | {"model": "their model"}
    assert server.seen[0].json == {name: value for name, value in asked.items() if name not in ("seed", "user")}


@two_modes
def test_bytes_are_untouched_where_nothing_needs_a_change(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), once(), fallback=[Target("groq:*", base_url=server.url, api_key=KEY)])
        primary.fault(Fault.status(503))
        await chat(client, temperature=0.5, seed=3, messages=[{"role": "user", "content": 'ü "n": \\"'}])
        await close(client)

    with Strict(chat_answer) as server:
        mode.run(script)
    assert hashlib.sha256(server.seen[0].body).hexdigest() == primary.requests()[0].body_sha256


@modes
def test_what_a_host_does_not_serve_is_not_asked_of_it(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        fallback = [at("mistral", server), at("groq", server)]
        client = wrap(mode.openai(primary), once(), fallback=fallback)
        primary.fault(Fault.status(503))
        with pytest.raises(openai.APIStatusError):
            await do(client.images.generate(prompt="a cat", model="m"))
        with pytest.raises(openai.APIStatusError):
            await do(client.responses.create(model="m", input="a"))
        await close(client)

    with Strict(lambda _: refused(418, "asked")) as server:
        mode.run(script)
    # An image of neither; a Responses call is put as Chat where there is nothing else.
    assert [seen.path for seen in server.seen] == ["/v1/chat/completions", "/openai/v1/responses"]


@two_modes
def test_a_host_of_the_program_s_own(mode: Mode, primary: Any) -> None:
    mine = Host(query=(("team", "a"),), headers=(("x-team", "b"),), ignores=frozenset({"seed"}), terminated=False)

    async def script() -> None:
        target = Target("mine:m", base_url=f"{server.url}/v1", api_key=KEY, host=mine)
        client = wrap(mode.openai(primary), once(), fallback=[target])
        primary.fault(Fault.status(503))
        assert len(await everything(await chat(client, stream=True))) == 2  # without its terminal event
        with pytest.raises(openai.InternalServerError) as caught:
            await chat(client, seed=1)
        assert "seed: mine ignores it" in notes(caught.value)
        await close(client)

    with Strict(chat_answer) as server:
        mode.run(script)
    (seen,) = server.seen
    assert (seen.path, seen.headers["x-team"]) == ("/v1/chat/completions?team=a", "b")


@two_modes
def test_a_token_of_entra_is_a_bearer_s(mode: Mode, primary: Any) -> None:
    tokens = iter(["eyJ0eXAi.one.sig", "eyJ0eXAi.two.sig"])

    async def script() -> None:
        target = replace(at("azure", server), api_key=lambda: next(tokens))
        client = wrap(mode.openai(primary), once(), fallback=[target])
        primary.fault(Fault.status(503))
        await chat(client)
        await chat(client)
        await close(client)

    with Strict(chat_answer) as server:
        mode.run(script)
    assert [seen.headers.get("authorization") for seen in server.seen] == [
        "Bearer eyJ0eXAi.one.sig",
        "Bearer eyJ0eXAi.two.sig",
    ]
    assert not any("api-key" in seen.headers for seen in server.seen)


def gave_up(reason: str) -> Any:
    """A host that ends its answers so."""

    def play(seen: Seen) -> Answer:
        status, kind, answer = chat_answer(seen)
        answer = answer.replace(b'"stop"', f'"{reason}"'.encode()) + (b"data: [DONE]\n\n" if "event" in kind else b"")
        return status, kind, answer.replace(b'"from "', b'""').replace(b'"there"', b'""')

    return play


@modes
@pytest.mark.parametrize("reason", ["insufficient_system_resource", "error"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_says_it_is_none(mode: Mode, primary: Any, reason: str, stream: bool) -> None:
    """DeepSeek's system ran out of something; Mistral and OpenRouter call it an error: with HTTP 200."""

    async def script() -> None:
        primary.fault(Fault.status(503))
        fallback = [
            Target("deepseek:m", base_url=host.url, api_key=KEY),
            Target("b:m", base_url=sound.url, api_key=KEY),
        ]
        client = wrap(mode.openai(primary), once(), fallback=fallback)
        answer = await chat(client, stream=stream)
        if stream:
            said = await everything(answer)
            assert "".join(chunk.choices[0].delta.content or "" for chunk in said) == "from there"
        else:
            assert outcome(answer).answered_by == "b:m"
            assert outcome(answer).attempts[1].startswith("deepseek:m: transient")
        await close(client)

    def play(seen: Seen) -> Answer:
        status, kind, answer = chat_answer(seen)
        return status, kind, answer + (b"data: [DONE]\n\n" if "event" in kind else b"")

    with Strict(gave_up(reason)) as host, Strict(play) as sound:
        mode.run(script)
    assert (len(host.seen), len(sound.seen)) == (1, 1)


@two_modes
def test_it_is_the_program_s_to_read_if_nobody_else_answers(mode: Mode) -> None:
    """As under the bare SDK."""

    async def script() -> None:
        given = (openai.AsyncOpenAI if mode.is_async else openai.OpenAI)(api_key="k", base_url=host.url)
        client = wrap(given, Pipeline.default(Retry(attempts=2), isolated=True))
        assert (await chat(client)).choices[0].finish_reason == "error"
        await close(client, given)

    with Strict(gave_up("error")) as host:
        mode.run(script)
    assert len(host.seen) == 2
