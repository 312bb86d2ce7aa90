"""Promises 42 to 44: a healthy provider is left alone, many clients act as one, and what is off is not there."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Pipeline, outcome, wrap
from resilient_ai.events import CircuitChanged
from resilient_ai.testing import Fault
from tests.sdk.modes import MODES, failing
from tests.sdk.sdks import installed

from .big import GENAI, LONG, Api, big, in_sync, in_two, to

if TYPE_CHECKING:
    from resilient_ai.testing import Request, SimulatedProvider
    from tests.sdk.modes import Mode

WORKERS, TURNS = (40, 250) if LONG else (20, 10)


@big
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_healthy_primary_is_left_alone(
    api: Api, primary: SimulatedProvider, backup: SimulatedProvider, stream: bool
) -> None:
    """Promise 42, times a thirtieth: 9 of 10 answers at once, the tenth in 0.2 s, 1 % random 500s; 10,000 calls in the
    long form, 200 here. No call cut, no circuit opened, nothing at the fallback but for the 500s."""
    heard, sources = list[Any](), Counter[str | None]()

    async def script() -> None:
        given = api.client(MODES[1], primary)
        client = wrap(given, Pipeline.default(isolated=True, listeners=[heard.append]), fallback=[to(backup, api)])

        async def one() -> None:
            for _ in range(TURNS):
                if stream:
                    assert await api.streamed(client, MODES[1])
                else:
                    sources[outcome(await api.call(client, MODES[1])).source] += 1

        await asyncio.gather(*(one() for _ in range(WORKERS)))
        await api.end(client, given)

    primary.fault(Fault.status(500, share=0.01), family=api.family)
    primary.fault(Fault.slow(0.2, share=0.1))
    asyncio.run(script())
    statuses = primary.tally().by_status
    assert set(statuses) <= {200, 500}
    assert not [event for event in heard if isinstance(event, CircuitChanged)]
    assert backup.count() <= statuses.get(500, 0)
    assert statuses[200] + backup.count() == WORKERS * TURNS
    assert set(sources) <= {"fresh", "fallback"}
    assert all(request.closed_by_client_after is None for request in primary.requests())


@big
@in_sync
def test_many_clients_act_as_one(api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider) -> None:
    """Promise 43: 200 clients (60 here) built and wrapped for as many calls; a dead primary sees ten requests."""
    clients: list[Any] = []

    async def script() -> None:
        primary.fault(Fault.status(503))
        for _ in range(200 if LONG else 60):
            given = api.client(mode, primary)
            client = wrap(given, fallback=[to(backup, api)])
            assert outcome(await api.call(client, mode)).answered_by == "backup:*"
            clients.extend((client, given))
        await api.end(*clients)

    mode.run(script)
    assert primary.count() <= 10


def seen(request: Request, *, of_aiohttp: bool) -> tuple[Any, ...]:
    where = request.method, request.path, request.query
    if of_aiohttp:  # the bare google-genai's async half: another client's bytes for the same words
        return *where, request.json
    return *where, request.body_sha256, request.body_bytes, dict(request.headers)


WAYS = ("off", "empty", "default")
"""Switched off; a pipeline without strategies; the default one, while all is well."""


@big
@in_two
@pytest.mark.parametrize("way", WAYS)
def test_the_requests_are_the_bare_sdk_s(
    api: Api, mode: Mode, primary: SimulatedProvider, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Promises 43 and 44: byte for byte, header for header, as many, with the same answers."""

    of_aiohttp = api is GENAI and mode.is_async and installed("aiohttp")

    async def asked(client: Any) -> tuple[list[tuple[Any, ...]], str, str]:
        before = primary.count()
        words = api.text(await api.call(client, mode)), await api.streamed(client, mode)
        return [seen(request, of_aiohttp=of_aiohttp) for request in primary.requests()[before:]], *words

    async def script() -> None:
        given = api.client(mode, primary)
        client = wrap(given, Pipeline() if way == "empty" else Pipeline.default(isolated=True))
        assert await asked(client) == await asked(given)
        await api.end(client, given)

    if way == "off":
        monkeypatch.setenv("RESILIENT_AI", "off")
    mode.run(script)


@big
@in_two
@pytest.mark.parametrize("way", ["off", "empty"])
def test_the_sdk_s_own_retries_are_back(
    api: Api, mode: Mode, primary: SimulatedProvider, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Promises 43 and 44: of a failing provider, too, the bare SDK's requests and exception."""

    async def ended(client: Any) -> tuple[int, type[BaseException]]:
        before = primary.count()
        error = await failing(api.call(client, mode))
        assert not hasattr(error, "__notes__")
        return primary.count() - before, type(error)

    async def script() -> None:
        given = api.client(mode, primary)
        client = wrap(given, Pipeline() if way == "empty" else None)
        primary.fault(Fault.status(503, headers={"retry-after-ms": "1"}))
        bare = await ended(given)
        assert bare[0] == 3
        assert await ended(client) == bare
        await api.end(client, given)

    if way == "off":
        monkeypatch.setenv("RESILIENT_AI", "off")
    mode.run(script)
