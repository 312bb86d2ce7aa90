"""Every target down, and back within the calls' deadlines."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio

from resilient_ai import CircuitBreaker, Deadline, Fallback, Pipeline
from resilient_ai.testing import Fault, Simulator

from ._storm_kit import Storm, chat, circuits, client_of, forgotten, load, median, target_of, together

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider

    from ._storm_kit import Done

RATE = 12.0
DEADLINE = 12.0
BEFORE = 2.0
AFTER = 4.0
FAULTS = {"503": Fault.status(503), "refused": Fault.refused(), "mute": Fault.blackhole()}


def patience(storm: Storm, *, short: bool) -> None:
    """With patience the calls wait for whoever reopens soonest; without, they are refused."""
    patient = CircuitBreaker(patience=DEADLINE)
    found = [(name, seconds, patient) for name in FAULTS for seconds in (3.0, 7.0)]
    if short:
        found = [("503", 3.0, patient)]
    together(
        *(
            partial(_episode, storm, *one, most_per_call=1.6 if short else 1.2)
            for one in (*found, ("503", 2.0, CircuitBreaker()))
        )
    )


def _episode(storm: Storm, name: str, outage: float, breaker: CircuitBreaker, *, most_per_call: float) -> None:
    with forgotten(), Simulator() as sim:
        pipeline = Pipeline.default(
            Deadline(total=DEADLINE), Fallback([target_of(sim["backup"])]), breaker, isolated=True
        )
        done, marks, most = anyio.run(partial(_script, sim["primary"], sim["backup"], pipeline, FAULTS[name], outage))
        requests = [request for provider in sim.values() for request in provider.requests()]
        first = min(request.at for request in requests)
    bad = [call for call in done if marks[0] <= call.at < marks[1]]
    if breaker.patience is None:
        refused = [call for call in bad if call.by is None and not call.attempts]
        took = f"{len(refused)} of {len(bad)}, half of them in {1000 * median(refused):.0f} ms" if refused else "none"
        storm.check(
            len(refused) >= (0.5 if most_per_call < 1.5 else 0.2) * len(bad),
            f"{name} for {outage:g} s, patience off: refused at once",
            took,
        )
        return
    # A call could outlive it if a second of its time was left when the targets were well.
    able = [call for call in bad if call.at + DEADLINE >= marks[1] + 1.0]
    answered = sum(call.by is not None for call in able)
    # Of requests refused at the door the simulator knows nothing: the calls themselves tell of all they sent.
    in_outage = sum(len(call.attempts) for call in bad) / len(bad)
    per_call = sum(len(call.attempts) for call in done) / len(done)
    what = f"{name} for {outage:g} s, patience on"
    storm.check(answered >= 0.95 * len(able), f"{what}: answered of those that could be", f"{answered} of {len(able)}")
    storm.check(per_call <= most_per_call, f"{what}: upstream requests per call", f"{per_call:.2f}")
    storm.tell(f"{what}: the same of those begun in the outage", f"{in_outage:.2f}")
    storm.check(most <= breaker.max_waiters, f"{what}: calls that waited at one time", most)
    after = [request.at - first for request in requests if request.at - first >= marks[1]]
    peak = max((sum(at <= other < at + 0.1 for other in after) for at in after), default=0)
    storm.tell(f"{what}: most requests within 0.1 s once they are well", f"{peak} of {most} waiting")


async def _script(
    primary: SimulatedProvider,
    backup: SimulatedProvider,
    pipeline: Pipeline,
    fault: Fault,
    outage: float,
) -> tuple[list[Done], tuple[float, float], int]:
    """The calls; when the targets broke and were well; the most that waited at one time."""
    done: list[Done] = []
    marks = [0.0, 0.0]
    most = 0

    async def providers() -> None:
        nonlocal most
        began = anyio.current_time()
        await anyio.sleep(BEFORE)
        for provider in (primary, backup):
            await anyio.to_thread.run_sync(provider.fault, fault)
        marks[0] = anyio.current_time() - began
        while anyio.current_time() - began < marks[0] + outage:
            await anyio.sleep(0.02)
            most = max(most, *(state.waiters.count for state in circuits()))
        for provider in (primary, backup):
            await anyio.to_thread.run_sync(provider.heal)
        marks[1] = anyio.current_time() - began

    async with client_of(primary, pipeline) as client, anyio.create_task_group() as group:
        group.start_soon(providers)
        done = await load(lambda _: chat(client), rate=RATE, seconds=BEFORE + outage + AFTER)
    return done, (marks[0], marks[1]), most
