"""Many processes of few calls each: every one has to find out for itself."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from resilient_ai import Deadline, Fallback, Pipeline
from resilient_ai.events import AttemptFailed, CircuitChanged
from resilient_ai.failures import FailureKind
from resilient_ai.testing import Fault, Provider, Simulator
from tests.scenarios.harness import World, fails, mute, ok, target

from ._storm_kit import Place, Storm, chat, client_of, forgotten, load, target_of

if TYPE_CHECKING:
    from collections.abc import Callable

PROCESSES = 48
EVERY = 8.0
CALLS = 40
TIMEOUT = 20.0
DEAD: dict[str, Any] = {
    "refuses connections": lambda: fails(FailureKind.UNREACHABLE, 0.01),
    "answers 503": lambda: fails(FailureKind.OVERLOADED, 0.05, status=503),
    "mute": mute,
}
FAULTS = {"refuses connections": Fault.refused(), "answers 503": Fault.status(503), "mute": Fault.blackhole()}


@dataclass
class Paid:
    """What one process paid at its primary: requests before it knew, probes after, requests while it knew better."""

    clock: Callable[[], float] = time.monotonic
    before: int = 0
    probes: int = 0
    again: int = 0
    opened: float | None = None
    until: float = 0.0

    def hears(self, event: object) -> None:
        """An event of its pipeline. What half-opened a circuit is told after the probe that did."""
        now = self.clock()
        if isinstance(event, CircuitChanged) and event.reopens_in is not None and event.new == "open":
            self.opened, self.until = now, now + event.reopens_in
        elif isinstance(event, AttemptFailed) and event.target == "primary":
            began = now - event.seconds
            if self.opened is None or began < self.opened:
                self.before += 1
            elif began >= self.until - 0.005:
                self.probes += 1
            else:
                self.again += 1


def thin(storm: Storm, *, short: bool) -> None:
    """In virtual time, 48 isolated pipelines, one call every 8 s; in real processes, one every 0.4 s."""
    if not short:  # tests/scenarios tries the same
        with forgotten():
            for name, step in DEAD.items():
                _virtual(storm, name, step, CALLS)
    for name in ("refuses connections",) if short else FAULTS:
        _processes(storm, name, 2 if short else 8, calls=12 if short else 40)


def _virtual(storm: Storm, name: str, step: Any, calls: int) -> None:
    paid: list[Paid] = []
    got: list[Any] = []
    for number in range(PROCESSES):
        world = World()
        world.primary.answers(step())
        world.backup.follows(lambda _: ok(0.3))
        process = Paid(world.clock.now)
        paid.append(process)
        pipeline = Pipeline.default(Fallback([target()]), isolated=True, listeners=[process.hears])
        dice = random.Random(number)
        times = [1000.0 + EVERY * (index + dice.random() / 2) for index in range(calls)]
        world.run("asyncio", partial(_play, world, pipeline, times, got))
    told = f"48 processes, one call in 8 s, virtual time, {name}"
    _judge(storm, told, paid, sum(one.failure is None for one in got), PROCESSES * calls)
    lost = sum(max(0.0, one.seconds - 0.31) for one in got) / len(got)
    storm.tell(f"{told}: seconds lost a call, and the slowest", f"{lost:.2f}, {max(one.seconds for one in got):.1f} s")


async def _play(world: World, pipeline: Pipeline, times: list[float], got: list[Any]) -> None:
    async def one(at: float) -> None:
        await world.until(at)
        got.append(await world.call(pipeline, timeout=TIMEOUT))

    await world.at_once([partial(one, at) for at in times])


def _judge(storm: Storm, told: str, paid: list[Paid], answered: int, calls: int) -> None:
    storm.check(answered == calls, f"{told}: answered", f"{answered} of {calls}")
    again = sum(process.again for process in paid)
    storm.check(again == 0, f"{told}: paid again within the open time", again)
    before = [process.before for process in paid]
    probes = sum(process.probes for process in paid) / len(paid)
    storm.tell(
        f"{told}: failed requests of one process until it knew, and probes after",
        f"{sum(before) / len(before):.1f} (most {max(before)}), {probes:.1f}",
    )


def _processes(storm: Storm, name: str, count: int, *, calls: int) -> None:
    with Simulator(Provider("primary"), Provider("backup")) as sim:
        primary, backup = sim["primary"], sim["backup"]
        primary.fault(FAULTS[name])
        said = json.dumps([[one.name, one.base_url, one.key] for one in (primary, backup)])
        command = [sys.executable, "-m", "benchmarks._storm_thin", said, str(calls)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
        told = [json.loads(process.communicate(timeout=300)[0]) for process in running]
    paid = [Paid(before=one["before"], probes=one["probes"], again=one["again"]) for one in told]
    _judge(storm, f"{count} processes, one call in 0.4 s, {name}", paid, sum(one["by"] for one in told), count * calls)


async def _work(primary: Place, backup: Place, calls: int) -> dict[str, int]:
    paid = Paid()
    pipeline = Pipeline.default(Deadline(total=4.0), Fallback([target_of(backup)]), listeners=[paid.hears])
    async with client_of(primary, pipeline) as client:
        done = await load(lambda _: chat(client), rate=2.5, seconds=calls / 2.5)
    by = sum(call.by is not None for call in done)
    return {"by": by, "before": paid.before, "probes": paid.probes, "again": paid.again}


if __name__ == "__main__":
    one, other = (Place(*said) for said in json.loads(sys.argv[1]))
    with forgotten():
        print(json.dumps(anyio.run(_work, one, other, int(sys.argv[2]))))
