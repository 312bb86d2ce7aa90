"""Answers past their time, served at once and asked for anew in the background, over real sockets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from resilient_ai import Cache, Pipeline, Retry, options, outcome, record, wrap
from resilient_ai._runtime.concurrent import ASYNC
from resilient_ai._runtime.sync import SYNC
from resilient_ai.testing import Fault

from .modes import Mode, chat, close, everything, modes

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 20.0


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """By how many seconds the wall clock is ahead."""
    ahead = [0.0]
    for runtime in (SYNC, ASYNC):
        monkeypatch.setattr(runtime, "wall", lambda: time.time() + ahead[0])
    return ahead


async def until(mode: Mode, is_so: Callable[[], bool]) -> None:
    """What goes on in the background is waited for, generously."""
    end = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < end, "it does not come to pass"
        if mode.is_async:
            await anyio.sleep(0.01)
        else:
            time.sleep(0.01)


@modes
@pytest.mark.parametrize("stream", [False, True])
def test_served_at_once_and_asked_for_anew(mode: Mode, primary: Any, wall: list[float], stream: bool) -> None:
    pipeline = Pipeline.default(Cache(ttl=60, stale_while_revalidate=600), Retry(attempts=1), isolated=True)
    cache = pipeline.find(Cache)
    assert cache is not None

    async def asked(client: Any) -> Any:
        answer = await chat(client, stream=stream)
        told = outcome(answer)
        if stream:
            await everything(answer)
        return told

    async def script() -> None:
        client = wrap(mode.openai(primary), pipeline)
        assert (await asked(client)).source == "fresh"
        wall[0] = 100.0
        with record() as calls:
            told = await asked(client)
        assert (told.source, told.degraded, told.attempts) == ("cache", False, ())
        assert told.age is not None
        assert 100 <= told.age < 110
        await until(mode, lambda: not pipeline.states.of(cache).renewing)
        assert primary.count() == 2
        assert len(calls) == 1  # what is asked in the background is nobody's call
        told = await asked(client)
        assert told.age is not None
        assert told.age < 50
        assert primary.count() == 2
        primary.fault(Fault.status(503))
        wall[0] = 250.0
        assert (await asked(client)).source == "cache"  # and goes on to be, while it cannot be had anew
        await until(mode, lambda: not pipeline.states.of(cache).renewing)
        assert primary.count() == 3
        with options(cache="only"):
            assert (await asked(client)).source == "cache"
        assert primary.count() == 3
        await close(client)

    mode.run(script)
