"""Streams in the cache: kept when they are whole, replayed as they came, through the real SDKs over real sockets."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Cache, Fallback, Pipeline, Retry, SingleFlight, outcome, record, wrap
from resilient_ai.stores import Entry, MemoryStore
from resilient_ai.testing import Fault, Provider, Simulator

from .modes import HELLO, MODEL, MODES, Mode, chat, close, do, each, everything, modes, two_modes
from .stream_faults import CONTENT, ENDPOINTS, INSIDE, Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.testing import SimulatedProvider

SECONDS = 20.0


def cached(**said: Any) -> Pipeline:
    """Both, and nobody who asks again."""
    alone = Fallback(rescue=("error",))
    both: dict[str, Any] = {"ttl": 60, "stale_if_error": 60}
    return Pipeline.default(Cache(**both | said), Retry(attempts=1), alone)


USABLE = [endpoint for endpoint in ENDPOINTS if endpoint.usable]
endpoints = pytest.mark.parametrize("endpoint", USABLE, ids=lambda endpoint: endpoint.name)


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    """One provider for each dialect."""
    with Simulator(*(Provider(dialect, dialect=dialect) for dialect in ("openai", "anthropic", "gemini"))) as simulator:
        yield simulator


@pytest.fixture
def provider(world: Simulator, endpoint: Endpoint) -> Iterator[SimulatedProvider]:
    yield world[endpoint.dialect]
    world.reset()


def wrapped(endpoint: Endpoint, mode: Mode, provider: SimulatedProvider, pipeline: Pipeline | None = None) -> Any:
    return wrap(endpoint.make(mode.is_async, provider, provider.key, SECONDS), pipeline or cached())


async def end(endpoint: Endpoint, mode: Mode, client: Any) -> None:
    if endpoint is not CONTENT:
        await close(client)
        return
    if mode.is_async:
        await client.aio.aclose()
    client.close()


async def read(endpoint: Endpoint, mode: Mode, client: Any) -> list[Any]:
    stream = await do(endpoint.open(client, mode.is_async))
    return [event.model_dump(exclude={"sdk_http_response"}) async for event in each(stream)]


@modes
@endpoints
def test_replayed_as_it_came(mode: Mode, endpoint: Endpoint, provider: SimulatedProvider) -> None:
    """The second is the first one's, event for event, and nobody is asked."""

    async def script() -> None:
        client = wrapped(endpoint, mode, provider)
        with record() as calls:
            first = await read(endpoint, mode, client)
            assert first == await read(endpoint, mode, client)
        assert [call.source for call in calls] == ["fresh", "cache"]
        assert calls[1].age is not None
        assert calls[1].attempts == ()
        assert provider.count() == 1
        await end(endpoint, mode, client)

    mode.run(script)


@modes
@endpoints
def test_the_provider_dies(mode: Mode, endpoint: Endpoint, provider: SimulatedProvider) -> None:
    """A stale stream is whole, and marked as what it is; back from the dead, the provider is asked again."""

    async def script() -> None:
        client = wrapped(endpoint, mode, provider, cached(ttl=None))
        with record() as calls:
            first = await read(endpoint, mode, client)
            provider.fault(Fault.status(503))
            assert first == await read(endpoint, mode, client)
            provider.heal()
            await read(endpoint, mode, client)
        assert [call.source for call in calls] == ["fresh", "stale", "fresh"]
        assert calls[1].degraded
        assert calls[1].answered_by == "primary"
        await end(endpoint, mode, client)

    mode.run(script)


@two_modes
@endpoints
@pytest.mark.parametrize("fault", list(INSIDE))
def test_what_breaks_is_not_kept(mode: Mode, endpoint: Endpoint, provider: SimulatedProvider, fault: str) -> None:
    """Promise 28: cut, silent, malformed, an error inside: the next call asks anew."""

    async def script() -> None:
        client = wrapped(endpoint, mode, provider)
        if fault == "silent":
            client = wrap(endpoint.make(mode.is_async, provider, provider.key, 0.5), cached())
        provider.fault(INSIDE[fault](count=1), family=endpoint.family)
        with record() as calls:
            with suppress(Exception):
                await read(endpoint, mode, client)
            await read(endpoint, mode, client)
        assert [call.source for call in calls] == ["fresh", "fresh"]
        await end(endpoint, mode, client)

    mode.run(script)


