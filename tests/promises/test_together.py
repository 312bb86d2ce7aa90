"""Promises 10 and 40: many callers at once, of one probe's place, and of one client of each big SDK."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import trio

from resilient_ai import CircuitBreaker, Pipeline, outcome
from resilient_ai.failures import FailureKind
from resilient_ai.testing import Fault
from tests.scenarios.harness import World, circuit_of, ok
from tests.sdk.modes import MODES

from .big import LONG, Api, big, in_sync, wrapped

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider
    from tests.sdk.modes import Mode

TRIALS = 1000 if LONG else 25


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
@pytest.mark.parametrize("probes", [1, 3])
def test_half_open_admits_exactly_n_of_64_tasks(mode: Any, probes: int) -> None:
    """Promise 10: 1,000 trials (the long form; 25 here). In threads: tests/unit/_state/test_circuit_threads.py."""
    world = World()
    pipeline = Pipeline(CircuitBreaker(ramp=0, probes=probes, open_for=(1.0, 1.0)), isolated=True)
    world.primary.answers(ok(delay=0.5))

    async def script() -> None:
        for _ in range(TRIALS):
            circuit_of(pipeline).force_open(world.clock.time, world.clock.time + 1)
            await world.until(world.clock.time + 1)
            before, got = world.primary.count, list[Any]()

            async def one(got: list[Any] = got) -> None:
                got.append(await world.call(pipeline))

            await world.at_once([one] * 64)
            assert world.primary.count - before == probes
            told = [one.failure for one in got]
            assert told.count(None) == probes
            assert {one.kind for one in told if one is not None} == {FailureKind.LOCAL}

    world.run(mode, script)


WORKERS, TURNS = (16, 40) if LONG else (8, 8)


@big
@in_sync
def test_threads_share_a_client(api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider) -> None:
    """Promise 40: through the beginning of an outage; every call is answered, and nothing is left hanging."""
    given, client = wrapped(api, mode, primary, fallback=[backup])
    start, heard, raised = threading.Barrier(WORKERS), Counter[str | None](), list[BaseException]()
    said = api.text(api.ask(client, False, False))

    def work(number: int) -> None:
        start.wait()
        try:
            for turn in range(TURNS):
                if turn == TURNS // 2 and number == 0:
                    primary.fault(Fault.status(503))
                answer = api.ask(client, False, False)
                assert api.text(answer) == said
                heard[outcome(answer).answered_by] += 1
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert raised == []
    assert set(heard) == {"primary", "backup:*"}
    assert heard.total() == WORKERS * TURNS
    mode.run(api.end, client, given)


@big
def test_one_async_client_in_one_loop_after_another(
    api: Api, primary: SimulatedProvider, backup: SimulatedProvider
) -> None:
    """Promise 40: a second `asyncio.run` with the same client, and trio where the SDK runs there; well, and in an
    outage."""
    given, client = wrapped(api, MODES[1], primary, fallback=[backup])

    async def ask(by: str) -> None:
        for _ in range(2):
            assert outcome(await api.call(client, MODES[1])).answered_by == by
            assert await api.streamed(client, MODES[1])

    async def many(by: str) -> None:
        await asyncio.gather(*(ask(by) for _ in range(10)))

    async def together(by: str) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(ask, by)

    for by in ("primary", "backup:*"):
        asyncio.run(many(by))
        asyncio.run(many(by))
        if api.trio:
            trio.run(together, by)
        primary.fault(Fault.status(503))
    asyncio.run(api.end(client, given))
    runs = 3 if api.trio else 2
    assert backup.count() == runs * 10 * 4
