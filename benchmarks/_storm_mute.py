"""A primary that falls silent, or turns ten times slower, with a healthy fallback."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio

from resilient_ai import CircuitBreaker, Fallback, Pipeline
from resilient_ai.testing import Fault, Latency, Provider, Simulator

from ._storm_kit import Storm, chat, client_of, forgotten, load, median, target_of, together

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resilient_ai.testing import Request, SimulatedProvider

    from ._storm_kit import Done

RATE = 16.0
LATENCY = Latency(0.2, spread=0.3)
WARM = 4.0


def mute(storm: Storm, *, short: bool) -> None:
    """It accepts and never answers; and, with `slow_call`, it answers ten times slower."""
    seconds, after = (4.0, 6.0) if short else (30.0, 25.0)
    slow = CircuitBreaker(slow_call=3)
    together(
        lambda: _episode(storm, "mute", Fault.blackhole(), CircuitBreaker(), seconds, after=after, short=short),
        lambda: _episode(storm, "slower, slow_call=3", Fault.slower(10), slow, seconds, after=after, short=short),
    )


def _episode(
    storm: Storm, name: str, fault: Fault, breaker: CircuitBreaker, seconds: float, *, after: float, short: bool
) -> None:
    with forgotten(), Simulator(Provider("primary", latency=LATENCY), Provider("backup", latency=LATENCY)) as sim:
        primary = sim["primary"]
        pipeline = Pipeline.default(Fallback([target_of(sim["backup"])]), breaker, isolated=True)
        done, marks = anyio.run(partial(_script, primary, pipeline, fault, seconds, after))
        _judge(storm, name, done, marks, primary.requests(), seconds, short=short)


async def _script(
    primary: SimulatedProvider, pipeline: Pipeline, fault: Fault, bad: float, after: float
) -> tuple[list[Done], tuple[float, float]]:
    """The calls, and how long after the beginning it broke and was well."""
    done: list[Done] = []
    marks = [0.0, 0.0]

    async def provider() -> None:
        began = anyio.current_time()
        await anyio.sleep(WARM)
        await anyio.to_thread.run_sync(primary.fault, fault)
        marks[0] = anyio.current_time() - began
        await anyio.sleep(bad)
        await anyio.to_thread.run_sync(primary.heal)
        marks[1] = anyio.current_time() - began

    async with client_of(primary, pipeline, timeout=10.0) as client, anyio.create_task_group() as group:
        group.start_soon(provider)
        done = await load(lambda _: chat(client), rate=RATE, seconds=WARM + bad + after)
    return done, (marks[0], marks[1])


def _judge(
    storm: Storm,
    name: str,
    done: list[Done],
    marks: tuple[float, float],
    requests: Iterable[Request],
    seconds: float,
    *,
    short: bool,
) -> None:
    broke, well = marks
    usual = median([call for call in done if call.at < broke - 1])
    bad = [call for call in done if broke <= call.at < well]
    later = [call for call in bad if call.at >= broke + 1]
    limit = max(3 * usual, 2.5) if short else 3 * usual  # a busy machine is not to fail the tests
    share = sum(call.by is not None and call.seconds <= limit for call in later) / len(later)
    ours = [request for request in requests if request.method == "POST"]
    first = next(index for index, request in enumerate(ours) if request.at >= ours[0].at + broke)
    struck = sum(request.at < ours[0].at + well for request in ours[first:])
    reached = 100 * struck / len(bad)
    back = min((call.at for call in done if call.at >= well and call.by == "primary"), default=None)
    busy = short and usual > 1.5 * LATENCY.seconds
    if busy:
        storm.tell(f"{name}: the machine is too busy for times to say anything, a healthy call takes", f"{usual:.2f} s")
    storm.check(all(call.by for call in done), f"{name} for {seconds:g} s: answered", _of(done))
    storm.check(
        busy or share >= (0.7 if short else 0.95),
        f"{name}: new calls from second 1 on, answered within 3 times the healthy median ({1000 * usual:.0f} ms)",
        f"{share:.1%} of {len(later)}",
    )
    storm.check(
        busy or reached <= (60 if short else 10),
        f"{name}: requests that reach it",
        f"{reached:.1f} of 100 calls ({struck})",
    )
    storm.check(
        back is not None, f"{name}: used again after it is well", "never" if back is None else f"{back - well:.1f} s"
    )
    slowest = max(call.seconds for call in bad)
    storm.tell(f"{name}: the slowest call, all that were caught in it", f"{slowest:.1f} s")


def _of(done: list[Done]) -> str:
    return f"{sum(call.by is not None for call in done)} of {len(done)}"
