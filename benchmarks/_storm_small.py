"""A fallback with room for a fifth of the traffic."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import anyio

from resilient_ai import Deadline, Fallback, Pipeline, options
from resilient_ai.errors import AllFailed
from resilient_ai.testing import Fault, Latency, Provider, Quota, Simulator

from ._storm_kit import Storm, chat, client_of, forgotten, load, target_of

if TYPE_CHECKING:
    from typing import Any

    from openai import AsyncOpenAI

    from resilient_ai.testing import Request, SimulatedProvider

    from ._storm_kit import Done

RATE = 20.0
A_MINUTE = 240
"""A fifth of that."""
IN_BATCH = 2
"""Every second call is one of a batch."""
WARM = 2.0
BURST = 6.0
"""Seconds in which the fallback has nobody in its line yet, and takes who comes."""


def small_fallback(storm: Storm, *, short: bool) -> None:
    """Filled, never stormed, interactive calls first; a clear error for the rest; a return step by step."""
    outage, after = (6.0, 6.0) if short else (20.0, 24.0)
    usual = Latency(0.05)
    primary, backup = Provider("primary", latency=usual), Provider("backup", latency=usual, quota=Quota(A_MINUTE))
    with forgotten(), Simulator(primary, backup) as sim:
        target = target_of(sim["backup"], requests_per_minute=A_MINUTE)
        pipeline = Pipeline.default(Deadline(total=2.0), Fallback([target]), isolated=True)
        done, marks = anyio.run(partial(_script, sim["primary"], pipeline, outage, after))
        seen = {name: _posts(provider.requests()) for name, provider in sim.items()}
    _filled(storm, done, marks, seen["backup"], short=short)
    _refused(storm, done, marks)
    _returned(storm, done, marks, seen, short=short)


def _posts(requests: list[Request]) -> list[Request]:
    return [request for request in requests if request.method == "POST"]


async def _script(
    primary: SimulatedProvider, pipeline: Pipeline, outage: float, after: float
) -> tuple[list[Done], tuple[float, float]]:
    done: list[Done] = []
    marks = [0.0, 0.0]

    async def provider() -> None:
        began = anyio.current_time()
        await anyio.sleep(WARM)
        await anyio.to_thread.run_sync(primary.fault, Fault.status(503))
        marks[0] = anyio.current_time() - began
        await anyio.sleep(outage)
        await anyio.to_thread.run_sync(primary.heal)
        marks[1] = anyio.current_time() - began

    async with client_of(primary, pipeline) as client, anyio.create_task_group() as group:
        group.start_soon(provider)
        done = await load(partial(_ask, client), rate=RATE, seconds=WARM + outage + after)
    return done, (marks[0], marks[1])


async def _ask(client: AsyncOpenAI, number: int) -> Any:
    with options(priority="batch" if _batch(number) else "interactive"):
        return await chat(client)


def _batch(number: int) -> bool:
    return number % IN_BATCH == 1


def _filled(storm: Storm, done: list[Done], marks: tuple[float, float], seen: list[Request], *, short: bool) -> None:
    seconds = marks[1] - marks[0]
    could = seconds * A_MINUTE / 60
    answered = sum(call.by == "backup:*" and call.at < marks[1] for call in done)
    storm.check(answered >= 0.8 * could, "filled: calls it answered in the outage", f"{answered} of {could:.0f}")
    too_much = sum(request.status == 429 for request in seen)
    storm.check(too_much == 0, "never stormed: requests it had to refuse", f"{too_much} of {len(seen)}")
    kinds = Counter[str]()
    for number, call in enumerate(done):
        if marks[0] + BURST <= call.at and call.by == "backup:*":
            kinds["batch" if _batch(number) else "interactive"] += 1
    storm.check(
        kinds["interactive"] > 2 * kinds["batch"] or short,
        "interactive first: answered by it once there is a line",
        f"{kinds['interactive']} interactive, {kinds['batch']} batch",
    )


def _refused(storm: Storm, done: list[Done], marks: tuple[float, float]) -> None:
    lost = [call for call in done if call.by is None]
    clear = 0
    for call in lost:
        failures = call.cause.failures if isinstance(call.cause, AllFailed) else ()
        clear += {failure.target for failure in failures} == {"primary", "backup:*"} and all(map(str, failures))
    bad = sum(marks[0] <= call.at < marks[1] for call in done)
    storm.check(
        clear == len(lost) > 0, "the rest: told of each target and why", f"{clear} of {len(lost)} refused ({bad} calls)"
    )
    if lost:
        storm.tell("one of them", str(lost[-1].cause)[:160])
    later = sum(call.at >= marks[1] for call in lost)
    storm.tell("refused though the primary was well by then", later)


def _returned(
    storm: Storm, done: list[Done], marks: tuple[float, float], seen: dict[str, list[Request]], *, short: bool
) -> None:
    first = min(request.at for requests in seen.values() for request in requests)
    back = min((call.at for call in done if call.at >= marks[1] and call.by == "primary"), default=None)
    if back is None:
        storm.check(False, "the return", "never")
        return
    for name, requests in seen.items():
        seconds = Counter(int(request.at - first - back) for request in requests if request.at - first >= back)
        told = " ".join(str(seconds[second]) for second in range(max(seconds, default=0) + 1))
        storm.tell(f"the return: requests a second at the {name}", told)
        if name == "primary" and not short:
            storm.check(
                seconds[0] <= 0.6 * RATE, "a ramp, not a step: requests in the primary's first second", seconds[0]
            )
