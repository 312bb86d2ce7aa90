"""What comes back from wrap() is as the client that was given, which is left as it was."""

from __future__ import annotations

import gc
import multiprocessing
from typing import Any

import openai
import pytest

from resilient_ai import outcome, wrap
from resilient_ai._clients.stainless import _say_it_left

from .modes import HELLO, MODEL, OPENAI_3, Mode, chat, close, do, everything, flavours, http, modes, two_modes


@modes
def test_same_class_and_it_answers(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        given = mode.openai(primary)
        client = wrap(given)
        assert type(client) is type(given)
        assert isinstance(client, openai.AsyncOpenAI if mode.is_async else openai.OpenAI)
        answer = await chat(client)
        assert answer.choices[0].message.content
        assert outcome(answer).answered_by == "primary"
        await close(client, given)

    mode.run(script)


@modes
@pytest.mark.parametrize("key", ["string", "callable", "token"])
def test_azure_with_every_kind_of_key(mode: Mode, primary: Any, key: str) -> None:
    """The keys of Azure's clients: a string, a callable, a provider of Entra ID tokens."""
    if key == "callable" and not OPENAI_3:
        pytest.skip("bare openai 2 cannot: ValueError, unable to handle auth")
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return primary.key

    async def async_ask() -> str:
        return ask()

    if key == "string":
        how: dict[str, Any] = {"api_key": primary.key}
    elif key == "callable":
        how = {"api_key": async_ask if mode.is_async else ask}
    else:
        how = {"azure_ad_token_provider": ask}

    async def script() -> None:
        given = mode.azure(primary, **how)
        client = wrap(given)
        assert type(client) is type(given)
        assert (await chat(client)).choices[0].message.content
        assert (await chat(client.with_options(timeout=5))).choices[0].message.content
        await close(client, given)

    mode.run(script)
    request = primary.requests()[-1]
    assert request.path == f"/openai/deployments/{MODEL}/chat/completions"
    assert request.query == "api-version=2024-10-21"
    assert bool(asked) is (key != "string")


@two_modes
def test_a_subclass_with_an_init_of_its_own(mode: Mode, primary: Any) -> None:
    """Regression: such a client cannot be copied by the SDK's own copy()."""
    base: Any = openai.AsyncOpenAI if mode.is_async else openai.OpenAI

    class Ours(base):
        def __init__(self, team: str) -> None:
            super().__init__(api_key=primary.key, base_url=primary.base_url, default_headers={"x-team": team})
            self.team = team

    async def script() -> None:
        given = Ours("claims")
        await chat(given)  # its resources are cached now, and hold on to it
        client = wrap(given)
        assert type(client) is Ours
        assert client.team == "claims"
        answer = await chat(client)
        assert outcome(answer).answered_by == "primary"
        await close(client, given)

    mode.run(script)
    assert [request.headers["x-team"] for request in primary.requests()] == ["claims", "claims"]


@two_modes
def test_a_subclass_with_arguments_of_its_own_and_cached_resources(mode: Mode, primary: Any) -> None:
    base: Any = openai.AsyncOpenAI if mode.is_async else openai.OpenAI

    class Ours(base):
        def __init__(self, team: str, **options: Any) -> None:
            super().__init__(**options)
            self.team = team

    async def script() -> None:
        given = Ours("claims", api_key=primary.key, base_url=primary.base_url)
        await chat(given)
        client = wrap(given)
        assert client.team == "claims"
        assert outcome(await chat(client)).answered_by == "primary"
        assert given.max_retries == 2
        await close(client, given)

    mode.run(script)


@two_modes
def test_settings_are_kept(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        given = mode.openai(
            primary,
            organization="org-1",
            project="proj-1",
            timeout=7.5,
            default_headers={"x-one": "1"},
            default_query={"q": "2"},
        )
        client = wrap(given)
        for name in ("api_key", "organization", "project", "timeout", "base_url"):
            assert getattr(client, name) == getattr(given, name)
        await chat(client)
        await close(client, given)

    mode.run(script)
    seen = primary.requests()[0]
    assert (seen.headers["x-one"], seen.query) == ("1", "q=2")
    assert (seen.headers["openai-organization"], seen.headers["openai-project"]) == ("org-1", "proj-1")


@two_modes
@pytest.mark.parametrize("first", ["given", "wrapped"])
def test_closing_one_leaves_the_other(mode: Mode, primary: Any, first: str) -> None:
    async def script() -> None:
        given = mode.openai(primary)
        assert await chat(given)  # before
        client = wrap(given)
        assert await chat(client)
        assert await chat(given)  # while
        closed, other = (given, client) if first == "given" else (client, given)
        await close(closed)
        assert closed.is_closed()
        assert not other.is_closed()
        assert await chat(other)  # after
        with pytest.raises((RuntimeError, openai.APIConnectionError)):
            await chat(closed)
        await close(other)

    mode.run(script)


@two_modes
def test_no_reference_to_the_given_client_is_needed(mode: Mode, primary: Any) -> None:
    """Regression: the given client's finaliser closes its transport."""

    async def script() -> None:
        client = wrap(mode.openai(primary))
        gc.collect()
        assert await chat(client)
        assert await chat(client.with_options(timeout=5))
        await close(client)

    mode.run(script)


@two_modes
def test_no_reference_to_a_given_http_client_with_a_transport_of_its_users(mode: Mode, primary: Any) -> None:
    class Shared(http.AsyncHTTPTransport if mode.is_async else http.HTTPTransport):
        pass

    async def script() -> None:
        client = wrap(mode.openai(primary, http_client=mode.http_client(transport=Shared())))
        gc.collect()
        assert await chat(client)
        await close(client)

    mode.run(script)


@pytest.mark.parametrize("name", ["asyncio", "trio"])
def test_in_a_second_run(name: str, primary: Any) -> None:
    """Promise 40: one client, two event loops. (Bare openai 3: "Event loop is closed".)"""
    mode = Mode(name)
    clients: list[Any] = []

    async def script() -> None:
        if not clients:
            clients.append(wrap(mode.openai(primary)))
        assert await chat(clients[0])
        assert await everything(await chat(clients[0], stream=True))

    mode.run(script)
    mode.run(script)
    mode.run(close, clients[0])


def _child(client: Any, pipe: Any) -> None:
    try:
        pipe.send(client.chat.completions.create(model=MODEL, messages=HELLO).choices[0].message.content)
    except BaseException as error:
        pipe.send(repr(error))


def test_after_fork(primary: Any) -> None:
    """Promise 39: parent and child both work and share no socket."""
    client = wrap(Mode("sync").openai(primary))
    said = client.chat.completions.create(model=MODEL, messages=HELLO).choices[0].message.content
    here, there = multiprocessing.Pipe()
    context: Any = multiprocessing.get_context("fork")
    child = context.Process(target=_child, args=(client, there))
    child.start()
    assert client.chat.completions.create(model=MODEL, messages=HELLO).choices[0].message.content == said
    assert here.poll(10)
    assert here.recv() == said
    child.join()
    assert client.chat.completions.create(model=MODEL, messages=HELLO).choices[0].message.content == said
    connections = {request.connection for request in primary.requests()}
    assert len(connections) == 2  # the parent's, used thrice, and the child's
    client.close()
    here.close()
    there.close()


@two_modes
@flavours
def test_a_plain_http_client(mode: Mode, flavour: Any, primary: Any) -> None:
    base: Any = flavour.AsyncClient if mode.is_async else flavour.Client

    class Ours(base):
        pass

    async def script() -> None:
        for kind in (base, Ours):
            given = kind(
                base_url=primary.base_url,
                headers={"authorization": f"Bearer {primary.key}", "x-one": "1"},
                params={"q": "2"},
                cookies={"c": "3"},
                timeout=4,
            )
            client = wrap(given)
            assert type(client) is kind
            answer = await do(client.post("/chat/completions", json={"model": MODEL, "messages": HELLO}))
            assert isinstance(answer, flavour.Response)
            assert answer.json()["choices"]
            assert outcome(answer).answered_by == "primary"
            assert answer.elapsed.total_seconds() > 0
            assert (client.base_url, client.timeout, client.params) == (given.base_url, given.timeout, given.params)
            await close(client)
            assert (await do(given.get("/models"))).status_code == 200
            await close(given)

    mode.run(script)
    for seen in primary.requests():
        assert (seen.headers["x-one"], seen.query) == ("1", "q=2")
        assert "cookie" in seen.headers


@two_modes
@flavours
def test_what_is_done_to_one_http_client_is_not_done_to_the_other(mode: Mode, flavour: Any, primary: Any) -> None:
    """Regression: the two shared one cookie jar, one set of headers and one set of hooks."""

    async def script() -> None:
        given = mode.http_client(flavour, base_url=primary.base_url, cookies={"kept": "1"}, params={"p": "1"})
        given.headers["x-kept"] = "1"
        client = wrap(given)
        assert client.cookies["kept"] == client.headers["x-kept"] == "1"
        client.cookies.set("new", "1")
        client.headers["x-new"] = "1"
        client.event_hooks["request"].append(print)
        assert "new" not in given.cookies
        assert "x-new" not in given.headers
        assert given.event_hooks["request"] == []
        await close(client, given)

    mode.run(script)


@two_modes
def test_a_given_http_client_keeps_its_settings(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        limits = http.Limits(max_connections=3, max_keepalive_connections=1)
        given = mode.http_client(limits=limits, follow_redirects=False, headers={"x-mine": "1"}, timeout=9)
        client = wrap(mode.openai(primary, http_client=given))
        await chat(client)
        inner = client._client
        assert type(inner) is type(given)
        assert (inner.follow_redirects, inner.timeout) == (False, given.timeout)
        assert client.timeout.read == 9
        pool = inner._transport._own._pool.template
        assert (pool._max_connections, pool._max_keepalive_connections) == (3, 1)
        await close(client, given)

    mode.run(script)
    assert primary.requests()[0].headers["x-mine"] == "1"


@two_modes
def test_wrapped_twice_is_wrapped_once(mode: Mode, primary: Any, to_backup: Any) -> None:
    """A second wrap() replaces the pipeline of the first."""
    from resilient_ai import Pipeline
    from resilient_ai.testing import Fault

    async def script() -> None:
        first = wrap(mode.openai(primary), fallback=to_backup)
        second = wrap(first)
        primary.fault(Fault.status(503))
        with pytest.raises(openai.InternalServerError):
            await chat(second)
        third = wrap(second, Pipeline.default(isolated=True), fallback=to_backup)
        assert outcome(await chat(third)).answered_by == "backup:*"
        await close(third, second, first)

    mode.run(script)


@two_modes
def test_leaving_the_engine_is_told(mode: Mode, primary: Any, caplog: Any) -> None:
    """Regression: with_options(http_client=…) left the engine, and the SDK's retries behind, without a word."""

    async def script() -> None:
        client = wrap(mode.openai(primary))
        stays = client.with_options(timeout=7).copy(max_retries=1)
        guarded = wrap(mode.http_client())
        again = stays.with_options(http_client=guarded)
        assert caplog.records == []
        plain = mode.http_client()
        left = again.with_options(http_client=plain)
        again.with_options(http_client=plain)  # it is told once
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "has left resilient_ai" in caplog.text
        assert type(left) is type(client)
        assert outcome(await chat(again)).answered_by == "primary"
        with pytest.raises(LookupError, match="record"):
            outcome(await chat(left))
        await close(client, guarded, plain)

    _say_it_left.cache_clear()
    caplog.set_level("WARNING", logger="resilient_ai")
    mode.run(script)
