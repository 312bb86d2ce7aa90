"""A thousand calls cancelled under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from resilient_ai import CircuitBreaker, Fallback, Hedge, Pipeline, RateLimiter, control, outcome
from resilient_ai._states import every_state
from resilient_ai.strategies.limiter import Lanes
from resilient_ai.testing import Fault, Provider, Simulator

from ._storm_kit import Storm, chat, circuits, client_of, forgotten, target_of

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from resilient_ai.testing import SimulatedProvider

CALLS = 1000
AT_ONCE = 100
CONCURRENCY = 60
"""So many are at the provider, the others in the line."""


def cancel(storm: Storm, *, short: bool) -> None:
    """Under asyncio and trio; afterwards all is as it was."""
    calls = 200 if short else CALLS
    for name in ("asyncio", "trio"):
        with forgotten(), Simulator(Provider("primary"), Provider("backup")) as sim:
            anyio.run(_script, storm, name, sim["primary"], sim["backup"], calls, backend=name)


async def _script(storm: Storm, name: str, primary: SimulatedProvider, backup: SimulatedProvider, calls: int) -> None:
    pipeline = Pipeline.default(
        Fallback([target_of(backup)]),
        Hedge(after=0.2),
        RateLimiter(concurrency=CONCURRENCY, max_waiters=CALLS),
        CircuitBreaker(open_for=(0.2, 0.2), patience=5.0, slow_call=3),
    )
    async with client_of(primary, pipeline, timeout=60.0) as client:
        for _ in range(5):
            await chat(client)
        before = _state()
        for provider in (primary, backup):
            provider.fault(Fault.slow(30.0))
        cancelled = 0
        for _ in range(0, calls - AT_ONCE, AT_ONCE):
            cancelled += await _cancelled(client, AT_ONCE)
        control.force_open("127.0.0.1", seconds=0.01)
        await anyio.sleep(0.05)
        cancelled += await _cancelled(client, AT_ONCE)  # one is the probe, at each; the others wait
        storm.check(cancelled == calls, f"{name}: cancelled under way", f"{cancelled} of {calls}")
        reached = primary.count() - 5
        storm.tell(f"{name}: of them at the primary, and at the fallback", f"{reached}, {backup.count()}")
        after = _state()
        storm.check(after == before, f"{name}: probes, patient calls, places, lines", f"{before} -> {after}")
        for provider in (primary, backup):
            provider.heal()
        told = outcome(await chat(client))
        storm.check(told.answered_by == "primary", f"{name}: the next call is answered by", told.answered_by)


async def _cancelled(client: AsyncOpenAI, calls: int) -> int:
    """Begin so many, and cancel them when they are well under way; how many ended so."""
    count = 0

    async def one() -> None:
        nonlocal count
        try:
            await chat(client)
        except anyio.get_cancelled_exc_class():
            count += 1
            raise

    async with anyio.create_task_group() as group:
        for _ in range(calls):
            group.start_soon(one)
        with anyio.move_on_after(20):
            while sum(_state().values()) < calls:  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.02)
            await anyio.sleep(0.3)
        group.cancel_scope.cancel()
    return count


def _state() -> dict[str, int]:
    """What a call takes and must give back."""
    known = [circuit for state in circuits() for _, circuit in state.by_host()]
    lanes = [lane for state in every_state() if isinstance(state, Lanes) for lane in state.every()]
    return {
        "probes": sum(circuit.probing for circuit in known),
        "patient": sum(state.waiters.count for state in circuits()),
        "running": sum(lane.running for lane in lanes),
        "in line": sum(lane.waiters for lane in lanes),
    }
