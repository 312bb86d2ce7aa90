"""A provider that takes requests and never answers, and one that is down for a while: real sockets, counted there."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import anyio
import pytest

from resilient_ai import CircuitBreaker, Pipeline, wrap
from resilient_ai.errors import CircuitOpen
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, chat, close, do, failing, http, modes

RATE = 16


def test_new_calls_leave_a_mute_primary_and_come_back(primary: Any, backup: Any, to_backup: Any) -> None:
    """Issue 3: the first second or two pays, the waiting are not cut, and it is used again once it is well."""
    took: list[tuple[float, float]] = []
    headers = {"authorization": f"Bearer {primary.key}"}

    async def one(client: Any, due: float) -> None:
        await client.post("/chat/completions", json={"model": MODEL, "messages": HELLO})
        took.append((due, anyio.current_time() - due))

    async def until(client: Any, group: Any, end: float, begun: list[float]) -> None:
        while anyio.current_time() < end:
            begun.append(anyio.current_time())
            group.start_soon(one, client, begun[-1])
            await anyio.sleep(1 / RATE)

    async def script() -> None:
        bare = http.AsyncClient(base_url=primary.base_url, headers=headers, timeout=60.0)
        client = wrap(bare, Pipeline.default(isolated=True), fallback=to_backup)
        async with anyio.create_task_group() as group:
            start, begun = anyio.current_time(), list[float]()
            await until(client, group, start + 4, begun)
            late = [at for at in begun if at >= start + 2.5]
            await anyio.sleep(1.0)
            quick = sum(seconds < 1.0 for at, seconds in took if at >= start + 2.5)
            assert quick >= 0.9 * len(late) - 2  # a probe or two wait
            assert primary.count() <= 3 * RATE + 8
            primary.heal()
            begun.clear()
            while sum(request.status == 200 for request in primary.requests("chat")) < 3:
                assert len(begun) < 20 * RATE, "not used again"
                await until(client, group, anyio.current_time() + 0.5, begun)
            group.cancel_scope.cancel()
        await close(client)

    primary.fault(Fault.blackhole())
    asyncio.run(script())


@modes
def test_a_call_waits_for_the_provider_to_come_back(mode: Mode, primary: Any) -> None:
    """Issue 3, patience: asked for by a header that goes nowhere; without it the call is refused at once."""
    say = {"x-resilient-ai-patience": "20"}

    async def script(client: Any) -> None:
        for _ in range(7):
            await failing(chat(client))
        begun = time.monotonic()
        refused = await failing(chat(client))
        assert isinstance(refused.__cause__, CircuitOpen)
        assert time.monotonic() - begun < 0.5
        primary.heal()
        sent = primary.count()
        answer = await chat(client, extra_headers=say)
        assert answer.choices[0].message.content
        assert primary.count() == sent + 1
        assert not primary.saw("x-resilient-ai-patience")
        await do(client.close())

    primary.fault(Fault.status(503))
    mode.run(script, wrap(mode.openai(primary), Pipeline(CircuitBreaker(), isolated=True)))


@pytest.mark.parametrize("word", ["soon", "-1", "nan"])
def test_a_patience_that_is_none_is_told(primary: Any, word: str) -> None:
    client = wrap(http.Client(base_url=primary.base_url))
    with pytest.raises(Exception, match="patience"):
        client.get("/models", headers={"x-resilient-ai-patience": word})
    client.close()
    assert primary.count() == 0
