"""A healthy provider is left alone."""

from __future__ import annotations

import random
from typing import Any

import pytest

from resilient_ai import Fallback, Pipeline
from resilient_ai._call import Verdict
from resilient_ai.events import CircuitChanged
from resilient_ai.failures import FailureKind as K

from .harness import Got, Mode, Sent, Step, World, fails, ok, stream, target


def healthy(dice: random.Random, *, streamed: bool = False) -> Any:
    """90 % of answers in 0.3 s, 10 % in 6 s; 1 % random 500s."""

    def rule(_: Sent) -> Step:
        delay = 6.0 if dice.random() < 0.1 else 0.3
        if dice.random() < 0.01:
            return fails(K.TRANSIENT, delay, status=500)
        return stream(delay) if streamed else ok(delay)

    return rule


def judge(world: World, got: list[Got], heard: list[object]) -> None:
    """Nothing cut, nothing opened; a second request only after a 500."""
    assert all(one.failure is None for one in got)
    assert not [event for event in heard if isinstance(event, CircuitChanged)]
    erred = sum("transient (HTTP 500)" in line for one in got for line in one.outcome.attempts)
    assert all("silent" not in line for one in got for line in one.outcome.attempts)
    assert world.primary.count + world.backup.count == len(got) + erred
    for one in got:
        if one.outcome.source == "fallback":
            assert "transient (HTTP 500)" in one.outcome.attempts[0]
    # One 500 in a hundred is repeated at once, and the repeat fails one time in a hundred.
    assert world.backup.count <= 0.001 * len(got)


@pytest.mark.parametrize("streamed", [False, True])
def test_one_hot_process(mode: Mode, streamed: bool) -> None:
    """Promise 42, simulated."""
    world = World()
    world.primary.follows(healthy(random.Random(42), streamed=streamed))
    heard: list[object] = []
    pipeline = Pipeline.default(Fallback([target()]), listeners=[heard.append])

    async def script() -> None:
        got: list[Got] = []
        for _ in range(10_000 if mode == "sync" else 4_000):
            got.append(await world.call(pipeline, timeout=600.0))
            reply = got[-1].reply
            if reply is not None and reply.verdict is None:
                reply.end(Verdict.SUCCESS)
        judge(world, got, heard)

    world.run(mode, script)


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
def test_sixty_calls_at_a_time(mode: Mode) -> None:
    """Promise 42: slow ones beside quick ones, in one process."""
    world = World()
    world.primary.follows(healthy(random.Random(43)))
    heard: list[object] = []
    pipeline = Pipeline.default(Fallback([target()]), listeners=[heard.append])
    got: list[Got] = []

    async def one_after_the_other() -> None:
        for _ in range(50):
            got.append(await world.call(pipeline, timeout=600.0))

    async def script() -> None:
        await world.at_once([one_after_the_other] * 60)
        judge(world, got, heard)

    world.run(mode, script)
    assert world.clock.time - 1000 < 50 * 6


def test_48_thin_processes(mode: Mode) -> None:
    """Promise 42: each sees little, and what it sees counts no more for that."""
    world = World()
    world.primary.follows(healthy(random.Random(44)))
    heard: list[object] = []

    async def script() -> None:
        got: list[Got] = []
        for _ in range(48):
            pipeline = Pipeline.default(Fallback([target()]), listeners=[heard.append], isolated=True)
            got += await world.calls(pipeline, 60, every=8.0, timeout=600.0)
        judge(world, got, heard)

    world.run(mode, script)
