"""Turns over real sockets: callers in threads and tasks, counted at the simulator."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import openai
import pytest
import trio

from resilient_ai import Deadline, Pipeline, RateLimiter, Target, options, outcome, wrap
from resilient_ai.errors import ConfigurationError, NotSent
from resilient_ai.testing import Fault, Latency, Quota

from .modes import HELLO, MODEL, Mode, chat, close, do, each, failing, http, modes, notes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from resilient_ai.testing import SimulatedProvider


def at_once(mode: Mode, client: Any, count: int, one: Callable[[Any, int], Awaitable[None]]) -> None:
    """``count`` callers, each begun a little after the one before."""
    if mode.is_async:

        async def script() -> None:
            async with anyio.create_task_group() as group:
                for index in range(count):
                    group.start_soon(one, client, index)
                    await anyio.sleep(0.001)
            await close(client)

        asyncio.run(script()) if mode.name == "asyncio" else trio.run(script)
        return

    def work(index: int) -> None:
        Mode("sync").run(one, client, index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    client.close()


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

    async def one(client: Any, index: int) -> None:
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

    at_once(mode, client, 60, one)
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
