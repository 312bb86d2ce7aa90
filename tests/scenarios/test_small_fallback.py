"""A fallback with room for a part of the traffic: the outage is left soon, and step by step."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import CircuitBreaker, Deadline, Fallback, Pipeline, Target
from resilient_ai.errors import AllFailed, CircuitOpen
from resilient_ai.failures import FailureKind as K

from .harness import Got, Mode, Sent, Step, World, circuit_of, fails, ok, target

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1000.0
WELL = 32.0
RATE = 20
ASYNC = pytest.mark.parametrize("mode", ["asyncio", "trio"])


def down(begin: float, end: float) -> Callable[[Sent], Step]:
    def rule(sent: Sent) -> Step:
        return fails(K.OVERLOADED, 0.02, status=503) if START + begin <= sent.at < START + end else ok(0.05)

    return rule


def small() -> Target:
    """A fifth of the traffic."""
    return Target("backup:*", base_url="https://backup", api_key="sk-two", requests_per_minute=12 * RATE)


@ASYNC
def test_it_is_used_again_soon_after_it_is_well_and_its_calls_return_step_by_step(mode: Mode) -> None:
    """Issue 3, after 30 s: a full fallback is no healthy one, so that the open time is not the longest there is; and
    calls that nobody else answers return on a ramp, too."""
    world = World()
    world.primary.follows(down(2, WELL))
    world.backup.answers(ok(0.05))
    pipeline = Pipeline.default(Deadline(total=2), Fallback([small()]), isolated=True)
    got: list[Got] = []
    dice = random.Random(1)

    def at(when: float) -> Any:
        async def call() -> None:
            await world.until(START + when)
            got.append(await world.call(pipeline))

        return call

    async def script() -> None:
        await world.at_once([at((number + dice.random() / 2) / RATE) for number in range(int(RATE * (WELL + 20)))])

    world.run(mode, script)
    lost = [one for one in got if one.failure is not None]
    late = [one for one in lost if one.at >= START + WELL]
    assert len(late) <= 50  # 2.5 seconds' calls; 409 where the open time had grown to 26 s
    in_outage = [one for one in lost if one.at < START + WELL]
    tried = sum(START + 4 <= sent.at < START + WELL for sent in world.primary.seen)
    assert tried <= len(in_outage) / 20 + 5
    back = [sent.at for sent in world.primary.seen if sent.at >= START + WELL]
    assert back[0] - START - WELL <= 3
    seconds = [sum(index <= when - back[0] < index + 1 for when in back) for index in range(5)]
    assert 4 <= seconds[0] <= 0.6 * RATE
    assert seconds[1] <= RATE
    assert max(seconds) <= 1.4 * RATE
    assert all(one.failure is None for one in got if one.at >= START + WELL + 10)


def test_few_lost_calls_are_no_reason_to_ask_sooner(mode: Mode) -> None:
    """One request for twenty calls lost: the open time stands where fewer are."""
    world = World()
    world.primary.answers(fails(K.TRANSIENT))
    world.backup.answers(fails(K.TRANSIENT))
    pipeline = Pipeline.default(Fallback([target()]), CircuitBreaker(open_for=(60, 60)), isolated=True)

    async def script() -> None:
        await world.calls(pipeline, 12, every=0.1)
        asked = world.primary.count, world.backup.count
        await world.runtime.sleep(30.0)
        refused = await world.calls(pipeline, 40, every=0.1)
        assert (world.primary.count, world.backup.count) == asked  # the first open time stands, whatever is lost
        told = refused[-1].failure
        assert isinstance(told, AllFailed)
        assert [failure.target for failure in told.failures] == ["primary", "backup:*"]
        assert all(isinstance(failure, CircuitOpen) for failure in told.failures)
        assert refused[-1].seconds == 0

    world.run(mode, script)


def test_what_is_open_by_hand_is_not_asked(mode: Mode) -> None:
    world = World()
    world.backup.answers(fails(K.TRANSIENT))
    pipeline = Pipeline.default(Fallback([target()]), isolated=True)

    async def script() -> None:
        circuit_of(pipeline).force_open(world.clock.time)
        await world.calls(pipeline, 100, every=0.1)
        assert world.primary.count == 0

    world.run(mode, script)


def test_a_call_alone_waits_a_moment_for_a_recovering_target(mode: Mode) -> None:
    """It is not refused for what is over."""
    world = World()
    world.primary.follows(down(0, 3))
    world.backup.answers(fails(K.TRANSIENT))
    pipeline = Pipeline.default(Deadline(total=20), Fallback([target()]), isolated=True)

    async def script() -> None:
        await world.calls(pipeline, 20, every=0.1)
        await world.runtime.sleep(5.0)
        got = await world.calls(pipeline, 20, every=0.1)
        assert all(one.outcome.source == "fresh" for one in got)
        assert 0 < max(one.seconds for one in got) < 6

    world.run(mode, script)