@modes
def test_one_that_is_left_is_not_kept(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), cached())
        stream = await chat(client, stream=True)
        async for _ in each(stream):
            break
        await close(stream)
        with record() as calls:
            await everything(await chat(client, stream=True))
        assert calls[0].source == "fresh"
        await close(client)

    mode.run(script)


@modes
def test_what_two_answers_made_is_not_kept(mode: Mode, primary: Any) -> None:
    """A rescued stream is whole for its reader, and nothing to be told again."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Cache(ttl=60)))
        primary.fault(Fault.truncated(after_tokens=3, count=1))
        with record() as calls:
            await everything(await chat(client, stream=True, seed=1))
            await everything(await chat(client, stream=True, seed=1))
        assert [(call.rescued, call.source) for call in calls] == [(1, "fresh"), (0, "fresh")]
        await close(client)

    mode.run(script)


@modes
def test_marked_at_once(mode: Mode, primary: Any) -> None:
    """Before its first event is read a replayed stream says what it is: in its headers, and by its outcome."""

    async def script() -> None:
        client = wrap(mode.openai(primary), cached())
        await everything(await chat(client, stream=True))
        stream = await chat(client, stream=True)
        told = outcome(stream)
        assert (told.source, told.answered_by, told.attempts) == ("cache", "primary", ())
        headers = stream.response.headers
        assert headers["x-resilient-ai-source"] == "cache"
        assert headers["x-resilient-ai-age"] == "0"
        assert headers["content-type"].startswith("text/event-stream")
        await close(stream)  # unread: nothing is held, and nothing is amiss
        raw = await do(client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, stream=True))
        assert raw.headers["x-resilient-ai-source"] == "cache"
        await close(client)

    mode.run(script)


def test_nothing_is_kept_where_no_cache_wants_it(primary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for a call that may not be stored."""

    def never(*_: Any) -> None:
        raise AssertionError("a stream was kept")

    monkeypatch.setattr("resilient_ai.transports._opening.Recorded", type("Recorded", (), {"__init__": never}))
    client = wrap(MODES[0].openai(primary))
    list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    client = wrap(MODES[0].openai(primary), cached())
    no = {"x-resilient-ai-cache": "no-store"}
    list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, extra_headers=no))


def test_one_that_is_too_large_is_not_kept(primary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resilient_ai.providers.streams.recorded.MOST_KEPT", 2000)
    client = wrap(MODES[0].openai(primary), cached())
    with record() as calls:
        for _ in range(2):
            list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    assert [call.source for call in calls] == ["fresh", "fresh"]


class Slow(MemoryStore):
    """A store that blocks: it notes the threads that wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    @property
    def blocking(self) -> bool:
        return True

    def set(self, key: str, entry: Entry) -> None:
        self.threads.append(threading.get_ident())
        super().set(key, entry)


@modes
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("how", ["read", "closed"])
def test_a_store_that_blocks_holds_up_no_loop(mode: Mode, primary: Any, shared: bool, how: str) -> None:
    """It is called beside the loop, and has the stream by the time that its reader is done with it."""

    async def script() -> None:
        store = Slow()
        asked = cached(store=store)
        pipeline = asked.replaced(SingleFlight(joins="all")) if shared else asked
        client = wrap(mode.openai(primary), pipeline)
        stream = await chat(client, stream=True)
        if how == "read":
            await everything(stream)
        else:
            raw = stream.response.aiter_bytes() if mode.is_async else stream.response.iter_bytes()
            async for piece in each(raw):
                if b"[DONE]" in piece:
                    break
            await close(raw, stream)
        [thread] = store.threads
        assert (thread == threading.get_ident()) is not mode.is_async
        assert outcome(await chat(client, stream=True)).source == "cache"
        await close(client)

    mode.run(script)
