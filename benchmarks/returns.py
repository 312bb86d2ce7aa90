"""What becomes of calls when every target is away, and comes back: `python -m benchmarks.returns [runs]` (a minute).

No sockets and no waiting: whole pipelines on a virtual clock, random numbers from seeds. First outages of all targets
with `patience`: how many of the calls that could outlive them are answered, and at how many requests. Then a fallback
with room for a fifth of the traffic: how soon the primary is used again, and how its calls return. Then keys that are
limited, with a fallback that is not.
"""

from __future__ import annotations

import random
import sys
from functools import partial
from typing import TYPE_CHECKING

from resilient_ai import CircuitBreaker, Deadline, Fallback, Pipeline, Target
from resilient_ai.failures import FailureKind
from tests.scenarios.harness import World, fails, mute, ok, target

from ._storm_kit import forgotten

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scenarios.harness import Got, Sent, Step

START = 1000.0
DEADLINE = 12.0
RATE = 20.0


def by_chance(rate: float, seconds: float, draw: random.Random) -> list[float]:
    """Moments of calls, so many a second."""
    now, found = START, list[float]()
    while (now := now + draw.expovariate(rate)) < START + seconds:
        found.append(now)
    return found


def play(world: World, pipeline: Pipeline, times: list[float]) -> list[Got]:
    """A call at each of these moments, whatever became of those before."""
    got: list[Got] = []

    async def one(at: float) -> None:
        await world.until(at)
        got.append(await world.call(pipeline))

    async def script() -> None:
        await world.at_once([partial(one, at) for at in times])

    world.run("asyncio", script)
    return got


def struck(begin: float, end: float, trouble: Callable[[], Step]) -> Callable[[Sent], Step]:
    """Well, but for a while."""
    return lambda sent: trouble() if begin <= sent.at - START < end else ok(0.05)


def all_away(seconds: float, trouble: Callable[[], Step], *, alone: bool, limits: Deadline, seed: int) -> list[float]:
    """Both away for so long: (answered, could be, requests, calls)."""
    world, draw = World(), random.Random(seed)
    for provider in (world.primary, world.backup):
        provider.follows(struck(2, 2 + seconds, trouble))
    pipeline = Pipeline.default(
        limits, Fallback([] if alone else [target()]), CircuitBreaker(patience=DEADLINE), isolated=True
    )
    got = play(world, pipeline, by_chance(12, 6 + seconds, draw))
    bad = [one for one in got if START + 2 <= one.at < START + 2 + seconds]
    able = [one for one in bad if one.at + DEADLINE >= START + 2 + seconds + 1]
    requests = world.primary.count + world.backup.count
    return [sum(one.failure is None for one in able), len(able), requests, len(got)]


def all_away_table(runs: int) -> None:
    """Every target."""
    print(f"all targets away and back, 12 calls a second, {DEADLINE:g} s each, patience; {runs} runs")
    print(f"{'':44}{'answered of those that could be':>33}{'requests a call':>17}")
    troubles: dict[str, tuple[Callable[[], Step], Deadline]] = {
        "answer 503": (lambda: fails(FailureKind.OVERLOADED, 0.01, status=503), Deadline(total=DEADLINE)),
        "mute": (mute, Deadline(total=DEADLINE)),
        "mute, first_byte=2": (mute, Deadline(total=DEADLINE, first_byte=2)),
    }
    for name, (trouble, limits) in troubles.items():
        for alone in (False, True):
            for seconds in (3.0, 7.0):
                found = [all_away(seconds, trouble, alone=alone, limits=limits, seed=seed) for seed in range(runs)]
                shares = [one[0] / one[1] for one in found]
                costs = [one[2] / one[3] for one in found]
                told = f"{name} for {seconds:g} s, {'one target' if alone else 'two'}"
                print(
                    f"{told:44}{f'{sum(shares) / runs:.1%}, worst {min(shares):.1%}':>33}"
                    f"{f'{sum(costs) / runs:.2f}, worst {max(costs):.2f}':>17}",
                    flush=True,
                )


def small_fallback_table() -> None:
    """Room for a fifth."""
    print(f"\na primary that answers 503, a fallback for a fifth of {RATE:g} calls a second, 2 s each")
    print(
        f"{'':14}{'used again':>12}{'refused after':>15}{'probes':>8}   requests a second at the primary from then on"
    )
    for seconds in (6.0, 30.0, 60.0):
        world, draw = World(), random.Random(1)
        well = START + 2 + seconds
        world.primary.follows(struck(2, 2 + seconds, lambda: fails(FailureKind.OVERLOADED, 0.02, status=503)))
        world.backup.follows(lambda _: ok(0.05))
        small = Target("backup:*", base_url="https://backup", api_key="sk", requests_per_minute=int(12 * RATE))
        pipeline = Pipeline.default(Deadline(total=2), Fallback([small]), isolated=True)
        got = play(world, pipeline, by_chance(RATE, seconds + 32, draw))
        back = [sent.at for sent in world.primary.seen if sent.at >= well]
        late = sum(one.failure is not None and one.at >= well for one in got)
        probes = sum(START + 4 <= sent.at < well for sent in world.primary.seen)
        rates = " ".join(str(sum(n <= at - back[0] < n + 1 for at in back)) for n in range(8))
        print(f"after {f'{seconds:g} s':8}{f'{back[0] - well:.1f} s':>12}{late:15}{probes:8}   {rates}", flush=True)


def limited_table() -> None:
    """A 429 for everything."""
    print("\na key that is limited for 20 s, 10 calls a second, a fallback that is not: requests a call")
    for told in (None, 1.0, 20.0):
        costs: list[float] = []
        for bunch in (1, 5):
            world, draw = World(), random.Random(2)
            limited = partial(fails, FailureKind.RATE_LIMITED, 0.05, status=429, retry_after=told)
            world.primary.follows(struck(1, 60, limited))
            world.backup.follows(lambda _: ok(0.05))
            pipeline = Pipeline.default(Fallback([target()]), isolated=True)
            times = [START + 1 + (n // bunch) * bunch / 10 + 0.001 * draw.random() for n in range(200)]
            got = play(world, pipeline, sorted(times))
            costs.append((world.primary.count + world.backup.count) / len(got))
        name = "not told for how long" if told is None else f"Retry-After: {told:g}"
        print(f"{name:24} evenly {costs[0]:.3f}; five at a time {costs[1]:.3f}", flush=True)


def main() -> None:
    """Print all."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with forgotten():
        all_away_table(runs)
        small_fallback_table()
        limited_table()


if __name__ == "__main__":
    main()
