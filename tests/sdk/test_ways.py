"""The http client the user gave the SDK: proxies, mounts, transports of their own, hooks, cookies, redirects."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from resilient_ai import Pipeline, Retry, Target, outcome, wrap
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, chat, close, do, each, everything, flavours, http, modes, two_modes
from .proxy import proxy


@two_modes
def test_a_proxy(mode: Mode, primary: Any, to_backup: Any) -> None:
    async def script(url: str) -> None:
        given = mode.http_client(proxy=url)
        client = wrap(mode.openai(primary, http_client=given), fallback=to_backup)
        assert outcome(await chat(client)).answered_by == "primary"
        assert await everything(await chat(client, stream=True))
        primary.fault(Fault.status(503))
        assert outcome(await chat(client)).answered_by == "backup:*"
        await close(client, given)

    with proxy() as through:
        mode.run(script, through.url)
    assert through.seen[0] == f"POST {primary.base_url}/chat/completions"
    # The client's own choice for that URL: this one sends everything through its proxy.
    assert through.seen[-1] == f"POST {to_backup[0].base_url}/chat/completions"


@two_modes
def test_a_fallback_goes_the_way_the_client_has_for_its_url(mode: Mode, primary: Any, to_backup: Any) -> None:
    """Regression: a local fallback went through the corporate proxy of the primary."""

    async def script(url: str) -> None:
        transport = http.AsyncHTTPTransport if mode.is_async else http.HTTPTransport
        given = mode.http_client(mounts={f"all://127.0.0.1:{primary.port}": transport(proxy=url)})
        client = wrap(mode.openai(primary, http_client=given), fallback=to_backup)
        await chat(client)
        primary.fault(Fault.status(503))
        assert outcome(await chat(client)).answered_by == "backup:*"
        await close(client, given)

    with proxy() as through:
        mode.run(script, through.url)
    assert {line.split("/")[2] for line in through.seen} == {f"127.0.0.1:{primary.port}"}


@two_modes
def test_proxies_of_the_environment(mode: Mode, primary: Any, to_backup: Any, monkeypatch: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        await chat(client)
        primary.fault(Fault.status(503))
        assert outcome(await chat(client)).answered_by == "backup:*"
        await close(client)

    with proxy() as through:
        monkeypatch.setenv("HTTP_PROXY", through.url)
        monkeypatch.setenv("NO_PROXY", f"127.0.0.1:{to_backup[0].base_url.split(':')[2].split('/')[0]}")
        mode.run(script)
    assert {line.split("/")[2] for line in through.seen} == {f"127.0.0.1:{primary.port}"}


def _handler(seen: list[Any], flavour: Any) -> Any:
    def handle(request: Any) -> Any:
        seen.append(request)
        body = json.loads(request.content)
        if len(seen) == 1:
            return flavour.Response(503, json={"error": {"message": "busy"}})
        return flavour.Response(200, json={"choices": [], "usage": {}, "model": body["model"], "id": "x"})

    return handle


@two_modes
@flavours
def test_a_mock_transport(mode: Mode, flavour: Any) -> None:
    """Regression: a MockTransport is both sync and async; an AsyncClient got a sync one back."""
    seen: list[Any] = []

    async def script() -> None:
        given = mode.http_client(flavour, transport=flavour.MockTransport(_handler(seen, flavour)))
        client = wrap(given)
        answer = await do(client.post("http://a/v1/chat/completions", json={"model": MODEL, "messages": HELLO}))
        assert answer.json()["model"] == MODEL
        assert outcome(answer).attempts[0].startswith("primary: overloaded (HTTP 503)")
        await close(client, given)

    mode.run(script)
    assert len(seen) == 2


@modes
def test_a_transport_of_the_user_s(mode: Mode, primary: Any) -> None:
    """Shared, used for each attempt, kept within the deadline, never closed by us."""
    base: Any = http.AsyncBaseTransport if mode.is_async else http.BaseTransport
    inner_kind: Any = http.AsyncHTTPTransport if mode.is_async else http.HTTPTransport

    class Sync(base):
        closed = False
        calls = 0

        def __init__(self) -> None:
            self.inner = inner_kind()

        def handle_request(self, request: Any) -> Any:
            self.calls += 1
            return self.inner.handle_request(request)

        async def handle_async_request(self, request: Any) -> Any:
            self.calls += 1
            return await self.inner.handle_async_request(request)

        def close(self) -> None:
            type(self).closed = True
            self.inner.close()

        async def aclose(self) -> None:
            type(self).closed = True
            await self.inner.aclose()

    transport = Sync()

    async def script() -> None:
        given = mode.http_client(transport=transport)
        client = wrap(mode.openai(primary, http_client=given), Pipeline.default(Retry(wait=0)))
        assert await chat(client)
        assert await everything(await chat(client, stream=True))
        primary.fault(Fault.status(500, count=1))
        assert await chat(client)
        primary.fault(Fault.blackhole())
        with pytest.raises(openai.APITimeoutError):
            await chat(client.with_options(timeout=0.3))
        await close(client)
        assert not transport.closed
        await close(given)

    mode.run(script)
    assert transport.calls == primary.count() == 5


@two_modes
def test_event_hooks(mode: Mode, primary: Any) -> None:
    """The hooks of the http client run once a call, as before; what is tried below is ours."""
    seen: list[str] = []

    async def asked(request: Any) -> None:
        seen.append(f"> {request.url.path}")

    async def told(response: Any) -> None:
        seen.append(f"< {response.status_code}")

    def run(hook: Any) -> Any:
        def sync(thing: Any) -> None:
            try:
                hook(thing).send(None)
            except StopIteration:
                return

        return hook if mode.is_async else sync

    async def script() -> None:
        given = mode.http_client(event_hooks={"request": [run(asked)], "response": [run(told)]})
        client = wrap(mode.openai(primary, http_client=given), Pipeline.default(Retry(wait=0)))
        primary.fault(Fault.status(500, count=1))
        await chat(client)
        await close(client, given)

    mode.run(script)
    assert seen == ["> /v1/chat/completions", "< 200"]
    assert primary.count() == 2


@two_modes
def test_cookies_are_kept(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        given = mode.http_client()
        client = wrap(mode.openai(primary, http_client=given))
        primary.fault(Fault.set_cookie("session=canary-cookie; Path=/", count=1))
        await chat(client)
        await chat(client)
        assert client._client.cookies["session"] == "canary-cookie"
        assert "session" not in given.cookies
        await close(client, given)

    mode.run(script)
    assert ["cookie" in request.headers for request in primary.requests()] == [False, True]
    assert primary.saw("session=canary-cookie")


@modes
def test_a_redirect_of_the_primary_is_followed(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary))
        primary.fault(Fault.redirect("/v1/chat/completions?again=1", count=1))
        assert (await chat(client)).choices
        primary.fault(Fault.redirect("/v1/chat/completions?again=1", count=1))
        stream = await chat(client, stream=True)
        assert [chunk async for chunk in each(stream)]
        await close(client)

    mode.run(script)
    assert [request.query for request in primary.requests()] == ["", "again=1", "", "again=1"]


@two_modes
def test_a_redirect_to_another_host_carries_no_credential(mode: Mode, primary: Any, backup: Any) -> None:
    """Promise 26; httpx's own rule, kept."""

    async def script() -> None:
        client = wrap(mode.openai(primary))
        primary.fault(Fault.redirect(f"{backup.base_url.replace('127.0.0.1', 'localhost')}/chat/completions", count=1))
        with pytest.raises(openai.AuthenticationError):
            await chat(client)
        await close(client)

    mode.run(script)
    assert backup.count() == 1
    assert not backup.saw(primary.key)


def test_a_bound_target_without_a_key(primary: Any, backup: Any) -> None:
    """A server that wants no key (a local one) is sent none, and never the primary's."""
    client = wrap(Mode("sync").openai(primary), fallback=[Target("local:*", base_url=backup.base_url)])
    primary.fault(Fault.refused())
    with pytest.raises(openai.APIError):
        client.chat.completions.create(model=MODEL, messages=HELLO)
    assert [request.key for request in backup.requests()] == ["none"]
    client.close()
