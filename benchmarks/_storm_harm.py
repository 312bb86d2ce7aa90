"""A healthy provider that is slow now and then: whatever is done to it is harm."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from resilient_ai import CircuitBreaker, Fallback, Pipeline
from resilient_ai._call import Verdict
from resilient_ai.events import AttemptFailed, CircuitChanged
from resilient_ai.failures import FailureKind
from resilient_ai.testing import Fault, Latency, Provider, Simulator
from tests.scenarios.harness import World, fails, ok, stream, target

from ._storm_kit import Place, Storm, chat, client_of, forgotten, load, target_of

if TYPE_CHECKING:
    from tests.scenarios.harness import Sent, Step

CALLS = 10_000
THIN = 48
SCALE = 20
"""Over sockets every latency is a twentieth; what the library waits for is not, which makes it no easier there."""

Harm = Counter[str]
"""calls; errors: the primary's 500s; needless: answered elsewhere, or cut, without a 500 of their own; extra: requests
beyond one a call and one for each 500; opened: circuits; cut: attempts ended for being silent; lost: calls that ended
in an error."""


def harm(storm: Storm, *, short: bool) -> None:
    """Promise 42: 90 % in 0.3 s, 10 % in 6 s, 1 % random 500s; plain and streamed; in one process and in 48."""
    calls = 600 if short else CALLS
    with forgotten():
        for slow_call in (3.0,) if short else (None, 3.0):
            for streamed in (False, True):
                for name, run in (("one hot process", _hot), ("48 thin ones", _thin)):
                    found = run(calls, streamed, slow_call)
                    _judge(storm, _told(f"virtual time, {name}", streamed, slow_call), found)
    for slow_call in (None,) if short else (None, 3.0):
        for streamed in (False, True):
            found = _sockets(1, (200 if short else CALLS), 100.0, streamed=streamed, slow_call=slow_call)
            _judge(storm, _told("sockets, times a twentieth, one process", streamed, slow_call), found)
    if not short:
        for streamed in (False, True):
            found = _sockets(8, 150, SCALE / 8, streamed=streamed, slow_call=None)
            _judge(storm, _told("sockets, times a twentieth, 8 processes", streamed, None), found)


def _told(name: str, streamed: bool, slow_call: float | None) -> str:
    return f"{name}, {'streamed' if streamed else 'plain'}{', slow_call=3' if slow_call else ''}"


def _judge(storm: Storm, name: str, found: Harm) -> None:
    calls = found["calls"]
    names = ("needless", "cut", "extra")
    per_million = ", ".join(f"{what} {1e6 * found[what] / calls:.0f}" for what in names)
    measured = f"{calls} calls, {found['errors']} 500s; opened {found['opened']}; per million: {per_million}"
    storm.check(not any(found[what] for what in (*names, "opened", "lost")), name, measured)


def _heard(found: Harm, event: object) -> None:
    if isinstance(event, CircuitChanged):
        found["opened"] += event.new == "open"
    elif isinstance(event, AttemptFailed):
        found["errors"] += event.status == 500
        found["cut"] += event.kind in (FailureKind.SILENT, FailureKind.DEADLINE)


def _count(found: Harm, calls: int, requests: int, needless: int, lost: int) -> None:
    found.update(calls=calls, needless=needless, lost=lost, extra=max(0, requests - calls - found["errors"]))


# ---- virtual time, nothing scaled


def _healthy(dice: random.Random, streamed: bool) -> Any:
    def rule(_: Sent) -> Step:
        delay = 6.0 if dice.random() < 0.1 else 0.3
        if dice.random() < 0.01:
            return fails(FailureKind.TRANSIENT, delay, status=500)
        return stream(delay) if streamed else ok(delay)

    return rule


def _hot(calls: int, streamed: bool, slow_call: float | None) -> Harm:
    return _simulated(1, calls, 25.0, streamed, slow_call)


def _thin(calls: int, streamed: bool, slow_call: float | None) -> Harm:
    return _simulated(THIN, calls // THIN, 1 / 8, streamed, slow_call)


def _simulated(processes: int, calls: int, rate: float, streamed: bool, slow_call: float | None) -> Harm:
    found = Harm()
    dice = random.Random(42)
    done: list[Any] = []
    requests = 0
    for _ in range(processes):
        world = World()
        world.primary.follows(_healthy(dice, streamed))
        breaker = CircuitBreaker(slow_call=slow_call)
        pipeline = Pipeline.default(Fallback([target()]), breaker, isolated=True, listeners=[partial(_heard, found)])
        times = [1000.0 + number / rate for number in range(calls)]
        world.run("asyncio", partial(_play, world, pipeline, times, done))
        requests += world.primary.count + world.backup.count
    needless = sum(
        one.outcome.source == "fallback" and not any("(HTTP 500)" in line for line in one.outcome.attempts)
        for one in done
    )
    _count(found, len(done), requests, needless, sum(one.failure is not None for one in done))
    return found


async def _play(world: World, pipeline: Pipeline, times: list[float], done: list[Any]) -> None:
    """Open loop, by as many hands as there are calls under way at most: a task for each of them would be slower."""
    left = iter(times)

    async def hand() -> None:
        for at in left:
            await world.until(at)
            got = await world.call(pipeline, timeout=600.0)
            if got.reply is not None and got.reply.verdict is None:
                got.reply.end(Verdict.SUCCESS)
            done.append(got)

    await world.at_once([hand] * min(len(times), 200))


# ---- over sockets


def _sockets(processes: int, calls: int, rate: float, *, streamed: bool, slow_call: float | None) -> Harm:
    usual = Latency(0.3 / SCALE, slow=6 / SCALE, slow_share=0.1)
    with Simulator(Provider("primary", latency=usual), Provider("backup")) as sim:
        primary, backup = sim["primary"], sim["backup"]
        primary.fault(Fault.status(500, share=0.01))
        places = [Place(one.name, one.base_url, one.key) for one in (primary, backup)]
        if processes == 1:
            told = [_process(places, calls, rate, streamed=streamed, slow_call=slow_call)]
        else:
            said = json.dumps([[[one.name, one.base_url, one.key] for one in places], calls, rate, streamed])
            command = [sys.executable, "-m", "benchmarks._storm_harm", said]
            running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
            told = [Harm(json.loads(process.communicate(timeout=600)[0])) for process in running]
        found = sum(told, Harm())
        cut = sum(request.closed_by_client_after is not None for request in primary.requests())
        seen = primary.count() + backup.count()
    found["cut"] = max(found["cut"], cut)
    found["extra"] = max(0, seen - found["calls"] - found["errors"])
    return found


def _process(places: list[Place], calls: int, rate: float, *, streamed: bool, slow_call: float | None) -> Harm:
    found = Harm()
    primary, backup = places
    pipeline = Pipeline.default(
        Fallback([target_of(backup)]), CircuitBreaker(slow_call=slow_call), listeners=[partial(_heard, found)]
    )

    async def script() -> list[Any]:
        async with client_of(primary, pipeline) as client:
            return await load(lambda _: chat(client, stream=streamed), rate=rate, seconds=calls / rate)

    with forgotten():
        done = anyio.run(script)
    needless = sum(one.by == "backup:*" and not any("(HTTP 500)" in line for line in one.attempts) for one in done)
    _count(found, len(done), 0, needless, sum(one.by is None for one in done))
    return found


if __name__ == "__main__":
    given: Any = json.loads(sys.argv[1])
    print(
        json.dumps(_process([Place(*one) for one in given[0]], given[1], given[2], streamed=given[3], slow_call=None))
    )
